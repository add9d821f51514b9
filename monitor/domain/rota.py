"""Whose turn it is: rotations by the wall clock of their zone, listed shifts, and overrides that stand over both.

A shift over the change to summer time is an hour shorter, and 09:00 stays 09:00. A local time that a change skips means
the moment after the gap; one that comes twice, the first. Nothing is worked out beforehand: any moment may be asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from monitor.domain import walltime

OVERRIDE, LISTED, ROTATION, FALLBACK, GAP = "override", "shift", "rotation", "fallback", "gap"
"""Why somebody is on call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``engineer`` (an id) is on call in ``[start, end)``, UTC instants; ``rotation`` empty: by the first one.

    ``id``, ``by`` and ``note`` belong to an override that somebody put on record.
    """

    engineer: str
    start: datetime
    end: datetime
    rotation: str = ""
    id: str = ""
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Who hands over to whom: ``anchor`` is a naive local time in ``zone``, ``every`` in seconds of the wall clock.

    One without an ``order`` has listed shifts only.
    """

    name: str
    zone: str = "UTC"
    anchor: datetime | None = None
    every: float = 7 * 86_400.0
    order: tuple[str, ...] = ()

    def shift_at(self, at: datetime) -> Shift | None:
        """Return the turn an instant falls into; None before the anchor."""
        if self.anchor is None or not self.order:
            return None
        step = timedelta(seconds=self.every)
        guess = (local(at, self.zone) - self.anchor) // step
        # around a change of the clocks the wall clock may be a turn off
        for number in (guess, guess - 1, guess + 1, guess - 2, guess + 2):
            shift = self._turn(number)
            if shift is not None and shift.start <= at < shift.end:
                return shift
        return None

    def _turn(self, number: int) -> Shift | None:
        assert self.anchor is not None, "asked for a turn of a rotation that has none"
        if number < 0:
            return None
        step = timedelta(seconds=self.every)
        return Shift(
            engineer=self.order[number % len(self.order)],
            start=instant(self.anchor + number * step, self.zone),
            end=instant(self.anchor + (number + 1) * step, self.zone),
            rotation=self.name,
        )

    def shifts(self, start: datetime, end: datetime) -> Iterator[Shift]:
        """Yield the turns that touch ``[start, end)``, in order."""
        if self.anchor is None or not self.order:
            return
        step = timedelta(seconds=self.every)
        number = max(0, (local(start, self.zone) - self.anchor) // step - 2)
        while (shift := self._turn(number)) is not None and shift.start < end:
            if shift.end > start and shift.end > shift.start:
                yield shift
            number += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From ``start`` to ``end`` this engineer is on call (None: nobody), and why."""

    start: datetime
    end: datetime
    engineer: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """At ``at``, ``leaving`` hands a rotation over to ``arriving``."""

    rotation: str
    at: datetime
    leaving: str
    arriving: str


def at(
    rotation: Rotation | None, listed: Sequence[Shift], overrides: Sequence[Shift], now: datetime
) -> Shift | None:
    """Return the shift in force at an instant: the override listed last, a listed shift, the rotation's turn."""
    for shift in (*reversed(overrides), *reversed(listed)):
        if shift.start <= now < shift.end:
            return shift
    return rotation.shift_at(now) if rotation else None


def timeline(
    rotation: Rotation | None,
    listed: Sequence[Shift],
    overrides: Sequence[Shift],
    start: datetime,
    end: datetime,
    *,
    fallback: str | None = None,
) -> tuple[Stretch, ...]:
    """Return who is on call from ``start`` to ``end`` without a hole: neighbours with the same person and reason joined."""
    edges = {start, end}
    turns = tuple(rotation.shifts(start, end)) if rotation else ()
    for shift in (*turns, *listed, *overrides):
        edges |= {edge for edge in (shift.start, shift.end) if start < edge < end}
    ordered = sorted(edges)
    made: list[Stretch] = []
    for left, right in pairwise(ordered):
        engineer, why = _who(at(rotation, listed, overrides, left), listed, overrides, fallback)
        if made and (made[-1].engineer, made[-1].why) == (engineer, why):
            made[-1] = Stretch(start=made[-1].start, end=right, engineer=engineer, why=why)
        else:
            made.append(Stretch(start=left, end=right, engineer=engineer, why=why))
    return tuple(made)


def _who(
    shift: Shift | None, listed: Sequence[Shift], overrides: Sequence[Shift], fallback: str | None
) -> tuple[str | None, str]:
    if shift is None:
        return fallback, FALLBACK if fallback else GAP
    return shift.engineer, OVERRIDE if shift in overrides else LISTED if shift in listed else ROTATION


def hand_overs(name: str, stretches: Sequence[Stretch]) -> tuple[HandOver, ...]:
    """Return where one person follows another in a timeline; into a gap and out of one nobody hands over."""
    return tuple(
        HandOver(rotation=name, at=after.start, leaving=before.engineer, arriving=after.engineer)
        for before, after in pairwise(stretches)
        if before.engineer and after.engineer and before.engineer != after.engineer
    )


def instant(when: datetime, zone: str) -> datetime:
    """Return a time as a UTC instant; one without offset is read in the zone."""
    return walltime.instant(when, ZoneInfo(zone)) if when.tzinfo is None else when.astimezone(UTC)


def local(when: datetime, zone: str) -> datetime:
    """Return what the clocks of a zone show; a time without offset is taken to be that already."""
    return when if when.tzinfo is None else when.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
