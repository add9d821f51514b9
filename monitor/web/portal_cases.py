"""The portal's cases: what we found on a partner's systems, by when we answer, whom we told, and your word on it.

    GET  what is wrong, since when, class and clause, clocks, who was reached with what proof, what was written
    POST acknowledge     as the signed link does: it is taken by whoever presses, nobody else is called for it
    POST reply           into the ticket and the timeline of our NOC; a case that is over is told all the same, not reopened

A case that is not yours does not exist here. Nothing that our own people note is shown, nor another partner's contacts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Literal

import pydantic
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.apart import cleaned
from monitor.domain.incidents import Incident, Status
from monitor.domain.letters import Outcome
from monitor.storage import cases, incident_mails, incidents
from monitor.storage.cases import CaseFile, Said
from monitor.storage.clocks import ClockRow
from monitor.storage.lists import AttemptLine, Wanted
from monitor.web import auth
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS
from monitor.web.portal_fleet import fleet_of
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_input import read_form
from monitor.web.portal_public import placed, public_now
from monitor.web.portal_view import Standing, promise_of, promises_of
from monitor.web.portal_words import HOW, RESULTS, case_state, symptom
from monitor.web.problems import ProblemError
from monitor.web.render import go

SHOWN = 25
LONGEST = 20_000
REQUESTER_ONLY = "requester_only"


class CasesQuery(BaseModel):
    """Which cases are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["", "open", "acknowledged", "resolved"] = ""
    system: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    after: Annotated[int, Field(ge=0, le=2**62)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """A case as a list shows it."""

    incident: Incident
    state: Standing
    respond_by: datetime | None
    response: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody whom we told, or tried to: when, by what, and what proves it."""

    at: datetime
    how: str
    who: str
    state: Standing
    proof: str = ""


def line_of(incident: Incident, clocks: Sequence[ClockRow], now: datetime) -> CaseLine:
    """Return a case as a line of a list."""
    promised = promises_of(clocks, now)
    answer = next((row for row, _, _ in promised if row.name == "response"), None)
    return CaseLine(
        incident=incident,
        state=case_state(incident),
        respond_by=(answer.limit or answer.due) if answer else None,
        response=promise_of(answer, now) if answer else None,
    )


async def list_cases(request: web.Request) -> web.Response:
    """List what we found on your systems, the newest first."""
    me, parts = who_looks(request), request.app[PARTS]
    try:
        query = CasesQuery.model_validate({name: v for name, v in request.query.items() if v})
    except pydantic.ValidationError:
        raise ProblemError(422, "This list has no such filter.") from None
    fleet = fleet_of(request, me)
    equal = {"status": query.status, "system": query.system}
    wanted = Wanted(equal={k: v for k, v in equal.items() if v}, after=query.after, limit=SHOWN)
    found = await parts.store.read(cases.listed, fleet.whose, wanted)
    return portal_page(
        request,
        "cases.html",
        lines=[line_of(each, clocks, parts.clock()) for each, clocks in found.items],
        found=found,
        query=query,
        more=lambda after: str(request.rel_url.update_query(after=str(after))),
    )


async def one_case(request: web.Request) -> web.Response:
    """Show a case."""
    return await case_page(request, request.match_info["id"])


async def _find(request: web.Request, me: Self, id_: str) -> CaseFile:
    found = await request.app[PARTS].store.read(cases.find, id_, fleet_of(request, me).whose)
    if found is None:
        raise nothing_there()
    return found


async def case_page(
    request: web.Request,
    id_: str,
    *,
    status: int = 200,
    values: Mapping[str, str] = MappingProxyType({}),
    faults: Mapping[str, str] = MappingProxyType({}),
) -> web.Response:
    """Show a case, after a form that went wrong with what was typed."""
    me, parts = who_looks(request), request.app[PARTS]
    file = await _find(request, me, id_)
    incident, now = file.incident, parts.clock()
    system = parts.inventory().systems.get(incident.system or "")
    above = await public_now(parts, me.partner.id, placed([system] if system else []), [incident])
    policy = parts.policies().get(incident.policy or "")
    cls = policy.classes.get(incident.cls or "") if policy else None
    return portal_page(
        request,
        "case.html",
        status=status,
        file=file,
        case=incident,
        state=case_state(incident),
        system=system,
        wrong=symptom(incident.symptom),
        promises=promises_of(file.clocks, now),
        told=_told(me, file),
        said=_said(me, file.said),
        taken=_taken(me, incident, parts.service_name),
        problem=next((each for each in above.touching if each.problem.id == incident.parent), None),
        analysed_now=bool(cls and cls.analyse_now),
        values=values,
        faults=faults,
        key=values.get("key") or parts.new_id(),
    )


def _told(me: Self, file: CaseFile) -> list[Told]:
    """Return whom we told, or tried to, of this partner's people, in the order in which it was."""
    names = {each.id: each.name for each in me.partner.contacts}
    return [
        Told(
            at=each.ended_at or each.started_at,
            how=HOW.get(each.channel, each.channel.capitalize()),
            who=names.get(each.contact or "", each.recipient or me.partner.name),
            state=RESULTS.get(each.result, RESULTS["pending"]),
            proof=_proof(each),
        )
        for each in file.attempts
    ]


def _proof(attempt: AttemptLine) -> str:
    """Say what proves a contact: a key that was pressed, a link that was followed, what the far end answered."""
    if attempt.result == "acknowledged":
        return (
            "the link in it was followed" if attempt.channel in ("mail", "chat", "sms") else "1 was pressed"
        )
    return "the far end has taken it" if attempt.result == "delivered" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Something that was written about a case by this partner's people."""

    at: datetime
    author: str
    text: str


def _said(me: Self, said: Sequence[Said]) -> list[Written]:
    """Return what was written; under a policy that shows a person only their own, nobody else's words."""
    alone = me.policy.requests.visibility.rule == REQUESTER_ONLY
    names = {each.id: each.name for each in me.partner.contacts}
    return [
        Written(at=each.at, author=names.get(each.contact or "", each.sender), text=each.text)
        for each in said
        if not alone or each.contact == me.contact.id
    ]


def _taken(me: Self, incident: Incident, service: str) -> str:
    """Say who has a case: one of their people by name, of ours nobody by name."""
    if incident.owner_party != "partner":
        return service if incident.acknowledged_at else ""
    who = incident.owner or (incident.acknowledged_by or "").split(" ")[0]
    return next((each.name for each in me.partner.contacts if each.id == who), me.partner.name)


# what a partner does ------------------------------------------------------------------------------------------


async def acknowledge(request: web.Request) -> web.Response:
    """Take a case on the word of whoever presses the button."""
    me, parts = who_looks(request), request.app[PARTS]
    file = await _find(request, me, request.match_info["id"])
    await read_form(request)
    incident = file.incident
    if incident.partner != me.partner.id or incident.status is Status.RESOLVED:
        return go(f"/portal/cases/{incident.id}")
    taken = await parts.store.write(
        incidents.acknowledge,
        incident.id,
        now=parts.clock(),
        actor=f"{me.contact.id} in the portal",
        by_partner=True,
        owner=me.contact.id,
    )
    await auth.audit(parts, me.viewer.name, "case.acknowledge", incident.id)
    parts.bell.ring("incident", incident.id)
    parts.bell.ring("outbox")
    return go(f"/portal/cases/{incident.id}", "case_taken" if taken else None)


async def reply(request: web.Request) -> web.Response:
    """Write about a case; our NOC reads it on the case's timeline and ticket."""
    me, parts = who_looks(request), request.app[PARTS]
    file = await _find(request, me, request.match_info["id"])
    form = await read_form(request)
    text = form.get("text")
    if not text or len(text) > LONGEST:
        said = "There is nothing in the message." if not text else f"At most {LONGEST} characters."
        return await case_page(
            request, file.incident.id, status=422, values=form.values, faults={"text": said}
        )
    kept, _, _, secrets = await asyncio.to_thread(cleaned, text, {}, ())
    now = parts.clock()
    outcome = await parts.store.write(
        incident_mails.keep,
        incident_mails.Reply(
            incident=file.incident.id,
            partner=me.partner.id,
            contact=me.contact.id,
            sender=me.contact.email or me.contact.id,
            author=f"{me.contact.name} ({me.partner.name}, portal)",
            believed=True,
            text=kept,
            dedup=f"portal|{me.contact.id}|{form.get('key')[:60]}",
            message_id=None,
            secrets=len(secrets),
        ),
        now=now,
        since=now - incident_mails.HOUR,
        most=incident_mails.MOST_AN_HOUR,
    )
    if outcome is Outcome.SET_ASIDE:
        faults = {"text": "That is too many messages within an hour. Please call us."}
        return await case_page(request, file.incident.id, status=429, values=form.values, faults=faults)
    await auth.audit(parts, me.viewer.name, "case.reply", file.incident.id)
    parts.bell.ring("incident", file.incident.id)
    return go(f"/portal/cases/{file.incident.id}", "written")


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/portal/cases"): list_cases,
    ("GET", "/portal/cases/{id}"): one_case,
    ("POST", "/portal/cases/{id}/acknowledge"): acknowledge,
    ("POST", "/portal/cases/{id}/reply"): reply,
}
