"""From the bytes of a mail to a :class:`Letter`; bounded before it is parsed, and never a surprise.

    bytes -> bounds (headers, parts, depth) -> the standard library's parser -> text, files, headers -> Letter

The parser's time and memory grow with how many parts there are and how deep they nest, so these are counted in the
raw bytes first. What is too much is refused for good (:class:`UnreadableError`); what is only odd (bad encodings, no
Message-ID, NULs) is read as well as it can be. Runs off the loop.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.parser import BytesParser
from email.policy import compat32

from monitor.domain.letters import Letter, Mailbox
from monitor.domain.markup import plain_text
from monitor.domain.sealing import Attached
from monitor.errors import RefusedError
from monitor.intake import mail_headers as headers
from monitor.intake.mail_files import media_type, safe_name
from monitor.intake.mail_headers import Mail
from monitor.intake.mail_quotes import split_reply
from monitor.intake.mail_trust import vouched_for
from monitor.intake.reports import clean

MOST_HEADER = 256 * 1024
MOST_HEADER_LINES = 2_000
MOST_BOUNDARIES = 40
MOST_PARTS = 500
MOST_FILES = 50
LONGEST_TEXT = 200_000
_LONGEST_MARKUP = 2_000_000
_DEEPEST = 40
_BOUNDARY = re.compile(rb"boundary\s{0,3}=\s{0,3}(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_ODD_BOUNDARY = re.compile(rb"boundary\*", re.IGNORECASE)
_INNER_MAIL = re.compile(rb"^content-type:\s{0,80}message/", re.IGNORECASE | re.MULTILINE)
_BROKEN = (MessageError, RecursionError, LookupError, ValueError, AttributeError, TypeError, AssertionError)


class UnreadableError(RefusedError):
    """A mail that is too much, or no mail; the sentence goes back to the sender's server."""

    def __init__(self, code: str, message: str) -> None:
        """Keep a stable code and the sentence."""
        super().__init__(422, code, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose word for a sender is taken: our mail server's name, and how many hops its own filters add."""

    our_name: str | None = None
    own_hops: int = 0


def read_letter(content: bytes, envelope_sender: str | None, trust: Trust) -> Letter:
    """Read a mail; UnreadableError says why one cannot be."""
    check_bounds(content)
    try:
        mail = BytesParser(policy=compat32).parsebytes(content)
        return _letter(mail, content, envelope_sender, trust)
    except _BROKEN as error:
        raise UnreadableError("unreadable", "The message cannot be read as a mail.") from error


def check_bounds(content: bytes) -> None:
    """Refuse, before anything is parsed, what would take too long."""
    end = re.search(rb"\r?\n\r?\n", content[: MOST_HEADER + 4])
    if end is None and len(content) > MOST_HEADER:
        raise UnreadableError("header-too-long", f"The header has more than {MOST_HEADER // 1024} KiB.")
    header = content[: end.start()] if end else content
    if header.count(b"\n") > MOST_HEADER_LINES:
        raise UnreadableError("header-too-long", f"The header has more than {MOST_HEADER_LINES} lines.")
    boundaries: set[bytes] = set()
    for found in _BOUNDARY.finditer(content):
        boundaries.add(found[1] or found[2])
        if len(boundaries) > MOST_BOUNDARIES:
            break
    if len(boundaries) > MOST_BOUNDARIES or _ODD_BOUNDARY.search(content):
        raise UnreadableError("too-deep", f"The message nests more than {MOST_BOUNDARIES} levels of parts.")
    if len(_INNER_MAIL.findall(content)) > MOST_BOUNDARIES:
        raise UnreadableError("too-deep", f"The message holds more than {MOST_BOUNDARIES} others.")
    if sum(content.count(b"\n--" + boundary) for boundary in boundaries) > MOST_PARTS:
        raise UnreadableError("too-many-parts", f"The message has more than {MOST_PARTS} parts.")


def _letter(mail: Mail, content: bytes, envelope_sender: str | None, trust: Trust) -> Letter:
    senders = headers.mailboxes(mail, "From")
    alone = len(senders) == 1 and len(headers.raw(mail, "From")) == 1
    sender = senders[0] if senders else Mailbox(address=clean(envelope_sender or "", 320))
    body = _Body()
    body.add(mail, 0)
    text, quoted = split_reply(body.said())
    id_ = next(iter(headers.ids(mail, "Message-ID")), None)
    return Letter(
        digest=_digest(id_, sender.address, content),
        message_id=id_,
        sender=sender,
        envelope_sender=envelope_sender,
        to=headers.mailboxes(mail, "To"),
        cc=headers.mailboxes(mail, "Cc"),
        subject=headers.subject(mail),
        text=text,
        quoted=quoted,
        aside="\n\n".join(body.aside)[:LONGEST_TEXT],
        language=headers.language(mail),
        in_reply_to=headers.ids(mail, "In-Reply-To", "References"),
        attachments=tuple(body.files),
        auto=headers.written_by_a_machine(mail, envelope_sender, sender.address),
        authenticated=alone
        and vouched_for(mail, sender.address, our_name=trust.our_name, own_hops=trust.own_hops),
        cut=body.cut,
    )


def _digest(id_: str | None, sender: str, content: bytes) -> str:
    """Return what tells this mail from others; by its body where it has no id: the header grows on the way."""
    body = content[match.end() :] if (match := re.search(rb"\r?\n\r?\n", content)) else content
    said = (
        f"{id_}\0{sender.casefold()}".encode(errors="replace")
        if id_
        else sender.casefold().encode(errors="replace") + body
    )
    return hashlib.sha256(said).hexdigest()


@dataclass(slots=True)
class _Body:
    """What was found in a mail so far."""

    texts: list[str] = field(default_factory=list[str])
    aside: list[str] = field(default_factory=list[str])
    files: list[Attached] = field(default_factory=list[Attached])
    cut: bool = False

    def said(self) -> str:
        """Return the text, clean and bounded."""
        text = "\n\n".join(text.strip() for text in self.texts if text.strip())
        self.cut = self.cut or len(text) > LONGEST_TEXT
        return clean(text.replace("\r\n", "\n").replace("\r", "\n"), LONGEST_TEXT)

    def add(self, part: Mail, depth: int) -> None:
        """Add a part and what is in it; of alternatives the plainest that says something."""
        kind = part.get_content_type().lower()
        if depth > _DEEPEST:
            self.cut = True
        elif kind == "multipart/alternative" and part.is_multipart():
            self._alternative(list(_inner(part)), depth)
        elif kind.startswith("multipart/") and part.is_multipart():
            for inner in _inner(part):
                self.add(inner, depth + 1)
        elif part.is_multipart():
            self._file(_as_bytes(part), part, "message/rfc822")
        elif kind in ("text/plain", "text/html") and not _is_file(part):
            self.texts.append(_text(part, kind))
        else:
            payload = part.get_payload(decode=True)
            self._file(payload if isinstance(payload, bytes) else b"", part, kind)

    def _alternative(self, ways: list[Mail], depth: int) -> None:
        told: list[_Body] = []
        for way in ways:
            told.append(_Body())
            told[-1].add(way, depth + 1)
            self.files += told[-1].files
            self.cut = self.cut or told[-1].cut
        plain = [b for b, way in zip(told, ways, strict=True) if way.get_content_type() == "text/plain"]
        chosen = next((body for body in (*plain, *reversed(told)) if body.said().strip()), None)
        self.texts += chosen.texts if chosen else []
        self.aside += [
            text for body in told for text in (*body.aside, *(body.texts if body is not chosen else ()))
        ]

    def _file(self, content: bytes, part: Mail, declared: str) -> None:
        if len(self.files) >= MOST_FILES:
            self.cut = True
            return
        kind = media_type(content, declared)
        name = safe_name(headers.decoded(_filename(part)), len(self.files) + 1, kind)
        self.files.append(Attached(name=name, media_type=kind, content=content))


def _inner(part: Mail) -> Iterator[Mail]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (inner for inner in payload if not isinstance(inner, str))


def _is_file(part: Mail) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_filename(part))


def _filename(part: Mail) -> str:
    try:
        return str(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):
        return ""


def _as_bytes(part: Mail) -> bytes:
    """Return a mail that is attached to another as it came, or nearly."""
    try:
        return b"\n".join(inner.as_bytes() for inner in _inner(part))
    except (LookupError, ValueError, TypeError, AttributeError, MessageError):
        return str(part).encode(errors="replace")


def _text(part: Mail, kind: str) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    said = headers.in_characters(content, part.get_content_charset())
    return plain_text(said[:_LONGEST_MARKUP]) if kind == "text/html" else said
