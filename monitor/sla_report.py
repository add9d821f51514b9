"""How the promises were kept, as a report: read from the record, the same bytes for the same record and interval.

    clocks, pauses, editions -> monitor.domain.attainment (the accounting rule) -> lines and totals -> JSON, CSV

Nothing here depends on when it is asked, nor on the configuration in force: hours are counted by the edition that each
clock is pinned to.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from monitor.domain.attainment import Kept, Line, Outcome, Settled, Tally
from monitor.domain.calendars import Calendar
from monitor.domain.clocks import Elapsed, watch_of
from monitor.domain.decisions import rfc3339
from monitor.domain.pauses import ALWAYS, Unpaused, stretches, total
from monitor.domain.timed import Party, from_pinned
from monitor.errors import ConfigError
from monitor.settings.policies import edition
from monitor.storage import attainment
from monitor.storage.attainment import Fingerprint, Wanted

P = ParamSpec("P")
T = TypeVar("T")
RULE = (
    "A promise counts in the interval in which it was settled: met, broken at its deadline (the limit where there is"
    " one), or called off before that; everything as of the end of the interval. Attainment is met in time / (met in"
    " time + met late + broken), rounded down; running, called off and nothing promised are left out. Met after the"
    " goal but within the limit is in time. A paused clock cannot be broken."
)
PARTIES = (Party.US, Party.CUSTOMER)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of an interval, by line, and what they were made from."""

    wanted: Wanted
    record: Fingerprint
    lines: Sequence[tuple[Line, Tally]]

    def of(self, party: str) -> list[tuple[Line, Tally]]:
        """Return the lines of one party: our promises, or the customers' duties."""
        return [(line, found) for line, found in self.lines if line.party == party]

    def total(self, party: str) -> Tally:
        """Return all lines of a party together."""
        together = Tally()
        for _, found in self.of(party):
            together.join(found)
        return together


class Reads(Protocol):
    """What is asked of a store: to run a function that only reads."""

    async def read(self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it."""
        ...


async def sla_report(store: Reads, wanted: Wanted) -> Report:
    """Read the record and add up what became of its promises."""
    texts = await store.read(attainment.editions)
    lines, record = await store.read(attainment.tallied, wanted, _took(texts))
    return Report(wanted=wanted, record=record, lines=sorted(lines.items(), key=lambda pair: pair[0]))


def _took(texts: Mapping[str, str]) -> Callable[[Kept], float | None]:
    """Return how a met clock's counted seconds are told: by the edition it is pinned to, None where that is unknown."""

    def took(clock: Kept) -> float | None:
        assert clock.met_at is not None, "only asked of what was met"
        if "goal" not in clock.promise:
            return None
        timed = from_pinned(
            clock.promise,
            clock=clock.clock,
            cls=clock.cls,
            started_at=clock.started_at,
            party=Party(clock.party),
        )
        calendar = _calendar(texts, timed.edition.digest, timed.calendar)
        if calendar is None and not isinstance(timed.promise.goal, Elapsed):
            return None
        on = ALWAYS if calendar is None else watch_of(timed.promise.goal, calendar)
        stopped = Unpaused(on, stretches(clock.pauses, clock.met_at))
        return total(stopped.open_between(clock.started_at, clock.met_at))

    return took


def _calendar(texts: Mapping[str, str], digest: str, name: str) -> Calendar | None:
    if digest not in texts:
        return None
    try:
        return edition(texts[digest]).calendars.get(name)
    except ConfigError:  # an edition of another version of the program, which this one cannot read
        return None


# as documents ------------------------------------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as one JSON document; with clocks where they were kept."""
    return {
        **_interval(report.wanted),
        "only": only(report.wanted),
        "record": {"clocks": report.record.clocks, "last_event": report.record.last_event},
        "rule": RULE,
        "lines": [
            {**_line(line), **_figures(found), **_clocks(report, found)} for line, found in report.lines
        ],
        "totals": {str(party): _figures(report.total(party)) for party in PARTIES},
    }


def as_csv(report: Report) -> str:
    """Return the figures as CSV, a row for each line; or, where clocks were kept, a row for each clock."""
    rows = _clock_rows(report) if report.wanted.keep else _figure_rows(report)
    columns = CLOCK_COLUMNS if report.wanted.keep else FIGURE_COLUMNS
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def as_text(report: Report) -> str:
    """Return the figures as a table for a terminal; where clocks were kept, each line's below it."""
    wanted = report.wanted
    narrowed = "".join(f", {what} {name}" for what, name in only(wanted).items())
    begin = rfc3339(wanted.since) or "from the beginning"
    lines = [f"promises kept, {begin} to {rfc3339(wanted.until)}{narrowed}"]
    for party, title in zip(PARTIES, ("what we promised", "what customers had to do"), strict=True):
        if of := report.of(party):
            rows = [(line.partner or "-", line.cls or "-", line.clock, found) for line, found in of]
            lines += ["", title, *_table([*rows, ("all", "", "", report.total(party))])]
            lines += [_told_clock(each) for _, found in of for each in found.clocks]
    if len(lines) == 1:
        lines += ["", "no promise was settled or running"]
    made_from = f"record: {report.record.clocks} clocks had begun, last event {report.record.last_event}"
    return "\n".join([*lines, "", made_from]) + "\n"


def _table(rows: Sequence[tuple[str, str, str, Tally]]) -> list[str]:
    head = ("partner", "class", "clock", *HEAD)
    cells = [head, *((partner, cls, clock, *_row(found)) for partner, cls, clock, found in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    return [
        "  ".join(
            text.ljust(width) if n < NAMES else text.rjust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


HEAD = ("promised", "in time", "late", "open", "never", "running", "off", "none", "attained", "half", "95 %")
NAMES = 3


def _row(of: Tally) -> tuple[str, ...]:
    attained = "-" if of.attainment is None else f"{of.attainment:.2f} %"
    counts = (of.promised, *(of.counts[outcome] for outcome in Outcome), of.nothing_promised)
    times = (_hours(of.median), _hours(of.p95))
    return (*(str(count) for count in counts), attained, *times)


def _hours(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    minutes, left = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"


def _told_clock(of: Settled) -> str:
    clock = of.clock
    met = f", met {rfc3339(clock.met_at)}" if clock.met_at else ""
    late = f", at the latest {rfc3339(clock.limit)}" if clock.limit else ""
    owner = clock.incident or clock.request
    return f"  {of.outcome:<12}  {owner}  {clock.clock}  due {rfc3339(clock.due)}{late}{met}"


def _figure_rows(report: Report) -> list[dict[str, Any]]:
    made_from = {"record_clocks": report.record.clocks, "record_last_event": report.record.last_event}
    return [
        {**_interval(report.wanted), **_line(line), **_figures(found), **made_from}
        for line, found in report.lines
    ]


def _clock_rows(report: Report) -> list[dict[str, Any]]:
    return [{**_line(line), **clock_as_json(clock)} for line, found in report.lines for clock in found.clocks]


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking text for a formula."""
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return "" if value is None else value


def only(wanted: Wanted) -> dict[str, str]:
    """Return to what the report was narrowed down."""
    asked = {"partner": wanted.partner, "class": wanted.cls, "clock": wanted.clock}
    return {what: name for what, name in asked.items() if name is not None}


def _interval(wanted: Wanted) -> dict[str, Any]:
    return {"since": rfc3339(wanted.since), "until": rfc3339(wanted.until)}


def _line(line: Line) -> dict[str, Any]:
    return {
        "party": line.party,
        "partner": line.partner or None,
        "policy": line.policy or None,
        "class": line.cls or None,
        "clock": line.clock,
    }


def _figures(of: Tally) -> dict[str, Any]:
    return {
        "promised": of.promised,
        "met_in_time": of.counts[Outcome.MET_IN_TIME],
        "met_after_goal": of.after_goal,
        "met_late": of.counts[Outcome.MET_LATE],
        "broken_open": of.counts[Outcome.BROKEN_OPEN],
        "broken_ended": of.counts[Outcome.BROKEN_ENDED],
        "running": of.counts[Outcome.RUNNING],
        "paused": of.paused,
        "called_off": of.counts[Outcome.CALLED_OFF],
        "nothing_promised": of.nothing_promised,
        "open_from_before": of.open_from_before,
        "attainment_percent": of.attainment,
        "timed": len(of.seconds),
        "median_seconds": of.median,
        "p95_seconds": of.p95,
    }


def _clocks(report: Report, of: Tally) -> dict[str, Any]:
    return {"clocks": [clock_as_json(each) for each in of.clocks]} if report.wanted.keep else {}


def clock_as_json(of: Settled) -> dict[str, Any]:
    """Return one clock and what became of it."""
    clock = of.clock
    return {
        "id": clock.id,
        "incident": clock.incident,
        "request": clock.request,
        "outcome": str(of.outcome),
        "started_at": rfc3339(clock.started_at),
        "due": rfc3339(clock.due),
        "limit": rfc3339(clock.limit),
        "warned_at": rfc3339(clock.warned_at),
        "met_at": rfc3339(clock.met_at),
        "called_off_at": rfc3339(clock.cancelled_at),
        "settled_at": rfc3339(of.at),
        "paused": of.paused,
    }


_LINE = ["party", "partner", "policy", "class", "clock"]
FIGURE_COLUMNS = ["since", "until", *_LINE, *_figures(Tally()), "record_clocks", "record_last_event"]
CLOCK_COLUMNS = [
    *_LINE, "id", "incident", "request", "outcome", "started_at", "due", "limit", "warned_at", "met_at",
    "called_off_at", "settled_at", "paused",
]  # fmt: skip
