"""A person decides what we found: taken out of a problem, put under one, a fact that evidence got wrong."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import pydantic
from aiohttp import web
from pydantic import Field, StringConstraints

from monitor.domain.incidents import IllegalMoveError
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import console
from monitor.web import api_models as m
from monitor.web import auth
from monitor.web.actions import faults_of, our_form
from monitor.web.api_inputs import Body as Text
from monitor.web.api_inputs import ById, Id, In
from monitor.web.console import incident_page
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import Handler
from monitor.web.render import go

Reason = Annotated[Text, StringConstraints(max_length=2_000)]
Fact = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,99}$")]


class OutOfProblem(In):
    """Why an incident does not belong to the problem it stands under."""

    reason: Reason


class UnderProblem(In):
    """The global problem that an incident belongs to, and why."""

    problem: Id
    reason: Reason


class Overruled(In):
    """A fact that is not what the evidence says, what it is, and how that is known."""

    fact: Fact
    value: bool = Field(description="What it is.")
    reason: Reason


async def detach(parts: Parts, actor: str, incident: str, said: OutOfProblem) -> None:
    """Take an incident out of its problem."""
    problem = await parts.overruling.detach(incident, actor=actor, reason=said.reason)
    await auth.audit(parts, actor, "incident.detach", incident, problem=problem, reason=said.reason)


async def attach(parts: Parts, actor: str, incident: str, said: UnderProblem) -> None:
    """Put an incident under a problem."""
    await parts.overruling.attach(incident, said.problem, actor=actor, reason=said.reason)
    await auth.audit(parts, actor, "incident.attach", incident, problem=said.problem, reason=said.reason)


async def overrule(parts: Parts, actor: str, incident: str, said: Overruled) -> None:
    """Overrule a fact that evidence settled."""
    await parts.overruling.overrule(incident, said.fact, value=said.value, actor=actor, reason=said.reason)
    await auth.audit(
        parts, actor, "incident.overrule", incident, fact=said.fact, value=said.value, reason=said.reason
    )


def add_overruling(api: Api) -> None:
    """Declare what people may say of what we found."""

    @api.route("POST", "/api/v1/incidents/{id}/detach", errors=(404, 409))
    async def detach_incident(request: web.Request, params: ById, body: OutOfProblem) -> m.Incident:
        """Take an incident out of the global problem it stands under: its own contacts go out at once."""
        await detach(request.app[PARTS], request[auth.PRINCIPAL].name, params.id, body)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/attach", errors=(404, 409))
    async def attach_incident(request: web.Request, params: ById, body: UnderProblem) -> m.Incident:
        """Put an incident under a global problem: its own contacts wait, its partner hears of the problem."""
        await attach(request.app[PARTS], request[auth.PRINCIPAL].name, params.id, body)
        return await _incident(request, params.id)

    @api.route("POST", "/api/v1/incidents/{id}/overrule", errors=(404, 409))
    async def overrule_fact(request: web.Request, params: ById, body: Overruled) -> m.Incident:
        """Say that a fact is not what evidence says: the incident is decided again by this word, and stays so."""
        await overrule(request.app[PARTS], request[auth.PRINCIPAL].name, params.id, body)
        return await _incident(request, params.id)


async def _incident(request: web.Request, id_: str) -> m.Incident:
    found = await request.app[PARTS].store.read(console.find_incident, id_)
    if found is None:
        raise NotFoundError(f"There is no incident {id_}.")
    return m.Incident.model_validate(found)


# forms -----------------------------------------------------------------------------------------------------------


async def detach_by_form(request: web.Request) -> web.Response:
    """Take an incident out of its problem."""
    form, incident = await our_form(request), request.match_info["id"]
    return await _said(
        request,
        lambda: detach(*_who(request), incident, OutOfProblem(reason=str(form.get("reason", "")))),
        back=auth.local_path(str(form.get("back", "")), f"/noc/incidents/{incident}"),
    )


async def attach_by_form(request: web.Request) -> web.Response:
    """Put an incident under a problem."""
    form, incident = await our_form(request), request.match_info["id"]
    given = {"problem": form.get("problem", ""), "reason": form.get("reason", "")}
    return await _said(request, lambda: attach(*_who(request), incident, UnderProblem.model_validate(given)))


async def member_by_form(request: web.Request) -> web.Response:
    """Put an incident under the problem whose page this is."""
    form, problem = await our_form(request), request.match_info["id"]
    given = {"problem": problem, "reason": form.get("reason", "")}
    return await _said(
        request,
        lambda: attach(
            *_who(request), str(form.get("incident", "")).strip(), UnderProblem.model_validate(given)
        ),
    )


async def overrule_by_form(request: web.Request) -> web.Response:
    """Overrule a fact that evidence settled."""
    form, incident = await our_form(request), request.match_info["id"]
    given = {name: form.get(name, "") for name in ("fact", "value", "reason")}
    return await _said(request, lambda: overrule(*_who(request), incident, Overruled.model_validate(given)))


def _who(request: web.Request) -> tuple[Parts, str]:
    return request.app[PARTS], request[auth.PRINCIPAL].name


async def _said(request: web.Request, does: Callable[[], Awaitable[None]], back: str = "") -> web.Response:
    """Do it, and go back to the page; what is wrong is said on it."""
    page = request.match_info["id"]
    try:
        await does()
    except (pydantic.ValidationError, ConflictError, NotFoundError, IllegalMoveError) as error:
        said = "; ".join(
            f"{name}: {text}" if name != "form" else text for name, text in faults_of(error).items()
        )
        return await incident_page(request, page, status=409, error=said)
    return go(back or f"/noc/incidents/{page}", "overruled")


FORMS: dict[tuple[str, str], Handler] = {
    ("POST", "/noc/incidents/{id}/detach"): detach_by_form,
    ("POST", "/noc/incidents/{id}/attach"): attach_by_form,
    ("POST", "/noc/incidents/{id}/members"): member_by_form,
    ("POST", "/noc/incidents/{id}/overrule"): overrule_by_form,
}
