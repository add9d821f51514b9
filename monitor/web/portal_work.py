"""The portal's pages of a customer's own maintenance (mission E6) and of prepaid incidents (mission H5)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import pydantic
from aiohttp import web

from monitor.domain.people import may_announce
from monitor.errors import ConflictError
from monitor.storage import lists, series
from monitor.storage.lists import Wanted
from monitor.web import announced_work, commands, recurring_work
from monitor.web.api_inputs import NewMaintenance
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS
from monitor.web.portal_frame import Self, by_log_in, own_systems, portal_page, who_looks
from monitor.web.portal_input import read_form
from monitor.web.portal_notice import Shown, faults_of, ours_between, read_fields, shown_of
from monitor.web.problems import ProblemError
from monitor.web.render import go, rendered

SHOWN = 100
AHEAD = timedelta(days=60)
OPEN = frozenset({"scheduled", "in_progress"})


async def maintenance(request: web.Request) -> web.Response:
    """Show the work that you announced, and the form that announces more."""
    given = {"systems": request.query["system"][:200]} if "system" in request.query else {}
    return await _maintenance(request, who_looks(request), given, {}, tuple(given.values()))


async def _maintenance(
    request: web.Request,
    me: Self,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    chosen: tuple[str, ...] = (),
    shown: Shown | None = None,
) -> web.Response:
    parts = request.app[PARTS]
    now = parts.clock()
    wanted = Wanted(equal={"partner": me.partner.id}, limit=SHOWN)
    found = await parts.store.read(lists.list_maintenance, wanted)
    return portal_page(
        request,
        "maintenance.html",
        status=422 if faults else 200,
        work=found.items,
        still=OPEN,
        systems=own_systems(parts, me),
        chosen=chosen,
        values=values,
        faults=faults,
        shown=shown,
        ours=await ours_between(parts, me, now, now + AHEAD),
        ahead=AHEAD.days,
        permission=by_log_in(me, may_announce(me.contact, me.policy)),
        notices=[
            (rule, span_of(rule.notice)) for rule in me.policy.requests.duties if rule.notice is not None
        ],
    )


def span_of(seconds: float) -> str:
    """Say a notice as agreements do: in hours."""
    hours = seconds / 3600
    return f"{hours:g} hours"


async def announce(request: web.Request) -> web.Response:
    """Announce your own work; a late notice is taken, and told as late. Asked for a preview, say what it would be."""
    me, form, parts = who_looks(request), await read_form(request), request.app[PARTS]
    if form.get("preview"):
        shown = await shown_of(parts, me, form)
        return await _maintenance(request, me, form.values, {}, form.all("systems"), shown)
    fields, faults = read_fields(form, me)
    made = ""
    if not faults:
        try:
            given = NewMaintenance.model_validate(fields)
            made = await announced_work.announce(parts, me.viewer, given)
        except (pydantic.ValidationError, ProblemError, ConflictError) as error:
            faults.update(faults_of(error))
    if faults:
        shown = await shown_of(parts, me, form)
        return await _maintenance(request, me, form.values, faults, form.all("systems"), shown)
    row = await parts.store.read(lists.find_maintenance, made)
    return go("/portal/maintenance", "announced_late" if row and row.late else "announced")


async def live(request: web.Request) -> web.Response:
    """Say of the form as it stands whether its notice is long enough, as a part of its page."""
    me, form = who_looks(request), await read_form(request)
    shown = await shown_of(request.app[PARTS], me, form)
    text = rendered(
        request, "portal/_work_notice.html", shown=shown, me=me, written=me.written, zone=me.zone.key
    )
    return web.Response(text=text, content_type="text/html")


async def cancel(request: web.Request) -> web.Response:
    """Call your own work off."""
    me, parts = who_looks(request), request.app[PARTS]
    found = await parts.store.read(lists.find_maintenance, request.match_info["id"])
    if found is None or found.partner != me.partner.id:
        raise nothing_there()
    await read_form(request)
    announced_work.may_announce(parts, me.viewer)
    await commands.cancel_maintenance(parts, me.viewer.name, found.id)
    return go("/portal/maintenance", "called_off")


async def cancel_series(request: web.Request) -> web.Response:
    """Call your own work that comes again off."""
    me, parts = who_looks(request), request.app[PARTS]
    kept = await parts.store.read(series.get, request.match_info["id"])
    if kept.series.partner != me.partner.id:
        raise nothing_there()
    await read_form(request)
    announced_work.may_announce(parts, me.viewer)
    await recurring_work.cancel(parts, me.viewer.name, kept)
    return go("/portal/maintenance", "called_off")


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/portal/maintenance"): maintenance,
    ("POST", "/portal/maintenance"): announce,
    ("POST", "/portal/maintenance/preview"): live,
    ("POST", "/portal/maintenance/{id}/cancel"): cancel,
    ("POST", "/portal/maintenance-series/{id}/cancel"): cancel_series,
}
