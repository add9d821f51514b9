"""An appointment as an iCalendar object (RFC 5545, 5546): an invitation, its next version, or its cancellation.

The UID never changes and SEQUENCE grows with every change, so that a calendar replaces what it has. Times carry the
customer's zone with its rules; a local time that comes twice is given in UTC. What people wrote is text and nothing
else: it cannot add a line, a property or another attendee.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import icalendar

from monitor.domain.appointments import Appointment, AppointmentStatus

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u0085\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\x00-\x1f\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_LONGEST_LINE, _LONGEST_TEXT = 200, 4_000
STATUS = {
    AppointmentStatus.BOOKED: "CONFIRMED",
    AppointmentStatus.HELD: "CONFIRMED",
    AppointmentStatus.CANCELLED: "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who takes part."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an appointment looks like in the requester's calendar; ``domain`` (of our address) makes its UID unique."""

    appointment: Appointment
    zone: ZoneInfo
    summary: str
    domain: str
    organizer: Person
    attendee: Person | None = None
    description: str = ""
    location: str = ""
    url: str = ""


def media_type(invitation: Invitation) -> str:
    """Return the media type to send it under; mail programs act on the method in it."""
    return f"text/calendar; method={method(invitation)}; charset=utf-8"


def method(invitation: Invitation) -> str:
    """Return what a calendar is to do with it."""
    return "CANCEL" if invitation.appointment.status is AppointmentStatus.CANCELLED else "REQUEST"


def ics(invitation: Invitation) -> bytes:
    """Return the invitation, or the cancellation of a called-off appointment, ready to be attached or served."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Tocsin//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method(invitation))
    calendar.add_component(_event(invitation))
    year = invitation.appointment.starts_at.year  # its zone's rules around then are enough
    calendar.add_missing_timezones(first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written


def _event(invitation: Invitation) -> icalendar.Event:
    one = invitation.appointment
    event = icalendar.Event()
    event.add("uid", f"{one.id}@{invitation.domain}")
    event.add("sequence", one.sequence)
    event.add("dtstamp", one.updated_at.astimezone(UTC))
    event.add("created", one.created_at.astimezone(UTC))
    event.add("last-modified", one.updated_at.astimezone(UTC))
    event.add("dtstart", _local(one.starts_at, invitation.zone))
    event.add("dtend", _local(one.ends_at, invitation.zone))
    event.add("summary", _plain(invitation.summary)[:_LONGEST_LINE])
    event.add("status", STATUS[one.status])
    event.add("transp", "TRANSPARENT" if one.status is AppointmentStatus.CANCELLED else "OPAQUE")
    for name in ("description", "location"):
        if text := _plain(getattr(invitation, name))[:_LONGEST_TEXT]:
            event.add(name, text)
    if invitation.url:
        event.add("url", invitation.url)
    event.add("organizer", _person(invitation.organizer))
    if invitation.attendee is not None:
        attendee = _person(invitation.attendee)
        attendee.params["ROLE"] = "REQ-PARTICIPANT"
        attendee.params["PARTSTAT"] = "NEEDS-ACTION"
        attendee.params["RSVP"] = "TRUE"
        event.add("attendee", attendee)
    return event


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return a time in the zone; in UTC where the wall shows it twice, for TZID cannot say which."""
    local = at.astimezone(zone).replace(microsecond=0)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return at.astimezone(UTC).replace(microsecond=0) if twice else local


def _person(person: Person) -> icalendar.vCalAddress:
    if not _ADDRESS.fullmatch(person.email):
        raise ValueError("an invitation goes to a mail address")
    address = icalendar.vCalAddress(f"mailto:{person.email}")
    name = re.sub(r"[\r\n\t\"^]", " ", _plain(person.name))[:_LONGEST_LINE].strip()
    if name:
        address.params["CN"] = name
    return address


def _plain(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
