"""Which tests a run without arguments leaves to the long run: the same story once more, on another database or far end.

The whole suite must be quick enough to be run before every commit. What is only a repetition is therefore sampled, always
the same sample: of a story's run on PostgreSQL one in ``DATABASES``, of a marked test one in the number of its mark
(``@pytest.mark.sampled(4)``). Whoever names a file or a test gets all of it; ``--everything`` (part of ``make soak``)
runs all there is. Storage's own tests always run on both databases.
"""

import os
import zlib
from collections.abc import Iterable

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
        os.environ[SAMPLED] = "1"
    else:
        os.environ.pop(SAMPLED, None)


def left_out(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that are left to the long run."""
    if not os.environ.get(SAMPLED):
        return []
    return [item for item in items if zlib.crc32(item.nodeid.encode()) % one_in(item)]


def one_in(item: pytest.Item) -> int:
    """Return of how many such tests one is run."""
    mark = item.get_closest_marker("sampled")
    if mark is not None:
        return int(mark.args[0])
    again = getattr(item, "callspec", None)
    second = again is not None and again.params.get("dialect") == "postgresql"
    return DATABASES if second and item.nodeid.startswith(STORIES) else 1
