"""Planned work as an entry for a partner's own calendar (iCalendar): REQUEST when it is planned, CANCEL when it is called off."""

from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.domain.announcements import Maintenance
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
