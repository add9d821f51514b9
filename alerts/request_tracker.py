"""``request-tracker``: tickets in Request Tracker 5 through its REST 2 interface.

    find     by our custom field, or by the tag ``[#incident]`` in the subject, never by a subject's words
    open     POST ticket, with both marks on it
    comment  correspond, which the requestor gets; on a closed ticket it would reopen it, so it is refused
    resolve  correspond, then PUT Status under the ETag: changed by somebody meanwhile, it is looked at anew
    read     the ticket, and what was written in it (``request_tracker_notes``)
    changed  TicketSQL by ``LastUpdated``, as an age: an instant would be taken for the zone of whoever asks

Request Tracker accepts a custom field it does not know without a word and then finds nothing by it.
So the tag is always put into the subject as well, and the oldest ticket with either mark is ours. Its ETag is the
ticket's last transaction. A merged ticket answers as the one it was merged into; its own number is gone.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import quote, urlencode

from alerts import signatures
from alerts.base import Attachment, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import marked
from alerts.outcomes import MOVED, Answer, Patience, Request, basic, find, send, unreadable
from alerts.request_tracker_notes import items, notes_of, parts_of_ticket
from alerts.ticketing_http import file_name, fit, is_tagged, media_type, not_set_up, part, tagged
from monitor.errors import DeliveryError

CLOSED = frozenset({"resolved", "rejected", "deleted"})
"""Statuses of a ticket that nobody may wake up: a new one refers to it instead."""

OVERLAP = timedelta(minutes=2)
"""How much further back is asked than need be: a slow transaction is dated before it can be seen."""

SIGNATURE = "x-tocsin-signature"
"""The header of what a scrip sends us: ``sha256=`` and the HMAC of the body under the shared key, in hexadecimal."""

_LONGEST_SUBJECT = 200
_LONGEST_TEXT = 32_000
_FIELDS = "Subject,Status,CustomFields"
_PAGES = 50
_PER_PAGE = 100
_DIGITS = 15

_MEANINGS = {
    401: "Request Tracker does not accept our token or password",
    403: "Request Tracker does not let us do this, or there is no such queue",
    404: "Request Tracker has no such ticket, or is not at this address",
    412: "somebody changed the ticket meanwhile",
}
_REFUSALS = frozenset({401}) | MOVED
"""What refuses us whatever we ask; 403 on one ticket (it was moved to a queue that is not ours) is that one's trouble."""
_NOWHERE = _REFUSALS | {403, 404}
_CHANGED = frozenset({412})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A ticket as one question told of it."""

    status: str
    version: str | None


class RequestTracker:
    """A ``SyncedTickets``. ``queues`` are by partner, ``priorities`` by class of service."""

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
        webhook_secret: str | None = None,
        clock: Callable[[], datetime] | None = None,
        patience: Patience | None = None,
        name: str = "request-tracker",
    ) -> None:
        """Keep the settings: a token, or a user with a password; the key that signs what a scrip sends us."""
        self._web = base_url.rstrip("/")
        self._queue = queue
        self._queues = dict(queues or {})
        self._priorities = dict(priorities or {})
        self._headers = {"Authorization": f"token {token}"} if token else basic(user or "", password or "")
        self._custom_field = custom_field
        self._resolved = resolved_status
        self._closed = CLOSED | {resolved_status}
        self._secret = webhook_secret
        self._clock = clock
        self._patience = patience or Patience()
        self._name = name

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest ticket that carries our mark, closed ones included, or None."""
        query = {"query": self._search(mark), "fields": _FIELDS, "orderby": "id", "order": "ASC"}
        answer = await self._ask(f"tickets?{urlencode(query)}")
        ours = [item for item in items(answer) if self._is_ours(item, mark)]
        ours.sort(key=lambda item: _number(answer, item.get("id")))
        return self._ref(answer, ours[0]) if ours else None

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        request = self._write("POST", "ticket", self._document(ticket))
        if ticket.partner in self._queues:  # a wrong queue of one partner's must not hold up the others'
            request = replace(request, refusals=_REFUSALS | {404}, again=_CHANGED | {403})
        else:
            request = replace(request, refusals=_NOWHERE)
        answer = await send(request, patience=self._patience)
        return self._ref(answer, {"Status": "new", **answer.document()})

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that the partner gets; DeliveryError(permanent=True) if the ticket is closed."""
        await self._open_still(reference)
        await self._correspond(reference, {"Content": _text(text), "ContentType": "text/plain"})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and resolve it, unless somebody changes it at that moment; a closed one stays as it is."""
        standing = await self._must_stand(reference)
        if standing.status in self._closed:
            return
        if text.strip():
            await self._correspond(reference, {"Content": _text(text), "ContentType": "text/plain"})
            standing = await self._must_stand(reference)
        if standing.status not in self._closed:
            await self._close(reference, standing.version)

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file, with a note that the partner gets; the same name and size is not added twice."""
        await self._open_still(reference)
        name = file_name(file)
        if (name, len(file.content)) in await parts_of_ticket(self._ask, int(reference)):
            return
        document = {
            "Content": marked(name, file.mark) if file.mark else name,
            "ContentType": "text/plain",
            "Attachments": [
                {
                    "FileName": name,
                    "FileType": media_type(file),
                    "FileContent": base64.b64encode(file.content).decode("ascii"),
                }
            ],
        }
        await self._correspond(reference, document)

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands; None when it was deleted, merged into another, or never was."""
        standing = await self._stands(reference)
        if standing is None:
            return None
        return TicketNow(
            reference=reference,
            status=clean(standing.status, 40),
            closed=standing.status in self._closed,
            version=standing.version,
            notes=await notes_of(self._ask, int(reference)),
            url=self._display(reference),
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which tickets of ours changed since then; None when they are too many to be told, or we have no clock."""
        if self._clock is None:
            return None
        age = max(ceil((self._clock() - since + OVERLAP).total_seconds()), 1)
        query = f"LastUpdated > '{age} seconds ago' AND ({self._any_of_ours()})"
        asked = {"query": query, "orderby": "id", "order": "ASC", "per_page": _PER_PAGE}
        found: list[str] = []
        for page in range(1, _PAGES + 1):
            answer = await self._ask(f"tickets?{urlencode({**asked, 'page': page})}")
            of_page = items(answer)
            found.extend(str(_number(answer, item.get("id"))) for item in of_page)
            if len(of_page) < _PER_PAGE:
                return tuple(dict.fromkeys(found))
        return None

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check the signature of what a scrip sent (docs/channels/request-tracker.md) and return the ticket it speaks of."""
        if self._secret is None:
            raise PermissionError("no key is configured (tickets.request_tracker.webhook_secret)")
        right = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        if not signatures.same(headers.get(SIGNATURE, ""), f"sha256={right}"):
            raise PermissionError("the signature is not ours")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return ()
        number = str(said.get("ticket", "")) if isinstance(said, dict) else ""
        return (number,) if _is_number(number) else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our key is taken and our queues are there."""
        version = part((await self._ask("rt")).json(), "Version")
        told = [f"Request Tracker {clean(str(version), 20)} accepts our token or password"]
        for queue in dict.fromkeys((self._queue, *self._queues.values())):
            answer = await find(self._get(f"queue/{quote(queue, safe='')}"), patience=self._patience)
            if answer is None or part(answer.json(), "Name") is None:
                raise not_set_up(f"Request Tracker has no queue {queue!r}, or does not show it to us")
            told.append(f"queue {queue} is there")
        return tuple(told)

    def _search(self, mark: str) -> str:
        tagged = f"Subject LIKE {_quoted(_tag(mark))}"
        if self._custom_field is None:
            return tagged
        return f"{self._field()} = {_quoted(mark)} OR {tagged}"

    def _field(self) -> str:
        # In braces a name needs its brackets dropped rather than quoted: TicketSQL has no escape for them.
        field = (self._custom_field or "").translate(str.maketrans("", "", "{}'\"\\"))
        return f"'CF.{{{field}}}'"

    def _any_of_ours(self) -> str:
        """Return what finds every ticket that may be ours; which ones are is known to whoever asks."""
        tagged = "Subject LIKE '[#'"
        return tagged if self._custom_field is None else f"{self._field()} IS NOT NULL OR {tagged}"

    def _is_ours(self, item: Mapping[str, Any], mark: str) -> bool:
        """Check the marks ourselves: LIKE knows wildcards and does not mind upper and lower case."""
        return is_tagged(item.get("Subject"), mark) or mark in self._values(item)

    def _values(self, item: Mapping[str, Any]) -> list[object]:
        fields = item.get("CustomFields")
        named = [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
        return [
            value for field in named if field.get("name") == self._custom_field for value in field["values"]
        ]

    def _document(self, ticket: TicketText) -> dict[str, object]:
        document: dict[str, object] = {
            "Queue": self._queues.get(ticket.partner, self._queue),
            "Subject": tagged(ticket.subject, ticket.mark, _LONGEST_SUBJECT),
            "Content": _text(ticket.body),
            "ContentType": "text/plain",
        }
        if ticket.requestor:
            document["Requestor"] = clean(ticket.requestor, 254)
        if self._custom_field is not None:
            document["CustomFields"] = {self._custom_field: ticket.mark}
        if ticket.follows and _is_number(ticket.follows):
            document["RefersTo"] = ticket.follows
        if ticket.cls in self._priorities:
            document["Priority"] = self._priorities[ticket.cls]
        return document

    async def _stands(self, reference: str) -> _Standing | None:
        """Return a ticket, or None: there is none of that number any more, or it answers as another."""
        answer = await find(self._get(_path(reference)), patience=self._patience)
        if answer is None:
            await self._ask("rt")  # an address that leads nowhere has no tickets either: that is not "gone"
            return None
        found = answer.document()
        status = str(found.get("Status"))
        if status == "deleted" or _number(answer, found.get("id")) != int(reference):
            return None
        return _Standing(status=status, version=answer.headers.get("Etag"))

    async def _must_stand(self, reference: str) -> _Standing:
        standing = await self._stands(reference)
        if standing is None:
            said = f"ticket {reference} is not there any more: it was deleted or merged into another"
            raise DeliveryError(said, permanent=True)
        return standing

    async def _open_still(self, reference: str) -> None:
        standing = await self._must_stand(reference)
        if standing.status in self._closed:
            raise DeliveryError(
                f"ticket {reference} is {standing.status}: a closed ticket stays closed, open a new one that refers to it",
                permanent=True,
            )

    async def _close(self, reference: str, version: str | None) -> None:
        headers = {"If-Match": version} if version else {}
        request = self._write("PUT", _path(reference), {"Status": self._resolved}, headers)
        await send(request, patience=self._patience)
        # A status it does not take is reported inside a 200; only the ticket itself tells the truth.
        standing = await self._must_stand(reference)
        if standing.status not in self._closed:
            said = f"ticket {reference} is still {standing.status}, not {self._resolved}"
            raise DeliveryError(said, permanent=True)

    async def _correspond(self, reference: str, message: Mapping[str, object]) -> None:
        request = self._write("POST", f"{_path(reference)}/correspond", message)
        await send(request, patience=self._patience)

    async def _ask(self, path: str, document: object = None) -> Answer:
        """Ask something that changes nothing; a question that does not fit into an address is posted."""
        method = "GET" if document is None else "POST"
        request = replace(self._request(method, path, document, safe=True), refusals=_NOWHERE)
        return await send(request, patience=self._patience)

    def _ref(self, answer: Answer, item: Mapping[str, Any]) -> TicketRef:
        number = str(_number(answer, item.get("id")))
        status = clean(str(item.get("Status")), 40)
        closed = status in self._closed
        return TicketRef(reference=number, status=status, url=self._display(number), closed=closed)

    def _display(self, number: str) -> str:
        return f"{self._web}/Ticket/Display.html?id={number}"

    def _get(self, path: str) -> Request:
        return self._request("GET", path, None, safe=True)

    def _write(
        self, method: str, path: str, document: object, headers: Mapping[str, str] | None = None
    ) -> Request:
        return self._request(method, path, document, headers=headers)

    def _request(
        self,
        method: str,
        path: str,
        document: object,
        *,
        safe: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        return Request(
            method=method,
            url=f"{self._web}/REST/2.0/{path}",
            headers={**self._headers, **(headers or {})},
            document=document,
            safe=safe,
            meanings=_MEANINGS,
            refusals=_REFUSALS,
            again=_CHANGED,
        )


def _tag(mark: str) -> str:
    return f"[#{mark}]"


def _quoted(text: str) -> str:
    """Quote a value for TicketSQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _text(text: str) -> str:
    return fit(text, _LONGEST_TEXT)


def _path(reference: str) -> str:
    """Return a ticket's path; a reference that is no number is not one of Request Tracker's."""
    if not _is_number(reference):
        raise DeliveryError(f"{clean(reference, 40)!r} is not a ticket number", permanent=True)
    return f"ticket/{reference}"


def _is_number(reference: str) -> bool:
    return reference.isascii() and reference.isdigit() and len(reference) <= _DIGITS


def _number(answer: Answer, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise unreadable(answer, "names no ticket")
    return int(text)
