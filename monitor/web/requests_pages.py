"""The console's pages on customers' requests: the queue, and everything about one. Commands are in ``requests_forms``.

What is owed next stands at the top of both. Only for our own people from the role NOC on (``rules``); every read goes
through ``storage.visibility``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from monitor.appointing import Appointing
from monitor.domain import filing
from monitor.domain.appointments import AppointmentStatus, Slot
from monitor.domain.ledger import Account
from monitor.domain.policy import Policy, ServiceClass
from monitor.domain.request_life import ENDED, Case, RequestStatus
from monitor.domain.request_record import from_record
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import request_counts, request_queue
from monitor.storage.request_queue import Place, Queued, QueueWanted, RequestFile
from monitor.web import csv_files, delivery_pages
from monitor.web.api_inputs import In, Word
from monitor.web.api_requests import a_file, visible_case
from monitor.web.auth import nothing_there, viewer
from monitor.web.clock_states import ClockState, clock_state
from monitor.web.console import partner_chain
from monitor.web.list_pages import query_of
from monitor.web.parts import PARTS, Parts
from monitor.web.portal_fields import LONG
from monitor.web.problems import ProblemError
from monitor.web.render import page
from monitor.web.request_lines import (
    MayPassOn,
    QueueLine,
    duties_of,
    fields_of,
    labels_of,
    line_of,
    next_of,
    promise_of,
    state_of,
    who_asks,
)
from monitor.web.tones import tone_of

COLUMNS = ("reference", "owed next", "by", "state", "missing", "class", "subject", "policy", "from", "person", "partner", "system", "channel", "queue", "assignee", "flagged", "received_at", "responded_at", "closed_at")  # fmt: skip
STATUSES = ("open", "incomplete", "waiting", "closed", "refused")
SLOTS_SHOWN = 40
_PLACE = re.compile(r"([01])-(\d{1,19})-(\d{1,18})")
_MICROSECOND = 1_000_000


class QueueQuery(In):
    """Filters of the queue; ``status`` left out is what is not over, ``any`` is everything."""

    status: Literal["", "open", "incomplete", "waiting", "closed", "refused", "any"] = ""
    cls: Word | None = Field(default=None, alias="class")
    partner: Word | None = None
    queue: Word | None = None
    assignee: Word | None = None
    policy: Word | None = None
    channel: Word | None = None
    flagged: Literal["yes"] | None = None
    untaken: Literal["yes"] | None = None
    q: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] = ""
    after: Annotated[str, StringConstraints(max_length=50)] | None = None

    def wanted(self) -> QueueWanted:
        """Return the part of the queue that is asked for."""
        names = ("cls", "partner", "queue", "assignee", "policy", "channel")
        equal = {"class" if name == "cls" else name: getattr(self, name) for name in names}
        if self.status in STATUSES:
            equal["status"] = self.status
        return QueueWanted(
            equal={name: value for name, value in equal.items() if value},
            live=self.status not in ("closed", "refused", "any"),
            flagged=self.flagged is not None,
            unassigned=self.untaken is not None,
            words=self.q.strip(),
            after=place_of(self.after) if self.after else None,
        )


def place_of(text: str) -> Place:
    """Read where a page of the queue ended; ValueError for what no page of ours has as its end."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError("there is no such page")
    rank, micros, seq = map(int, found.groups())
    try:
        due = datetime.fromtimestamp(micros // _MICROSECOND, UTC).replace(microsecond=micros % _MICROSECOND)
    except (ValueError, OverflowError, OSError):
        raise ValueError("there is no such page") from None
    return Place(rank=rank, due=due, seq=seq)


def written_place(place: Place) -> str:
    """Write where a page of the queue ended, for the address of the next."""
    micros = int(place.due.replace(microsecond=0).timestamp()) * _MICROSECOND + place.due.microsecond
    return f"{place.rank}-{micros}-{place.seq}"


async def queue(request: web.Request) -> web.Response:
    """List what is to be worked on, what is owed next at the top."""
    parts, who = request.app[PARTS], viewer(request)
    query, wanted = _asked(request)
    found = await parts.store.read(request_queue.queue, who, wanted)
    inventory, policies, now = parts.inventory(), parts.policies(), parts.clock()
    return page(
        request,
        "requests.html",
        lines=[line_of(each, inventory, policies, now) for each in found.items],
        counts=await parts.store.read(request_counts.counts),
        choices=await parts.store.read(request_queue.choices, who),
        more=_next(request, found.next),
        query=query,
        statuses=STATUSES,
        classes=sorted({name for policy in policies.values() for name in policy.classes}),
        policies=sorted(policies),
        partners=sorted(inventory.partners),
    )


async def queue_csv(request: web.Request) -> web.StreamResponse:
    """Give the requests that fit as a file, in the order of the page."""
    parts, who = request.app[PARTS], viewer(request)
    _, wanted = _asked(request)
    inventory, policies = parts.inventory(), parts.policies()

    async def part(after: Place | None) -> tuple[list[list[object]], Place | None]:
        some = replace(wanted, limit=csv_files.AT_ONCE, after=after or wanted.after)
        found = await parts.store.read(request_queue.queue, who, some)
        now = parts.clock()
        return [_row(line_of(each, inventory, policies, now), each) for each in found.items], found.next

    return await csv_files.stream(request, "requests", COLUMNS, part)


def _row(line: QueueLine, one: Queued) -> list[object]:
    case, state = line.case, line.state
    said = {
        "owed next": line.promise.word,
        "by": line.due,
        "state": f"{state.word}: {state.said}" if state.said else state.word,
        "missing": ", ".join(one.missing),
        "class": case.cls,
        "from": line.who,
        "person": line.person,
    }
    return [said[name] if name in said else getattr(case, name) for name in COLUMNS]


def _asked(request: web.Request) -> tuple[QueueQuery, QueueWanted]:
    query = query_of(request, QueueQuery)
    try:
        return query, query.wanted()
    except ValueError:
        raise ProblemError(422, "This list has no such page.") from None


def _next(request: web.Request, place: Place | None) -> str | None:
    return str(request.rel_url.update_query(after=written_place(place))) if place else None


async def one(request: web.Request) -> web.Response:
    """Show everything about one request."""
    return await request_page(request, request.match_info["id"])


async def request_page(
    request: web.Request,
    id_: str,
    *,
    status: int = 200,
    error: str | None = None,
    values: Mapping[str, str] | None = None,
    revealed: tuple[str, str] | None = None,
) -> web.Response:
    """Show a request; after a failed command with what went wrong, and what was typed still in its form."""
    parts, now = request.app[PARTS], request.app[PARTS].clock()
    file = await parts.store.read(request_queue.request_file, viewer(request), id_, now)
    if file is None:
        raise nothing_there()
    case, inventory = file.case, parts.inventory()
    policy = await _edition(parts, case)
    clocks = [clock_state(each.row, now, each.counted) for each in file.clocks]
    system = inventory.systems.get(case.system or "")
    partner, contact = who_asks(case, inventory)
    missing = labels_of(policy, (str(name) for name in file.judgement.get("missing", ())))
    return page(
        request,
        "request.html",
        whys=await delivery_pages.sentences(request, (each.id for each in file.outbox if not each.done_at)),
        status=status,
        file=file,
        case=case,
        error=error,
        values=values or {},
        revealed=revealed,
        over=case.status in ENDED,
        tone=tone_of(case.cls, policy)[0],
        state=state_of(case, tuple(missing.values()), now, contact.name if contact else ""),
        promise=promise_of(_counting(clocks), now),
        due=next_of(_counting(clocks)),
        analyse_now=_to_analyse(case, policy),
        long_fields=LONG,
        missing=missing if case.status == "incomplete" else {},
        fields=fields_of(file.request, policy),
        clocks=clocks,
        duties=duties_of(
            clocks,
            file.judgement,
            policy,
            (said for _, kind, _, said in file.timeline if kind == "duty.done"),
        ),
        facts=_facts(file.request),
        files_of={each.id: [f for f in file.files if f.message == each.id] for each in file.messages},
        loose_files=[each for each in file.files if each.message is None],
        partner=partner,
        contact=contact,
        people=[(each, inventory.person(each.contact or "")) for each in file.people],
        system=system,
        chain=partner_chain(inventory, system.partner if system else case.partner or ""),
        classes=tuple(policy.classes),
        pass_on=_may_pass_on(parts, policy, file, now),
        prepaid=policy.requests.prepaid,
        charges=[(each, each.into(Account.BALANCE)) for each in file.charges],
        **await _appointments(parts, policy, file, request.query.get("technician", "")[:200]),
    )


async def _edition(parts: Parts, case: Case) -> Policy:
    """Return the edition a request came in under; where that is not on record any more, the one in force."""
    try:
        return await parts.desk.edition_of(case)
    except NotFoundError:
        in_force = parts.policies().get(case.policy)
        if in_force is None:
            raise
        return in_force


def _to_analyse(case: Case, policy: Policy) -> ServiceClass | None:
    """Return the class that has a request analysed at any hour, while nobody has answered it."""
    known = policy.classes.get(case.cls or "")
    waits = case.status is RequestStatus.OPEN and case.responded_at is None
    return known if known and known.analyse_now and waits else None


def _counting(clocks: Sequence[ClockState]) -> list[ClockState]:
    """Return our promises that still say something."""
    return [each for each in clocks if each.ours and (each.runs or each.text.startswith("met"))]


def _facts(request: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return what was said for the policy's rules: the kind of problem, and its facts."""
    facts = request.get("facts")
    known = [(str(name), value) for name, value in facts.items()] if isinstance(facts, Mapping) else []
    said = [("kind of problem", request.get("symptom")), ("class as stated", request.get("class"))]
    said.append(("work begins", request.get("planned_start")))
    return [(name, value) for name, value in said if value] + known


def _may_pass_on(parts: Parts, policy: Policy, file: RequestFile, now: datetime) -> list[MayPassOn]:
    """Return what may be passed on, and what the requester's contract forbids, as it is known today."""
    asked = from_record(file.request)
    standing = parts.desk.known.standing_of(policy, asked, now)
    return [
        MayPassOn(
            rule=rule,
            forbidden=(rule.unless or "")
            if filing.forbidden_by(policy, asked, rule.name) or (rule.unless and standing.get(rule.unless))
            else "",
        )
        for rule in policy.requests.forwarding
    ]


async def _appointments(
    parts: Parts, policy: Policy, file: RequestFile, technician: str
) -> Mapping[str, object]:
    """Return a request's appointment that stands, and the moments that can be offered."""
    booked = next((a for a in file.appointments if a.status is AppointmentStatus.BOOKED), None)
    slots: tuple[Slot, ...] = ()
    calendar = policy.calendars.get(str(file.judgement.get("calendar"))) or policy.house_calendar()
    if policy.requests.appointments and file.case.status not in ENDED:
        try:
            slots = await Appointing(desk=parts.desk).slots(file.case.id, technician=technician or None)
        except ConflictError:
            slots = ()
    return {
        "by_appointment": policy.requests.appointments,
        "booked": booked,
        "slots": slots[:SLOTS_SHOWN],
        "technician": technician,
        "zone": calendar.zone.key,
        "local": lambda at: f"{at.astimezone(calendar.zone):%a {at.astimezone(calendar.zone).day} %b %H:%M}",
    }


async def attachment(request: web.Request) -> web.Response:
    """Give a file of a request, to be saved."""
    case: Case = await visible_case(request, request.match_info["id"])
    return await a_file(request, case, request.match_info["attachment"])


PAGES = {
    ("GET", "/noc/requests"): queue,
    ("GET", "/noc/requests.csv"): queue_csv,
    ("GET", "/noc/requests/{id}"): one,
    ("GET", "/noc/requests/{id}/attachments/{attachment}"): attachment,
}
