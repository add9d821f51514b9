"""Planned work as iCalendar: an entry for a partner's own calendar (REQUEST when it is planned, CANCEL when it is called off), and many."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import icalendar

from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.invitations import Invitation, Person, ics

UID_DOMAIN = "maintenance.tocsin"
"""What makes the UID of planned work unlike anybody else's; never changed, or calendars would show it twice."""


def entry(
    work: Maintenance,
    *,
    summary: str,
    description: str,
    organizer: tuple[str, str],
    attendee: tuple[str, str],
    planned_at: datetime,
    now: datetime,
    off: bool,
    sequence: int,
) -> bytes:
    """Return the entry; one with a higher ``sequence`` replaces the one before."""
    span = Appointment(
        id=work.id,
        request="",
        starts_at=work.starts_at,
        ends_at=work.ends_at,
        status=AppointmentStatus.CANCELLED if off else AppointmentStatus.BOOKED,
        sequence=sequence,
        created_at=planned_at,
        updated_at=now,
    )
    return ics(
        Invitation(
            appointment=span,
            zone=ZoneInfo(work.zone),
            summary=summary,
            domain=UID_DOMAIN,
            organizer=Person(*organizer),
            attendee=Person(*attendee),
            description=description,
        )
    )


def calendar(works: Iterable[Maintenance], *, name: str, now: datetime) -> bytes:
    """Return many works as one calendar, each at the instants at which it is on record."""
    made = icalendar.Calendar()
    made.add("prodid", "-//Tocsin//planner//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", name)
    for work in works:
        event = icalendar.Event()
        event.add("uid", f"{work.id}@{UID_DOMAIN}")
        event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
        event.add("dtstart", work.starts_at.astimezone(UTC).replace(microsecond=0))
        event.add("dtend", work.ends_at.astimezone(UTC).replace(microsecond=0))
        event.add("summary", " ".join(work.title.split()))
        event.add("description", work.body)
        off = work.status is MaintenanceStatus.CANCELLED
        event.add("status", "CANCELLED" if off else "CONFIRMED")
        event.add("transp", "TRANSPARENT")
        made.add_component(event)
    written: bytes = made.to_ical()
    return written
