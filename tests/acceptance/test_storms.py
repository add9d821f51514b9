"""Many systems failing at once: one global problem, each partner contacted once, the status page first."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from alerts.sandbox import Pickup
from monitor.domain.findings import Verdict
from monitor.domain.incidents import PublicState
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.test_announcements import planned
from tests.acceptance.world import MovableClock, a_world
from tests.factories import SATURDAY_NIGHT, a_look

FLEET = Fleet()
ENGINEER = "+498998765432"


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=FLEET.configuration()) as made:
        yield made


@pytest.fixture
async def night(tmp_path, database_url):
    clock = MovableClock(SATURDAY_NIGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as made:
        yield made


class NoPages:
    """Pages that are not rendered."""

    shows = frozenset()

    async def refresh(self):
        """Render nothing, as where the record cannot be read."""


async def the_problem(world):
    return await world.incident(is_global=True)


async def told(world):
    rows = await world.rows("outbox")
    return {row["partner"]: row for row in rows if "|told|" in row["dedup"]}


async def test_a_cloud_that_fails_is_one_problem_on_the_page_and_one_ticket_for_each_partner(world):
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    problem = await the_problem(world)
    assert (problem["public"], problem["title"]) == (True, "Cloud eu-1: many systems fail")
    assert json.loads(problem["components"]) == ["cloud-eu"]
    members = await world.rows("incidents", parent=problem["id"])
    assert len(members) == FLEET.systems
    tickets = await world.rows("tickets")
    assert sorted(ticket["partner"] for ticket in tickets) == ["partner-0", "partner-1", "partner-2"]
    assert {ticket["incident"] for ticket in tickets} == {problem["id"]}
    world.only_called(ENGINEER)
    assert "finora" in tickets[0]["subject"]
    assert "EU-1-" in tickets[0]["body"]
    assert "https://status.example.org" in tickets[0]["body"]


async def test_the_evidence_says_how_many_fail_inside_and_outside_of_the_group(world):
    await fall(world, FLEET.checks())
    decision = json.loads((await the_problem(world))["decision"])
    evidence = decision["correlation"]
    assert (evidence["dimension"], evidence["value"]) == ("cloud", "eu-1")
    assert evidence["failing"] >= 5
    assert (evidence["members"], evidence["failing_outside"], evidence["members_outside"]) == (24, 0, 24)
    assert any("systems of cloud eu-1 fail" in reason for reason in decision["reasons"])


async def test_out_of_hours_each_partner_is_called_once_and_a_key_takes_their_part_alone(night):
    world = night
    world.answers(FLEET.phone_of("partner-1"), presses="")
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    problem = await the_problem(world)
    called = Counter(call.number for call in world.exchange.calls)
    first, second, third = (FLEET.phone_of(f"partner-{n}") for n in range(3))
    assert (called.pop(first), called.pop(third), called.pop(ENGINEER)) == (1, 1, 1)
    assert set(called) == {second}  # nobody pressed a key: called again, about the same
    assert await world.rows("tickets") == []
    by_status = {
        partner: {
            row["status"] for row in await world.rows("incidents", parent=problem["id"], partner=partner)
        }
        for partner in ("partner-0", "partner-1", "partner-2")
    }
    assert by_status["partner-1"] == {"open"}
    assert "acknowledged" in by_status["partner-0"] & by_status["partner-2"]
    assert "many systems fail" in world.exchange.calls[-1].heard


async def test_a_busy_first_contact_is_followed_by_the_second_and_where_nobody_answers_a_ticket_stands_in(
    tmp_path, sqlite_url
):
    fleet, clock = Fleet(systems=12, contacts=2, others=0), MovableClock(SATURDAY_NIGHT)
    configured = fleet.configuration() + "contact: {attempts: 2}\n"
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=configured) as world:
        world.answers(fleet.phone_of("partner-0"), Pickup.BUSY)
        for number in (1, 2):
            world.answers(fleet.phone_of("partner-1", number), Pickup.NO_ANSWER)
        await fall(world, fleet.checks())
        await seconds(world, 120)
        problem = await the_problem(world)
        assert problem["acknowledged_by"] == "nadia by phone", "it is ours already when nobody answers"

        called = Counter(call.number for call in world.exchange.calls)
        first, second = (fleet.phone_of("partner-0", number) for number in (1, 2))
        assert (called[first], called[second]) == (1, 1), "no third call to who was reached"
        assert called[fleet.phone_of("partner-2")] == 1
        unreached = [fleet.phone_of("partner-1", number) for number in (1, 2)]
        assert [called[one] for one in unreached] == [1, 1], "two attempts, and then no more"

        assert called[ENGINEER] == 2, "about the problem, and about who was not reached"
        alarm = next(call for call in reversed(world.exchange.calls) if call.number == ENGINEER)
        assert "Nobody at partner-1 could be told" in alarm.heard
        (ticket,) = await world.rows("tickets")
        assert (ticket["incident"], ticket["partner"]) == (problem["id"], "partner-1")
        assert "EU-1-1" in ticket["body"]
        mine = await world.rows("incidents", parent=problem["id"], partner="partner-1")
        assert {row["status"] for row in mine} == {"open"}, "nobody of theirs has said a word"
        rows = [row for row in await world.rows("outbox") if "|told|" in row["dedup"]]
        assert Counter(row["kind"] for row in rows) == {"call": 3, "ticket.open": 1}


async def test_a_page_that_cannot_be_rendered_holds_partners_up_for_ten_seconds_and_says_so(world):
    world.service.publisher.pages = NoPages()
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    problem = await the_problem(world)
    assert problem["page_shown_at"] is None
    (said,) = await world.rows("events", incident=problem["id"], kind="page.not_shown")
    assert "within 10 s" in said["text"]
    assert said["at"] - problem["opened_at"] >= timedelta(seconds=10)
    opened = [ticket["created_at"] for ticket in await world.rows("tickets")]
    assert len(opened) == 3
    assert min(opened) >= problem["opened_at"] + timedelta(seconds=10)


async def test_the_page_shows_it_before_any_partner_is_told(world):
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    problem = await the_problem(world)
    assert problem["page_shown_at"] is not None
    assert all(ticket["created_at"] >= problem["page_shown_at"] for ticket in await world.rows("tickets"))
    assert problem["title"] in world.service.pages.get("/").body.decode()


async def test_a_single_fault_waits_for_nothing(world):
    await fall(world, FLEET.checks()[:1])
    await world.deliver()
    incident = await world.incident()
    assert incident["parent"] is None
    attempts = await world.rows("attempts")
    assert sorted(attempt["channel"] for attempt in attempts) == ["phone", "ticket"]
    ringing = timedelta(
        seconds=5
    )  # the clock goes on while a telephone rings; a storm holds contacts up for 30 s
    assert all(attempt["started_at"] <= incident["opened_at"] + ringing for attempt in attempts)


async def test_while_a_storm_is_forming_new_contacts_wait_and_say_until_when(world):
    await fall(world, FLEET.checks(), looks=2)  # everybody fails, nobody is believed yet
    await world.service.pipeline.observed(a_look(FLEET.checks()[0], at=world.clock()))
    await world.deliver()
    rows = await world.rows("outbox")
    assert rows
    for row in rows:
        assert (row["state"], row["waits"]) == ("waiting", "bundle")
        assert "many systems of cloud eu-1 fail at once; one problem is being looked for" in row["reason"]
        assert row["not_before"] == row["created_at"] + timedelta(seconds=30)
    await seconds(world, 31)  # no storm came of it: what waited goes out
    assert [ticket["partner"] for ticket in await world.rows("tickets")] == ["partner-0"]


async def test_a_fault_of_everything_is_not_blamed_on_one_cloud_and_not_published(world):
    await fall(world, [*FLEET.checks("eu-1"), *FLEET.checks("us-1")])
    await seconds(world, 15)
    problem = await the_problem(world)
    assert problem["public"] is False
    assert problem["title"] == "All that is watched: many systems fail"
    assert await world.rows("tickets") == []
    world.only_called(ENGINEER)
    assert problem["title"] not in world.service.pages.get("/").body.decode()


async def test_partners_wait_for_the_engineers_word_on_a_draft_ten_minutes_at_most(world):
    await fall(world, [*FLEET.checks("eu-1"), *FLEET.checks("us-1")])
    problem = await the_problem(world)
    await world.passes_time(minutes=9)
    assert await world.rows("tickets") == []
    await world.passes_time(minutes=3)
    await world.tick()
    tickets = await world.rows("tickets")
    assert sorted(ticket["partner"] for ticket in tickets) == ["partner-0", "partner-1", "partner-2"]
    assert {ticket["incident"] for ticket in tickets} == {problem["id"]}
    assert "https://status.example.org" not in tickets[0]["body"]


async def test_a_public_word_publishes_a_draft_and_partners_are_told_after_the_page(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=FLEET.configuration(publish="draft")) as world:
        await fall(world, FLEET.checks())
        await seconds(world, 15)
        problem = await the_problem(world)
        assert problem["public"] is False
        await world.service.pipeline.update_global(
            problem["id"], state=PublicState.IDENTIFIED, body="A router failed.", actor="nadia"
        )
        await seconds(world, 3)
        problem = await the_problem(world)
        assert (problem["public"], problem["page_shown_at"] is None) == (True, False)
        assert len(await world.rows("tickets")) == 3


async def test_who_was_contacted_already_gets_a_note_in_their_ticket_and_nobody_a_second_ticket(world):
    early = FLEET.checks()[0]
    await fall(world, [early])
    await world.deliver()
    (first,) = await world.rows("tickets")
    calls_before = [call.number for call in world.exchange.calls]
    await fall(world, FLEET.checks()[1:])
    await seconds(world, 15)
    tickets = await world.rows("tickets")
    assert sorted(ticket["partner"] for ticket in tickets) == ["partner-0", "partner-1", "partner-2"]
    problem = await the_problem(world)
    row = (await told(world))[first["partner"]]
    assert (row["kind"], row["state"]) == ("ticket.comment", "done")
    (note,) = await world.rows("ticket_notes", ticket=first["id"])
    assert problem["title"] in note["text"]
    assert [call.number for call in world.exchange.calls if call.number != ENGINEER] == calls_before


async def test_a_partner_whose_first_system_fails_later_is_told_then(world):
    ours = [check for check in FLEET.checks() if int(check.split("-")[2]) % 3 != 2]
    await fall(world, ours)
    await seconds(world, 15)
    assert sorted(await told(world)) == ["partner-0", "partner-1"]
    await fall(world, [FLEET.checks()[2]])
    await seconds(world, 7)
    assert sorted(await told(world)) == ["partner-0", "partner-1", "partner-2"]
    assert len(await world.rows("tickets")) == 3
    late = await world.incident(system="EU-1-2")
    assert late["parent"] == (await the_problem(world))["id"]


async def test_no_promise_is_broken_for_a_partner_who_was_told(world):
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    await world.passes_time(minutes=60)
    assert [clock for clock in await world.rows("clocks") if clock["breached_at"] is not None] == []


async def test_when_all_are_well_it_is_watched_then_over_and_every_ticket_is_closed_with_a_note(world):
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    await fall(world, FLEET.checks(), verdict=Verdict.UP, looks=2)
    await seconds(world, 3)
    problem = await the_problem(world)
    assert (problem["public_state"], problem["status"]) == ("monitoring", "acknowledged")
    await seconds(world, 301)
    problem = await the_problem(world)
    assert (problem["public_state"], problem["status"]) == ("resolved", "resolved")
    assert {ticket["status"] for ticket in await world.rows("tickets")} == {"resolved"}
    notes = await world.rows("ticket_notes")
    assert len(notes) == 3
    assert all(problem["title"] in note["text"] for note in notes)
    states = [row["status"] for row in await world.rows("updates", incident=problem["id"])]
    assert states == ["investigating", "monitoring", "resolved"]
    world.only_called(ENGINEER)


async def test_systems_that_still_fail_when_it_is_resolved_by_hand_get_their_own_contact_and_no_new_problem(
    world,
):
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    problem = await the_problem(world)
    await fall(world, FLEET.checks()[1:], verdict=Verdict.UP, looks=2)
    await world.service.pipeline.resolve(problem["id"], actor="nadia", note="The router is replaced.")
    await seconds(world, 40)
    assert len(await world.rows("incidents", is_global=True)) == 1
    alone = await world.incident(system="EU-1-0")
    assert alone["held_by"] is None
    assert len(await world.rows("tickets", incident=alone["id"])) == 1


async def test_who_took_it_over_says_when_it_is_over(world):
    await fall(world, FLEET.checks())
    problem = await the_problem(world)
    await world.service.pipeline.update_global(
        problem["id"], state=PublicState.IDENTIFIED, body="A router failed.", actor="nadia"
    )
    await fall(world, FLEET.checks(), verdict=Verdict.UP, looks=2)
    await seconds(world, 5)
    assert (await the_problem(world))["public_state"] == "identified"


async def test_a_storm_goes_on_after_a_restart_and_nobody_is_told_twice(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as world:
        await fall(world, FLEET.checks()[:20])
        await seconds(world, 12)
        await world.service.rounds.save_looks()
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as world:
        await fall(world, FLEET.checks()[20:])
        await seconds(world, 12)
        assert len(await world.rows("incidents", is_global=True)) == 1
        problem = await the_problem(world)
        assert len(await world.rows("incidents", parent=problem["id"])) == 24
        assert len(await world.rows("tickets")) == 3


async def test_planned_work_over_the_cloud_is_no_storm_anybody_hears_of(world):
    await planned(world, components=("cloud-eu",))
    await fall(world, FLEET.checks())
    await seconds(world, 15)
    assert await world.rows("tickets") == []
    held = {row["held_by"] for row in await world.rows("incidents", is_global=False)}
    assert all(by.startswith("mnt_") for by in held)


async def test_a_storm_that_a_kill_kept_from_being_named_is_named_after_the_restart(tmp_path, database_url):
    clock = MovableClock()
    blind = FLEET.configuration(systems=1000, many=1000)
    async with a_world(tmp_path, database_url, clock=clock, configuration=blind) as world:
        for check in FLEET.checks():
            for _ in range(3):
                await world.service.pipeline.observed(a_look(check, at=clock()))
        assert await world.rows("incidents", is_global=True) == []
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as world:
        await seconds(world, 12)
        problem = await the_problem(world)
        assert len(await world.rows("incidents", parent=problem["id"])) == 24
        assert len(await world.rows("tickets")) == 3
        await world.service.pipeline.resolve(problem["id"], actor="nadia", note="Repaired.")
    async with a_world(tmp_path, database_url, clock=clock, configuration=FLEET.configuration()) as world:
        await seconds(world, 4)
        assert len(await world.rows("incidents", is_global=True)) == 1
