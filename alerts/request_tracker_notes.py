"""What was written in a ticket of Request Tracker, read in as few questions as it takes.

    transactions   the newest correspondence and comments, one question
    attachments    what parts they have and how long these are, one question for all
    contents       of the part that a reader sees, in portions that an answer can hold

Its own web pages write HTML, mails bring both; the plain part is taken where there is one. A part that is too
long is not fetched: people read it where it is.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from alerts.base import TicketNote
from alerts.cleaning import clean, clean_lines
from alerts.marks import mark_in, recognised
from alerts.outcomes import Answer, unreadable
from monitor.domain.markup import plain_text

MOST_NOTES = 100
LONGEST_PART = 64 * 1024
LONGEST_NOTE = 32_000
_PORTION = 256 * 1024
_PAGES = 10
_BY_NAME = "Name,RealName"

Ask = Callable[[str, object], Awaitable[Answer]]
"""Asks the REST interface: a path with its query, and a JSON document (None: GET)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    id: str
    transaction: str
    media_type: str
    name: str
    length: int

    @property
    def readable(self) -> bool:
        return not self.name and self.media_type in ("text/plain", "text/html")


async def notes_of(ask: Ask, number: int) -> tuple[TicketNote, ...]:
    """Return the newest notes of a ticket, the oldest first."""
    query = f"TicketId = {number} AND (Type = 'Correspond' OR Type = 'Comment')"
    fields = {"fields": "Type,Creator,Created", "fields[Creator]": _BY_NAME}
    newest = {"query": query, **fields, "orderby": "id", "order": "DESC", "per_page": MOST_NOTES}
    answer = await ask(f"transactions?{urlencode(newest)}", None)
    said = list(reversed(items(answer)))
    if not said:
        return ()
    parts = await _parts(ask, [str(each.get("id")) for each in said])
    chosen = {transaction: _seen(of) for transaction, of in parts.items()}
    contents = await _contents(ask, [part for part in chosen.values() if part])
    notes = (_note(each, parts.get(str(each.get("id")), []), chosen, contents) for each in said)
    return recognised(notes)


def items(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the list that an answer holds."""
    found = answer.document().get("items")
    if not isinstance(found, list):
        raise unreadable(answer, "is not a list")
    return [item for item in found if isinstance(item, dict)]


async def parts_of_ticket(ask: Ask, number: int) -> list[tuple[str, int]]:
    """Return the name and length of every file on a ticket."""
    path = f"ticket/{number}/attachments"
    found = [
        part async for part in _paged(ask, path, "Filename,ContentType,TransactionId,ContentLength", None)
    ]
    return [(part.name, part.length) for part in found if part.name]


async def _parts(ask: Ask, transactions: list[str]) -> Mapping[str, list[_Part]]:
    among = [{"field": "TransactionId", "operator": "IN", "value": transactions}]
    found: dict[str, list[_Part]] = {}
    fields = "Filename,ContentType,TransactionId,ContentLength"
    async for part in _paged(ask, "attachments", fields, among):
        found.setdefault(part.transaction, []).append(part)
    return found


async def _paged(ask: Ask, path: str, fields: str, document: object) -> AsyncIterator[_Part]:
    for page in range(1, _PAGES + 1):
        query = {"fields": fields, "per_page": 100, "page": page, "orderby": "id"}
        answer = await ask(f"{path}?{urlencode(query)}", document)
        for item in items(answer):
            yield _part(item)
        if page >= _whole(answer.document().get("pages")):
            return


def _part(item: Mapping[str, Any]) -> _Part:
    return _Part(
        id=str(item.get("id")),
        transaction=str(item.get("TransactionId")),
        media_type=str(item.get("ContentType") or "").lower(),
        name=clean(str(item.get("Filename") or ""), 200),
        length=_whole(item.get("ContentLength")),
    )


def _seen(parts: Iterable[_Part]) -> _Part | None:
    """Return the part that a reader is shown: the plain one before the other, the first before the next."""
    readable = [part for part in parts if part.readable]
    return min(readable, key=lambda part: part.media_type != "text/plain", default=None)


async def _contents(ask: Ask, parts: Iterable[_Part]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for portion in _portions(part for part in parts if part.length <= LONGEST_PART):
        among = [{"field": "id", "operator": "IN", "value": [part.id for part in portion]}]
        query = urlencode({"fields": "Content", "per_page": 100})
        answer = await ask(f"attachments?{query}", among)
        found |= {str(item.get("id")): str(item.get("Content") or "") for item in items(answer)}
    return found


def _portions(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    portion: list[_Part] = []
    for part in parts:
        if portion and sum(each.length for each in portion) + part.length > _PORTION:
            yield portion
            portion = []
        portion.append(part)
    if portion:
        yield portion


def _note(
    said: Mapping[str, Any],
    parts: Iterable[_Part],
    chosen: Mapping[str, _Part | None],
    contents: Mapping[str, str],
) -> TicketNote:
    transaction = str(said.get("id"))
    part = chosen.get(transaction)
    text = _text(part, contents)
    files = [clean(each.name, 100) for each in parts if each.name]
    if files and not mark_in(text):
        text = f"{text}\n[files: {', '.join(files)}]".lstrip("\n")
    return TicketNote(
        id=clean(transaction, 40),
        author=_who(said.get("Creator")),
        text=text,
        public=said.get("Type") == "Correspond",
        at=moment(said.get("Created")),
    )


def _text(part: _Part | None, contents: Mapping[str, str]) -> str:
    if part is None:
        return ""
    if part.id not in contents:
        return "[too long to be shown here: read it in Request Tracker]"
    said = contents[part.id]
    return clean_lines(plain_text(said) if part.media_type == "text/html" else said, LONGEST_NOTE)


def _who(creator: object) -> str:
    if not isinstance(creator, dict):
        return "somebody"
    return clean(str(creator.get("RealName") or creator.get("Name") or creator.get("id") or ""), 100)


def moment(text: object) -> datetime | None:
    """Read an instant as Request Tracker writes it; one that is none is not known."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _whole(value: object) -> int:
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return 0
