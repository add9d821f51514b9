"""The REST API's operations on the record: incidents and what hangs on them, and the commands.

Each operation is a few lines: read through the store or command through ``commands``, answer with a model.
The inventory's lists are in ``api_inventory``.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlencode

import pydantic
from aiohttp import web

from monitor.errors import NotFoundError
from monitor.storage import alerts_in, console, crash_trends, lists
from monitor.storage.lists import Page
from monitor.web import announced_work, commands, delivery_pages
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web.auth import PRINCIPAL, may_see_requests, viewer
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import FieldError, ProblemError

T = TypeVar("T")
M = TypeVar("M", bound=pydantic.BaseModel)
NO_NOTE = i.NoteOnTheWay()


def listing(request: web.Request, page: Page[T], make: Callable[[T], M]) -> m.Listing[M]:
    """Return a page of the record as the API gives it, with the way to the next."""
    return m.Listing(items=[make(item) for item in page.items], next=next_path(request, page.next))


def next_path(request: web.Request, after: object | None) -> str | None:
    """Return the request's own path and filters with another place to go on from."""
    if after is None:
        return None
    query = {name: value for name, value in request.query.items() if name != "after"}
    return f"{request.path}?{urlencode({**query, 'after': after})}"


def of(parts: web.Request) -> Parts:
    """Return the parts of the request's application."""
    return parts.app[PARTS]


def with_requests(request: web.Request, wanted: lists.Wanted) -> lists.Wanted:
    """Return a list with what is about customers' requests, for those who may see these."""
    return replace(wanted, requests=may_see_requests(request))


def actor(request: web.Request) -> str:
    """Return who is asking, as the timeline names them."""
    return request[PRINCIPAL].name


def add_incidents(api: Api) -> None:
    """Declare what can be read of incidents."""

    @api.route("GET", "/api/v1/incidents")
    async def list_incidents(request: web.Request, params: i.IncidentQuery) -> m.Listing[m.Incident]:
        """List incidents, newest first."""
        page = await of(request).store.read(console.list_incidents, params.wanted())
        return listing(request, page, m.Incident.model_validate)

    @api.route("GET", "/api/v1/incidents/{id}", errors=(404,))
    async def get_incident(request: web.Request, params: i.ById) -> m.Incident:
        """Read one incident."""
        return await _incident(request, params.id)

    @api.route("GET", "/api/v1/incidents/{id}/decision", errors=(404,))
    async def get_decision(request: web.Request, params: i.ById) -> web.Response:
        """Read the decision as it was stored: class, clause, reasons, clock, contacts."""
        text = await of(request).store.read(console.decision_text, params.id)
        if text is None:
            raise NotFoundError("There is no such incident.")
        return web.Response(text=text, content_type="application/json")

    @api.route("GET", "/api/v1/incidents/{id}/events", errors=(404,))
    async def list_incident_events(request: web.Request, params: i.EventsOf) -> m.Listing[m.Event]:
        """List an incident's timeline, newest first."""
        await _incident(request, params.id)
        page = await of(request).store.read(lists.list_events, params.wanted())
        return listing(request, page, m.Event.model_validate)

    @api.route("GET", "/api/v1/incidents/{id}/updates", errors=(404,))
    async def list_updates(request: web.Request, params: i.ById) -> m.Listing[m.Update]:
        """List what the public was told of a global problem, newest first."""
        await _incident(request, params.id)
        updates = await of(request).store.read(console.updates_of, params.id)
        return m.Listing(items=[m.Update.model_validate(update) for update in reversed(updates)])


def add_commands(api: Api) -> None:
    """Declare what can be done to incidents and the outbox."""

    @api.route("POST", "/api/v1/incidents/{id}/acknowledge", errors=(404, 409))
    async def acknowledge(request: web.Request, params: i.ById, body: i.NoteOnTheWay = NO_NOTE) -> m.Incident:
        """Say that somebody has it."""
        await commands.acknowledge(of(request), actor(request), params.id, body.note)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/resolve", errors=(404, 409))
    async def resolve(request: web.Request, params: i.ById, body: i.NoteOnTheWay = NO_NOTE) -> m.Incident:
        """Say that it is over."""
        await commands.resolve(of(request), actor(request), params.id, body.note)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/notes", status=201, errors=(404,))
    async def add_note(request: web.Request, params: i.ById, body: i.NewNote) -> m.Incident:
        """Write into the timeline."""
        await commands.note(of(request), actor(request), params.id, body.text)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/global", status=201, errors=(404, 409))
    async def declare_global(request: web.Request, body: i.NewGlobalProblem) -> m.Incident:
        """Declare a global problem; it is told on the status page at once."""
        return await _incident(request, await commands.declare_global(of(request), actor(request), body))

    @api.route("POST", "/api/v1/incidents/{id}/updates", status=201, errors=(404, 409))
    async def update_global(request: web.Request, params: i.ById, body: i.NewUpdate) -> m.Incident:
        """Tell the public how a global problem goes."""
        await commands.update_global(of(request), actor(request), params.id, body)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/outbox/{id}/retry", errors=(404, 409))
    async def retry_contact(request: web.Request, params: i.ById) -> m.Owed:
        """Try a failed contact again."""
        await commands.retry(of(request), actor(request), params.id)
        wanted = lists.Wanted(equal={"id": params.id}, limit=1, requests=True)
        page = await of(request).store.read(lists.list_outbox, wanted)
        if not page.items:
            raise NotFoundError("There is no such contact.")
        return _owed(await delivery_pages.sentences(request, [params.id]))(page.items[0])

    @api.route("POST", "/api/v1/config/reload", errors=(409,))
    async def reload_config(request: web.Request) -> m.Reloaded:
        """Read the configuration again; a faulty one is refused and the old one stays in force."""
        wrong = await commands.reload_config(of(request), actor(request))
        if wrong:
            errors = [FieldError(pointer="", detail=line) for line in wrong]
            raise ProblemError(409, "The configuration is not usable.", errors=errors)
        return m.Reloaded()


def add_clocks(api: Api) -> None:
    """Declare the clocks of incidents, and what stops them."""

    @api.route("GET", "/api/v1/incidents/{id}/clocks", errors=(404,))
    async def list_clocks(request: web.Request, params: i.ById) -> m.Listing[m.Clock]:
        """List an incident's clocks in the order they were started, superseded ones with them."""
        return await _clocks(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/waits", errors=(404, 409))
    async def wait(request: web.Request, params: i.ById, body: i.Wait) -> m.Listing[m.Clock]:
        """Say who is waited for, or that nobody is any more; answers with the clocks as they stand."""
        await commands.wait(of(request), actor(request), params.id, body)
        return await _clocks(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/clocks/{name}/meet", errors=(404, 409))
    async def meet_clock(request: web.Request, params: i.ClockOf) -> m.Listing[m.Clock]:
        """Say that a promise is kept, or a duty of the customer's done."""
        await _incident(request, params.id)
        await commands.meet_clock(of(request), actor(request), params.id, params.name)
        return await _clocks(request, params.id)


def add_lists(api: Api) -> None:
    """Declare the lists of the record."""

    @api.route("GET", "/api/v1/findings")
    async def list_findings(request: web.Request, params: i.FindingQuery) -> m.Listing[m.Finding]:
        """List findings, newest first."""
        page = await of(request).store.read(lists.list_findings, params.wanted())
        return listing(request, page, m.Finding.model_validate)

    @api.route("GET", "/api/v1/calls")
    async def list_calls(request: web.Request, params: i.CallQuery) -> m.Listing[m.Call]:
        """List calls to contacts and pages to engineers, newest first."""
        page = await of(request).store.read(lists.list_calls, with_requests(request, params.wanted()))
        return listing(request, page, m.Call.model_validate)

    @api.route("GET", "/api/v1/crashes")
    async def list_crashes(request: web.Request, params: i.CrashQuery) -> m.Listing[m.Crash]:
        """List crash reports, newest first; a folded one is listed like any other."""
        page = await of(request).store.read(lists.list_crash_reports, params.wanted())
        return listing(request, page, m.Crash.model_validate)

    @api.route("GET", "/api/v1/crash-trends")
    async def list_trends(request: web.Request, params: i.TrendQuery) -> m.Listing[m.CrashTrend]:
        """List what the fleet's crashes say together, the last told first: a release that crashes, a spike."""
        page = await of(request).store.read(crash_trends.list_trends, params.wanted())
        return listing(request, page, m.CrashTrend.model_validate)

    @api.route("GET", "/api/v1/alerts")
    async def list_alerts(request: web.Request, params: i.AlertQuery) -> m.Listing[m.ReceivedAlert]:
        """List alerts that other programs sent, the latest known first; those nobody could map are `unmapped`."""
        page = await of(request).store.read(alerts_in.list_alerts, params.wanted())
        return listing(request, page, m.ReceivedAlert.model_validate)

    @api.route("GET", "/api/v1/events")
    async def list_events(request: web.Request, params: i.EventQuery) -> m.Listing[m.Event]:
        """List the events of all incidents, newest first."""
        page = await of(request).store.read(lists.list_events, with_requests(request, params.wanted()))
        return listing(request, page, m.Event.model_validate)

    @api.route("GET", "/api/v1/outbox")
    async def list_outbox(request: web.Request, params: i.OutboxQuery) -> m.Listing[m.Owed]:
        """List what is and was owed to the outside, and why it waits."""
        page = await of(request).store.read(lists.list_outbox, with_requests(request, params.wanted()))
        whys = await delivery_pages.sentences(request, (each.id for each in page.items if not each.done_at))
        return listing(request, page, _owed(whys))


def add_maintenance(api: Api) -> None:
    """Declare the planned work."""

    @api.route("GET", "/api/v1/maintenance")
    async def list_maintenance(request: web.Request, params: i.MaintenanceQuery) -> m.Listing[m.Maintenance]:
        """List planned work, the last planned first; customers see their own."""
        who = viewer(request)
        own = {} if who.staff else {"partner": who.partner}
        page = await of(request).store.read(lists.list_maintenance, params.wanted(**own))
        return listing(request, page, m.Maintenance.model_validate)

    @api.route("GET", "/api/v1/maintenance/{id}", errors=(404,))
    async def get_maintenance(request: web.Request, params: i.ById) -> m.Maintenance:
        """Read one planned work."""
        return await _maintenance(request, params.id)

    @api.route("POST", "/api/v1/maintenance", status=201, errors=(403, 404, 409))
    async def plan_maintenance(request: web.Request, body: i.NewMaintenance) -> m.Maintenance:
        """Plan work on systems and components; of a customer, announce their own work on their systems."""
        who = viewer(request)
        if who.staff and body.partner is None:
            made = await commands.plan_maintenance(of(request), actor(request), body)
        else:
            made = await announced_work.announce(of(request), who, body)
        return await _maintenance(request, made)

    @api.route("POST", "/api/v1/maintenance/{id}/cancel", errors=(404, 409))
    async def cancel_maintenance(request: web.Request, params: i.ById) -> m.Maintenance:
        """Call planned work off."""
        await _may_move(request, params.id)
        await commands.cancel_maintenance(of(request), actor(request), params.id)
        return await _maintenance(request, params.id)

    @api.route("POST", "/api/v1/maintenance/{id}/complete", errors=(404, 409))
    async def complete_maintenance(request: web.Request, params: i.ById) -> m.Maintenance:
        """Say that the work is done."""
        await _may_move(request, params.id)
        await commands.complete_maintenance(of(request), actor(request), params.id)
        return await _maintenance(request, params.id)


async def _incident(request: web.Request, id: str) -> m.Incident:  # noqa: A002 - the field's own word
    found = await of(request).store.read(console.find_incident, id)
    if found is None:
        raise NotFoundError("There is no such incident.")
    return m.Incident.model_validate(found)


async def _clocks(request: web.Request, id: str) -> m.Listing[m.Clock]:  # noqa: A002
    await _incident(request, id)
    files = await of(request).store.read(console.clocks_of, id, of(request).clock())
    return m.Listing(items=[_clock(file) for file in files])


def _clock(file: console.ClockFile) -> m.Clock:
    row = file.row
    return m.Clock(
        counted=[m.Span.model_validate(one) for one in file.counted],
        pauses=[m.Span.model_validate(one) for one in row.pauses],
        **{name: getattr(row, name) for name in m.Clock.model_fields if name not in ("counted", "pauses")},
    )


async def _maintenance(request: web.Request, id: str) -> m.Maintenance:  # noqa: A002
    found = await of(request).store.read(lists.find_maintenance, id)
    who = viewer(request)
    if found is None or not (who.staff or (found.partner is not None and found.partner == who.partner)):
        raise NotFoundError("There is no such maintenance.")
    return m.Maintenance.model_validate(found)


async def _may_move(request: web.Request, id: str) -> None:  # noqa: A002
    """Refuse what is not theirs, and whom the policy does not let announce work."""
    await _maintenance(request, id)
    announced_work.may_announce(of(request), viewer(request))


def _owed(whys: Mapping[str, str]) -> Callable[[lists.OutboxLine], m.Owed]:
    def make(line: lists.OutboxLine) -> m.Owed:
        return m.Owed.model_validate(line).model_copy(update={"waits_because": whys.get(line.id)})

    return make
