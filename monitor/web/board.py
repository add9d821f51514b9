"""The board's view model: what a NOC engineer must see first, worked out from values, without I/O.

The queue's order is ``monitor.web.triage_queue``'s. Each row says what is owed next and by when, and in words where its
contacts stand and why they wait, so that nobody opens a page to learn that nothing can be done yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import Engineer, Inventory
from monitor.domain.triage import TAKE, Band
from monitor.storage.console import BoardLine, Figures
from monitor.storage.deliveries import Attention, DeliveryLine
from monitor.storage.lists import AttemptLine, OutboxLine
from monitor.storage.request_counts import RequestCounts
from monitor.web.clock_states import ClockState, clock_state
from monitor.web.render import left, words
from monitor.web.triage_queue import Place, Queue, QueueQuery

CONTACTS_SHOWN = 8  # in one row; a global problem may owe hundreds
GOOD_RESULTS = frozenset({"acknowledged", "delivered"})
BAD_RESULTS = frozenset({"failed", "refused"})
GIVEN_UP: Mapping[str, str] = {"failed": "failed", "set_aside": "needs a person"}
"""Contacts that will not be made unless somebody sees to it: their state, in words."""
BANDS: Mapping[Band, str] = {Band.LATE: "bad", Band.SOON: "warn", Band.RUNS: "scheduled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactState:
    """Where one contact stands, in words; ``path`` leads to the proof."""

    tone: str
    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """An incident on the board: ``due`` is said of what is owed next, ``by`` is when."""

    incident: Incident
    public_state: str | None
    tone: str
    urgent: bool
    system_name: str
    partner_name: str
    due: str
    due_tone: str
    owed: str
    by: datetime | None
    folded: int
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
    pressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """The whole board at one moment."""

    rows: tuple[BoardRow, ...]
    queue: Queue
    query: QueueQuery
    counters: tuple[Counter, ...]
    warnings: tuple[Caution, ...]
    on_call: Engineer | None
    due_next: tuple[ClockState, ...] = ()
    requests: RequestCounts = field(default_factory=RequestCounts)
    attention: Attention = field(default_factory=Attention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read for one board: its rows' lines, the figures beside them, why contacts wait."""

    lines: tuple[BoardLine, ...]
    figures: Figures
    attention: Attention
    whys: Mapping[str, DeliveryLine]


def board_view(
    queue: Queue,
    query: QueueQuery,
    read: Read,
    inventory: Inventory,
    warnings: tuple[Caution, ...],
    now: datetime,
) -> BoardView:
    """Put the board together."""
    lines = {line.incident.id: line for line in read.lines}
    rows = tuple(
        _row(place, lines[place.incident.id], inventory, now, read.whys)
        for place in queue.places
        if place.incident.id in lines
    )
    return BoardView(
        rows=rows,
        queue=queue,
        query=query,
        counters=_counters(queue, query, read.figures),
        warnings=warnings,
        on_call=inventory.on_call.at(now),
        due_next=tuple(clock_state(row, now) for row in read.figures.due_next),
        requests=read.figures.requests,
        attention=read.attention,
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
    place: Place,
    line: BoardLine,
    inventory: Inventory,
    now: datetime,
    whys: Mapping[str, DeliveryLine],
) -> BoardRow:
    incident = line.incident
    system = inventory.systems.get(incident.system or "")
    partner = inventory.partners.get(incident.partner or "")
    clocks = tuple(clock_state(clock, now) for clock in line.clocks if clock.cancelled_at is None)
    due, tone = _due(place, now)
    return BoardRow(
        incident=incident,
        public_state=line.public_state,
        tone=place.tone,
        urgent=place.urgent,
        system_name=system.name if system else "",
        partner_name=partner.name if partner else incident.partner or "",
        due=due,
        due_tone=tone,
        owed=words(place.owed.name),
        by=None if place.owed.name == TAKE else place.owed.by,
        folded=place.folded,
        clocks=clocks,
        contacts=_contacts(line, inventory, whys, now),
    )


def _due(place: Place, now: datetime) -> tuple[str, str]:
    """Say what is owed next, and with which tone."""
    if place.owed.name == TAKE:
        open_ = place.incident.status is Status.OPEN
        return ("nobody has it" if open_ else "nobody of ours"), "warn"
    if place.owed.by is None:
        held = place.incident.held_by is not None
        return ("held" if held else "nothing is due"), ("info" if held else "ok")
    return left(place.owed.by, now), BANDS[place.owed.band]


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


def _counters(queue: Queue, query: QueueQuery, figures: Figures) -> tuple[Counter, ...]:
    """Return the figures over the board: of the queue each is a filter, pressed again it is none."""
    tally = queue.tallies

    def of(name: str, key: str, tone: str, **wanted: str) -> Counter:
        pressed = all(getattr(query, field) == value for field, value in wanted.items())
        path = query.path(**dict.fromkeys(wanted, "")) if pressed else query.path(**wanted)
        value = tally[key]
        return Counter(name=name, value=value, tone=tone if value else "ok", path=path, pressed=pressed)

    def owed(name: str, value: int, tone: str, state: str) -> Counter:
        path = f"/noc/deliveries?state={state}"
        return Counter(name=name, value=value, tone=tone if value else "ok", path=path)

    return (
        of("Critical", "worst", "critical", worst="yes"),
        of("Nobody has it", "nobody", "warn", who="nobody"),
        of("Late", "late", "bad", owed="late"),
        of("Due soon", "soon", "warn", owed="soon"),
        of("Needs triage", "triage", "warn", owed="triage"),
        owed("Contacts waiting", figures.owed, "neutral", "waiting"),
        owed("Contacts failed", figures.failed, "bad", "failed"),
        owed("Contacts set aside", figures.set_aside, "bad", "set_aside"),
    )
