"""Tests are shared out by file, and every name in the list of the long ones is still there."""

import re
from pathlib import Path

import pytest

from tests.crash.points import POINTS
from tests.scheduling import BROWSER, FORKED, LONG, MANY, TICKETS, turn, unit

ROOT = Path(__file__).parents[1]


def test_a_file_stays_together():
    file = "tests/web/test_api.py"
    assert unit(f"{file}::test_one[a::b]") == unit(f"{file}::test_two") == file


def test_what_needs_the_fork_server_is_two_halves():
    assert f"def {MANY.removeprefix('::')}" in (ROOT / FORKED[0]).read_text()
    points = [f"{FORKED[0]}{MANY}nothing_is_lost[{point}]" for point in POINTS]
    halves = [unit(point) for point in points]
    assert len(points) * 0.3 < halves.count("tests/crash/0") < len(points) * 0.7
    assert {*halves, *(unit(f"{file}::test_other") for file in FORKED)} == {"tests/crash/0", "tests/crash/1"}


def test_what_looks_through_the_browser_is_together():
    files = [str(file.relative_to(ROOT)) for file in ROOT.glob("tests/**/test_*.py")]
    looking = {file for file in files if unit(f"{file}::test_one") == BROWSER}
    assert looking >= {
        BROWSER,
        "tests/statuspage/test_browser.py",
        "tests/acceptance/test_a_night_at_the_console.py",
    }
    assert not looking_elsewhere(set(files) - looking)
    assert len({turn(f"{file}::test_one") for file in looking}) == 1


def looking_elsewhere(files):
    """Return which files start a Chromium of their own."""
    return {file for file in files if "chromium.launch" in (ROOT / file).read_text()} - {
        "tests/test_scheduling.py"
    }


def test_what_needs_a_real_ticket_system_is_together():
    needs = re.compile(r"def \w+\([^)]*\b(tracker|end)\b|\ban_end\(")
    files = [*ROOT.glob("tests/alerts/**/test_*.py"), *ROOT.glob("tests/tickets/**/test_*.py")]
    assert {str(file.relative_to(ROOT)) for file in files if needs.search(file.read_text())} == set(TICKETS)
    assert len({unit(f"{file}::test_one") for file in TICKETS}) == 1


def test_what_is_long_comes_first():
    assert turn("tests/storage/test_migrate.py::test_one") < turn("tests/storage/test_engine.py::test_one")
    assert turn("tests/storage/test_engine.py::test_one") < turn("tests/domain/test_clocks.py::test_one")


@pytest.mark.parametrize("long", LONG)
def test_what_is_long_is_there(long):
    assert (ROOT / long).exists()
