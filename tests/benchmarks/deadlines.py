"""Deadlines a second: eight business hours from random moments, beside the brute-force oracle of the domain's tests.

    python -m tests.benchmarks.deadlines [--quick]

The oracle (``tests/domain/oracle.py``) walks the clock minute by minute. Every answer of ours that the oracle
also gave is compared with it: a benchmark of wrong deadlines would be worth nothing.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from monitor.domain.calendars import Calendar
from monitor.domain.clocks import Promise, SupportTime, due
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report
from tests.domain.oracle import Clock

EIGHT_HOURS = 8 * 3600
WEEK = (((9 * 3600, 18 * 3600),),) * 5 + ((), ())
ZONES = ("Europe/Rome", "America/New_York")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 3


def calendar(zone: str) -> Calendar:
    return Calendar(
        name=zone, zone=ZoneInfo(zone), weekly=WEEK, holidays={date(2026, 12, 25), date(2026, 1, 1)}
    )


def moments(count: int) -> Sequence[datetime]:
    """Return moments of a year, the same ones every time, the days of a clock change among them."""
    dice = random.Random(20261122)
    changes = [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]
    return [
        (dice.choice(changes) + timedelta(seconds=dice.randrange(3 * 86_400)))
        if n % 10 == 0
        else YEAR + timedelta(seconds=dice.randrange(365 * 86_400))
        for n in range(count)
    ]


def timed(work: Callable[[datetime], object], at: Sequence[datetime]) -> tuple[float, list[object]]:
    """Return calls a second and the answers."""
    began = time.perf_counter()
    answers = [work(moment) for moment in at]
    return len(at) / (time.perf_counter() - began), answers


def measure(count: int, walked: int) -> Report:
    """Time ours with its memory of days and without, and the oracle on a part of the same moments."""
    at, promise = moments(count), Promise(goal=SupportTime(EIGHT_HOURS))
    rates: dict[str, list[float]] = {"ours": [], "ours, a new calendar each": [], "minute by minute": []}
    wrong = 0
    for zone in ZONES * ROUNDS:
        known = calendar(zone)
        rate, ours = timed(lambda moment, known=known: due(promise, known, moment).due, at)
        rates["ours"].append(rate)
        rate, _ = timed(lambda moment, zone=zone: due(promise, calendar(zone), moment).due, at[:walked])
        rates["ours, a new calendar each"].append(rate)
        rate, theirs = timed(
            lambda moment, known=known: Clock(known, moment).advance(moment, EIGHT_HOURS), at[:walked]
        )
        rates["minute by minute"].append(rate)
        wrong += sum(mine != other for mine, other in zip(ours, theirs, strict=False))
    middle = {name: median(each) for name, each in rates.items()}
    slowest = middle["minute by minute"]
    return Report(
        name="deadlines",
        title=f"eight business hours from {count:,} moments of a year, two zones",
        columns=("", "deadlines/s", "over the oracle"),
        rows=[(name, rate, rate / slowest) for name, rate in middle.items()],
        goals=[
            Goal(text="deadlines that differ from the oracle's", figure=float(wrong), limit=0.0),
        ],
        notes=[f"compared with the oracle: {walked * len(ZONES) * ROUNDS:,} deadlines, {wrong} different"],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    with peers.on(peers.MEASURED):
        return measure(2_000, 40) if quick else measure(20_000, 200)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
