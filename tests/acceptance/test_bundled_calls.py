"""A partner with several urgent incidents waiting is called once; the call names them all, and so does a key pressed on it."""

from datetime import timedelta

import pytest

from tests.acceptance.world import GIULIA, MARCO, MovableClock, Pickup, a_world
from tests.factories import SATURDAY_NIGHT


@pytest.fixture
async def night(tmp_path, database_url):
    async with a_world(tmp_path, database_url, clock=MovableClock(SATURDAY_NIGHT)) as made:
        yield made


def nobody_answers(world):
    for number in (GIULIA, MARCO):
        world.answers(number, Pickup.NO_ANSWER)


async def two_fail(world):
    await world.fails("pbx-1-sip", every=1)
    await world.fails("pbx-2-sip", every=1)


async def calls_owed(world):
    return {row["incident"]: row for row in await world.rows("outbox", kind="call")}


async def test_one_call_names_both_and_a_key_acknowledges_both(night):
    await two_fail(night)
    await night.passes_time(minutes=5)
    night.only_called(GIULIA)
    heard = night.exchange.calls[0].heard
    assert "2 problems at once: P B X 1, P B X 2" in heard
    assert {row["status"] for row in await night.rows("incidents")} == {"acknowledged"}
    states = sorted(row["state"] for row in (await calls_owed(night)).values())
    assert states == ["cancelled", "done"]


async def test_what_is_bundled_says_so_and_tickets_stay_one_for_each(night):
    nobody_answers(night)
    await two_fail(night)
    await night.deliver()
    rows = await calls_owed(night)
    (lead,) = [row for row in rows.values() if row["attempts"]]
    (rides,) = [row for row in rows.values() if not row["attempts"]]
    assert (rides["state"], rides["waits"]) == ("waiting", "bundle")
    assert rides["reason"] == f"bundled into {lead['id']}: one call names them all"
    assert rides["not_before"] > night.clock() - timedelta(minutes=1)
    tickets = await night.rows("tickets")
    assert len({ticket["incident"] for ticket in tickets}) == 2


async def test_one_that_is_well_again_before_the_call_is_not_named(night):
    nobody_answers(night)
    await two_fail(night)
    await night.deliver()
    rows = await calls_owed(night)
    other = next(row["incident"] for row in rows.values() if not row["attempts"])
    await night.service.pipeline.resolve(other, actor="nadia")
    night.answers(GIULIA)
    night.answers(MARCO)
    await night.passes_time(minutes=20)
    assert "problems at once" not in night.exchange.calls[-1].heard
    assert "P B X" in night.exchange.calls[-1].heard


async def test_a_call_that_ends_without_a_key_lets_the_others_go_by_themselves(night):
    await two_fail(night)
    lead = min((await calls_owed(night)).values(), key=lambda row: row["seq"])
    nobody_answers(night)
    await night.deliver()
    await night.service.pipeline.resolve(lead["incident"], actor="nadia")
    night.answers(GIULIA)
    night.answers(MARCO)
    await night.passes_time(minutes=30)
    (other,) = [row for id_, row in (await calls_owed(night)).items() if id_ != lead["incident"]]
    assert other["state"] == "done"
    assert (await night.incident(id=other["incident"]))["status"] == "acknowledged"
