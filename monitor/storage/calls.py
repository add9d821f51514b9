"""What becomes of a call, in one transaction: its attempt, its row, and the incident or request it was about.

Only a key pressed counts as contact (a signed link will, too); "completed" does not. Everything else leads
to the next attempt, at the next contact, until the channel's attempts are used up; then a person is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Status
from monitor.storage import events, incidents, outbox, owing, request_contacts
from monitor.storage.outbox import Called, Due

UNSETTLED = ("claimed", "sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What follows a call that reached nobody: another attempt at ``at``, or (None) a page to our own people."""

    at: datetime | None
    contact: str | None = None
    recipient: str | None = None
    language: str | None = None
    page: Obligation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call that came to its end with this result; ``request`` is set where it was about one."""

    incident: str
    request: str | None
    channel: str
    result: str


def apply(
    c: sa.Connection,
    attempt: str,
    *,
    now: datetime,
    state: str,
    sequence: int,
    provider_id: str | None,
    detail: str,
    result: str | None,
    follow: Callable[[Due, str], Follow],
) -> Ended | None:
    """Apply one event of a call; ``result`` is set when the event is its end. Late events are history only."""
    called = outbox.call_event(
        c,
        attempt,
        now=now,
        state=state,
        sequence=sequence,
        provider_id=provider_id,
        final=result is not None,
        detail=detail,
    )
    if called is None or result is None:
        return None
    return end(c, called.due, called.row_state, now=now, result=result, detail=detail, follow=follow)


def end(
    c: sa.Connection,
    due: Due,
    row_state: str,
    *,
    now: datetime,
    result: str,
    detail: str,
    follow: Callable[[Due, str], Follow],
) -> Ended:
    """Bring a call to its end with its result, and let follow what the result asks for."""
    if (
        row_state not in UNSETTLED
    ):  # its row was settled without it: history, and an acknowledgement still counts
        outbox.end_attempt(c, due.attempt, now=now, result=result, detail=detail)
        if result == "acknowledged":
            _acknowledged(c, due, now)
    elif result == "acknowledged":
        outbox.finish(c, due, now=now, result=result, detail=detail)
        _acknowledged(c, due, now)
    else:
        _not_reached(c, due, now, result, detail, follow(due, result))
    return Ended(incident=due.incident, request=due.request, channel=due.channel, result=result)


def _acknowledged(c: sa.Connection, due: Due, now: datetime) -> None:
    who = due.contact or due.recipient or "the person called"
    _tell(c, due, now, "call.acknowledged", actor=who, text=f"{due.recipient} pressed 1")
    if due.request:
        request_contacts.take(c, due.request, now=now, actor=who, how="by phone: 1 was pressed")
        return
    row = incidents.get(c, due.incident)
    if row.status is not Status.OPEN:
        return
    if due.kind == "page" and row.needs_triage:
        incidents.confirm_triage(c, due.incident, now=now, actor=who)
        return
    by = f"{who} by phone"
    incidents.acknowledge(c, due.incident, now=now, actor=by, by_partner=due.kind == "call")


def _not_reached(c: sa.Connection, due: Due, now: datetime, result: str, detail: str, follow: Follow) -> None:
    said = f"{due.recipient}: {result.replace('_', ' ')}" + (f" ({detail})" if detail else "")
    _tell(c, due, now, "call.not_acknowledged", text=said)
    if follow.at is not None:
        outbox.retry_later(
            c,
            due,
            now=now,
            at=follow.at,
            reason=said,
            result=result,
            recipient=(follow.contact, follow.recipient),
            language=follow.language,
        )
        return
    outbox.give_up(c, due, now=now, reason=f"nobody was reached: {said}", result=result)
    if due.request:
        text, flag = "nobody could be reached by phone", "no engineer was reached about it by phone"
        request_contacts.not_made(c, due.request, due.kind, now=now, text=text, flag=flag)
    else:
        _tell(c, due, now, "contact.failed", text="nobody could be reached by phone")
    if follow.page:
        owing.owe(c, [follow.page], now)


def _tell(c: sa.Connection, due: Due, now: datetime, kind: str, *, text: str, actor: str = "tocsin") -> None:
    """Append to the timeline of what the call was about."""
    events.record(c, due.incident or None, now, kind, actor=actor, text=text, request=due.request)


__all__ = ["Called", "Ended", "Follow", "apply", "end"]
