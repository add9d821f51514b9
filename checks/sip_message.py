"""SIP messages as a look needs them: requests written, messages read from bytes nobody vouches for.

Theory of operation (RFC 3261, section 7). A response is a status line, headers, an empty line and a body; a
request differs in its first line. :func:`parse` reads one whole response and :func:`read` either, as a UDP
datagram holds it; :class:`Framer` cuts messages out of a TCP stream by Content-Length (18.3) and hands each to
them. All bound every length, and none ever raises: what is no SIP comes back as :class:`Garbage` with the
reason in words.

Liberal in what it takes, because the far end is whatever the customer bought: folded headers (7.3.1), compact
names (7.3.3), bare LF line ends, any letter case, UTF-8 or not. Text for people (reason phrase, Server)
is stripped of control characters and cut, since pages, mails and tickets repeat it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from checks.texts import tidy

MAX_HEAD = 16 * 1024  # the status line and all headers
MAX_BODY = 64 * 1024
MAX_HEADERS = 128
MAX_TEXT = 120  # of a reason phrase or Server header shown to people

COMPACT = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "s": "subject",
    "t": "to",
    "v": "via",
}
"""The one-letter header names of section 7.3.3."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (\S{1,1000}) SIP/2\.0", re.ASCII)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_DIGITS = re.compile(r"[0-9]{1,10}")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s\"]+)", re.IGNORECASE)
_CSEQ = re.compile(r"([0-9]{1,10})\s+([A-Za-z0-9.!%*_+`'~-]+)")


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no SIP response, and why."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What requests and responses share; header names are lower case and long, values unfolded and trimmed."""

    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        return tuple(value for held, value in self.headers if held == name)

    def first(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming(Message):
    """A request of the far end: it may hang up, or ask whether we are still there."""

    method: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """A SIP response."""

    status: int
    reason: str

    @property
    def final(self) -> bool:
        """Say whether this answers the request, rather than asking for patience (1xx)."""
        return self.status >= 200  # noqa: PLR2004 - RFC 3261, section 7.2

    @property
    def branch(self) -> str:
        """Return the transaction this says it belongs to, or nothing.

        A client must drop a response with more than one Via (8.1.3.3): it was meant for somebody else.
        """
        vias = self.all("via")
        found = _BRANCH.findall(vias[0]) if len(vias) == 1 else []
        return found[0] if len(found) == 1 else ""

    @property
    def method(self) -> str:
        """Return the method of the request this answers, from CSeq."""
        match = _CSEQ.fullmatch(self.first("cseq"))
        return match[2] if match else ""

    @property
    def server(self) -> str:
        """Return what the far end says it is, fit to be shown."""
        return tidy(self.first("server") or self.first("user-agent"), MAX_TEXT)

    def __str__(self) -> str:
        """Show it as people quote it: ``503 Service Unavailable``."""
        return f"{self.status} {self.reason}".rstrip()


Header = tuple[str, str]


def written(start: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """Return a message's bytes; its length is added."""
    lines = (start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request outside of a dialog (section 8.1.1), but for what differs from one look to the next.

    ``to`` is the request's own address unless given; ``contact`` None leaves our contact out.
    """

    uri: str
    sender: str
    user_agent: str
    transport: str
    method: str = "OPTIONS"
    to: str = ""
    user: str = "tocsin"
    contact: str | None = ""

    def render(
        self,
        *,
        sent_by: str,
        branch: str,
        tag: str,
        call_id: str,
        sequence: int = 1,
        more: Iterable[Header] = (),
        body: bytes = b"",
    ) -> bytes:
        """Return the bytes to send from ``sent_by`` (host:port, IPv6 in brackets)."""
        sender = self.sender or f"sip:tocsin@{sent_by.rpartition(':')[0]}"
        own = () if self.contact is None else (("Contact", f"<{self.reached(sent_by)}>{self.contact}"),)
        headers = (
            ("Via", f"SIP/2.0/{self.transport} {sent_by};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<{sender}>;tag={tag}"),
            ("To", f"<{self.to or self.uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{sequence} {self.method}"),
            *own,
            ("Accept", "application/sdp"),
            ("User-Agent", self.user_agent),
            *more,
        )
        return written(f"{self.method} {self.uri} SIP/2.0", headers, body)

    def reached(self, sent_by: str) -> str:
        """Return the address we are reached at while the look lasts."""
        over = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"{self.uri.partition(':')[0]}:{self.user}@{sent_by}{over}"


def listed(values: Iterable[str]) -> list[str]:
    """Return the entries of a header that is a list, whether by commas or on lines of its own (7.3.1)."""
    text = ",".join(values)[:MAX_BODY]
    found, quoted, angled, start = list[str](), False, False, 0
    for at, letter in enumerate(f"{text},"):
        if letter == '"' and not angled:
            quoted = not quoted
        elif not quoted and letter in "<>":
            angled = letter == "<"
        elif letter == "," and not quoted and not angled:
            found.append(text[start:at].strip())
            start = at + 1
    return [entry for entry in found if entry]


_ADDRESS = re.compile(r"<([^<>\s]{1,500})>")


def address(value: str) -> str:
    """Return the address of a Contact or Route, or nothing: ``"Desk" <sip:a@b;lr>;q=1`` is ``sip:a@b;lr``."""
    match = _ADDRESS.search(value)
    plain = match[1] if match else value.partition(";")[0].strip()
    return plain if plain.lower().startswith(("sip:", "sips:")) and not _BLANK.search(plain) else ""


_BLANK = re.compile(r"\s")


def parse(data: bytes) -> Response | Garbage:
    """Read one whole message; never raise. Empty lines before it mean nothing (section 7.5)."""
    data = data.lstrip(b"\r\n")
    end = _HEAD_END.search(data, 0, MAX_HEAD + 4)
    if end is None:
        return Garbage("no end of the headers" if len(data) <= MAX_HEAD else "headers without end")
    head = _head(data[: end.start()])
    return head if isinstance(head, Garbage) else _with_body(head, data[end.end() :])


def read(data: bytes) -> Response | Incoming | Garbage:
    """Read one whole message of either kind; never raise."""
    data = data.lstrip(b"\r\n")
    if _is_response(data):
        return parse(data)
    line, _, _ = data[:MAX_HEAD].partition(b"\n")
    match = _REQUEST_LINE.fullmatch(line.decode("utf-8", "replace").rstrip())
    message = parse(_as_response(data)) if match else Garbage("no SIP status line")
    if match is None or isinstance(message, Garbage):
        return message
    return Incoming(method=match[1], uri=match[2], headers=message.headers, body=message.body)


def _head(data: bytes) -> Response | Garbage:
    text = _FOLD.sub(" ", data.decode("utf-8", "replace"))
    status, *lines = _LINE_END.split(text)
    match = _STATUS_LINE.fullmatch(status)
    if match is None:
        return Garbage("no SIP status line")
    if len(lines) > MAX_HEADERS:
        return Garbage("too many headers")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _NAME.fullmatch(name):
            return Garbage("a header line without a name")
        headers.append((COMPACT.get(name.lower(), name.lower()), value.strip()))
    return Response(status=int(match[1]), reason=tidy(match[2] or "", MAX_TEXT), headers=tuple(headers))


def _with_body(head: Response, rest: bytes) -> Response | Garbage:
    length = _content_length(head)
    if isinstance(length, Garbage):
        return length
    if length is not None and length > len(rest):
        return Garbage("shorter than its Content-Length")  # must be dropped: section 18.3
    body = rest[: MAX_BODY if length is None else length]
    return Response(status=head.status, reason=head.reason, headers=head.headers, body=body)


def _content_length(head: Response) -> int | Garbage | None:
    values = set(head.all("content-length"))
    if not values:
        return None
    value = values.pop()
    if values or not _DIGITS.fullmatch(value):
        return Garbage("a Content-Length that is no number")
    return int(value) if int(value) <= MAX_BODY else Garbage("a body too large")


class Framer:
    """Cuts a byte stream into messages; after the first garbage it stays silent, as framing is lost.

    Requests and keep-alive empty lines from the far end are framed too, and come out as ``None``: they are
    SIP, but no answer to anything. With ``requests`` they come out as they are.
    """

    def __init__(self, *, requests: bool = False) -> None:
        self._requests = requests
        self._held = bytearray()
        self._need = (
            0  # bytes of the first message, once known: a drip-feeding peer must not cost us a parse a byte
        )
        self._lost = False

    def feed(self, data: bytes) -> list[Response | Incoming | Garbage | None]:
        """Take what arrived and return the messages it completed."""
        if self._lost:
            return []
        self._held += data
        cut: list[Response | Incoming | Garbage | None] = []
        while len(self._held) > self._need and not self._lost:
            size = self._size()
            if size is None:
                break
            cut.append(size if isinstance(size, Garbage) else self._take(size))
            self._lost = isinstance(cut[-1], Garbage)
        return cut

    def _size(self) -> int | Garbage | None:
        """Say how long the first message is; None while that cannot be known or it is not all here."""
        blank = len(self._held) - len(self._held.lstrip(b"\r\n"))
        if blank:
            del self._held[:blank]
        end = _HEAD_END.search(self._held, 0, MAX_HEAD + 4)
        if end is None:
            return self._too_soon()
        head = _head(_as_response(bytes(self._held[: end.start()])))
        length = head if isinstance(head, Garbage) else _content_length(head)
        if isinstance(length, Garbage):
            return length
        size = end.end() + (length or 0)
        if size <= len(self._held):
            return size
        self._need = size - 1
        return None

    def _too_soon(self) -> Garbage | None:
        if len(self._held) > MAX_HEAD:
            return Garbage("headers without end")
        line, newline, _ = bytes(self._held[:MAX_HEAD]).partition(b"\n")
        if newline and b"SIP/2.0" not in line.upper():
            return Garbage("no SIP status line")
        return None

    def _take(self, size: int) -> Response | Incoming | Garbage | None:
        message = bytes(self._held[:size])
        del self._held[:size]
        self._need = 0
        if _is_response(message):
            return parse(message)
        return read(message) if self._requests else None


def _is_response(message: bytes) -> bool:
    return message[:8].upper() == b"SIP/2.0 "


def _as_response(head: bytes) -> bytes:
    """Give a request's head a status line, so that its length is found by the same rules."""
    line, newline, rest = head.partition(b"\n")
    if _is_response(head) or not line.rstrip().upper().endswith(b" SIP/2.0"):
        return head
    return b"SIP/2.0 200" + newline + rest
