"""The console's page of one work: what it covers, who was told, how it stands; moved, extended, called off, done.

Each of these is shown first with who is told of it and what it lets go, and is then what was shown.

    GET  /noc/maintenance/{id}                     POST .../move, .../move/preview
    GET  /noc/maintenance/{id}/cancel|complete     the question, with what follows; POST does it
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from monitor.announcing import Told
from monitor.domain.announcements import GlobalProblem, Maintenance, MaintenanceStatus
from monitor.domain.recurrence import in_words
from monitor.domain.work_reach import covered
from monitor.errors import NotFoundError
from monitor.overrunning import opens, problem_at, problem_of
from monitor.planning import Change, Plan, plan_end
from monitor.storage import announced, overruns, planned, series
from monitor.storage.announcements import CURRENT
from monitor.storage.overruns import Overrun
from monitor.storage.planned import Line
from monitor.web import actions, auth, recurring_work
from monitor.web.parts import PARTS, Parts
from monitor.web.render import go, page, rendered
from monitor.web.work_forms import WRONG, systems_file
from monitor.web.work_impact import SHOWN_PEOPLE, Impact, impact_of
from monitor.web.work_plans import Foreseen

NONE = "There is no such maintenance."
TIMES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """Work past its end: what still fails, and the problem that it becomes at a moment (None: to none)."""

    over: Overrun
    problem: GlobalProblem | None
    at: datetime


async def work_page(request: web.Request) -> web.Response:
    """Show one work."""
    return await _page(request, {}, {})


async def _page(
    request: web.Request,
    values: Mapping[str, Any],
    faults: Mapping[str, str],
    preview: Impact | None = None,
) -> web.Response:
    parts = request.app[PARTS]
    line = await _line(parts, request.match_info["id"])
    known = await recurring_work.recurring(parts).known(line.work.id)
    of = line.work.series
    kept = await parts.store.read(series.get, of) if of else None
    siblings = await parts.store.read(planned.of_series, of) if of else []
    return page(
        request,
        "maintenance_one.html",
        status=422 if faults else 200,
        line=line,
        current=line.work.status in CURRENT,
        kept=kept,
        rule=in_words(kept.series.rule) if kept else "",
        siblings=[one for one in siblings if one.work.ends_at > parts.clock()][:TIMES],
        told=len(known.told),
        held=await parts.store.read(planned.held_by, line.work.id),
        overdue=await _overdue(parts, line),
        impact=await impact_of(parts, _as_it_is(parts, known)),
        values={**_local(line.work), **values},
        faults=faults,
        preview=preview,
        most=SHOWN_PEOPLE,
    )


async def systems_csv(request: web.Request) -> web.Response:
    """Return the systems that a work covers, as a file."""
    parts = request.app[PARTS]
    line = await _line(parts, request.match_info["id"])
    return systems_file(covered(parts.inventory(), line.work))


async def _line(parts: Parts, id_: str) -> Line:
    found = await parts.store.read(planned.find, id_)
    if found is None:
        raise NotFoundError(NONE)
    return found


async def _overdue(parts: Parts, line: Line) -> Overdue | None:
    """Return what a work of ours past its end becomes, if something that it covers still fails."""
    work = line.work
    if work.status not in CURRENT or work.partner is not None or work.ends_at > parts.clock():
        return None
    over = await parts.store.read(overruns.of_work, work.id)
    if over is None or not over.failing:
        return None
    world = parts.pipeline.announcer.world
    opened = opens(over, await parts.store.read(overruns.standing_over))
    return Overdue(over=over, problem=problem_of(world, over) if opened else None, at=problem_at(world, work))


def _local(work: Maintenance) -> dict[str, str]:
    zone = ZoneInfo(work.zone)
    return {
        "starts_at": f"{work.starts_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "ends_at": f"{work.ends_at.astimezone(zone):%Y-%m-%dT%H:%M}",
    }


def _as_it_is(parts: Parts, known: announced.PlannedWork) -> Foreseen:
    return _foreseen(parts, Change(said=known))


def _foreseen(parts: Parts, change: Change) -> Foreseen:
    told = change.told or Told(news=parts.pipeline.announcer.of_work(change.work))
    return Foreseen(plan=Plan(works=(change.work,), said=change.said, told=told))


async def _foreseen_move(
    parts: Parts, id_: str, form: Mapping[str, Any]
) -> tuple[Change, datetime, datetime]:
    keeper = recurring_work.recurring(parts)
    known = await keeper.known(id_)
    work = known.work
    times = actions.moment_of("ends_at", form, work.zone)
    times |= actions.moment_of("starts_at", form, work.zone)
    starts, ends = times.get("starts_at", work.starts_at), times.get("ends_at", work.ends_at)
    assert isinstance(starts, datetime) and isinstance(ends, datetime), "they were read as moments"  # noqa: PT018
    if work.status is MaintenanceStatus.IN_PROGRESS:
        starts = work.starts_at
    recurring_work.check_span(parts, starts, ends)
    return keeper.foresee_move(known, starts, ends, parts.clock()), starts, ends


async def move_preview(request: web.Request) -> web.Response:
    """Return what another time would do, as a part of the work's page."""
    form, parts = await actions.our_form(request), request.app[PARTS]
    impact, faults = None, {}
    try:
        change, _, _ = await _foreseen_move(parts, request.match_info["id"], form)
        impact = await impact_of(parts, _foreseen(parts, change))
    except WRONG as error:
        faults = actions.faults_of(error)
    text = rendered(
        request,
        "_work_impact.html",
        impact=impact,
        faults=faults,
        most=SHOWN_PEOPLE,
        form_id=None,
        deed="move it",
    )
    return web.Response(text=text, content_type="text/html")


async def move(request: web.Request) -> web.Response:
    """Give a work another time."""
    form, parts, id_ = await actions.our_form(request), request.app[PARTS], request.match_info["id"]
    try:
        change, starts, ends = await _foreseen_move(parts, id_, form)
        if "preview" in form:
            return await _page(request, form, {}, await impact_of(parts, _foreseen(parts, change)))
        await recurring_work.move(parts, request[auth.PRINCIPAL].name, id_, starts, ends)
    except WRONG as error:
        return await _page(request, form, actions.faults_of(error))
    return go(f"/noc/maintenance/{id_}", "moved_work")


def _asks(status: MaintenanceStatus) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the page that asks whether a work is over, with who is told and what is let go."""

    async def ask(request: web.Request) -> web.Response:
        parts = request.app[PARTS]
        line = await _line(parts, request.match_info["id"])
        known = await recurring_work.recurring(parts).known(line.work.id)
        change = plan_end(parts.pipeline.announcer, known, status, parts.clock())
        return await _ask(request, line, change, status)

    return ask


async def ask_series(request: web.Request) -> web.Response:
    """Ask whether work that comes again is called off, with who is told."""
    parts, id_ = request.app[PARTS], request.match_info["id"]
    ahead = await parts.store.read(series.ahead, id_)
    if not ahead:
        await parts.store.read(series.get, id_)
        return go("/noc/maintenance")
    line = await _line(parts, ahead[0])
    known = await recurring_work.recurring(parts).known(ahead[0])
    off = MaintenanceStatus.CANCELLED
    change = plan_end(parts.pipeline.announcer, known, off, parts.clock())
    return await _ask(request, line, change, off, times=len(ahead))


async def _ask(
    request: web.Request, line: Line, change: Change, status: MaintenanceStatus, *, times: int = 0
) -> web.Response:
    parts = request.app[PARTS]
    verb = "complete" if status is MaintenanceStatus.COMPLETED else "cancel"
    one = f"/noc/maintenance/{line.work.id}/{verb}"
    return page(
        request,
        "maintenance_end.html",
        line=line,
        current=line.work.status in CURRENT,
        told=_foreseen(parts, change).plan.told,
        held=await parts.store.read(planned.held_by, line.work.id),
        done=status is MaintenanceStatus.COMPLETED,
        times=times,
        action=f"/noc/maintenance-series/{line.work.series}/cancel" if times else one,
        most=SHOWN_PEOPLE,
    )


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/maintenance/{id}"): work_page,
    ("GET", "/noc/maintenance/{id}/systems.csv"): systems_csv,
    ("POST", "/noc/maintenance/{id}/move"): move,
    ("POST", "/noc/maintenance/{id}/move/preview"): move_preview,
    ("GET", "/noc/maintenance/{id}/cancel"): _asks(MaintenanceStatus.CANCELLED),
    ("GET", "/noc/maintenance/{id}/complete"): _asks(MaintenanceStatus.COMPLETED),
    ("GET", "/noc/maintenance-series/{id}/cancel"): ask_series,
}
