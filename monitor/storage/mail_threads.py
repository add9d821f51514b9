"""Mails about one incident as one conversation: which was the first to an address, and who is owed the news of its end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.storage import owing, schema

outbox = schema.outbox
MAIL, OVER = "mail", "mail.resolved"
NOT_YET = ("waiting", "claimed", "sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first mail about an incident to an address: its row, and how that stands."""

    row: str
    state: str

    @property
    def went_out(self) -> bool:
        """Whether it was sent."""
        return self.state == "done"

    @property
    def may_yet(self) -> bool:
        """Whether it is still to be sent."""
        return self.state in NOT_YET


def first(c: sa.Connection, incident: str, recipient: str | None) -> First | None:
    """Return the first mail about an incident to an address."""
    row = c.execute(
        sa.select(outbox.c.id, outbox.c.state)
        .where(outbox.c.incident == incident, outbox.c.kind == MAIL, outbox.c.recipient == recipient)
        .order_by(outbox.c.seq)
        .limit(1)
    ).one_or_none()
    return First(row=row.id, state=row.state) if row else None


def owe_ends(c: sa.Connection, incident: str, now: datetime, new_id: Callable[[], str]) -> None:
    """Owe everybody who was written to about an incident the news that it is over, once.

    A mail that was never tried says it itself when it goes out (``monitor.mailing``), and owes nothing more.
    """
    rows = c.execute(
        sa.select(outbox)
        .where(
            outbox.c.incident == incident,
            outbox.c.kind == MAIL,
            outbox.c.recipient.is_not(None),
            sa.or_(
                outbox.c.state.in_(("done", "claimed", "sent")),
                sa.and_(outbox.c.state == "waiting", outbox.c.attempts > 0),
            ),
        )
        .order_by(outbox.c.seq)
    ).mappings()
    ends = [
        Obligation(
            id=f"out_{new_id()}",
            incident=incident,
            kind=OVER,
            channel="mail",
            dedup=f"{incident}|{OVER}|{row['recipient']}",
            partner=row["partner"],
            contact=row["contact"],
            recipient=row["recipient"],
            language=row["language"],
            priority=PRIORITY_NORMAL,
            not_before=now,
        )
        for row in rows
    ]
    owing.owe(c, ends, now)
