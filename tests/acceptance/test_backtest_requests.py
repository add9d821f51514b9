"""Requests on record, judged again under another policy: class, charge, duties, what is missing, deadlines."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from monitor.backtest import Backtest, Totals
from monitor.settings.policies import edition
from monitor.storage.replay import Span
from monitor.storage.schema_requests import requests
from tests.acceptance.desks import CRITICAL_MAIL, DESK, PLM_FIELDS, TUESDAY_AT_TEN, a_filing
from tests.acceptance.world import MovableClock, a_world


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(
        tmp_path, database_url, clock=MovableClock(TUESDAY_AT_TEN), configuration=DESK
    ) as made:
        yield made


@pytest.fixture
async def quick_world(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, clock=MovableClock(TUESDAY_AT_TEN), configuration=DESK) as made:
        yield made


async def some_requests(world):
    """File one of each policy: two of the reseller's, one critical mail, one turned over to the help desk."""
    file = world.service.desk.file
    await file(a_filing(channel="portal", contact="astrid", fields={**PLM_FIELDS, "priority": "high"}))
    await file(a_filing(channel="portal", contact="karin", fields={**PLM_FIELDS, "priority": "low"}))
    await file(a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, priority="Critical"))
    await file(
        a_filing(channel="phone", contact="mia", fields={"message": "It is slow."}, symptom="degraded")
    )
    await file(a_filing(symptom="question"))


def policy_of(world, name):
    return world.service.world.in_force.policies[name]


def edited(world, name, old, new):
    text = policy_of(world, name).text
    assert old in text, old
    return edition(text.replace(old, new, 1))


async def tried(world, policy, inventory=None):
    in_force = world.service.world.in_force
    test = Backtest(
        tried=policy,
        in_force=in_force.policies[policy.name],
        inventory=inventory or in_force.inventory,
    )
    totals, told = Totals(), []
    span = Span(policy=policy.name, until=world.clock() + timedelta(days=1))
    async for outcome in test.outcomes(world.service.store, span):
        totals.add(outcome)
        if outcome.changes or outcome.unknowable:
            told.append(outcome)
    return told, totals


def brief(outcome):
    return {change.what: (change.was, change.would_be) for change in outcome.changes}


async def test_under_the_policies_in_force_no_request_would_be_answered_otherwise(world):
    await some_requests(world)
    counted = 0
    for name in ("plm", "wolfram", "helpdesk", "wildix"):
        told, totals = await tried(world, policy_of(world, name))
        assert told == []
        counted += totals.tried["request"]
    assert counted == len(await world.rows("requests")) == 5


async def test_another_goal_is_another_deadline_counted_from_the_receipt(world):
    await some_requests(world)
    world.clock.forward(86_400)
    goals = edited(world, "plm", '{class: high, plan: premium, clause: "4", support_time: 4h}', '{class: high, plan: premium, clause: "4", support_time: 2h}')  # fmt: skip
    (outcome,), totals = await tried(world, goals)
    # received at ten in Copenhagen; four hours with lunch between are up at three, two at noon
    assert brief(outcome) == {
        "deadlines": (["response by 2026-11-24T14:00:00Z"], ["response by 2026-11-24T11:00:00Z"])
    }
    assert (totals.tried["request"], totals.differ["request"], outcome.of) == (2, 1, "fjord")


async def test_another_charge_another_duty_another_field_and_another_channel_are_each_listed(world):
    await some_requests(world)
    charge = edited(world, "helpdesk", "{class: ticket, clause: Incident Charges, incidents: 1", "{class: ticket, clause: Incident Charges, incidents: 3")  # fmt: skip
    ((outcome,), _) = await tried(world, charge)
    assert brief(outcome) == {"charge": (1, 3)}

    duties = policy_of(world, "wolfram")
    rules = duties.requests
    later = tuple(replace(d, elapsed=1800.0) if d.elapsed == 900 else d for d in rules.duties)
    ((outcome,), _) = await tried(world, replace(duties, requests=replace(rules, duties=later)))
    assert set(brief(outcome)) == {"duties"}
    was, would_be = brief(outcome)["duties"]
    assert "call_within_15_minutes by 2026-11-24T09:15:00Z" in was
    assert "call_within_15_minutes by 2026-11-24T09:30:00Z" in would_be

    fields = edited(world, "wildix", "fields: [subject, message], channels", "fields: [subject, message, traces], channels")  # fmt: skip
    ((outcome,), _) = await tried(world, fields)
    assert brief(outcome)["missing"] == ([], ["traces"])
    assert brief(outcome)["accepted"] == (True, False)

    closed = edited(world, "wildix", 'portal: {clause: "3.1",', 'portal: {clause: "3.1", tickets: existing,')
    ((outcome,), _) = await tried(world, closed)
    assert brief(outcome)["channel_allowed"] == (True, False)
    assert brief(outcome)["deadlines"] == (["response by 2026-11-24T17:00:00Z"], [])


async def test_whose_system_or_partner_is_gone_is_told_and_the_others_are_tried(quick_world):
    world = quick_world
    await some_requests(world)
    inventory = world.service.world.in_force.inventory
    partners = {name: one for name, one in inventory.partners.items() if name != "hush"}
    told, totals = await tried(world, policy_of(world, "plm"), replace(inventory, partners=partners))
    assert [outcome.unknowable for outcome in told] == ["partner hush is not in the inventory any more"]
    assert (totals.tried["request"], totals.unknowable["request"]) == (2, 1)


@pytest.mark.parametrize(
    "damage",
    [
        {"request": "{"},
        {"request": "[]"},
        {"request": '{"fields": {}}'},
        {"request": '{"channel": "phone", "symptom": "gremlins"}'},
        {"request": '{"channel": "phone", "fields": 7}'},
        {"judgement": "nothing"},
        {"judgement": "{}"},
        {"judgement": '{"accepted": true, "duties": 3}'},
    ],
    ids=str,
)
async def test_a_damaged_request_is_told_and_not_fatal(quick_world, damage):
    world = quick_world
    await world.service.desk.file(a_filing(symptom="question"))
    await world.service.desk.file(a_filing(symptom="question"))
    (first, _) = await world.rows("requests")

    def harm(c):
        c.execute(sa.update(requests).where(requests.c.id == first["id"]).values(damage))

    await world.service.store.write(harm)
    told, totals = await tried(world, policy_of(world, "wildix"))
    assert [(o.id, bool(o.unknowable)) for o in told] == [(first["id"], True)]
    assert totals.tried["request"] == 2


async def test_of_a_request_whose_edition_is_not_on_record_all_but_the_deadlines_are_compared(quick_world):
    world = quick_world
    await world.service.desk.file(a_filing(symptom="question"))
    goals = edited(world, "wildix", "before_opening: same_day", "before_opening: next_day")
    goals = replace(goals, promises={**goals.promises, ("standard", None, "response"): goals.promises["critical", None, "response"]})  # fmt: skip
    ((outcome,), _) = await tried(world, goals)
    assert set(brief(outcome)) == {"deadlines"}
    await world.service.store.write(lambda c: c.execute(sa.update(requests).values(policy_digest="0" * 64)))
    assert (await tried(world, goals))[0] == []


async def test_somebody_elses_system_makes_no_difference(quick_world):
    known = {"impact": "limited", "workaround": True}  # of one's own cloud system it would be critical
    fields = {"subject": "x", "message": "y"}
    await quick_world.service.desk.file(
        a_filing(system="PBX-4", symptom="unreachable", facts=known, fields=fields)
    )
    (kept,) = await quick_world.rows("requests")
    assert (kept["status"], kept["system"], kept["class"]) == ("open", None, "standard")
    told, totals = await tried(quick_world, policy_of(quick_world, "wildix"))
    assert (told, totals.tried["request"]) == ([], 1)
