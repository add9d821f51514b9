"""``webhook``: tickets in a system of your own, through one address and signed messages both ways.

    find     GET ?mark=…        open      POST ticket.open      its webhook-id is our mark
    read     GET ?reference=…   comment   POST ticket.comment   its webhook-id is the note's mark
    changed  GET ?since=…       resolve   POST ticket.resolve
    check    GET ?queue=…       attach    POST ticket.attach

A receiver that only takes messages (``reads: false``) is never asked; it must answer a ``webhook-id`` that it has
seen as it did the first time. docs/channels/webhook.md has the whole protocol and a receiver that is run by the tests.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from yarl import URL

from alerts import signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import mark_in, recognised
from alerts.outcomes import Answer, Patience, Request, find, send, unreadable
from monitor.errors import DeliveryError

_LONGEST_SUBJECT, _LONGEST_TEXT, _LONGEST_REFERENCE = 300, 100_000, 200
_LAG, _NOT_US = timedelta(minutes=1), frozenset({401, 403})
_MEANINGS = {
    401: "the receiver does not accept our signature",
    403: "the receiver does not let us do this",
    404: "the receiver has no such ticket",
    410: "the ticket is closed: a closed ticket stays closed",
}


class Webhook:
    """A ``SyncedTickets``. ``queues`` are by partner, ``priorities`` by class of service; both are words of the receiver."""

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        queue: str | None = None,
        queues: Mapping[str, str] | None = None,
        priorities: Mapping[str, str] | None = None,
        reads: bool = True,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "webhook",
    ) -> None:
        """Keep the settings; the secret signs what we send and what we are sent."""
        self._url, self._secret, self._reads = url, secret, reads
        self._queue, self._queues, self._priorities = queue, dict(queues or {}), dict(priorities or {})
        self._clock, self._patience, self._name = clock, patience or Patience(), name

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest ticket that carries our mark, or None; a receiver that is not asked knows by the mark itself."""
        if not self._reads:
            return None
        answer = await self._ask(("mark", mark))
        found = [] if answer is None else http.items(answer, answer.document().get("tickets"))
        ours = [one for one in found if one.get("mark") == mark]
        return _ref(answer, ours[0]) if answer and ours else None

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        document = {
            "mark": ticket.mark,
            "queue": self._queues.get(ticket.partner, self._queue),
            "priority": self._priorities.get(ticket.cls),
            "partner": ticket.partner,
            "system": ticket.system,
            "class": ticket.cls,
            "requestor": ticket.requestor,
            "language": ticket.language,
            "subject": clean(ticket.subject, _LONGEST_SUBJECT),
            "body": http.fit(ticket.body, _LONGEST_TEXT),
            "follows": ticket.follows,
        }
        try:
            answer = await self._post("ticket.open", http.fitted(ticket.mark, 200), document)
        except DeliveryError as error:
            if error.permanent and "unknown_queue" in str(error):
                raise http.not_set_up(f"the receiver has no queue {document['queue']!r}: {error}") from error
            raise
        return _ref(answer, answer.document())

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that the partner sees; a closed ticket takes none."""
        await self._now(reference, open_=True)
        said = http.fit(text, _LONGEST_TEXT)
        await self._post(
            "ticket.comment", _id(mark_in(text), reference, said), {"reference": reference, "text": said}
        )

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and close it; nothing is done to a ticket that is closed already."""
        now = await self._now(reference)
        if now.closed:
            return
        said = http.fit(text, _LONGEST_TEXT)
        id_ = _id(mark_in(text), reference, f"resolve {said}")
        answer = await self._post("ticket.resolve", id_, {"reference": reference, "text": said})
        if http.part(answer.document(), "closed") is False:
            raise DeliveryError(
                f"ticket {reference} is still open: the receiver did not close it", permanent=True
            )

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file; one of the same name and size that is there already is not added again."""
        await self._now(reference, open_=True)
        name, size = http.file_name(file), len(file.content)
        document = {
            "reference": reference,
            "name": name,
            "media_type": http.media_type(file),
            "size": size,
            "content": base64.b64encode(file.content).decode("ascii"),
        }
        await self._post("ticket.attach", _id(None, reference, f"{name} {size}"), document)

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands, or None: it is gone. Of a receiver that is not asked: open, and nothing said."""
        if not self._reads:
            return TicketNow(reference=_known(reference), status="open", closed=False)
        answer = await self._ask(("reference", _known(reference)))
        if answer is None:
            return None
        found = answer.document()
        ref = _ref(answer, found)
        notes = http.items(answer, found.get("notes") or [])
        return TicketNow(
            reference=reference,
            status=ref.status,
            closed=ref.closed,
            version=str(found.get("version") or "") or None,
            notes=recognised(_note(note) for note in notes),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which tickets changed since then; a receiver that is not asked tells nothing."""
        if not self._reads:
            return ()
        answer = await self._ask(("since", (since - _LAG).astimezone(UTC).isoformat()))
        found = None if answer is None else answer.document().get("references")
        return tuple(str(one) for one in found) if isinstance(found, list) else None

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check the signature and return the ticket that the message names."""
        signatures.verify_standard(self._secret, headers, body, now=self._clock())
        reference = http.part(signatures.message(body), "reference")
        return (str(reference),) if reference and len(str(reference)) <= _LONGEST_REFERENCE else ()

    async def check(self) -> tuple[str, ...]:
        """Ask the receiver whether it takes our signature and has our queues; one that only takes messages is not asked."""
        if not self._reads:
            return ("the receiver only takes messages (reads: false), so nothing was asked",)
        queues = list(dict.fromkeys(filter(None, (self._queue, *self._queues.values()))))
        answer = await self._ask(*(("queue", queue) for queue in queues), ("check", "1"))
        if answer is None:
            raise http.not_set_up("the receiver is not at this address")
        known = answer.document().get("queues")
        for queue in queues:
            if not isinstance(known, list) or queue not in known:
                raise http.not_set_up(f"the receiver has no queue {queue!r}")
        return ("the receiver accepts our signature", *(f"queue {queue} is there" for queue in queues))

    async def _now(self, reference: str, *, open_: bool = False) -> TicketNow:
        now = await self.read(reference)
        if now is None:
            raise http.gone_error("the receiver", reference)
        if open_:
            http.must_be_open(TicketRef(reference=reference, status=now.status, closed=now.closed))
        return now

    async def _ask(self, *query: tuple[str, str]) -> Answer | None:
        """Ask; None for 404, unless the address itself leads nowhere. Signed is the query as it goes over the wire."""
        asked = URL(f"{self._url}?{urlencode(query)}").raw_query_string
        answer = await find(
            self._request("GET", self._signed(asked.encode(), None), query=asked), patience=self._patience
        )
        if answer is None and ("check", "1") not in query and await self._ask(("check", "1")) is None:
            raise http.not_set_up("the receiver is not at this address")
        return answer

    async def _post(self, kind: str, id_: str, document: Mapping[str, object]) -> Answer:
        body = json.dumps({"type": kind, **document}, ensure_ascii=False).encode()
        return await send(
            self._request("POST", self._signed(body, id_), content=body), patience=self._patience
        )

    def _signed(self, body: bytes, id_: str | None) -> dict[str, str]:
        id_ = id_ or f"ask-{hashlib.sha256(body).hexdigest()[:32]}"
        headers = signatures.signed(self._secret, id_=id_, at=self._clock(), body=body)
        return {**headers, "Content-Type": "application/json"}

    def _request(
        self, method: str, headers: Mapping[str, str], *, query: str = "", content: bytes | None = None
    ) -> Request:
        return Request(
            method=method,
            url=f"{self._url}?{query}" if query else self._url,
            headers=headers,
            content=content,
            safe=method == "GET",
            meanings=_MEANINGS,
            refusals=_NOT_US,
        )


def _id(mark: str | None, reference: str, said: str) -> str:
    """Return an id that is the same whenever the same is sent again."""
    return mark or f"sha256-{hashlib.sha256(f'{reference} {said}'.encode()).hexdigest()[:40]}"


def _known(reference: str) -> str:
    if not reference or len(reference) > _LONGEST_REFERENCE:
        raise DeliveryError(f"{clean(reference, 40)!r} is not a ticket's reference", permanent=True)
    return reference


def _ref(answer: Answer, found: object) -> TicketRef:
    reference = str(http.part(found, "reference") or "")
    if not 0 < len(reference) <= _LONGEST_REFERENCE:
        raise unreadable(answer, "names no ticket")
    url, status = http.part(found, "url"), clean(str(http.part(found, "status") or "open"), 40)
    shown = url if isinstance(url, str) and url.startswith(("https://", "http://")) else None
    return TicketRef(reference=reference, status=status, url=shown, closed=bool(http.part(found, "closed")))


def _note(note: Mapping[str, Any]) -> TicketNote:
    return TicketNote(
        id=str(note.get("id")),
        author=clean(str(note.get("author") or ""), 100),
        text=str(note.get("text") or "").replace("\r\n", "\n"),
        public=note.get("public") is not False,
        at=http.moment(note.get("at")),
    )
