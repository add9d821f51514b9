"""The board's view model: what a NOC engineer must see first, worked out from values, without I/O.

Most urgent class first, then the answer that is due first. Each row says in words where its contacts stand
and why they wait, so that nobody opens a page to learn that nothing can be done yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from monitor.domain.clocks import RESPONSE
from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import Engineer, Inventory
from monitor.domain.policy import Policy
from monitor.storage.console import BOARD_LIMIT, BoardLine, BoardLines
from monitor.storage.deliveries import Attention, DeliveryLine
from monitor.storage.lists import AttemptLine, OutboxLine
from monitor.storage.request_counts import RequestCounts
from monitor.web.clock_states import ClockState, clock_state
from monitor.web.render import left, words

TONES = ("critical", "major", "minor", "standard")
CONTACTS_SHOWN = 8  # in one row; a global problem may owe hundreds
NO_CLASS = 50  # what nobody classified stands below the urgent and above nothing
GOOD_RESULTS = frozenset({"acknowledged", "delivered"})
BAD_RESULTS = frozenset({"failed", "refused"})
GIVEN_UP: Mapping[str, str] = {"failed": "failed", "set_aside": "needs a person"}
"""Contacts that will not be made unless somebody sees to it: their state, in words."""
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactState:
    """Where one contact stands, in words; ``path`` leads to the proof."""

    tone: str
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """An incident on the board."""

    incident: Incident
    public_state: str | None
    tone: str
    urgency: int
    system_name: str
    partner_name: str
    due: str
    late: bool
    clocks: tuple[ClockState, ...]
    contacts: tuple[ContactState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something about ourselves that the shift must know."""

    tone: str
    title: str
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A figure over the board."""

    name: str
    value: int
    tone: str = "neutral"
    path: str = "/noc/"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """The whole board at one moment."""

    rows: tuple[BoardRow, ...]
    counters: tuple[Counter, ...]
    warnings: tuple[Caution, ...]
    on_call: Engineer | None
    more: bool
    due_next: tuple[ClockState, ...] = ()
    requests: RequestCounts = field(default_factory=RequestCounts)
    attention: Attention = field(default_factory=Attention)


def tone_of(cls: str | None, policy: Policy | None) -> tuple[str, int]:
    """Return how a class looks and how urgent it is, by its own policy's order."""
    known = policy.classes.get(cls) if policy and cls else None
    if policy is None or known is None:
        return ("critical", 0) if cls == "critical" else ("neutral", NO_CLASS)
    ordered = sorted(policy.classes.values(), key=lambda each: each.urgency)
    place = ordered.index(known)
    if known.analyse_now:
        return "critical", place
    tones = TONES[-len(ordered) :] if len(ordered) < len(TONES) else TONES
    return tones[min(place, len(tones) - 1)], place


def board_view(
    lines: BoardLines,
    inventory: Inventory,
    policies: Mapping[str, Policy],
    warnings: tuple[Caution, ...],
    now: datetime,
    attention: Attention | None = None,
    whys: Mapping[str, DeliveryLine] = MappingProxyType({}),
) -> BoardView:
    """Put the board together; ``whys`` says of contacts that are owed why they wait."""
    rows = [_row(line, inventory, policies, now, whys) for line in lines.lines]
    rows.sort(key=lambda row: (not row.incident.is_global, row.urgency, row.incident.respond_by or _NEVER))
    return BoardView(
        rows=tuple(rows),
        counters=_counters(rows, lines),
        warnings=warnings,
        on_call=inventory.on_call.at(now),
        more=len(rows) >= BOARD_LIMIT,
        due_next=tuple(clock_state(row, now) for row in lines.due_next),
        requests=lines.requests,
        attention=attention or Attention(),
    )


def shown(line: BoardLine) -> tuple[OutboxLine, ...]:
    """Return the contacts still owed that a row of the board names: of very many first those that need a person."""
    standing = _standing(line)
    if len(standing) > CONTACTS_SHOWN:
        standing = tuple(sorted(standing, key=lambda owed: not (owed.in_doubt or owed.state in GIVEN_UP)))
    return standing[:CONTACTS_SHOWN]


def _standing(line: BoardLine) -> tuple[OutboxLine, ...]:
    told = {attempt.outbox for attempt in line.attempts}  # its attempt says more than its row
    return tuple(
        owed
        for owed in line.owed
        if owed.state in ("waiting", *GIVEN_UP) or owed.in_doubt or owed.id not in told
    )


def _row(
    line: BoardLine,
    inventory: Inventory,
    policies: Mapping[str, Policy],
    now: datetime,
    whys: Mapping[str, DeliveryLine],
) -> BoardRow:
    incident = line.incident
    tone, urgency = tone_of(incident.cls, policies.get(incident.policy or ""))
    system = inventory.systems.get(incident.system or "")
    partner = inventory.partners.get(incident.partner or "")
    met = any(clock.name == RESPONSE and clock.met_at for clock in line.clocks)
    answered = met or incident.status is not Status.OPEN
    late = not answered and incident.respond_by is not None and incident.respond_by <= now
    clocks = tuple(clock_state(clock, now) for clock in line.clocks if clock.cancelled_at is None)
    return BoardRow(
        incident=incident,
        public_state=line.public_state,
        tone=tone,
        urgency=urgency,
        system_name=system.name if system else "",
        partner_name=partner.name if partner else incident.partner or "",
        due="answered" if answered else left(incident.respond_by, now),
        late=late,
        clocks=clocks,
        contacts=_contacts(line, inventory, whys, now),
    )


def _contacts(
    line: BoardLine, inventory: Inventory, whys: Mapping[str, DeliveryLine], now: datetime
) -> tuple[ContactState, ...]:
    page = f"/noc/incidents/{line.incident.id}"
    said = [
        ContactState(
            tone="ok" if ticket.status == "open" else "neutral",
            text=f"Ticket {ticket.reference}: {words(ticket.status)}",
            path=f"/noc/tickets/{ticket.id}",
        )
        for ticket in line.tickets
    ]
    said += [_tried(attempts, page) for attempts in _by_channel(line.attempts).values()]
    said += [_owed(owed, inventory, whys.get(owed.id), page, now) for owed in shown(line)]
    more = len(_standing(line)) - CONTACTS_SHOWN
    if more > 0:
        path = f"/noc/deliveries?incident={line.incident.id}"
        said.append(ContactState(tone="warn", text=f"{more} more are owed", path=path))
    if line.incident.held_by:
        said.append(ContactState(tone="info", text=f"Nobody is contacted: held by {line.incident.held_by}"))
    return tuple(said)


def _by_channel(attempts: tuple[AttemptLine, ...]) -> dict[str, list[AttemptLine]]:
    found: dict[str, list[AttemptLine]] = {}
    for attempt in attempts:
        if attempt.channel != "ticket":
            found.setdefault(attempt.channel, []).append(attempt)
    return found


def _tried(attempts: list[AttemptLine], page: str) -> ContactState:
    newest = attempts[-1]
    times = f", {len(attempts)} tries" if len(attempts) > 1 else ""
    result = words(newest.status if newest.result == "pending" else newest.result)
    tone = "ok" if newest.result in GOOD_RESULTS else "bad" if newest.result in BAD_RESULTS else "warn"
    whom = f" {newest.contact}" if newest.contact else ""
    return ContactState(
        tone=tone, text=f"{newest.channel.capitalize()}{whom}: {result}{times}", path=page + "#contacts"
    )


def _owed(
    owed: OutboxLine, inventory: Inventory, line: DeliveryLine | None, page: str, now: datetime
) -> ContactState:
    name = words(owed.kind).capitalize()
    partner = inventory.partners.get(owed.partner or "")
    whom = f" to {partner.name}" if partner else ""
    if owed.state in GIVEN_UP:
        said = f"{name}{whom} {GIVEN_UP[owed.state]}: {owed.reason}"
        return ContactState(tone="bad", text=said, path=page + "#contacts")
    why = (line.until_first(now) if line else None) or owed.reason or "it is next in line"
    said = f"{name}{whom} waits{' ' if why.startswith('until ') else ': '}{why}"
    return ContactState(tone="warn", text=said, path=f"/noc/deliveries/{owed.id}")


def _counters(rows: list[BoardRow], lines: BoardLines) -> tuple[Counter, ...]:
    unanswered = [row for row in rows if row.incident.status is Status.OPEN]
    critical = sum(row.tone == "critical" for row in rows)
    late = sum(row.late for row in rows)
    soon = sum(clock.tone == "warn" for row in rows for clock in row.clocks)
    triage = sum(row.incident.needs_triage for row in unanswered)
    return (
        Counter(name="Critical", value=critical, tone="critical" if critical else "ok"),
        Counter(name="Other classes", value=len(rows) - critical, tone="neutral"),
        Counter(name="Nobody has it", value=len(unanswered), tone="warn" if unanswered else "ok"),
        Counter(name="Answer is late", value=late, tone="bad" if late else "ok"),
        Counter(name="Due soon", value=soon, tone="warn" if soon else "ok"),
        Counter(name="Needs triage", value=triage, tone="warn" if triage else "ok"),
        Counter(
            name="Contacts waiting", value=lines.owed, tone="neutral", path="/noc/deliveries?state=waiting"
        ),
        Counter(
            name="Contacts failed",
            value=lines.failed,
            tone="bad" if lines.failed else "ok",
            path="/noc/deliveries?state=failed",
        ),
        Counter(
            name="Contacts set aside",
            value=lines.set_aside,
            tone="bad" if lines.set_aside else "ok",
            path="/noc/deliveries?state=set_aside",
        ),
    )
