"""Clocks: promises being timed, as they go on record and are counted again.

A clock keeps what it was counted by (``as_pinned``): goal, limit, warning, calendar, and the edition of the
policy. A pause, a resumption or another class counts it again from its beginning by that same edition,
whatever the policy says by then; nothing that was stood still for is forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from monitor.domain.calendars import Calendar
from monitor.domain.clocks import (
    DayMode,
    Due,
    Elapsed,
    EndOfWorkingDay,
    Goal,
    NoGoal,
    Promise,
    SupportTime,
    WorkingDays,
    describe,
    due,
    warn_at,
)
from monitor.domain.pauses import ALWAYS, NOTHING, Pause
from monitor.domain.policy import Policy

_ANY_WATCH = Calendar(name="", zone=ZoneInfo("UTC"), weekly=((),) * 7)


class Party(StrEnum):
    """Whose promise it is: ours, or the customer's duty."""

    US = "us"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The edition of a policy that a clock is pinned to."""

    policy: str = ""
    version: str = ""
    digest: str = ""
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One promise being timed; ``due.due`` None is never timed."""

    clock: str
    cls: str
    promise: Promise
    started_at: datetime
    due: Due
    warn_at: datetime | None
    calendar: str = ""
    edition: Edition = Edition()
    waits: frozenset[str] = frozenset()
    party: Party = Party.US
    flags: bool = False


def edition_of(policy: Policy, plan: str | None) -> Edition:
    """Return the edition that a policy is, and the plan somebody is on."""
    return Edition(policy=policy.name, version=policy.version, digest=policy.digest, plan=plan)


def timed(policy: Policy, cls: str, plan: str | None, calendar: Calendar, at: datetime) -> tuple[Timed, ...]:
    """Return every clock of a class, started at a moment, the response first; none where nothing is promised."""
    found = (_timed(policy, promise, cls, plan, calendar, at) for promise in policy.promised(cls, plan))
    return tuple(clock for clock in found if clock.due.due is not None)


def _timed(
    policy: Policy, promise: Promise, cls: str, plan: str | None, calendar: Calendar, at: datetime
) -> Timed:
    calendar = policy.hours_of(promise, calendar)
    found = due(promise, calendar, at)
    return Timed(
        clock=promise.clock,
        cls=cls,
        promise=promise,
        started_at=at,
        due=found,
        warn_at=warn_at(promise, calendar, at, found),
        calendar=calendar.name,
        edition=edition_of(policy, plan),
        waits=policy.paused_by(promise.clock),
    )


def duty(
    name: str,
    cls: str,
    at: datetime,
    due_at: datetime,
    *,
    clause: str | None = None,
    says: str = "",
    flags: bool = True,
    warn: float | None = None,
) -> Timed:
    """Return the clock of what a customer has to do by some moment, on any watch.

    The moment may lie before ``at``: then it is missed as it begins. ``flags``: an engineer decides if it is.
    """
    promise = Promise(goal=Elapsed((due_at - at).total_seconds()), clause=clause, clock=name, warn=warn)
    lead = timedelta(seconds=promise.lead)
    return Timed(
        clock=name,
        cls=cls,
        promise=promise,
        started_at=at,
        due=Due(due=due_at, intervals=ALWAYS.open_between(at, due_at), reason=says or name),
        warn_at=max(at, due_at - lead) if lead > NOTHING and at < due_at else None,
        party=Party.CUSTOMER,
        flags=flags,
    )


def recounted(
    clock: Timed, calendar: Calendar | None, *, pauses: Sequence[Pause] = (), now: datetime | None = None
) -> Timed:
    """Count a clock again from its beginning, with everything it stood still for."""
    assert calendar or isinstance(clock.promise.goal, Elapsed), "only elapsed time needs no calendar"
    on = calendar or _ANY_WATCH
    found = due(clock.promise, on, clock.started_at, pauses=pauses, now=now)
    before = warn_at(clock.promise, on, clock.started_at, found, pauses=pauses, now=now)
    return replace(clock, due=found, warn_at=before)


def as_pinned(clock: Timed) -> dict[str, Any]:
    """Return what a clock is counted by, as the record keeps it."""
    promise, edition = clock.promise, clock.edition
    return {
        "goal": goal_as_json(promise.goal),
        "limit": goal_as_json(promise.limit) if promise.limit else None,
        "warn": promise.warn,
        "clause": promise.clause,
        "says": clock.due.reason or describe(promise.goal),
        "calendar": clock.calendar,
        "policy": edition.policy,
        "version": edition.version,
        "digest": edition.digest,
        "plan": edition.plan,
        "waits": sorted(clock.waits),
        "flags": clock.flags,
    }


def from_pinned(
    pinned: Mapping[str, Any], *, clock: str, cls: str, started_at: datetime, party: Party
) -> Timed:
    """Return a clock as it was pinned, not counted yet."""
    limit = pinned.get("limit")
    promise = Promise(
        goal=goal_from_json(pinned["goal"]),
        limit=goal_from_json(limit) if limit else None,
        clause=pinned.get("clause"),
        clock=clock,
        warn=pinned.get("warn"),
    )
    edition = Edition(
        policy=pinned.get("policy", ""),
        version=pinned.get("version", ""),
        digest=pinned.get("digest", ""),
        plan=pinned.get("plan"),
    )
    return Timed(
        clock=clock,
        cls=cls,
        promise=promise,
        started_at=started_at,
        due=Due(due=None, reason=pinned.get("says", "")),
        warn_at=None,
        calendar=pinned.get("calendar", ""),
        edition=edition,
        waits=frozenset(pinned.get("waits", ())),
        party=party,
        flags=bool(pinned.get("flags")),
    )


def goal_as_json(goal: Goal) -> dict[str, Any]:
    """Return a goal in the words of a policy file."""
    match goal:
        case SupportTime(seconds):
            return {"support_time": seconds}
        case Elapsed(seconds):
            return {"elapsed": seconds}
        case WorkingDays(days, mode, by):
            return {"working_days": {"days": days, "mode": str(mode), "by": by}}
        case EndOfWorkingDay(same, by):
            before = "same_day" if same else "next_day"
            return {"end_of_working_day": {"before_opening": before, "received_by": by}}
        case NoGoal(reason):
            return {"none": reason}


def goal_from_json(said: Mapping[str, Any]) -> Goal:
    """Return the goal that some words of a policy file say."""
    ((way, value),) = said.items()
    match way:
        case "support_time":
            return SupportTime(value)
        case "elapsed":
            return Elapsed(value)
        case "working_days":
            return WorkingDays(value["days"], DayMode(value["mode"]), value.get("by"))
        case "end_of_working_day":
            return EndOfWorkingDay(value["before_opening"] == "same_day", value.get("received_by"))
        case _:
            return NoGoal(value)
