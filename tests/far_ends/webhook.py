"""The receiver of docs/channels/webhook.md: the very text of the manual, run in a thread."""

import os
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "channels" / "webhook.md"


@dataclass
class Receiver:
    """The receiver: its address, and its names (``TICKETS`` …)."""

    url: str
    names: dict[str, Any]


def shown() -> str:
    """Return the program that the manual shows."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@asynccontextmanager
async def a_receiver(secret: str) -> AsyncIterator[Receiver]:
    """Run it on a free port."""
    names: dict[str, Any] = {"__name__": "receiver"}
    os.environ["SECRET"] = secret
    try:
        exec(compile(shown(), str(PAGE), "exec"), names)
    finally:
        del os.environ["SECRET"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="receiver")
    thread.start()
    try:
        yield Receiver(url=f"http://127.0.0.1:{server.server_address[1]}{names['PATH']}", names=names)
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
