"""A rota laid open: what each layer says of a span, what comes of them, and where nobody or two are meant. Pure.

the rotation's turns < listed shifts < overrides -> who it is (the topmost), the fallback where none is, else a gap
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.inventory import OnCall
from monitor.domain.rota import GAP, HandOver, Shift, Stretch, hand_overs

TURNS, LISTED, OVERRIDES = "rotation", "listed shifts", "overrides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a rotation: the shifts of it that touch the span, clipped to it."""

    name: str
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubled:
    """Two are meant for the same time, ``counts`` of whom is who is called."""

    start: datetime
    end: datetime
    engineers: tuple[str, str]
    counts: str | None
    where: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A rotation over a span: its layers, what comes of them, hand-overs, gaps, and where it is covered twice."""

    rotation: str
    layers: tuple[Layer, ...]
    final: tuple[Stretch, ...]
    hand_overs: tuple[HandOver, ...]
    gaps: tuple[Stretch, ...]
    doubled: tuple[Doubled, ...]


def laid(on_call: OnCall, rotation: str, start: datetime, end: datetime) -> Laid:
    """Lay a rotation open from ``start`` to ``end``."""
    known, listed, overrides = on_call.of(rotation)
    turns = tuple(known.shifts(start, end)) if known else ()
    final = on_call.timeline(rotation, start, end)
    layers = [
        Layer(name=name, shifts=_clipped(shifts, start, end))
        for name, shifts in ((TURNS, turns), (LISTED, listed), (OVERRIDES, overrides))
    ]
    return Laid(
        rotation=rotation,
        layers=tuple(layer for layer in layers if layer.shifts),
        final=final,
        hand_overs=hand_overs(rotation, final),
        gaps=tuple(one for one in final if one.why == GAP),
        doubled=tuple(
            found
            for shifts, name in ((listed, LISTED), (overrides, OVERRIDES))
            for found in _overlaps(_clipped(shifts, start, end), name)
        ),
    )


def on_two(rotas: Sequence[Laid]) -> tuple[Doubled, ...]:
    """Return where one person is on call by two rotations at once."""
    found = [
        Doubled(
            start=max(one.start, two.start),
            end=min(one.end, two.end),
            engineers=(one.engineer, one.engineer),
            counts=one.engineer,
            where=(first.rotation, second.rotation),
        )
        for number, first in enumerate(rotas)
        for second in rotas[number + 1 :]
        for one in first.final
        for two in second.final
        if one.engineer is not None
        and one.engineer == two.engineer
        and "fallback" not in (one.why, two.why)
        and max(one.start, two.start) < min(one.end, two.end)
    ]
    return tuple(sorted(found, key=lambda each: each.start))


def of_person(
    on_call: OnCall, engineer: str, start: datetime, end: datetime
) -> tuple[tuple[str, Stretch], ...]:
    """Return when somebody is on call, by which rotation, in order."""
    found = (
        (name, stretch)
        for name in on_call.names
        for stretch in on_call.timeline(name, start, end)
        if stretch.engineer == engineer
    )
    return tuple(sorted(found, key=lambda each: (each[1].start, each[0])))


def _clipped(shifts: Iterable[Shift], start: datetime, end: datetime) -> tuple[Shift, ...]:
    return tuple(
        Shift(
            engineer=each.engineer,
            start=max(each.start, start),
            end=min(each.end, end),
            rotation=each.rotation,
            id=each.id,
            by=each.by,
            note=each.note,
        )
        for each in shifts
        if each.start < end and each.end > start
    )


def _overlaps(shifts: Sequence[Shift], layer: str) -> Iterator[Doubled]:
    """Yield where two shifts of a layer want different people; the one listed last counts."""
    for number, one in enumerate(shifts):
        for two in shifts[number + 1 :]:
            start, end = max(one.start, two.start), min(one.end, two.end)
            if start < end and one.engineer != two.engineer:
                yield Doubled(
                    start=start,
                    end=end,
                    engineers=(one.engineer, two.engineer),
                    counts=two.engineer,
                    where=(layer, layer),
                )
