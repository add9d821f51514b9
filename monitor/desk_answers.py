"""What those who ask are told, as outbox rows: one mail each to the requester and to whom they copied, nobody else."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.answers import AnswerMatter, answer_text, field_label
from alerts.script import written_time
from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_URGENT, Obligation
from monitor.domain.filing import Filing, in_words
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.request_life import Case
from monitor.domain.requests import Judgement
from monitor.storage.requests import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer says beside what the request itself does."""

    text: str = ""
    missing: Sequence[str] = ()
    refusals: Sequence[str] = ()
    asks: Sequence[str] = ()
    duties: Sequence[tuple[str, datetime | None]] = ()
    charge: str = ""
    respond_by: datetime | None = None
    calendar: bytes | None = None
    method: str = "REQUEST"
    in_reply_to: str | None = None


@dataclass(slots=True, kw_only=True)
class Answers:
    """Writes answers. ``reply_to`` makes the address that replies to a request go to, if mail is taken in."""

    new_id: Callable[[], str]
    service: Callable[[], str]
    reply_to: Callable[[str, str], str | None] = lambda _reference, _key: None
    portal: Callable[[str], str | None] = lambda _reference: None
    urgent: Callable[[Case], bool] = field(default=lambda _case: False)

    def rows(
        self,
        kind: str,
        case: Case,
        policy: Policy,
        people: Sequence[Person],
        told: Told,
        *,
        inventory: Inventory,
        reply_key: str,
        key: str,
        now: datetime,
    ) -> tuple[Obligation, ...]:
        """Return one mail for everybody who takes part and has an address; ``key`` makes each exist once."""
        reached = [(person, address_of(person, inventory)) for person in people]
        return tuple(
            self._row(kind, case, policy, address, told, person, reply_key=reply_key, key=key, now=now)
            for person, address in reached
            if address is not None
        )

    def _row(
        self,
        kind: str,
        case: Case,
        policy: Policy,
        address: str,
        told: Told,
        person: Person,
        *,
        reply_key: str,
        key: str,
        now: datetime,
    ) -> Obligation:
        written = answer_text(kind, self._matter(case, policy, told, person), case.language)
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=None,
            request=case.id,
            kind="answer",
            channel="mail",
            dedup=f"{case.id}|answer|{kind}|{key}|{address}",
            partner=case.partner,
            contact=person.contact,
            recipient=address,
            language=case.language,
            priority=PRIORITY_URGENT if self.urgent(case) else PRIORITY_NORMAL,
            not_before=now,
            payload=self._payload(case, told, written.subject, written.body, reply_key),
        )

    def _payload(self, case: Case, told: Told, subject: str, body: str, reply_key: str) -> Mapping[str, Any]:
        payload: dict[str, Any] = {
            "subject": subject,
            "body": body,
            "reply_to": self.reply_to(case.reference, reply_key),
            "in_reply_to": told.in_reply_to,
            "references": told.in_reply_to,
        }
        if told.calendar is not None:
            payload["calendar"] = base64.b64encode(told.calendar).decode()
            payload["method"] = told.method
        return payload

    def _matter(self, case: Case, policy: Policy, told: Told, person: Person) -> AnswerMatter:
        zone = policy.house_calendar().zone.key
        return AnswerMatter(
            service=self.service(),
            reference=case.reference,
            subject=case.subject,
            name=person.name or "",
            class_name=case.cls,
            respond_by=written_time(told.respond_by, zone) if told.respond_by else None,
            zone=zone,
            clause=case.clause or None,
            missing=tuple(field_label(name, case.language) for name in told.missing),
            refusals=tuple(told.refusals),
            asks=tuple(told.asks),
            duties=tuple((words, written_time(at, zone) if at else None) for words, at in told.duties),
            charge=told.charge,
            link=self.portal(case.reference),
            text=told.text,
        )


def address_of(person: Person, inventory: Inventory) -> str | None:
    """Return where somebody who takes part is written to: their own address now, else the one they wrote from."""
    for partner in inventory.partners.values():
        for contact in partner.contacts:
            if contact.id == person.contact:
                return contact.email or person.email
    return person.email


def told_of(judgement: Judgement, respond_by: datetime | None, in_reply_to: str | None) -> Told:
    """Return what an answer to a new request says of its judgement."""
    return Told(
        missing=judgement.missing,
        refusals=judgement.objections,
        asks=judgement.asks,
        duties=tuple((each.says or each.duty.replace("_", " "), each.due) for each in judgement.duties),
        charge=judgement.charge.because if judgement.charge.incidents else "",
        respond_by=respond_by,
        in_reply_to=in_reply_to,
    )


def passed_on(
    case: Case,
    to: str,
    name: str,
    address: str | None,
    filing: Filing,
    new_id: Callable[[], str],
    now: datetime,
) -> Obligation:
    """Return the mail by which a request is passed on to somebody outside (mission P8, P9)."""
    lines = [f"{key}: {in_words(value)}" for key, value in filing.request.fields.items() if in_words(value)]
    body = "\n".join([f"{name}: {case.reference}", "", *lines, "", filing.text]).strip()
    return Obligation(
        id=f"out_{new_id()}",
        incident=None,
        request=case.id,
        kind="forward",
        channel="mail",
        dedup=f"{case.id}|forward|{name}|{to}",
        partner=None,
        contact=None,
        recipient=address,
        language=case.language,
        priority=PRIORITY_NORMAL,
        not_before=now,
        reason="" if address else f"no address is configured for {to!r} (forward_to)",
        payload={"subject": f"[{case.reference}] {name}: {case.subject}", "body": body},
    )
