"""``request-tracker``: tickets in Request Tracker 5 through its REST 2 interface.

    find     by our custom field, or by the tag ``[#incident]`` in the subject, never by a subject's words
    open     POST ticket, with both marks on it
    comment  correspond, which the requestor gets; on a closed ticket it would reopen it, so it is refused
    resolve  correspond with Status, one request: done twice, the second finds it closed and does nothing

Request Tracker accepts a custom field it does not know without a word and then finds nothing by it.
So the tag is always put into the subject as well, and the oldest ticket with either mark is ours.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from alerts.base import TicketRef, TicketText
from alerts.cleaning import clean, clean_lines
from alerts.outcomes import Answer, Patience, Request, basic, find, send, unreadable
from monitor.errors import DeliveryError

CLOSED = frozenset({"resolved", "rejected", "deleted"})
"""Statuses of a ticket that nobody may wake up: a new one refers to it instead."""

_LONGEST_SUBJECT = 200
_LONGEST_TEXT = 32_000
_FIELDS = "Subject,Status,CustomFields"

_MEANINGS = {
    401: "Request Tracker does not accept our token or password",
    403: "Request Tracker does not let us do this, or there is no such queue",
    404: "Request Tracker has no such ticket",
}


class RequestTracker:
    """A ``TicketDriver``. ``queues`` are by partner, ``priorities`` by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        queue: str = "General",
        queues: Mapping[str, str] | None = None,
        priorities: Mapping[str, int] | None = None,
        token: str | None = None,
        user: str | None = None,
        password: str | None = None,
        custom_field: str | None = "Tocsin incident",
        resolved_status: str = "resolved",
        patience: Patience | None = None,
        name: str = "request-tracker",
    ) -> None:
        """Keep the settings; a token, or a user with a password."""
        self._web = base_url.rstrip("/")
        self._queue = queue
        self._queues = dict(queues or {})
        self._priorities = dict(priorities or {})
        self._headers = {"Authorization": f"token {token}"} if token else basic(user or "", password or "")
        self._custom_field = custom_field
        self._resolved = resolved_status
        self._closed = CLOSED | {resolved_status}
        self._patience = patience or Patience()
        self._name = name

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest ticket that carries our mark, closed ones included, or None."""
        query = {"query": self._search(mark), "fields": _FIELDS, "orderby": "id", "order": "ASC"}
        answer = await send(self._read(f"tickets?{urlencode(query)}"), patience=self._patience)
        items = answer.document().get("items")
        if not isinstance(items, list):
            raise unreadable(answer, "is not a list of tickets")
        ours = [item for item in items if isinstance(item, dict) and self._is_ours(item, mark)]
        ours.sort(key=lambda item: _number(answer, item.get("id")))
        return self._ref(answer, ours[0]) if ours else None

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        answer = await send(self._write("POST", "ticket", self._document(ticket)), patience=self._patience)
        return self._ref(answer, {"Status": "new", **answer.document()})

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that the partner gets; DeliveryError(permanent=True) if the ticket is closed."""
        status = await self._status(reference)
        if status in self._closed:
            raise DeliveryError(
                f"ticket {reference} is {status}: a closed ticket stays closed, open a new one that refers to it",
                permanent=True,
            )
        await self._correspond(reference, {"Content": _text(text), "ContentType": "text/plain"})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and resolve it; nothing is done to a ticket that is closed already."""
        if await self._status(reference) in self._closed:
            return
        message = {"Content": _text(text), "ContentType": "text/plain", "Status": self._resolved}
        await self._correspond(reference, message)
        # A status it does not take is reported inside a 201; only the ticket itself tells the truth.
        status = await self._status(reference)
        if status not in self._closed:
            raise DeliveryError(f"ticket {reference} is still {status}, not {self._resolved}", permanent=True)

    def _search(self, mark: str) -> str:
        tagged = f"Subject LIKE {_quoted(_tag(mark))}"
        if self._custom_field is None:
            return tagged
        # In braces a name needs its brackets dropped rather than quoted: TicketSQL has no escape for them.
        field = self._custom_field.translate(str.maketrans("", "", "{}'\"\\"))
        return f"'CF.{{{field}}}' = {_quoted(mark)} OR {tagged}"

    def _is_ours(self, item: Mapping[str, Any], mark: str) -> bool:
        """Check the marks ourselves: LIKE knows wildcards and does not mind upper and lower case."""
        return _tag(mark) in str(item.get("Subject")) or mark in self._values(item)

    def _values(self, item: Mapping[str, Any]) -> list[object]:
        fields = item.get("CustomFields")
        named = [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
        return [
            value for field in named if field.get("name") == self._custom_field for value in field["values"]
        ]

    def _document(self, ticket: TicketText) -> dict[str, object]:
        tag = _tag(ticket.mark)
        document: dict[str, object] = {
            "Queue": self._queues.get(ticket.partner, self._queue),
            "Subject": f"{clean(ticket.subject, _LONGEST_SUBJECT - len(tag) - 1)} {tag}",
            "Content": _text(ticket.body),
            "ContentType": "text/plain",
        }
        if ticket.requestor:
            document["Requestor"] = clean(ticket.requestor, 254)
        if self._custom_field is not None:
            document["CustomFields"] = {self._custom_field: ticket.mark}
        if ticket.cls in self._priorities:
            document["Priority"] = self._priorities[ticket.cls]
        return document

    async def _status(self, reference: str) -> str:
        answer = await find(self._read(_path(reference)), patience=self._patience)
        if answer is None:
            raise DeliveryError(f"Request Tracker has no ticket {reference}", permanent=True)
        return str(answer.document().get("Status"))

    async def _correspond(self, reference: str, message: Mapping[str, str]) -> None:
        request = self._write("POST", f"{_path(reference)}/correspond", message)
        await send(request, patience=self._patience)

    def _ref(self, answer: Answer, item: Mapping[str, Any]) -> TicketRef:
        number = str(_number(answer, item.get("id")))
        status = clean(str(item.get("Status")), 40)
        return TicketRef(
            reference=number,
            status=status,
            url=f"{self._web}/Ticket/Display.html?id={number}",
            closed=status in self._closed,
        )

    def _read(self, path: str) -> Request:
        return Request(
            method="GET", url=self._url(path), headers=self._headers, safe=True, meanings=_MEANINGS
        )

    def _write(self, method: str, path: str, document: object) -> Request:
        return Request(
            method=method, url=self._url(path), headers=self._headers, document=document, meanings=_MEANINGS
        )

    def _url(self, path: str) -> str:
        return f"{self._web}/REST/2.0/{path}"


def _tag(mark: str) -> str:
    return f"[#{mark}]"


def _quoted(text: str) -> str:
    """Quote a value for TicketSQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _text(text: str) -> str:
    return clean_lines(text, _LONGEST_TEXT)


def _path(reference: str) -> str:
    """Return a ticket's path; a reference that is no number is not one of Request Tracker's."""
    if not (reference.isascii() and reference.isdigit()):
        raise DeliveryError(f"{clean(reference, 40)!r} is not a ticket number", permanent=True)
    return f"ticket/{reference}"


def _number(answer: Answer, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise unreadable(answer, "names no ticket")
    return int(text)
