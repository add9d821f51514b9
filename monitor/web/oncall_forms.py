"""The console's forms of the rota: stand in, take back, hand over, still on it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pydantic
from aiohttp import web

from monitor.errors import ConflictError, NotFoundError
from monitor.web import auth, oncall_commands
from monitor.web.actions import faults_of, moment_of, our_form
from monitor.web.console import incident_page
from monitor.web.oncall_models import HandOverThose, NewOverride
from monitor.web.oncall_pages import hand_over_page, oncall_page
from monitor.web.parts import PARTS
from monitor.web.render import go


async def stand_in(request: web.Request) -> web.Response:
    """Put an override on record, its times given on the clock of the rotation's zone."""
    form = await our_form(request)
    rota = request.app[PARTS].inventory().on_call
    fields: dict[str, Any] = {name: form.get(name, "") for name in ("engineer", "rotation", "note")}
    zone = next(
        (one.zone for one in rota.rotations if one.name == (fields["rotation"] or rota.default)), "UTC"
    )
    try:
        times = moment_of("from", form, zone) | moment_of("to", form, zone)
        await oncall_commands.override(
            request.app[PARTS], _actor(request), NewOverride.model_validate(fields | times)
        )
    except (pydantic.ValidationError, ConflictError, NotFoundError) as error:
        return await oncall_page(request, values=dict(form), faults=faults_of(error))
    return go("/noc/oncall", "stands_in")


async def take_back(request: web.Request) -> web.Response:
    """Take an override back."""
    await our_form(request)
    await oncall_commands.take_back(request.app[PARTS], _actor(request), request.match_info["id"])
    return go("/noc/oncall", "taken_back")


async def hand_over(request: web.Request) -> web.Response:
    """Put incidents into another engineer's hands."""
    form = await our_form(request)
    fields = {
        "incidents": form.getall("incidents", []),
        "to": form.get("to", ""),
        "note": form.get("note", ""),
    }
    try:
        given = HandOverThose.model_validate(fields)
        await oncall_commands.hand_over(
            request.app[PARTS], _actor(request), given.incidents, given.to, given.note
        )
    except (pydantic.ValidationError, ConflictError, NotFoundError) as error:
        said = "; ".join(f"{name}: {text}" for name, text in faults_of(error).items())
        return await hand_over_page(request, values=fields, error=said)
    return go(auth.local_path(str(form.get("back", "")), "/noc/oncall/hand-over"), "given")


async def renew(request: web.Request) -> web.Response:
    """Say that somebody is still on it."""
    form = await our_form(request)
    incident = request.match_info["id"]
    try:
        await oncall_commands.renew(request.app[PARTS], _actor(request), incident)
    except ConflictError as error:
        return await incident_page(request, incident, status=409, error=str(error))
    return go(auth.local_path(str(form.get("back", "")), f"/noc/incidents/{incident}"), "renewed")


def _actor(request: web.Request) -> str:
    return request[auth.PRINCIPAL].name


ACTIONS: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.Response]]] = {
    ("POST", "/noc/oncall/overrides"): stand_in,
    ("POST", "/noc/oncall/overrides/{id}/remove"): take_back,
    ("POST", "/noc/oncall/hand-over"): hand_over,
    ("POST", "/noc/incidents/{id}/renew"): renew,
}
