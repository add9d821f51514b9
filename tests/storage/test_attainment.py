"""What the attainment report reads: requests' clocks beside incidents', duties apart, hours by the pinned edition."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from monitor.domain.attainment import Line, tally
from monitor.domain.timed import as_pinned, duty, timed
from monitor.settings.policies import load_policy
from monitor.sla_report import as_json, sla_report
from monitor.storage import schema as t
from monitor.storage.attainment import Wanted, _kept, tallied
from monitor.storage.schema_requests import requests

POLICY = load_policy(Path(__file__).parents[2] / "config" / "policies" / "plm.yaml")
DENMARK = POLICY.calendars["DK"]
THURSDAY = datetime(
    2026, 11, 19, 14, 30, tzinfo=UTC
)  # half past three in Copenhagen: half an hour is left of the day
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def a_request(c: sa.Connection, name: str, **other):
    known = {
        "id": name, "policy": "plm", "policy_version": "1", "policy_digest": POLICY.digest, "channel": "email", "partner": "fir",
        "class": "high", "status": "open", "reply_key": name, "received_at": THURSDAY,
    }  # fmt: skip
    c.execute(sa.insert(requests).values({**known, **other}))


def an_incident(c: sa.Connection, name: str, **other):
    known = {
        "id": name, "dedup_key": name, "status": "open", "class": "critical", "partner": "fir", "policy": "plm", "title": "t",
        "symptom": "crash", "source": "check", "opened_at": THURSDAY, "since": THURSDAY,
    }  # fmt: skip
    c.execute(sa.insert(t.incidents).values({**known, **other}))


def promised(c: sa.Connection, clock, *, pauses=(), **other) -> int:
    row = {
        "name": clock.clock, "class": clock.cls, "party": clock.party, "promise": json.dumps(as_pinned(clock)),
        "started_at": clock.started_at, "due": clock.due.due, "limit": clock.due.limit,
    } | other  # fmt: skip
    (seq,) = c.execute(sa.insert(t.clocks).values(row)).inserted_primary_key
    for start, end in pauses:
        c.execute(sa.insert(t.clock_pauses).values(clock=seq, from_at=start, to_at=end, reason="waiting"))
    return seq


def kept_edition(c: sa.Connection):
    c.execute(
        sa.insert(t.policy_editions).values(
            digest=POLICY.digest, name="plm", version="1", text=POLICY.text, first_seen_at=THURSDAY
        )
    )


async def test_the_time_that_was_counted_is_told_by_the_edition_a_clock_is_pinned_to(store):
    (clock,) = timed(POLICY, "high", "premium", DENMARK, THURSDAY)

    def fill(c):
        kept_edition(c)
        a_request(c, "R-1")
        # met at half past eight on Friday morning: half an hour on Thursday, half an hour on Friday
        promised(c, clock, request="R-1", met_at=datetime(2026, 11, 20, 7, 30, tzinfo=UTC))
        a_request(c, "R-2")
        # the same, but it waited for the customer from a quarter to four until a quarter past eight: half of it is left
        pause = (THURSDAY + timedelta(minutes=15), datetime(2026, 11, 20, 7, 15, tzinfo=UTC))
        promised(c, clock, request="R-2", met_at=datetime(2026, 11, 20, 7, 30, tzinfo=UTC), pauses=[pause])

    await store.write(fill)
    report = await sla_report(store, Wanted(until=DECEMBER))
    ((line, found),) = report.lines
    assert line == Line(party="us", partner="fir", policy="plm", cls="high", clock="response")
    assert sorted(found.seconds) == [1800, 3600]
    assert (found.median, found.p95, found.attainment) == (2700, 3600, 100.0)


async def test_where_the_edition_is_not_on_record_the_time_is_not_told_and_the_rest_is(store):
    (clock,) = timed(POLICY, "high", "premium", DENMARK, THURSDAY)

    def fill(c):
        a_request(c, "R-1")
        promised(c, clock, request="R-1", met_at=THURSDAY + timedelta(minutes=5))
        an_incident(c, "inc-1")
        promised(c, clock, incident="inc-1", met_at=THURSDAY + timedelta(minutes=5), promise="{}")

    await store.write(fill)
    ((_, found),) = (await sla_report(store, Wanted(until=DECEMBER))).lines
    assert (found.promised, found.median) == (2, None)


async def test_customers_duties_are_told_apart_and_counted_by_any_watch(store):
    call = duty("call_within_15_minutes", "critical", THURSDAY, THURSDAY + timedelta(minutes=15), clause="4")

    def fill(c):
        for name, met in (("R-1", 10), ("R-2", None)):
            a_request(c, name, **{"class": "critical"})
            promised(c, call, request=name, met_at=THURSDAY + timedelta(minutes=met) if met else None)

    await store.write(fill)
    answer = as_json(await sla_report(store, Wanted(until=DECEMBER)))
    assert [(x["party"], x["clock"], x["met_in_time"], x["broken_open"]) for x in answer["lines"]] == [
        ("customer", "call_within_15_minutes", 1, 1),
        ("us", "response", 0, 0),
    ]
    assert answer["lines"][0]["median_seconds"] == 600
    assert (answer["totals"]["us"]["promised"], answer["totals"]["customer"]["promised"]) == (0, 2)
    assert answer["totals"]["us"]["nothing_promised"] == 2


async def test_what_promises_nothing_is_counted_where_a_partner_waits_and_it_was_taken(store):
    def fill(c):
        a_request(c, "R-1", **{"class": "question"})
        a_request(c, "R-2", **{"class": "question"}, received_at=DECEMBER)
        a_request(c, "R-3", **{"class": "question"}, status="refused")
        an_incident(c, "inc-1", **{"class": "low"})
        an_incident(c, "inc-2", partner=None)

    await store.write(fill)
    lines = as_json(await sla_report(store, Wanted(until=DECEMBER)))["lines"]
    assert [(x["class"], x["nothing_promised"], x["attainment_percent"]) for x in lines] == [
        ("low", 1, None),
        ("question", 1, None),
    ]


async def test_the_record_is_told_by_what_had_begun_and_the_last_event_before_the_end(store):
    (clock,) = timed(POLICY, "high", "premium", DENMARK, THURSDAY)

    def fill(c):
        a_request(c, "R-1")
        promised(c, clock, request="R-1")
        promised(c, clock, request="R-1", started_at=DECEMBER)
        for at in (THURSDAY, THURSDAY, DECEMBER):
            c.execute(sa.insert(t.events).values(request="R-1", at=at, kind="request.filed"))

    await store.write(fill)
    _, record = await store.read(tallied, Wanted(until=DECEMBER), lambda _: None)
    assert (record.clocks, record.last_event) == (1, 2)


async def test_what_ended_before_the_interval_is_not_read_and_no_figure_is_other_for_it(store):
    (clock,) = timed(POLICY, "high", "premium", DENMARK, THURSDAY)
    chance = random.Random(7)

    def at(hours):
        return THURSDAY + timedelta(hours=hours)

    def fill(c):
        for n in range(300):
            an_incident(c, f"inc-{n}")
            begun = chance.randint(0, 200)
            ends = dict.fromkeys(("met_at", "cancelled_at"))
            if chance.random() < 0.7:
                ends[chance.choice(list(ends))] = at(begun + chance.randint(0, 60))
            changed = at(begun + chance.randint(0, 60)) if chance.random() < 0.3 else None
            due = at(begun + chance.randint(-5, 40))
            if changed is not None:
                row = {"started_at": at(begun), "due": due, "superseded_at": changed, "class": "low"}
                promised(c, clock, incident=f"inc-{n}", **row)
                due = at(begun + chance.randint(0, 40))
                ends = {name: end and max(end, changed) for name, end in ends.items()}
            promised(c, clock, incident=f"inc-{n}", started_at=at(begun), due=due, **ends)

    await store.write(fill)
    for since, until in ((0, 50), (50, 100), (100, 101), (100, 250), (250, 400)):
        wanted = Wanted(since=at(since), until=at(until), keep=True)
        found, _ = await store.read(tallied, wanted, lambda _: 1.0)

        def of_everything(c, wanted=wanted):
            return tally(
                _kept(c, Wanted(until=wanted.until)), wanted.since, wanted.until, lambda _: 1.0, keep=True
            )

        assert told(found) == told(await store.read(of_everything))


def told(found):
    """Return the figures, and which clocks they are made of; not what came before a clock."""
    return {
        line: (
            of.counts,
            of.open_from_before,
            of.median,
            [(each.clock.id, each.outcome, each.at) for each in of.clocks],
        )
        for line, of in found.items()
    }
