"""How requests stand, in words, for our own people: what is owed next, what is missing, who has it. Values only.

A tone (which has a shape of its own) always comes with a word. What is owed is said as an engineer asks it: by when, and
how long that is from now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.answers import field_label
from monitor.domain.filing import in_words
from monitor.domain.inventory import Contact, Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.request_life import Case, RequestStatus
from monitor.domain.request_rules import Forwarding
from monitor.storage.clocks import ClockRow
from monitor.storage.request_queue import Queued
from monitor.web.clock_states import ClockState, clock_state
from monitor.web.portal_frame import labels_of as own_labels
from monitor.web.render import ago, span, words
from monitor.web.tones import tone_of

CONSOLE_LANGUAGE = "en"
"""What the console itself is written in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """A state in a word, with its tone and a sentence more."""

    tone: str
    word: str
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """A request as the queue shows it."""

    case: Case
    tone: str
    who: str
    person: str
    state: Stands
    promise: Stands
    due: datetime | None
    duties: tuple[ClockState, ...]
    analyse_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What the customer has to do; ``clock`` None where no time is set."""

    name: str
    says: str
    clause: str
    clock: ClockState | None
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MayPassOn:
    """What the policy lets pass on: to whom, and what forbids it (empty: nothing does)."""

    rule: Forwarding
    forbidden: str


def labels_of(policy: Policy | None, names: Iterable[str]) -> dict[str, str]:
    """Return how the fields of a request are called for our own people."""
    own = own_labels(policy.requests) if policy else {}
    return {name: field_label(name, CONSOLE_LANGUAGE, labels=own) for name in names}


def line_of(one: Queued, inventory: Inventory, policies: Mapping[str, Policy], now: datetime) -> QueueLine:
    """Return a request as a line of the queue."""
    case, policy = one.case, policies.get(one.case.policy)
    partner, contact = who_asks(case, inventory)
    ours = [clock_state(row, now) for row in one.clocks if row.party == "us" and counts(row)]
    theirs = [row for row in one.clocks if row.party != "us" and row.runs]
    next_due = next_of(ours)
    return QueueLine(
        case=case,
        tone=tone_of(case.cls, policy)[0],
        who=partner.name if partner else case.partner or "",
        person=contact.name if contact else case.email or "",
        state=state_of(
            case, tuple(labels_of(policy, one.missing).values()), now, contact.name if contact else ""
        ),
        promise=promise_of(ours, now),
        due=(next_due.limit or next_due.due) if next_due else None,
        duties=tuple(clock_state(row, now) for row in theirs),
        analyse_now=_to_analyse(case, policy),
    )


def _to_analyse(case: Case, policy: Policy | None) -> bool:
    known = policy.classes.get(case.cls or "") if policy else None
    waits = case.status is RequestStatus.OPEN and case.responded_at is None
    return known is not None and known.analyse_now and waits


def who_asks(case: Case, inventory: Inventory) -> tuple[Partner | None, Contact | None]:
    """Return the partner and the person of theirs that a request is from, as far as they are known."""
    found = inventory.person(case.contact) if case.contact else None
    return inventory.partners.get(case.partner or ""), found[1] if found else None


def counts(row: ClockRow) -> bool:
    """Whether a clock still says something: it runs, or was met; not one that was called off or counted anew."""
    return row.runs or row.met_at is not None


def state_of(case: Case, missing: Sequence[str], now: datetime, person: str = "") -> Stands:
    """Say where a request stands, and for whom it waits; ``person`` is who asks, where we know them."""
    match case.status:
        case RequestStatus.INCOMPLETE:
            return Stands(tone="warn", word="incomplete", said=_missing(case, missing, now, person))
        case RequestStatus.WAITING:
            since = f"asked {ago(case.waiting_since, now)}" if case.waiting_since else ""
            return Stands(tone="scheduled", word="waiting for the customer", said=since)
        case RequestStatus.CLOSED:
            by = f" by {case.closed_by}" if case.closed_by else ""
            return Stands(tone="resolved", word="closed", said=f"{ago(case.closed_at, now)}{by}")
        case RequestStatus.REFUSED:
            return Stands(tone="neutral", word="not taken", said="answered with the way in")
        case RequestStatus.OPEN:
            return _open(case)


def _missing(case: Case, missing: Sequence[str], now: datetime, person: str) -> str:
    """Say what is missing, who is asked for it, and since when."""
    said = f"missing: {', '.join(missing)}"
    whom = person or case.email or case.contact
    since = case.waiting_since or case.received_at
    if whom is None:
        return f"{said}; nobody can be asked: no address is known"
    return f"{said}; {whom} is asked since {moment_of(since, now)} ({span(now - since)})"


def _open(case: Case) -> Stands:
    who = f"{case.assignee} has it" if case.assignee else "nobody has it"
    if case.needs_triage:
        return Stands(tone="warn", word="needs triage", said=who)
    if case.responded_at is None:
        return Stands(tone="neutral", word="not answered", said=who)
    return Stands(tone="info", word="being worked on", said=who)


def next_of(clocks: Sequence[ClockState]) -> ClockState | None:
    """Return the promise that is due first; what stands still only where nothing else runs."""
    running = [each for each in clocks if each.runs and not each.paused]
    return min(running or [each for each in clocks if each.runs], key=_by_due, default=None)


def _by_due(clock: ClockState) -> datetime:
    return clock.limit or clock.due or datetime.max.replace(tzinfo=UTC)


def promise_of(ours: Sequence[ClockState], now: datetime) -> Stands:
    """Say what is owed next: what, by when, and how long that is from now."""
    clock = next_of(ours)
    if clock is None:
        kept = [each for each in ours if not each.runs]
        if not kept:
            return Stands(tone="neutral", word="no promise")
        late = any(each.tone == "bad" for each in kept)
        return Stands(tone="bad" if late else "ok", word="answered late" if late else "promises kept")
    by = clock.limit or clock.due
    if by is None:
        return Stands(tone="neutral", word=f"{clock.name}: no time promised")
    verb = "respond" if clock.is_response else clock.name
    if clock.paused:
        return Stands(tone=clock.tone, word=f"{verb}: stands still", said=clock.text)
    if by <= now:
        return Stands(tone="bad", word=f"{verb}: {span(now - by)} late", said=f"was due {moment_of(by, now)}")
    return Stands(
        tone=clock.tone,
        word=f"{verb} by {moment_of(by, now)}",
        said=f"in {span(by - now)}" + (", warned" if clock.tone == "warn" else ""),
    )


def moment_of(at: datetime, now: datetime) -> str:
    """Say an instant as briefly as it is clear: the time today, else with its day."""
    at, today = at.astimezone(UTC), now.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if at.date() == today else f"{at:%a} {at.day} {at:%b %H:%M} UTC"


def duties_of(
    clocks: Sequence[ClockState], judgement: Mapping[str, object], policy: Policy | None, told: Iterable[str]
) -> tuple[Duty, ...]:
    """Return what the customer has to do: what is timed, then what has no time (done if the record says so)."""
    rules = {rule.duty: rule for rule in policy.requests.duties} if policy else {}
    told = tuple(told)
    timed = {clock.key: clock for clock in clocks if not clock.ours}
    judged = judgement.get("duties")
    listed = [each for each in judged if isinstance(each, Mapping)] if isinstance(judged, list) else []
    names = dict.fromkeys([*timed, *(str(each.get("duty")) for each in listed)])
    return tuple(
        Duty(
            name=name,
            says=(rules[name].says if name in rules else "") or words(name),
            clause=rules[name].clause if name in rules else "",
            clock=timed.get(name),
            done=not timed[name].runs if name in timed else any(_tells_of(name, said) for said in told),
        )
        for name in names
    )


def _tells_of(duty: str, said: str) -> bool:
    return said == duty or said.startswith(f"{duty}: ")


def fields_of(request: Mapping[str, object], policy: Policy | None) -> list[tuple[str, str]]:
    """Return what the form said, by label, in the policy's order where it has one."""
    given = request.get("fields")
    said = {str(name): _said(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    order = [name for rule in (policy.requests.required if policy else ()) for name in rule.fields]
    names = [name for name in dict.fromkeys([*order, *said]) if said.get(name)]
    labels = labels_of(policy, names)
    return [(labels[name], said[name]) for name in names]


def _said(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else in_words(value)
