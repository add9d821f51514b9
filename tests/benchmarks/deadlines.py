"""Deadlines a second: eight business hours from random moments, beside a brute-force oracle and businesstimedelta.

    python -m tests.benchmarks.deadlines [--quick]

The oracle (``tests/domain/oracle.py``) walks the clock minute by minute. Every answer of ours that the oracle
also gave is compared with it: a benchmark of wrong deadlines would be worth nothing. So are those of the peer
(``business_time.py``), which is right about the office and not about nights.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from monitor.domain.calendars import Calendar
from monitor.domain.clocks import Promise, SupportTime, due
from tests.benchmarks import business_time, peers
from tests.benchmarks.report import Goal, Report, by_itself
from tests.domain.oracle import Clock

EIGHT_HOURS = 8 * 3600
WEEK = (((9 * 3600, 18 * 3600),),) * 5 + ((), ())
NIGHTS = (((0, 6 * 3600), (22 * 3600, 24 * 3600)),) * 7
CLOSED = frozenset(date(year, month, day) for year in (2026, 2027, 2028) for month, day in ((1, 1), (12, 25)))
LEAST = 20_000.0
ZONES = ("Europe/Rome", "America/New_York")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 3
ROWS = (
    "ours",
    "ours, a new calendar each",
    "minute by minute",
    "businesstimedelta",
    "businesstimedelta, no holidays",
)


def calendar(zone: str) -> Calendar:
    return Calendar(name=zone, zone=ZoneInfo(zone), weekly=WEEK, holidays=CLOSED)


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
    """Time ours with its memory of days and without, the oracle and the peer on a part of the same moments."""
    at, promise = moments(count), Promise(goal=SupportTime(EIGHT_HOURS))
    rates: dict[str, list[float]] = {name: [] for name in ROWS}
    wrong = theirs_wrong = 0
    for zone in ZONES * ROUNDS:
        known = calendar(zone)
        rate, ours = timed(lambda moment, known=known: due(promise, known, moment).due, at)
        rates["ours"].append(rate)
        rate, _ = timed(lambda moment, zone=zone: due(promise, calendar(zone), moment).due, at[:walked])
        rates["ours, a new calendar each"].append(rate)
        rate, right = timed(
            lambda moment, known=known: Clock(known, moment).advance(moment, EIGHT_HOURS), at[:walked]
        )
        rates["minute by minute"].append(rate)
        wrong += differing(ours, right)
        peer, plain = business_time.office(zone, CLOSED), business_time.office(zone)
        rate, theirs = timed(lambda moment, peer=peer: peer(moment, EIGHT_HOURS), at[:walked])
        rates["businesstimedelta"].append(rate)
        theirs_wrong += differing(theirs, right)
        rate, _ = timed(lambda moment, plain=plain: plain(moment, EIGHT_HOURS), at[:walked])
        rates["businesstimedelta, no holidays"].append(rate)
    ours_by_night, theirs_by_night = nights_wrong(at[:walked])
    compared = walked * len(ZONES)
    middle = {name: median(each) for name, each in rates.items()}
    slowest = middle["minute by minute"]
    return Report(
        name="deadlines",
        title=f"eight business hours from {count:,} moments of a year, two zones",
        columns=("", "deadlines/s", "over the oracle"),
        rows=[(name, rate, rate / slowest) for name, rate in middle.items()],
        goals=[
            Goal(text="deadlines a second on one core", figure=middle["ours"], limit=LEAST, least=True),
            Goal(text="deadlines that differ from the oracle's", figure=float(wrong), limit=0.0),
        ],
        notes=[
            (
                f"compared with the oracle: {compared * ROUNDS:,} deadlines, of ours {wrong} different, "
                f"of businesstimedelta's {theirs_wrong}"
            ),
            (
                f"eight hours of nights (22:00 to 06:00): of {compared:,} deadlines ours {ours_by_night} different, "
                f"businesstimedelta's {theirs_by_night}"
            ),
        ],
    )


def differing(answers: Sequence[object], right: Sequence[object]) -> int:
    """Count the answers that are not the oracle's (of those it gave)."""
    return sum(one != other for one, other in zip(answers, right, strict=False))


def nights_wrong(at: Sequence[datetime]) -> tuple[int, int]:
    """Count how many of our and of the peer's deadlines by night are not the oracle's."""
    ours = theirs = 0
    for zone in ZONES:
        known = Calendar(name=zone, zone=ZoneInfo(zone), weekly=NIGHTS)
        right = [Clock(known, moment).advance(moment, EIGHT_HOURS) for moment in at]
        peer = business_time.nights(zone)
        ours += differing([known.advance(moment, EIGHT_HOURS)[0] for moment in at], right)
        theirs += differing([peer(moment, EIGHT_HOURS) for moment in at], right)
    return ours, theirs


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    with peers.on(peers.MEASURED):
        return measure(2_000, 40) if quick else measure(20_000, 200)


if __name__ == "__main__":
    by_itself(run, __doc__)
