"""What is made of a request that was brought in: its status, queue, clocks, and who has to know. Pure.

Filing + Judgement -> status | title | clocks | engineer on call? | what is passed on at once
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.inventory import Contact, Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.request_life import RequestStatus
from monitor.domain.request_matter import Matter, Request, texts
from monitor.domain.request_rules import Forwarding
from monitor.domain.requests import Judgement
from monitor.domain.sealing import Attached
from monitor.domain.timed import Timed, duty, timed

LONGEST_TITLE = 200
TITLES = ("subject", "question", "message", "description")
"""Where a request's title is looked for, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A request as somebody brings it in.

    ``strict``: whoever brings it is there and can be asked, so what is not accepted is not put on record either.
    ``answers``: the requester is written to (a machine's mail is not answered). ``text`` is what was written beside
    the fields; ``message_id`` the mail it came in. ``vouched``: it is proven that whoever brings it takes part in the
    request it names (they wrote to its reply address). ``flag`` is what an engineer has to look at.
    ``aside`` is searched for credentials, and not kept.
    """

    request: Request
    policy: str | None = None
    text: str = ""
    title: str = ""
    email: str | None = None
    name: str = ""
    copied: tuple[str, ...] = ()
    attachments: tuple[Attached, ...] = ()
    received_at: datetime | None = None
    dedup: str | None = None
    entered_by: str | None = None
    message_id: str | None = None
    country: str | None = None
    answers: bool = True
    strict: bool = False
    aside: str = ""
    vouched: bool = False
    flag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What became of it. ``id`` is None for what was not put on record; ``new`` False for what was there already.

    ``follows_up``: it became a message on that request.
    """

    judgement: Judgement
    id: str | None = None
    reference: str | None = None
    status: RequestStatus | None = None
    new: bool = True
    follows_up: bool = False


def status_of(judgement: Judgement) -> RequestStatus:
    """Return where a request begins: what only lacks fields can be completed, what is objected to cannot."""
    if judgement.accepted:
        return RequestStatus.OPEN
    return RequestStatus.INCOMPLETE if not judgement.objections else RequestStatus.REFUSED


def title_of(filing: Filing) -> str:
    """Return one line that says what it is about."""
    given = (filing.title, *(_said(filing.request, name) for name in TITLES), filing.text)
    found = next((text for text in given if text.strip()), filing.request.symptom or "")
    line = next((line.strip() for line in str(found).splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def _said(request: Request, name: str) -> str:
    return " ".join(texts(request.given(name)))


def queue_of(policy: Policy, channel: str, country: str | None) -> str | None:
    """Return the queue a channel's requests go to, by the country of whoever asks."""
    rule = policy.requests.channels.get(channel)
    if rule is None or not rule.queues:
        shared = (each.queues for each in policy.requests.channels.values() if each.queues)
        queues: Mapping[str, str] = next(shared, {})
    else:
        queues = rule.queues
    return queues.get(country or "")


def language_of(policy: Policy, contact: Contact | None, partner: Partner | None, written: str | None) -> str:
    """Return the language an answer is written in: the person's, the one they wrote in, the partner's, the policy's."""
    if contact and contact.languages:
        return contact.languages[0]
    return written or (partner.language if partner else None) or policy.language


def clocks_of(policy: Policy, matter: Matter, judgement: Judgement, at: datetime) -> tuple[Timed, ...]:
    """Return what is timed of a request from its receipt on: our promises, and the customer's duties."""
    cls = judgement.cls
    ours = timed(policy, cls, matter.plan, matter.calendar, at) if cls is not None else ()
    theirs = tuple(
        duty(
            each.duty,
            cls or "",
            at,
            each.due,
            clause=each.clause,
            says=each.says or each.duty.replace("_", " "),
            flags=each.when_missed == "flag",
        )
        for each in judgement.duties
        if each.due is not None
    )
    return (*ours, *theirs)


def done_at_once(policy: Policy, judgement: Judgement) -> tuple[str, ...]:
    """Return the duties that the request itself fulfils: a notice that it gives in time."""
    notices = {rule.duty for rule in policy.requests.duties if rule.notice is not None}
    return tuple(each.duty for each in judgement.duties if each.duty in notices and not each.late)


def still_owed(matter: Matter) -> frozenset[str]:
    """Return the duties that a request's customer has in the class it has."""
    return frozenset(rule.duty for rule in matter.rules.duties if matter.is_case(rule.case))


def late_duties(judgement: Judgement) -> tuple[str, ...]:
    """Return the duties that were missed already when the request came (a notice given too late)."""
    return tuple(each.duty for each in judgement.duties if each.late)


def on_call_clause(policy: Policy, matter: Matter) -> str | None:
    """Return why the engineer on call has to know of a request at once: a clause, or None if nobody has to.

    Without a rule of the policy: what is worked on at any hour, and came outside support hours.
    """
    for rule in policy.requests.on_call:
        fits = rule.hours == "any" or (rule.hours == "inside") == matter.inside
        if fits and matter.is_case(rule.case):
            return rule.clause
    cls = policy.classes.get(matter.cls or "")
    if cls and cls.analyse_now and not matter.inside:
        return cls.clause or ""
    return None


def passed_on_at_once(policy: Policy, matter: Matter) -> Iterator[Forwarding]:
    """Yield what is passed on without anybody deciding it; nothing that the requester's contract forbids.

    Of somebody we do not know, no contract is known: what one may forbid is decided by an engineer.
    """
    kept = {name for name, holds in matter.request.standing.items() if holds}
    for rule in policy.requests.forwarding:
        if rule.unless is not None and matter.served is None:
            continue
        if rule.at_once and rule.unless not in kept and matter.is_case(rule.case):
            yield rule


def forbidden_by(policy: Policy, request: Request, name: str) -> Forwarding | None:
    """Return the rule of what is passed on under this name if the requester's contract forbids it."""
    rule = next((each for each in policy.requests.forwarding if each.name == name), None)
    return rule if rule and rule.unless and request.standing.get(rule.unless) else None


def contact_of(inventory: Inventory, request: Request) -> Contact | None:
    """Return the person who asks, if the inventory knows them."""
    found = inventory.person(request.contact) if request.contact else None
    return found[1] if found else None


def in_words(value: object) -> str:
    """Return a field's value as people read it; nothing for an empty one."""
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return str(value).strip()
