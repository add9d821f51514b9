"""A phone call becomes a request: an engineer finds who calls, asks what the policy asks, and enters it.

    who calls (search) -> the policy's fields for a call, in its order -> filed, also where something is missing
        -> the request's page says what to ask for while the caller is on the line

Every call is put on record, whatever becomes of it (mission P7). Which fields there are, how they are called and which
facts tell a class is the policy's.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from monitor.domain.apart import cleaned
from monitor.domain.filing import Filing
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.inventory import Contact, Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Request, look_at
from monitor.domain.sealing import NOTE
from monitor.errors import RefusedError
from monitor.web.actions import our_form
from monitor.web.api_inputs import local_moment
from monitor.web.auth import PRINCIPAL, audit
from monitor.web.parts import PARTS, Parts
from monitor.web.portal_fields import IMPACTS, LONG, TITLES, YES_NO, asked_of
from monitor.web.problems import ProblemError
from monitor.web.render import go, page, words
from monitor.web.request_lines import labels_of

CHANNEL = "phone"
SHOWN = 30
LONGEST = 100_000
BESIDE = frozenset({"priority", "system", "related_case"})
"""What the form asks for in places of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may be calling: a partner, perhaps a person of theirs."""

    partner: Partner
    contact: Contact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A field of the form: whether it must be said, and how it is asked for."""

    name: str
    label: str
    required: bool
    hint: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact that the policy's rules ask for, with the answers there are."""

    name: str
    options: tuple[str, ...]


def callers(inventory: Inventory, wanted: str) -> list[Caller]:
    """Return the partners and people whose name, number, address or systems are like what was typed."""
    said = " ".join(wanted.casefold().split())
    digits = "".join(c for c in said if c.isdigit())
    found: list[Caller] = []
    for partner in sorted(inventory.partners.values(), key=lambda each: each.name.casefold()):
        serials = [s for s in inventory.systems.values() if s.partner == partner.id]
        known = (partner.id, partner.name, *(word for s in serials for word in (s.serial, s.name)))
        people = [each for each in partner.contacts if _is_like(each, said, digits)]
        by_name = any(said in (word or "").casefold() for word in known)
        found += [
            Caller(partner=partner, contact=each) for each in people or (partner.contacts if by_name else ())
        ]
        if by_name:
            found.append(Caller(partner=partner, contact=None))
    return found[:SHOWN]


def _is_like(contact: Contact, said: str, digits: str) -> bool:
    known = (contact.id, contact.name, contact.email)
    number = "".join(c for c in contact.phone or "" if c.isdigit())
    by_number = len(digits) >= 4 and digits.lstrip("0") in number  # noqa: PLR2004 - fewer are found everywhere
    return any(said in (word or "").casefold() for word in known) or by_number


async def new_call(request: web.Request) -> web.Response:
    """Show who may be calling, and for whom it is, the form."""
    parts, given = request.app[PARTS], request.query
    asked = _who(parts, given)
    if asked is None:
        wanted = given.get("q", "")[:200].strip()
        found = callers(parts.inventory(), wanted) if wanted else []
        return page(
            request,
            "request_call.html",
            q=wanted,
            found=found,
            policies=sorted(parts.policies().values(), key=lambda p: p.name),
        )
    return _form_page(request, asked, _known(asked, parts.inventory()) | _given(given, "system"), "")


def _given(given: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: given[name][:200] for name in names if name in given}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who calls, as far as it is known, and the policy they are served by."""

    policy: Policy
    partner: Partner | None = None
    contact: Contact | None = None


def _who(parts: Parts, given: Mapping[str, str]) -> Who | None:
    """Return who was chosen; None where nobody is yet (or nobody of that name is there)."""
    inventory, policies = parts.inventory(), parts.policies()
    person = inventory.person(given.get("contact", ""))
    if person is not None:
        partner, contact = person
        return Who(policy=policies[partner.policy], partner=partner, contact=contact)
    partner_only = inventory.partners.get(given.get("partner", ""))
    if partner_only is not None:
        return Who(policy=policies[partner_only.policy], partner=partner_only)
    policy = policies.get(given.get("policy", ""))
    return Who(policy=policy) if policy else None


def _form_page(request: web.Request, who: Who, values: Mapping[str, str], error: str) -> web.Response:
    parts = request.app[PARTS]
    inventory, policy = parts.inventory(), who.policy
    rule = policy.requests.channels.get(CHANNEL)
    return page(
        request,
        "request_new.html",
        status=422 if error else 200,
        error=error,
        who=who,
        values=values,
        fields=list(asked_by_phone(policy, _blank(who), inventory, parts)),
        classes=asked_of(policy).classes,
        symptoms=tuple(Symptom) if "rules" in policy.requests.class_by and policy.rules else (),
        facts=facts_of(policy),
        notice=any(duty.notice is not None for duty in policy.requests.duties),
        systems=sorted(
            (s for s in inventory.systems.values() if who.partner is None or s.partner == who.partner.id),
            key=lambda s: s.serial,
        )[:500],
        rule=rule,
        inside=look_at(policy, _blank(who), inventory, parts.clock()).inside,
        key=values.get("key") or parts.new_id(),
    )


def _blank(who: Who) -> Request:
    return Request(
        channel=CHANNEL,
        partner=who.partner.id if who.partner else None,
        contact=who.contact.id if who.contact else None,
    )


def asked_by_phone(policy: Policy, request: Request, inventory: Inventory, parts: Parts) -> Iterator[Asked]:
    """Yield the fields that a call is asked for: what must be said in any case first, each in the policy's order."""
    matter = look_at(policy, request, inventory, parts.clock())
    always: dict[str, str] = {}
    sometimes: dict[str, str] = {}
    for rule in policy.requests.required:
        if rule.case.channels and CHANNEL not in rule.case.channels:
            continue
        either = "one of these is enough" if rule.any_of else ""
        place = always if matter.is_case(rule.case) else sometimes
        when = (
            either
            if place is always
            else "needed " + ", ".join(_cases(rule.case.classes, rule.case.symptoms))
        )
        for name in rule.fields:
            place.setdefault(name, when)
    helps = {
        name: ""
        for rule in policy.requests.wanted
        if not rule.case.channels or CHANNEL in rule.case.channels
        for name in rule.fields
    }
    if not TITLES & {*always, *sometimes}:
        always |= {"subject": "", "message": ""}
    names = dict.fromkeys([*always, *sometimes, *helps])
    labels = labels_of(policy, names)
    for name in names:
        if name not in BESIDE:
            yield Asked(
                name=name,
                label=labels[name],
                required=name in always and not always[name],
                hint=always.get(name) or ("" if name in always else sometimes.get(name, "helps")),
                how="yes_no" if name in YES_NO else "text" if name in LONG else "line",
            )


def _cases(classes: Iterable[str], symptoms: Iterable[Symptom]) -> Iterator[str]:
    named = [words(name) for name in (*sorted(classes), *sorted(symptoms))]
    yield f"for {', '.join(named)}" if named else "in some cases"


def facts_of(policy: Policy) -> list[Fact]:
    """Return the facts that a class depends on; whoever calls can say them."""
    if "rules" not in policy.requests.class_by:
        return []
    names = [*sorted(policy.facts), *(name for name in ("impact",) if name not in policy.facts)]
    return [
        Fact(name=name, options=IMPACTS if name == "impact" else ("yes", "no"))
        for name in names
        if policy.asks_for(name)
    ]


def _known(who: Who, inventory: Inventory) -> dict[str, str]:
    """Return what need not be asked: the record says it."""
    contact = who.contact
    licence = inventory.licences.get(contact.licence or "") if contact else None
    known = {
        "contact_name": contact.name if contact else None,
        "contact_phone": contact.phone if contact else None,
        "contact_email": contact.email if contact else None,
        "company": who.partner.name if who.partner else None,
        "account_id": (contact.account_id if contact else None) or (licence.account_id if licence else None),
        "product": licence.product if licence else None,
    }
    return {f"field-{name}": value for name, value in known.items() if value}


async def enter(request: web.Request) -> web.Response:
    """Put a call on record; what is missing is asked for on the request's page."""
    form = await our_form(request)
    parts, actor = request.app[PARTS], request[PRINCIPAL].name
    sent = {
        name: str(value)[:LONGEST].replace("\x00", "").replace("\r\n", "\n") for name, value in form.items()
    }
    who = _who(parts, sent)
    if who is None:
        raise ProblemError(422, "Nobody is chosen.", detail="Search who calls, or choose a policy.")
    try:
        filed = await parts.desk.file(_filing(parts, who, sent, actor))
    except (ValueError, RefusedError) as error:
        return _form_page(request, who, _without_secrets(sent), str(error))
    assert filed.id is not None, "what is entered by phone is kept whatever it lacks"
    await audit(parts, actor, "request.enter", filed.id)
    return go(f"/noc/requests/{filed.reference}", "entered" if filed.new else None)


def _without_secrets(sent: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed without what looks like a credential: it comes back in no page."""
    _, values, _, _ = cleaned("", {**sent, "csrf": ""}, ())
    return {name: str(value).replace(NOTE, "") for name, value in values.items()}


def _filing(parts: Parts, who: Who, sent: Mapping[str, str], actor: str) -> Filing:
    """Read the form as a call; ValueError, in a sentence, for what cannot be read."""
    fields = {
        name: sent[f"field-{name}"].strip()
        for name in who.policy.requests.fields
        if sent.get(f"field-{name}", "").strip()
    }
    serial = sent.get("system", "").strip()[:200]
    if serial and serial not in parts.inventory().systems:
        raise ValueError(f"There is no system {serial}.")
    symptom = sent.get("symptom", "")
    if symptom and symptom not in set(Symptom):
        raise ValueError("The kind of problem is none of the list.")
    starts = sent.get("planned_start", "").strip()
    asked = Request(
        channel=CHANNEL,
        partner=who.partner.id if who.partner else None,
        contact=who.contact.id if who.contact else None,
        system=serial or None,
        priority=sent.get("priority", "").strip()[:200] or None,
        existing_ticket=sent.get("existing_ticket", "").strip()[:200] or None,
        fields=dict(fields),
        symptom=Symptom(symptom) if symptom else None,
        facts=_facts(who.policy, sent),
        planned_start=_begins(starts),
    )
    key = sent.get("key", "").strip()[:60]
    return Filing(
        request=asked,
        policy=who.policy.name,
        name=who.contact.name if who.contact else fields.get("contact_name", "")[:200],
        text=sent.get("notes", "").strip(),
        dedup=f"call|{actor}|{key}" if key else None,
        entered_by=actor,
        vouched=True,
    )


def _begins(text: str) -> datetime | None:
    """Read when announced work begins; ValueError, in a sentence, for what is no moment."""
    try:
        return local_moment(text, "UTC") if text else None
    except ValueError:
        raise ValueError("When the work begins cannot be read: give a day and a time.") from None


def _facts(policy: Policy, sent: Mapping[str, str]) -> dict[str, FactValue]:
    found: dict[str, FactValue] = {}
    for fact in facts_of(policy):
        said = sent.get(f"fact-{fact.name}", "")
        if said in fact.options:
            found[fact.name] = said if fact.name == "impact" else said == "yes"
    return found


Action = Callable[[web.Request], Awaitable[web.Response]]
CALLS: dict[tuple[str, str], Action] = {
    ("GET", "/noc/requests/new"): new_call,
    ("POST", "/noc/requests"): enter,
}
