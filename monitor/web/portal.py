"""The portal's pages that are read: the overview, the requests that are yours, one request with everything of it.

Every request is found through ``monitor.storage.visibility``: what is not yours is a 404 in the words of what is not
there. Forms are in ``portal_forms``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic
from aiohttp import web

from monitor.appointing import Appointing
from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.domain.filing import in_words
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case, RequestStatus
from monitor.domain.request_matter import as_seen_by_requester, is_empty, look_at
from monitor.domain.request_record import from_record
from monitor.domain.requests import missing_fields
from monitor.domain.uptime import last_days
from monitor.storage import appointments, cases, lists, requests
from monitor.storage.clocks import ClockRow
from monitor.storage.lists import Wanted
from monitor.storage.requests import File, Written
from monitor.web import request_models as r
from monitor.web.api_requests import a_file, visible_case
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS, Parts
from monitor.web.portal_bars import DAYS
from monitor.web.portal_cases import line_of as case_line
from monitor.web.portal_fields import asked_of, field_of
from monitor.web.portal_fleet import Fleet, Unwell, fleet_of, rows_of, running_works, unwell_of, worst_first
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_public import public_now
from monitor.web.portal_systems import DRAWN, since_when
from monitor.web.portal_view import Line, ToDo, first_of_all, line_of, promises_of, state_of, to_do
from monitor.web.problems import ProblemError

LIVE = (RequestStatus.WAITING, RequestStatus.INCOMPLETE, RequestStatus.OPEN)
SHOWN = 50
FOUND = 10
"""So many cases stand on the overview, the newest."""
FIRST = 12
"""So many systems stand on the overview."""


# the overview -----------------------------------------------------------------------------------------------


async def overview(request: web.Request) -> web.Response:
    """Show how your systems are, what is open, and what you have to do."""
    me, parts = who_looks(request), request.app[PARTS]
    live: list[tuple[Line, list[ToDo]]] = []
    for status in LIVE:
        page = await parts.store.read(_with_clocks, me, Wanted(equal={"status": status}, limit=SHOWN), "")
        live.extend([await _line_and_duties(parts, case, clocks) for case, clocks in page.items])
    fleet = fleet_of(request, me)
    standing = await parts.store.read(cases.standing, fleet.whose)
    newest = await parts.store.read(cases.with_clocks, standing[: -FOUND - 1 : -1])
    unwell = await unwell_of(request, fleet, since_when(fleet, standing), await running_works(parts))
    shown = worst_first(fleet.systems, unwell)[:FIRST]
    return portal_page(
        request,
        "overview.html",
        public=await public_now(parts, me.partner.id, fleet.on, standing),
        found=[case_line(each, clocks, parts.clock()) for each, clocks in newest],
        more_found=len(standing) - len(newest),
        rows=await rows_of(request, me, shown, unwell),
        tally=_tally(me, fleet, unwell),
        total=len(fleet.systems),
        partners=parts.inventory().partners,
        days=last_days(parts.clock(), me.zone, DAYS),
        drawn=DRAWN,
        lines=[line for line, _ in live],
        duties=[duty for _, duties in live for duty in duties if duty.open],
        lines_in=me.policy.lines,
    )


def _tally(me: Self, fleet: Fleet, unwell: Unwell) -> list[tuple[str, str, int, str]]:
    """Count a fleet by how it is: how, its tone, how many, in words."""
    _ = me.tongue.say
    bad, minor = unwell.count("down", "fault"), unwell.count("degraded")
    worked, dark = unwell.count("maintenance"), unwell.count("unknown")
    return [
        ("down", "bad", bad, _("down or with a fault")),
        ("degraded", "minor", minor, _("disturbed")),
        ("maintenance", "maintenance", worked, _("in maintenance")),
        ("unknown", "unknown", dark, _("not known")),
        ("well", "ok", len(fleet.systems) - bad - minor - worked - dark, _("without trouble that we see")),
    ]


async def _line_and_duties(parts: Parts, case: Case, clocks: tuple[ClockRow, ...]) -> tuple[Line, list[ToDo]]:
    now = parts.clock()
    policy = await parts.desk.edition_of(case)
    _, judgement, _ = await parts.store.read(requests.record_of, case.id)
    return line_of(case, clocks, now), [
        *first_of_all(case),
        *to_do(case, clocks, judgement, policy, now),
    ]


def _with_clocks(connection: Any, me: Self, wanted: Wanted, words: str) -> lists.Page[Any]:
    """Read requests that are theirs, each with its clocks, in one transaction."""
    found = requests.listed(connection, me.viewer, wanted, words=words)
    return lists.Page(
        tuple((case, requests.clocks_of(connection, case.id)) for case in found.items), found.next
    )


# lists ------------------------------------------------------------------------------------------------------


async def list_requests(request: web.Request) -> web.Response:
    """List the requests that are yours, newest first."""
    me, parts = who_looks(request), request.app[PARTS]
    try:
        query = r.RequestQuery.model_validate({name: v for name, v in request.query.items() if v})
    except pydantic.ValidationError:
        raise ProblemError(422, "This list has no such filter.") from None
    wanted = query.wanted()
    limited = Wanted(
        equal=wanted.equal,
        since=wanted.since,
        until=wanted.until,
        after=wanted.after,
        limit=min(wanted.limit, SHOWN),
    )
    found = await parts.store.read(_with_clocks, me, limited, query.q or "")
    return portal_page(
        request,
        "requests.html",
        lines=[line_of(case, clocks, parts.clock()) for case, clocks in found.items],
        found=found,
        query=query,
        filtered=bool(wanted.equal or query.q),
        classes=tuple(me.policy.classes),
        systems=fleet_of(request, me).systems,
        more=lambda after: str(request.rel_url.update_query(after=str(after))),
    )


# one request ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with everything of it that whoever takes part may see."""

    case: Case
    policy: Policy
    fields: Mapping[str, object]
    judgement: Mapping[str, Any]
    missing: tuple[str, ...]
    clocks: tuple[ClockRow, ...]
    messages: tuple[Written, ...]
    files: tuple[File, ...]
    kept_apart: int
    copied: tuple[str, ...]
    appointments: tuple[Appointment, ...] = field(default=())


async def everything_of(request: web.Request, id_: str) -> Asked:
    """Return a request with everything of it, if it exists for whoever asks; else 404."""
    case = await visible_case(request, id_)
    parts = request.app[PARTS]
    read = parts.store.read
    policy = await parts.desk.edition_of(case)
    kept, judgement, _ = await read(requests.record_of, case.id)
    asked = from_record(kept)
    seen = as_seen_by_requester(parts.inventory(), asked)
    matter = look_at(policy, asked, seen, case.received_at)
    people = await read(requests.people_of, case.id)
    return Asked(
        case=case,
        policy=policy,
        fields={name: value for name, value in kept["fields"].items() if not is_empty(value)},
        judgement=judgement,
        missing=missing_fields(matter)[0] if case.status is RequestStatus.INCOMPLETE else (),
        clocks=await read(requests.clocks_of, case.id),
        messages=await read(requests.messages, case.id, internal=False),
        files=await read(requests.files, case.id),
        kept_apart=len(await read(requests.kept_apart, case.id)),
        copied=tuple(each.email for each in people if each.role == "copied" and each.email),
        appointments=await read(appointments.of_request, case.id),
    )


async def one_request(request: web.Request) -> web.Response:
    """Show a request: where it stands, what is promised, what was written, and what you can do."""
    return await request_page(request, request.match_info["id"])


async def request_page(
    request: web.Request,
    id_: str,
    *,
    status: int = 200,
    values: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> web.Response:
    """Show a request, after a form that went wrong with what was typed and what is wrong with it."""
    asked = await everything_of(request, id_)
    me, parts = who_looks(request), request.app[PARTS]
    now = parts.clock()
    by_message: dict[str | None, list[File]] = {}
    for each in asked.files:
        by_message.setdefault(each.message, []).append(each)
    ended = asked.case.status in ENDED
    return portal_page(
        request,
        "request.html",
        status=status,
        asked=asked,
        case=asked.case,
        state=state_of(asked.case),
        said=[(me.label(name), in_words(value)) for name, value in asked.fields.items()],
        promises=promises_of(asked.clocks, now),
        duties=to_do(asked.case, asked.clocks, asked.judgement, asked.policy, now),
        files=by_message,
        alone=[each for each in asked.files if each.message is None],
        ended=ended,
        analysed_now=_analysed_now(asked),
        missing=[
            field_of(name, asked_of(asked.policy), me, fleet_of(request, me).systems)
            for name in asked.missing
        ],
        values=values or {},
        faults=faults or {},
        key=parts.new_id(),
        sender=_sender(parts, asked.case, me),
        booked=AppointmentStatus.BOOKED,
        related=await _earlier(parts, me, asked.case),
    )


async def _earlier(parts: Parts, me: Self, case: Case) -> Case | None:
    """Return the request that this one goes on from, if it exists for whoever looks."""
    return await parts.store.read(requests.find, me.viewer, case.related) if case.related else None


def _analysed_now(asked: Asked) -> bool:
    """Whether the class of a request is one that is taken into analysis at any hour."""
    cls = asked.policy.classes.get(asked.case.cls or "")
    return cls is not None and cls.analyse_now


def _sender(parts: Parts, case: Case, me: Self) -> str:
    """Say who asked."""
    if case.contact == me.contact.id:
        return "you"
    found = parts.inventory().person(case.contact or "")
    return found[1].name if found else case.email or "somebody of yours"


async def attachment(request: web.Request) -> web.Response:
    """Fetch a file of a request; browsers save it and never show it."""
    case = await visible_case(request, request.match_info["id"])
    return await a_file(request, case, request.match_info["attachment"])


async def appointment(request: web.Request) -> web.Response:
    """Fetch an appointment for a calendar."""
    case = await visible_case(request, request.match_info["id"])
    appointing = Appointing(desk=request.app[PARTS].desk)
    content = await appointing.ics(case.id, request.match_info["appointment"])
    if content is None:
        raise nothing_there()
    return web.Response(
        body=content,
        headers={
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{case.reference}.ics"',
        },
    )


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/portal"): overview,
    ("GET", "/portal/"): overview,
    ("GET", "/portal/requests"): list_requests,
    ("GET", "/portal/requests/{id}"): one_request,
    ("GET", "/portal/requests/{id}/attachments/{attachment}"): attachment,
    ("GET", "/portal/requests/{id}/appointments/{appointment}.ics"): appointment,
}
