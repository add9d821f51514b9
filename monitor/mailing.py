"""Mails as they go out: composed at sending from an incident, or as they were written with the decision.

A row of kind ``announce``, ``answer`` or ``forward`` carries its mail in its payload: ``subject``, ``body``, and where
there is one ``reply_to``, ``in_reply_to``, ``references``, ``calendar`` (iCalendar in base64) with its ``method``, and
``automatic`` (false: a person wrote it).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from alerts.base import CalendarEntry, MailText
from alerts.script import Written
from monitor.errors import DeliveryError
from monitor.storage.outbox import Due

WRITTEN = ("announce", "answer", "forward")
"""Kinds whose words were written with the decision that makes them owed."""

MISSING: Mapping[str, str] = {
    "forward": "there is no address to pass it on to: name one under forward_to",
    "answer": "there is no address to answer to",
}
"""Why a mail without an address stays here."""


def letter(due: Due, written: Written) -> MailText:
    """Return a mail about an incident or a page, to the row's recipient."""
    return MailText(
        message_id=message_id(due),
        to=due.recipient or "",
        subject=written.subject,
        body=written.body,
        language=due.language,
    )


def as_written(due: Due) -> MailText:
    """Return the mail that a row carries in its payload; DeliveryError(permanent=True) for one without words."""
    said = due.payload
    if not said.get("subject") or "body" not in said:
        raise DeliveryError(f"the {due.kind} has no subject or no body", permanent=True)
    return MailText(
        message_id=message_id(due),
        to=due.recipient or "",
        subject=str(said["subject"]),
        body=str(said["body"]),
        language=due.language,
        reply_to=said.get("reply_to"),
        in_reply_to=said.get("in_reply_to"),
        references=_ids(said.get("references")),
        calendar=_calendar(said),
        automatic=said.get("automatic", True),
    )


def flag(due: Due) -> str:
    """Say what an engineer has to do about a mail that did not arrive, if anything."""
    return "an answer did not reach who asked: phone them" if due.kind == "answer" else ""


def message_id(due: Due) -> str:
    """Return the id of a row's mail: the same for every try, so that receivers recognise a second copy."""
    return f"<{due.id}@tocsin.invalid>"


def _ids(references: str | list[str] | None) -> tuple[str, ...]:
    if not references:
        return ()
    return tuple(references.split() if isinstance(references, str) else references)


def _calendar(said: Mapping[str, Any]) -> CalendarEntry | None:
    if not said.get("calendar"):
        return None
    try:
        content = base64.b64decode(said["calendar"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise DeliveryError("the calendar entry is not base64", permanent=True) from error
    return CalendarEntry(content=content, method=str(said.get("method") or "REQUEST"))
