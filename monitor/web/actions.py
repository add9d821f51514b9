"""The console's forms: log in and out, acknowledge, resolve, note, retry, declare, update, plan.

    POST -> origin and token checked -> input model -> command -> 303 to a page with a word (a flash)

What is wrong with a form is shown in the form, with everything that was typed still in it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pydantic
import structlog
from aiohttp import web

from monitor.domain.announcements import Impact
from monitor.domain.incidents import IllegalMoveError, PublicState
from monitor.errors import ConflictError, RefusedError
from monitor.settings.values import zones
from monitor.storage import triage
from monitor.storage.people import User
from monitor.web import api_inputs as i
from monitor.web import approved, auth, commands, previews, second_steps
from monitor.web.accounts import Pace, Passwords
from monitor.web.console import incident_page
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import ProblemError
from monitor.web.render import go, page

M = TypeVar("M", bound=pydantic.BaseModel)
FORM_FIELDS = 1500
MOST_ATTACHED = 300  # that a form offers; the others are put under it one by one
log = structlog.get_logger()

PASSWORDS = web.AppKey("console_passwords", Passwords)
PACE_OF_ADDRESS = web.AppKey("console_pace_of_address", Pace)
PACE_OF_NAME = web.AppKey("console_pace_of_name", Pace)


async def login_page(request: web.Request) -> web.Response:
    """Show the log-in form, or go on for somebody who has logged in."""
    session = await auth.session_of(request)
    if session:
        return go(home_of(session.user, request.query.get("next")))
    return _login(request)


def _login(
    request: web.Request, *, status: int = 200, error: str | None = None, name: str = ""
) -> web.Response:
    wanted = auth.local_path(request.query.get("next"))
    provider = request.app[LOG_INS].provider()
    return page(request, "login.html", status=status, error=error, next=wanted, name=name, provider=provider)


login_again = _login


home_of = auth.home_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A log-in that was tried: who it is, or what is answered instead."""

    name: str
    user: User | None = None
    status: int = 200
    error: str = ""


async def try_to_log_in(request: web.Request) -> Tried:
    """Check a log-in form; wrong guesses are slowed down by address and by name, and audited."""
    if not auth.from_our_own_pages(request):
        raise ProblemError(403, "The log-in must come from our own page.")
    form = await request.post()
    name, password = str(form.get("user", ""))[:100].strip(), str(form.get("password", ""))
    parts, now = request.app[PARTS], request.app[PARTS].clock()
    address = auth.address_of(request)
    by_address = request.app[PACE_OF_ADDRESS].allows(address, now)
    if not (request.app[PACE_OF_NAME].allows(name, now) and by_address):
        log.warning("login.slowed", address=address)
        return Tried(name=name, status=429, error="Too many tries. Wait a minute.")
    try:
        user = await request.app[PASSWORDS].log_in(parts.store, name, password)
    except RefusedError as error:
        return Tried(name=name, status=error.status, error=str(error))
    if user is None:
        await auth.audit(parts, name or "nobody", "login.failed", address=address)
        return Tried(name=name, status=401, error="The name or the password is wrong.")
    request.app[PACE_OF_NAME].forgive(name)
    step = {"step": "password"} if user.second else {}
    await auth.audit(parts, user.name, "login.begun" if step else "login", address=address, **step)
    return Tried(name=name, user=user)


async def login(request: web.Request) -> web.Response:
    """Log in, and go where whoever it is belongs."""
    tried = await try_to_log_in(request)
    if tried.user is None:
        return _login(request, status=tried.status, error=tried.error, name=tried.name)
    return await second_steps.admit(request, tried.user, home_of(tried.user, request.query.get("next")))


async def logout(request: web.Request) -> web.Response:
    """End this session."""
    await _form(request)
    return await logged_out(request, "/noc/login")


async def logged_out(request: web.Request, to: str) -> web.Response:
    """End the session of whoever asks, on the record."""
    response = go(to)
    await auth.audit(request.app[PARTS], _actor(request), "logout")
    await auth.log_out(request, response)
    return response


async def acknowledge(request: web.Request) -> web.Response:
    """Take an incident."""
    form = await _form(request)
    given = _checked(i.NoteOnTheWay, {"note": form.get("note", "")})
    return await _on_incident(
        request, "acknowledged", commands.acknowledge, given.note, back=str(form.get("back", ""))
    )


async def resolve(request: web.Request) -> web.Response:
    """Close an incident."""
    form = await _form(request)
    given = _checked(i.NoteOnTheWay, {"note": form.get("note", "")})
    return await _on_incident(
        request, "resolved", commands.resolve, given.note, back=str(form.get("back", ""))
    )


async def note(request: web.Request) -> web.Response:
    """Write into an incident's timeline."""
    given = _checked(i.NewNote, {"text": (await _form(request)).get("text", "")})
    return await _on_incident(request, "noted", commands.note, given.text)


async def wait(request: web.Request) -> web.Response:
    """Say who is waited for, or that nobody is any more."""
    form = await _form(request)
    given = _checked(i.Wait, {"wait": form.get("wait", ""), "over": form.get("over", "") == "yes"})
    return await _on_incident(request, "waiting", commands.wait, given)


async def meet_clock(request: web.Request) -> web.Response:
    """Say that a promise is kept, or a duty of the customer's done."""
    await _form(request)
    return await _on_incident(request, "met", commands.meet_clock, request.match_info["name"])


async def update(request: web.Request) -> web.Response:
    """Tell the public how a global problem goes."""
    form = await _form(request)
    fields = {"state": form.get("state", ""), "body": form.get("body", "")}
    fields |= {"approved": form.get("approved") or None, "translations": approved.translations(form)}
    if "change" in form:  # back from the preview, with everything still in the form
        return await incident_page(request, request.match_info["id"], typed=form)
    if "fill" in form:
        return await _fill(request, form)
    given = _checked(i.NewUpdate, fields | _moment("next_update_at", form, "UTC"))
    if "preview" in form:
        return await previews.of_update(request, request.match_info["id"], given, form)
    return await _on_incident(request, "updated", commands.update_global, given)


async def _fill(request: web.Request, form: Mapping[str, Any]) -> web.Response:
    """Put a pre-approved text into the form; nothing is told yet."""
    incident, (cls, state) = (
        request.match_info["id"],
        (str(form.get(key, "")) for key in ("approved", "state")),
    )
    try:
        body = await approved.for_update(request.app[PARTS], incident, cls, state)
    except ConflictError as error:
        return await incident_page(request, incident, status=409, error=str(error), typed=form)
    return await incident_page(request, incident, typed={**form, "body": body})


async def _on_incident(
    request: web.Request, flash: str, command: Callable[..., Awaitable[None]], *args: object, back: str = ""
) -> web.Response:
    incident = request.match_info["id"]
    try:
        await command(request.app[PARTS], _actor(request), incident, *args)
    except (ConflictError, IllegalMoveError) as error:
        return await incident_page(request, incident, status=409, error=str(error))
    return go(auth.local_path(back, f"/noc/incidents/{incident}"), flash)


async def retry(request: web.Request) -> web.Response:
    """Try a failed contact again."""
    form = await _form(request)
    await commands.retry(request.app[PARTS], _actor(request), request.match_info["id"])
    return go(auth.local_path(str(form.get("back", "")), "/noc/outbox"), "retried")


async def global_form(request: web.Request) -> web.Response:
    """Show the form that declares a global problem."""
    return await _global(request, {"attach": request.query.getall("attach", [])}, {})


async def declare(request: web.Request) -> web.Response:
    """Declare a global problem."""
    form = await _form(request)
    fields = {
        **{name: form.get(name, "") for name in ("title", "body", "impact", "state")},
        "components": form.getall("components", []),
        "attach": form.getall("attach", []),
        **{name: form.get(name) or None for name in ("approved", "since")},
        "translations": approved.translations(form),
    }
    if "change" in form:
        return await _global(request, {**form, **fields}, {})
    if "fill" in form:
        return await _fill_problem(request, {**form, **fields})
    try:
        given = i.NewGlobalProblem.model_validate(fields | _moment("next_update_at", form, "UTC"))
        if "preview" in form:
            return await previews.of_problem(request, given, form)
        incident = await commands.declare_global(request.app[PARTS], _actor(request), given)
    except (pydantic.ValidationError, ProblemError, ConflictError, IllegalMoveError) as error:
        return await _global(request, {**form, **fields}, _faults(error))
    return go(f"/noc/incidents/{incident}", "declared")


async def _fill_problem(request: web.Request, values: Mapping[str, Any]) -> web.Response:
    """Put the pre-approved title and text of a failure class into the form; nothing is declared yet."""
    cls, state = str(values["approved"] or ""), str(values["state"])
    made = approved.for_problem(request.app[PARTS], cls, state, values["components"], len(values["attach"]))
    if made is None:
        return await _global(request, values, {"approved": "choose one of them"})
    filled = {"title": made.title, "body": made.body, "since": made.since.isoformat()}
    return await _global(request, {**values, **filled}, {})


async def _global(request: web.Request, values: Mapping[str, Any], faults: Mapping[str, str]) -> web.Response:
    parts = request.app[PARTS]
    found = (await parts.store.read(triage.open_incidents)).standing
    return page(
        request,
        "global_new.html",
        status=422 if faults else 200,
        values=values,
        faults=faults,
        impacts=tuple(Impact),
        states=(PublicState.INVESTIGATING, PublicState.IDENTIFIED, PublicState.MONITORING),
        components=component_choices(parts),
        classes=approved.choices(parts),
        open=[
            (each.incident.id, f"{each.incident.system or ''} {each.incident.title}")
            for each in sorted(found, key=lambda each: each.incident.id not in values["attach"])
            if not each.incident.is_global
        ][:MOST_ATTACHED],
    )


async def reload(request: web.Request) -> web.Response:
    """Read the configuration again."""
    await _form(request)
    wrong = await commands.reload_config(request.app[PARTS], _actor(request))
    if wrong:
        raise ProblemError(409, "The configuration is not usable.", detail="\n".join(wrong))
    return go("/noc/", "reloaded")


async def _form(request: web.Request) -> Any:
    """Read a form of ours: its token is the session's (its origin the guard has checked)."""
    form = await request.post()
    session = request[auth.PRINCIPAL].session
    assert session is not None, "the guard lets only people into the console"
    if len(form) > FORM_FIELDS or not auth.form_is_ours(session, str(form.get("csrf", ""))):
        raise ProblemError(403, "The form is not from this session.", detail="Load the page again.")
    return form


our_form = _form


def faults_of(error: Exception) -> dict[str, str]:
    """Return what is wrong with a form by its field; what concerns no field is under ``form``."""
    return _faults(error)


def moment_of(name: str, form: Mapping[str, Any], zone: str) -> dict[str, object]:
    """Read a local time of a form; leave out an empty one."""
    return _moment(name, form, zone)


def _actor(request: web.Request) -> str:
    return request[auth.PRINCIPAL].name


def _checked(model: type[M], fields: Mapping[str, object]) -> M:
    try:
        return model.model_validate(fields)
    except pydantic.ValidationError as error:
        faults = "\n".join(f"{name}: {text}" for name, text in _faults(error).items())
        raise ProblemError(422, "The form is not complete.", detail=faults) from None


def _moment(name: str, form: Mapping[str, Any], zone: str) -> dict[str, object]:
    """Read a local time of a form; leave out an empty one."""
    text = str(form.get(name, "")).strip()
    if not text:
        return {}
    try:
        return {name: i.local_moment(text, zone)}
    except ValueError as error:
        fault = pydantic.ValidationError.from_exception_data(
            "form", [{"type": "value_error", "loc": (name,), "ctx": {"error": error}, "input": None}]
        )
        raise fault from None


def _faults(error: Exception) -> dict[str, str]:
    """Return what is wrong with a form by its field; what concerns no field is under ``form``."""
    if isinstance(error, pydantic.ValidationError):
        found = error.errors(include_url=False, include_input=False)
        return {str(each["loc"][0]) if each["loc"] else "form": each["msg"] for each in found}
    if isinstance(error, ProblemError):
        return {each.pointer.split("/")[1]: each.detail for each in error.problem.errors}
    return {"form": str(error)}


checked = _checked


def component_choices(parts: Parts) -> list[tuple[str, str]]:
    """Return the lines of the status page to choose from, each with where it stands."""
    components = parts.inventory().components.values()
    return [(each.id, " / ".join(filter(None, (each.group, each.name, each.region)))) for each in components]


def _zones(parts: Parts) -> list[str]:
    """Return the zones of the calendars in force first, then all that people use."""
    ours = {str(cal.zone) for policy in parts.policies().values() for cal in policy.calendars.values()}
    others = {zone for zone in zones() if "/" in zone and not zone.startswith(("Etc/", "US/"))}
    return ["UTC", *sorted(ours), *sorted(others - ours)]


zones_of = _zones


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/noc/login"): login_page,
    ("POST", "/noc/login"): login,
    ("POST", "/noc/logout"): logout,
    ("POST", "/noc/incidents/{id}/acknowledge"): acknowledge,
    ("POST", "/noc/incidents/{id}/resolve"): resolve,
    ("POST", "/noc/incidents/{id}/notes"): note,
    ("POST", "/noc/incidents/{id}/waits"): wait,
    ("POST", "/noc/incidents/{id}/clocks/{name}/meet"): meet_clock,
    ("POST", "/noc/incidents/{id}/updates"): update,
    ("POST", "/noc/outbox/{id}/retry"): retry,
    ("GET", "/noc/global/new"): global_form,
    ("POST", "/noc/global"): declare,
    ("POST", "/noc/config/reload"): reload,
}
