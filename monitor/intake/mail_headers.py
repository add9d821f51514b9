"""What stands in the headers of a mail: texts in any encoding, addresses, ids, and whether a machine wrote it.

Read by the raw header and by hand: the library's structured headers take unbounded time on hostile ones. Nothing
here raises; what cannot be read is as if it were not there.
"""

import re
from collections.abc import Iterator
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import TypeAlias

from monitor.domain.letters import Mailbox
from monitor.intake.reports import clean

Mail: TypeAlias = "Message[str, str]"

LONGEST_SUBJECT, LONGEST_NAME = 300, 150
_LONGEST_HEADER = 16_384
_MOST_ADDRESSES = 100
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9\u0080-\U0010ffff.-]{1,253}")
_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8})*")
_TEXT_CODEC = re.compile(
    r"utf-?8|utf-?16(?:-?[lb]e)?|us-ascii|ascii|(?:iso-?8859|latin|windows|cp|ibm|mac|koi8|tis)[-_]?[0-9a-z_-]{1,12}|gb[0-9a-z]{3,6}"
    r"|hz-gb-2312|big5(?:-?hkscs)?|euc[-_](?:jp|kr|cn|tw)|(?:x-)?s(?:hift)?[-_]?jis|iso-2022-(?:jp|kr)[0-9-]{0,4}",
    re.IGNORECASE,
)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_ROBOTS = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply"})


def raw(mail: Mail, name: str) -> list[str]:
    """Return the values of a header as they came, unfolded and bounded."""
    name = name.lower()
    found = (str(value) for key, value in mail.raw_items() if key.lower() == name)
    return [re.sub(r"\r?\n", "", value[:_LONGEST_HEADER]) for value in found]


def first(mail: Mail, name: str) -> str:
    """Return a header's text, decoded; "" where there is none."""
    return next((decoded(value) for value in raw(mail, name)), "")


def decoded(value: str) -> str:
    """Return a header's text: encoded words, 8-bit bytes, or plain."""
    value = in_characters(value.encode("utf-8", "surrogateescape"), None)
    if "=?" not in value:
        return value
    try:
        return "".join(_words(value))
    except (HeaderParseError, ValueError):
        return value


def _words(value: str) -> Iterator[str]:
    for word, charset in decode_header(value):
        if isinstance(word, str):
            yield word
        elif charset is None:
            yield word.decode(
                "raw_unicode_escape", "replace"
            )  # how the library hands over what was not encoded
        else:
            yield in_characters(word, charset)


def in_characters(content: bytes, charset: str | None) -> str:
    """Decode bytes by the declared encoding if it is one, else by what they look like; always succeeds."""
    codecs = [charset] if charset and _TEXT_CODEC.fullmatch(charset) else []
    for codec in (*codecs, "utf-8"):
        try:
            return content.decode(codec)
        except (LookupError, UnicodeError, ValueError):
            continue
    return content.decode("cp1252", "replace")


def subject(mail: Mail) -> str:
    """Return the subject, one clean line."""
    return clean(" ".join(first(mail, "Subject").split()), LONGEST_SUBJECT)


def mailboxes(mail: Mail, name: str) -> tuple[Mailbox, ...]:
    """Return the addresses in a header, each once."""
    found: dict[str, Mailbox] = {}
    try:
        pairs = getaddresses(raw(mail, name))
    except (RecursionError, IndexError, ValueError, AttributeError, MessageError):
        return ()
    for shown, address in pairs:
        if len(found) < _MOST_ADDRESSES and _ADDRESS.fullmatch(address):
            said = clean(" ".join(decoded(shown).split()), LONGEST_NAME)
            found.setdefault(address.casefold(), Mailbox(address=clean(address, 320), name=said))
    return tuple(found.values())


def ids(mail: Mail, *names: str) -> tuple[str, ...]:
    """Return the message ids in headers, each once."""
    return tuple(
        dict.fromkeys(id_ for name in names for value in raw(mail, name) for id_ in _ID.findall(value))
    )


def language(mail: Mail) -> str | None:
    """Return the language the mail says it is written in."""
    found = _LANGUAGE.fullmatch(next(iter(raw(mail, "Content-Language")), "").partition(",")[0].strip())
    return found[1].lower() if found else None


def written_by_a_machine(mail: Mail, envelope_sender: str | None, sender: str) -> str:
    """Return the header by which a mail was written or sent on by a machine; "" where a person wrote it."""
    if not envelope_sender:
        return "empty envelope sender"
    submitted = first(mail, "Auto-Submitted").strip().lower()
    if submitted and not submitted.startswith("no"):
        return "Auto-Submitted"
    if first(mail, "Precedence").strip().lower() in _BULK:
        return "Precedence"
    for name in ("List-Id", "List-Unsubscribe", "X-Loop", "X-Autoreply", "X-Autorespond"):
        if raw(mail, name):
            return name
    robots = (envelope_sender, sender)
    return "sent by a robot" if any(a.partition("@")[0].lower() in _ROBOTS for a in robots) else ""
