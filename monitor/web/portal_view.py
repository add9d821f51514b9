"""How requests, their clocks and a customer's systems stand, in words: a tone (which has a shape) beside each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.clocks import RESPONSE
from monitor.domain.inventory import System
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case, RequestStatus
from monitor.domain.timed import Party
from monitor.domain.uptime import Span
from monitor.storage.clocks import ClockRow
from monitor.web.checks_now import CheckNow
from monitor.web.render import left, span, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A state in words, with its tone and one sentence more."""

    tone: str
    word: str
    said: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A request as a list shows it: its state, and by when we answer."""

    case: Case
    state: Standing
    respond_by: datetime | None
    response: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToDo:
    """What a customer has to do about a request; ``due`` None where no time is set."""

    case: Case
    says: str
    clause: str
    due: datetime | None
    state: Standing
    open: bool


def state_of(case: Case) -> Standing:
    """Say where a request stands."""
    match case.status:
        case RequestStatus.INCOMPLETE:
            return Standing(tone="warn", word="Incomplete", said="Something is missing before we can begin.")
        case RequestStatus.WAITING:
            return Standing(tone="warn", word="Waiting for you", said="We asked you something.")
        case RequestStatus.CLOSED:
            return Standing(tone="ok", word="Closed", said="It takes no reply any more.")
        case RequestStatus.REFUSED:
            return Standing(tone="neutral", word="Not taken", said="It could not be taken as it came.")
        case RequestStatus.OPEN:
            if case.responded_at is None:
                return Standing(tone="scheduled", word="Received", said="We have it, and will answer.")
            return Standing(tone="info", word="In progress", said="We have answered, and are working on it.")


def line_of(case: Case, clocks: Sequence[ClockRow], now: datetime) -> Line:
    """Return a request as a line of a list."""
    response = next((row for row in reversed(clocks) if row.name == RESPONSE and _counts(row)), None)
    return Line(
        case=case,
        state=state_of(case),
        respond_by=(response.limit or response.due) if response else None,
        response=promise_of(response, now) if response else None,
    )


def promise_of(row: ClockRow, now: datetime) -> Standing:
    """Say how a promise of ours stands."""
    due = row.limit or row.due
    if row.met_at is not None:
        return Standing(tone="warn", word="Late") if row.breached_at else Standing(tone="ok", word="Kept")
    if row.cancelled_at is not None:
        return Standing(tone="neutral", word="No longer counted")
    if row.paused_since is not None:
        return Standing(tone="neutral", word="Stands still", said="while we wait")
    if row.breached_at is not None or (due is not None and due < now):
        return Standing(tone="bad", word="Late", said=f"by {span(now - due)}" if due else "")
    return Standing(tone="scheduled", word="Running", said=left(due, now) if due else "no time is promised")


def promises_of(clocks: Sequence[ClockRow], now: datetime) -> list[tuple[ClockRow, str, Standing]]:
    """Return what we promised about a request, each with its name and how it stands."""
    return [
        (row, words(row.name).capitalize(), promise_of(row, now))
        for row in clocks
        if row.party is Party.US and _counts(row)
    ]


def _counts(row: ClockRow) -> bool:
    return row.superseded_at is None and not (row.cancelled_at is not None and row.met_at is None)


ASKED_OF_THEM = {
    RequestStatus.WAITING: "answer our question",
    RequestStatus.INCOMPLETE: "fill in what is missing",
}


def first_of_all(case: Case) -> list[ToDo]:
    """Return what stops a request until the customer has done it."""
    says = ASKED_OF_THEM.get(case.status)
    state = Standing(tone="warn", word="To do")
    return [ToDo(case=case, says=says, clause="", due=None, state=state, open=True)] if says else []


def to_do(
    case: Case, clocks: Sequence[ClockRow], judgement: Mapping[str, object], policy: Policy, now: datetime
) -> list[ToDo]:
    """Return what the customer has to do about a request: what is timed, then what has no time."""
    rules = {rule.duty: rule for rule in policy.requests.duties}
    timed = [row for row in clocks if row.party is Party.CUSTOMER and row.superseded_at is None]
    found: list[ToDo] = []
    for row in timed:
        rule = rules.get(row.name)
        found.append(
            ToDo(
                case=case,
                says=(rule.says if rule else "") or words(row.name),
                clause=(rule.clause if rule else "") or (row.timed.promise.clause or "" if row.timed else ""),
                due=row.due,
                state=_duty(row, now),
                open=row.runs and row.breached_at is None,
            )
        )
    names = {row.name for row in timed}
    for name in _untimed(judgement):
        rule = rules.get(name)
        if name not in names and rule is not None:
            state = Standing(tone="info", word="As long as it is open")
            found.append(
                ToDo(
                    case=case,
                    says=rule.says or words(name),
                    clause=rule.clause,
                    due=None,
                    state=state,
                    open=case.status not in ENDED,
                )
            )
    return found


def _untimed(judgement: Mapping[str, object]) -> list[str]:
    duties = judgement.get("duties")
    return (
        [str(each["duty"]) for each in duties if each.get("due") is None] if isinstance(duties, list) else []
    )


def _duty(row: ClockRow, now: datetime) -> Standing:
    if row.met_at is not None:
        return (
            Standing(tone="warn", word="Done, late") if row.breached_at else Standing(tone="ok", word="Done")
        )
    if row.cancelled_at is not None:
        return Standing(tone="neutral", word="Not needed any more")
    if row.breached_at is not None or (row.due is not None and row.due < now):
        return Standing(tone="bad", word="Missed", said="an engineer decides what follows from it")
    return Standing(tone="warn", word="To do", said=left(row.due, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a system is."""

    system: System
    state: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a day, in minutes from its begin, and how a system was in it."""

    state: str
    left: float
    width: float
    start: datetime
    end: datetime
    said: Standing


def stretch(part: Span, begins: datetime) -> Stretch:
    """Return a part of a day as it is drawn and told."""
    return Stretch(
        state=part.status,
        left=round((part.start - begins).total_seconds() / 60, 2),
        width=round((part.end - part.start).total_seconds() / 60, 2),
        start=part.start,
        end=part.end,
        said=WAS.get(part.status, WAS["unknown"]),
    )


_WORST = ("bad", "minor", "maintenance", "unknown", "neutral", "ok")
_SEEN = {
    "down": Standing(tone="bad", word="Down", said="our checks cannot reach it"),
    "degraded": Standing(tone="minor", word="Disturbed", said="it answers, but not as it should"),
    "unknown": Standing(tone="unknown", word="Not known", said="it was not looked at just now"),
    "up": Standing(tone="ok", word="Working"),
}
_STATES = tuple(_SEEN)
WAS: Mapping[str, Standing] = {
    **_SEEN,
    "maintenance": Standing(tone="maintenance", word="Maintenance", said="planned work was going on"),
}
"""How a system was in a stretch of time, in words."""
_FAULTY = {True: _SEEN["degraded"], False: Standing(tone="bad", word="Fault")}
"""What is said of a system with a fault that no check sees just now: our checks see it well, or do not see it."""


def health_of(
    systems: Iterable[System],
    checks: Iterable[CheckNow],
    faults: Mapping[str, datetime],
    worked_on: frozenset[str],
) -> list[Health]:
    """Say how each system is, the worst first; ``faults`` are those being worked on, with since when."""
    seen: dict[str, str] = {}
    for check in checks:
        if check.system is not None:
            other = seen.get(check.system, "up")
            seen[check.system] = min(other, check.state, key=_STATES.index)
    made = [Health(system=one, state=_health(one, seen, faults, worked_on)) for one in systems]
    return sorted(made, key=lambda each: (_WORST.index(each.state.tone), each.system.serial))


def _health(
    system: System,
    seen: Mapping[str, str],
    faults: Mapping[str, datetime],
    worked_on: frozenset[str],
) -> Standing:
    if system.serial in worked_on:
        return Standing(tone="maintenance", word="Maintenance", said="planned work is going on")
    looked = _SEEN[seen[system.serial]] if system.serial in seen else None
    since = faults.get(system.serial)
    if since is not None:
        seen_well = looked is _SEEN["up"]
        worst = looked if looked and looked.tone in ("bad", "minor") else _FAULTY[seen_well]
        return Standing(tone=worst.tone, word=worst.word, said="a fault is being worked on", since=since)
    return looked or Standing(tone="neutral", word="Not watched", said="no check looks at it")
