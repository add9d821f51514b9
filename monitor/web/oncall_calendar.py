"""The rota as a calendar: a week in layers or a month of days, drawn over the real length of each local day, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain import walltime
from monitor.domain.duty_layers import Laid
from monitor.domain.inventory import OnCall
from monitor.domain.rota import GAP, Shift, Stretch

WIDTH = 720
TONES = 8
DAY = timedelta(days=1)
NOT_AN_HOUR = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which days are shown, in which zone."""

    first: date
    after: date
    view: str
    zone: str

    @property
    def middle(self) -> date:
        """A day in the midst: of a month, one that surely belongs to it."""
        return self.first + (self.after - self.first) / 2

    @property
    def before(self) -> date:
        """A day of the week or month before."""
        return self.middle.replace(day=1) - DAY if self.view == "month" else self.first - DAY

    @property
    def following(self) -> date:
        """A day of the week or month after."""
        return (self.middle.replace(day=1) + 31 * DAY).replace(day=1) if self.view == "month" else self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of a day as it is drawn; ``tone`` tells people apart (words do too), None is a gap."""

    x: float
    width: float
    tone: int | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One layer of a day."""

    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A local day of a rotation: its layers, who is on call in words, and what is odd about it."""

    day: date
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    said: tuple[str, ...]
    gap: bool
    note: str
    today: bool


def span_of(view: str, wanted: date | None, now: datetime, zone: str) -> tuple[date, date]:
    """Return the first day that is shown, and the first that is not: a week, or a month in whole weeks, from Monday."""
    day = wanted or now.astimezone(ZoneInfo(zone)).date()
    if view == "month":
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
        start = first - timedelta(days=first.weekday())
        return start, after + timedelta(days=(7 - after.weekday()) % 7)
    start = day - timedelta(days=day.weekday())
    return start, start + timedelta(days=7)


def instant_of(day: date, zone: str) -> datetime:
    """Return the instant at which a local day begins."""
    return walltime.instant(datetime(day.year, day.month, day.day), ZoneInfo(zone))  # noqa: DTZ001 - a wall time


def days(laid: Laid, rota: OnCall, first: date, after: date, zone: str, now: datetime) -> tuple[Day, ...]:
    """Draw a rotation day by day."""
    tones = {engineer: number % TONES for number, engineer in enumerate(rota.engineers)}
    names = {one.id: one.name for one in rota.engineers.values()}
    return tuple(_day(laid, first + n * DAY, zone, tones, names, now) for n in range((after - first).days))


def _day(
    laid: Laid, day: date, zone: str, tones: Mapping[str, int], names: Mapping[str, str], now: datetime
) -> Day:
    start, end = instant_of(day, zone), instant_of(day + DAY, zone)
    today = [each for each in laid.final if each.start < end and each.end > start]
    rows = [
        Row(name=layer.name, blocks=_blocks(layer.shifts, start, end, zone, tones, names))
        for layer in laid.layers
    ]
    hours = (end - start) / timedelta(hours=1)
    return Day(
        day=day,
        start=start,
        end=end,
        rows=(*rows, Row(name="on call", blocks=_blocks(today, start, end, zone, tones, names))),
        said=tuple(_said(each, start, end, zone, names) for each in today),
        gap=any(each.why == GAP for each in today),
        note="" if hours == NOT_AN_HOUR else f"the clocks change: {hours:g} hours",
        today=start <= now < end,
    )


def _blocks(
    of: Sequence[Shift] | Sequence[Stretch],
    start: datetime,
    end: datetime,
    zone: str,
    tones: Mapping[str, int],
    names: Mapping[str, str],
) -> tuple[Block, ...]:
    made: list[Block] = []
    for each in of:
        if each.start >= end or each.end <= start:
            continue
        left, right = max(each.start, start), min(each.end, end)
        x = (left - start) / (end - start) * WIDTH
        made.append(
            Block(
                x=round(x, 1),
                width=round((right - left) / (end - start) * WIDTH, 1),
                tone=None if each.engineer is None else tones.get(each.engineer, 0),
                said=_said(each, start, end, zone, names),
            )
        )
    return tuple(made)


def _said(each: Shift | Stretch, start: datetime, end: datetime, zone: str, names: Mapping[str, str]) -> str:
    who = names.get(each.engineer, each.engineer) if each.engineer else "nobody"
    why = f" ({each.why})" if isinstance(each, Stretch) and each.why in ("override", "fallback", GAP) else ""
    if each.start <= start and each.end >= end:
        return f"{who} all day{why}"
    begin = f"{max(each.start, start).astimezone(ZoneInfo(zone)):%H:%M}"
    finish = "24:00" if each.end >= end else f"{each.end.astimezone(ZoneInfo(zone)):%H:%M}"
    return f"{who} {begin}\N{EN DASH}{finish}{why}"
