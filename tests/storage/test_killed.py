"""Kill -9 and the order of system calls: what was acknowledged is there, and was on the disk first."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.storage.engine import open_store
from tests.requirements import require
from tests.storage.test_engine import noted

ROOT = Path(__file__).parents[2]


def _victim(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.storage.victim", *arguments]


async def _after_restart(url: str) -> set[str]:
    async with open_store(url) as store:
        return set(await store.read(noted))


@pytest.mark.parametrize("lines", [1, 500])
async def test_every_acknowledged_row_survives_kill_9(database_url: str, lines: int) -> None:
    process = subprocess.Popen(_victim(database_url), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(lines)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.read().split("\n")[:-1]  # what it had said before it died
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    kept = await _after_restart(database_url)
    assert len(acknowledged) >= lines
    assert set(acknowledged) <= kept


@pytest.mark.parametrize("nth", [1, 20])
@pytest.mark.parametrize("point", ["store.before_commit", "store.after_commit"])
async def test_killed_around_a_commit_only_what_was_not_acknowledged_is_open(
    sqlite_url: str, point: str, nth: int
) -> None:
    done = subprocess.run(
        _victim(sqlite_url, point, str(nth)), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    acknowledged = set(done.stdout.split())
    kept = await _after_restart(sqlite_url)
    assert acknowledged <= kept
    unsaid = kept - acknowledged
    assert bool(unsaid) or point == "store.before_commit", "after the commit the rows are there, if unsaid"
    assert len(unsaid) <= 32, "at most what was in flight: the batch, and an answer on its way"


def test_no_answer_is_given_before_the_disk_has_it(sqlite_url: str, tmp_path: Path) -> None:
    """Read it off the system calls: between two answers of a lone writer there is an fdatasync that returned 0."""
    strace = require("strace", "that an fsync comes before the answer is read off the system calls")
    log = tmp_path / "calls"
    traced = [strace, "-f", "-o", str(log), "-e", "trace=fdatasync,fsync,write", "-e", "signal=none"]
    subprocess.run(
        [*traced, *_victim(sqlite_url, "store.before_commit", "21", "1")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    calls = log.read_text()
    require("ptrace", "strace may trace here", how="run with CAP_SYS_PTRACE", found="write(1" in calls)
    steps = re.findall(
        r"(write\(1, \"0-\d+)|(f(?:data)?sync\(\d+\)\s+= 0|<\.\.\. f(?:data)?sync resumed>\)\s+= 0)", calls
    )
    order = "".join("A" if answer else "s" for answer, _ in steps)
    assert order.count("A") == 20
    assert re.fullmatch(r"(s+A){20}s*", order), order
