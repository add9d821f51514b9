"""The REST API's series of planned work, and how one time is moved."""

from datetime import datetime, timedelta

from aiohttp import web

from monitor.domain.recurrence import in_words
from monitor.errors import NotFoundError
from monitor.storage import lists, series
from monitor.storage.series import Kept
from monitor.web import announced_work
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web.api import actor, of
from monitor.web.auth import viewer
from monitor.web.openapi import Api
from monitor.web.parts import Parts
from monitor.web.recurring_work import cancel, move


class SeriesOut(m.Out):
    """Work that comes again; ``next`` are the times that are laid, as maintenances."""

    id: str
    title: str
    body: str
    rule: str
    words: str
    zone: str
    first: datetime
    seconds: float
    left_out: list[datetime]
    systems: tuple[str, ...]
    components: tuple[str, ...]
    public: bool
    partner: str | None
    major: bool | None
    source: str
    announced_by: str
    announced_at: datetime
    ended_at: datetime | None
    next: list[str]


def add_series(api: Api) -> None:
    """Declare what the API has of series, and how one time is moved."""

    @api.route("GET", "/api/v1/maintenance-series")
    async def list_series(request: web.Request) -> m.Listing[SeriesOut]:
        """List the series that are not over, the oldest first."""
        who, parts = viewer(request), of(request)
        found = await parts.store.read(series.standing)
        mine = [one for one in found if who.staff or one.series.partner == who.partner]
        return m.Listing(items=[await _told(parts, one) for one in mine], next=None)

    @api.route("GET", "/api/v1/maintenance-series/{id}", errors=(404,))
    async def get_series(request: web.Request, params: i.ById) -> SeriesOut:
        """Read one series."""
        return await _told(of(request), await _mine(request, params.id))

    @api.route("POST", "/api/v1/maintenance-series/{id}/cancel", errors=(404, 409))
    async def cancel_series(request: web.Request, params: i.ById) -> SeriesOut:
        """Call a series off, with all its times that have not begun."""
        parts = of(request)
        await cancel(parts, actor(request), await _mine(request, params.id))
        return await _told(parts, await parts.store.read(series.get, params.id))

    @api.route("POST", "/api/v1/maintenance/{id}/move", errors=(404, 409))
    async def move_maintenance(request: web.Request, body: i.Move, params: i.ById) -> m.Maintenance:
        """Move one maintenance that has not begun, or the end of one that runs; of a series, this one alone."""
        parts, who = of(request), viewer(request)
        found = await parts.store.read(lists.find_maintenance, params.id)
        if found is None or not (who.staff or (found.partner and found.partner == who.partner)):
            raise NotFoundError("There is no such maintenance.")
        if found.partner:
            announced_work.may_announce(parts, who)
        await move(parts, actor(request), params.id, body.starts_at, body.ends_at)
        moved = await parts.store.read(lists.find_maintenance, params.id)
        return m.Maintenance.model_validate(moved)


async def _mine(request: web.Request, id_: str) -> Kept:
    who, parts = viewer(request), of(request)
    kept = await parts.store.read(series.get, id_)
    if not who.staff and kept.series.partner != who.partner:
        raise NotFoundError("There is no such series.")
    if kept.series.partner and request.method != "GET":
        announced_work.may_announce(parts, who)
    return kept


async def _told(parts: Parts, kept: Kept) -> SeriesOut:
    made = kept.series
    return SeriesOut(
        id=made.id,
        title=made.title,
        body=made.body,
        rule=made.rule,
        words=in_words(made.rule),
        zone=made.zone,
        first=made.first,
        seconds=made.lasts / timedelta(seconds=1),
        left_out=list(made.left_out),
        systems=made.systems,
        components=made.components,
        public=made.public,
        partner=made.partner,
        major=made.major,
        source=made.source,
        announced_by=kept.announced_by,
        announced_at=kept.announced_at,
        ended_at=kept.ended_at,
        next=await parts.store.read(series.ahead, made.id),
    )
