"""The supervision of the SIP process: whatever it does, it is seen off and started again, and never in a hot loop."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from alerts import sip_child
from alerts.sip_child import ChildAwayError, Message, SipChild

READY = 'print(\'{"is": "ready"}\', flush=True)\n'
ECHO = "import sys\n" + READY + "for line in sys.stdin: print(line, end='', flush=True)\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_child, "STOP_PATIENCE", 1.0)


@asynccontextmanager
async def a_child(script: str) -> AsyncIterator[tuple[SipChild, list[Message], list[str]]]:
    heard: list[Message] = []
    deaths: list[str] = []

    def on_message(message: Message) -> None:
        if message["is"] == "nonsense":
            raise KeyError("call")
        heard.append(message)

    child = SipChild(
        {"is": "order"}, on_message=on_message, on_death=deaths.append, argv=(sys.executable, "-c", script)
    )
    keeper = asyncio.create_task(child.run())
    try:
        yield child, heard, deaths
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def until(true) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_process_that_says_nonsense_goes_on_being_heard() -> None:
    said = [b"no json", b"[1]", b'{"is": "nonsense"}', b"\\xff\\xfe", b"", b'{"is": "line", "up": true}']
    script = (
        READY
        + "import sys, time\n"
        + "".join(f"sys.stdout.buffer.write({line!r} + b'\\n')\n" for line in said)
    )
    async with a_child(script + "sys.stdout.flush()\ntime.sleep(60)\n") as (child, heard, deaths):
        await until(lambda: heard)
        assert heard == [{"is": "line", "up": True}]
        assert child.ready.is_set()
        assert deaths == []


async def test_a_line_without_an_end_is_the_end_of_the_process_and_not_of_its_supervision() -> None:
    endless = READY + "import sys\nwhile True: sys.stdout.write('x' * 65536)\n"
    async with a_child(endless) as (child, _, deaths):
        await until(lambda: len(deaths) >= 2)
        assert child.why.startswith("the SIP process stopped: ")


async def test_a_process_that_cannot_start_is_tried_again_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sip_child, "PAUSES", (0.1, 0.3, 60.0))
    async with a_child("import sys\nsys.exit('there is no such address')\n") as (child, _, deaths):
        await until(lambda: len(deaths) >= 3)
        await asyncio.sleep(0.3)
        assert deaths == ["the SIP process stopped: there is no such address"] * 3
        with pytest.raises(ChildAwayError, match="no such address"):
            child.send("dial")


async def test_a_process_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_child, "PING_PATIENCE", 0.2)
    deaf = READY + "import time\ntime.sleep(60)\n"
    async with a_child(deaf) as (child, _, deaths):
        await until(child.ready.is_set)
        first = child.pid
        await until(lambda: deaths)
        await until(lambda: child.pid not in {None, first})


async def test_orders_go_in_and_messages_come_out_and_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    script = "import os\nassert 'SECRET' not in os.environ\n" + ECHO
    async with a_child(script) as (child, heard, deaths):
        await until(child.ready.is_set)
        child.send("play", call="1")
        await until(lambda: len(heard) >= 1)
        assert heard[0] == {"is": "order"}
        assert deaths == []


async def test_stopping_ends_it_in_order(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    script = ECHO + f"open({str(ended)!r}, 'w').write('calls are over')\n"
    async with a_child(script) as (child, _, _):
        await until(child.ready.is_set)
        pid = child.pid
    assert ended.read_text() == "calls are over"
    assert not Path(f"/proc/{pid}").exists()
