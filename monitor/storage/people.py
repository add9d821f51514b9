"""Who may: users, their sessions, API tokens.

Secrets never reach a row: a password arrives as its argon2id hash, a session id or token is looked up by
its SHA-256 (they are 256 random bits, so a plain hash is enough).
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from monitor.errors import ConflictError, NotFoundError
from monitor.storage import schema as t


class Role(StrEnum):
    """What a person is here; each of ours may do what the one before may. A partner's people are none of ours."""

    PARTNER_CONTACT = "partner-contact"
    PARTNER_ADMIN = "partner-admin"
    VIEWER = "viewer"
    NOC = "noc"
    LEAD = "lead"
    ADMIN = "admin"


NO_PASSWORD = "!"  # noqa: S105 - it is none
"""The hash of an account that has no password: nothing verifies against it."""
PARTNERS = frozenset({Role.PARTNER_CONTACT, Role.PARTNER_ADMIN})
"""The roles of a partner's (or customer's) people: bound to a contact, and to what is theirs."""


class Scope(StrEnum):
    """What a token is good for; ``admin`` includes ``read`` and ``operate``, never ``ingest``."""

    INGEST = "ingest"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account, without its password.

    ``second``: a code is asked for besides. ``external``: who it is at the identity provider. ``invited``: it has no
    password yet.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    contact: str | None = None
    second: bool = False
    external: str | None = None
    invited: bool = False

    @property
    def theirs(self) -> bool:
        """Whether it is a partner's person's, not one of ours."""
        return self.role in PARTNERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in that is still good. ``digest`` is what it is found by, ``csrf`` what its forms carry."""

    digest: str
    user: User
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A credential of a program. ``system`` binds it to one system; ``kind`` is ``api`` or ``dsn``."""

    id: str
    name: str
    scopes: frozenset[str]
    system: str | None = None
    kind: str = "api"
    contact: str | None = None
    created_at: datetime
    revoked_at: datetime | None = None


def digest_of(secret: str) -> str:
    """Return what a session id or token is stored and found by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(prefix: str = "") -> str:
    """Return 256 fresh random bits as text; the prefix lets secret scanners know ours."""
    return prefix + secrets.token_urlsafe(32)


def create_user(
    connection: sa.Connection,
    *,
    id: str,  # noqa: A002 - the field's own word
    name: str,
    password_hash: str,
    role: Role,
    now: datetime,
    contact: str | None = None,
) -> User:
    """Add an account; raise ConflictError when the name is taken."""
    if connection.scalar(sa.select(t.users.c.id).where(t.users.c.name == name)):
        raise ConflictError(f"there is already a user named {name}")
    assert (contact is None) == (role not in PARTNERS), "a partner's person is a contact, ours are none"
    row = {"id": id, "name": name, "password": password_hash, "role": str(role), "created_at": now}
    connection.execute(t.users.insert().values(row | {"contact": contact}))
    return User(id=id, name=name, role=role, created_at=now, contact=contact)


def find_user(connection: sa.Connection, name: str) -> tuple[User, str] | None:
    """Return an account that may log in, with its password hash."""
    query = sa.select(t.users).where(t.users.c.name == name, t.users.c.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else (user_of(row), row.password)


def list_users(connection: sa.Connection) -> tuple[User, ...]:
    """Return all accounts by name, disabled ones too."""
    return tuple(user_of(row) for row in connection.execute(sa.select(t.users).order_by(t.users.c.name)))


def set_password(connection: sa.Connection, name: str, password_hash: str) -> None:
    """Change a password and end the user's sessions; raise NotFoundError."""
    _change_user(connection, name, {"password": password_hash})


def renew_hash(connection: sa.Connection, name: str, password_hash: str) -> None:
    """Store the same password under stronger parameters; sessions stay."""
    connection.execute(t.users.update().where(t.users.c.name == name).values(password=password_hash))


def set_role(connection: sa.Connection, name: str, role: Role) -> None:
    """Change a role and end the user's sessions, so that it holds at once; raise NotFoundError."""
    _change_user(connection, name, {"role": str(role)})


def disable_user(connection: sa.Connection, name: str, now: datetime) -> None:
    """Lock an account and end its sessions; raise NotFoundError."""
    _change_user(connection, name, {"disabled_at": now})


def _change_user(connection: sa.Connection, name: str, values: Mapping[str, object]) -> None:
    changed = connection.execute(t.users.update().where(t.users.c.name == name).values(values))
    if changed.rowcount == 0:
        raise NotFoundError(f"there is no user named {name}")
    ids = sa.select(t.users.c.id).where(t.users.c.name == name)
    connection.execute(t.sessions.delete().where(t.sessions.c.user.in_(ids)))


def user_of(row: sa.Row[tuple[object, ...]]) -> User:
    """Make an account of its row."""
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        contact=row.contact,
        second=row.totp_since is not None,
        external=row.external,
        invited=row.password == NO_PASSWORD,
    )


def open_session(
    connection: sa.Connection,
    *,
    user: str,
    secret: str,
    csrf: str,
    now: datetime,
    lasts: timedelta,
    address: str | None = None,
    agent: str | None = None,
    way: str | None = None,
) -> None:
    """Remember a log-in, and forget those whose time is over."""
    connection.execute(t.sessions.delete().where(t.sessions.c.expires_at <= now))
    row = {"user": user, "csrf": csrf, "created_at": now, "seen_at": now, "expires_at": now + lasts}
    row |= {"address": address, "agent": agent, "way": way}
    connection.execute(t.sessions.insert().values(digest=digest_of(secret), **row))


def find_session(connection: sa.Connection, digest: str, *, now: datetime, idle: timedelta) -> Session | None:
    """Return the session if it is neither over, idle for too long, nor its user disabled."""
    s, u = t.sessions, t.users
    query = (
        sa.select(
            s,
            u.c.id,
            u.c.name,
            u.c.role,
            u.c.contact,
            u.c.totp_since,
            u.c.external,
            u.c.created_at.label("user_since"),
        )
        .join(u, u.c.id == s.c.user)
        .where(s.c.digest == digest, s.c.expires_at > now, s.c.seen_at > now - idle)
        .where(u.c.disabled_at.is_(None))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Session(
        digest=row.digest,
        user=User(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            created_at=row.user_since,
            contact=row.contact,
            second=row.totp_since is not None,
            external=row.external,
        ),
        csrf=row.csrf,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        way=row.way or "",
    )


def touch_session(connection: sa.Connection, digest: str, now: datetime) -> None:
    """Note that the session was used."""
    connection.execute(t.sessions.update().where(t.sessions.c.digest == digest).values(seen_at=now))


def close_session(connection: sa.Connection, digest: str) -> None:
    """End one session; ending it twice is fine."""
    connection.execute(t.sessions.delete().where(t.sessions.c.digest == digest))


def create_token(
    connection: sa.Connection,
    *,
    id: str,  # noqa: A002 - the field's own word
    name: str,
    secret: str,
    scopes: Iterable[str],
    now: datetime,
    system: str | None = None,
    kind: str = "api",
    contact: str | None = None,
) -> Token:
    """Add a token; only its digest is kept, so show the secret now or never."""
    wanted = frozenset(scopes)
    unknown = sorted(wanted - set(Scope))
    assert not unknown, f"no such scopes: {unknown}"
    connection.execute(
        t.tokens.insert().values(
            id=id,
            name=name,
            digest=digest_of(secret),
            scopes=" ".join(sorted(wanted)),
            system=system,
            kind=kind,
            contact=contact,
            created_at=now,
        )
    )
    return Token(id=id, name=name, scopes=wanted, system=system, kind=kind, contact=contact, created_at=now)


def find_token(connection: sa.Connection, secret: str, *, kind: str | None = None) -> Token | None:
    """Return the live token with this secret (of this kind, if one is named)."""
    query = sa.select(t.tokens).where(t.tokens.c.digest == digest_of(secret), t.tokens.c.revoked_at.is_(None))
    row = connection.execute(query if kind is None else query.where(t.tokens.c.kind == kind)).one_or_none()
    return None if row is None else _token(row)


def list_tokens(connection: sa.Connection) -> tuple[Token, ...]:
    """Return all tokens, newest first, revoked ones too."""
    query = sa.select(t.tokens).order_by(t.tokens.c.created_at.desc(), t.tokens.c.id)
    return tuple(_token(row) for row in connection.execute(query))


def revoke_token(connection: sa.Connection, id: str, now: datetime) -> None:  # noqa: A002
    """End a token at once; raise NotFoundError."""
    wanted = t.tokens.c.id == id, t.tokens.c.revoked_at.is_(None)
    if connection.execute(t.tokens.update().where(*wanted).values(revoked_at=now)).rowcount == 0:
        raise NotFoundError("there is no such token, or it is revoked already")


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        system=row.system,
        kind=row.kind,
        contact=row.contact,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def end_access(connection: sa.Connection, contact: str, now: datetime) -> None:
    """Revoke the tokens and disable the users that speak for a contact: who comes under its id again starts anew."""
    connection.execute(
        t.tokens.update().where(t.tokens.c.contact == contact, t.tokens.c.revoked_at.is_(None)),
        {"revoked_at": now},
    )
    connection.execute(
        t.users.update().where(t.users.c.contact == contact, t.users.c.disabled_at.is_(None)),
        {"disabled_at": now},
    )
    ids = sa.select(t.users.c.id).where(t.users.c.contact == contact)
    connection.execute(t.sessions.delete().where(t.sessions.c.user.in_(ids)))
