"""The REST API of a request's appointments: seen by whom the request belongs to, made by our own people."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import Field

from monitor.appointing import Appointing
from monitor.domain.appointments import AppointmentStatus
from monitor.storage import appointments
from monitor.web import api_models as m
from monitor.web import request_commands as commands
from monitor.web.api import actor, of
from monitor.web.api_inputs import ById, Id, In, Moment, Word
from monitor.web.api_requests import visible_case
from monitor.web.auth import nothing_there
from monitor.web.openapi import Api

Minutes = Annotated[int, Field(ge=1, le=24 * 60)]
HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class Appointment(m.Out):
    """An appointment; ``sequence`` counts its changes."""

    id: str
    request: str
    status: AppointmentStatus
    technician: str | None
    starts_at: datetime
    ends_at: datetime
    held_from: datetime | None
    held_to: datetime | None
    sequence: int


class Slot(m.Out):
    """A moment that can be offered; ``within_goal`` is false for those between the goal and the limit."""

    start: datetime
    end: datetime
    within_goal: bool


class SlotQuery(ById):
    """Whose time, and how long; the policy's length if left out."""

    technician: Word | None = None
    minutes: Minutes | None = None


class NewAppointment(In):
    """When an appointment begins, how long it is, and who goes."""

    starts_at: Moment
    minutes: Minutes | None = None
    technician: Word | None = None


class Held(In):
    """When an appointment was really held, ``[held_from, held_to)``."""

    held_from: Moment
    held_to: Moment


class OneAppointment(ById):
    """One appointment of a request."""

    appointment: Id


def add_appointments(api: Api) -> None:
    """Declare the appointments of a request."""

    @api.route("GET", "/api/v1/requests/{id}/appointments", errors=(404,))
    async def list_appointments(request: web.Request, params: ById) -> m.Listing[Appointment]:
        """List a request's appointments, oldest first."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(appointments.of_request, case.id)
        return m.Listing(items=[Appointment.model_validate(each) for each in found])

    @api.route("GET", "/api/v1/requests/{id}/appointment.ics", errors=(404,))
    async def get_appointment_ics(request: web.Request, params: ById) -> web.Response:
        """Fetch a request's newest appointment for a calendar (iCalendar)."""
        return await appointment_ics(request, params.id)

    @api.route("GET", "/api/v1/requests/{id}/slots", errors=(404, 409))
    async def list_slots(request: web.Request, params: SlotQuery) -> m.Listing[Slot]:
        """List the moments that can be offered within what is promised."""
        case = await visible_case(request, params.id)
        found = await _appointing(request).slots(
            case.id, technician=params.technician, length=commands.length(params.minutes)
        )
        return m.Listing(items=[Slot.model_validate(each) for each in found])

    @api.route("POST", "/api/v1/requests/{id}/appointments", status=201, errors=(404, 409))
    async def book_appointment(request: web.Request, params: ById, body: NewAppointment) -> Appointment:
        """Book an appointment; whoever takes part is invited by mail."""
        case = await visible_case(request, params.id)
        made = await commands.book(
            of(request),
            actor(request),
            case.id,
            body.starts_at,
            minutes=body.minutes,
            technician=body.technician,
        )
        return Appointment.model_validate(made)

    @api.route("POST", "/api/v1/requests/{id}/appointments/{appointment}/move", errors=(404, 409))
    async def move_appointment(
        request: web.Request, params: OneAppointment, body: NewAppointment
    ) -> Appointment:
        """Move an appointment, perhaps to another technician; the calendar entry moves with it."""
        case = await visible_case(request, params.id)
        moved = await commands.move(
            of(request),
            actor(request),
            case.id,
            params.appointment,
            body.starts_at,
            minutes=body.minutes,
            technician=body.technician,
        )
        return Appointment.model_validate(moved)

    @api.route("POST", "/api/v1/requests/{id}/appointments/{appointment}/cancel", errors=(404, 409))
    async def cancel_appointment(request: web.Request, params: OneAppointment) -> Appointment:
        """Call an appointment off; the calendar entry is cancelled."""
        case = await visible_case(request, params.id)
        off = await commands.cancel(of(request), actor(request), case.id, params.appointment)
        return Appointment.model_validate(off)

    @api.route("POST", "/api/v1/requests/{id}/appointments/{appointment}/held", errors=(404, 409))
    async def hold_appointment(request: web.Request, params: OneAppointment, body: Held) -> Appointment:
        """Say when an appointment was really held; what it cost is charged once."""
        case = await visible_case(request, params.id)
        held = await commands.held(
            of(request), actor(request), case.id, params.appointment, body.held_from, body.held_to
        )
        return Appointment.model_validate(held)


async def appointment_ics(request: web.Request, id_: str) -> web.Response:
    """Return a request's newest appointment as iCalendar, if the request exists for whoever asks and has one."""
    case = await visible_case(request, id_)
    content = await _appointing(request).ics(case.id)
    if content is None:
        raise nothing_there()
    disposition = {"Content-Disposition": f'attachment; filename="{case.reference}.ics"'}
    return web.Response(
        body=content, content_type="text/calendar", charset="utf-8", headers={**HEADERS, **disposition}
    )


def _appointing(request: web.Request) -> Appointing:
    return Appointing(desk=of(request).desk)
