"""The queue in SQL: the same order as the pure one, on both databases; rates, caps and leases between processes."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.dialling import country_of
from monitor.domain.breaking import Breaker, BreakerPolicy
from monitor.domain.contacts import Obligation
from monitor.domain.pacing import Budget, Cap, ContactRules, Rate
from monitor.domain.queueing import Queued, in_order, provider_of
from monitor.domain.waiting import Waits
from monitor.storage import deliveries, outbox, outbox_queue, owing, providers, schema, schema_outbox
from monitor.storage.engine import Store, open_store
from monitor.storage.lists import Wanted
from monitor.storage.outbox import Claimed, Terms
from tests.factories import MONDAY_AT_TEN as NOW

SECOND = timedelta(seconds=1)
ROWS = schema.outbox
ROME, PARIS = "+390461234567", "+33142345678"


def a_row(number: int, **other: Any) -> dict[str, Any]:
    """Return a row that is about nothing on record: an announcement, a ticket."""
    return {
        "id": f"out_{number}",
        "kind": "announce",
        "channel": "mail",
        "dedup": f"dedup {number}",
        "partner": "aurora",
        "contact": None,
        "recipient": "a@b.example",
        "priority": 100,
        "state": "waiting",
        "created_at": NOW - 10 * SECOND,
        "not_before": NOW - SECOND,
        "attempts": 0,
        "first": True,
        **other,
    }


def a_call(number: int, **other: Any) -> dict[str, Any]:
    return a_row(number, **{"kind": "call", "channel": "phone", "recipient": ROME} | other)


def put(c: sa.Connection, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        c.execute(sa.insert(ROWS), row)


def terms(
    rules: ContactRules | None = None, *, now=NOW, most: int = 32, who: str = "a", **other: Any
) -> Terms:
    return Terms(
        now=now,
        lease=45 * SECOND,
        token=f"token {who}",
        new_ids=[f"att_{who}_{(now - NOW) / SECOND:g}_{number}" for number in range(most)],
        driver={},
        rules=rules or ContactRules(),
        country_of=country_of,
        fall_back=lambda row, what, key: (an_alarm(key, what),),
        **other,
    )


def an_alarm(key: str, what: str) -> Obligation:
    return Obligation(
        id=f"out_alarm_{key}"[:40],
        incident=None,
        kind="page",
        channel="page",
        dedup=f"alarm|{key}",
        partner="noc",
        contact="nadia",
        recipient="nadia@example.org",
        language="en",
        priority=10,
        not_before=NOW,
        payload={"alarm": what},
    )


async def claim(store: Store, rules: ContactRules | None = None, **other: Any) -> Claimed:
    """Choose and claim as the gate does."""
    made = terms(rules, **other)
    chosen = await store.read(outbox.choose, made.now, made.rules, limit=128)
    return await store.write(outbox.claim, chosen.rows, made)


async def row_of(store: Store, number: int) -> dict[str, Any]:
    def find(c: sa.Connection) -> dict[str, Any]:
        return dict(c.execute(sa.select(ROWS).where(ROWS.c.id == f"out_{number}")).mappings().one())

    return await store.read(find)


@pytest.mark.parametrize("seed", range(4))
async def test_the_order_of_the_record_is_the_pure_one(store, seed):
    dice = random.Random(seed)
    served = {"aurora": 3, "birch": 1, "cedar": 0}
    rows = [
        a_row(
            number,
            channel=dice.choice(["mail", "mail", "page", "ticket"]),
            recipient=dice.choice(["a@b.example", ROME]),
            partner=dice.choice([*served, None]),
            priority=dice.choice([10, 20, 21, 99, 100, 101]),
            attempts=dice.choice([0, 0, 1]),
            first=dice.choice([True, False, None]),
            state=dice.choice(["waiting", "waiting", "waiting", "done"]),
            not_before=NOW + dice.choice([-SECOND, timedelta(), SECOND]),
        )
        for number in range(60)
    ]

    def write(c: sa.Connection) -> None:
        put(c, rows)
        for partner, when in served.items():
            c.execute(sa.insert(schema_outbox.turns), {"partner": partner, "served": when})

    await store.write(write)
    found = await store.read(outbox_queue.next_up, NOW, limit=1000)
    expected: dict[str, list[Queued]] = {}
    for seq, row in enumerate(rows, start=1):
        if row["state"] == "waiting" and row["not_before"] <= NOW:
            queued = Queued(
                seq=seq,
                priority=row["priority"],
                partner=row["partner"],
                first=bool(row["first"]),
                attempts=row["attempts"],
                served=served.get(row["partner"] or "", 0),
            )
            expected.setdefault(provider_of(row["channel"], row["recipient"]), []).append(queued)
    assert found == {name: [row.seq for row in in_order(queue)] for name, queue in expected.items()}
    some = await store.read(outbox_queue.next_up, NOW, limit=5)
    assert some == {name: seqs[:5] for name, seqs in found.items()}


async def test_partners_take_turns_though_one_is_claimed_at_a_time(store):
    await store.write(put, [a_row(n) for n in range(20)] + [a_row(n, partner="birch") for n in range(20, 30)])
    served = []
    for step in range(12):
        done = await claim(store, most=1, who=f"{step}")
        served += [due.partner for due in done.due]
    assert served.count("birch") == served.count("aurora") == 6


async def test_a_rate_holds_over_two_processes_and_a_restart(store):
    await store.write(put, [a_row(n) for n in range(30)])
    rules = ContactRules(rates={"mail": Rate(per_second=2, burst=3)})
    first, second = await asyncio.gather(claim(store, rules, who="a"), claim(store, rules, who="b"))
    assert len(first.due) + len(second.due) == 3
    assert max(filter(None, (first.again_at, second.again_at))) == NOW + SECOND / 2
    later = await claim(store, rules, now=NOW + SECOND, who="c")
    assert len(later.due) == 2
    page = await store.read(deliveries.list_deliveries, Wanted(), NOW + SECOND, rules, Waits.RATE)
    assert len(page.items) == 25
    last = page.items[0]
    assert last.why == "24 go before it; the mail server takes 2 a second"
    assert last.until == NOW + SECOND + 12.5 * SECOND


async def test_nobody_is_called_oftener_than_a_person_bears(store):
    rules = ContactRules(caps={"phone": (Cap(calls=1, per=60 * SECOND), Cap(calls=2, per=900 * SECOND))})
    await store.write(put, [a_call(n, contact="giulia") for n in range(4)])
    (one,) = (await claim(store, rules)).due
    in_use = await row_of(store, 1)
    assert (in_use["waits"], in_use["reason"]) == ("contact_cap", "another call to this number is in the air")
    await store.write(outbox.finish, one, now=NOW + SECOND, result="no_answer")
    assert not (await claim(store, rules, now=NOW + SECOND, who="b")).due
    paused = await row_of(store, 1)
    assert paused["not_before"] == NOW + 60 * SECOND
    assert paused["reason"] == "giulia was called once within 1 min, which is the most"
    (two,) = (await claim(store, rules, now=NOW + 60 * SECOND, who="c")).due
    await store.write(outbox.finish, two, now=NOW + 61 * SECOND, result="no_answer")
    assert not (await claim(store, rules, now=NOW + 200 * SECOND, who="d")).due
    assert (await row_of(store, 2))["not_before"] == NOW + 900 * SECOND


async def test_an_urgent_matters_first_call_keeps_no_pause(store):
    rules = ContactRules(caps={"phone": (Cap(calls=1, per=600 * SECOND),)})
    await store.write(put, [a_call(0), a_call(1, priority=20)])
    (urgent,) = (await claim(store, rules, most=1)).due
    await store.write(outbox.finish, urgent, now=NOW, result="no_answer")
    await store.write(put, [a_call(2, priority=20)])
    (again,) = (await claim(store, rules, now=NOW + SECOND, who="b")).due
    assert again.id == "out_2"
    assert (await row_of(store, 0))["waits"] == "contact_cap"


async def test_a_call_that_the_provider_never_took_is_not_counted(store):
    rules = ContactRules(budget=Budget(per_day=1))
    await store.write(put, [a_call(0), a_call(1, recipient=PARIS)])
    (one,) = (await claim(store, rules, most=1)).due
    await store.write(outbox.retry_later, one, now=NOW, at=NOW + 900 * SECOND, reason="503")
    (two,) = (await claim(store, rules, now=NOW + SECOND, who="b")).due
    assert two.id == "out_1"


async def test_a_days_budget_stops_calls_until_midnight_and_tells_our_own_people_once(store):
    rules = ContactRules(budget=Budget(per_day=2))
    await store.write(put, [a_call(n, recipient=f"+39046123456{n}") for n in range(5)])
    done = await claim(store, rules)
    assert len(done.due) == 2
    stopped = await row_of(store, 4)
    assert (stopped["state"], stopped["waits"]) == ("waiting", "budget")
    assert stopped["not_before"] == NOW.replace(hour=0) + timedelta(days=1)
    assert stopped["reason"].startswith("today's calls are used up (2 a day)")
    alarms = await store.read(lambda c: c.scalars(sa.select(ROWS.c.dedup).where(ROWS.c.kind == "page")).all())
    assert len(alarms) == 1
    tomorrow = await claim(store, rules, now=stopped["not_before"], who="b")
    assert [due.kind for due in tomorrow.due].count("call") == 2


async def test_a_country_has_its_own_limit_and_others_are_called_on(store):
    rules = ContactRules(budget=Budget(per_country=1))
    await store.write(put, [a_call(0), a_call(1, recipient="+390461234568"), a_call(2, recipient=PARIS)])
    done = await claim(store, rules)
    assert sorted(due.id for due in done.due) == ["out_0", "out_2"]
    assert (await row_of(store, 1))["waits"] == "country_cap"


async def test_a_provider_that_is_away_is_tried_by_one_and_all_others_keep_their_attempts(store):
    rules = ContactRules(breaker=BreakerPolicy(failures=2, delays=(5.0, 10.0)))
    await store.write(put, [a_row(n) for n in range(10)])
    first = await claim(store, rules, most=4)
    breakers = [
        await store.write(outbox.not_taken, due, "mail", now=NOW, reason="503", rules=rules)
        for due in first.due
    ]
    assert [breaker.is_down for breaker in breakers] == [False, True, True, True]
    assert not (await claim(store, rules, now=NOW + 4 * SECOND, who="b")).seen
    probe = await claim(store, rules, now=NOW + 5 * SECOND, who="c")
    assert len(probe.due) == 1
    assert not (await claim(store, rules, now=NOW + 6 * SECOND, who="d")).due, "one at a time"
    waiting = await store.read(
        deliveries.list_deliveries, Wanted(), NOW + 6 * SECOND, rules, Waits.PROVIDER_DOWN
    )
    assert len(waiting.items) == 8
    assert all("the mail server is away since" in line.why or line.attempts == 0 for line in waiting.items)
    assert await store.write(providers.back, "mail", now=NOW + 7 * SECOND)
    after = await claim(store, rules, now=NOW + 7 * SECOND, who="e")
    assert len(after.due) == 8, (
        "all but the probe and the one that spent an attempt and waits for its own time"
    )
    assert {due.attempts for due in after.due} == {1}


async def test_an_alarm_is_raised_once_while_somebody_waits(store):
    policy = BreakerPolicy(alarm_after=60.0)
    down = providers.Standing(breaker=Breaker(failures=3, down_since=NOW, probe_at=NOW, why="503"))

    def fall(c: sa.Connection) -> None:
        providers.locked(c, "mail")
        providers.keep(c, "mail", down)

    await store.write(fall)
    later = NOW + 61 * SECOND

    def tell(name, since, why, waiting) -> Obligation:
        return an_alarm(f"{name}|{since}", f"{why} {waiting}")

    assert await store.read(providers.alarms_due, later, policy) == [], "nobody waits"
    await store.write(put, [a_row(1)])
    for _ in range(2):
        await store.write(providers.raise_alarms, later, policy, tell)
    pages = await store.read(
        lambda c: c.scalars(sa.select(ROWS.c.payload).where(ROWS.c.kind == "page")).all()
    )
    assert list(pages) == ['{"alarm":"503 1"}'] or list(pages) == ['{"alarm": "503 1"}']


async def test_what_another_settled_is_not_written_over(store):
    await store.write(put, [a_row(1)])
    (zombie,) = (await claim(store, who="zombie")).due
    later = NOW + 60 * SECOND
    (doubt,) = await store.read(outbox.in_doubt, now=later)
    heir = await store.write(outbox.adopt, doubt, now=later, token="heir", watch=45 * SECOND)
    assert heir is not None
    assert not await store.write(outbox.finish, zombie, now=later, result="delivered")
    assert not await store.write(outbox.give_up, zombie, now=later, reason="late")
    assert await store.write(outbox.finish, heir, now=later, result="delivered")
    assert (await row_of(store, 1))["state"] == "done"


async def test_two_processes_claim_every_row_once(postgresql_url):
    async with open_store(postgresql_url) as one, open_store(postgresql_url) as two:
        await one.write(put, [a_row(n, partner=f"p{n % 7}") for n in range(200)])

        async def drain(store: Store, who: str) -> list[str]:
            claimed: list[str] = []
            for step in range(100):
                done = await claim(store, most=8, who=f"{who}{step}")
                claimed += [due.id for due in done.due]
                if not done.due and len(claimed) > 20:
                    break
                await asyncio.sleep(0)
            return claimed

        ours, theirs = await asyncio.gather(drain(one, "a"), drain(two, "b"))
    assert sorted([*ours, *theirs]) == sorted(f"out_{n}" for n in range(200))
    assert ours
    assert theirs


async def test_the_first_contact_with_a_partner_about_a_matter_is_known(store):
    def write(c: sa.Connection) -> list[bool]:
        made = [
            Obligation(
                id=f"out_{number}",
                incident=None,
                kind="announce",
                channel="mail",
                dedup=str(number),
                partner=None,
                contact=None,
                recipient="a@b.example",
                language="en",
                priority=100,
                not_before=NOW,
                waits=Waits.BUNDLE,
            )
            for number in (1, 2)
        ]
        owing.owe(c, made, NOW)
        return list(c.execute(sa.select(ROWS.c.first, ROWS.c.waits).order_by(ROWS.c.seq)).all())

    assert [tuple(row) for row in await store.write(write)] == [(True, "bundle"), (True, "bundle")]


async def test_a_doubt_that_waited_for_its_turn_takes_nothing_from_the_attempt_that_followed(store):
    await store.write(put, [a_call(1)])
    (first,) = (await claim(store, who="first")).due
    later = NOW + 60 * SECOND
    (doubt,) = await store.read(outbox.in_doubt, now=later)
    (same,) = await store.read(outbox.in_doubt, now=later)  # another process found it, too
    heir = await store.write(outbox.adopt, doubt, now=later, token="heir", watch=45 * SECOND)
    assert heir is not None
    assert await store.write(outbox.retry_later, heir, now=later, at=later, reason="it was never placed")
    (second,) = (await claim(store, now=later, who="second")).due
    assert second.attempt != first.attempt
    assert await store.write(outbox.adopt, same, now=later, token="late", watch=45 * SECOND) is None
    assert await store.write(outbox.placed, second, provider_id="SB2", now=later, watch=90 * SECOND), (
        "the second attempt is ours still"
    )
    assert (await row_of(store, 1))["state"] == "sent"


async def test_two_processes_that_find_the_same_doubt_ask_once(store):
    await store.write(put, [a_call(1)])
    await claim(store)
    later = NOW + 60 * SECOND
    (ours,) = await store.read(outbox.in_doubt, now=later)
    (theirs,) = await store.read(outbox.in_doubt, now=later)
    assert await store.write(outbox.adopt, ours, now=later, token="a", watch=45 * SECOND) is not None
    assert await store.write(outbox.adopt, theirs, now=later, token="b", watch=45 * SECOND) is None
