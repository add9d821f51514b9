"""A day minute by minute, and the services by region."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.inventory import Component
from monitor.storage.public import PublicRecord, StateChange
from statuspage.board import build
from statuspage.months import LEAST_MINUTES, months_of
from statuspage.rollup import SEVERITY
from statuspage.views import Site
from statuspage.when import hours
from tests.statuspage import seeds
from tests.statuspage.test_board import SITE, a_record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHANGES = st.lists(
    st.tuples(st.integers(0, 3 * 1440), st.sampled_from(sorted(SEVERITY))), max_size=10, unique_by=lambda c: c[0]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_a_days_parts_are_what_asking_each_minute_finds(found):
    start = NOON - timedelta(days=3)
    changes = [StateChange(component="a", status="operational", at=start - timedelta(days=9))]
    changes += [
        StateChange(component="a", status=s, at=start + timedelta(minutes=m)) for m, s in sorted(found)
    ]
    record = PublicRecord(changes=tuple(changes), looked_at=NOON)
    board = build(record, Site(components=(Component(id="a", name="A"),)), NOON)
    for story in [story for month in months_of(board) for story in month.days[:]]:
        begins = datetime(story.day.year, story.day.month, story.day.day, tzinfo=UTC)
        if begins < start - timedelta(days=1):
            continue
        asked = {}
        for minute in range(1440):
            at = begins + timedelta(minutes=minute)
            if at < NOON:
                status = [c.status for c in changes if c.at <= at][-1]
                asked[status] = asked.get(status, 0) + 1
        told = {}
        for strip in story.strips:
            for part in strip.parts:
                told[part.status] = told.get(part.status, 0) + part.minutes
                assert part.width >= LEAST_MINUTES
                assert 0 <= part.left <= strip.length - part.width
        well = asked.pop("operational", 0)
        if story.black:
            told["unknown"] = sum(asked.values()) + well
        assert told == asked


def test_two_minutes_are_seen_and_a_day_of_25_hours_has_its_hour():
    zone = Site(zone="Europe/Rome", components=SITE.components)
    before = datetime(2026, 10, 25, 23, 58, tzinfo=UTC) - timedelta(days=1)
    changes = (
        *a_record().changes,
        StateChange(component="a", status="major_outage", at=before + timedelta(hours=12)),
        StateChange(component="a", status="operational", at=before + timedelta(hours=12, minutes=2)),
    )
    board = build(PublicRecord(changes=changes, looked_at=seeds.NOW), zone, seeds.NOW)
    stories = [story for month in months_of(board) for story in month.days if story.strips]
    (strip,) = stories[0].strips
    assert (stories[0].day.day, strip.length, strip.usual) == (25, 1500, False)
    (part,) = strip.parts
    assert (part.minutes, part.width) == (2, LEAST_MINUTES)


def test_quiet_days_are_one_run_and_every_day_of_the_bars_is_told():
    board = build(seeds.read(seeds.trouble()), seeds.SITE, seeds.NOW)
    months = months_of(board)
    assert [story.day for month in months for story in month.days] == [*reversed(board.days)]
    runs = months[0].runs
    assert [len(run) for run in runs][:2] == [1, 2]
    assert all(len(run) == 1 or all(story.quiet for story in run) for run in runs)


def test_the_end_of_a_day_is_midnight_of_that_day():
    rome = seeds.SITE.tz
    late = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert hours(late, late + timedelta(minutes=30), rome) == "23:30 – 24:00 CET"  # noqa: RUF001
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert hours(night, night + timedelta(hours=1), rome) == "02:30 CEST – 02:30 CET"  # noqa: RUF001


def test_services_are_laid_against_regions_and_what_has_none_goes_last():
    board = build(seeds.read(seeds.trouble()), seeds.SITE, seeds.NOW)
    assert board.matrix.regions == ("EU", "US", "AP", "")
    assert {row.name: row.cells for row in board.matrix.rows} == {
        "Cloud": ("major_outage", "operational", "operational", None),
        "Calls": ("partial_outage", "operational", None, "operational"),
    }


def test_one_region_is_no_matrix():
    parts = tuple(replace(part, region="EU") for part in SITE.components)
    assert build(a_record(), replace(SITE, components=parts), seeds.NOW).matrix is None
