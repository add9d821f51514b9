"""An incident's page: the looks as a picture with words, what is related, who may be called, and pages of a large fleet."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

from monitor.domain.findings import Verdict
from monitor.domain.inventory import System
from monitor.domain.rollups import pack_look
from monitor.storage import history
from monitor.storage.history import Looked, Result
from monitor.storage.people import Role
from monitor.web.graphs import HEIGHT, WIDTH, graph
from tests.web.seeds import NOW, ACheck, a_check_state, a_finding, an_incident
from tests.web.test_crash_page import GROUP, a_report


def a_look(minute, verdict=Verdict.UP, seconds=0.02, detail=""):
    return Result(at=NOW + timedelta(minutes=minute), verdict=verdict, seconds=seconds, detail=detail)


def test_looks_are_drawn_oldest_first_failures_full_and_all_of_them_said_in_words():
    looks = [
        a_look(3, Verdict.DOWN, 5.0, "408"),
        a_look(2, Verdict.UNKNOWN),
        a_look(1, seconds=0.04),
        a_look(0),
    ]
    drawn = graph("pbx-sip", looks, NOW + timedelta(minutes=3))
    assert [stick.kind for stick in drawn.sticks] == ["up", "up", "unknown", "down"]
    assert [round(stick.height) for stick in drawn.sticks] == [40, 80, HEIGHT, HEIGHT]
    assert drawn.since_x == WIDTH * 3 / 4
    assert drawn.said == "pbx-sip: 4 looks from 09:00 to 09:03 UTC, 2 well (half within 30 ms, the slowest 40 ms), 1 failed, the last at 09:03:00, 1 unknown"  # fmt: skip
    assert [each.detail for each in drawn.failing] == ["408"]
    assert "408" in drawn.sticks[3].said


def test_no_looks_are_no_picture_and_very_many_are_the_newest():
    assert graph("pbx-sip", [], NOW) is None
    drawn = graph("pbx-sip", [a_look(-n) for n in range(500)], NOW - timedelta(days=9))
    assert len(drawn.sticks) == 120
    assert (drawn.last, drawn.since_x) == (NOW, None)
    assert all(0 <= stick.x < WIDTH and 0 <= stick.y <= HEIGHT for stick in drawn.sticks)


def looked(connection, name):
    """Put three looks of a check on record."""
    looks = b"".join(
        pack_look(NOW + timedelta(minutes=n), verdict, 0.02)
        for n, verdict in enumerate((Verdict.UP, Verdict.UP, Verdict.DOWN))
    )
    said = ((int((NOW + timedelta(minutes=2)).timestamp() * 1000), "<b>408</b>"),)
    history.flush(
        connection,
        [Looked(check=name, looks=looks, said=said, system="PBX-1001", component=None)],
        keep=120,
    )


async def text_of(world, path):
    answer = await world.client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_the_page_shows_looks_stack_related_incidents_and_who_may_be_called(world):
    def a_case(connection):
        an_incident(connection)
        a_finding(connection, "inc-1")
        looked(connection, "pbx-1001-sip")
        an_incident(connection, "inc-near", title="Slow at Lion", system="PBX-4001", partner="aurora")
        an_incident(connection, "inc-far", title="Not near", system="PBX-9", partner="birch", symptom="crash")  # fmt: skip
        an_incident(connection, "inc-old", title="Once before", status="resolved", resolved_at=NOW)
        a_report(connection, outcome="inc-1")

    world.inventory = replace(world.inventory, systems={**world.inventory.systems, "PBX-4001": System(serial="PBX-4001", partner="dune", cloud="eu-1"), "PBX-9": System(serial="PBX-9", partner="birch")})  # fmt: skip
    await world.seed(a_case)
    await world.log_in()
    html = await text_of(world, "/noc/incidents/inc-1")
    assert 'role="img" aria-label="pbx-1001-sip: 3 looks' in html
    assert "&lt;b&gt;408&lt;/b&gt;" in html
    assert "<b>408</b>" not in html
    assert "same partner, cloud eu-1, symptom" in html
    assert "Not near" not in html
    assert "Once before" in html
    assert (
        f'href="/noc/crashes/{GROUP.replace(":", "%3A")}"' in html or f'href="/noc/crashes/{GROUP}"' in html
    )
    assert "Crash stack" in html
    people = html[html.index('id="people"') :]
    for said in ("Anna Rossi", "+390612345678", "may be called", "at any hour; speaks it", "first"):
        assert said in people, said


async def test_a_viewer_is_shown_everything_and_offered_nothing(world):
    await world.seed(an_incident)
    await world.log_in(role=Role.VIEWER)
    html = await text_of(world, "/noc/incidents/inc-1")
    assert "data-key=" not in html
    assert (await world.client.get("/noc/incidents/inc-1/call")).status == 403


async def test_ten_thousand_systems_and_checks_come_in_pages_the_worst_first_and_are_searched(world):
    fleet = {f"PBX-{n:05d}": System(serial=f"PBX-{n:05d}", name=f"=Site {n}", partner="birch") for n in range(1000)}  # fmt: skip
    world.inventory = replace(world.inventory, systems=fleet)
    world.checks = tuple(ACheck(name=f"{one}-sip", system=one) for one in fleet)

    def states(connection):
        for n in range(900):
            verdict = "down" if n % 300 == 7 else "up"
            a_check_state(connection, f"PBX-{n:05d}-sip", verdict=verdict, looked_at=NOW - timedelta(hours=n == 8))  # fmt: skip

    await world.seed(states)
    await world.log_in()
    listed = lambda html: re.findall(r'data-label="(?:Serial|Check)">(?:<a[^>]*>)?(PBX-\d+)', html)  # noqa: E731
    html = await text_of(world, "/noc/systems?page=2")
    assert (listed(html)[0], len(listed(html))) == ("PBX-00100", 100)
    assert "101 to 200 of 1000" in html
    assert listed(await text_of(world, "/noc/systems?q=site%20777")) == ["PBX-00777"]
    assert listed(await text_of(world, "/noc/systems?q=BIRCH%20v"))[0] == "PBX-00000"
    html = await text_of(world, "/noc/checks")
    assert listed(html)[:4] == ["PBX-00007", "PBX-00307", "PBX-00607", "PBX-00000"]
    assert len(listed(html)) == 100
    assert listed(await text_of(world, "/noc/checks?page=2"))[0] == "PBX-00098"
    assert listed(await text_of(world, "/noc/checks?state=down")) == ["PBX-00007", "PBX-00307", "PBX-00607"]
    assert listed(await text_of(world, "/noc/checks?overdue=true")) == ["PBX-00008"]
    assert (
        len(listed(await text_of(world, "/noc/checks?state=unknown"))) == 100
    )  # never looked at, and one overdue
    assert listed(await text_of(world, "/noc/checks?name=00777")) == ["PBX-00777"]
    assert "PBX-00007-sip" in await text_of(world, "/noc/systems/PBX-00007")
    whole = (await (await world.client.get("/noc/systems.csv?q=777")).read()).decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(io.StringIO(whole))] == ["'=Site 777"]


async def test_the_incidents_that_fit_are_a_file(world):
    await world.seed(an_incident)
    await world.seed(an_incident, "inc-2", status="resolved", resolved_at=NOW)
    await world.log_in()
    whole = (await (await world.client.get("/noc/incidents.csv?status=open")).read()).decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(io.StringIO(whole))] == ["inc-1"]
    assert "/noc/incidents.csv?status=open" in await text_of(world, "/noc/incidents?status=open")
