"""Alerts that no rule could map: a person says what one is about, and it becomes a finding like any other."""

import pydantic
from aiohttp import web

from monitor.errors import NotFoundError
from monitor.storage import alerts_in, lists
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web.actions import our_form
from monitor.web.auth import PRINCIPAL, audit
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import FieldError, Handler, ProblemError
from monitor.web.render import go

BACK = "/noc/alerts?standing=firing&outcome=unmapped"


async def assign(parts: Parts, actor: str, alert: str, said: i.AlertMeaning) -> None:
    """Say what an alert is about; it is judged at once, and whenever it comes again."""
    inventory = parts.inventory()
    for name, value, known in (
        ("system", said.system, inventory.systems),
        ("component", said.component, inventory.components),
    ):
        if value is not None and value not in known:
            error = FieldError(pointer=f"/{name}", detail=f"There is no {name} {value!r}.")
            raise ProblemError(422, f"There is no {name} {value!r}.", errors=[error])
    await parts.store.write(
        alerts_in.assign,
        alert,
        system=said.system,
        component=said.component,
        symptom=said.symptom,
        actor=actor,
    )
    parts.bell.ring("alert")
    await audit(parts, actor, "alert.assign", alert, system=said.system, component=said.component)


async def assign_by_form(request: web.Request) -> web.Response:
    """Take an engineer's word on what an alert is about."""
    form = await our_form(request)
    given = {name: str(form.get(name, "")).strip() or None for name in ("system", "component", "symptom")}
    try:
        said = i.AlertMeaning.model_validate(given)
    except pydantic.ValidationError:
        raise ProblemError(422, "Name a system or a component, and what is wrong with it.") from None
    await assign(request.app[PARTS], request[PRINCIPAL].name, request.match_info["id"], said)
    return go(BACK, "assigned")


def add_alerts(api: Api) -> None:
    """Declare that a person can say what an alert is about."""

    @api.route("POST", "/api/v1/alerts/{id}/assign", errors=(404, 409))
    async def assign_alert(request: web.Request, params: i.ById, body: i.AlertMeaning) -> m.ReceivedAlert:
        """Say what an alert is about that no rule could map: it becomes a finding."""
        parts = request.app[PARTS]
        await assign(parts, request[PRINCIPAL].name, params.id, body)
        wanted = lists.Wanted(equal={"id": params.id}, limit=1)
        found = (await parts.store.read(alerts_in.list_alerts, wanted)).items
        if not found:
            raise NotFoundError("There is no such alert.")
        return m.ReceivedAlert.model_validate(found[0])


PAGES: dict[tuple[str, str], Handler] = {("POST", "/noc/alerts/{id}/assign"): assign_by_form}
