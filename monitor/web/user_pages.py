"""Who may log in: for administrators everybody, for a partner-admin the people of their own partner.

    add -> a link, shown once, by which whoever gets it sets their own password       role · lock · end sessions · reset

The rules that hold for both stand here: nobody changes themselves, the last administrator stays one, and a partner's
person is never made one of ours. Everything is audited.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from monitor.domain.inventory import Contact
from monitor.domain.people import may_change
from monitor.errors import ConflictError
from monitor.storage import accounts, people
from monitor.storage.accounts import Kind
from monitor.storage.people import NO_PASSWORD, PARTNERS, Role, User, new_secret
from monitor.web import actions, auth, portal_input
from monitor.web.account_pages import here, shown
from monitor.web.auth import PRINCIPAL, nothing_there
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_input import Form
from monitor.web.problems import ProblemError
from monitor.web.render import go, page
from monitor.web.second_steps import face_of

LINK_LASTS = timedelta(days=3)
LONGEST_NAME = 100
OURS = tuple(role for role in Role if role not in PARTNERS)
THEIRS = tuple(role for role in Role if role in PARTNERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A user as the page shows them."""

    user: User
    person: Contact | None
    partner: str
    sessions: int
    may_change: bool


async def users(request: web.Request) -> web.Response:
    """Show who may log in."""
    return await _users(request)


async def _users(
    request: web.Request,
    *,
    status: int = 200,
    values: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    link: str = "",
    about: str = "",
) -> web.Response:
    parts = request.app[PARTS]
    sessions = await parts.store.read(accounts.open_sessions, now=parts.clock(), idle=auth.IDLE)
    found = [_row(request, user, sessions.get(user.id, 0)) for user in await _in_reach(request)]
    return shown(
        request,
        "users.html",
        status=status,
        rows=found,
        roles=THEIRS if _me(request) else OURS + THEIRS,
        theirs=PARTNERS,
        free=_without(request, found),
        values=values or {},
        faults=faults or {},
        link=link,
        about=about,
        must=request.app[LOG_INS].required(),
    )


def _me(request: web.Request) -> Self | None:
    return who_looks(request) if request[PRINCIPAL].contact is not None else None


async def _in_reach(request: web.Request) -> tuple[User, ...]:
    """Return the users whom somebody sees: all, or those of their own partner."""
    everybody = await request.app[PARTS].store.read(people.list_users)
    me = _me(request)
    if me is None:
        return everybody
    mine = {contact.id for contact in me.partner.contacts}
    return tuple(user for user in everybody if user.contact in mine)


def _row(request: web.Request, user: User, sessions: int) -> Row:
    known = request.app[PARTS].inventory().person(user.contact) if user.contact else None
    return Row(
        user=user,
        person=known[1] if known else None,
        partner=known[0].name if known else "",
        sessions=sessions,
        may_change=_reaches(request, user),
    )


def _reaches(request: web.Request, user: User) -> bool:
    """Whether whoever looks may change a user: not themselves, and only whom the policy lets their contact change."""
    if user.id == here(request).user.id:
        return False
    me = _me(request)
    return me is None or any(
        contact.id == user.contact and _may(me, contact) for contact in me.partner.contacts
    )


def _may(me: Self, contact: Contact) -> bool:
    """Whether a partner-admin looks after a contact's log-in: where one is in charge of a licence, as of its data."""
    return (
        me.policy.registration.contacts.in_charge is None
        or may_change(me.contact, contact, me.policy).allowed
    )


def _without(request: web.Request, rows: list[Row]) -> list[Contact]:
    """Return the contacts who may be given a log-in and have none, as a partner-admin's form offers them."""
    me = _me(request)
    taken = {row.user.contact for row in rows if row.user.disabled_at is None}
    return [one for one in me.partner.contacts if one.id not in taken and _may(me, one)] if me else []


async def add(request: web.Request) -> web.Response:
    """Add a user without a password, and show the link by which they set one."""
    parts, form = request.app[PARTS], await portal_input.read_form(request)
    name, faults = form.get("name"), {}
    role, contact = form.get("role"), form.get("contact") or None
    if not 0 < len(name) <= LONGEST_NAME or any(ord(char) < ord(" ") for char in name):
        faults["name"] = f"A name has 1 to {LONGEST_NAME} characters."
    faults |= _faults_of(request, role, contact)
    if faults:
        return await _users(request, status=422, values=form.values, faults=faults)
    try:
        user = await parts.store.write(
            people.create_user,
            id=parts.new_id(),
            name=name,
            password_hash=NO_PASSWORD,
            role=Role(role),
            now=parts.clock(),
            contact=contact,
        )
    except ConflictError:
        taken = {"name": "This name cannot be used: choose another."}
        return await _users(request, status=409, values=form.values, faults=taken)
    await auth.audit(parts, request[PRINCIPAL].name, "user.add", name, role=role, contact=contact)
    return await _users(request, link=await _link(request, user), about=name)


def _faults_of(request: web.Request, role: str, contact: str | None) -> dict[str, str]:
    """Say what is wrong with a role and the contact it is for."""
    me = _me(request)
    if role not in (THEIRS if me else OURS + THEIRS):
        return {"role": "Choose a role."}
    if role not in PARTNERS:
        return {"contact": "One of ours is no partner's contact: leave it empty."} if contact else {}
    known = request.app[PARTS].inventory().person(contact or "")
    if known is None or (me is not None and known[0].id != me.partner.id):
        return {
            "contact": "Name the contact whose log-in it is, by its id." if me is None else "Choose a person."
        }
    if me is not None and not _may(me, known[1]):
        return {"contact": "Your policy does not let you change this person."}
    return {}


async def _link(request: web.Request, user: User) -> str:
    """Return a new link by which a user sets their password; the one before it is over."""
    parts, secret = request.app[PARTS], new_secret()
    await parts.store.write(accounts.drop_passes, Kind.LINK, user.id)
    await parts.store.write(
        accounts.give_pass, Kind.LINK, secret, now=parts.clock(), lasts=LINK_LASTS, user=user.id
    )
    scheme = "https" if auth.is_https(request) else "http"
    return f"{scheme}://{request.host}{'/portal' if user.theirs else '/noc'}/join/{secret}"


async def _theirs(request: web.Request) -> tuple[User, Form]:
    """Return the user that a form is about; 404 for one who is not in reach."""
    form = await portal_input.read_form(request)
    wanted = request.match_info["id"]
    found = next((user for user in await _in_reach(request) if user.id == wanted), None)
    if found is None:
        raise nothing_there()
    if not _reaches(request, found):
        raise ProblemError(409, "That is not yours to change.", detail="Nobody changes their own user here.")
    return found, form


async def link(request: web.Request) -> web.Response:
    """Show a new link by which a user sets a password."""
    user, _ = await _theirs(request)
    if user.disabled_at is not None:
        raise ProblemError(409, "The user is locked.", detail="Let them in again first.")
    await auth.audit(request.app[PARTS], request[PRINCIPAL].name, "user.link", user.name)
    return await _users(request, link=await _link(request, user), about=user.name)


async def role(request: web.Request) -> web.Response:
    """Give a user another role."""
    user, form = await _theirs(request)
    wanted = form.get("role")
    if wanted not in (THEIRS if user.theirs else OURS):
        raise ProblemError(422, "There is no such role for this user.")
    if user.role is Role.ADMIN:
        await _somebody_stays(request, user)
    await request.app[PARTS].store.write(accounts.give_role, user.id, Role(wanted))
    await auth.audit(request.app[PARTS], request[PRINCIPAL].name, "user.role", user.name, role=wanted)
    return _done(request, "user_role")


async def _somebody_stays(request: web.Request, user: User) -> None:
    if await request.app[PARTS].store.read(accounts.admins_left, user.id) == 0:
        raise ProblemError(409, "Somebody must stay an administrator.")


async def lock(request: web.Request) -> web.Response:
    """Lock a user out, or let them in again."""
    user, form = await _theirs(request)
    parts = request.app[PARTS]
    locking = form.get("lock") == "yes"
    if locking and user.role is Role.ADMIN:
        await _somebody_stays(request, user)
    await parts.store.write(accounts.lock, user.id, parts.clock() if locking else None)
    await auth.audit(parts, request[PRINCIPAL].name, "user.lock" if locking else "user.unlock", user.name)
    return _done(request, "user_locked" if locking else "user_opened")


async def end(request: web.Request) -> web.Response:
    """End every session of a user."""
    user, _ = await _theirs(request)
    parts = request.app[PARTS]
    ended = await parts.store.write(accounts.end_sessions, user.id)
    await auth.audit(parts, request[PRINCIPAL].name, "session.end", user.name, ended=ended)
    return _done(request, "sessions_ended")


async def reset(request: web.Request) -> web.Response:
    """Take a user's second step away, who has lost their telephone and their codes."""
    user, _ = await _theirs(request)
    parts = request.app[PARTS]
    await parts.store.write(accounts.drop_second, user.id)
    await parts.store.write(accounts.end_sessions, user.id)
    await auth.audit(parts, request[PRINCIPAL].name, "second-step.reset", user.name)
    return _done(request, "user_second")


def _done(request: web.Request, word: str) -> web.Response:
    return go(f"{face_of(request)}/users", word)


# the link ---------------------------------------------------------------------------------------------------


async def join_page(request: web.Request) -> web.Response:
    """Show the form in which whoever has the link sets their password."""
    await _invited(request)
    return await _join(request)


async def _invited(request: web.Request) -> User:
    parts = request.app[PARTS]
    found = await parts.store.read(accounts.see_pass, Kind.LINK, request.match_info["token"], parts.clock())
    user = await parts.store.read(accounts.account, found.user) if found and found.user else None
    if user is None or user.disabled_at is not None:
        raise ProblemError(404, "This link is over.", detail="It was used, or is too old. Ask for a new one.")
    return user


async def _join(
    request: web.Request, *, status: int = 200, faults: Mapping[str, str] | None = None
) -> web.Response:
    user, face = await _invited(request), face_of(request)
    render = portal_page if face == "/portal" else page
    return render(request, "join.html", status=status, face=face, name=user.name, faults=faults or {})


async def join(request: web.Request) -> web.Response:
    """Set the password; the link is good once."""
    if not auth.from_our_own_pages(request):
        raise ProblemError(403, "The form must come from our own page.")
    user, parts, form = await _invited(request), request.app[PARTS], await request.post()
    new, again = str(form.get("new", "")), str(form.get("again", ""))
    if new != again:
        return await _join(request, status=422, faults={"again": "The two are not the same."})
    try:
        hashed = await request.app[actions.PASSWORDS].hashed(new)
    except ValueError as error:
        return await _join(request, status=422, faults={"new": f"{str(error)[:1].upper()}{str(error)[1:]}."})
    token = request.match_info["token"]
    if await parts.store.write(accounts.take_pass, Kind.LINK, token, parts.clock()) is None:
        raise ProblemError(404, "This link is over.", detail="It was used, or is too old. Ask for a new one.")
    await parts.store.write(accounts.set_hash, user.id, hashed)
    await auth.audit(parts, user.name, "password.set", user.name, address=auth.address_of(request))
    return go(f"{face_of(request)}/login", "password_set")


Page = Callable[[web.Request], Awaitable[web.Response]]
_BY_FACE: dict[tuple[str, str], Page] = {
    ("GET", "/users"): users,
    ("POST", "/users"): add,
    ("POST", "/users/{id}/link"): link,
    ("POST", "/users/{id}/role"): role,
    ("POST", "/users/{id}/lock"): lock,
    ("POST", "/users/{id}/sessions/end"): end,
    ("POST", "/users/{id}/second-step/reset"): reset,
    ("GET", "/join/{token}"): join_page,
    ("POST", "/join/{token}"): join,
}
PAGES: dict[tuple[str, str], Page] = {
    (method, face + path): each for (method, path), each in _BY_FACE.items() for face in ("/noc", "/portal")
}
