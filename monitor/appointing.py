"""Appointments of requests: what is offered, who is invited, what one cost.

    triage says appointment -> moments within what is promised -> booked, moved, called off: a mail with iCalendar
        -> held: charged by how long it really took

Works for requests that whoever asks was allowed to see; by the edition of the policy they came in under.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from monitor.desk import Desk
from monitor.desk_answers import Told, address_of, name_of
from monitor.domain.appointments import Appointment, Slot, free_slots, promised
from monitor.domain.calendars import Calendar
from monitor.domain.clocks import Promise
from monitor.domain.contacts import Obligation
from monitor.domain.ledger import Stamp
from monitor.domain.policy import Policy
from monitor.domain.request_life import Case
from monitor.domain.request_rules import AppointmentRule
from monitor.errors import ConflictError, NotFoundError
from monitor.invitations import Invitation, method
from monitor.invitations import Person as Guest
from monitor.invitations import ics as written
from monitor.storage import appointment_moves as moves
from monitor.storage import appointments
from monitor.storage import requests as book
from monitor.storage.requests import Person

UID_DOMAIN = "appointments.tocsin"
"""What makes the UID of an appointment unlike anybody else's; never changed, or calendars would show it twice."""
NOWHERE = "tocsin.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What is known of a request when an appointment is told about."""

    case: Case
    policy: Policy
    people: Sequence[Person]
    reply_key: str


@dataclass(slots=True, kw_only=True)
class Appointing:
    """Makes appointments for what the desk took in."""

    desk: Desk

    async def slots(
        self, request: str, *, technician: str | None = None, length: timedelta | None = None
    ) -> tuple[Slot, ...]:
        """Return the moments that can be offered within what is promised, counted from when the request came."""
        meeting = await self._meeting(request)
        rule, calendar = _rule(meeting.policy), self._calendar(meeting)
        now = self.desk.clock()
        within = promised(self._promise(meeting, rule), calendar, meeting.case.received_at)
        if within is None or within.limit < now:
            return ()
        busy = (
            await self.desk.store.read(
                appointments.busy, technician, now, within.limit + (length or timedelta(seconds=rule.length))
            )
            if technician
            else ()
        )
        return free_slots(rule, calendar, within, now=now, busy=busy, length=length)

    async def book(
        self,
        request: str,
        starts_at: datetime,
        *,
        actor: str,
        length: timedelta | None = None,
        technician: str | None = None,
        id_: str | None = None,
    ) -> Appointment:
        """Book an appointment and invite whoever takes part; with an ``id_`` it is made once."""
        meeting, now = await self._meeting(request), self.desk.clock()
        starts_at = starts_at.astimezone(UTC)
        if starts_at < now:
            raise ConflictError("an appointment is made for a time to come")
        wanted = Appointment(
            id=id_ or f"apt_{self.desk.new_id()}",
            request=request,
            starts_at=starts_at,
            ends_at=starts_at + (length or timedelta(seconds=_rule(meeting.policy).length)),
            technician=technician,
            created_at=now,
            updated_at=now,
        )
        owed = self._owed(meeting)
        made = await self.desk.store.write(moves.book, wanted, now=now, actor=actor, owed=owed)
        return self._rung(made)

    async def move(
        self,
        request: str,
        id_: str,
        starts_at: datetime,
        *,
        actor: str,
        length: timedelta | None = None,
        technician: str | None = None,
    ) -> Appointment:
        """Move an appointment; it keeps its length unless another is given."""
        meeting, now = await self._meeting(request), self.desk.clock()
        before = await self._of(request, id_)
        starts_at = starts_at.astimezone(UTC)
        if starts_at < now:
            raise ConflictError("an appointment is moved to a time to come")
        ends_at = starts_at + (length or before.ends_at - before.starts_at)
        after = await self.desk.store.write(
            moves.move,
            id_,
            starts_at=starts_at,
            ends_at=ends_at,
            technician=technician,
            now=now,
            actor=actor,
            owed=self._owed(meeting),
        )
        return self._rung(after)

    async def cancel(self, request: str, id_: str, *, actor: str) -> Appointment:
        """Call an appointment off, and tell whoever takes part."""
        meeting = await self._meeting(request)
        await self._of(request, id_)
        off = await self.desk.store.write(
            moves.cancel, id_, now=self.desk.clock(), actor=actor, owed=self._owed(meeting)
        )
        return self._rung(off)

    async def hold(
        self, request: str, id_: str, held_from: datetime, held_to: datetime, *, actor: str
    ) -> Appointment:
        """Put on record when an appointment was really held; what it costs is charged once."""
        meeting, now = await self._meeting(request), self.desk.clock()
        await self._of(request, id_)
        rule = meeting.policy.requests.charges.get(_rule(meeting.policy).cls)
        partner = meeting.case.partner
        stamp = (
            Stamp(id=f"led_{self.desk.new_id()}", partner=partner, at=now, actor=actor) if partner else None
        )
        held = await self.desk.store.write(
            moves.hold,
            id_,
            held_from=held_from.astimezone(UTC),
            held_to=held_to.astimezone(UTC),
            now=now,
            actor=actor,
            stamp=stamp,
            rule=rule,
        )
        return self._rung(held)

    async def ics(self, request: str, id_: str | None = None) -> bytes | None:
        """Return an appointment of a request (the newest, if none is named) as iCalendar; None if there is none."""
        meeting = await self._meeting(request)
        made = await self.desk.store.read(appointments.of_request, request)
        found = next((one for one in reversed(made) if id_ in (None, one.id)), None)
        return written(self._invitation(meeting, found)) if found else None

    def _owed(self, meeting: Meeting) -> moves.Owed:
        def owed(one: Appointment) -> Sequence[Obligation]:
            invitation = self._invitation(meeting, one)
            told = Told(appointment=one, calendar=written(invitation), method=method(invitation))
            return self.desk.answers.rows(
                "appointment",
                meeting.case,
                meeting.policy,
                meeting.people,
                told,
                inventory=self.desk.world.in_force.inventory,
                reply_key=meeting.reply_key,
                key=f"{one.id}|{one.sequence}",
                now=one.updated_at,
            )

        return owed

    def _invitation(self, meeting: Meeting, one: Appointment) -> Invitation:
        inventory, answers = self.desk.world.in_force.inventory, self.desk.answers
        case = meeting.case
        link = answers.portal(case.reference) or ""
        host = urlsplit(link).hostname or NOWHERE
        requester = meeting.people[0] if meeting.people else None
        address = address_of(requester, inventory) if requester else None
        organizer = answers.reply_to(case.reference, meeting.reply_key) or f"noreply@{host}"
        return Invitation(
            appointment=one,
            zone=self._calendar(meeting).zone,
            summary=f"[{case.reference}] {case.subject}",
            domain=UID_DOMAIN,
            organizer=Guest(answers.service(), organizer),
            attendee=Guest(requester.name or name_of(requester, inventory), address)
            if requester and address
            else None,
            url=link,
        )

    async def _meeting(self, request: str) -> Meeting:
        store = self.desk.store
        case = await store.read(book.get, request)
        _, _, reply_key = await store.read(book.record_of, request)
        return Meeting(
            case=case,
            policy=await self.desk.edition_of(case),
            people=await store.read(book.people_of, request),
            reply_key=reply_key,
        )

    async def _of(self, request: str, id_: str) -> Appointment:
        one = await self.desk.store.read(appointments.known, id_)
        if one is None or one.request != request:
            raise NotFoundError(f"there is no appointment {id_} of this request")
        return one

    def _calendar(self, meeting: Meeting) -> Calendar:
        partner = self.desk.world.in_force.inventory.partners.get(meeting.case.partner or "")
        try:
            return meeting.policy.calendar_for(partner.country if partner else None)
        except KeyError:  # a country that this edition does not serve
            return meeting.policy.house_calendar()

    def _promise(self, meeting: Meeting, rule: AppointmentRule) -> Promise:
        partner = self.desk.world.in_force.inventory.partners.get(meeting.case.partner or "")
        return meeting.policy.promise(rule.cls, partner.plan if partner else None)

    def _rung(self, one: Appointment) -> Appointment:
        self.desk.ring(one.request)
        return one


def _rule(policy: Policy) -> AppointmentRule:
    rule = policy.requests.appointments
    if rule is None:
        raise ConflictError(f"policy {policy.name} serves nothing by appointment (requests.appointments)")
    return rule
