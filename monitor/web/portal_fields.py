"""What the portal's form asks for: the policy's required fields first, in its order, then those that help, then ours.

    rules about the portal -> asked now | asked in some cases (which, as a hint) | would help -> one widget each

A rule about other channels, or about a case that the form cannot become, asks for nothing here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory, System
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Matter, Request, look_at
from monitor.domain.request_rules import Case, Requirement
from monitor.web.portal_frame import Self
from monitor.web.render import words

BY = "portal"
RELATED = "related_case"
MOST_CHOICES = 200
"""Of more systems none is offered in a list: its serial is typed."""
LONG = frozenset(
    {
        "message", "description", "reproduction", "steps", "question", "resources_consulted", "address", "diagnostics",
        "traces", "apps", "firmware_versions", "screenshots",
    }
)  # fmt: skip
TITLES = frozenset({"subject", "question", "message", "description"})
TYPES = {"contact_email": "email", "contact_phone": "tel"}
YES_NO = frozenset({"english_ok"})
OURS = frozenset({"symptom", "impact", "workaround", "planned_start", "copied", "key", "csrf"})
"""Names of the form that are no fields of the request."""
IMPACTS = ("none", "limited", "restricted", "severe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of the form. ``how`` is which widget; ``options`` are (value, words)."""

    name: str
    label: str
    how: str = "line"
    type: str = "text"
    required: bool = False
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The form: what must be said, what helps, and what only some requests need."""

    required: tuple[Field, ...]
    helpful: tuple[Field, ...]
    kind: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a policy knows: its classes with their words, and the kinds of inquiry it tells apart."""

    classes: tuple[tuple[str, str], ...]
    inquiries: tuple[str, ...]


def asked_of(policy: Policy) -> Words:
    """Return the words that a policy's own rules know."""
    rules = policy.requests
    said: dict[str, list[str]] = {name: [] for name in policy.classes}
    for word, name in rules.priorities.items():
        if word != name.replace("_", " "):
            said[name].append(word)
    classes = tuple(
        (name, words(name).capitalize() + (f" ({', '.join(known)})" if known else ""))
        for name, known in said.items()
    )
    of_scope = (kind for rule in rules.scope for kind in rule.case.inquiry_types)
    return Words(classes=classes, inquiries=tuple(sorted({*rules.symptoms, *of_scope})))


def questions(
    me: Self, inventory: Inventory, systems: Iterable[System], now: datetime, given: Request | None = None
) -> Questions:
    """Return what the form asks this person, as far as ``given`` says what it is about."""
    policy, known = me.policy, tuple(systems)
    request = given or Request(channel=BY, partner=me.partner.id, contact=me.contact.id)
    matter = look_at(policy, request, inventory, now)
    vocabulary = asked_of(policy)
    needed, conditional = _asked(matter, policy.requests.required, me)
    helps, perhaps = _asked(matter, policy.requests.wanted, me)
    required = [
        replace(field_of(name, vocabulary, me, known), required=not hint, hint=hint)
        for name, hint in needed.items()
    ]
    shown = set(needed)
    helpful = []
    for name, hint in {**conditional, **helps, **perhaps}.items():
        if name not in shown:
            shown.add(name)
            helpful.append(replace(field_of(name, vocabulary, me, known), hint=hint))
    helpful.extend(field_of(name, vocabulary, me, known) for name in _ours(policy, shown, known))
    return Questions(required=tuple(required), helpful=tuple(helpful), kind=tuple(_kind(policy, me)))


def _asked(matter: Matter, rules: Iterable[Requirement], me: Self) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields asked for now, and those asked for in other cases, each with a hint."""
    now: dict[str, str] = {}
    sometimes: dict[str, str] = {}
    for rule in rules:
        if rule.case.channels and BY not in rule.case.channels:
            continue
        either = f"one of these is enough: {', '.join(map(me.label, rule.fields))}" if rule.any_of else ""
        if matter.is_case(rule.case):
            for name in rule.fields:
                now.setdefault(name, either)
        elif case := "; ".join(_cases(rule.case, me)):
            for name in rule.fields:
                sometimes.setdefault(name, f"needed {case}")
    return now, sometimes


def _cases(case: Case, me: Self) -> Iterator[str]:
    """Say in which cases a rule is about a request that the form can still become."""
    for said, them in (
        ("for class", case.classes),
        ("for", frozenset(words(each) for each in case.symptoms)),
        ("for inquiries about", case.inquiry_types),
    ):
        if them:
            yield f"{said} {', '.join(sorted(them))}"
    for name, known in case.mentions.items():
        label = me.label(name)
        yield f"where {label!r} says {' or '.join(known)}" if known else f"where {label!r} is given"


def _ours(policy: Policy, shown: set[str], systems: tuple[System, ...]) -> Iterator[str]:
    """Yield what is asked besides: a text, where it is, how urgent it is, what it goes on from."""
    if not shown & TITLES:
        yield from ("subject", "message")
    if systems and "system" not in shown:
        yield "system"
    if "requester" in policy.requests.class_by and "priority" not in shown:
        yield "priority"
    if asked_of(policy).inquiries and "inquiry_type" not in shown:
        yield "inquiry_type"
    if RELATED not in shown:
        yield RELATED


def field_of(name: str, known: Words, me: Self, systems: tuple[System, ...]) -> Field:
    """Return the widget that a field is asked by."""
    label = me.label(name)
    if name == "system" and 0 < len(systems) <= MOST_CHOICES:
        options = tuple((s.serial, f"{s.serial} · {s.name}" if s.name else s.serial) for s in systems)
        return Field(name=name, label=label, how="choice", options=options)
    if name == "priority":
        return Field(name=name, label=label, how="choice", options=known.classes)
    if name in YES_NO:
        return Field(name=name, label=label, how="choice", options=(("yes", "Yes"), ("no", "No")))
    if name == "inquiry_type":
        return Field(name=name, label=label, suggestions=known.inquiries)
    return Field(name=name, label=label, how="text" if name in LONG else "line", type=TYPES.get(name, "text"))


def _kind(policy: Policy, me: Self) -> Iterator[Field]:
    """Yield what the policy's rules tell classes by, where it has rules."""
    if "rules" in policy.requests.class_by and policy.rules:
        known = tuple((str(each), words(each).capitalize()) for each in Symptom)
        yield Field(name="symptom", label="What kind of problem is it?", how="choice", options=known)
        if policy.asks_for("impact"):
            impacts = tuple((each, each.capitalize()) for each in IMPACTS)
            yield Field(
                name="impact", label="How badly is your work affected?", how="choice", options=impacts
            )
        if policy.asks_for("workaround"):
            yes_no = (("yes", "Yes, there is one"), ("no", "No, there is none"))
            yield Field(name="workaround", label="Is there a way around it?", how="choice", options=yes_no)
    if any(duty.notice is not None for duty in policy.requests.duties):
        yield Field(
            name="planned_start",
            label="When does work that you announce begin?",
            type="datetime-local",
            hint=f"only for work that you announce; on the clock of {me.zone.key}",
        )


def prefilled(me: Self, inventory: Inventory) -> dict[str, str]:
    """Return what we know already of whoever asks."""
    licence = inventory.licences.get(me.contact.licence or "")
    agreed = me.contact.english_ok
    known = {
        "contact_name": me.contact.name,
        "contact_phone": me.contact.phone,
        "contact_email": me.contact.email,
        "company": me.partner.name,
        "account_id": me.contact.account_id or (licence.account_id if licence else None),
        "product": licence.product if licence else None,
        "english_ok": None if agreed is None else "yes" if agreed else "no",
    }
    return {name: value for name, value in known.items() if value}
