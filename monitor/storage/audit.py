"""The audit: who did, or tried, what to what, and when; it is only ever added to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from monitor.storage import schema as t


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """That somebody did, or tried, something."""

    at: datetime
    actor: str
    action: str
    about: str = ""
    data: Mapping[str, object] = field(default_factory=dict[str, object])


def record_audit(connection: sa.Connection, row: AuditRow) -> None:
    """Add a line to the audit."""
    values = {"at": row.at, "actor": row.actor, "action": row.action, "object": row.about}
    connection.execute(t.audit.insert().values(**values, data=json.dumps(dict(row.data))))


def list_audit(connection: sa.Connection, *, limit: int = 200) -> tuple[AuditRow, ...]:
    """Return the newest lines of the audit, newest first."""
    query = sa.select(t.audit).order_by(t.audit.c.seq.desc()).limit(limit)
    return tuple(
        AuditRow(at=r.at, actor=r.actor, action=r.action, about=r.object, data=json.loads(r.data))
        for r in connection.execute(query)
    )
