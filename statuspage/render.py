"""From the board to documents: one Jinja environment, every page, feed and JSON the public can ask for.

    Board -> {path: Document}      a document is its type and its bytes; nothing here knows HTTP

Pages that do not tell the time of day are remembered by what they show, so that a refresh renders
only what changed. Autoescape is on, undefined names are errors, and no template may say ``|safe``.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2

from monitor.domain.day_columns import BAR, PITCH, TALL
from monitor.domain.wording import NAMES
from statuspage import badge, feeds, links, v2, when
from statuspage.bars import happened, lowered, outlines, title
from statuspage.budget import BUDGET, DAYS_TOLD, DETAIL, LEVELS, STRIPS_TOLD, is_linked, stacks
from statuspage.months import Month, months_of
from statuspage.repeating import repeats
from statuspage.rollup import IMPLIED, WORDS
from statuspage.saying import in_language
from statuspage.states import IMPACTS, STATES
from statuspage.tongues import Tongue, tongue
from statuspage.uptime import percent
from statuspage.views import Board, Told, Work

HTML, CSS, SVG = "text/html; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"
ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
ICS = "text/calendar; charset=utf-8"
JSON = "application/json; charset=utf-8"
JS = "text/javascript; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
ROBOTS = b"User-agent: *\nDisallow: /subscribe/\nDisallow: /unsubscribe/\n"  # behind one reader's own link
STATIC: Mapping[str, str] = {"tocsin.css": CSS, "page.css": CSS, "page.js": JS, "bell.svg": SVG}
RECENT = 50  # so many problems and works have a page in every language; older ones one without a language
NOTES = (  # what is said about a subscription, one page each
    "/subscribe/sent",
    "/subscribe/wrong",
    "/subscribe/confirm",
    "/subscribe/confirmed",
    "/unsubscribe",
    "/subscribe/ended",
    "/subscribe/gone",
)
SHOWN_HERE = "whsec_THE-SECRET-OF-THIS-WEBHOOK"
"""Where the page of a confirmed webhook has its secret: put in as it is sent, for pages are kept."""
HOOK_NOTES = (
    "/subscribe/webhook/sent",
    "/subscribe/webhook/wrong",
    "/subscribe/webhook/confirm",
    "/subscribe/webhook/confirmed",
    "/subscribe/webhook/known",
)
MONTHS_TOGETHER = 3  # so many months are on /history; older ones have a page each


@dataclass(frozen=True, slots=True)
class Document:
    """What is sent for one path."""

    type: str
    body: bytes


@dataclass(slots=True)
class Renderer:
    """Renders the whole site, and remembers the pages that did not change.

    ``link_from`` gives the way links are written on the page at a path (served, or files side by side); ``live``: forms
    lead to somebody.
    """

    live: bool = True
    link_from: Callable[[str], links.Link] = lambda _: links.served
    _remembered: dict[str, tuple[Hashable, Document]] = field(default_factory=dict)
    _levels: dict[str, int] = field(default_factory=dict)

    def site(self, board: Board, spoken: Iterable[str] | None = None) -> dict[str, Document]:
        """Render every document of the site by its path; of the languages those ``spoken``, by default all."""
        documents = dict(self._all(board, board.site.languages if spoken is None else spoken))
        self._remembered = {path: kept for path, kept in self._remembered.items() if path in documents}
        return documents

    def front(self, board: Board) -> Document:
        """Render the front page alone."""
        return _Face(self, board, (), tongue(board.site.language), "").index()

    def _all(self, board: Board, spoken: Iterable[str]) -> Iterable[tuple[str, Document]]:
        """Render the pages as they are where a visitor asks for no language, and in each under its own address."""
        months, site = months_of(board), board.site
        for code in ("", *spoken):
            speaks = tongue(code or site.language)
            yield from _Face(self, *in_language(board, months, speaks), speaks, code).pages()
        ours = feeds.Speaks(tongue(site.language))
        for work in board.works:
            yield f"{links.work_path(work.maintenance.id)}.ics", Document(ICS, feeds.ics(board, [work], ours))
        yield from _machine_readable(in_language(board, (), tongue(site.language))[0])
        yield from _static()

    def fitted(self, path: str, render: Callable[[int], Document]) -> Document:
        """Render with as much detail as the budget has room for; begins near where it was last time."""
        level = max(0, self._levels.get(path, 0) - 1)
        while len((document := render(level)).body) > BUDGET and level < LEVELS:
            level += 1
        self._levels[path] = level
        return document

    def once(self, path: str, key: Hashable, render: Callable[[], Document]) -> Document:
        """Render only if what the page shows is not what it showed last time."""
        remembered = self._remembered.get(path)
        if remembered is None or remembered[0] != key:
            remembered = (key, render())
            self._remembered[path] = remembered
        return remembered[1]


@dataclass(frozen=True, slots=True)
class _Face:
    """The site in one language; ``code`` is the first part of its addresses, empty for those without one."""

    renderer: Renderer
    board: Board
    months: Sequence[Month]
    tongue: Tongue
    code: str
    own: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Work out once which single pages there are."""
        object.__setattr__(self, "own", self._own())

    def pages(self) -> Iterable[tuple[str, Document]]:
        """Render every page for people, with its address."""
        for path, document in self._pages():
            yield links.in_language(self.code, path), document

    @property
    def problems(self) -> Sequence[Told]:
        """The problems that have a page on this face."""
        return [t for n, t in enumerate(self.board.problems) if n < RECENT or t.open or not self.code]

    @property
    def works(self) -> Sequence[Work]:
        """The works that have a page on this face."""
        ahead = ("scheduled", "in_progress", "verifying")
        return [w for n, w in enumerate(self.board.works) if n < RECENT or w.status in ahead or not self.code]

    def _own(self) -> frozenset[str]:
        """Return the addresses of single problems and works that there are on this face."""
        told = {links.problem_path(told.problem.id) for told in self.problems}
        return frozenset(told | {links.work_path(work.maintenance.id) for work in self.works})

    def _pages(self) -> Iterable[tuple[str, Document]]:
        board = self.board
        yield "/", self.index()
        yield "/uptime", self._fitted("/uptime", self._uptime)
        for path in ("/404", "/subscribe"):
            yield path, self._once(path, board.site, partial(self._page, path, f"{path[1:]}.html"))
        notes = NOTES if board.site.writes or board.site.hooks else ()
        for path in (*notes, *(HOOK_NOTES if board.site.hooks else ())) if self.renderer.live else ():
            yield path, self._once(path, board.site, partial(self._page, path, "note.html"))
        yield from self._histories()
        yield from self._feeds()
        for told in self.problems:
            path = links.problem_path(told.problem.id)
            yield path, self._detail(path, "incident.html", told)
        for work in self.works:
            path = links.work_path(work.maintenance.id)
            yield path, self._detail(path, "maintenance.html", work)

    def _feeds(self) -> Iterable[tuple[str, Document]]:
        speaks = feeds.Speaks(self.tongue, self.code)
        yield "/feed.atom", Document(ATOM, feeds.atom(self.board, speaks))
        yield "/feed.rss", Document(RSS, feeds.rss(self.board, speaks))
        yield "/maintenance.ics", Document(ICS, feeds.ics(self.board, self.board.works, speaks, whole=True))

    def _histories(self) -> Iterable[tuple[str, Document]]:
        months = self.months
        for index, month in enumerate(months):
            older = months[index + 1].first if index + 1 < len(months) else None
            newer = months[index - 1].first if index else None
            path = links.month_path(month.first)
            yield self._history(path, "month.html", (month,), older, newer)
        rest = months[MONTHS_TOGETHER].first if len(months) > MONTHS_TOGETHER else None
        together = tuple(replace(month, days=()) for month in months[:MONTHS_TOGETHER])
        yield self._history("/history", "history.html", together, rest, None)

    def _history(
        self, path: str, template: str, months: tuple[Month, ...], older: date | None, newer: date | None
    ) -> tuple[str, Document]:
        key = (self.board.site.title, self.board.site.zone, months, older, newer)

        def render(level: int) -> Document:
            most = STRIPS_TOLD[level]
            return self._page(path, template, months=months, older=older, newer=newer, most=most)

        return path, self._once(path, key, lambda: self._fitted(path, render))

    def index(self) -> Document:
        """Render the front page."""
        return self._fitted("/", self._index)

    def _index(self, level: int) -> Document:
        shown = dict(zip(("seen", "folded", "inside"), DETAIL[level], strict=True))
        return self._page(
            "/", "index.html", now=self.board.now, stacks=stacks(self.board, *DETAIL[level]),
            linked=is_linked(self.board, *DETAIL[level]), **shown,
        )  # fmt: skip

    def _uptime(self, level: int) -> Document:
        return self._page("/uptime", "uptime.html", now=self.board.now, most=DAYS_TOLD[level])

    def _fitted(self, path: str, render: Callable[[int], Document]) -> Document:
        return self.renderer.fitted(links.in_language(self.code, path), render)

    def _detail(self, path: str, template: str, subject: Told | Work) -> Document:
        key = (self.board.site.title, self.board.site.zone, subject)
        return self._once(path, key, partial(self._page, path, template, subject=subject))

    def _once(self, path: str, key: Hashable, render: Callable[[], Document]) -> Document:
        return self.renderer.once(links.in_language(self.code, path), key, render)

    def _page(self, path: str, template: str, *, now: datetime | None = None, **shown: object) -> Document:
        here = links.in_language(self.code, path)
        to = self.renderer.link_from(here)

        def link(target: str, code: str = self.code) -> str:
            single = target.startswith(("/incidents/", "/maintenance/"))
            return to(target if single and target not in self.own else links.in_language(code, target))

        text = ENVIRONMENT.get_template(template).render(
            board=self.board,
            site=self.board.site,
            path=path,
            live=self.renderer.live,
            link=link,
            language=self.tongue,
            _=self.tongue.html,
            n_=self.tongue.many,
            t=Times(self.board.site.tz, self.tongue, now),
            **shown,
        )
        return Document(HTML, text.encode())


@dataclass(frozen=True, slots=True)
class Times:
    """How the templates write times and figures; without ``now`` nothing is written relative to it."""

    zone: ZoneInfo
    tongue: Tongue
    now: datetime | None = None

    def near(self, at: datetime) -> str:
        """Write a moment as short as today allows."""
        if self.now is None:
            return when.moment(at, self.zone, self.tongue)
        return when.near(at, self.now, self.zone, self.tongue)

    def exact(self, at: datetime) -> str:
        """Write a time of day to the second, with the date when it is another."""
        time = when.clock(at, self.zone, seconds=True)
        day, today = at.astimezone(self.zone).date(), (self.now or at).astimezone(self.zone).date()
        return time if day == today else f"{when.day_text(day, year=True, tongue=self.tongue)}, {time}"

    def hours(self, start: datetime, end: datetime) -> str:
        """Write a stretch of a day."""
        return when.hours(start, end, self.zone)

    def until(self, at: datetime) -> str:
        """Write how long it is until something is due."""
        return self.lasting(at - self.now) if self.now else ""

    def lasting(self, span: timedelta | float) -> str:
        """Write a length."""
        return when.lasting(span, self.tongue)

    def day(self, day: date) -> str:
        """Write a day with its weekday and year."""
        return when.long_day(day, self.tongue)

    def days(self, first: date, last: date) -> str:
        """Write a run of days."""
        return self.tongue.days(first, last)

    def month(self, first: date) -> str:
        """Write a month."""
        return when.month_text(first, self.tongue)

    def percent(self, uptime: float | None) -> str:
        """Write an uptime."""
        return percent(uptime, self.tongue)

    def happened(self, spent: Sequence[tuple[str, float]]) -> str:
        """Say what was wrong and for how long."""
        return happened(spent, self.tongue)

    def lower(self, sentence: str) -> str:
        """Say a word within a sentence."""
        return lowered(self.tongue.say(sentence), self.tongue)

    def zones(self, work: Work) -> list[str]:
        """Write when a work is: in the page's zone, in its own, and in UTC, each once."""
        plan = work.maintenance
        shown = dict.fromkeys((self.zone, _zone(plan.zone, self.zone), ZoneInfo("UTC")))
        spans = [when.between(plan.starts_at, plan.ends_at, zone, self.tongue) for zone in shown]
        return list(dict.fromkeys(spans))

    def repeats(self, work: Work) -> str:
        """Write how a work comes again."""
        return repeats(work.repeats, self.tongue) if work.repeats else ""

    def starts(self, work: Work) -> list[str]:
        """Write when a work begins the times after its next, in the zone that its rule is in."""
        zone = _zone(work.maintenance.zone, self.zone)
        return [when.moment(at, zone, self.tongue) for at in work.following]


def _zone(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return otherwise


def _machine_readable(board: Board) -> Iterable[tuple[str, Document]]:
    yield "/badge.svg", Document(SVG, badge.badge(board))
    for name, body in v2.documents(board).items():
        yield f"/api/v2/{name}", Document(JSON, body)


def _static() -> Iterable[tuple[str, Document]]:
    yield "/robots.txt", Document(TEXT, ROBOTS)
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
        WORDS=WORDS, IMPLIED=IMPLIED, STATES=STATES, IMPACTS=IMPACTS, outlines=outlines, column_title=title, SHOWN_HERE=SHOWN_HERE, PITCH=PITCH, BAR=BAR, TALL=TALL, UTC=UTC, NAMES=NAMES,
        problem_path=links.problem_path, work_path=links.work_path, month_path=links.month_path,
        day_path=links.day_path, day_text=when.day_text,
    )  # fmt: skip
    return made


ENVIRONMENT = _environment()
