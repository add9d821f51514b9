"""Uptime as the page tells it: by local days, and in figures that round no loss away. Pure.

What is counted, and by which rule, is :mod:`monitor.domain.uptime`.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from monitor.domain.uptime import (
    CURRENT,
    FULL,
    UNKNOWN,
    Accounting,
    Span,
    Tally,
    by_day,
    last_days,
    midnight,
    spans,
    tally,
    unseen,
    worst_of,
)
from statuspage.tongues import ENGLISH, Tongue

__all__ = [
    "CURRENT",
    "UNKNOWN",
    "Accounting",
    "Span",
    "Tally",
    "by_day",
    "last_days",
    "midnight",
    "percent",
    "spans",
    "tally",
    "unseen",
    "within",
    "worst_of",
]


def percent(uptime: float | None, tongue: Tongue = ENGLISH) -> str:
    """Write an uptime; a loss is never rounded away: only what was never down reads 100 %."""
    if uptime is None:
        return tongue.say("no data")
    if uptime >= FULL:
        return "100 %"
    floored = math.floor(uptime * 1000 + 1e-6) / 1000
    return f"{tongue.figure(min(floored, 99.999), 3)} %"


def within(held: Sequence[Span], start: datetime, end: datetime) -> tuple[Span, ...]:
    """Cut the spans to a window."""
    return tuple(
        Span(span.status, max(span.start, start), min(span.end, end))
        for span in held
        if span.end > start and span.start < end
    )
