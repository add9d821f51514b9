"""How a run on several processes is shared out: a file at a time to whoever is free, what takes long first.

A file stays together, so that what its tests share (a browser, a ticket system, a PBX) is started once. What is long comes
first, so that at the end no process works on alone.
"""

import re
import zlib
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
_ASKS = re.compile(r"def \w+\([^)]*\bchromium\b")
FORKED = ("tests/crash/test_killed.py", "tests/crash/test_points.py", "tests/crash/test_together.py")
"""Tests that share a fork server, which first lives through every story."""
BROWSER = "tests/web/test_browser.py"
"""The first of the files that look through one Chromium (``tests/browser.py``): whatever asks for it is with this one."""
TICKETS = (
    "tests/alerts/tickets/test_conformance.py",
    "tests/alerts/tickets/test_peculiarities.py",
    "tests/alerts/test_every_channel.py",
    "tests/alerts/test_request_tracker.py",
    "tests/alerts/test_request_tracker_synced.py",
    "tests/tickets/test_every_system.py",
    "tests/tickets/test_real.py",
)
"""Tests that need a real Request Tracker or Redmine (``tests/far_ends``), each of which takes seconds to start."""
MANY = "::test_killed_at_a_point_"
LONG = (
    *FORKED,
    BROWSER,
    *TICKETS,
    "tests/acceptance/test_an_hour_without.py",
    "tests/storage/test_migrate.py",
    "tests/web/test_hostile.py",
    "tests/acceptance/test_storms.py",
    "tests/acceptance/test_demo.py",
    "tests/acceptance/test_sip_calls.py",
    "tests/dumps/test_story.py",
    "tests/crash/",
    "tests/tickets/",
    "tests/web/test_api.py",
    "tests/power/",
    "tests/packaging/",
    "tests/storage/",
    "tests/web/",
    "tests/acceptance/",
    "tests/intake/",
    "tests/alerts/",
)
"""What takes long in a whole run, the longest first; ``--durations=100`` tells."""


class Shared(LoadScopeScheduling):
    """Give each process a file, and the next one when it is nearly through."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """Return what a test stays together with: its file, all that share something slow, or half of the fork server's (all is too long)."""
    file = nodeid.partition("::")[0]
    if file in TICKETS:
        return TICKETS[0]
    if looks_through_the_browser(file):
        return BROWSER
    if file not in FORKED:
        return file
    return f"tests/crash/{zlib.crc32(nodeid.encode()) % 2 if MANY in nodeid else 0}"


def turn(nodeid: str) -> int:
    """Return when a test's turn comes: the lower, the earlier."""
    return _turn(nodeid.partition("::")[0])


@cache
def _turn(file: str) -> int:
    file = BROWSER if looks_through_the_browser(file) else file
    return next((turn for turn, long in enumerate(LONG) if file.startswith(long)), len(LONG))


@cache
def looks_through_the_browser(file: str) -> bool:
    """Whether a file of tests asks for the one Chromium; found in its text, so that nobody has to write it down."""
    path = ROOT / file
    return path.is_file() and _ASKS.search(path.read_text()) is not None
