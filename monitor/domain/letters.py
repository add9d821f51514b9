"""A mail that came in, as a value: who wrote to whom, what is new in it, what came with it, and what can be believed.

Only what our own mail server vouches for (``authenticated``) is believed of a sender; everything else is a claim.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.domain.sealing import Attached

_REFERENCE = re.compile(r"(?<![\w-])R-(\d{5,12})(?![\w-])", re.IGNORECASE)
_REPLY_TAG = re.compile(
    r"(?P<local>[^+]{1,64})\+(?P<reference>R-\d{5,12})\.(?P<key>[a-z0-9]{8,64})", re.IGNORECASE
)
_INCIDENT_TAG = re.compile(r"[^+]{1,64}\+T-(?P<number>\d{5,12})\.(?P<key>[0-9a-f]{24})", re.IGNORECASE)


class Outcome(StrEnum):
    """What became of a mail for one recipient."""

    FILED = "filed"
    FOLLOWED_UP = "followed_up"
    REPEATED = "repeated"
    NOTED = "noted"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """An address (``local@domain``, as written) and the name that stands before it."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, read.

    ``text`` is what is new in it, ``quoted`` the trail of earlier mails below; ``aside`` says the same again (a page
    beside the text), and is searched for credentials but not kept.
    ``auto`` says why it is never answered by a machine ("" if it may be). ``digest`` is the same for every delivery of
    the same mail. ``cut`` is True where something was left out because it was too much.
    """

    digest: str
    message_id: str | None
    sender: Mailbox
    envelope_sender: str | None
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str = field(default="", repr=False)
    quoted: str = field(default="", repr=False)
    aside: str = field(default="", repr=False)
    language: str | None = None
    in_reply_to: tuple[str, ...] = ()
    attachments: tuple[Attached, ...] = ()
    auto: str = ""
    authenticated: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyAddress:
    """An address to which only those write who were written to: base address, reference, key."""

    base: str
    reference: str
    key: str


def folded(address: str) -> str:
    """Return an address for comparing."""
    return address.strip().casefold()


def reply_address(base: str, reference: str, key: str) -> str:
    """Return the address that replies to a request go to: ``local+R-00012.KEY@domain``."""
    local, _, domain = base.rpartition("@")
    return f"{local.partition('+')[0]}+{reference}.{key}@{domain}"


def read_reply_address(address: str) -> ReplyAddress | None:
    """Return what a reply address says, None for any other."""
    local, _, domain = address.strip().rpartition("@")
    found = _REPLY_TAG.fullmatch(local)
    if found is None:
        return None
    base = f"{found['local']}@{domain}"
    return ReplyAddress(base=base, reference=found["reference"].upper(), key=found["key"].lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReply:
    """What a reply address of an incident's mails says: the incident's number, and the key."""

    number: int
    key: str


def incident_address(base: str, reference: str, key: str) -> str:
    """Return the address that replies to a mail about an incident go to: ``local+T-00012.KEY@domain``."""
    return reply_address(base, reference, key)


def read_incident_address(address: str) -> IncidentReply | None:
    """Return what the reply address of an incident's mails says, None for any other."""
    found = _INCIDENT_TAG.fullmatch(address.strip().rpartition("@")[0])
    return IncidentReply(number=int(found["number"]), key=found["key"].lower()) if found else None


def base_of(address: str) -> str:
    """Return an address without what stands after a plus, folded."""
    local, _, domain = folded(address).rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def references_in(text: str) -> tuple[str, ...]:
    """Return the numbers of requests that a text names, each once, in order."""
    return tuple(dict.fromkeys(f"R-{number}" for number in _REFERENCE.findall(text)))
