"""The portal's pages of a partner's systems: all of them, the worst first, and one with everything there is to know of it.

A system that is not yours, nor served through you, does not exist here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

import pydantic
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.day_columns import BAR, PITCH, TALL
from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import System
from monitor.domain.uptime import CURRENT, Span, last_days, midnight, overlaid, tally, worst_of, worst_state
from monitor.storage import cases, check_lists, history
from monitor.storage.lists import Wanted
from monitor.web.auth import nothing_there
from monitor.web.checks_now import check_now
from monitor.web.parts import PARTS
from monitor.web.portal_bars import DAYS, WIDE, bars
from monitor.web.portal_fleet import (
    Fleet,
    checks_of,
    fleet_of,
    rows_of,
    running_works,
    unwell_of,
    worst_checks,
    worst_first,
)
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_keeping import may_keep
from monitor.web.portal_public import placed, public_now
from monitor.web.portal_view import health_of, stretch
from monitor.web.problems import ProblemError

PAGE = 25
OLDER = 20
DRAWN: Mapping[str, int] = {"PITCH": PITCH, "BAR": BAR, "TALL": TALL, "WIDE": WIDE}


class SystemsQuery(BaseModel):
    """Which systems are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[str, Field(max_length=200)] = ""
    state: Literal["", "unwell"] = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


async def systems(request: web.Request) -> web.Response:
    """List your systems, those that are not well first."""
    me, parts = who_looks(request), request.app[PARTS]
    try:
        query = SystemsQuery.model_validate({name: v for name, v in request.query.items() if v})
    except pydantic.ValidationError:
        raise ProblemError(422, "This list has no such filter.") from None
    fleet = fleet_of(request, me)
    faults = since_when(fleet, await parts.store.read(cases.standing, fleet.whose))
    unwell = await unwell_of(request, fleet, faults, await running_works(parts))
    found = worst_first(fleet.search(query.q.strip().casefold()), unwell)
    if query.state == "unwell":
        found = [each for each in found if each.serial in unwell.how]
    first = (query.page - 1) * PAGE
    shown = found[first : first + PAGE]
    return portal_page(
        request,
        "systems.html",
        rows=await rows_of(request, me, shown, unwell),
        unwell=unwell,
        count=len(found),
        total=len(fleet.systems),
        first=first,
        query=query,
        more=first + PAGE < len(found),
        turn=lambda number: str(request.rel_url.update_query(page=str(number))),
        partners=parts.inventory().partners,
        days=last_days(parts.clock(), me.zone, DAYS),
        drawn=DRAWN,
        may_register=may_keep(me, System(serial="", partner=me.partner.id, licence=me.contact.licence)),
    )


def since_when(fleet: Fleet, standing: Sequence[Incident]) -> dict[str, datetime]:
    """Return since when each system has a fault."""
    faults: dict[str, datetime] = {}
    for each in standing:
        if each.system in fleet.serials:
            serial = each.system or ""
            faults[serial] = min(faults.get(serial, each.since), each.since)
    return faults


def find(request: web.Request, me: Self, serial: str) -> System:
    """Return a system of yours; what is not yours is not there."""
    found = request.app[PARTS].inventory().systems.get(serial)
    if found is None or serial not in fleet_of(request, me).serials:
        raise nothing_there()
    return found


async def one_system(request: web.Request) -> web.Response:
    """Show one of your systems: how it is, what the checks see, its days, its cases, its planned work, who is told."""
    me, parts = who_looks(request), request.app[PARTS]
    system, fleet, now = find(request, me, request.match_info["serial"]), fleet_of(request, me), parts.clock()
    read = parts.store.read
    mine = checks_of(request, system.serial)
    states = await read(check_lists.named, [each.name for each in mine])
    checks = worst_checks([check_now(each, states.get(each.name), now) for each in mine])
    found = await read(cases.listed, fleet.whose, Wanted(equal={"system": system.serial}, limit=OLDER))
    standing = [each for each, _ in found.items if each.status is not Status.RESOLVED]
    works = await running_works(parts)
    worked_on = frozenset(serial for each in works for serial in each.systems)
    (health,) = health_of([system], checks, since_when(fleet, standing), worked_on)
    days = last_days(now, me.zone, DAYS)
    day = _day(request, days)
    held = await _held(request, system, [each.name for each in mine], midnight(days[0], me.zone), now)
    begins, ends = midnight(day, me.zone), min(midnight(day + timedelta(days=1), me.zone), now)
    return portal_page(
        request,
        "system.html",
        system=system,
        health=health,
        checks=checks,
        cases=found.items,
        bars=bars(held, days, me.zone, now),
        days=days,
        day=day,
        strip=[stretch(part, begins) for each in held if (part := _cut(each, begins, ends)) is not None],
        today=tally(held, begins, ends).uptime(CURRENT),
        whole=midnight(day + timedelta(days=1), me.zone) - begins,
        now_public=await public_now(parts, me.partner.id, placed([system]), standing),
        contacts=me.partner.contacts if system.partner == me.partner.id else (),
        owner=parts.inventory().partners.get(system.partner),
        component=parts.inventory().components.get(system.component or ""),
        may_keep=may_keep(me, system),
        drawn=DRAWN,
    )


def _cut(span: Span, begins: datetime, ends: datetime) -> Span | None:
    start, end = max(span.start, begins), min(span.end, ends)
    return Span(span.status, start, end) if start < end else None


def _day(request: web.Request, days: list[date]) -> date:
    """Return the day whose minutes are asked for, today if none."""
    try:
        wanted = date.fromisoformat(request.query.get("day", ""))
    except ValueError:
        return days[-1]
    return wanted if wanted in days else days[-1]


async def _held(
    request: web.Request, system: System, names: list[str], start: datetime, now: datetime
) -> list[Span]:
    """Return how a system was, at each moment as the worst of its checks."""
    read = request.app[PARTS].store.read
    if not names:
        return []
    held = await read(history.spans_of, names, start, now)
    works = await read(
        history.works_over, [system.serial], [system.component] if system.component else [], start, now
    )
    return overlaid(worst_of([held[name] for name in names], worst_state), works)


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/portal/systems"): systems,
    ("GET", "/portal/systems/{serial}"): one_system,
}
