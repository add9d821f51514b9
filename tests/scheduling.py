"""How a run on several processes is shared out: a file at a time to whoever is free, what takes long first.

A file stays together, so that what its tests share (a browser, a ticket system, a PBX) is started once. What is long comes
first, so that at the end no process works on alone.
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/crash/",)
"""Folders that stay together as a file does: their tests share a fork server that has lived every story."""
LONG = (
    "tests/crash/",
    "tests/acceptance/test_an_hour_without.py",
    "tests/web/test_hostile.py",
    "tests/alerts/test_sip_lines.py",
    "tests/alerts/tickets/test_conformance.py",
    "tests/acceptance/test_sip_calls.py",
    "tests/power/",
    "tests/intake/",
    "tests/acceptance/test_storms.py",
    "tests/acceptance/test_no_secret_is_kept.py",
    "tests/acceptance/test_demo.py",
    "tests/storage/test_migrate.py",
    "tests/dumps/test_story.py",
    "tests/packaging/test_wheel.py",
    "tests/tickets/",
    "tests/web/test_browser.py",
    "tests/acceptance/",
    "tests/web/",
    "tests/alerts/",
)
"""What takes more than some ten seconds, the longest first; ``--durations=100`` tells."""


class Shared(LoadScopeScheduling):
    """Give each process a file, and the next one when it is nearly through."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """Return what a test stays together with."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def turn(nodeid: str) -> int:
    """Return when a test's turn comes: the lower, the earlier."""
    return next((turn for turn, long in enumerate(LONG) if nodeid.startswith(long)), len(LONG))
