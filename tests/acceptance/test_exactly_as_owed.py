"""What is settled while a call is on its way, what comes late, what waits behind another: nobody twice, nobody never."""

import asyncio
import threading

import pytest
import sqlalchemy as sa
import structlog

from alerts.base import CallEvent, CallState
from alerts.sandbox import Pickup, Response
from monitor.domain.announcements import GlobalProblem, Impact
from monitor.storage import incidents, moves, owing, schema, tickets
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.test_announcements import planned
from tests.acceptance.test_outages import _deaf
from tests.acceptance.world import (
    CHECKS,
    CONFIGURATION,
    DANA,
    GIULIA,
    MARCO,
    NADIA,
    TOMAS,
    MovableClock,
    a_world,
)
from tests.factories import SATURDAY_NIGHT, a_look, an_id

FLEET = Fleet()
OURS = """
escalations:
  - name: ours
    steps:
      - {to: {engineer: tomas}, delay: 5m}
      - {to: {engineer: nadia}, delay: 5m}
"""


@pytest.fixture
async def night(tmp_path, database_url):
    async with a_world(tmp_path, database_url, clock=MovableClock(SATURDAY_NIGHT)) as made:
        yield made


async def taken(world):
    incident = await world.incident()
    await world.service.pipeline.acknowledge(incident["id"], actor="nadia")


# settled while the call is on its way ------------------------------------------------------------------------------


async def test_nobody_is_called_about_what_was_taken_between_the_claim_and_the_call(night):
    calling = night.service.calling
    compose = calling.compose

    async def slowly(due, ring_seconds):
        await taken(night)
        return await compose(due, ring_seconds)

    calling.compose = slowly
    await night.fails("pbx-1-sip")
    await night.passes_time(minutes=30)
    night.only_called()
    (row,) = await night.rows("outbox", kind="call")
    assert (row["state"], row["reason"]) == ("cancelled", "it is settled: nobody was called")


async def test_a_call_that_the_provider_was_taking_when_the_incident_was_taken_is_hung_up(
    tmp_path, database_url
):
    async with a_world(
        tmp_path, database_url, clock=MovableClock(SATURDAY_NIGHT), sleep=asyncio.sleep
    ) as world:
        world.answers(GIULIA, Pickup.NO_ANSWER)
        place = world.exchange.place

        async def slowly(call):
            provider_id = await place(call)
            await taken(world)
            return provider_id

        world.exchange.place = slowly
        await world.fails("pbx-1-sip")
        await world.service.delivery.drain()
        async with asyncio.timeout(5):
            await world.exchange.settled()
            await asyncio.gather(*world.service.calling.hanging_up)
        assert world.exchange.calls[0].events[-1].detail == "hung up"
        (row,) = await world.rows("outbox", kind="call")
        assert row["state"] == "cancelled"
        world.only_called(GIULIA)


async def test_one_call_that_cannot_be_hung_up_does_not_keep_the_others_ringing(night):
    hung_up = []

    async def hang_up(call, *, provider_id):
        hung_up.append(call.attempt)
        if len(hung_up) == 1:
            raise ValueError("the provider is confused")

    night.exchange.hang_up = hang_up
    await night.fails("pbx-1-sip")
    incident = (await night.incident())["id"]

    def ring(c: sa.Connection) -> None:
        (row,) = c.execute(sa.select(schema.outbox).where(schema.outbox.c.kind == "call")).mappings()
        for number in (1, 2):
            copy = {**row, "id": f"out_ring_{number}", "dedup": f"ring {number}", "state": "sent"}
            del copy["seq"]
            c.execute(sa.insert(schema.outbox), copy)
            attempt = {"id": f"att_ring_{number}", "outbox": copy["id"], "incident": incident}
            attempt |= {"channel": "phone", "driver": "sandbox", "started_at": night.clock()}
            c.execute(sa.insert(schema.attempts), {**attempt, "status": "placed", "recipient": GIULIA})

    await night.service.store.write(ring)
    night.service.calling.settled(incident)
    await asyncio.gather(*night.service.calling.hanging_up)
    assert sorted(hung_up) == ["att_ring_1", "att_ring_2"]


async def test_a_call_that_was_in_doubt_when_the_incident_was_taken_is_hung_up_when_it_is_found(
    tmp_path, database_url
):
    async with a_world(
        tmp_path, database_url, clock=MovableClock(SATURDAY_NIGHT), sleep=asyncio.sleep
    ) as world:
        world.answers(GIULIA, Pickup.NO_ANSWER, response=Response.LOST)
        await world.fails("pbx-1-sip")
        await world.service.delivery.drain()
        await taken(world)
        world.clock.forward(1)
        await world.service.delivery.settle()
        async with asyncio.timeout(5):
            await world.exchange.settled()
            await asyncio.gather(*world.service.calling.hanging_up)
        assert world.exchange.calls[0].events[-1].detail == "hung up"
        world.only_called(GIULIA)


# what goes round every second -----------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["storms", "year_ends"])
async def test_what_breaks_in_a_round_keeps_no_acknowledgement_from_running_out(
    tmp_path, sqlite_url, broken, monkeypatch
):
    async with a_world(tmp_path, sqlite_url) as world:
        await world.fails("pbx-1-sip")
        await taken(world)
        rounds = world.service.rounds
        step = rounds.pipeline.storms if broken == "storms" else rounds.year_ends

        async def breaks(_self, _now):
            raise ValueError("something nobody thought of")

        monkeypatch.setattr(type(step), "once", breaks)
        world.clock.forward(3600)
        with (
            structlog.testing.capture_logs(),
            pytest.raises(ValueError, match="nobody thought of"),
        ):
            await rounds.once()
        assert (await world.incident())["status"] == "open"


# a key that comes late ---------------------------------------------------------------------------------------------


async def test_a_key_pressed_on_a_call_nobody_could_tell_about_still_counts_and_counts_once(night):
    night.answers(GIULIA, Pickup.VOICEMAIL, response=Response.LOST, lookup_works=False)
    night.answers(NADIA, Pickup.NO_ANSWER)
    hear = _deaf(night)
    await night.fails("pbx-1-sip")
    await night.passes_time(minutes=3)
    hear()
    (row,) = await night.rows("outbox", kind="call")
    assert row["state"] == "set_aside"
    attempt = next(one["id"] for one in await night.rows("attempts", recipient=GIULIA))
    pressed = CallEvent(attempt=attempt, state=CallState.ACKNOWLEDGED, sequence=99, digit="1")
    for _ in range(2):
        await night.service.calling.event(pressed)
    incident = await night.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "giulia by phone")
    assert ("phone", GIULIA, "acknowledged") in await night.attempts()
    assert (await night.events(incident["id"])).count("call.acknowledged") == 1
    (row,) = await night.rows("outbox", kind="call")
    assert row["state"] == "done"
    called = len(night.exchange.calls)
    await night.passes_time(minutes=60)
    assert len(night.exchange.calls) == called, "somebody was called about what is acknowledged"


async def test_a_key_that_arrives_after_the_calls_end_is_the_word_of_whoever_was_called(night):
    night.answers(GIULIA, Pickup.VOICEMAIL)
    night.answers(MARCO, Pickup.NO_ANSWER)
    await night.fails("pbx-1-sip")
    await night.deliver()
    first = next(one["id"] for one in await night.rows("attempts", recipient=GIULIA))
    await night.service.calling.event(
        CallEvent(attempt=first, state=CallState.ACKNOWLEDGED, sequence=99, digit="1")
    )
    assert (await night.incident())["acknowledged_by"] == "giulia by phone"
    (row,) = await night.rows("outbox", kind="call")
    assert row["state"] == "done"
    called = len(night.exchange.calls)
    await night.passes_time(minutes=60)
    assert len(night.exchange.calls) == called


async def test_when_nobody_knows_whether_an_engineer_was_called_the_next_one_is(tmp_path, database_url):
    rota = (
        CONFIGURATION.replace("  fallback: nadia\n", "  fallback: nadia\n  escalation: ours\n")
        + OURS
        + CHECKS
    )
    async with a_world(tmp_path, database_url, configuration=rota) as world:
        world.answers(DANA, Pickup.BUSY)
        world.answers(TOMAS, Pickup.VOICEMAIL, response=Response.LOST, lookup_works=False)
        _deaf(world, TOMAS)
        await world.fails("pbx-4-sip")
        await world.passes_time(minutes=60)
        calls = [call.number for call in world.exchange.calls if call.number != DANA]
        assert calls[:2] == [TOMAS, NADIA]
        assert ("page", TOMAS, "ambiguous") in await world.attempts()
        assert ("page", NADIA, "acknowledged") in await world.attempts()


# what waits behind another -----------------------------------------------------------------------------------------


async def two_fail(world):
    for number in (GIULIA, MARCO):
        world.answers(number, Pickup.NO_ANSWER)
    await world.fails("pbx-1-sip", every=1)
    await world.fails("pbx-2-sip", every=1)
    await world.deliver()
    rows = await world.rows("outbox", kind="call")
    (lead,) = [row for row in rows if row["attempts"]]
    (rides,) = [row for row in rows if not row["attempts"]]
    return lead, rides


async def test_what_rides_behind_a_call_that_planned_work_holds_goes_by_itself(night):
    lead, rides = await two_fail(night)
    (system,) = [row["system"] for row in await night.rows("incidents", id=lead["incident"])]
    await planned(night, hours=8, systems=(system,))
    night.answers(GIULIA)
    night.answers(MARCO)
    await night.passes_time(minutes=30)
    (held,) = await night.rows("outbox", id=lead["id"])
    assert (held["state"], held["waits"]) == ("waiting", "maintenance")
    (other,) = await night.rows("outbox", id=rides["id"])
    assert other["state"] == "done"
    assert (await night.incident(id=rides["incident"]))["status"] == "acknowledged"
    assert (await night.incident(id=lead["incident"]))["status"] == "open"


async def test_what_rides_behind_a_call_that_the_days_budget_stops_gets_its_own_ticket(tmp_path, sqlite_url):
    limited = CONFIGURATION + "contact: {calls_per_day: 1}\n" + CHECKS
    async with a_world(
        tmp_path, sqlite_url, clock=MovableClock(SATURDAY_NIGHT), configuration=limited
    ) as world:
        lead, rides = await two_fail(world)
        await world.passes_time(minutes=10)
        waits = {row["id"]: row["waits"] for row in await world.rows("outbox", kind="call")}
        assert waits == {lead["id"]: "budget", rides["id"]: "budget"}
        opened = {ticket["incident"] for ticket in await world.rows("tickets")}
        assert opened == {lead["incident"], rides["incident"]}


async def test_what_somebody_writes_into_a_ticket_goes_out_though_its_incident_comes_under_a_problem(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url) as world:
        await world.fails("pbx-1-sip")
        await world.deliver()
        incident = await world.incident()
        (ticket,) = await world.rows("tickets")

        def write(c: sa.Connection) -> None:
            known = tickets.get(c, ticket["id"])
            owed = tickets.owed_comment(
                known, "out_word", text="We replace it.", actor="nadia", now=world.clock()
            )
            owing.owe(c, [owed], world.clock())

        await world.service.store.write(write)
        problem = GlobalProblem(title="Europe", body="We look.", impact=Impact.MAJOR, components=(), attach=(incident["id"],))  # fmt: skip
        await world.service.pipeline.declare_global(problem, actor="nadia")
        await world.deliver()
        (word,) = await world.rows("outbox", id="out_word")
        assert word["state"] == "done"


# partners and problems ---------------------------------------------------------------------------------------------


async def test_a_contact_called_off_because_all_is_taken_is_not_owed_again_and_again(tmp_path, database_url):
    clock = MovableClock(SATURDAY_NIGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as world:
        world.answers(FLEET.phone_of("partner-1"), Pickup.NO_ANSWER)
        await fall(world, FLEET.checks())
        await seconds(world, 15)
        problem = await world.incident(is_global=True)
        for row in await world.rows("incidents", parent=problem["id"], partner="partner-1"):
            await world.service.pipeline.acknowledge(row["id"], actor="nadia")
        await seconds(world, 90)
        (told,) = await world.rows("outbox", dedup=f"{problem['id']}|told|partner-1")
        assert told["state"] == "cancelled"
        said = len(await world.rows("events", incident=problem["id"], kind="partners.owed"))
        await seconds(world, 60)
        assert len(await world.rows("events", incident=problem["id"], kind="partners.owed")) == said
        (told,) = await world.rows("outbox", dedup=f"{problem['id']}|told|partner-1")
        assert told["state"] == "cancelled"


async def test_the_ticket_that_stands_in_for_a_call_about_a_problem_tells_of_the_partners_systems(
    tmp_path, sqlite_url
):
    clock = MovableClock(SATURDAY_NIGHT)
    limited = FLEET.configuration() + "contact: {calls_per_day: 1}\n"
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=limited) as world:
        await fall(world, FLEET.checks())
        await seconds(world, 30)
        problem = await world.incident(is_global=True)
        opened = {ticket["partner"]: ticket for ticket in await world.rows("tickets")}
        called = {call.number for call in world.exchange.calls} - {NADIA}
        assert len(called) == 1
        assert len(opened) == 2
        assert {ticket["incident"] for ticket in opened.values()} == {problem["id"]}
        assert all("EU-1-" in ticket["body"] for ticket in opened.values())
        members = await world.rows("incidents", parent=problem["id"])
        for member in members:
            if member["partner"] not in opened:
                continue
            (clock_,) = await world.rows("clocks", incident=member["id"], name="response", party="us")
            assert clock_["met_at"] is not None


async def test_two_engines_that_see_the_same_storm_find_one_problem(tmp_path, postgresql_url):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    clock = MovableClock()
    async with (
        a_world(tmp_path / "a", postgresql_url, clock=clock, configuration=FLEET.configuration()) as one,
        a_world(tmp_path / "b", postgresql_url, clock=clock, configuration=FLEET.configuration()) as two,
    ):
        await fall(one, FLEET.checks())
        for check in FLEET.checks():  # before the other has gone a round, and seen what was found
            for _ in range(3):
                await two.service.pipeline.observed(a_look(check, at=clock()))
        await seconds(one, 20)
        await seconds(two, 20)
        assert len(await one.rows("incidents", is_global=True)) == 1
        assert len(await one.rows("tickets")) == FLEET.partners


# two at once, on PostgreSQL ----------------------------------------------------------------------------------------


async def at_once(store, first, second):
    """Let ``second`` begin when ``first`` has done everything but commit; it may have to wait for that."""
    ready, done = threading.Event(), threading.Event()

    def one(c: sa.Connection) -> None:
        first(c)
        ready.set()
        done.wait(0.7)

    def other(c: sa.Connection) -> None:
        ready.wait(5)
        try:
            second(c)
        finally:
            done.set()

    return await asyncio.gather(store.write(one), store.write(other), return_exceptions=True)


async def test_two_findings_that_end_at_once_end_their_incident(tmp_path, postgresql_url):
    async with a_world(tmp_path, postgresql_url) as world:
        await world.fails("pbx-1-sip")
        await world.fails("pbx-1-web")
        incident = await world.incident()
        now = world.clock()

        def ends(origin):
            return lambda c: moves.recover(c, origin, since=now, now=now, detail="", new_id=an_id)

        await at_once(world.service.store, ends("pbx-1-sip"), ends("pbx-1-web"))
        assert (await world.incident(id=incident["id"]))["status"] == "resolved"


async def test_an_acknowledgement_that_comes_with_the_end_does_not_bring_the_incident_back(
    tmp_path, postgresql_url
):
    async with a_world(tmp_path, postgresql_url) as world:
        await world.fails("pbx-1-sip")
        incident = await world.incident()
        now = world.clock()
        await at_once(
            world.service.store,
            lambda c: moves.recover(c, "pbx-1-sip", since=now, now=now, detail="", new_id=an_id),
            lambda c: incidents.acknowledge(c, incident["id"], now=now, actor="nadia"),
        )
        assert (await world.incident(id=incident["id"]))["status"] == "resolved"
