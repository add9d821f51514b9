"""Which tests a run without arguments leaves to the long run: the same story once more, on another database or far end.

The whole suite must be quick enough to be run before every commit. What is only a repetition is therefore sampled, always
the same sample: of a story's run on PostgreSQL one in ``DATABASES``, of a marked test one in the number of its mark
(``@pytest.mark.sampled(4)``). With ``turns=True`` it is another sample for each commit, and after as many of them all were
run: which one is told at the top, and ``TOCSIN_SAMPLED_TESTS=TURN`` runs it again. Whoever names a file or a test gets all of it; ``--everything`` (part of ``make soak``)
runs all there is. Storage's own tests always run on both databases.
"""

import os
import shutil
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

SAMPLED = "TOCSIN_SAMPLED_TESTS"
DATABASES = 6
STORIES = ("tests/acceptance/", "tests/tickets/", "tests/web/")


def configure(config: pytest.Config) -> None:
    """Decide in the first process, before there are others, whether this run is sampled; they inherit it."""
    if hasattr(config, "workerinput"):
        return
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if whole and not config.getoption("--everything"):
        os.environ.setdefault(SAMPLED, turn())
    else:
        os.environ.pop(SAMPLED, None)


def turn() -> str:
    """Return whose turn it is: how many commits there are; 0 where that is not known."""
    git = shutil.which("git")
    if git is None:
        return "0"
    counted = subprocess.run(
        [git, "rev-list", "--count", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return counted.stdout.strip() or "0"


def told() -> str | None:
    """Say that what runs is a sample, and which."""
    sampled = os.environ.get(SAMPLED)
    return f"a sample of the long runs, turn {sampled}; --everything runs all" if sampled else None


def left_out(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that are left to the long run."""
    if not os.environ.get(SAMPLED):
        return []
    return [item for item in items if (zlib.crc32(item.nodeid.encode()) + _turn(item)) % one_in(item)]


def _turn(item: pytest.Item) -> int:
    mark = item.get_closest_marker("sampled")
    return int(os.environ[SAMPLED]) if mark is not None and mark.kwargs.get("turns") else 0


def one_in(item: pytest.Item) -> int:
    """Return of how many such tests one is run."""
    mark = item.get_closest_marker("sampled")
    if mark is not None:
        return int(mark.args[0])
    again = getattr(item, "callspec", None)
    second = again is not None and again.params.get("dialect") == "postgresql"
    return DATABASES if second and item.nodeid.startswith(STORIES) else 1
