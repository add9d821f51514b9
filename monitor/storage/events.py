"""The timeline: append-only, one row for everything that happened to an incident or a request."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.storage import schema

events = schema.events


def record(
    c: sa.Connection,
    incident: str | None,
    at: datetime,
    kind: str,
    *,
    actor: str = "tocsin",
    text: str = "",
    data: Mapping[str, Any] | None = None,
    request: str | None = None,
) -> None:
    """Append to the timeline of an incident, of a request, or of neither."""
    c.execute(
        sa.insert(events).values(
            incident=incident,
            request=request,
            at=at,
            kind=kind,
            actor=actor,
            text=text[:4000],
            data=as_text(data or {}),
        )
    )


def record_all(
    c: sa.Connection, incidents: Sequence[str], at: datetime, kind: str, *, actor: str = "tocsin", text: str
) -> None:
    """Append the same to the timelines of many incidents, in one statement."""
    if incidents:
        same = {"request": None, "at": at, "kind": kind, "actor": actor, "text": text[:4000], "data": "{}"}
        c.execute(sa.insert(events), [{"incident": incident, **same} for incident in incidents])


def as_text(value: Mapping[str, Any]) -> str:
    """Return a document as the record keeps it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
