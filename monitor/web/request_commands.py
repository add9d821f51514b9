"""The commands of our own people on customers' requests, given to the casework and audited.

    form or JSON -> here -> casework | appointing -> audit

The API and the console share these, so that both allow and refuse the same things. Every one takes the id of a request
that was found for whoever asks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.appointing import Appointing
from monitor.casework import Reply
from monitor.domain.appointments import Appointment
from monitor.domain.request_life import ENDED, Case, Outcome
from monitor.errors import ConflictError
from monitor.storage import requests
from monitor.web.auth import audit
from monitor.web.parts import Parts


async def take(parts: Parts, actor: str, request: str) -> Case:
    """Make a request somebody's; one that is over is nobody's any more."""
    case = await parts.store.read(requests.get, request)
    if case.status in ENDED:
        raise ConflictError(f"a request that is {case.status} is not taken any more")
    taken = await parts.casework.take(request, actor=actor)
    await audit(parts, actor, "request.take", request)
    return taken


async def reply(parts: Parts, actor: str, request: str, said: Reply) -> Case:
    """Answer a request, or note something among ourselves."""
    case = await parts.casework.reply(request, said, actor=actor)
    await audit(parts, actor, "request.write", request, internal=said.internal, wait=said.wait)
    return case


async def resume(parts: Parts, actor: str, request: str) -> Case:
    """Go on although the customer has not written."""
    case = await parts.casework.resume(request, actor=actor)
    await audit(parts, actor, "request.resume", request)
    return case


async def triage(
    parts: Parts, actor: str, request: str, outcome: Outcome, *, text: str = "", cls: str | None = None
) -> Case:
    """Say what triage made of it."""
    case = await parts.casework.triage(request, outcome, actor=actor, text=text, cls=cls)
    await audit(parts, actor, "request.triage", request, outcome=str(outcome), cls=cls)
    return case


async def reclass(parts: Parts, actor: str, request: str, cls: str, *, why: str) -> Case:
    """Give a request another class, with a reason."""
    case = await parts.casework.reclass(request, cls, actor=actor, why=why)
    await audit(parts, actor, "request.class", request, cls=cls)
    return case


async def close(parts: Parts, actor: str, request: str, *, text: str = "") -> Case:
    """Close a request for good."""
    case = await parts.casework.close(request, actor=actor, text=text)
    await audit(parts, actor, "request.close", request)
    return case


async def pass_on(parts: Parts, actor: str, request: str, name: str) -> Case:
    """Pass a request on to whom its policy names."""
    case = await parts.casework.pass_on(request, name, actor=actor)
    await audit(parts, actor, "request.pass_on", request, name=name)
    return case


async def duty_done(parts: Parts, actor: str, request: str, duty: str, *, text: str = "") -> Case:
    """Say that the customer did what they had to."""
    case = await parts.casework.duty_done(request, duty, actor=actor, text=text)
    await audit(parts, actor, "request.duty_done", request, duty=duty)
    return case


async def complete(
    parts: Parts, actor: str, request: str, fields: Mapping[str, object], *, text: str
) -> bool:
    """Fill in what was missing, as the customer says it; True if nothing is missing any more."""
    whole = await parts.desk.complete(request, fields, actor=actor, text=text)
    await audit(parts, actor, "request.complete", request, whole=whole)
    return whole


async def settle_flag(parts: Parts, actor: str, request: str, *, text: str) -> Case:
    """Say what was decided about what is flagged."""
    case = await parts.casework.settle_flag(request, actor=actor, text=text)
    await audit(parts, actor, "request.settle_flag", request)
    return case


async def reveal(parts: Parts, actor: str, request: str, secret: str, *, reason: str) -> str:
    """Read a credential that was kept apart; who tried and why is on record before it is shown."""
    await audit(parts, actor, "credential.read", request, reason=reason)
    return await parts.casework.reveal(request, secret, actor=actor, reason=reason)


async def book(
    parts: Parts,
    actor: str,
    request: str,
    starts_at: datetime,
    *,
    minutes: int | None = None,
    technician: str | None = None,
) -> Appointment:
    """Book an appointment; whoever takes part is invited."""
    made = await Appointing(desk=parts.desk).book(
        request, starts_at, actor=actor, length=length(minutes), technician=technician
    )
    await audit(parts, actor, "appointment.book", made.id, request=request)
    return made


async def move(
    parts: Parts,
    actor: str,
    request: str,
    appointment: str,
    starts_at: datetime,
    *,
    minutes: int | None = None,
    technician: str | None = None,
) -> Appointment:
    """Move an appointment, perhaps to another technician."""
    moved = await Appointing(desk=parts.desk).move(
        request, appointment, starts_at, actor=actor, length=length(minutes), technician=technician
    )
    await audit(parts, actor, "appointment.move", moved.id, request=request)
    return moved


async def cancel(parts: Parts, actor: str, request: str, appointment: str) -> Appointment:
    """Call an appointment off."""
    off = await Appointing(desk=parts.desk).cancel(request, appointment, actor=actor)
    await audit(parts, actor, "appointment.cancel", off.id, request=request)
    return off


async def held(
    parts: Parts, actor: str, request: str, appointment: str, held_from: datetime, held_to: datetime
) -> Appointment:
    """Say when an appointment was really held; what it cost is charged once."""
    done = await Appointing(desk=parts.desk).hold(request, appointment, held_from, held_to, actor=actor)
    await audit(parts, actor, "appointment.held", done.id, request=request)
    return done


def length(minutes: int | None) -> timedelta | None:
    """Return how long an appointment is, if it was said."""
    return None if minutes is None else timedelta(minutes=minutes)
