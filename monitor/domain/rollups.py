"""Results in small: one look in twelve bytes, hours and days in cells. Pure.

    look -> ring (the last looks of a check, packed)
    looks of an hour -> Speed (how many, how fast) + states integrated over it -> Cell, packed with its neighbours

A duration is kept by its logarithm, to half a per cent; the 95th percentile is read from classes that are 13 % wide,
so it is right to 7 %. Seconds are whole: what was not well is rounded up, and what remains is up.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monitor.domain.findings import Verdict
from monitor.domain.uptime import State

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_LOOK = struct.Struct("<QI")
LOOK_BYTES = _LOOK.size
_VERDICTS = (Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.UNKNOWN)
_CODE = {verdict: code for code, verdict in enumerate(_VERDICTS)}
_LONGEST = 0xFFFF_FFFF  # microseconds: more than an hour
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CELL = struct.Struct("<BHHHHIIIII")
_SPEED, _CLASS = struct.Struct("<Iddd"), struct.Struct("<HI")
_FINE, _LEAST = (
    256,
    1e-5,
)  # steps of a duration's logarithm; ten microseconds are the least that is told apart
_WIDE = 32


# one look ---------------------------------------------------------------------------------------------------


def pack_look(at: datetime, verdict: Verdict, seconds: float) -> bytes:
    """Write a look: when (to a millisecond), what it said, how long it took (to a microsecond)."""
    moment = int(at.timestamp() * 1000) << 3 | _CODE[verdict]
    return _LOOK.pack(moment, min(max(int(seconds * 1e6), 0), _LONGEST))


def unpack_looks(packed: bytes) -> Iterator[tuple[datetime, Verdict, float]]:
    """Read looks, in the order in which they were written."""
    for moment, micros in _LOOK.iter_unpack(packed):
        yield _EPOCH + timedelta(milliseconds=moment >> 3), _VERDICTS[moment & 7], micros / 1e6


def raw_looks(packed: bytes) -> Iterator[tuple[int, int, int]]:
    """Read looks as numbers: seconds since 1970, the code of what it said, microseconds."""
    for moment, micros in _LOOK.iter_unpack(packed):
        yield (moment >> 3) // 1000, moment & 7, micros


# how fast ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Speed:
    """Looks of a time: how many, and how long those that got an answer took."""

    looks: int = 0
    spent: float = 0.0
    least: float = math.inf
    most: float = 0.0
    classes: dict[int, int] = field(default_factory=dict[int, int])

    def take(self, code: int, micros: int) -> None:
        """Count a look; one that could not say is none, and a failure's duration says nothing of speed."""
        if code == _CODE[Verdict.UNKNOWN]:
            return
        self.looks += 1
        if code == _CODE[Verdict.DOWN]:
            return
        seconds = micros / 1e6
        self.spent += seconds
        self.least, self.most = min(self.least, seconds), max(self.most, seconds)
        klass = fine(seconds) // _WIDE
        self.classes[klass] = self.classes.get(klass, 0) + 1

    def add(self, other: "Speed") -> None:
        """Take in another time's looks."""
        self.looks += other.looks
        self.spent += other.spent
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        for klass, count in other.classes.items():
            self.classes[klass] = self.classes.get(klass, 0) + count

    @property
    def answered(self) -> int:
        """How many got an answer."""
        return sum(self.classes.values())

    @property
    def p95(self) -> float:
        """The duration that 95 in 100 did not exceed; 0 where nothing was answered."""
        rank, seen = math.ceil(0.95 * self.answered), 0
        for klass in sorted(self.classes):
            seen += self.classes[klass]
            if seen >= rank:
                return min(max(coarse(klass * _WIDE + _WIDE // 2), self.least), self.most)
        return 0.0

    def pack(self) -> bytes:
        """Write it."""
        least = self.least if self.classes else 0.0
        head = _SPEED.pack(self.looks, self.spent, least, self.most)
        return head + b"".join(_CLASS.pack(*one) for one in sorted(self.classes.items()))

    @classmethod
    def unpack(cls, packed: bytes | None) -> "Speed":
        """Read it; nothing is nothing counted."""
        if not packed:
            return cls()
        looks, spent, least, most = _SPEED.unpack_from(packed)
        classes = dict(_CLASS.iter_unpack(packed[_SPEED.size :]))
        return cls(looks, spent, least if classes else math.inf, most, classes)


def fine(seconds: float) -> int:
    """Return a duration's step on the logarithmic scale; 0 is nothing at all."""
    return round(_FINE * math.log1p(max(seconds, 0.0) / _LEAST))


def coarse(step: int) -> float:
    """Return the duration of a step."""
    return _LEAST * math.expm1(step / _FINE)


# hours and days ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An hour or a day of a check: seconds in each state, looks, and how long they took (seconds)."""

    length: int
    degraded: int = 0
    down: int = 0
    maintenance: int = 0
    unknown: int = 0
    looks: int = 0
    least: float = 0.0
    mean: float = 0.0
    p95: float = 0.0
    most: float = 0.0

    @property
    def up(self) -> int:
        """What remains: all the rest is rounded up."""
        return max(self.length - self.degraded - self.down - self.maintenance - self.unknown, 0)

    @property
    def seconds(self) -> Mapping[str, float]:
        """The states as a tally takes them."""
        return {state: float(getattr(self, state)) for state in State}


def cell(length: timedelta, states: Mapping[str, float], speed: Speed) -> Cell:
    """Make a cell of integrated states and counted looks."""
    told = speed.answered > 0
    return Cell(
        length=round(length.total_seconds()),
        **whole(states),
        looks=speed.looks,
        least=speed.least if told else 0.0,
        mean=speed.spent / speed.answered if told else 0.0,
        p95=speed.p95,
        most=speed.most,
    )


def whole(states: Mapping[str, float]) -> dict[str, int]:
    """Round up to whole seconds what was not well."""
    unwell = (State.DEGRADED, State.DOWN, State.MAINTENANCE, State.UNKNOWN)
    return {str(state): math.ceil(states.get(state, 0.0) - 1e-6) for state in unwell}


def pack_cells(cells: Mapping[int, Cell]) -> bytes:
    """Write cells by their number (the hour of a day, the day of a month)."""
    rows = (
        _CELL.pack(
            number,
            *(min(fine(each), 0xFFFF) for each in (one.least, one.mean, one.p95, one.most)),
            one.looks,
            one.degraded,
            one.down,
            one.maintenance,
            one.unknown,
        )
        for number, one in sorted(cells.items())
    )
    return zlib.compress(b"".join(rows), 6)


def unpack_cells(packed: bytes, length: timedelta) -> dict[int, Cell]:
    """Read cells; each lasts ``length``."""
    whole_length, found = round(length.total_seconds()), {}
    for number, least, mean, p95, most, looks, degraded, down, maintenance, unknown in _CELL.iter_unpack(
        zlib.decompress(packed)
    ):
        found[number] = Cell(
            length=whole_length,
            degraded=degraded,
            down=down,
            maintenance=maintenance,
            unknown=unknown,
            looks=looks,
            least=coarse(least),
            mean=coarse(mean),
            p95=coarse(p95),
            most=coarse(most),
        )
    return found


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the beginning of the hour or day (UTC) that a moment is in."""
    since = at.astimezone(UTC) - _EPOCH
    return _EPOCH + since // step * step


def steps(start: datetime, end: datetime, step: timedelta) -> Iterable[datetime]:
    """Give the beginnings of hours or days from ``start``'s on, before ``end``."""
    at = floor(start, step)
    while at < end:
        yield at
        at += step


@dataclass(slots=True, kw_only=True)
class Folded:
    """What is being counted of a check, and which hours and days its newer looks have closed."""

    hour: datetime
    speed: Speed
    day: Speed
    hours: list[tuple[datetime, Speed]] = field(default_factory=list[tuple[datetime, Speed]])
    days: list[tuple[datetime, Speed]] = field(default_factory=list[tuple[datetime, Speed]])


def fold(hour: datetime, speed: Speed, day: Speed, packed: bytes) -> Folded:
    """Count looks into their hours; an hour, and a day, closes when a later one begins.

    A look that comes after its hour was closed (the clock was put back) is counted in the hour that is open.
    """
    state = Folded(hour=hour, speed=speed, day=day)
    begun = int(hour.timestamp())
    for at, code, micros in raw_looks(packed):
        if at - begun >= 3600:  # noqa: PLR2004 - an hour
            _close(state, floor(datetime.fromtimestamp(at, UTC), HOUR))
            begun = int(state.hour.timestamp())
        state.speed.take(code, micros)
    return state


def _close(state: Folded, next_hour: datetime) -> None:
    state.hours.append((state.hour, state.speed))
    state.day.add(state.speed)
    today = floor(state.hour, DAY)
    if floor(next_hour, DAY) > today:
        state.days.append((today, state.day))
        state.day = Speed()
    state.hour, state.speed = next_hour, Speed()
