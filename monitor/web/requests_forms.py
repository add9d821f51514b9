"""The console's forms on customers' requests: take, answer, triage, class, wait, duties, pass on, appointments, close.

    POST -> origin and token checked -> input model -> request_commands -> 303 to the request with a word (a flash)

What its state does not allow, or what is not complete, is said in a sentence on the request's own page, with what was
typed still in its form.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pydantic
from aiohttp import web
from pydantic import Field, StringConstraints

from monitor.casework import Reply
from monitor.domain.apart import cleaned
from monitor.domain.request_life import Case, IllegalRequestMoveError, Outcome
from monitor.domain.sealing import NOTE
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import requests
from monitor.web import request_commands as commands
from monitor.web.actions import our_form
from monitor.web.api_inputs import Body, In, Note, Word, local_moment
from monitor.web.api_requests import visible_case
from monitor.web.auth import PRINCIPAL, nothing_there
from monitor.web.parts import PARTS, Parts
from monitor.web.portal_input import read_form
from monitor.web.render import go
from monitor.web.request_lines import labels_of
from monitor.web.requests_pages import request_page

Text = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class ReplyForm(In):
    """An answer: to the customer, to the customer with a question, or a note among ourselves."""

    text: Annotated[Text, StringConstraints(min_length=1)]
    kind: Literal["answer", "ask", "note"] = "answer"


class TriageForm(In):
    """What triage made of it."""

    outcome: Outcome
    cls: Word | None = None
    text: Note = ""


class ClassForm(In):
    """Another class, and why."""

    cls: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    why: Body


class SaidForm(In):
    """A word on the way."""

    text: Annotated[Text, StringConstraints(max_length=20_000)] = ""


class WhyForm(In):
    """A reason."""

    reason: Body


class NameForm(In):
    """What is passed on, by its name in the policy."""

    name: Word


class AppointmentForm(In):
    """When an appointment begins: a moment that was offered, or another one in UTC."""

    starts_at: datetime
    technician: Word | None = None
    minutes: Minutes | None = None


class HeldForm(In):
    """When an appointment was really held."""

    held_from: datetime
    held_to: datetime


Done = Callable[[Parts, str, Case, Any], Awaitable[object]]


async def _on_request(request: web.Request, flash: str, model: type[In], do: Done) -> web.Response:
    """Give a form's command on the request that its address names."""
    case = await visible_case(request, request.match_info["id"])
    form = await our_form(request)
    sent = {name: str(value) for name, value in form.items()}
    return await _give(request, case, sent, flash, model, do)


async def _give(
    request: web.Request, case: Case, form: Mapping[str, str], flash: str, model: type[In], do: Done
) -> web.Response:
    """Give a command; what its state forbids or what is not complete is said on the request's page."""
    sent = {name: value for name, value in form.items() if name in model.model_fields}
    try:
        given = model.model_validate(
            _with_moments(model, {name: value for name, value in sent.items() if value})
        )
        await do(request.app[PARTS], request[PRINCIPAL].name, case, given)
    except pydantic.ValidationError as error:
        return await _again(request, case, 422, _said(error), sent)
    except NotFoundError as error:
        return await _again(request, case, 404, _sentence(error), sent)
    except (ConflictError, IllegalRequestMoveError) as error:
        return await _again(request, case, 409, _sentence(error), sent)
    return go(f"/noc/requests/{case.reference}", flash)


async def _again(
    request: web.Request, case: Case, status: int, error: str, typed: Mapping[str, str]
) -> web.Response:
    """Show the request with what went wrong; what looks like a credential does not come back."""
    _, values, _, _ = cleaned("", dict(typed), ())
    kept = {name: str(value).replace(NOTE, "") for name, value in values.items()}
    return await request_page(request, case.id, status=status, error=error, values=kept)


def _said(error: pydantic.ValidationError) -> str:
    """Say what is wrong with a form in a sentence for each of its fields."""
    found = error.errors(include_url=False, include_input=False)
    empty = {"missing", "string_too_short"}
    return " ".join(
        f"{_NAMES.get(name, name)} {'is missing' if each['type'] in empty else 'cannot be read'}."
        for each in found
        for name in [str(each["loc"][0]) if each["loc"] else "The form"]
    )


_NAMES = {
    "text": "The text",
    "why": "The reason",
    "reason": "The reason",
    "cls": "The class",
    "outcome": "What triage made of it",
    "starts_at": "When it begins",
    "held_from": "When it began",
    "held_to": "When it ended",
    "minutes": "How long it takes (minutes)",
    "name": "What is passed on",
}


def _sentence(error: Exception) -> str:
    said = str(error)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "?", "!")) else ".")


def _with_moments(model: type[In], sent: dict[str, str]) -> dict[str, object]:
    """Read local times of a form as UTC: the console's clock."""
    made: dict[str, object] = dict(sent)
    for name in ("starts_at", "held_from", "held_to"):
        if name in sent and name in model.model_fields:
            made[name] = _moment(name, sent[name])
    return made


def _moment(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else local_moment(text, "UTC")
    except (ValueError, OverflowError) as error:
        fault = {"type": "value_error", "loc": (name,), "ctx": {"error": error}, "input": None}
        raise pydantic.ValidationError.from_exception_data("form", [fault]) from None  # type: ignore[list-item] # its TypedDict wants a literal


async def take(request: web.Request) -> web.Response:
    """Make a request one's own."""

    async def do(parts: Parts, actor: str, case: Case, _: SaidForm) -> object:
        return await commands.take(parts, actor, case.id)

    return await _on_request(request, "taken", SaidForm, do)


async def reply(request: web.Request) -> web.Response:
    """Answer a request, ask the customer something, or note something among ourselves; files go with it."""
    case = await visible_case(request, request.match_info["id"])
    form = await read_form(request)
    if form.faults:
        return await _again(request, case, 422, " ".join(form.faults.values()), dict(form.values))

    async def do(parts: Parts, actor: str, case: Case, given: ReplyForm) -> object:
        ask, note = given.kind == "ask", given.kind == "note"
        said = Reply(text=given.text, wait=ask, internal=note, attachments=form.files)
        return await commands.reply(parts, actor, case.id, said)

    return await _give(request, case, form.values, "answered", ReplyForm, do)


async def resume(request: web.Request) -> web.Response:
    """Go on although the customer has not written."""

    async def do(parts: Parts, actor: str, case: Case, _: SaidForm) -> object:
        return await commands.resume(parts, actor, case.id)

    return await _on_request(request, "resumed", SaidForm, do)


async def triage(request: web.Request) -> web.Response:
    """Say what triage made of it."""

    async def do(parts: Parts, actor: str, case: Case, given: TriageForm) -> object:
        return await commands.triage(
            parts, actor, case.id, given.outcome, text=given.text, cls=given.cls or None
        )

    return await _on_request(request, "triaged", TriageForm, do)


async def reclass(request: web.Request) -> web.Response:
    """Give a request another class, with a reason."""

    async def do(parts: Parts, actor: str, case: Case, given: ClassForm) -> object:
        return await commands.reclass(parts, actor, case.id, given.cls, why=given.why)

    return await _on_request(request, "reclassed", ClassForm, do)


async def close(request: web.Request) -> web.Response:
    """Close a request for good, with a last word."""

    async def do(parts: Parts, actor: str, case: Case, given: SaidForm) -> object:
        return await commands.close(parts, actor, case.id, text=given.text)

    return await _on_request(request, "closed", SaidForm, do)


async def pass_on(request: web.Request) -> web.Response:
    """Pass a request on to whom its policy names."""

    async def do(parts: Parts, actor: str, case: Case, given: NameForm) -> object:
        return await commands.pass_on(parts, actor, case.id, given.name)

    return await _on_request(request, "passed_on", NameForm, do)


async def settle(request: web.Request) -> web.Response:
    """Say what was decided about what is flagged."""

    async def do(parts: Parts, actor: str, case: Case, given: WhyForm) -> object:
        return await commands.settle_flag(parts, actor, case.id, text=given.reason)

    return await _on_request(request, "settled", WhyForm, do)


async def duty(request: web.Request) -> web.Response:
    """Say that the customer has done what they had to."""
    name = request.match_info["duty"]

    async def do(parts: Parts, actor: str, case: Case, given: SaidForm) -> object:
        said = f"{name}: {given.text}" if given.text.strip() else name
        return await commands.duty_done(parts, actor, case.id, name, text=said)

    return await _on_request(request, "duty_done", SaidForm, do)


async def complete(request: web.Request) -> web.Response:
    """Fill in what was missing, as the caller says it."""
    case = await visible_case(request, request.match_info["id"])
    form = await our_form(request)
    parts, actor = request.app[PARTS], request[PRINCIPAL].name
    _, judgement, _ = await parts.store.read(requests.record_of, case.id)
    sent = {
        str(name): str(form.get(f"field-{name}", ""))[:100_000].replace("\x00", "")
        for name in judgement.get("missing", ())
    }
    given = {name: text.strip() for name, text in sent.items() if text.strip()}
    typed = {f"field-{name}": text for name, text in sent.items()}
    if not given:
        return await _again(request, case, 422, "Nothing was filled in.", typed)
    labels = labels_of(await parts.desk.edition_of(case), given)
    try:
        whole = await commands.complete(
            parts,
            actor,
            case.id,
            given,
            text="\n".join(f"{labels[name]}: {text}" for name, text in given.items()),
        )
    except (ConflictError, IllegalRequestMoveError) as error:
        return await _again(request, case, 409, _sentence(error), typed)
    return go(f"/noc/requests/{case.reference}", "filled_in" if whole else "still_missing")


async def reveal(request: web.Request) -> web.Response:
    """Show a credential that was kept apart, once, to whoever said why; nothing keeps the page."""
    case = await visible_case(request, request.match_info["id"])
    form = await our_form(request)
    reason, secret = str(form.get("reason", ""))[:20_000].strip(), request.match_info["credential"]
    if not reason:
        return await _again(request, case, 422, "Say why you need it.", {})
    try:
        value = await commands.reveal(
            request.app[PARTS], request[PRINCIPAL].name, case.id, secret, reason=reason
        )
    except NotFoundError:
        raise nothing_there() from None
    except ConflictError as error:
        return await _again(request, case, 409, _sentence(error), {})
    return await request_page(request, case.id, revealed=(secret, value))


async def book(request: web.Request) -> web.Response:
    """Book an appointment at one of the moments that are offered, or another."""

    async def do(parts: Parts, actor: str, case: Case, given: AppointmentForm) -> object:
        return await commands.book(
            parts, actor, case.id, given.starts_at, minutes=given.minutes, technician=given.technician
        )

    return await _on_request(request, "booked", AppointmentForm, do)


async def move(request: web.Request) -> web.Response:
    """Move an appointment."""
    appointment = request.match_info["appointment"]

    async def do(parts: Parts, actor: str, case: Case, given: AppointmentForm) -> object:
        return await commands.move(
            parts,
            actor,
            case.id,
            appointment,
            given.starts_at,
            minutes=given.minutes,
            technician=given.technician,
        )

    return await _on_request(request, "moved", AppointmentForm, do)


async def cancel(request: web.Request) -> web.Response:
    """Call an appointment off."""
    appointment = request.match_info["appointment"]

    async def do(parts: Parts, actor: str, case: Case, _: SaidForm) -> object:
        return await commands.cancel(parts, actor, case.id, appointment)

    return await _on_request(request, "appointment_off", SaidForm, do)


async def held(request: web.Request) -> web.Response:
    """Say when an appointment was really held."""
    appointment = request.match_info["appointment"]

    async def do(parts: Parts, actor: str, case: Case, given: HeldForm) -> object:
        return await commands.held(parts, actor, case.id, appointment, given.held_from, given.held_to)

    return await _on_request(request, "held", HeldForm, do)


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "/noc/requests/{id}/take"): take,
    ("POST", "/noc/requests/{id}/reply"): reply,
    ("POST", "/noc/requests/{id}/resume"): resume,
    ("POST", "/noc/requests/{id}/triage"): triage,
    ("POST", "/noc/requests/{id}/class"): reclass,
    ("POST", "/noc/requests/{id}/close"): close,
    ("POST", "/noc/requests/{id}/pass-on"): pass_on,
    ("POST", "/noc/requests/{id}/flag"): settle,
    ("POST", "/noc/requests/{id}/complete"): complete,
    ("POST", "/noc/requests/{id}/duties/{duty}/done"): duty,
    ("POST", "/noc/requests/{id}/credentials/{credential}/read"): reveal,
    ("POST", "/noc/requests/{id}/appointments"): book,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/move"): move,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/cancel"): cancel,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/held"): held,
}
