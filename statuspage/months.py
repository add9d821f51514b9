"""The record cut into months and days of the page's zone: what began when, and each bad day's minutes. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from statuspage.rollup import OPERATIONAL, UNKNOWN
from statuspage.uptime import Span, midnight, within
from statuspage.views import Board, Line, Told, Work

MINUTE = 60.0
LEAST_MINUTES = (
    6  # so wide a part is drawn at least: two minutes of 1,440 would be less than a pixel on a phone
)
WHOLE = 24 * 60


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a day's strip: its state, where it is drawn (in minutes), when it was and how many minutes it lasted."""

    status: str
    left: int
    width: int
    start: datetime
    end: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class Strip:
    """The minutes of one component's day; ``length`` is how many the day has, ``known`` how far it has been lived."""

    name: str
    length: int
    lived: int
    parts: tuple[Part, ...]

    @property
    def usual(self) -> bool:
        """Whether the day has 24 hours."""
        return self.length == WHOLE


@dataclass(frozen=True, slots=True)
class Story:
    """One day: what was not well minute by minute, the problems that stood and the works done; a quiet one has nothing.

    ``dark`` names the components of which nothing is known that day, and ``black`` says that it is all of them.
    """

    day: date
    dark: tuple[str, ...] = ()
    black: bool = False
    strips: tuple[Strip, ...] = ()
    problems: tuple[Told, ...] = ()
    works: tuple[Work, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.strips or self.problems or self.works)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the record: what began in it, newest first, and its days as far as the bars go."""

    first: date
    problems: tuple[Told, ...]
    works: tuple[Work, ...]
    days: tuple[Story, ...] = ()

    @property
    def runs(self) -> tuple[tuple[Story, ...], ...]:
        """Return the days, each eventful one by itself and those of quiet together."""
        runs: list[tuple[Story, ...]] = []
        for (quiet, _), stories in groupby(self.days, key=lambda story: (story.quiet, story.dark)):
            run = tuple(stories)
            runs.extend([run] if quiet else [(story,) for story in run])
        return tuple(runs)


def months_of(board: Board) -> list[Month]:
    """Cut the record into months of the page's zone, newest first, without gaps."""
    zone = board.site.tz
    problems = [(_month(told.problem.opened_at, zone), told) for told in board.problems]
    works = [(_month(work.maintenance.starts_at, zone), work) for work in board.works]
    this = _month(board.now, zone)
    first = min([month for month, _ in (*problems, *works)] + [_first(day) for day in board.days[:1]])
    stories = [*_stories(board)]
    return [
        Month(
            month,
            tuple(told for began, told in problems if began == month),
            tuple(work for began, work in works if began == month),
            tuple(story for story in stories if _first(story.day) == month),
        )
        for month in _months(max([this, *(month for month, _ in works)]), first)
    ]


def _months(last: date, first: date) -> Iterable[date]:
    while last >= first:
        yield last
        last = date(last.year - (last.month == 1), (last.month - 2) % 12 + 1, 1)


def _month(at: datetime, zone: ZoneInfo) -> date:
    return _first(at.astimezone(zone).date())


def _first(day: date) -> date:
    return day.replace(day=1)


def _stories(board: Board) -> Iterable[Story]:
    """Tell the days of the bars, newest first."""
    lines = board.lines
    bad, dark = _columns(lines, board.days)
    now = datetime.fromtimestamp(board.now.timestamp() // 60 * 60, UTC)  # a page is made anew once a minute
    for day in reversed(board.days):
        start, end = midnight(day, board.site.tz), midnight(day + timedelta(days=1), board.site.tz)
        strips = [_strip(line, start, end, min(end, now)) for line in bad.get(day, ())]
        unseen = tuple(dark.get(day, ()))
        yield Story(
            day,
            unseen,
            len(unseen) == len(lines),
            tuple(strip for strip in strips if strip.parts),
            tuple(told for told in board.problems if _stood(told, start, end)),
            tuple(work for work in board.works if _done(work, start, end)),
        )


def _columns(
    lines: Sequence[Line], days: Sequence[date]
) -> tuple[dict[date, list[Line]], dict[date, list[str]]]:
    """Return who was not well on each day, and of whom nothing is known."""
    bad: dict[date, list[Line]] = {}
    dark: dict[date, list[str]] = {}
    for line in lines:
        for column in line.bars.columns:
            if not column.blank:
                bad.setdefault(column.first, []).append(line)
                continue
            for day in days:
                if column.first <= day <= column.last:
                    dark.setdefault(day, []).append(line.name)
    return bad, dark


def _stood(told: Told, start: datetime, end: datetime) -> bool:
    return told.problem.opened_at < end and (told.ended is None or told.ended >= start)


def _done(work: Work, start: datetime, end: datetime) -> bool:
    plan = work.maintenance
    return work.status in ("completed", "in_progress", "verifying") and start <= plan.starts_at < end


def _strip(line: Line, start: datetime, end: datetime, until: datetime) -> Strip:
    held: Sequence[Span] = within(line.held, start, until)
    length, lived = _minutes(start, end), max(_minutes(start, until), 0)
    parts = [_part(span, start, length) for span in held if _told(span)]
    return Strip(line.name, length, lived, tuple(parts))


def _told(span: Span) -> bool:
    """Whether a stretch is worth a word: what we did not see for some seconds while we were started anew is not."""
    if span.status == UNKNOWN:
        return (span.end - span.start).total_seconds() >= MINUTE
    return span.status != OPERATIONAL


def _part(span: Span, start: datetime, length: int) -> Part:
    left, right = _minutes(start, span.start), _minutes(start, span.end)
    width = max(right - left, LEAST_MINUTES)
    return Part(span.status, min(left, length - width), width, span.start, span.end, right - left)


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds() // 60)
