"""The portal's forms: log in and out, file a request, write on one.

    POST -> origin and token checked -> what is wrong is shown at its field, with everything typed kept
                                     -> the desk -> 303 to the request with a word

What looks like a credential does not come back in a form that is shown again: it is kept out of pages, too.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from aiohttp import web

from monitor.desk import FollowUp
from monitor.domain.apart import cleaned
from monitor.domain.filing import Filed, Filing
from monitor.domain.findings import Symptom
from monitor.domain.request_life import ENDED, IllegalRequestMoveError
from monitor.domain.request_matter import Request
from monitor.domain.requests import judge
from monitor.domain.sealing import NOTE
from monitor.storage import requests
from monitor.tongues import LOCALES
from monitor.web import actions, auth, second_steps
from monitor.web.api_inputs import local_moment
from monitor.web.api_requests import visible_case
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS
from monitor.web.portal import everything_of, request_page
from monitor.web.portal_entry import offered
from monitor.web.portal_fields import BY, OURS, RELATED, prefilled, questions
from monitor.web.portal_fleet import fleet_of
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_input import FILES, Form, read_form
from monitor.web.portal_tongue import COOKIE
from monitor.web.render import go

MOST_COPIED = 20
_ADDRESS = re.compile(r"[^@\s,;<>\x00-\x1f]{1,64}@[^@\s,;<>\x00-\x1f]{1,190}")
MISSING = "This is missing."
YEAR = 365 * 86_400


# log in and out -----------------------------------------------------------------------------------------------


async def login_page(request: web.Request) -> web.Response:
    """Show the log-in form, or go on for a customer's person who has logged in."""
    session = await auth.session_of(request)
    if session and session.user.contact is not None:
        return go(auth.local_path(request.query.get("next"), "/portal/"))
    return _login(request, ours=session.user.name if session else None)


def _login(
    request: web.Request,
    *,
    status: int = 200,
    error: str | None = None,
    name: str = "",
    ours: str | None = None,
) -> web.Response:
    wanted = auth.local_path(request.query.get("next"), "/portal/")
    return portal_page(
        request,
        "login.html",
        status=status,
        error=error,
        next=wanted,
        name=name,
        ours=ours,
        by_mail=offered(request.app),
        provider=request.app[LOG_INS].provider(),
    )


login_again = _login


async def login(request: web.Request) -> web.Response:
    """Log in; one of our own people is told where theirs is."""
    tried = await actions.try_to_log_in(request)
    if tried.user is None:
        return _login(request, status=tried.status, error=tried.error, name=tried.name)
    ours = tried.user.contact is None
    if tried.user.second or not ours:
        return await second_steps.admit(
            request, tried.user, auth.home_of(tried.user, request.query.get("next"))
        )
    response = _login(request, ours=tried.user.name)
    await auth.log_in(request, response, tried.user.id)
    return response


async def logout(request: web.Request) -> web.Response:
    """End this session."""
    await read_form(request)
    return await actions.logged_out(request, "/portal/login")


async def speak(request: web.Request) -> web.Response:
    """Show the portal in a language from now on; it is kept in this browser."""
    code = request.match_info["code"]
    if code not in LOCALES:
        raise auth.nothing_there()
    response = go(auth.local_path(request.query.get("next"), "/portal/"))
    response.set_cookie(
        COOKIE,
        code,
        path="/portal",
        httponly=True,
        samesite="Lax",
        secure=auth.is_https(request),
        max_age=YEAR,
    )
    return response


# file a request -----------------------------------------------------------------------------------------------


async def new_form(request: web.Request) -> web.Response:
    """Show the form for a new request, with what we know already filled in."""
    me = who_looks(request)
    known = prefilled(me, request.app[PARTS].inventory())
    given = {name: request.query[name][:200] for name in ("system", "related") if name in request.query}
    values = known | {"system": given.get("system", ""), RELATED: given.get("related", "")}
    return await _new(request, me, values, {})


async def _new(
    request: web.Request,
    me: Self,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    *,
    filed: Filed | None = None,
    asked: Request | None = None,
    left_out: bool = False,
) -> web.Response:
    parts = request.app[PARTS]
    inventory, now = parts.inventory(), parts.clock()
    blank = asked or Request(channel=BY, partner=me.partner.id, contact=me.contact.id)
    before = judge(me.policy, blank, inventory, now)
    rules = me.policy.requests
    return portal_page(
        request,
        "new.html",
        status=422 if faults or (filed and not filed.judgement.accepted) else 200,
        ask=questions(me, inventory, fleet_of(request, me).systems, now, asked),
        values=values,
        faults=faults,
        objections=filed.judgement.objections if filed else before.objections,
        refused=filed is not None,
        closed=not me.may_ask_here,
        asks=filed.judgement.asks if filed else (),
        note=_note(me),
        credentials=rules.credentials,
        left_out=left_out,
        key=values.get("key") or parts.new_id(),
        related=await _related(request, me, values.get(RELATED, "")),
    )


def _note(me: Self) -> str:
    rule = me.policy.requests.channels.get(BY)
    return f"{rule.note} (section {rule.clause})" if rule and rule.note else ""


async def _related(request: web.Request, me: Self, quoted: str) -> object:
    """Return the request that a new one goes on from, if it exists for whoever asks."""
    if not quoted.strip():
        return None
    return await request.app[PARTS].store.read(requests.find, me.viewer, quoted.strip())


async def file(request: web.Request) -> web.Response:
    """File a request; what is missing is shown at its field, what stands against it with its clause."""
    me, parts = who_looks(request), request.app[PARTS]
    form = await read_form(request)
    faults = dict(form.faults)
    asked = _request(request, me, form, faults)
    copied = _copied(form, faults)
    if faults:
        return await _again(request, me, form, faults, asked)
    filing = Filing(
        request=asked,
        name=me.contact.name,
        copied=copied,
        attachments=form.files,
        dedup=_key(me, form),
        strict=True,
    )
    filed = await parts.desk.file(filing)
    if filed.id is None:
        missing = dict.fromkeys(filed.judgement.missing, MISSING)
        return await _again(request, me, form, missing, asked, filed)
    await auth.audit(parts, me.viewer.name, "request.file", filed.id)
    return go(f"/portal/requests/{filed.reference}", "filed" if filed.new else "known")


async def _again(
    request: web.Request,
    me: Self,
    form: Form,
    faults: Mapping[str, str],
    asked: Request,
    filed: Filed | None = None,
) -> web.Response:
    """Show the form again with what was typed, without what looks like a credential."""
    typed, left_out = await without_secrets(form)
    if form.files and FILES not in faults:
        faults = {**faults, FILES: "Please choose the files again: browsers do not keep them."}
    return await _new(request, me, typed, faults, filed=filed, asked=asked, left_out=left_out)


async def without_secrets(form: Form) -> tuple[dict[str, str], bool]:
    """Return what was typed, with credentials cut out, and whether there were any."""
    typed = {**form.values, "csrf": ""}
    _, values, _, kept = await asyncio.to_thread(cleaned, "", typed, ())  # long texts take a moment
    return {name: str(value).replace(NOTE, "") for name, value in values.items()}, bool(kept)


def _request(request: web.Request, me: Self, form: Form, faults: dict[str, str]) -> Request:
    """Read the form as a request of whoever fills it in; what cannot be read is a fault at its field."""
    known = me.policy.requests.fields
    fields: dict[str, object] = {
        name: form.get(name) for name in form.values if name in known and name not in OURS and form.get(name)
    }
    serial = form.get("system")
    own = {system.serial for system in fleet_of(request, me).systems}
    if own and serial and serial not in own:
        faults["system"] = "You have no system of this name."
        fields.pop("system", None)
    symptom = form.get("symptom")
    if symptom and symptom not in set(Symptom):
        faults["symptom"] = "Choose one of the list."
        symptom = ""
    facts: dict[str, bool | str | None] = {}
    if impact := form.get("impact"):
        facts["impact"] = impact
    if workaround := form.get("workaround"):
        facts["workaround"] = workaround == "yes"
    return Request(
        channel=BY,
        partner=me.partner.id,
        contact=me.contact.id,
        system=serial if serial in own else None,
        priority=form.get("priority") or None,
        fields=fields,
        symptom=Symptom(symptom) if symptom else None,
        facts=facts,
        planned_start=_moment(form, me, faults),
    )


def _moment(form: Form, me: Self, faults: dict[str, str]) -> datetime | None:
    """Read when announced work begins, on the clock of whoever announces it."""
    text = form.get("planned_start")
    if not text:
        return None
    try:
        return local_moment(text, me.zone.key)
    except ValueError as error:
        faults["planned_start"] = str(error)
        return None


def _copied(form: Form, faults: dict[str, str]) -> tuple[str, ...]:
    """Read the addresses that are to be copied."""
    given = tuple(dict.fromkeys(form.get("copied").replace(",", " ").replace(";", " ").split()))
    wrong = next((each for each in given if not _ADDRESS.fullmatch(each)), None)
    if wrong is not None:
        faults["copied"] = f"{wrong[:80]} is no mail address."
    elif len(given) > MOST_COPIED:
        faults["copied"] = f"At most {MOST_COPIED} addresses."
    return given if "copied" not in faults else ()


def _key(me: Self, form: Form) -> str | None:
    """Return what makes this form count once, however often it is sent."""
    key = form.get("key")[:60]
    return f"portal|{me.contact.id}|{key}" if key else None


# write on a request -------------------------------------------------------------------------------------------


async def write(request: web.Request) -> web.Response:
    """Write on a request: a reply, files, or what was missing."""
    case = await visible_case(request, request.match_info["id"])
    me, parts = who_looks(request), request.app[PARTS]
    form = await read_form(request)
    if case.status in ENDED:
        return go(f"/portal/requests/{case.reference}")
    asked = await everything_of(request, case.id)
    fields = {name: form.get(name) for name in asked.missing if form.get(name)}
    faults = dict(form.faults)
    text = form.get("text")
    for name in asked.missing if fields or not (text or form.files) else ():
        if name not in fields:
            faults[name] = MISSING
    if not asked.missing and not text and not form.files:
        faults["text"] = "There is nothing in the message."
    if faults:
        typed, _ = await without_secrets(form)
        return await request_page(request, case.id, status=422, values=typed, faults=faults)
    said = text or "\n".join(f"{me.label(name)}: {value}" for name, value in fields.items())
    follow = FollowUp(
        text=said,
        fields=fields,
        attachments=form.files,
        author=me.contact.name,
        channel=BY,
        contact=me.contact.id,
        dedup=_key(me, form),
    )
    try:
        await parts.desk.follow_up(case.id, follow)
    except IllegalRequestMoveError:  # closed while it was typed
        typed, _ = await without_secrets(form)
        return await request_page(request, case.id, status=409, values=typed)
    await auth.audit(parts, me.viewer.name, "request.write", case.id)
    return go(f"/portal/requests/{case.reference}", "completed_fields" if fields else "written")


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/portal/login"): login_page,
    ("POST", "/portal/login"): login,
    ("POST", "/portal/logout"): logout,
    ("GET", "/portal/language/{code}"): speak,
    ("GET", "/portal/requests/new"): new_form,
    ("POST", "/portal/requests"): file,
    ("POST", "/portal/requests/{id}/messages"): write,
}
