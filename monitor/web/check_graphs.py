"""A check over hours or days as a picture: what was believed of it at each moment, and how long its looks took. In words, too.

last looks (3 h) | closed hours (24 h, 7 d) | closed days (90 d) -> bars from the least to the most, a tick at the mean
changes of belief -> a strip below, exact to the second, an outage never narrower than can be seen
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.domain.findings import Verdict
from monitor.domain.uptime import CURRENT, Span, State, Tally, tally
from monitor.storage.history import Period, Result
from monitor.web.render import span

WIDTH, HEIGHT, STRIP = 720, 96, 14
SPANS = {
    "3h": timedelta(hours=3),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "90d": timedelta(days=90),
}
SEEN = 1.5  # the least width of what was not well
TICKS = {
    "3h": timedelta(minutes=30),
    "24h": timedelta(hours=4),
    "7d": timedelta(days=1),
    "90d": timedelta(days=15),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How long looks took in a time: from the least to the most, ``mean`` as a tick; or one look."""

    x: float
    width: float
    y: float
    height: float
    mean: float | None
    kind: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """What was believed over a stretch."""

    x: float
    width: float
    state: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A closed hour or day, in figures."""

    start: datetime
    uptime: float | None
    down: float
    looks: int
    least: str
    mean: str
    p95: str
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it for one page."""

    span: str
    since: datetime
    until: datetime
    bars: tuple[Bar, ...]
    strips: tuple[Strip, ...]
    ticks: tuple[tuple[float, str], ...]
    top: str
    uptime: float | None
    outages: int
    lines: tuple[Line, ...]
    said: str


def picture(
    name: str,
    held: Sequence[Span],
    looks: Sequence[Result],
    periods: Sequence[Period],
    until: datetime,
) -> Picture:
    """Draw a check over a span until a moment; ``looks`` for three hours, ``periods`` for what is longer."""
    since = until - SPANS[name]
    bars, top = _looks(looks, since, until) if name == "3h" else _periods(periods, since, until)
    told = tally(held, since, until)
    bad = [each for each in held if each.status in (State.DOWN, State.DEGRADED)]
    return Picture(
        span=name,
        since=since,
        until=until,
        bars=bars,
        strips=tuple(_strip(each, since, until) for each in held),
        ticks=_ticks(name, since, until),
        top=took(top) if top else "",
        uptime=told.uptime(CURRENT),
        outages=len(bad),
        lines=tuple(_line(each) for each in reversed(periods)),
        said=_said(name, told, bad, looks, periods),
    )


def took(seconds: float) -> str:
    """Say how long a look took."""
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else span(timedelta(seconds=seconds))  # noqa: PLR2004 - in words from there on


def _x(at: datetime, since: datetime, until: datetime) -> float:
    return max(0.0, min(1.0, (at - since) / (until - since))) * WIDTH


def _looks(looks: Sequence[Result], since: datetime, until: datetime) -> tuple[tuple[Bar, ...], float]:
    shown = [each for each in looks if since <= each.at < until]
    top = max((each.seconds for each in shown if each.verdict is not Verdict.DOWN), default=0.0)
    width = max(1.0, min(6.0, WIDTH / max(len(shown), 1) * 0.8))
    return tuple(
        Bar(
            x=round(_x(each.at, since, until), 1),
            width=round(width, 1),
            y=round(HEIGHT - _height(each.seconds, top, failed=each.verdict is Verdict.DOWN), 1),
            height=round(_height(each.seconds, top, failed=each.verdict is Verdict.DOWN), 1),
            mean=None,
            kind=each.verdict.value,
            said=f"{each.at:%H:%M:%S} UTC: {each.verdict.value}, {took(each.seconds)}"
            + (f", {each.detail[:120]}" if each.detail else ""),
        )
        for each in sorted(shown, key=lambda each: each.at)
    ), top


def _height(seconds: float, top: float, *, failed: bool) -> float:
    return float(HEIGHT) if failed or not top else max(2.0, min(1.0, seconds / top) * (HEIGHT - 4))


def _periods(periods: Sequence[Period], since: datetime, until: datetime) -> tuple[tuple[Bar, ...], float]:
    answered = [each for each in periods if each.cell.most]
    top = max((each.cell.most for each in answered), default=0.0)
    bars: list[Bar] = []
    for each in answered:
        cell = each.cell
        left = _x(each.start, since, until)
        right = _x(each.start + timedelta(seconds=cell.length), since, until)
        high, low = (
            HEIGHT - _height(cell.most, top, failed=False),
            HEIGHT - _height(cell.least, top, failed=False),
        )
        bars.append(
            Bar(
                x=round(left + 0.5, 1),
                width=round(max(1.0, right - left - 1), 1),
                y=round(high, 1),
                height=round(max(2.0, low - high), 1),
                mean=round(HEIGHT - _height(cell.mean, top, failed=False), 1),
                kind="range",
                said=f"{each.start:%d %b %H:%M} UTC: {cell.looks} looks, {took(cell.least)} to {took(cell.most)}, on average {took(cell.mean)}",
            )
        )
    return tuple(bars), top


def _strip(each: Span, since: datetime, until: datetime) -> Strip:
    left, right = _x(each.start, since, until), _x(each.end, since, until)
    least = SEEN if each.status in (State.DOWN, State.DEGRADED) else 0.0
    return Strip(
        x=round(min(left, WIDTH - least), 1),
        width=round(max(right - left, least), 1),
        state=each.status,
        said=f"{each.status}: {each.start.astimezone(UTC):%d %b %H:%M:%S} to {each.end.astimezone(UTC):%d %b %H:%M:%S} UTC, {span(each.end - each.start)}",
    )


def _ticks(name: str, since: datetime, until: datetime) -> tuple[tuple[float, str], ...]:
    step = TICKS[name]
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    at = beginning + ((since - beginning) // step + 1) * step
    form = "%H:%M" if step < timedelta(days=1) else "%d %b"
    made: list[tuple[float, str]] = []
    while at < until:
        made.append((round(_x(at, since, until) / WIDTH * 100, 2), f"{at:{form}}"))
        at += step
    return tuple(made)


def _line(each: Period) -> Line:
    cell = each.cell
    counted = Tally(cell.seconds)
    known = cell.most > 0
    return Line(
        start=each.start,
        uptime=counted.uptime(CURRENT),
        down=cell.down,
        looks=cell.looks,
        least=took(cell.least) if known else "",
        mean=took(cell.mean) if known else "",
        p95=took(cell.p95) if known else "",
        most=took(cell.most) if known else "",
    )


def _said(
    name: str, told: Tally, bad: Sequence[Span], looks: Sequence[Result], periods: Sequence[Period]
) -> str:
    up = told.uptime(CURRENT)
    said = [f"The last {name.replace('h', ' hours').replace('d', ' days')}:"]
    said.append("nothing is known" if up is None else f"up {up:.3f} % of the time that counts")
    if bad:
        longest = max(bad, key=lambda each: each.end - each.start)
        total = sum((each.end - each.start for each in bad), timedelta())
        times = "once" if len(bad) == 1 else f"{len(bad)} times"
        said.append(f"not well {times} for {span(total)} together, the longest {span(longest.end - longest.start)} from {longest.start.astimezone(UTC):%d %b %H:%M} UTC")  # fmt: skip
    else:
        said.append("never seen unwell")
    answered = [each.cell for each in periods if each.cell.most]
    if answered:
        many = sum(each.looks for each in answered)
        mean = sum(each.mean * each.looks for each in answered) / max(many, 1)
        said.append(f"{many} looks took {took(min(each.least for each in answered))} to {took(max(each.most for each in answered))}, on average {took(mean)}")  # fmt: skip
    elif well := [each.seconds for each in looks if each.verdict is Verdict.UP]:
        said.append(f"{len(well)} looks that were well took {took(min(well))} to {took(max(well))}, on average {took(sum(well) / len(well))}")  # fmt: skip
    unknown = told.seconds.get(State.UNKNOWN, 0.0)
    if unknown >= 1:
        said.append(f"unknown for {span(timedelta(seconds=unknown))}")
    return said[0] + " " + "; ".join(said[1:]) + "."
