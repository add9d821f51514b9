"""Who is on call when, for people to read: each rotation with its stretches, gaps and hand-overs over some days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.decisions import rfc3339
from monitor.domain.inventory import OnCall
from monitor.domain.rota import GAP, HandOver, Stretch, hand_overs

LOOK_AHEAD = timedelta(days=92)
"""How far ahead the next hand-over is looked for, however few days are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One rotation from a moment on: the stretch it is in, those that follow, the next hand-over, the gaps."""

    rotation: str
    now: Stretch
    stretches: tuple[Stretch, ...]
    next: HandOver | None
    gaps: tuple[Stretch, ...]


def duties(on_call: OnCall, start: datetime, end: datetime) -> tuple[Duty, ...]:
    """Return who is on call from ``start`` to ``end``, rotation by rotation."""
    return tuple(_duty(on_call, name, start, end) for name in on_call.names)


def _duty(on_call: OnCall, name: str, start: datetime, end: datetime) -> Duty:
    stretches = on_call.timeline(name, start, end)
    further = on_call.timeline(name, start, max(end, start + LOOK_AHEAD))
    return Duty(
        rotation=name,
        now=stretches[0],
        stretches=stretches,
        next=next(iter(hand_overs(name, further)), None),
        gaps=tuple(one for one in stretches if one.why == GAP),
    )


def next_on_call(on_call: OnCall, engineer: str, start: datetime, end: datetime) -> str | None:
    """Return whom an engineer hands over to: who follows them on the rota, else who is on call now, else nobody."""
    for duty in duties(on_call, start, end):
        for one in hand_overs(duty.rotation, duty.stretches):
            if one.leaving == engineer:
                return one.arriving
    now = on_call.at(start)
    return now.id if now and now.id != engineer else None


def as_json(on_call: OnCall, start: datetime, end: datetime) -> dict[str, Any]:
    """Return who is on call as the API and ``tocsin oncall --json`` say it."""
    return {
        "from": rfc3339(start),
        "to": rfc3339(end),
        "fallback": on_call.fallback,
        "rotations": [_duty_as_json(duty) for duty in duties(on_call, start, end)],
        "overrides": [
            {
                "id": shift.id or None,
                "rotation": shift.rotation or on_call.default,
                "engineer": shift.engineer,
                "from": rfc3339(shift.start),
                "to": rfc3339(shift.end),
                "by": shift.by or None,
                "note": shift.note,
            }
            for shift in on_call.overrides
            if shift.end > start and shift.start < end
        ],
    }


def _duty_as_json(duty: Duty) -> dict[str, Any]:
    return {
        "name": duty.rotation,
        "engineer": duty.now.engineer,
        "why": duty.now.why,
        "next": {
            "at": rfc3339(duty.next.at),
            "leaving": duty.next.leaving,
            "arriving": duty.next.arriving,
        }
        if duty.next
        else None,
        "shifts": [_stretch(one) for one in duty.stretches],
        "gaps": [{"from": rfc3339(one.start), "to": rfc3339(one.end)} for one in duty.gaps],
    }


def _stretch(one: Stretch) -> dict[str, Any]:
    return {"from": rfc3339(one.start), "to": rfc3339(one.end), "engineer": one.engineer, "why": one.why}
