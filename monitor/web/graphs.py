"""A check's last looks as a picture: how long each took, which failed. Geometry and words only; the template draws it.

Drawn by the service, so that it needs no script, prints, and says the same in words to who cannot see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from monitor.domain.findings import Verdict
from monitor.storage.history import Result
from monitor.web.render import hour, span

WIDTH, HEIGHT = 720, 84
LOOKS = 120
FAILED = frozenset({Verdict.DOWN, Verdict.DEGRADED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stick:
    """One look as it is drawn; ``kind``: up, down, degraded, unknown."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The last looks of one check."""

    check: str
    sticks: tuple[Stick, ...]
    said: str
    slowest: str
    first: datetime
    last: datetime
    since_x: float | None
    failing: tuple[Result, ...]


def graph(check: str, looks: Sequence[Result], since: datetime) -> Graph | None:
    """Draw a check's looks, the newest given first; ``since`` is when the trouble began."""
    if not looks:
        return None
    ordered = sorted(looks[:LOOKS], key=lambda each: each.at)
    took = [each.seconds for each in ordered if each.verdict is Verdict.UP]
    top = max(took, default=0.0) or 1.0
    step = WIDTH / len(ordered)
    before = sum(each.at < since for each in ordered)
    return Graph(
        check=check,
        sticks=tuple(_stick(n, each, step, top) for n, each in enumerate(ordered)),
        said=_said(check, ordered, took),
        slowest=_seconds(top) if took else "",
        first=ordered[0].at,
        last=ordered[-1].at,
        since_x=round(before * step, 1) if 0 < before < len(ordered) else None,
        failing=tuple(each for each in reversed(ordered) if each.verdict in FAILED)[:5],
    )


def _stick(number: int, look: Result, step: float, top: float) -> Stick:
    well = look.verdict is Verdict.UP
    height = max(2.0, min(1.0, look.seconds / top) * (HEIGHT - 4)) if well else float(HEIGHT)
    took = _seconds(look.seconds)
    said = f"{look.at:%H:%M:%S} UTC: {look.verdict.value}, {took}" + (
        f", {look.detail}" if look.detail else ""
    )
    return Stick(
        x=round(number * step, 2),
        y=round(HEIGHT - height, 1),
        width=round(max(1.0, step * 0.8), 2),
        height=round(height, 1),
        kind=look.verdict.value,
        said=said[:200],
    )


def _said(check: str, looks: Sequence[Result], took: Sequence[float]) -> str:
    failed = [each for each in looks if each.verdict in FAILED]
    unknown = sum(each.verdict is Verdict.UNKNOWN for each in looks)
    said = (
        f"{check}: {len(looks)} looks from {hour(looks[0].at)} to {hour(looks[-1].at)} UTC, {len(took)} well"
    )
    if took:
        said += f" (half within {_seconds(median(took))}, the slowest {_seconds(max(took))})"
    if failed:
        said += f", {len(failed)} failed, the last at {failed[-1].at:%H:%M:%S}"
    return said + (f", {unknown} unknown" if unknown else "")


def _seconds(took: float) -> str:
    return f"{took * 1000:.0f} ms" if took < 10 else span(timedelta(seconds=took))  # noqa: PLR2004 - in words from there on
