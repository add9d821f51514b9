"""Contacts about a request on record: whether a page still is to be made, who takes the request, what did not arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.errors import NotFoundError
from monitor.storage import events, owing, schema_requests

requests = schema_requests.requests
ENDED = ("closed", "refused")
FAILED: Mapping[str, str] = {"answer": "answer.failed", "forward": "forward.failed"}
"""How a contact that could not be made is called on the request's timeline; any other is ``contact.failed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """What a page about a request tells: as it stands when the engineer is called."""

    id: str
    reference: str
    cls: str | None
    partner: str | None
    system: str | None
    subject: str
    policy: str
    received_at: datetime
    needs_triage: bool
    settled: str
    """Why nobody need be paged about it any more; empty while somebody must."""


def paged(c: sa.Connection, request: str) -> Paged:
    """Return what is to be told about a request, or raise NotFoundError."""
    row = c.execute(sa.select(requests).where(requests.c.id == request)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no request {request}")
    return Paged(
        id=row["id"],
        reference=f"R-{row['seq']:05d}",
        cls=row["class"],
        partner=row["partner"],
        system=row["system"],
        subject=row["subject"],
        policy=row["policy"],
        received_at=row["received_at"],
        needs_triage=row["needs_triage"],
        settled=_settled(row["status"], row["assignee"]),
    )


def settled(c: sa.Connection, request: str) -> str:
    """Say why nobody need be paged about a request any more; nothing while somebody must."""
    row = c.execute(
        sa.select(requests.c.status, requests.c.assignee).where(requests.c.id == request)
    ).one_or_none()
    return "the request is gone" if row is None else _settled(row.status, row.assignee)


def _settled(status: str, assignee: str | None) -> str:
    if status in ENDED:
        return f"the request is {status}"
    return f"{assignee} has taken the request" if assignee else ""


def take(c: sa.Connection, request: str, *, now: datetime, actor: str, how: str) -> bool:
    """Let an engineer take a request that nobody has; pages about it that wait are cancelled. False: it is settled."""
    done = c.execute(
        sa.update(requests)
        .where(
            requests.c.id == request,
            requests.c.assignee.is_(None),
            requests.c.status.not_in(ENDED),
        )
        .values(assignee=actor, version=requests.c.version + 1)
    )
    if done.rowcount != 1:
        return False
    events.record(c, None, now, "request.taken", actor=actor, text=how, request=request)
    owing.cancel_of_request(c, request, now, kinds=("page",), reason=f"{actor} has taken the request")
    return True


def not_made(c: sa.Connection, request: str, kind: str, *, now: datetime, text: str, flag: str = "") -> None:
    """Record that a contact about a request will not be made; ``flag`` is what an engineer has to do about it."""
    events.record(c, None, now, FAILED.get(kind, "contact.failed"), text=text, request=request)
    if flag:
        values: dict[str, Any] = {"flagged": sa.func.coalesce(requests.c.flagged, flag)}
        c.execute(sa.update(requests).where(requests.c.id == request).values(**values))
