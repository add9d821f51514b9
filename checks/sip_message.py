"""SIP messages as a ping needs them: one request written, responses read from bytes nobody vouches for.

Theory of operation (RFC 3261, section 7). A response is a status line, headers, an empty line and a body.
:func:`parse` reads one whole message, as a UDP datagram holds it; :class:`Framer` cuts messages out of a
TCP stream by Content-Length (18.3) and hands each to :func:`parse`. Both bound every length, and neither
ever raises: what is not a SIP response comes back as :class:`Garbage` with the reason in words.

Liberal in what it takes, because the far end is whatever the customer bought: folded headers (7.3.1), compact
names (7.3.3), bare LF line ends, any letter case, UTF-8 or not. Text for people (reason phrase, Server)
is stripped of control characters and cut, since pages, mails and tickets repeat it.
"""

import re
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
class Response:
    """A SIP response; header names are lower case and long, values unfolded and trimmed."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order."""
        return tuple(value for held, value in self.headers if held == name)

    def first(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        return next(iter(self.all(name)), "")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An OPTIONS request (section 11), but for what differs from one look to the next."""

    uri: str
    sender: str
    user_agent: str
    transport: str

    def render(self, *, sent_by: str, branch: str, tag: str, call_id: str) -> bytes:
        """Return the bytes to send from ``sent_by`` (host:port, IPv6 in brackets)."""
        over = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        sender = self.sender or f"sip:tocsin@{sent_by.rpartition(':')[0]}"
        lines = (
            f"OPTIONS {self.uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {sent_by};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <{sender}>;tag={tag}",
            f"To: <{self.uri}>",
            f"Call-ID: {call_id}",
            "CSeq: 1 OPTIONS",
            f"Contact: <sip:tocsin@{sent_by}{over}>",
            "Accept: application/sdp",
            f"User-Agent: {self.user_agent}",
            "Content-Length: 0",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def parse(data: bytes) -> Response | Garbage:
    """Read one whole message; never raise. Empty lines before it mean nothing (section 7.5)."""
    data = data.lstrip(b"\r\n")
    end = _HEAD_END.search(data, 0, MAX_HEAD + 4)
    if end is None:
        return Garbage("no end of the headers" if len(data) <= MAX_HEAD else "headers without end")
    head = _head(data[: end.start()])
    return head if isinstance(head, Garbage) else _with_body(head, data[end.end() :])


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
    SIP, but no answer to anything.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._need = (
            0  # bytes of the first message, once known: a drip-feeding peer must not cost us a parse a byte
        )
        self._lost = False

    def feed(self, data: bytes) -> list[Response | Garbage | None]:
        """Take what arrived and return the messages it completed."""
        if self._lost:
            return []
        self._held += data
        cut: list[Response | Garbage | None] = []
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

    def _take(self, size: int) -> Response | Garbage | None:
        message = bytes(self._held[:size])
        del self._held[:size]
        self._need = 0
        return parse(message) if _is_response(message) else None


def _is_response(message: bytes) -> bool:
    return message[:8].upper() == b"SIP/2.0 "


def _as_response(head: bytes) -> bytes:
    """Give a request's head a status line, so that its length is found by the same rules."""
    line, newline, rest = head.partition(b"\n")
    if _is_response(head) or not line.rstrip().upper().endswith(b" SIP/2.0"):
        return head
    return b"SIP/2.0 200" + newline + rest
