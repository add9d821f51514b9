"""What depends on something that is down: found as ever, held behind it, and nobody is contacted about it."""

from contextlib import asynccontextmanager

from monitor.domain.findings import Symptom
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, DANA, GIULIA, a_world

LINE = """\
  - {name: line, type: tcp, component: portal, target: "127.0.0.1:9", symptom: unreachable}
  - {name: behind, type: tcp, system: PBX-4, target: "127.0.0.1:9", symptom: unreachable, depends_on: [line]}
  - {name: further, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: unreachable, depends_on: [behind]}
"""
SYSTEMS = CONFIGURATION.replace(
    "{serial: PBX-2, name: Aurora call centre,",
    "{serial: PBX-2, depends_on: [PBX-4], name: Aurora call centre,",
)


@asynccontextmanager
async def a_line(folder, database, configuration=CONFIGURATION + CHECKS + LINE):
    async with a_world(folder, database, configuration=configuration) as world:
        world.asked = []
        world.service.pipeline.depending.look_now = world.asked.append
        yield world


async def contacts(world, incident):
    rows = await world.rows("outbox", incident=incident["id"])
    return {row["kind"]: (row["state"], row["waits"]) for row in rows}


async def test_what_depends_on_something_that_is_down_is_found_and_held_behind_it(tmp_path, database_url):
    async with a_line(tmp_path, database_url) as world:
        await world.fails("line")
        parent = await world.incident(component="portal")
        await world.fails("behind")
        await world.passes_time(minutes=45)
        child = await world.incident(system="PBX-4")
        assert (child["status"], child["held_by"], child["parent"]) == ("open", parent["id"], None)
        assert set((await contacts(world, child)).values()) == {("waiting", "dependency")}
        (held,) = await world.rows("outbox", incident=child["id"], kind="ticket.open")
        assert held["reason"].startswith(f"held: depends on line, which is down ({parent['id']}, ")
        assert "contact.held" in await world.events(child["id"])
        assert world.service.pipeline.streaks["behind"].reported, "looking goes on"

        await world.passes("line")
        await world.deliver()
        assert set((await contacts(world, child)).values()) == {("waiting", "dependency")}, (
            "its own looks have a moment"
        )
        await world.passes_time(minutes=3)
        assert DANA in [recipient for _, recipient, _ in await world.attempts(incident=child["id"])]
        assert "contact.released" in await world.events(child["id"])


async def test_a_child_that_is_well_again_is_resolved_whatever_its_parent_does(tmp_path, database_url):
    async with a_line(tmp_path, database_url) as world:
        await world.fails("line")
        await world.fails("behind")
        await world.passes("behind")
        await world.deliver()
        child = await world.incident(system="PBX-4")
        assert child["status"] == "resolved"
        assert {state for state, _ in (await contacts(world, child)).values()} == {"cancelled"}
        assert (await world.incident(component="portal"))["status"] != "resolved"
        assert DANA not in [recipient for _, recipient, _ in await world.attempts()]


async def test_a_child_that_recovers_with_its_parent_is_told_to_nobody(tmp_path, sqlite_url):
    async with a_line(tmp_path, sqlite_url) as world:
        await world.fails("line")
        await world.fails("behind")
        await world.passes("line")
        await world.passes("behind", every=30)
        await world.passes_time(minutes=30)
        assert DANA not in [recipient for _, recipient, _ in await world.attempts()]


async def test_a_child_that_fails_first_waits_for_its_parents_verdict_and_goes_behind_it(
    tmp_path, database_url
):
    async with a_line(tmp_path, database_url) as world:
        await world.fails("behind", times=1)
        assert world.asked == ["line"], "its parent is looked at at once"
        await world.fails("line", times=1, every=1)
        await world.fails("behind", times=2, every=15)
        await world.deliver()
        child = await world.incident(system="PBX-4")
        assert set((await contacts(world, child)).values()) == {("waiting", "dependency")}
        await world.fails("line", times=2, every=10)
        await world.passes_time(minutes=20)
        child = await world.incident(system="PBX-4")
        parent = await world.incident(component="portal")
        assert child["held_by"] == parent["id"]
        assert DANA not in [recipient for _, recipient, _ in await world.attempts()]


async def test_a_child_whose_parent_failed_once_and_is_well_is_told_in_a_minute(tmp_path, sqlite_url):
    async with a_line(tmp_path, sqlite_url) as world:
        await world.fails("line", times=1)
        await world.fails("behind")
        await world.passes("line", every=5)
        await world.passes_time(seconds=60)
        child = await world.incident(system="PBX-4")
        assert DANA in [recipient for _, recipient, _ in await world.attempts(incident=child["id"])]


async def test_what_was_told_before_its_parent_was_down_goes_its_own_way(tmp_path, sqlite_url):
    async with a_line(tmp_path, sqlite_url) as world:
        await world.fails("behind")
        await world.deliver()
        await world.fails("line")
        await world.deliver()
        assert (await world.incident(system="PBX-4"))["held_by"] is None


async def test_one_step_is_enough_and_a_slow_parent_explains_nothing(tmp_path, sqlite_url):
    async with a_line(tmp_path, sqlite_url) as world:
        await world.fails("behind")
        await world.fails("further")
        behind, further = await world.incident(system="PBX-4"), await world.incident(system="PBX-3")
        assert further["held_by"] == behind["id"]
    slow = (CONFIGURATION + CHECKS + LINE).replace(
        'portal, target: "127.0.0.1:9", symptom: unreachable}',
        'portal, target: "127.0.0.1:9", symptom: degraded}',
    )
    (tmp_path / "slow").mkdir()
    async with a_line(tmp_path / "slow", f"sqlite:///{tmp_path / 'slow' / 'slow.db'}", slow) as world:
        await world.fails("line", symptom=Symptom.DEGRADED)
        await world.fails("behind")
        assert (await world.incident(system="PBX-4"))["held_by"] is None


async def test_a_system_that_depends_on_another_is_held_by_any_check_of_that(tmp_path, sqlite_url):
    async with a_line(tmp_path, sqlite_url, SYSTEMS + CHECKS) as world:
        await world.fails("pbx-4-sip")
        await world.fails("pbx-2-sip")
        await world.passes_time(minutes=30)
        parent, child = await world.incident(system="PBX-4"), await world.incident(system="PBX-2")
        assert child["held_by"] == parent["id"]
        assert GIULIA not in [recipient for _, recipient, _ in await world.attempts()]


async def test_a_person_who_resolves_the_parents_incident_lets_go_what_stands_behind_it(
    tmp_path, database_url
):
    async with a_line(tmp_path, database_url) as world:
        await world.fails("line")
        await world.fails("behind")
        parent = await world.incident(component="portal")
        await world.service.pipeline.resolve(parent["id"], actor="nadia")
        assert (await world.incident(system="PBX-4"))["held_by"] is None
        await world.passes_time(minutes=3)
        assert DANA in [recipient for _, recipient, _ in await world.attempts()]


async def test_the_pages_say_what_it_waits_for(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, configuration=CONFIGURATION + CHECKS + LINE) as world:
        engineer = await world.at_the_console("nadia")
        await world.fails("line")
        await world.fails("behind")
        parent, child = await world.incident(component="portal"), await world.incident(system="PBX-4")
        await engineer.get(f"/noc/incidents/{child['id']}")
        assert f"this is held by {parent['id'][:8]}" in engineer.text or parent["id"] in engineer.source
        assert "depends on line, which is down" in engineer.text
        await engineer.get(f"/noc/incidents/{parent['id']}")
        assert child["id"] in engineer.source
        await engineer.get("/noc/")
        assert "1 incident under it" in engineer.text
        await engineer.get(f"/noc/?under={parent['id']}")
        assert "depends on line" in engineer.text
