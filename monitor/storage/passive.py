"""The last result that somebody sent for each passive check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.findings import Verdict
from monitor.storage.schema_alerts import passive_results as t
from monitor.storage.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a sender said of a check, when it says it looked, and when that came."""

    check: str
    verdict: Verdict
    at: datetime
    received_at: datetime
    detail: str
    values: Mapping[str, float]


def keep(c: sa.Connection, result: Result) -> bool:
    """Keep a result; False for one that is older than the one on record, which stays."""
    row = {
        "check": result.check,
        "verdict": result.verdict,
        "at": result.at,
        "received_at": result.received_at,
        "detail": result.detail,
        "values": json.dumps(dict(result.values)),
    }
    statement = upsert(c, t)
    new = statement.excluded
    newer = statement.on_conflict_do_update(
        index_elements=["check"],
        set_={name: new[name] for name in row if name != "check"},
        where=new.at >= t.c.at,
    )
    return c.execute(newer.returning(t.c.check), row).first() is not None


def last(c: sa.Connection, check: str) -> Result | None:
    """Return the last result of a check."""
    row = c.execute(sa.select(t).where(t.c.check == check)).one_or_none()
    if row is None:
        return None
    return Result(
        check=row.check,
        verdict=Verdict(row.verdict),
        at=row.at,
        received_at=row.received_at,
        detail=row.detail,
        values=json.loads(row.values),
    )
