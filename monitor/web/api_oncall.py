"""The REST API's operations on who is on call, and on who has an incident."""

from datetime import timedelta

from aiohttp import web

from monitor.domain import duty
from monitor.errors import NotFoundError
from monitor.storage import console
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web import oncall_commands as commands
from monitor.web import oncall_models as o
from monitor.web.api import actor, of
from monitor.web.openapi import Api


def add_oncall(api: Api) -> None:
    """Declare them."""

    @api.route("GET", "/api/v1/oncall")
    async def on_call(request: web.Request, params: o.OnCallQuery) -> o.OnCallNow:
        """Tell who is on call when, rotation by rotation, with gaps and hand-overs."""
        start = (params.at or of(request).clock()).replace(microsecond=0)
        said = duty.as_json(of(request).inventory().on_call, start, start + timedelta(days=params.days))
        return _read(said)

    @api.route("GET", "/api/v1/oncall/overrides")
    async def overrides(request: web.Request) -> m.Listing[o.Override]:
        """List the overrides that are in force or still to come, those of the configuration with them."""
        return m.Listing(items=_overrides(request))

    @api.route("POST", "/api/v1/oncall/overrides", status=201, errors=(404, 409))
    async def stand_in(request: web.Request, body: o.NewOverride) -> o.Override:
        """Let somebody stand in; it stands over the configuration."""
        made = await commands.override(of(request), actor(request), body)
        return next(one for one in _overrides(request) if one.id == made)

    @api.route("DELETE", "/api/v1/oncall/overrides/{id}", errors=(404,))
    async def take_back(request: web.Request, params: i.ById) -> m.Listing[o.Override]:
        """Take an override back; answers with those that are left."""
        await commands.take_back(of(request), actor(request), params.id)
        return m.Listing(items=_overrides(request))

    @api.route("POST", "/api/v1/incidents/{id}/renew", errors=(404, 409))
    async def renew(request: web.Request, params: i.ById) -> m.Incident:
        """Say that somebody is still on it: the acknowledgement holds anew."""
        await commands.renew(of(request), actor(request), params.id)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/hand-over", errors=(404, 409))
    async def hand_over(request: web.Request, params: i.ById, body: o.HandOverTo) -> m.Incident:
        """Put it into another engineer's hands."""
        await commands.hand_over(of(request), actor(request), [params.id], body.to, body.note)
        return await _incident(request, params.id)


def _overrides(request: web.Request) -> list[o.Override]:
    now = of(request).clock()
    on_call = of(request).inventory().on_call
    return [
        o.Override(
            id=shift.id or None,
            rotation=shift.rotation or on_call.default,
            engineer=shift.engineer,
            start=shift.start,
            end=shift.end,
            by=shift.by or None,
            note=shift.note,
        )
        for shift in on_call.overrides
        if shift.end > now
    ]


def _read(said: dict[str, object]) -> o.OnCallNow:
    """Make the answer of what the command line prints, so that both say the same."""

    def renamed(value: object) -> object:
        if isinstance(value, list):
            return [renamed(each) for each in value]
        if isinstance(value, dict):
            names = {"from": "start", "to": "end"}
            return {names.get(name, name): renamed(each) for name, each in value.items()}
        return value

    return o.OnCallNow.model_validate(renamed(said))


async def _incident(request: web.Request, id_: str) -> m.Incident:
    found = await of(request).store.read(console.find_incident, id_)
    if found is None:
        raise NotFoundError("There is no such incident.")
    return m.Incident.model_validate(found)
