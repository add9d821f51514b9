"""What a letter asks, in the words of a request: whose it is, for which queue, what its lines fill in. Pure.

    recipient -> destination (policy, country) -> who writes -> fields of the policy, by labelled lines and by what is known
    -> the request it follows up, as it claims

A ``From`` is a claim. What is concluded from it here is only whom the request is about and whom an answer goes to: the
address on record. Nobody is shown anything for it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.domain.inventory import Contact, Inventory, Partner
from monitor.domain.letters import Letter, base_of, folded, read_reply_address, references_in
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Request, stands_in_for
from monitor.domain.request_rules import RequestRules

CHANNEL = "email"
MOST_COPIED = 20
_LONGEST_VALUE = 4_000
_LINE = re.compile(
    r"[ \t>*_-]{0,6}(?P<label>[^\W_][^:=\r\n]{0,60}?)[ \t*_]{0,3}[:=][ \t*_]{0,3}(?P<value>[^\r\n]{0,4000})"
)
_REPLY_MARK = re.compile(
    r"(?:\s{0,3}(?:re|aw|sv|vs|fwd?|wg|vl|rif|tr|rv)\s?(?:\[\d{1,3}\])?\s?:)+\s{0,3}", re.IGNORECASE
)
_NONE: Mapping[str, str] = MappingProxyType({})
_OUR_MARK = re.compile(r"\[R-\d{5,12}\]\s{0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a mail goes: the policy that judges it, the country whose queue it is; None where nothing says."""

    policy: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses that take requests: ``listed`` by base address, ``domains`` of which every one does."""

    listed: Mapping[str, Destination]
    domains: frozenset[str] = frozenset()

    def take(self, address: str, policies: Mapping[str, Policy]) -> bool:
        """Whether requests are taken at an address."""
        base = base_of(address)
        known = base in self.listed or base.rpartition("@")[2] in self.domains
        return known or any(base in _queues(policy) for policy in policies.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes, as far as the inventory knows the address."""

    partner: Partner | None = None
    contact: Contact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The request that a letter says it follows up; ``key`` is the proof, where it was written to a reply address."""

    reference: str
    key: str | None = None


def destination(
    addresses: Addresses, policies: Mapping[str, Policy], recipient: str, writer: Writer
) -> Destination:
    """Return where mail to an address goes; of several policies or countries, the writer's own."""
    base = base_of(recipient)
    own = writer.partner.policy if writer.partner else None
    country = writer.partner.country if writer.partner else None
    listed = addresses.listed.get(base, Destination())
    queues = {name: where for name, policy in policies.items() if (where := _queues(policy).get(base))}
    policy = listed.policy or _one(queues, own) or own
    countries = queues.get(policy or "", ())
    return Destination(policy=policy, country=listed.country or _one(countries, country) or country)


def _one(names: Iterable[str], preferred: str | None) -> str | None:
    """Return the preferred name if it is among them, else the first."""
    listed = sorted(names)
    return preferred if preferred in listed else listed[0] if listed else None


def _queues(policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """Return the countries of each address that is a queue for mail."""
    rule = policy.requests.channels.get(CHANNEL)
    found: dict[str, tuple[str, ...]] = {}
    for country, address in (rule.queues if rule else {}).items():
        base = base_of(address)
        found[base] = (*found.get(base, ()), country)
    return found


def writer_of(inventory: Inventory, address: str) -> Writer:
    """Return who an address belongs to: exactly one person, or exactly one partner; else nobody."""
    wanted = folded(address)
    found = [
        (partner, contact)
        for partner in inventory.partners.values()
        for contact in partner.contacts
        if contact.email is not None and folded(contact.email) == wanted
    ]
    if len({partner.id for partner, _ in found}) != 1:
        return Writer()
    return Writer(partner=found[0][0], contact=found[0][1] if len(found) == 1 else None)


def claim_of(letter: Letter, recipient: str) -> Claim | None:
    """Return which request a letter says it is about: by the address it was sent to, else by its subject."""
    reply = read_reply_address(recipient)
    if reply is not None:
        return Claim(reference=reply.reference, key=reply.key)
    named = references_in(letter.subject)
    return Claim(reference=named[0]) if named else None


def request_of(
    letter: Letter,
    policy: Policy,
    writer: Writer,
    inventory: Inventory,
    *,
    related: str | None = None,
    labels: Mapping[str, str] = _NONE,
) -> Request:
    """Return a letter as a request under a policy; ``labels`` are what we ourselves call fields when we ask for them."""
    rules = policy.requests
    text = whole_text(letter)
    fields: dict[str, object] = {**_known(letter, writer, text), **fields_in(text, rules, labels)}
    system = _system(inventory, writer, f"{letter.subject}\n{text}")
    if related is not None:
        fields.setdefault("related_case", related)
    if system is not None:
        fields.setdefault("system", system)
    return Request(
        channel=CHANNEL,
        partner=writer.partner.id if writer.partner else None,
        contact=writer.contact.id if writer.contact else None,
        system=system,
        fields={name: value for name, value in fields.items() if name in rules.fields and value},
        language=letter.language,
    )


def whole_text(letter: Letter) -> str:
    """Return what a new request says: what was forwarded with it belongs to it."""
    return f"{letter.text}\n\n{letter.quoted}".strip()


def subject_of(letter: Letter) -> str:
    """Return the subject without the marks of replies."""
    bare = _OUR_MARK.sub("", letter.subject)
    return (_REPLY_MARK.sub("", bare, count=1) if _REPLY_MARK.match(bare) else bare).strip()


def fields_in(text: str, rules: RequestRules, labels: Mapping[str, str] = _NONE) -> dict[str, str]:
    """Return the fields that lines such as ``Priority: high`` fill in, each by its first line.

    A line's label is the policy's, the field's name, or one of ours (``labels``), by which we ask for what is missing.
    """
    labels = {**labels, **{_plain(name): name for name in rules.fields}, **rules.labels}
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        name = labels.get(_plain(match["label"])) if match else None
        if match and name and name not in found and match["value"].strip():
            found[name] = match["value"].strip()[:_LONGEST_VALUE]
    return found


def _plain(label: str) -> str:
    return " ".join(label.replace("_", " ").casefold().split())


def _known(letter: Letter, writer: Writer, text: str) -> dict[str, object]:
    """Return what the mail itself and the inventory say."""
    contact, partner = writer.contact, writer.partner
    return {
        "subject": subject_of(letter),
        "message": text,
        "description": text,
        "contact_name": (contact.name if contact else "") or letter.sender.name,
        "contact_email": letter.sender.address,
        "contact_phone": contact.phone if contact else None,
        "company": partner.name if partner else None,
    }


def _system(inventory: Inventory, writer: Writer, text: str) -> str | None:
    """Return the one system of the writer's that is named; a stranger's words name none."""
    if writer.partner is None:
        return None
    words = set(re.findall(r"[\w.@:/-]+", text.casefold()))
    bare = {word.strip(".:-/") for word in words}
    own = [s for s in inventory.systems.values() if stands_in_for(inventory, writer.partner.id, s.partner)]
    named = [system.serial for system in own if system.serial.casefold() in bare]
    return named[0] if len(named) == 1 else None


def copied(letter: Letter, writer: Writer, ours: Iterable[str]) -> tuple[str, ...]:
    """Return whom the writer copied; a stranger copies nobody, so that we write to nobody on a stranger's word.

    Whoever only says that they are the writer copies the writer's own people: their answers would go to anybody else.
    """
    return _copied(letter, writer, ours)[0]


def not_copied(letter: Letter, writer: Writer, ours: Iterable[str]) -> tuple[str, ...]:
    """Return whom a writer that nobody vouches for would have copied."""
    return _copied(letter, writer, ours)[1]


def _copied(letter: Letter, writer: Writer, ours: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if writer.partner is None:
        return (), ()
    own = {base_of(address) for address in ours} | {base_of(letter.sender.address)}
    found = dict.fromkeys(box.address for box in (*letter.to, *letter.cc) if base_of(box.address) not in own)
    theirs = {folded(contact.email) for contact in writer.partner.contacts if contact.email}
    good = [address for address in found if letter.authenticated or folded(address) in theirs]
    return tuple(good)[:MOST_COPIED], tuple(address for address in found if address not in good)[:MOST_COPIED]
