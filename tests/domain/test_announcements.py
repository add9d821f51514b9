"""Planned maintenance covers its systems and components, from its start to the second before its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.announcements import Maintenance, MaintenanceStatus, covering

START = datetime(2026, 11, 24, 22, tzinfo=UTC)
END = START + timedelta(hours=2)
SECOND = timedelta(seconds=1)
WORK = Maintenance(
    id="m", title="", body="", starts_at=START, ends_at=END, systems=("PBX-1", "PBX-2"), components=("cloud",)
)


@pytest.mark.parametrize(
    ("at", "covered"),
    [(START - SECOND, False), (START, True), (START + SECOND, True), (END - SECOND, True), (END, False)],
    ids=["before", "at its start", "in it", "a second before its end", "at its end"],
)
def test_w13_maintenance_is_half_open(at, covered):
    assert WORK.covers(system="PBX-1", component=None, at=at) is covered


@pytest.mark.parametrize(
    ("system", "component", "covered"),
    [
        ("PBX-1", None, True),
        ("PBX-2", "other", True),
        ("PBX-3", "cloud", True),
        (None, "cloud", True),
        ("PBX-3", None, False),
        (None, "PBX-1", False),
        ("cloud", None, False),
        (None, None, False),
    ],
)
def test_w13_maintenance_covers_what_it_names(system, component, covered):
    assert WORK.covers(system=system, component=component, at=START) is covered


@pytest.mark.parametrize("status", MaintenanceStatus)
def test_w13_finished_and_cancelled_work_covers_nothing(status):
    counts = status in (MaintenanceStatus.SCHEDULED, MaintenanceStatus.IN_PROGRESS)
    assert replace(WORK, status=status).covers(system="PBX-1", component=None, at=START) is counts


def test_the_first_that_covers_is_named():
    other = replace(WORK, id="other", systems=("PBX-9",), components=())
    cancelled = replace(WORK, id="cancelled", status=MaintenanceStatus.CANCELLED)
    later = replace(WORK, id="later")
    found = covering([other, cancelled, WORK, later], system="PBX-1", component=None, at=START)
    assert found is WORK
    assert covering([other, cancelled], system="PBX-1", component=None, at=START) is None
