"""A person's word outranks what was found: out of a problem, under one, a fact that the evidence got wrong."""

import pytest

from monitor.domain.findings import Verdict
from monitor.errors import ConflictError, NotFoundError
from tests.acceptance.console import a_console
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.test_carriers import RARA, configuration, of_systems
from tests.acceptance.world import MovableClock, a_world
from tests.factories import MONDAY_AT_TEN, SATURDAY_NIGHT

FLEET = Fleet(systems=9, others=9, partners=3)
WHO = {"actor": "nadia", "reason": "its power supply burnt"}


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=FLEET.configuration()) as made:
        yield made


async def a_storm(world):
    await fall(world, FLEET.checks())
    await seconds(world, 20)
    (problem,) = await world.rows("incidents", is_global=True)
    members = await world.rows("incidents", parent=problem["id"])
    assert len(members) == 9
    return problem, members


async def contacts(world, incident):
    return sorted(one[0] for one in await world.attempts(incident=incident) if one[0] in ("ticket", "phone"))


async def test_a_critical_that_is_taken_out_of_a_problem_gets_its_own_contact_at_once_and_stays_out(world):
    problem, members = await a_storm(world)
    mine = members[0]["id"]
    assert await contacts(world, mine) == []
    assert await world.service.overruling.detach(mine, **WHO) == problem["id"]
    await world.deliver()
    out = await world.incident(id=mine)
    assert (out["parent"], out["held_by"], out["class"]) == (None, None, "critical")
    assert await contacts(world, mine) == ["phone", "ticket"]
    world.service.pipeline.storms.loose.add(mine)
    world.service.pipeline.storms.dirty = True
    await seconds(world, 30)
    assert (await world.incident(id=mine))["parent"] is None
    assert len(await world.rows("incidents", parent=problem["id"])) == 8
    assert "problem.left" in await world.events(mine)
    assert "member.detached" in await world.events(problem["id"])


async def test_it_stays_out_after_a_restart_and_when_it_fails_anew(tmp_path, sqlite_url):
    clock = MovableClock()
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=FLEET.configuration()) as world:
        _, members = await a_storm(world)
        await world.service.overruling.detach(members[0]["id"], **WHO)
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=FLEET.configuration()) as world:
        await seconds(world, 20)
        assert (await world.incident(id=members[0]["id"]))["parent"] is None
        check = f"{members[0]['system'].lower()}-sip"
        await world.passes(check, times=2)
        await world.fails(check, times=3)
        await seconds(world, 20)
        again = (await world.rows("incidents", system=members[0]["system"]))[-1]
        assert again["parent"] is None


async def test_who_acknowledged_the_problem_on_the_phone_has_not_acknowledged_what_was_taken_out(
    tmp_path, sqlite_url
):
    night = MovableClock(SATURDAY_NIGHT)
    async with a_world(tmp_path, sqlite_url, clock=night, configuration=FLEET.configuration()) as world:
        await taken_out_of_what_was_acknowledged(world)


async def taken_out_of_what_was_acknowledged(world):
    problem, _ = await a_storm(world)
    await seconds(world, 60)
    (told, *_) = await world.rows("attempts", incident=problem["id"], channel="phone", result="acknowledged")
    (row,) = await world.rows("outbox", id=told["outbox"])
    theirs = {"parent": problem["id"], "partner": row["partner"]}
    members = await world.rows("incidents", **theirs)
    mine = next(one for one in members if one["status"] == "acknowledged")
    assert mine["owner_party"] == "partner"
    await world.service.overruling.detach(mine["id"], **WHO)
    freed = await world.incident(id=mine["id"])
    assert (freed["status"], freed["owner"]) == ("open", None)
    others = [one["status"] for one in members if one["id"] != mine["id"]]
    assert [one["status"] for one in await world.rows("incidents", **theirs)] == others
    await world.deliver()
    assert "phone" in await contacts(world, mine["id"])


async def test_a_partner_who_has_nothing_left_under_it_is_not_contacted_about_it(tmp_path, sqlite_url):
    settings = FLEET.configuration(publish="draft", confirm_within="600s")
    async with a_world(tmp_path, sqlite_url, configuration=settings) as world:
        problem, members = await a_storm(world)
        for row in members:
            if row["partner"] == "partner-0":
                await world.service.overruling.detach(row["id"], **WHO)
        await world.passes_time(minutes=11)
        told = await world.rows("outbox", incident=problem["id"], kind="ticket.open")
        told += await world.rows("outbox", incident=problem["id"], kind="call")
        assert {row["partner"] for row in told if row["state"] == "done"} == {"partner-1", "partner-2"}


async def test_one_that_belongs_to_it_is_put_under_it_and_waits_with_the_others(world):
    problem, _ = await a_storm(world)
    (check,) = FLEET.checks("us-1")[:1]
    for _ in range(3):
        world.clock.forward(20)
        await world.looks(check, Verdict.DOWN, every=0)
    mine = (await world.rows("incidents", system="US-1-0"))[0]["id"]
    await world.service.overruling.attach(mine, problem["id"], **WHO)
    await world.deliver()
    assert (await world.incident(id=mine))["held_by"] == problem["id"]
    assert await contacts(world, mine) == []
    await world.service.overruling.detach(mine, **WHO)
    await world.deliver()
    assert await contacts(world, mine) == ["phone", "ticket"]


async def test_what_cannot_be_is_refused_with_a_sentence(world):
    problem, members = await a_storm(world)
    people, mine = world.service.overruling, members[0]["id"]
    with pytest.raises(ConflictError, match=r"stands under .* already"):
        await people.attach(mine, problem["id"], **WHO)
    with pytest.raises(ConflictError, match="is a global problem itself"):
        await people.attach(problem["id"], problem["id"], **WHO)
    with pytest.raises(ConflictError, match="does not stand under"):
        await people.detach(problem["id"], **WHO)
    with pytest.raises(NotFoundError, match="there is no incident"):
        await people.detach("inc_nobody", **WHO)
    with pytest.raises(ConflictError, match="evidence settles nothing called 'operator_caused'"):
        await people.overrule(mine, "operator_caused", value=False, **WHO)


async def test_w4_a_fact_that_a_person_overrules_is_decided_by_their_word_and_stays_so(tmp_path, sqlite_url):
    clock = MovableClock()
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=configuration()) as world:
        await fall(world, RARA)
        await seconds(world, 15)
        mine = await world.incident(system="PBX-0", is_global=False)
        assert (mine["class"], await contacts(world, mine["id"])) == ("standard", [])
        with pytest.raises(ConflictError, match="the evidence says the same"):
            await world.service.overruling.overrule(mine["id"], "operator_caused", value=True, **WHO)
        await world.service.overruling.overrule(mine["id"], "operator_caused", value=False, **WHO)
        await seconds(world, 30)
        await only_mine_is_critical(world)
        assert "phone" in await contacts(world, mine["id"])
        (clock_row,) = await world.rows("clocks", incident=mine["id"], name="response", superseded_at=None)
        assert clock_row["class"] == "critical"
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=configuration()) as world:
        await seconds(world, 30)
        await only_mine_is_critical(world)


async def only_mine_is_critical(world):
    classes = {row["system"]: row["class"] for row in await of_systems(world)}
    assert classes.pop("PBX-0") == "critical"
    assert set(classes.values()) == {"standard"}


async def test_it_is_all_on_the_pages(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, at=MONDAY_AT_TEN, configuration=configuration()) as world:
        await fall(world, RARA)
        await seconds(world, 15)
        (problem,) = await world.rows("incidents", is_global=True)
        first, second, *_ = await world.rows("incidents", parent=problem["id"])
        nora = await world.at_the_console("nora")
        await nora.get(f"/noc/incidents/{problem['id']}")
        assert nora.text.count("does not belong to it") == len(RARA)
        await nora.post(f"/noc/incidents/{first['id']}/detach", reason="a burnt line card", back=nora.path)
        assert (nora.status, nora.path) == (200, f"/noc/incidents/{problem['id']}")
        assert "was taken out of it" in nora.text
        await nora.post(f"/noc/incidents/{problem['id']}/members", incident=first["id"], reason="it does")
        assert "was put under it" in nora.text
        await nora.get(f"/noc/incidents/{second['id']}")
        assert "The evidence is wrong: operator caused is not so" in nora.text
        await nora.post(
            f"/noc/incidents/{second['id']}/overrule",
            fact="operator_caused",
            value="false",
            reason="the carrier says no",
        )
        assert (await world.incident(id=second["id"]))["class"] == "critical"
        await nora.post(
            f"/noc/incidents/{second['id']}/overrule", fact="operator_caused", value="false", reason=""
        )
        assert "reason" in nora.alert()
        said = [row["action"] for row in await world.rows("audit")]
        assert {"incident.detach", "incident.attach", "incident.overrule"} <= set(said)
