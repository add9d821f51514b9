"""Clocks on record, of incidents and of requests: paused, recounted by their own edition, warned of, broken."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.domain.policy import Policy
from monitor.domain.timed import Party, duty, edition_of, timed
from monitor.errors import ConflictError, NotFoundError
from monitor.settings.policies import edition
from monitor.storage import clocks, editions, overdue, recounting, schema
from monitor.storage.clocks import ClockRow, Subject
from monitor.storage.engine import Store
from monitor.storage.schema_requests import requests

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 10:00 in Rome
INCIDENT, REQUEST = Subject(incident="inc_1"), Subject(request="req_1")
ONE, TWO = "waiting_for_customer", "waiting_for_parts"

TEXT = """\
policy: small
title: A small one
version: "1"
calendars:
  work: {zone: Europe/Rome, hours: {mon-fri: ["09:00-18:00"]}}
calendar_for: [{calendar: work}]
classes: [{name: red}, {name: green}]
rules: [{name: rest, class: green, clause: a, when: always}]
goals:
  - {class: red, clause: b, support_time: 30m}
  - {class: red, clock: resolution, clause: b, support_time: 4h, warn: 1h}
  - {class: red, clock: parts, clause: b, elapsed: 8h}
  - {class: green, clause: c, support_time: 2h, limit: {support_time: 3h}}
  - {class: green, clock: resolution, clause: c, support_time: 16h}
more_waits: [waiting_for_parts]
pausing: {parts: {while: [waiting_for_customer, waiting_for_parts]}}
eligibility: {everyone: true}
contact:
  red: {inside: [{channel: phone}], outside: [{channel: phone}]}
  green: {inside: [{channel: ticket}], outside: [{channel: ticket}]}
"""
POLICY = edition(TEXT)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def an_incident(c: sa.Connection, policy: Policy) -> None:
    given = {
        "id": "inc_1",
        "dedup_key": "k",
        "status": "open",
        "title": "t",
        "symptom": "other",
        "source": "check",
    }
    c.execute(
        sa.insert(schema.incidents).values(
            given | {"opened_at": MONDAY, "since": MONDAY, "policy_digest": policy.digest}
        )
    )


def a_request(c: sa.Connection, policy: Policy) -> None:
    given = {"id": "req_1", "policy": policy.name, "policy_version": "1", "policy_digest": policy.digest}
    more = {"channel": "portal", "status": "open", "reply_key": "r", "received_at": MONDAY}
    c.execute(sa.insert(requests).values(given | more))


@pytest.fixture
def subject(database_url: str) -> Subject:
    """Take turns: what a clock is about is one column or the other, whatever the database."""
    return INCIDENT if database_url.startswith("sqlite") else REQUEST


@pytest.fixture
def begin(store: Store, subject: Subject) -> Callable:
    async def begun(cls: str = "red", policy: Policy = POLICY, now: datetime = MONDAY) -> None:
        def work(c: sa.Connection) -> None:
            editions.keep(c, [policy], now)
            (an_incident if subject.incident else a_request)(c, policy)
            clocks.start(c, subject, timed(policy, cls, None, policy.calendars["work"], now))

        await store.write(work)

    return begun


async def rows(store: Store, subject: Subject) -> dict[str, ClockRow]:
    found = await store.read(clocks.rows, clocks.of(subject), clocks.clocks.c.superseded_at.is_(None))
    return {row.name: row for row in found}


async def told(store: Store, subject: Subject, *kinds: str) -> list[str]:
    e = schema.events.c
    mine = e.incident == subject.incident if subject.incident else e.request == subject.request
    query = sa.select(e.kind).where(mine).order_by(e.seq)
    return [kind for kind in await store.read(lambda c: c.scalars(query).all()) if not kinds or kind in kinds]


async def test_what_is_promised_is_timed_with_the_edition_it_is_counted_by(store, subject, begin):
    await begin()
    found = await rows(store, subject)
    assert {name: row.due for name, row in found.items()} == {
        "response": at(0.5),
        "resolution": at(4),
        "parts": at(8),
    }
    assert found["resolution"].warn_at == at(3)
    pinned = found["resolution"].timed
    assert (pinned.edition.digest, pinned.calendar, pinned.promise.clause) == (POLICY.digest, "work", "b")
    assert pinned.waits == {ONE}


async def test_waiting_for_the_customer_pauses_the_resolution_and_not_the_response(store, subject, begin):
    await begin()
    assert await store.write(recounting.pause, subject, ONE, now=at(0.25), actor="nadia") == (
        "resolution",
        "parts",
    )
    found = await rows(store, subject)
    assert {name: row.paused_since for name, row in found.items()} == {
        "response": None,
        "resolution": at(0.25),
        "parts": at(0.25),
    }
    assert await store.read(overdue.standing_still) == {("red", "resolution"): 1, ("red", "parts"): 1}
    assert await store.read(overdue.running) == {("red", "response"): 1}


async def test_the_due_moves_by_the_open_time_that_the_wait_took(store, subject, begin):
    await begin()
    await store.write(
        recounting.pause, subject, ONE, now=at(7), actor="nadia"
    )  # 17:00, an hour to the closing
    before = await rows(store, subject)
    assert before["resolution"].due == at(4), "it was due before the wait"
    assert await store.write(recounting.resume, subject, ONE, now=at(24), actor="nadia") == (
        "resolution",
        "parts",
    )
    found = await rows(store, subject)
    assert found["resolution"].due == at(4), "a wait that came too late takes nothing"
    assert found["parts"].due == at(8 + 17), "an elapsed clock gets all of it back"


async def test_a_wait_over_the_night_gives_back_open_time_only(store, subject, begin):
    await begin()
    await store.write(recounting.pause, subject, ONE, now=at(2), actor="nadia")  # 12:00
    await store.write(recounting.resume, subject, ONE, now=at(24), actor="nadia")  # 10:00 on Tuesday
    found = await rows(store, subject)
    assert found["resolution"].due == at(26)
    assert found["resolution"].warn_at == at(25), "and the warning is walked back from there"
    assert [(p.start, p.end, p.reason) for p in found["resolution"].pauses] == [(at(2), at(24), ONE)]
    assert await told(store, subject) == [
        "wait.began", "clock.paused", "clock.paused", "wait.ended", "clock.resumed", "clock.resumed",
    ]  # fmt: skip


async def test_two_waits_that_overlap_stop_a_clock_once(store, subject, begin):
    await begin()
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    assert await store.write(recounting.pause, subject, TWO, now=at(2), actor="nadia") == ("parts",)
    await store.write(recounting.resume, subject, ONE, now=at(3), actor="nadia")
    found = await rows(store, subject)
    assert (found["resolution"].paused_since, found["parts"].paused_since) == (None, at(2))
    await store.write(recounting.resume, subject, TWO, now=at(4), actor="nadia")
    found = await rows(store, subject)
    assert (found["resolution"].due, found["parts"].due) == (at(6), at(11))
    assert (await told(store, subject)).count("clock.resumed") == 2


async def test_a_wait_is_begun_and_ended_once(store, subject, begin):
    await begin()
    with pytest.raises(ConflictError, match="is not waiting for customer"):
        await store.write(recounting.resume, subject, ONE, now=at(1), actor="nadia")
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    with pytest.raises(ConflictError, match="is waiting for customer already"):
        await store.write(recounting.pause, subject, ONE, now=at(2), actor="nadia")
    await store.write(recounting.resume, subject, ONE, now=at(3), actor="nadia")
    await store.write(recounting.pause, subject, ONE, now=at(4), actor="nadia")
    assert [(w.start, w.end) for w in await store.read(recounting.waits, subject)] == [
        (at(1), at(3)),
        (at(4), None),
    ]


async def test_nothing_is_known_of_what_is_not_there(store, subject):
    with pytest.raises(NotFoundError, match=r"there is no (incident|request)"):
        await store.write(recounting.pause, subject, ONE, now=MONDAY, actor="nadia")


async def test_a_clock_that_stands_still_is_neither_warned_of_nor_broken(store, subject, begin):
    await begin()
    await store.write(clocks.meet, subject, at(0.1))
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    assert not await store.read(overdue.something_is_due, at(300))
    assert await store.write(overdue.warn, at(300)) == []
    assert await store.write(overdue.breach, at(300)) == []
    await store.write(recounting.resume, subject, ONE, now=at(2), actor="nadia")
    found = await rows(store, subject)
    assert found["resolution"].due == at(5)
    assert [m.name for m in await store.write(overdue.warn, at(4))] == ["resolution"]


async def test_a_warning_is_given_once_and_then_the_breach_once(store, subject, begin):
    await begin()
    assert await store.read(overdue.something_is_due, at(0.374)) is False
    assert await store.read(overdue.something_is_due, at(0.375)) is True
    assert [m.name for m in await store.write(overdue.warn, at(0.375))] == ["response"]
    assert await store.write(overdue.warn, at(0.4)) == []
    assert await store.write(overdue.breach, at(0.5)) == [], "the due itself is in time"
    (broken,) = await store.write(overdue.breach, at(0.5) + timedelta(seconds=1))
    assert (broken.name, broken.cls, broken.party, broken.subject) == ("response", "red", Party.US, subject)
    assert await store.write(overdue.breach, at(1)) == []
    assert await told(store, subject) == ["clock.warned", "clock.breached"]


async def test_a_goal_with_a_limit_is_warned_of_at_the_goal_and_broken_at_the_limit(store, subject, begin):
    await begin("green")
    assert (await rows(store, subject))["response"].warn_at == at(2)
    assert [m.name for m in await store.write(overdue.warn, at(2.5))] == ["response"]
    assert await store.write(overdue.breach, at(3)) == []
    assert [m.name for m in await store.write(overdue.breach, at(3.01))] == ["response"]


async def test_what_is_broken_already_is_not_warned_of(store, subject, begin):
    await begin()
    names = [m.name for m in await store.write(overdue.breach, at(9))]
    assert names == ["response", "resolution", "parts"]
    assert await store.write(overdue.warn, at(9)) == []


async def test_what_is_met_late_is_late_on_record_though_no_round_saw_it(store, subject, begin):
    await begin()
    assert await store.write(clocks.meet, subject, at(2)) is True
    row = (await rows(store, subject))["response"]
    assert (row.met_at, row.breached_at) == (at(2), at(2))
    assert await store.write(clocks.meet, subject, at(3)) is False
    assert await told(store, subject, "clock.breached") == ["clock.breached"]
    assert "response" not in [m.name for m in await store.write(overdue.breach, at(5))]


async def test_at_the_end_what_times_the_end_is_met_and_an_answer_is_not_owed_any_more(store, subject, begin):
    await begin()
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    await store.write(clocks.finish, subject, at(2), actor="nadia")
    found = await rows(store, subject)
    assert (found["response"].cancelled_at, found["response"].met_at) == (at(2), None)
    assert (found["resolution"].met_at, found["parts"].met_at) == (at(2), at(2))
    assert found["resolution"].pauses[0].end == at(2), "nothing stands still for ever"
    assert await store.read(overdue.running) == await store.read(overdue.standing_still) == {}


# -- another class


async def reclass(store, subject, cls, now, policy=POLICY, **more):
    change = {"edition": edition_of(policy, None), "calendar": "work", "now": now}
    return await store.write(recounting.reclass, subject, cls, **(change | more))


async def test_another_class_is_counted_from_the_creation_with_every_wait_and_forgets_nothing(
    store, subject, begin
):
    await begin("green")
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    await store.write(recounting.resume, subject, ONE, now=at(3), actor="nadia")
    await store.write(
        recounting.pause, subject, TWO, now=at(4), actor="nadia"
    )  # no clock of the green class stops for it
    await reclass(store, subject, "red", at(5))
    found = await rows(store, subject)
    assert {name: (row.cls, row.started_at) for name, row in found.items()} == dict.fromkeys(
        ("response", "resolution", "parts"), ("red", MONDAY)
    )
    assert found["response"].due == at(0.5), "the response is late for the class it now has"
    assert found["resolution"].due == at(6)
    assert [(p.start, p.end) for p in found["parts"].pauses] == [(at(1), at(3)), (at(4), None)]
    assert found["parts"].paused_since == at(4), "a clock the class brought knows what is waited for"
    await store.write(recounting.resume, subject, TWO, now=at(6), actor="nadia")
    assert (await rows(store, subject))["parts"].due == at(8 + 2 + 2)
    old = [row for row in await store.read(clocks.rows, clocks.of(subject)) if row.superseded_at]
    assert [(row.name, row.cls, row.superseded_at, row.runs) for row in old] == [
        ("response", "green", at(5), False),
        ("resolution", "green", at(5), False),
    ]
    assert (await told(store, subject)).count("clock.recomputed") == 3


@pytest.mark.parametrize(("answered", "late"), [(0.25, False), (1, True)], ids=["in time", "late for it"])
async def test_what_was_met_stays_met_and_is_judged_by_the_class_it_now_has(
    store, subject, begin, answered, late
):
    await begin("green")
    await store.write(clocks.meet, subject, at(answered))
    await reclass(store, subject, "red", at(5))
    row = (await rows(store, subject))["response"]
    assert (row.met_at, row.breached_at) == (at(answered), at(5) if late else None)
    assert (await told(store, subject)).count("clock.breached") == late


async def test_what_has_to_be_met_anew_runs(store, subject, begin):
    await begin("green")
    await store.write(clocks.meet, subject, at(0.2))
    await reclass(store, subject, "red", at(0.3), anew=("response",))
    row = (await rows(store, subject))["response"]
    assert (row.met_at, row.due) == (None, at(0.5))


async def test_a_promise_that_the_new_class_does_not_make_is_not_timed_any_more(store, subject, begin):
    await begin("red")
    await reclass(store, subject, "green", at(1))
    assert set(await rows(store, subject)) == {"response", "resolution"}
    assert [m.name for m in await store.write(overdue.breach, at(1000))] == ["response", "resolution"]


async def test_back_and_forth_is_where_it_was(store, subject, begin):
    await begin("red")
    before = {name: (row.due, row.warn_at) for name, row in (await rows(store, subject)).items()}
    await reclass(store, subject, "green", at(0.1))
    await reclass(store, subject, "red", at(0.2))
    assert {name: (row.due, row.warn_at) for name, row in (await rows(store, subject)).items()} == before


# -- another edition

NEXT = edition(
    TEXT.replace('version: "1"', 'version: "2"').replace("09:00-18:00", "08:00-12:00").replace("4h", "2h")
)
OTHER = edition(
    TEXT.replace("name: red", "name: crimson")
    .replace("class: red", "class: crimson")
    .replace("  red:", "  crimson:")
)


async def test_a_ticket_is_counted_by_the_edition_it_was_opened_under(store, subject, begin):
    await begin("green")
    await store.write(editions.keep, [NEXT], at(1))
    await store.write(recounting.pause, subject, ONE, now=at(1), actor="nadia")
    await store.write(recounting.resume, subject, ONE, now=at(2), actor="nadia")
    assert (await rows(store, subject))["resolution"].due == at(24 + 8), (
        "16 hours of nine a day, and one lost"
    )
    counted = await reclass(store, subject, "red", at(3), NEXT)
    assert {clock.edition.version for clock in counted} == {"1"}
    assert (await rows(store, subject))["resolution"].due == at(5)


async def test_a_class_that_its_edition_does_not_know_is_counted_by_the_one_in_force(store, subject, begin):
    await begin("green")
    await store.write(editions.keep, [OTHER], at(1))
    await reclass(store, subject, "crimson", at(3), OTHER)
    assert (await rows(store, subject))["resolution"].timed.edition.digest == OTHER.digest


async def test_an_edition_is_kept_once_word_for_word(store):
    await store.write(editions.keep, [POLICY, NEXT], MONDAY)
    await store.write(editions.keep, [POLICY], at(1))
    kept = await store.read(lambda c: c.execute(sa.select(schema.policy_editions).order_by("version")).all())
    assert [(row.version, row.text, row.first_seen_at) for row in kept] == [
        ("1", TEXT, MONDAY),
        ("2", NEXT.text, MONDAY),
    ]
    assert await store.read(editions.policy, POLICY.digest) == POLICY
    with pytest.raises(NotFoundError, match="no policy edition abc on record"):
        await store.read(editions.policy, "abc")


async def test_a_clock_of_an_older_version_without_its_promise_can_still_be_met(store):
    def work(c: sa.Connection) -> None:
        an_incident(c, POLICY)
        old = {"incident": "inc_1", "name": "response", "class": "red", "started_at": MONDAY, "due": at(1)}
        c.execute(sa.insert(clocks.clocks).values(old))

    await store.write(work)
    assert await store.write(recounting.pause, INCIDENT, ONE, now=at(0.5), actor="nadia") == ()
    assert [m.name for m in await store.write(overdue.breach, at(2))] == ["response"]
    assert await store.write(clocks.meet, INCIDENT, at(3)) is True


# -- the customer's duties


async def a_duty(store: Store, due: datetime, **more) -> None:
    def work(c: sa.Connection) -> None:
        a_request(c, POLICY)
        one = duty("call_back", "red", MONDAY, due, clause="4", says="confirm by phone", **more)
        clocks.start(c, REQUEST, [one])

    await store.write(work)


async def flagged(store: Store) -> tuple[str | None, str | None]:
    row = await store.read(lambda c: c.execute(sa.select(requests)).one())
    return row.flagged, row._mapping["class"]


async def test_e5_a_duty_that_is_missed_is_flagged_for_an_engineer_and_lowers_no_class(store):
    await a_duty(store, at(0.25))
    await store.write(lambda c: c.execute(sa.update(requests).values({"class": "red"})))
    (warned,) = await store.write(overdue.warn, at(0.2))
    assert (warned.name, warned.party) == ("call_back", Party.CUSTOMER)
    assert await flagged(store) == (None, "red")
    (missed,) = await store.write(overdue.breach, at(0.26))
    assert missed.party is Party.CUSTOMER
    assert await flagged(store) == ("not done in time: confirm by phone (section 4)", "red")
    assert await told(store, REQUEST) == ["duty.warned", "duty.missed"]


async def test_e5_what_a_reminder_makes_us_owe_is_put_on_record_with_it_once(store):
    await a_duty(store, at(0.25))
    owed: list[tuple[str, str]] = []

    def owe(c: sa.Connection, marked: overdue.Marked, now: datetime) -> None:
        assert c.in_transaction()
        owed.append((marked.name, marked.subject.request))

    for _ in range(3):
        await store.write(overdue.warn, at(0.2), owe)
    assert owed == [("call_back", "req_1")]

    def fails(c: sa.Connection, marked: overdue.Marked, now: datetime) -> None:
        raise LookupError(marked.name)

    with pytest.raises(LookupError):
        await store.write(overdue.breach, at(0.3), fails)
    assert [m.name for m in await store.write(overdue.breach, at(0.3), owe)] == ["call_back"], (
        "nothing half done"
    )


async def test_e5_a_call_in_time_does_the_duty(store):
    await a_duty(store, at(0.25))
    assert await store.write(clocks.meet, REQUEST, at(0.2), name="call_back", actor="nadia")
    assert await store.write(overdue.breach, at(1)) == []
    assert await told(store, REQUEST) == ["duty.met"]
    assert await flagged(store) == (None, None)


async def test_a_duty_that_is_only_reminded_of_flags_nothing(store):
    await a_duty(store, at(0.25), flags=False)
    assert len(await store.write(overdue.breach, at(1))) == 1
    assert await flagged(store) == (None, None)


async def test_a_flag_that_stands_is_not_written_over(store):
    await a_duty(store, at(0.25))
    await store.write(lambda c: c.execute(sa.update(requests).values(flagged="asked to lower the class")))
    await store.write(overdue.breach, at(1))
    assert await flagged(store) == ("asked to lower the class", None)


async def test_e6_a_notice_that_comes_late_is_taken_and_told_as_late(store):
    await a_duty(store, at(-10))
    await store.write(clocks.meet, REQUEST, MONDAY, name="call_back")
    (row,) = await store.read(clocks.rows, clocks.of(REQUEST))
    assert (row.met_at, row.breached_at, row.due) == (MONDAY, MONDAY, at(-10))
    assert await told(store, REQUEST) == ["duty.missed", "duty.met"]


async def test_no_pause_moves_a_duty_and_no_class_supersedes_it(store):
    await a_duty(store, at(2))
    await store.write(editions.keep, [POLICY], MONDAY)
    await store.write(recounting.pause, REQUEST, ONE, now=at(1), actor="nadia")
    await reclass(store, REQUEST, "red", at(1))
    assert [m.name for m in await store.write(overdue.breach, at(2.5)) if m.party is Party.CUSTOMER] == [
        "call_back"
    ]


async def test_a_duty_that_the_new_class_does_not_have_is_called_off(store):
    await a_duty(store, at(2))
    await store.write(editions.keep, [POLICY], MONDAY)
    await reclass(store, REQUEST, "red", at(1), duties={"call_back"})
    assert await told(store, REQUEST, "duty.called_off") == []
    await reclass(store, REQUEST, "green", at(1), duties=())
    assert await told(store, REQUEST, "duty.called_off") == ["duty.called_off"]
    await store.write(overdue.breach, at(3))
    assert await told(store, REQUEST, "duty.missed") == []


async def test_what_is_due_next_is_told_in_order_and_without_what_is_over(store, subject, begin):
    await begin()
    await store.write(clocks.meet, subject, at(0.1))
    found = await store.read(overdue.due_next, requests=True)
    assert [(row.name, row.subject) for row in found] == [("resolution", subject), ("parts", subject)]
    assert [row.name for row in await store.read(lambda c: overdue.due_next(c, requests=True, limit=1))] == [
        "resolution"
    ]
    await store.write(recounting.pause, subject, TWO, now=at(1), actor="nadia")
    assert [row.name for row in await store.read(overdue.due_next, requests=True)] == ["resolution"], (
        "parts stand still"
    )
    theirs = [row.name for row in await store.read(overdue.due_next, requests=False)]
    assert theirs == (["resolution"] if subject.incident else []), "a request is for who may see it"


async def test_a_due_explains_itself_by_what_was_counted_with_the_waits_left_out(store, subject, begin):
    await begin()
    await store.write(recounting.pause, subject, ONE, now=at(2), actor="nadia")
    await store.write(recounting.resume, subject, ONE, now=at(24), actor="nadia")
    row = (await rows(store, subject))["resolution"]
    counted = await store.read(recounting.counted, row, at(30))
    assert [(one.start, one.end) for one in counted] == [(MONDAY, at(2)), (at(24), at(26))]
    assert counted[-1].end == row.due


async def test_the_record_says_in_words_and_figures_what_a_clock_is_counted_by(store, subject, begin):
    await begin()
    column = sa.select(clocks.clocks.c.promise).where(clocks.clocks.c.name == "resolution")
    assert json.loads(await store.read(lambda c: c.scalar(column))) == {
        "goal": {"support_time": 14400.0},
        "limit": None,
        "warn": 3600.0,
        "clause": "b",
        "says": "4 hours of support time",
        "calendar": "work",
        "policy": "small",
        "version": "1",
        "digest": POLICY.digest,
        "plan": None,
        "waits": [ONE],
        "flags": False,
    }
