"""Your own account, at both faces: password, second step, recovery codes, and where you are logged in.

Whatever weakens an account asks for its password again: a browser left open is not enough.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import segno
from aiohttp import web
from markupsafe import Markup

from monitor.domain import totp
from monitor.errors import RefusedError
from monitor.storage import accounts
from monitor.storage.people import Session
from monitor.web import actions, auth, portal_input
from monitor.web.auth import PRINCIPAL
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS
from monitor.web.portal_frame import portal_page, who_looks
from monitor.web.portal_input import Form
from monitor.web.problems import ProblemError
from monitor.web.render import go, page, when
from monitor.web.second_steps import SEALED_AS, face_of, proven, step_typed

WRONG = "That is not your password."


def here(request: web.Request) -> Session:
    """Return the session that asks."""
    session = request[PRINCIPAL].session
    assert session is not None, "the guard lets only people into pages"
    return session


def shown(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """Render a page that both faces have, with the times of whoever looks."""
    face = face_of(request)
    if face == "/portal":
        at = who_looks(request).written
        return portal_page(request, template, status=status, face=face, at=at, **context)
    return page(request, template, status=status, face=face, at=when, **context)


async def account(request: web.Request) -> web.Response:
    """Show somebody their account."""
    return await _account(request)


async def _account(
    request: web.Request,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    codes: tuple[str, ...] = (),
    secret: bytes | None = None,
) -> web.Response:
    parts, session = request.app[PARTS], here(request)
    me = await parts.store.read(accounts.account, session.user.id)
    assert me is not None, "whoever has a session is a user"
    found = await parts.store.read(accounts.sessions_of, me.id, now=parts.clock(), idle=auth.IDLE)
    log_ins = request.app[LOG_INS]
    return shown(
        request,
        "account.html",
        status=status,
        account=me,
        sessions=found,
        told=told,
        this=session.digest[: accounts.SHOWN],
        codes=codes,
        codes_left=await parts.store.read(accounts.codes_left, me.id),
        enrolling=_enrolling(request, me.name, secret) if secret else None,
        possible=log_ins.sealer is not None,
        must=log_ins.must_have(me),
        owes=log_ins.owes_second(session),
        faults=faults or {},
    )


_BROWSER = re.compile(r"(Firefox|Edg|OPR|Chrome|Version)/(\d+)")
_SYSTEM = re.compile(r"Windows|Android|iPhone|iPad|Mac OS X|CrOS|Linux")
_CALLED = {"Edg": "Edge", "OPR": "Opera", "Version": "Safari"}


def told(agent: str) -> str:
    """Say in a few words what a browser says of itself at length; it may say anything."""
    named = {found[0]: found[1] for found in _BROWSER.findall(agent)}
    name = next((each for each in ("Edg", "OPR", "Firefox", "Chrome", "Version") if each in named), None)
    if name is None:
        return agent[:40]
    system = _SYSTEM.search(agent)
    on = f" on {system[0]}" if system else ""
    return f"{_CALLED.get(name, name)} {named[name]}{on}"


def _enrolling(request: web.Request, name: str, secret: bytes) -> Mapping[str, Markup | str]:
    """Return what a telephone needs to be told: as a picture, and in letters."""
    said = totp.address_of(secret, issuer=request.app[PARTS].service_name, name=name)
    picture = segno.make(said, error="m", micro=False).svg_inline(
        scale=4, border=3, light="#fff", omitsize=True
    )
    # squares only: what was said is in none of its texts
    return {"picture": Markup(picture), "text": totp.as_text(secret)}  # noqa: S704


async def password(request: web.Request) -> web.Response:
    """Change your password; every other session of yours ends."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    if not await _is_password(request, form):
        return await _account(request, status=422, faults={"old": WRONG})
    if form.values.get("new", "") != form.values.get("again", ""):
        return await _account(request, status=422, faults={"again": "The two are not the same."})
    try:
        hashed = await request.app[actions.PASSWORDS].hashed(form.values.get("new", ""))
    except ValueError as error:
        return await _account(
            request, status=422, faults={"new": f"{str(error)[:1].upper()}{str(error)[1:]}."}
        )
    await parts.store.write(accounts.set_hash, session.user.id, hashed, keep=session.digest)
    await auth.audit(parts, session.user.name, "password.change", session.user.name)
    return go(f"{face_of(request)}/account", "password_changed")


async def _is_password(request: web.Request, form: Form) -> bool:
    """Whether a form carries the password of whoever sends it; guesses are as slow as at the log-in."""
    parts, user = request.app[PARTS], here(request).user
    if not request.app[LOG_INS].pace.allows(user.id, parts.clock()):
        raise ProblemError(429, "Too many tries. Wait a minute.")
    plain = form.values.get("old", "")
    try:
        found = await request.app[actions.PASSWORDS].log_in(parts.store, user.name, plain)
    except RefusedError as error:
        raise ProblemError(error.status, str(error)) from error
    if found is None:
        await auth.audit(parts, user.name, "password.wrong", user.name)
        return False
    request.app[LOG_INS].pace.forgive(user.id)
    return True


async def begin(request: web.Request) -> web.Response:
    """Make a secret and show it, to be confirmed by a code."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    sealer = request.app[LOG_INS].sealer
    if sealer is None:
        raise ProblemError(
            409, "Codes cannot be set up here.", detail="The service has no key to seal secrets with."
        )
    if session.way != "provider" and not await _is_password(request, form):
        return await _account(request, status=422, faults={"begin": WRONG})
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    sealed = sealer.seal(secret.hex(), request=session.user.id, kind=SEALED_AS)
    await parts.store.write(accounts.begin_second, session.user.id, sealed)
    return await _account(request, secret=secret)


async def confirm(request: web.Request) -> web.Response:
    """Put the second step in force by its first code, and show the recovery codes once."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    _slowly(request)
    step = await step_typed(request, session.user, form.get("code"))
    if step is None:
        return await _still_enrolling(request)
    codes = accounts.made_codes()
    done = await parts.store.write(accounts.confirm_second, session.user.id, step, codes, parts.clock())
    if not done:
        return go(f"{face_of(request)}/account")
    await parts.store.write(accounts.end_sessions, session.user.id, keep=session.digest)
    await auth.audit(parts, session.user.name, "second-step.on", session.user.name)
    return await _account(request, codes=codes)


def _slowly(request: web.Request) -> None:
    if not request.app[LOG_INS].pace.allows(here(request).user.id, request.app[PARTS].clock()):
        raise ProblemError(429, "Too many tries. Wait a minute.")


async def _still_enrolling(request: web.Request) -> web.Response:
    """Show the same secret again: a mistyped code is no reason to scan anew."""
    user, sealer = here(request).user, request.app[LOG_INS].sealer
    second = await request.app[PARTS].store.read(accounts.second_of, user.id)
    if second is None or sealer is None or second.since is not None:
        return go(f"{face_of(request)}/account")
    secret = bytes.fromhex(sealer.open(second.sealed, request=user.id, kind=SEALED_AS))
    faults = {"code": "That is not the code of this moment. Is your telephone's clock right?"}
    return await _account(request, status=422, secret=secret, faults=faults)


async def renew(request: web.Request) -> web.Response:
    """Make new recovery codes in place of the old ones, for whoever has a code."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    _slowly(request)
    if not session.user.second or await proven(request, session.user, form.get("code")) is None:
        return await _account(
            request, status=422, faults={"renew": "The code is wrong, or was used already."}
        )
    codes = accounts.made_codes()
    await parts.store.write(accounts.new_codes, session.user.id, codes)
    await auth.audit(parts, session.user.name, "second-step.codes", session.user.name)
    return await _account(request, codes=codes)


async def off(request: web.Request) -> web.Response:
    """Ask for the password only from now on, where the role allows that; password and code are asked for."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    if request.app[LOG_INS].must_have(session.user):
        raise ProblemError(409, "Your role must have a second step.")
    if not await _is_password(request, form):
        return await _account(request, status=422, faults={"off": WRONG})
    if await proven(request, session.user, form.get("code")) is None:
        return await _account(request, status=422, faults={"off": "The code is wrong, or was used already."})
    await parts.store.write(accounts.drop_second, session.user.id)
    await auth.audit(parts, session.user.name, "second-step.off", session.user.name)
    return go(f"{face_of(request)}/account", "second_off")


async def end(request: web.Request) -> web.Response:
    """End one session of yours, or all but this one."""
    parts, session, form = request.app[PARTS], here(request), await portal_input.read_form(request)
    which = form.get("session")
    if which == "others":
        ended = await parts.store.write(accounts.end_sessions, session.user.id, keep=session.digest)
    else:
        ended = int(await parts.store.write(accounts.end_session, session.user.id, which))
    await auth.audit(parts, session.user.name, "session.end", session.user.name, ended=ended)
    return go(f"{face_of(request)}/account", "sessions_ended")


Page = Callable[[web.Request], Awaitable[web.Response]]
_BY_FACE: dict[tuple[str, str], Page] = {
    ("GET", "/account"): account,
    ("POST", "/account/password"): password,
    ("POST", "/account/second-step"): begin,
    ("POST", "/account/second-step/confirm"): confirm,
    ("POST", "/account/second-step/codes"): renew,
    ("POST", "/account/second-step/off"): off,
    ("POST", "/account/sessions/end"): end,
}
PAGES: dict[tuple[str, str], Page] = {
    (method, face + path): each for (method, path), each in _BY_FACE.items() for face in ("/noc", "/portal")
}
