"""Makes rotas of what the configuration says, and finds where nobody would be on call."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from monitor.domain import rota
from monitor.domain.inventory import OnCall
from monitor.domain.rota import Rotation, Shift
from monitor.settings import models

HORIZON = timedelta(days=400)
"""How far ahead a rotation must have somebody."""
ONLY = "on-call"
"""What the rotation is called that has no name."""


def rotations(given: models.OnCallIn, zone: str) -> tuple[Rotation, ...]:
    """Make the rotations, the one that pages go by first; an anchor with an offset is put into its rotation's zone."""
    lone = (given.rotation,) if given.rotation else ()
    return tuple(_rotation(one, zone) for one in (*lone, *given.rotations))


def _rotation(given: models.RotationIn, zone: str) -> Rotation:
    zone = given.zone or zone
    return Rotation(
        name=given.name or ONLY,
        zone=zone,
        anchor=None if given.anchor is None else rota.local(given.anchor, zone),
        every=given.every,
        order=given.order,
    )


def shifts(given: models.OnCallIn, zone: str) -> tuple[Shift, ...]:
    """Make the listed shifts of all rotations."""
    lone = (given.rotation,) if given.rotation else ()
    return tuple(
        _shift(shift, one.zone or zone, one.name or ONLY)
        for one in (*lone, *given.rotations)
        for shift in one.shifts
    )


def overrides(given: models.OnCallIn, made: tuple[Rotation, ...], zone: str) -> tuple[Shift, ...]:
    """Make the overrides, their times read in the zone of the rotation they are for."""
    zones = {one.name: one.zone for one in made}
    first = made[0].zone if made else zone
    return tuple(
        _shift(one, zones.get(one.rotation or "", first), one.rotation or "") for one in given.overrides
    )


def _shift(given: models.ShiftIn, zone: str, rotation: str) -> Shift:
    return Shift(
        engineer=given.engineer,
        start=rota.instant(given.start, zone),
        end=rota.instant(given.end, zone),
        rotation=rotation,
    )


def gaps(on_call: OnCall, now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield the first stretch of each rotation, from ``now`` on, in which nobody is on call."""
    for name in on_call.names:
        stretches = on_call.timeline(name, now, now + HORIZON)
        gap = next((one for one in stretches if one.engineer is None), None)
        if gap is not None:
            yield name, gap.start, gap.end
