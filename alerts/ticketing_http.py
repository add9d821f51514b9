"""What the drivers of ticket systems over HTTP share: one interface to ask, our mark in a subject, texts that fit.

Nothing here knows a particular system. What became of a request is decided in ``alerts.outcomes``.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.base import Attachment, TicketRef
from alerts.cleaning import clean, clean_lines
from alerts.marks import mark_in, without_mark
from alerts.outcomes import MOVED, Answer, Patience, Request, find, send, unreadable
from monitor.errors import DeliveryError

MOST_PAGES = 20
"""Pages of an answer that we are ready to turn; a search of ours that fills more is not by our mark."""

PAGE = 100
"""How many of a list are asked for at once."""

_NOT_US = frozenset({401, 403}) | MOVED
_NOWHERE = frozenset({404})
_LONGEST_NAME = 100
_PLAIN = re.compile(r"[A-Za-z0-9._:@-]+")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)

Query = Sequence[tuple[str, str]]


class Api:
    """A ticket system's interface: where it is, who we are there, what its refusals mean."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        meanings: Mapping[int, str],
        home: str,
        again: frozenset[int] = frozenset(),
        patience: Patience | None = None,
    ) -> None:
        """Keep them; ``url`` is what paths are appended to, ``home`` a path that is there for whoever has a key.

        ``again``: statuses that mean "not now", and nothing was done.
        """
        self.url = url.rstrip("/")
        self._headers = dict(headers)
        self._meanings = dict(meanings)
        self._home, self._again = home, again
        self._patience = patience or Patience()

    async def get(self, path: str, query: Query = ()) -> Answer:
        """Ask for something that is always there: if it is not, the address is wrong, and that is no one ticket's fault."""
        return await send(self._reading(path, query, also=_NOWHERE), patience=self._patience)

    async def find(self, path: str, query: Query = ()) -> Answer | None:
        """Ask for something that may not be there. An address that leads nowhere has no tickets: that is not "gone"."""
        answer = await find(self._reading(path, query), patience=self._patience)
        if answer is None:
            await self.get(self._home)
        return answer

    async def every(
        self, path: str, query: Query, *, of: str | None, turn: Callable[[int], Query], size: int = PAGE
    ) -> list[dict[str, Any]]:
        """Return the objects in a list, page by page: ``of`` is the list's name in an answer, ``turn`` asks for a page (0, 1 …)."""
        found: list[dict[str, Any]] = []
        for page in range(MOST_PAGES):
            answer = await self.get(path, [*query, *turn(page)])
            listed = items(answer, answer.json() if of is None else part(answer.json(), *of.split(".")))
            found += listed
            if len(listed) < size:
                break
        return found

    async def ask(self, path: str, document: object) -> Answer:
        """Ask with a document, which changes nothing."""
        return await send(self._request("POST", path, document=document, safe=True), patience=self._patience)

    async def write(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Query = (),
        content: bytes | None = None,
    ) -> Answer:
        """Change something."""
        request = self._request(
            method, path, document=document, content=content, query=query, headers=headers or {}
        )
        return await send(request, patience=self._patience)

    def _reading(self, path: str, query: Query, also: frozenset[int] = frozenset()) -> Request:
        return self._request("GET", path, query=query, safe=True, refusals=_NOT_US | also)

    def _request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **parts: Any
    ) -> Request:
        return Request(
            method=method,
            url=f"{self.url}/{path}",
            headers={**self._headers, **(headers or {})},
            meanings=self._meanings,
            again=self._again,
            **{"refusals": _NOT_US, **parts},
        )


class HttpTickets:
    """What every driver here has: its interface, its name, the secret of its webhooks and the hour."""

    def __init__(
        self, api: Api, *, name: str, clock: Callable[[], datetime], webhook_secret: str | None
    ) -> None:
        """Keep them."""
        self._api, self._name, self._clock, self._secret = api, name, clock, webhook_secret

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name


# our mark in a ticket ----------------------------------------------------------------------------------


def tagged(subject: str, mark: str, longest: int) -> str:
    """Return a subject of at most ``longest`` characters that ends with our mark."""
    tag = f"[#{mark}]"
    return f"{clean(subject, max(longest - len(tag) - 1, 1))} {tag}"


def is_tagged(subject: object, mark: str) -> bool:
    """Tell whether a subject ends with our mark; one inside it is somebody's words about another ticket."""
    return isinstance(subject, str) and subject.rstrip().endswith(f"[#{mark}]")


def fitted(mark: str, longest: int) -> str:
    """Return a mark that fits where the far end keeps it; one too long or too odd is told by its digest."""
    if len(mark) <= longest and _PLAIN.fullmatch(mark):
        return mark
    return f"sha256-{hashlib.sha256(mark.encode()).hexdigest()[: longest - 7]}"


def fit(said: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters; our mark at its end outlives every cut."""
    whole = clean_lines(said, max(longest, len(said)))
    if len(whole) <= longest:
        return whole
    mark = mark_in(whole)
    if mark is None:
        return clean_lines(whole, longest)
    last = whole.rstrip().rpartition("\n")[2]
    return f"{clean_lines(without_mark(whole), longest - len(last) - 2)}\n\n{last}"


def file_name(file: Attachment) -> str:
    """Return a file's name without what no system takes in one."""
    name = clean(file.name, _LONGEST_NAME).translate(str.maketrans("/\\?%*:|\"'<>", "_" * 11))
    return name.lstrip(".") or "file"


def media_type(file: Attachment) -> str:
    """Return a file's type, if it is one."""
    return file.media_type if _MEDIA_TYPE.fullmatch(file.media_type) else "application/octet-stream"


def has(files: object, name: str, size: str, file: Attachment) -> bool:
    """Tell whether one of the same name and size is among a ticket's files; ``name`` and ``size`` are their keys."""
    wanted = (file_name(file), str(len(file.content)))
    return any(
        (part(one, name), str(part(one, size))) == wanted
        for one in (files if isinstance(files, list) else ())
    )


def multipart(file: Attachment) -> tuple[str, bytes]:
    """Return a form with one file, and its type; the boundary stands nowhere in the file."""
    boundary = f"tocsin-{hashlib.sha256(file.content).hexdigest()[:40]}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name(file)}"\r\n'
        f"Content-Type: {media_type(file)}\r\n\r\n"
    )
    whole = head.encode() + file.content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", whole


# what a far end says -----------------------------------------------------------------------------------


def items(answer: Answer, found: object) -> list[dict[str, Any]]:
    """Return the objects in a list that an answer must have."""
    if not isinstance(found, list):
        raise unreadable(answer, "has no list where one belongs")
    return [item for item in found if isinstance(item, dict)]


def part(found: object, *names: str) -> Any:
    """Return what stands at a path in an answer, or None."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def within(answer: Answer, name: str) -> dict[str, Any]:
    """Return the object of this name, which an answer must have."""
    found = answer.document().get(name)
    if not isinstance(found, dict):
        raise unreadable(answer, f"has no {name}")
    return found


def number(answer: Answer | None, value: object) -> str:
    """Return a ticket's number, which an answer (None: to a mere question) must have."""
    said = str(value)
    if said.isascii() and said.isdigit():
        return said
    if answer is not None:
        raise unreadable(answer, "names no ticket")
    raise DeliveryError(f"the answer names no ticket: {clean(said, 40)!r}")


def digits(reference: str) -> str:
    """Return a reference that is a number; another is none of this system's."""
    if not (reference.isascii() and reference.isdigit()):
        raise DeliveryError(f"{clean(reference, 40)!r} is not a ticket number", permanent=True)
    return reference


def moment(value: object) -> datetime | None:
    """Read an instant with its zone, or None."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


# what is refused before anything is sent ----------------------------------------------------------------


def must_be_open(ticket: TicketRef) -> None:
    """Refuse what would go to a closed ticket, which nothing may wake up."""
    if ticket.closed:
        told = f"ticket {ticket.reference} is {ticket.status}: a closed ticket stays closed"
        raise DeliveryError(f"{told}, open a new one that refers to it", permanent=True)


def gone_error(system: str, reference: str) -> DeliveryError:
    """Say that there is no such ticket."""
    return DeliveryError(f"{system} has no ticket {reference}", permanent=True)


def not_set_up(what: str) -> DeliveryError:
    """Say what is wrong with the configuration, here or there: our contacts wait until it is mended."""
    return DeliveryError(what, refused=True)
