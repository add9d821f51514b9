"""What those who ask are told, as outbox rows: one mail each to the requester and to whom they copied, nobody else."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.answers import Answer, AnswerMatter, Move, answer_text, field_label
from alerts.answers import Appointment as Booked
from alerts.script import written_time
from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_URGENT, Obligation
from monitor.domain.filing import Filing, in_words
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.request_life import Case
from monitor.domain.requests import Judgement
from monitor.storage.reminders import Reminded
from monitor.storage.requests import Person

Rows = tuple[Obligation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer says beside what the request itself does.

    ``missed`` makes a reminder one of a time that has passed (``engineer_decides`` what follows), ``clause`` is what it is
    about where that is not the request's own; ``secret_found``: a credential was set apart.
    """

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
    appointment: Appointment | None = None
    missed: bool = False
    engineer_decides: bool = True
    clause: str | None = None
    secret_found: bool = False


@dataclass(slots=True, kw_only=True)
class Answers:
    """Writes answers. ``reply_to`` makes the address that replies to a request go to, if mail is taken in."""

    new_id: Callable[[], str]
    service: Callable[[], str]
    reply_to: Callable[[str, str], str | None] = lambda _reference, _key: None
    portal: Callable[[str], str | None] = lambda _reference: None
    way_in: Callable[[], str | None] = lambda: None
    urgent: Callable[[Case], bool] = field(default=lambda _case: False)

    def rows(
        self,
        kind: str,
        case: Case,
        policy: Policy | None,
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
            self._row(kind, case, matter, address, told, person, reply_key=reply_key, key=key, now=now)
            for person, address in reached
            for matter in [self._matter(case, told, person, zone_of(case, policy, inventory), inventory, now)]
            if address is not None
        )

    def _row(
        self,
        kind: str,
        case: Case,
        matter: AnswerMatter,
        address: str,
        told: Told,
        person: Person,
        *,
        reply_key: str,
        key: str,
        now: datetime,
    ) -> Obligation:
        written = answer_text(kind, matter, case.language)
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
            payload={
                **self._payload(case, told, reply_key),
                "subject": written.subject,
                "body": written.body,
                "automatic": kind != Answer.REPLIED,
            },
        )

    def _payload(self, case: Case, told: Told, reply_key: str) -> Mapping[str, Any]:
        payload: dict[str, Any] = {
            "reply_to": self.reply_to(case.reference, reply_key),
            "in_reply_to": told.in_reply_to,
            "references": told.in_reply_to,
        }
        if told.calendar is not None:
            payload["calendar"] = base64.b64encode(told.calendar).decode()
            payload["method"] = told.method
        return payload

    def reminder(
        self, reminded: Reminded, policy: Policy | None, inventory: Inventory, now: datetime
    ) -> Rows:
        """Return the mails about a duty of the customer's that is due soon, or was not done in time."""
        clock, missed = reminded.clock, reminded.missed
        said = clock.timed.due.reason if clock.timed else ""
        told = Told(
            duties=((said or clock.name.replace("_", " "), clock.limit or clock.due),),
            missed=missed,
            engineer_decides=bool(clock.timed and clock.timed.flags),
            clause=clock.timed.promise.clause if clock.timed else None,
        )
        return self.rows(
            Answer.REMINDER,
            reminded.case,
            policy,
            reminded.people,
            told,
            inventory=inventory,
            reply_key=reminded.reply_key,
            key=f"{clock.seq}|{'missed' if missed else 'due'}",
            now=now,
        )

    def _matter(
        self, case: Case, told: Told, person: Person, zone: str, inventory: Inventory, now: datetime
    ) -> AnswerMatter:
        late = () if told.missed else tuple((w, at) for w, at in told.duties if at and at < now)
        return AnswerMatter(
            service=self.service(),
            reference=case.reference,
            subject=case.subject,
            name=person.name or name_of(person, inventory),
            class_name=case.cls,
            respond_by=written_time(told.respond_by, zone) if told.respond_by else None,
            zone=zone,
            clause=told.clause or case.clause or None,
            missing=tuple(field_label(name, case.language) for name in told.missing),
            refusals=tuple(told.refusals),
            asks=tuple(told.asks),
            duties=tuple(
                (words, written_time(at, zone) if at else None)
                for words, at in told.duties
                if (words, at) not in late
            ),
            late=tuple((words, written_time(at, zone)) for words, at in late),
            charge=told.charge,
            link=self.portal(case.reference),
            way_in=self.way_in(),
            text=told.text,
            appointment=booked(told.appointment, zone) if told.appointment else None,
            missed=told.missed,
            engineer_decides=told.engineer_decides,
            secret_found=told.secret_found,
        )


def zone_of(case: Case, policy: Policy | None, inventory: Inventory) -> str:
    """Return the zone of whoever asks: that of their country's calendar, else of the calendar for everywhere else."""
    if policy is None:  # configured away since
        return "UTC"
    partner = inventory.partners.get(case.partner or "")
    try:
        calendar = policy.calendar_for(partner.country if partner else None)
    except KeyError:  # another policy's partner, or one who has moved since
        calendar = policy.house_calendar()
    return calendar.zone.key


def booked(appointment: Appointment, zone: str) -> Booked:
    """Return an appointment as it is told."""
    move = Move.MOVED if appointment.sequence else Move.BOOKED
    return Booked(
        move=Move.CANCELLED if appointment.status is AppointmentStatus.CANCELLED else move,
        starts=written_time(appointment.starts_at, zone),
        ends=written_time(appointment.ends_at, zone),
        technician=appointment.technician or "",
    )


def name_of(person: Person, inventory: Inventory) -> str:
    """Return how a registered contact is called; nothing for anybody else."""
    contacts = (contact for partner in inventory.partners.values() for contact in partner.contacts)
    return next((contact.name for contact in contacts if contact.id == person.contact), "")


def address_of(person: Person, inventory: Inventory) -> str | None:
    """Return where somebody who takes part is written to: their own address now, else the one they wrote from."""
    for partner in inventory.partners.values():
        for contact in partner.contacts:
            if contact.id == person.contact:
                return contact.email or person.email
    return person.email


def told_of(
    judgement: Judgement,
    respond_by: datetime | None,
    in_reply_to: str | None,
    *,
    secret_found: bool = False,
) -> Told:
    """Return what an answer to a new request says of its judgement."""
    charge = judgement.charge
    return Told(
        missing=judgement.missing,
        refusals=judgement.objections,
        asks=judgement.asks,
        duties=tuple((each.says or each.duty.replace("_", " "), each.due) for each in judgement.duties),
        charge=f"{charge.incidents}: {charge.because}" if charge.incidents else "",
        respond_by=respond_by,
        in_reply_to=in_reply_to,
        secret_found=secret_found,
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
