"""Put the ledger under fire in a process of its own (``tests.crash.books`` forks, so it starts clean)."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.crash.harness import ROOT


async def books(url: str, *, operations: int, seed: int, workers: int, tree: Path = ROOT) -> dict[str, Any]:
    """Run a plan over the sources of ``tree``; return what came of it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.books", url),
        *("--operations", str(operations), "--seed", str(seed), "--workers", str(workers)),
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    found: dict[str, Any] = json.loads(said)
    return found
