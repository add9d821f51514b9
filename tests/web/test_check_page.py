"""One check over hours and days: a strip exact to the second, bars of how long its looks took, and the same in words and figures."""

import html
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.findings import Verdict
from monitor.domain.rollups import Cell
from monitor.domain.uptime import Span, State
from monitor.storage import history
from monitor.storage.history import Changed, Period, Result
from monitor.storage.people import Role
from monitor.web.check_graphs import HEIGHT, SEEN, SPANS, WIDTH, picture
from tests.web.seeds import NOW, a_check_state
from tests.web.test_incident_page import looked


def a_period(hours_ago, **changes):
    cell = {"length": 3600, "looks": 60, "least": 0.01, "mean": 0.02, "p95": 0.04, "most": 0.08} | changes
    return Period(start=NOW - timedelta(hours=hours_ago), cell=Cell(**cell))


def a_span(start, end, status=State.UP):
    return Span(start=NOW - start, end=NOW - end, status=status)


def test_a_two_minute_outage_in_ninety_days_is_seen_and_said():
    day, bad = timedelta(days=90), timedelta(days=40)
    held = [
        a_span(day, bad),
        a_span(bad, bad - timedelta(minutes=2), State.DOWN),
        a_span(bad - timedelta(minutes=2), timedelta()),
    ]
    drawn = picture("90d", held, (), (), NOW)
    (outage,) = [each for each in drawn.strips if each.state == State.DOWN]
    assert outage.width == SEEN
    assert outage.said == "down: 15 Oct 09:00:00 to 15 Oct 09:02:00 UTC, 2 min"
    assert "not well once for 2 min together, the longest 2 min from 15 Oct 09:00 UTC" in drawn.said
    assert drawn.uptime == pytest.approx(100 * (1 - 120 / day.total_seconds()))


def test_bars_go_from_the_quickest_to_the_slowest_look_with_a_tick_at_the_average():
    drawn = picture(
        "24h",
        [a_span(timedelta(days=1), timedelta())],
        (),
        [a_period(3), a_period(2, most=0.16), a_period(1, looks=0, most=0.0)],
        NOW,
    )
    first, second = drawn.bars
    assert drawn.top == "160 ms"
    assert second.y < first.y < first.mean < first.y + first.height <= HEIGHT
    assert second.said == "24 Nov 07:00 UTC: 60 looks, 10 ms to 160 ms, on average 20 ms"
    assert [line.most for line in drawn.lines] == ["", "160 ms", "80 ms"]
    assert "120 looks took 10 ms to 160 ms, on average 20 ms" in drawn.said


@given(
    st.lists(st.tuples(st.integers(-10_000, 200_000), st.sampled_from(list(Verdict)), st.floats(0, 60))),
    st.sampled_from(sorted(SPANS)),
    st.lists(st.integers(0, 24 * 90), unique=True),
)
def test_nothing_is_drawn_outside(looks, name, hours):
    results = [
        Result(at=NOW - timedelta(seconds=ago), verdict=verdict, seconds=seconds, detail="")
        for ago, verdict, seconds in looks
    ]
    drawn = picture(
        name,
        [a_span(SPANS[name], timedelta(), State.UNKNOWN)],
        results,
        [a_period(each) for each in sorted(hours)],
        NOW,
    )
    for bar in drawn.bars:
        assert -0.1 <= bar.x <= WIDTH + 1
        assert bar.y >= 0
        assert bar.y + bar.height <= HEIGHT + 2.01
    assert drawn.uptime is None
    assert "nothing is known" in drawn.said


async def test_the_page_of_a_check_shows_three_hours_a_day_a_week_and_ninety_days(world):
    def past(connection):
        a_check_state(connection, detail="<b>408</b>")
        looked(connection, "pbx-1001-sip")
        at = NOW - timedelta(hours=2)
        changes = [
            Changed(check="pbx-1001-sip", at=at, state=State.UP, system="PBX-1001", component=None),
            Changed(
                check="pbx-1001-sip",
                at=at + timedelta(hours=1),
                state=State.DOWN,
                system="PBX-1001",
                component=None,
            ),
        ]
        history.put_changes(connection, changes, NOW)

    await world.seed(past)
    await world.log_in(role=Role.VIEWER)
    for span in (*SPANS, ""):
        answer = await world.client.get("/noc/checks/pbx-1001-sip" + (f"?span={span}" if span else ""))
        text = await answer.text()
        assert answer.status == 200, text
        said = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))
        assert "not well once for 1 h together" in said
        assert "<b>408" not in text
        assert 'class="state-down"' in text
    assert (await world.client.get("/noc/checks/nothing")).status == 404
    assert (await world.client.get("/noc/checks/pbx-1001-sip?span=1y")).status == 422
    assert '/noc/checks/pbx-1001-sip"' in await (await world.client.get("/noc/checks")).text()
