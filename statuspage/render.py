"""From the board to documents: one Jinja environment, every page, feed and JSON the public can ask for.

    Board -> {path: Document}      a document is its type and its bytes; nothing here knows HTTP

Pages that do not tell the time of day are remembered by what they show, so that a refresh renders
only what changed. Autoescape is on, undefined names are errors, and no template may say ``|safe``.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2

from statuspage import badge, feeds, links, v2, when
from statuspage.bars import BAR, PITCH, TALL, Piece
from statuspage.rollup import IMPLIED, WORDS
from statuspage.views import Board, Told, Work

HTML, CSS, SVG = "text/html; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"
ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
ICS = "text/calendar; charset=utf-8"
JSON = "application/json; charset=utf-8"
STATIC: Mapping[str, str] = {"tocsin.css": CSS, "bell.svg": SVG}
MONTHS_TOGETHER = 3  # so many months are on /history; older ones have a page each

STATES: Mapping[str, tuple[str, str]] = {  # what a problem's state means to somebody who waits
    "investigating": ("Investigating", "Looking for the cause"),
    "identified": ("Identified", "Cause found, fix under way"),
    "monitoring": ("Monitoring", "Fix in place, watching it"),
    "resolved": ("Resolved", "Over"),
    "postmortem": ("Postmortem", "Over, and written up"),
    "scheduled": ("Scheduled", "Planned"),
    "in_progress": ("In progress", "Going on now"),
    "verifying": ("Verifying", "Done, being verified"),
    "completed": ("Completed", "Done"),
    "cancelled": ("Cancelled", "Will not take place"),
}


@dataclass(frozen=True, slots=True)
class Document:
    """What is sent for one path."""

    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the record: what began in it, newest first."""

    first: date
    title: str
    problems: tuple[Told, ...]
    works: tuple[Work, ...]


@dataclass(slots=True)
class Renderer:
    """Renders the whole site, and remembers the pages that did not change.

    ``link_from`` gives the way links are written on the page at a path (served, or files side by side).
    """

    link_from: Callable[[str], links.Link] = lambda _: links.served
    _remembered: dict[str, tuple[Hashable, Document]] = field(default_factory=dict)

    def site(self, board: Board) -> dict[str, Document]:
        """Render every document of the site by its path."""
        documents = dict(self._all(board))
        self._remembered = {path: kept for path, kept in self._remembered.items() if path in documents}
        return documents

    def _all(self, board: Board) -> Iterable[tuple[str, Document]]:
        yield "/", self._page("/", "index.html", board, now=board.now, stacks=stacks(board))
        yield "/uptime", self._page("/uptime", "uptime.html", board, now=board.now)
        yield "/404", self._once("/404", board.site, lambda: self._page("/404", "404.html", board))
        yield from self._histories(board)
        for told in board.problems:
            path = links.problem_path(told.problem.id)
            yield path, self._detail(path, "incident.html", board, told)
        for work in board.works:
            path = links.work_path(work.maintenance.id)
            yield path, self._detail(path, "maintenance.html", board, work)
            yield f"{path}.ics", Document(ICS, feeds.ics(board, [work]))
        yield from _machine_readable(board)
        yield from _static()

    def _histories(self, board: Board) -> Iterable[tuple[str, Document]]:
        months = months_of(board)
        for index, month in enumerate(months):
            older = months[index + 1].first if index + 1 < len(months) else None
            newer = months[index - 1].first if index else None
            yield self._history(links.month_path(month.first), board, (month,), older, newer)
        rest = months[MONTHS_TOGETHER].first if len(months) > MONTHS_TOGETHER else None
        yield self._history("/history", board, tuple(months[:MONTHS_TOGETHER]), rest, None)

    def _history(
        self, path: str, board: Board, months: tuple[Month, ...], older: date | None, newer: date | None
    ) -> tuple[str, Document]:
        def render() -> Document:
            return self._page(path, "history.html", board, months=months, older=older, newer=newer)

        return path, self._once(path, (board.site.title, board.site.zone, months, older, newer), render)

    def _detail(self, path: str, template: str, board: Board, subject: Told | Work) -> Document:
        key = (board.site.title, board.site.zone, subject)
        return self._once(path, key, lambda: self._page(path, template, board, subject=subject))

    def _once(self, path: str, key: Hashable, render: Callable[[], Document]) -> Document:
        """Render only if what the page shows is not what it showed last time."""
        remembered = self._remembered.get(path)
        if remembered is None or remembered[0] != key:
            remembered = (key, render())
            self._remembered[path] = remembered
        return remembered[1]

    def _page(
        self, path: str, template: str, board: Board, *, now: datetime | None = None, **shown: object
    ) -> Document:
        text = ENVIRONMENT.get_template(template).render(
            board=board,
            site=board.site,
            path=path,
            link=self.link_from(path),
            t=Times(board.site.tz, now),
            **shown,
        )
        return Document(HTML, text.encode())


@dataclass(frozen=True, slots=True)
class Times:
    """How the templates write times; without ``now`` nothing is written relative to it."""

    zone: ZoneInfo
    now: datetime | None = None

    def near(self, at: datetime) -> str:
        """Write a moment as short as today allows."""
        return when.near(at, self.now, self.zone) if self.now else when.moment(at, self.zone)

    def exact(self, at: datetime) -> str:
        """Write a time of day to the second, with the date when it is another."""
        time = when.clock(at, self.zone, seconds=True)
        day, today = at.astimezone(self.zone).date(), (self.now or at).astimezone(self.zone).date()
        return time if day == today else f"{when.day_text(day, year=True)}, {time}"

    def until(self, at: datetime) -> str:
        """Write how long it is until something is due."""
        return when.lasting(at - self.now) if self.now else ""

    def zones(self, work: Work) -> list[str]:
        """Write when a work is: in the page's zone, in its own, and in UTC, each once."""
        plan = work.maintenance
        shown = dict.fromkeys((self.zone, _zone(plan.zone, self.zone), ZoneInfo("UTC")))
        return list(dict.fromkeys(when.between(plan.starts_at, plan.ends_at, zone) for zone in shown))

    def starts(self, work: Work) -> list[str]:
        """Write when a work begins the times after its next, in the zone that its rule is in."""
        zone = _zone(work.maintenance.zone, self.zone)
        return [when.moment(at, zone) for at in work.following]


def stacks(board: Board) -> dict[tuple[Piece, ...], int]:
    """Number the different stacks a day can be: each is drawn once and referred to, which halves the page."""
    charts = [line.bars for line in board.lines] + [group.bars for group in board.groups]
    days = [column.pieces for chart in charts for column in chart.columns if not column.blank]
    return {pieces: number for number, pieces in enumerate(dict.fromkeys(days))}


def months_of(board: Board) -> list[Month]:
    """Cut the record into months of the page's zone, newest first, without gaps."""
    zone = board.site.tz
    problems = [(_month(told.problem.opened_at, zone), told) for told in board.problems]
    works = [(_month(work.maintenance.starts_at, zone), work) for work in board.works]
    this = _month(board.now, zone)
    first = min([month for month, _ in (*problems, *works)], default=this)
    return [
        Month(
            month,
            when.month_text(month.year, month.month),
            tuple(told for began, told in problems if began == month),
            tuple(work for began, work in works if began == month),
        )
        for month in _months(max([this, *(month for month, _ in works)]), first)
    ]


def _months(last: date, first: date) -> Iterable[date]:
    while last >= first:
        yield last
        last = date(last.year - (last.month == 1), (last.month - 2) % 12 + 1, 1)


def _month(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date().replace(day=1)


def _zone(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return otherwise


def _machine_readable(board: Board) -> Iterable[tuple[str, Document]]:
    yield "/feed.atom", Document(ATOM, feeds.atom(board))
    yield "/feed.rss", Document(RSS, feeds.rss(board))
    yield "/maintenance.ics", Document(ICS, feeds.ics(board, board.works, whole=True))
    yield "/badge.svg", Document(SVG, badge.badge(board))
    for name, body in v2.documents(board).items():
        yield f"/api/v2/{name}", Document(JSON, body)


def _static() -> Iterable[tuple[str, Document]]:
    for name, kind in STATIC.items():
        yield f"/static/{name}", Document(kind, files("statuspage").joinpath("static", name).read_bytes())


def _environment() -> jinja2.Environment:
    """Make the one environment: what is printed is escaped, what is misspelt is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("statuspage"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["utc"] = when.utc_text
    made.globals.update(
        WORDS=WORDS, IMPLIED=IMPLIED, STATES=STATES, PITCH=PITCH, BAR=BAR, TALL=TALL, UTC=UTC,
        problem_path=links.problem_path, work_path=links.work_path, month_path=links.month_path,
        day_text=when.day_text, month_text=when.month_text,
    )  # fmt: skip
    return made


ENVIRONMENT = _environment()
