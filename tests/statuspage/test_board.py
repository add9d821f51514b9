from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.day_columns import LEAST, TALL
from monitor.domain.inventory import Component
from monitor.storage.public import PublicMaintenance, PublicProblem, PublicRecord, PublicUpdate, StateChange
from statuspage.bars import bars
from statuspage.board import build
from statuspage.rollup import SEVERITY, rollup
from statuspage.uptime import Tally, last_days
from statuspage.views import Site
from tests.statuspage.seeds import NOW, ago

SITE = Site(
    components=(Component(id="a", name="Alpha", group="G"), Component(id="b", name="Beta", group="G"))
)
WELL = tuple(StateChange(component=c, status="operational", at=ago(days=100)) for c in "ab")


def a_record(*changes, looked=0, **kw):
    found = (*WELL, *(StateChange(component=c, status=s, at=ago(minutes=m)) for c, s, m in changes))
    return PublicRecord(changes=found, looked_at=None if looked is None else ago(minutes=looked), **kw)


def a_problem(state="investigating", impact="critical", components=("a",), due=None, **kw):
    update = PublicUpdate(id="u", status=state, body="", at=ago(minutes=5), next_update_at=due)
    values = {"id": "p", "title": "Trouble", "state": state, "impact": impact, "opened_at": ago(minutes=30)}
    return PublicProblem(**(values | {"components": components, "updates": (update,)} | kw))


def a_work(status="scheduled", starts=10, ends=-10, components=("a",)):
    times = {"starts_at": ago(minutes=starts), "ends_at": ago(minutes=ends)}
    return PublicMaintenance(
        id="m", title="Work", body="", status=status, created_at=ago(days=1), updated_at=ago(days=1),
        components=components, **times,
    )  # fmt: skip


M, P, D, O, U, W = (
    "major_outage", "partial_outage", "degraded_performance", "operational", "unknown", "under_maintenance",
)  # fmt: skip


@pytest.mark.parametrize(
    ("leaves", "indicator", "text"),
    [
        ([O, O], "none", "All Systems Operational"),
        ([M, M], "critical", "Major System Outage"),
        ([M, O], "major", "Partial System Outage"),
        ([P, P], "major", "Partial System Outage"),
        ([P, O], "minor", "Minor Service Outage"),
        ([D, D], "minor", "Degraded System Service"),
        ([D, W, O], "minor", "Partially Degraded Service"),
        ([W, O], "maintenance", "Service Under Maintenance"),
        ([U, O, O], "minor", "Status unknown for 1 of 3 components"),
        ([U, M], "critical", "Major System Outage"),
        ([], "minor", "Nothing is watched yet"),
    ],
)
def test_the_roll_up_follows_the_table(leaves, indicator, text):
    assert (rollup(leaves).indicator, rollup(leaves).text) == (indicator, text)


@given(st.lists(st.sampled_from(sorted(SEVERITY)), max_size=6))
def test_all_is_said_to_be_well_only_when_every_leaf_is_well(leaves):
    assert (rollup(leaves).indicator == "none") == (bool(leaves) and set(leaves) == {O})


@pytest.mark.parametrize("looked", [5.1, 12, 60 * 24 * 3, None])
def test_stale_data_is_never_green(looked):
    board = build(a_record(looked=looked), SITE, NOW)
    assert board.stale
    assert board.summary.text.startswith("Status unknown")
    assert {line.status for line in board.lines} == {U}
    assert board.summary.indicator != "none"


def test_stale_data_says_how_old_it_is_and_what_was_last_known():
    board = build(a_record(("a", M, 100), looked=12), SITE, NOW)
    assert board.summary.text == "Status unknown: our own data is 12 minutes old"
    assert [line.last_known for line in board.lines] == [M, O]


def test_data_within_the_limit_is_fresh():
    assert build(a_record(looked=5), SITE, NOW).summary.text == "All Systems Operational"


def test_an_open_problem_speaks_for_a_component_the_checks_still_find_well():
    board = build(a_record(problems=(a_problem(),)), SITE, NOW)
    assert [line.status for line in board.lines] == [M, O]
    assert board.lines[0].since == ago(minutes=30)
    assert board.summary.text == "Partial System Outage"


def test_what_was_measured_is_not_overruled_by_the_impact_of_the_whole_problem():
    board = build(a_record(("a", P, 20), problems=(a_problem(),)), SITE, NOW)
    assert (board.lines[0].status, board.lines[0].problem) == (P, "p")


@pytest.mark.parametrize("state", ["monitoring", "resolved", "postmortem"])
def test_a_problem_that_is_fixed_no_longer_speaks_for_its_components(state):
    assert build(a_record(problems=(a_problem(state),)), SITE, NOW).lines[0].status == O


def test_a_promised_update_that_is_late_is_called_overdue():
    early, late = NOW + timedelta(minutes=1), ago(minutes=1)
    assert not build(a_record(problems=(a_problem(due=early),)), SITE, NOW).problems[0].overdue
    assert build(a_record(problems=(a_problem(due=late),)), SITE, NOW).problems[0].overdue


@pytest.mark.parametrize(
    ("work", "status", "line", "overrun"),
    [
        (a_work(), "in_progress", W, False),
        (a_work(starts=-5, ends=-10), "scheduled", O, False),
        (a_work(starts=20, ends=10), "completed", O, False),
        (a_work("in_progress", starts=20, ends=10), "in_progress", W, True),
        (a_work("cancelled"), "cancelled", O, False),
    ],
    ids=["begun by the clock", "ahead", "over by the clock", "overrunning", "cancelled"],
)
def test_works_follow_the_clock_where_nobody_moved_them_on(work, status, line, overrun):
    board = build(a_record(maintenances=(work,)), SITE, NOW)
    assert (board.works[0].status, board.lines[0].status, board.works[0].overrun) == (status, line, overrun)


def test_a_group_with_something_unwell_opens_itself():
    many = tuple(Component(id=str(n), name=str(n), group="AB"[n % 2]) for n in range(12))
    well = tuple(StateChange(component=c.id, status=O, at=ago(days=9)) for c in many)
    record = PublicRecord(
        changes=(*well, StateChange(component="1", status=D, at=ago(minutes=3))), looked_at=NOW
    )
    board = build(record, replace(SITE, components=many), NOW)
    assert [(g.name, g.open, g.well) for g in board.groups] == [("A", False, 6), ("B", True, 5)]


def test_ids_that_are_no_component_of_the_page_are_not_named():
    board = build(a_record(problems=(a_problem(components=("a", "secret-system")),)), SITE, NOW)
    assert board.problems[0].names == ("Alpha",)


@given(st.dictionaries(st.sampled_from(sorted(SEVERITY)), st.integers(1, 90_000), min_size=1))
def test_every_unwell_part_of_a_day_is_visible_and_fits_the_bar(seconds):
    days = last_days(NOW, SITE.tz, 1)
    drawn = bars(days, [Tally({key: float(value) for key, value in seconds.items()})])
    bad = set(seconds) - {O}
    pieces = [piece for column in drawn.columns for piece in column.pieces]
    assert len(pieces) == len(bad)
    assert all(piece.height >= LEAST for piece in pieces)
    assert sum(piece.height for piece in pieces) <= TALL


def test_a_component_without_any_record_has_no_data_and_no_uptime():
    board = build(PublicRecord(looked_at=NOW), SITE, NOW)
    assert {line.uptime for line in board.lines} == {None}
    assert [len(line.bars.columns) for line in board.lines] == [1, 1]
    assert board.summary.text == "Status unknown for 2 of 2 components"
