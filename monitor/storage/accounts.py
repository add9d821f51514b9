"""Accounts beyond their password: second steps, sessions as their owner sees them, and things good once.

What is good once is deleted by whoever takes it, in one statement: of two who come at the same moment one gets it.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from monitor.errors import ConflictError, NotFoundError
from monitor.storage import schema as t
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.people import PARTNERS, Role, User, digest_of, user_of
from monitor.storage.schema_accounts import passes, recovery_codes

CODES = 10


class Kind(StrEnum):
    """What a pass is good for."""

    SECOND_STEP = "second-step"
    LINK = "link"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Something good once: for whom, with what was kept for it."""

    user: str | None
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A session as its owner sees it; ``id`` names it without being good for anything."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """An account's second step: its sealed secret, the last step that was taken; ``since`` None is not confirmed."""

    sealed: bytes
    since: datetime | None
    step: int | None


# good once --------------------------------------------------------------------------------------------------


def give_pass(
    c: sa.Connection,
    kind: Kind,
    secret: str,
    *,
    now: datetime,
    lasts: timedelta,
    user: str | None = None,
    data: Mapping[str, str] | None = None,
) -> None:
    """Keep something that is good once, and forget those whose time is over."""
    c.execute(passes.delete().where(passes.c.expires_at <= now))
    row = {"kind": str(kind), "user": user, "created_at": now, "expires_at": now + lasts}
    c.execute(passes.insert().values(digest=digest_of(secret), data=json.dumps(dict(data or {})), **row))


def see_pass(c: sa.Connection, kind: Kind, secret: str, now: datetime) -> Pass | None:
    """Return what is good once and still is, leaving it."""
    row = c.execute(sa.select(passes).where(*_good(kind, secret, now))).one_or_none()
    return None if row is None else Pass(user=row.user, data=json.loads(row.data))


def take_pass(c: sa.Connection, kind: Kind, secret: str, now: datetime) -> Pass | None:
    """Take what is good once; None for whoever comes second, too late, or with something made up."""
    gone = passes.delete().where(*_good(kind, secret, now)).returning(passes.c.user, passes.c.data)
    row = c.execute(gone).one_or_none()
    return None if row is None else Pass(user=row.user, data=json.loads(row.data))


def drop_passes(c: sa.Connection, kind: Kind, user: str) -> None:
    """End what is good once for somebody: a newer one takes its place."""
    c.execute(passes.delete().where(passes.c.kind == str(kind), passes.c.user == user))


def _good(kind: Kind, secret: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return passes.c.digest == digest_of(secret), passes.c.kind == str(kind), passes.c.expires_at > now


# the second step ----------------------------------------------------------------------------------------------


def second_of(c: sa.Connection, user: str) -> Second | None:
    """Return an account's second step, also one that is not confirmed yet."""
    u = t.users
    row = c.execute(sa.select(u.c.totp, u.c.totp_since, u.c.totp_step).where(u.c.id == user)).one_or_none()
    if row is None or row.totp is None:
        return None
    return Second(sealed=row.totp, since=row.totp_since, step=row.totp_step)


def begin_second(c: sa.Connection, user: str, sealed: bytes) -> None:
    """Keep a new secret until a code confirms it; ConflictError while a confirmed one is in force."""
    u = t.users
    begun = u.update().where(u.c.id == user, u.c.totp_since.is_(None)).values(totp=sealed, totp_step=None)
    if c.execute(begun).rowcount == 0:
        raise ConflictError("codes are asked for already: turn that off first")


def confirm_second(c: sa.Connection, user: str, step: int, codes: Iterable[str], now: datetime) -> bool:
    """Put the secret in force with new recovery codes; False where it is in force already or gone."""
    u = t.users
    wanted = u.c.id == user, u.c.totp_since.is_(None), u.c.totp.is_not(None)
    if c.execute(u.update().where(*wanted).values(totp_since=now, totp_step=step)).rowcount == 0:
        return False
    new_codes(c, user, codes)
    return True


def take_step(c: sa.Connection, user: str, step: int) -> bool:
    """Take a code's step; False when it, or a later one, was taken before."""
    u = t.users
    later = sa.or_(u.c.totp_step.is_(None), u.c.totp_step < step)
    taken = u.update().where(u.c.id == user, u.c.totp_since.is_not(None), later).values(totp_step=step)
    return c.execute(taken).rowcount == 1


def new_codes(c: sa.Connection, user: str, codes: Iterable[str]) -> None:
    """Keep the digests of new recovery codes in place of all before."""
    c.execute(recovery_codes.delete().where(recovery_codes.c.user == user))
    for code in codes:
        c.execute(recovery_codes.insert().values(user=user, digest=_digest_of_code(user, code)))


def take_code(c: sa.Connection, user: str, code: str, now: datetime) -> bool:
    """Take a recovery code; False for one that is none, or was taken."""
    r = recovery_codes
    good = r.c.user == user, r.c.digest == _digest_of_code(user, code), r.c.used_at.is_(None)
    return c.execute(r.update().where(*good).values(used_at=now)).rowcount == 1


def codes_left(c: sa.Connection, user: str) -> int:
    """Count the recovery codes that are still good."""
    r = recovery_codes
    return (
        c.scalar(sa.select(sa.func.count()).select_from(r).where(r.c.user == user, r.c.used_at.is_(None)))
        or 0
    )


def drop_second(c: sa.Connection, user: str) -> bool:
    """Ask an account for its password only; False where no more was asked for."""
    u = t.users
    c.execute(recovery_codes.delete().where(recovery_codes.c.user == user))
    had = u.update().where(u.c.id == user, u.c.totp.is_not(None))
    return c.execute(had.values(totp=None, totp_since=None, totp_step=None)).rowcount == 1


def reset(c: sa.Connection, name: str, now: datetime) -> bool:
    """Drop a named user's second step and sessions, on the record; False where there was none."""
    id_ = c.scalar(sa.select(t.users.c.id).where(t.users.c.name == name))
    if id_ is None:
        raise NotFoundError(f"there is no user named {name}")
    had = drop_second(c, id_)
    end_sessions(c, id_)
    record_audit(c, AuditRow(at=now, actor="tocsin user", action="second-step.reset", about=name))
    return had


def made_codes() -> tuple[str, ...]:
    """Return new recovery codes: 80 random bits each, as four groups that are easy to read out."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is taken for something else
    each = ["".join(secrets.choice(alphabet) for _ in range(16)) for _ in range(CODES)]
    return tuple("-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in each)


def _digest_of_code(user: str, code: str) -> str:
    return digest_of(f"{user}\0{re.sub('[^a-z0-9]', '', code.lower())}")


# sessions -----------------------------------------------------------------------------------------------------


def sessions_of(c: sa.Connection, user: str, *, now: datetime, idle: timedelta) -> tuple[Open, ...]:
    """Return the sessions of an account that are still good, the one used last first."""
    s = t.sessions
    query = (
        sa.select(s)
        .where(s.c.user == user, s.c.expires_at > now, s.c.seen_at > now - idle)
        .order_by(s.c.seen_at.desc(), s.c.digest)
    )
    return tuple(
        Open(
            id=row.digest[:SHOWN],
            created_at=row.created_at,
            seen_at=row.seen_at,
            address=row.address or "",
            agent=row.agent or "",
            way=row.way or "",
        )
        for row in c.execute(query)
    )


SHOWN = 16
"""How much of a session's digest is shown: enough to name it."""


def end_session(c: sa.Connection, user: str, shown: str) -> bool:
    """End one of an account's sessions; False where it has none of that name."""
    s = t.sessions
    named = sa.func.substr(s.c.digest, 1, SHOWN) == shown
    return c.execute(s.delete().where(s.c.user == user, named)).rowcount > 0


def end_sessions(c: sa.Connection, user: str, *, keep: str | None = None) -> int:
    """End an account's sessions, but for one; returns how many."""
    s = t.sessions
    ended = s.delete().where(s.c.user == user)
    return c.execute(ended if keep is None else ended.where(s.c.digest != keep)).rowcount


# accounts -----------------------------------------------------------------------------------------------------


def account(c: sa.Connection, id_: str) -> User | None:
    """Return an account, also one that is locked."""
    row = c.execute(sa.select(t.users).where(t.users.c.id == id_)).one_or_none()
    return None if row is None else user_of(row)


def by_external(c: sa.Connection, external: str) -> User | None:
    """Return the account of somebody whom an identity provider knows."""
    row = c.execute(sa.select(t.users).where(t.users.c.external == external)).one_or_none()
    return None if row is None else user_of(row)


def by_contact(c: sa.Connection, contact: str) -> tuple[User, ...]:
    """Return the accounts of a contact, the eldest first."""
    query = (
        sa.select(t.users).where(t.users.c.contact == contact).order_by(t.users.c.created_at, t.users.c.id)
    )
    return tuple(user_of(row) for row in c.execute(query))


def bind_external(c: sa.Connection, id_: str, external: str) -> None:
    """Say who an account is at the identity provider."""
    c.execute(t.users.update().where(t.users.c.id == id_).values(external=external))


def set_hash(c: sa.Connection, id_: str, password_hash: str, *, keep: str | None = None) -> None:
    """Change an account's password, and end its sessions but for one; links to set one are over."""
    _changed(c, id_, {"password": password_hash})
    end_sessions(c, id_, keep=keep)
    drop_passes(c, Kind.LINK, id_)


def give_role(c: sa.Connection, id_: str, role: Role) -> None:
    """Give an account another role of its own kind, and end its sessions."""
    found = account(c, id_)
    if found is None:
        raise NotFoundError("there is no such user")
    if (role in PARTNERS) != (found.role in PARTNERS):
        raise ConflictError("a partner's person stays one, and ours stay ours: make another user")
    _changed(c, id_, {"role": str(role)})
    end_sessions(c, id_)


def lock(c: sa.Connection, id_: str, now: datetime | None) -> None:
    """Lock an account and end its sessions and links, or (None) let it in again."""
    _changed(c, id_, {"disabled_at": now})
    end_sessions(c, id_)
    c.execute(passes.delete().where(passes.c.user == id_))


def admins_left(c: sa.Connection, but: str) -> int:
    """Count the administrators who can log in, leaving one account out."""
    u = t.users
    others = u.c.role == str(Role.ADMIN), u.c.disabled_at.is_(None), u.c.id != but
    return c.scalar(sa.select(sa.func.count()).select_from(u).where(*others)) or 0


def open_sessions(c: sa.Connection, *, now: datetime, idle: timedelta) -> Mapping[str, int]:
    """Count the open sessions of each account that has any."""
    s = t.sessions
    query = (
        sa.select(s.c.user, sa.func.count())
        .where(s.c.expires_at > now, s.c.seen_at > now - idle)
        .group_by(s.c.user)
    )
    return {user: int(count) for user, count in c.execute(query)}


def _changed(c: sa.Connection, id_: str, values: Mapping[str, object]) -> None:
    if c.execute(t.users.update().where(t.users.c.id == id_).values(values)).rowcount == 0:
        raise NotFoundError("there is no such user")
