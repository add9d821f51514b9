"""What becomes of a call, in one transaction: its attempt, its row, and the incident or request it was about.

Only a key pressed counts as contact (and a signed link, ``monitor.storage.links``); "completed" does not. Everything else leads
to the next attempt, at the next contact, until the channel's attempts are used up; then a person is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import BY_HAND, Obligation
from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.storage import bundles, escalations, events, incidents, outbox, owing, request_contacts, told
from monitor.storage.outbox import Called, Due
from monitor.storage.ownership import Holds

UNSETTLED = ("claimed", "sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """By what somebody proved that they were reached: the event, what the timeline says, and ``how`` in a few words."""

    event: str
    said: str
    how: str


PRESSED = Means(event="call.acknowledged", said="{recipient} pressed 1", how="by phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What follows a call that reached nobody: another attempt at ``at``, or (None) what is ``owed`` in its place.

    ``payload`` keeps where the row stands then; ``skipped`` names steps that nobody was in; ``quiet``: others of the
    same step go on, nobody need be told; ``note`` is the row by which the ticket is told that nobody was reached.
    """

    at: datetime | None
    contact: str | None = None
    recipient: str | None = None
    language: str | None = None
    owed: tuple[Obligation, ...] = ()
    payload: Mapping[str, Any] | None = None
    skipped: tuple[str, ...] = ()
    quiet: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call that came to its end with this result; ``request`` is set where it was about one."""

    incident: str
    request: str | None
    channel: str
    result: str
    skipped: int = 0


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
    holds: Holds = lambda _incident: None,
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
        proves=result == "acknowledged",
    )
    if called is None or result is None:
        return None
    return end(
        c, called.due, called.row_state, now=now, result=result, detail=detail, follow=follow, holds=holds
    )


def end(
    c: sa.Connection,
    due: Due,
    row_state: str,
    *,
    now: datetime,
    result: str,
    detail: str,
    follow: Callable[[Due, str], Follow],
    holds: Holds = lambda _incident: None,
) -> Ended:
    """Bring a call to its end with its result, and let follow what the result asks for."""
    skipped = 0
    if (
        row_state not in UNSETTLED
    ):  # its row was settled without it: history, and an acknowledgement still counts
        outbox.end_attempt(c, due.attempt, now=now, result=result, detail=detail)
        if result == "acknowledged":
            acknowledged(c, due, now, PRESSED, holds)
    elif result == "acknowledged":
        outbox.finish(c, due, now=now, result=result, detail=detail)
        acknowledged(c, due, now, PRESSED, holds)
    elif why := _settled(c, due):
        outbox.give_up(c, due, now=now, reason=f"{why}; the call was ended", state="cancelled", result=result)
    else:
        following = follow(due, result)
        _not_reached(c, due, now, result, detail, following)
        skipped = len(following.skipped)
    return Ended(
        incident=due.incident, request=due.request, channel=due.channel, result=result, skipped=skipped
    )


def _settled(c: sa.Connection, due: Due) -> str:
    """Say why nobody need be called about it any more; nothing while somebody must."""
    if due.request:
        return request_contacts.settled(c, due.request)
    if problem := due.payload.get("problem"):  # owed to the partner, whoever of ours has the problem
        left = not told.nothing_left(c, problem, due.partner)
        return "" if left else "their systems are well again or acknowledged"
    if not due.incident:
        return ""
    row = incidents.get(c, due.incident)
    if row.status is Status.OPEN or (BY_HAND in due.payload and row.status is not Status.RESOLVED):
        return ""
    by = f" by {row.acknowledged_by}" if row.status is Status.ACKNOWLEDGED and row.acknowledged_by else ""
    return f"the incident is {row.status}{by}"


def mailed(c: sa.Connection, due: Due, *, now: datetime, follow: Follow) -> None:
    """Record a page that went out by mail, behind which the next step waits."""
    assert follow.at is not None, "something waits behind it"
    outbox.retry_later(
        c,
        due,
        now=now,
        at=follow.at,
        reason=f"mailed to {due.recipient}",
        result="delivered",
        recipient=(follow.contact, follow.recipient),
        language=follow.language,
        waits=_why(due, follow),
    )
    escalations.skipped(c, follow.skipped, now, incident=due.incident or None, request=due.request)
    if follow.payload is not None:
        escalations.stands(c, due.id, follow.payload)


def _why(due: Due, follow: Follow) -> Waits:
    """Say what a row waits for: its next step, or the same contact again."""
    return Waits.RETRY if follow.contact == due.contact else Waits.ESCALATION_STEP


def acknowledged(
    c: sa.Connection, due: Due, now: datetime, means: Means, holds: Holds = lambda _incident: None
) -> None:
    """Let what a proven contact was about be taken by whoever was reached."""
    who = due.contact or due.recipient or "the person called"
    said = means.said.format(recipient=due.recipient, who=who)
    _tell(c, due, now, means.event, actor=who, text=said)
    if due.request:
        request_contacts.take(c, due.request, now=now, actor=who, how=f"{means.how}: {said}")
        return
    if problem := due.payload.get("problem"):  # a partner's word for their part of it, nobody else's
        told.acknowledged(c, problem, due.partner, now=now, actor=f"{who} {means.how}")
        return
    if not due.incident:  # an alarm about our own means: heard, and that is all
        return
    if due.kind == "call":
        for one in bundles.named(c, due.id):
            by_all = f"{who} {means.how}, who was told of it with {due.incident}"
            incidents.acknowledge(c, one.incident, now=now, actor=by_all, by_partner=True, owner=who)
    row = incidents.get(c, due.incident)
    if row.status is Status.RESOLVED:
        return
    if row.status is Status.OPEN and due.kind == "page" and row.needs_triage:
        incidents.confirm_triage(c, due.incident, now=now, actor=who)
        return
    by = f"{who} {means.how}"
    partner = due.kind != "page"
    incidents.acknowledge(c, due.incident, now=now, actor=by, by_partner=partner, owner=who, holds=holds)


def _not_reached(c: sa.Connection, due: Due, now: datetime, result: str, detail: str, follow: Follow) -> None:
    said = f"{due.recipient}: {result.replace('_', ' ')}" + (f" ({detail})" if detail else "")
    _tell(c, due, now, "call.not_acknowledged", text=said)
    escalations.skipped(c, follow.skipped, now, incident=due.incident or None, request=due.request)
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
            waits=_why(due, follow),
        )
        if follow.payload is not None:
            escalations.stands(c, due.id, follow.payload)
        return
    if follow.quiet:  # no failure: the others of its step, and the steps behind it, go on
        outbox.give_up(c, due, now=now, reason=said, state="cancelled", result=result)
        return
    outbox.give_up(c, due, now=now, reason=f"nobody was reached: {said}", result=result)
    if due.request:
        text, flag = "nobody could be reached by phone", "no engineer was reached about it by phone"
        request_contacts.not_made(c, due.request, due.kind, now=now, text=text, flag=flag)
    else:
        _tell(c, due, now, "contact.failed", text="nobody could be reached by phone")
        if follow.note:
            text = "We tried to reach your contacts by phone, and nobody could be reached."
            escalations.note_on_tickets(c, due.incident, due.partner, follow.note, text, now=now)
    owing.owe(c, follow.owed, now)


def _tell(c: sa.Connection, due: Due, now: datetime, kind: str, *, text: str, actor: str = "tocsin") -> None:
    """Append to the timeline of what the call was about."""
    events.record(c, due.incident or None, now, kind, actor=actor, text=text, request=due.request)


__all__ = ["Called", "Ended", "Follow", "Means", "acknowledged", "apply", "end"]
