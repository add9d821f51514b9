"""Subscriptions to the status page: what one is about, and the token in its links. Pure.

    selector: ``all``, ``component:ID``, ``group:NAME``, ``region:NAME``; of a partner's person ``partner:PARTNER/CONTACT``
    address:  of a mailbox, or the address of a webhook
    token:    id . HMAC over what it is for, the id and the address

A token works as long as the subscription it is of; it proves that whoever has it reads what that address gets.
"""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from monitor.domain.inventory import Component

ALL = "all"
PARTNER = "partner:"
"""What a selector begins with that is about one partner's systems; who may have it is known by their log-in alone."""
MOST_SELECTORS = 50
LONGEST_ADDRESS = 254
LONGEST_WEBHOOK = 500
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", re.ASCII)  # fmt: skip
_HOST = re.compile(r"(?=[a-z0-9._-]{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]{2,45}\]", re.ASCII)
_PLAIN = re.compile(r"[!-~]+", re.ASCII)
_PORTS = {"https": 443, "http": 80}
_TOKEN = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,40})\.(?P<mac>[A-Za-z0-9_-]{32})", re.ASCII)
_MAC = 24  # bytes; 32 letters


class Purpose(StrEnum):
    """What a token is for: one that ends a subscription cannot begin one."""

    CONFIRM = "confirm"
    END = "end"


def address_of(text: str) -> str | None:
    """Return a mail address as we keep it, its host in lower case; None for what is none."""
    given = text.strip()
    if len(given) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(given):
        return None
    local, _, host = given.rpartition("@")
    return f"{local}@{host.lower()}"


def webhook_of(text: str, *, plain: bool = False) -> str | None:
    """Return a webhook's address as we keep it; None for what is none. ``plain``: http is taken as well."""
    given = text.strip()
    if len(given) > LONGEST_WEBHOOK or not _PLAIN.fullmatch(given) or set(given) & set('\\"<>^`{|}#@'):
        return None
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.lower() if port is None else parts.netloc.lower().rpartition(":")[0]
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not _HOST.fullmatch(host):
        return None
    where = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{where}{parts.path or '/'}{query}"


def is_webhook(address: str) -> bool:
    """Whether a subscription's address is a webhook's: no mailbox has these signs."""
    return "://" in address


def host_of(webhook: str) -> str:
    """Return a webhook's scheme and host without its port: what may be shown of it, for its path may be a secret."""
    scheme, _, rest = webhook.partition("://")
    place = rest.partition("/")[0]
    host = place if place.endswith("]") or ":" not in place else place.rpartition(":")[0]
    return f"{scheme}://{host}"


def selectors_of(wanted: Iterable[str], components: Iterable[Component]) -> tuple[str, ...]:
    """Return those of the wanted selectors that there are; none of them is all."""
    there = set(offered(components))
    chosen = tuple(dict.fromkeys(one for one in wanted if one in there))[:MOST_SELECTORS]
    return (ALL,) if ALL in chosen or not chosen else chosen


def offered(components: Iterable[Component]) -> tuple[str, ...]:
    """Return every selector, from the widest to the narrowest."""
    listed = tuple(components)
    groups = dict.fromkeys(f"group:{one.group}" for one in listed if one.group)
    regions = dict.fromkeys(f"region:{one.region}" for one in listed if one.region)
    return (ALL, *groups, *regions, *(f"component:{one.id}" for one in listed))


def of_partner(partner: str, contact: str) -> str:
    """Return the selector of what touches a partner's systems, for one of their people."""
    return f"{PARTNER}{partner}/{contact}"


def contact_in(selector: str, partners: Iterable[str]) -> tuple[str, str] | None:
    """Return the partner and the contact that a selector names, if it is about one of these partners."""
    for partner in partners:
        if selector.startswith(of_partner(partner, "")):
            return partner, selector.removeprefix(of_partner(partner, ""))
    return None


def concerns(
    selectors: Sequence[str], components: Sequence[str], known: Mapping[str, Component]
) -> bool:  # fmt: skip
    """Whether what bears on these components is for somebody with these selectors; what names none is for everybody.

    Selectors about a partner's systems are judged elsewhere: who has no other is no part of everybody.
    """
    selectors = [one for one in selectors if not one.startswith(PARTNER)]
    if ALL in selectors or (selectors and not components):
        return True
    return any(selector in offered([known[id_]]) for id_ in components if id_ in known for selector in selectors)  # fmt: skip


def token(purpose: Purpose, id_: str, address: str, key: bytes) -> str:
    """Return the token of a link."""
    return f"{id_}.{_mac(purpose, id_, address, key)}"


def id_in(text: str) -> str | None:
    """Return whose token this says it is; nothing of it is believed yet."""
    found = _TOKEN.fullmatch(text)
    return found["id"] if found else None


def holds(offered_: str, purpose: Purpose, id_: str, address: str, keys: Sequence[bytes]) -> bool:
    """Whether one of our keys signed this token for exactly that."""
    right = [hmac.compare_digest(token(purpose, id_, address, key).encode(), offered_.encode()) for key in keys]  # fmt: skip
    return any(right)


def _mac(purpose: Purpose, id_: str, address: str, key: bytes) -> str:
    said = f"tocsin subscription 1\n{purpose}\n{id_}\n{address}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, said, "sha256")[:_MAC]).decode("ascii")
