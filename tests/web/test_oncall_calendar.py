"""The rota as a calendar: days as long as they are, layers, gaps and double cover in words, a span picked, a feed of one's own."""

import csv
import html
import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.duty_layers import laid, of_person, on_two
from monitor.domain.inventory import Engineer, OnCall
from monitor.domain.rota import Rotation, Shift
from monitor.storage.people import Role
from monitor.web.oncall_calendar import WIDTH, days, instant_of, span_of
from monitor.web.parts import PARTS
from tests.web.seeds import NOW

MIRA = Engineer(id="mira", name="Mira Novak", user="nora", zone="America/New_York")
LARS = Engineer(id="lars", name="Lars <Holm>")
ROME = Rotation(
    name="day", zone="Europe/Rome", anchor=datetime(2026, 10, 5, 9), every=7 * 86_400, order=("mira", "lars")
)


def a_rota(**changes):
    given = {"engineers": {"mira": MIRA, "lars": LARS}, "rotations": (ROME,)} | changes
    return OnCall(**given)


@pytest.fixture
async def rota(world):
    world.configured = replace(world.configured, on_call=a_rota())
    await world.app[PARTS].registering.refresh()
    return world


async def text_of(world, path, status=200):
    answer = await world.client.get(path)
    text = await answer.text()
    assert answer.status == status, text
    return text


def plain(text):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def test_a_day_of_a_change_of_the_clocks_is_drawn_over_its_25_hours_and_09_00_stays_09_00():
    first, after = span_of("week", date(2026, 10, 25), NOW, "Europe/Rome")
    assert (first, after) == (date(2026, 10, 19), date(2026, 10, 26))
    on_call = a_rota(rotations=(replace(ROME, every=86_400),))
    found = laid(on_call, "day", instant_of(first, "Europe/Rome"), instant_of(after, "Europe/Rome"))
    week = days(found, on_call, first, after, "Europe/Rome", NOW)
    sunday, saturday = week[6], week[5]
    assert sunday.note == "the clocks change: 25 hours"
    assert sunday.rows[-1].blocks[1].x == round(WIDTH * 10 / 25, 1)
    assert saturday.rows[-1].blocks[1].x == WIDTH * 9 / 24
    assert sunday.said[0].endswith("00:00\N{EN DASH}09:00")
    assert [round(sum(block.width for block in day.rows[-1].blocks)) for day in week] == [WIDTH] * 7


@given(
    st.dates(date(1971, 1, 1), date(2190, 1, 1)),
    st.sampled_from(["week", "month"]),
    st.sampled_from(["Europe/Rome", "America/Sao_Paulo", "Pacific/Apia", "UTC"]),
)
def test_what_is_shown_is_whole_weeks_that_hold_the_day(day, view, zone):
    first, after = span_of(view, day, NOW, zone)
    assert first <= day < after
    assert first.weekday() == after.weekday() == 0
    assert instant_of(first, zone) < instant_of(after, zone)


def test_layers_gaps_and_double_cover_are_told():
    start = datetime(2026, 10, 5, tzinfo=UTC)
    hour = timedelta(hours=1)
    listed = (
        Shift(engineer="mira", start=start + 30 * hour, end=start + 40 * hour, rotation="night"),
        Shift(engineer="lars", start=start + 36 * hour, end=start + 44 * hour, rotation="night"),
    )
    on_call = a_rota(rotations=(ROME, Rotation(name="night")), shifts=listed)
    day, night = (laid(on_call, name, start, start + 48 * hour) for name in ("day", "night"))
    assert [layer.name for layer in day.layers] == ["rotation"]
    assert [(gap.start, gap.end) for gap in day.gaps] == [(start, start + 7 * hour)]
    (twice,) = night.doubled
    assert (twice.start, twice.end, twice.engineers, twice.counts) == (
        start + 36 * hour,
        start + 40 * hour,
        ("mira", "lars"),
        "lars",
    )
    (two,) = on_two([day, night])
    assert (two.start, two.end, two.engineers, two.where) == (
        start + 30 * hour,
        start + 36 * hour,
        ("mira", "mira"),
        ("day", "night"),
    )
    assert on_call.at(start + 37 * hour).id == "mira"  # by the first rotation
    assert on_call.turn("night", start + 37 * hour).id == twice.counts


async def test_a_week_and_a_month_say_who_is_on_call_with_hand_overs_in_each_ones_zone(rota):
    await rota.log_in(role=Role.VIEWER)
    week = plain(await text_of(rota, "/noc/oncall?day=2026-10-28"))
    assert "Week of 26 Oct 2026" in week
    assert "Mira Novak 00:00\N{EN DASH}09:00, Lars <Holm> 09:00\N{EN DASH}24:00" in week
    assert "Mon 26 Oct 2026, 09:00 Mira Novak Mon 26 Oct 2026, 04:00 (America/New_York) Lars <Holm>" in week
    assert "Lars <Holm> all day" in week
    month = plain(await text_of(rota, "/noc/oncall?view=month&day=2026-10-28"))
    assert "October 2026" in month
    assert "the clocks change: 25 hours" in month
    for query in ("day=0001-01-01", "view=year", "day=2026-02-30", "what=1"):
        await text_of(rota, f"/noc/oncall?{query}", 422)


async def test_a_gap_is_said_and_a_link_fills_the_form_with_it(rota):
    rota.configured = replace(
        rota.configured, on_call=a_rota(rotations=(replace(ROME, anchor=datetime(2026, 11, 26, 9)),))
    )
    await rota.app[PARTS].registering.refresh()
    await rota.log_in(role=Role.NOC)
    text = await text_of(rota, "/noc/oncall")
    assert "Nobody from Mon 23 Nov 2026, 00:00 to Thu 26 Nov 2026, 09:00" in plain(text)
    (link,) = re.findall(r'href="(\?[^"]*start=[^"]*)#stand-in">fill it', text)
    form = await text_of(rota, "/noc/oncall" + html.unescape(link))
    assert 'name="from" type="datetime-local" value="2026-11-23T00:00"' in form
    assert 'name="to" type="datetime-local" value="2026-11-26T09:00"' in form


async def test_two_picked_days_are_the_span_from_hand_over_to_hand_over(rota):
    await rota.log_in(role=Role.NOC)
    first = await text_of(rota, "/noc/oncall?day=2026-12-01&rotation=day&pick=2026-12-03")
    assert "now pick the last day" in plain(first)
    (link,) = re.findall(r'href="(\?[^"]*to=2026-12-01[^"]*)#stand-in"', first)  # backwards is fine
    form = await text_of(rota, "/noc/oncall" + html.unescape(link))
    assert 'name="from" type="datetime-local" value="2026-12-01T09:00"' in form
    assert 'name="to" type="datetime-local" value="2026-12-04T09:00"' in form


async def test_an_engineers_own_address_is_shown_once_read_without_a_log_in_and_ended(rota):
    csrf = await rota.log_in(role=Role.VIEWER)
    made = await rota.client.post("/noc/oncall/addresses", data={"csrf": csrf})
    (secret,) = re.findall(r"/oncall/([\w-]{43})\.ics", await made.text())
    assert secret not in await text_of(rota, "/noc/oncall")
    async with rota.another_client() as stranger:
        answer = await stranger.get(f"/oncall/{secret}.ics")
        assert (answer.status, answer.content_type) == (200, "text/calendar")
        events = icalendar.Calendar.from_ical(await answer.read()).walk("VEVENT")
        found = [(event["dtstart"].dt, event["dtend"].dt) for event in events]
        expected = of_person(
            rota.inventory.on_call, "mira", NOW - timedelta(days=31), NOW + timedelta(days=184)
        )
        assert found == [(stretch.start, stretch.end) for _, stretch in expected]
        assert len({str(event["uid"]) for event in events}) == len(events)
        again = await rota.client.post("/noc/oncall/addresses", data={"csrf": csrf})
        (fresh,) = re.findall(r"/oncall/([\w-]{43})\.ics", await again.text())
        assert (await stranger.get(f"/oncall/{secret}.ics")).status == 404
        assert (await stranger.get(f"/oncall/{fresh}.ics")).status == 200
        (address,) = re.findall(r"/noc/oncall/addresses/([\w-]+)/end", await text_of(rota, "/noc/oncall"))
        await rota.log_in("otto", role=Role.ADMIN)
        csrf = await rota.log_in("otto")
        assert (
            await rota.client.post(f"/noc/oncall/addresses/{address}/end", data={"csrf": csrf})
        ).status == 409  # not theirs
        csrf = await rota.log_in("nora")
        assert (
            await rota.client.post(f"/noc/oncall/addresses/{address}/end", data={"csrf": csrf})
        ).status == 200
        assert (await stranger.get(f"/oncall/{fresh}.ics")).status == 404
        assert (await stranger.get("/oncall/nothing.ics")).status == 404


async def test_the_week_is_a_file_too(rota):
    await rota.log_in(role=Role.VIEWER)
    assert "/noc/oncall.csv?view=week&amp;day=2026-10-26" in await text_of(rota, "/noc/oncall?day=2026-10-28")
    answer = await rota.client.get("/noc/oncall.csv?day=2026-10-28")
    rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
    assert [(row["engineer"], row["name"], row["from"], row["to"], row["why"]) for row in rows] == [
        ("mira", "Mira Novak", "2026-10-25T23:00:00Z", "2026-10-26T08:00:00Z", "rotation"),
        ("lars", "Lars <Holm>", "2026-10-26T08:00:00Z", "2026-11-01T23:00:00Z", "rotation"),
    ]
