"""Logging in by the organisation's identity provider: out to it, and back with whom it vouches for.

    button -> a pass for this browser (good once, ten minutes) -> provider -> back -> who that is here -> session

Somebody is known by issuer and subject alone. Whom nobody knows yet is let in by a group that gives a role, or, where the
configuration says so, as the one contact who has the address that the provider verified; else not at all. A local user of
the same name is never taken over.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from aiohttp import web

from monitor.errors import ConflictError, RefusedError
from monitor.storage import accounts, people
from monitor.storage.accounts import Kind
from monitor.storage.people import NO_PASSWORD, Role, User, new_secret
from monitor.web import actions, auth, portal_forms
from monitor.web.log_ins import LOG_INS, Claims, Provider
from monitor.web.parts import PARTS
from monitor.web.render import go
from monitor.web.second_steps import face_of

COOKIE = "tocsin-provider"
LASTS = timedelta(minutes=10)
log = structlog.get_logger()


async def out(request: web.Request) -> web.Response:
    """Send the browser to the provider."""
    provider, parts = request.app[LOG_INS].provider(), request.app[PARTS]
    face = face_of(request)
    if provider is None:
        return go(f"{face}/login")
    try:
        where, kept = await provider.begin(auth.local_path(request.query.get("next"), f"{face}/"))
    except RefusedError as error:
        return _again(request, face, error)
    secret = new_secret()
    await parts.store.write(
        accounts.give_pass, Kind.PROVIDER, secret, now=parts.clock(), lasts=LASTS, data=kept
    )
    response = web.Response(status=303, headers={"Location": where})
    response.set_cookie(
        _cookie(request),
        secret,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=auth.is_https(request),
        max_age=int(LASTS.total_seconds()),
    )
    return response


def _cookie(request: web.Request) -> str:
    return f"__Host-{COOKIE}" if auth.is_https(request) else COOKIE


def _again(request: web.Request, face: str, error: RefusedError) -> web.Response:
    show = portal_forms.login_again if face == "/portal" else actions.login_again
    return show(request, status=error.status, error=str(error))


async def back(request: web.Request) -> web.Response:
    """Let in whom the provider vouches for, if they are anybody here."""
    provider, parts = request.app[LOG_INS].provider(), request.app[PARTS]
    secret, now = request.cookies.get(_cookie(request), ""), parts.clock()
    kept = await parts.store.write(accounts.take_pass, Kind.PROVIDER, secret, now)
    if provider is None or kept is None:
        return go("/noc/login")
    face = "/portal" if kept.data["to"].startswith("/portal") else "/noc"
    try:
        claims = await provider.finish(kept.data, request.query, now)
        user = await _somebody(request, provider, claims)
    except RefusedError as error:
        await auth.audit(parts, "provider", "login.failed", address=auth.address_of(request), code=error.code)
        response = _again(request, face, error)
    else:
        await auth.audit(parts, user.name, "login", address=auth.address_of(request), by="provider")
        response = go(auth.home_of(user, kept.data["to"]))
        await auth.log_in(request, response, user.id, way="provider")
    response.del_cookie(_cookie(request), path="/", httponly=True, secure=auth.is_https(request))
    return response


def _unknown() -> RefusedError:
    return RefusedError(403, "unknown", "Nobody here knows you. Ask whoever looks after this service.")


async def _somebody(request: web.Request, provider: Provider, claims: Claims) -> User:
    """Return who it is here, made or changed as the provider's groups say; RefusedError for nobody."""
    parts = request.app[PARTS]
    found = await parts.store.read(accounts.by_external, claims.external)
    if found is not None and found.disabled_at is not None:
        raise _unknown()
    role = provider.role_of(claims)
    if found is not None and not found.theirs:
        return await _still(request, found, role)
    if found is not None:
        return found
    if role is not None:
        return await _made(request, claims, Role(role), None)
    return await _contact(request, provider, claims)


async def _still(request: web.Request, user: User, role: str | None) -> User:
    """Return one of ours with the role that their groups give now; without one they are out."""
    parts = request.app[PARTS]
    if role is None:
        await parts.store.write(accounts.end_sessions, user.id)
        raise _unknown()
    if role != user.role:
        await parts.store.write(accounts.give_role, user.id, Role(role))
        await auth.audit(parts, "provider", "user.role", user.name, role=role)
    return user


async def _contact(request: web.Request, provider: Provider, claims: Claims) -> User:
    """Return the user of the one contact who has the verified address, made if there is none."""
    parts = request.app[PARTS]
    wanted = (claims.email or "").strip().casefold()
    if not (provider.by_email and claims.verified and wanted):
        raise _unknown()
    found = [
        contact
        for partner in parts.inventory().partners.values()
        for contact in partner.contacts
        if contact.email and contact.email.strip().casefold() == wanted
    ]
    if len(found) != 1:
        raise _unknown()
    known = await parts.store.read(accounts.by_contact, found[0].id)
    if any(user.disabled_at is not None for user in known):
        raise _unknown()  # locked by us: no other way in
    own = next((user for user in known if user.external is None), None)
    if own is None:
        return await _made(request, claims, Role.PARTNER_CONTACT, found[0].id)
    await parts.store.write(accounts.bind_external, own.id, claims.external)
    await auth.audit(parts, "provider", "user.bind", own.name)
    return own


async def _made(request: web.Request, claims: Claims, role: Role, contact: str | None) -> User:
    """Make a user without a password; a name that somebody has already is never theirs to take."""
    parts = request.app[PARTS]
    for name in (claims.name, f"{claims.name} ({parts.new_id()[-6:]})"):
        try:
            user = await parts.store.write(
                people.create_user,
                id=parts.new_id(),
                name=name,
                password_hash=NO_PASSWORD,
                role=role,
                now=parts.clock(),
                contact=contact,
            )
        except ConflictError:
            continue
        await parts.store.write(accounts.bind_external, user.id, claims.external)
        await auth.audit(parts, "provider", "user.add", name, role=str(role), contact=contact)
        return user
    raise _unknown()


Page = Callable[[web.Request], Awaitable[web.Response]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/login/provider"): out,
    ("GET", "/portal/login/provider"): out,
    ("GET", "/noc/login/provider/back"): back,
}
