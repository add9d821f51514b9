"""Standing addresses: what a display on a wall, or a calendar program, may read without a log-in, until somebody ends it.

The address carries 256 random bits; only their digest is kept, so it is shown once, and ending it is one row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from monitor.errors import NotFoundError
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.people import digest_of
from monitor.storage.schema_addresses import addresses

SEEN_EVERY = timedelta(minutes=5)
MOST = 200


class Kind(StrEnum):
    """What an address shows."""

    WALL = "wall"
    DUTY = "duty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that stands: of which display, or whose duty."""

    id: str
    kind: Kind
    name: str
    made_by: str
    created_at: datetime
    seen_at: datetime | None


def make(c: sa.Connection, *, id_: str, kind: Kind, name: str, secret: str, by: str, now: datetime) -> None:
    """Put an address on record; only its digest is kept."""
    row = {"id": id_, "kind": str(kind), "name": name, "digest": digest_of(secret), "made_by": by}
    c.execute(sa.insert(addresses), row | {"created_at": now})
    record_audit(c, AuditRow(at=now, actor=by, action=f"address.{kind}", about=id_, data={"name": name}))


def find(c: sa.Connection, secret: str, kind: Kind) -> Address | None:
    """Return the address that stands with this secret."""
    a = addresses.c
    where = a.digest == digest_of(secret), a.kind == str(kind), a.revoked_at.is_(None)
    row = c.execute(sa.select(addresses).where(*where)).one_or_none()
    return None if row is None else _address(row)


def seen(c: sa.Connection, id_: str, now: datetime) -> None:
    """Note that an address was read."""
    c.execute(sa.update(addresses).where(addresses.c.id == id_), {"seen_at": now})


def standing(c: sa.Connection, kind: Kind, name: str | None = None) -> tuple[Address, ...]:
    """Return the addresses that stand, the newest first."""
    a = addresses.c
    query = sa.select(addresses).where(a.kind == str(kind), a.revoked_at.is_(None))
    if name is not None:
        query = query.where(a.name == name)
    return tuple(_address(row) for row in c.execute(query.order_by(a.created_at.desc(), a.id).limit(MOST)))


def end(c: sa.Connection, id_: str, kind: Kind, *, by: str, now: datetime, name: str | None = None) -> None:
    """End an address at once (``name``: only one of these); raise NotFoundError."""
    a = addresses.c
    where = [a.id == id_, a.kind == str(kind), a.revoked_at.is_(None)]
    if name is not None:
        where.append(a.name == name)
    if c.execute(sa.update(addresses).where(*where), {"revoked_at": now}).rowcount != 1:
        raise NotFoundError("There is no such address, or it is ended already.")
    record_audit(c, AuditRow(at=now, actor=by, action=f"address.{kind}_ended", about=id_))


def _address(row: sa.Row[tuple[object, ...]]) -> Address:
    return Address(
        id=row.id,
        kind=Kind(row.kind),
        name=row.name,
        made_by=row.made_by,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )
