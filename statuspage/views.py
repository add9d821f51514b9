"""What the pages, feeds and API are rendered from: values only, worked out by ``board.build``."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.inventory import Component
from monitor.storage.public import PublicMaintenance, PublicProblem, PublicSeries
from statuspage.bars import Bars
from statuspage.rollup import OPERATIONAL, SEVERITY, Rollup
from statuspage.uptime import CURRENT, Accounting, Span, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Whose page it is, in which zone it tells the time, and what it shows."""

    title: str = "Service status"
    url: str = "http://127.0.0.1:8080"
    zone: str = "UTC"
    description: str = ""
    contact: str = ""  # an address or page for what is not on this page
    components: tuple[Component, ...] = ()
    language: str = "en"  # of the page where the visitor asks for none of ours
    languages: tuple[str, ...] = ()  # each has addresses of its own, and is chosen for who reads it
    writes: bool = False  # whether people can subscribe by mail
    hooks: bool = False  # whether they can subscribe a webhook
    stale_after: timedelta = timedelta(minutes=5)
    accounting: Accounting = CURRENT
    since: datetime = datetime(2026, 1, 1, tzinfo=UTC)  # told as birth of what has no record yet

    @property
    def tz(self) -> ZoneInfo:
        """The page's zone."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One component: how it is, since when, why, and how its last 90 days were."""

    id: str
    name: str
    description: str
    group: str | None
    region: str | None
    status: str
    last_known: str | None  # told only while the state is unknown because our data is old
    since: datetime | None
    problem: str | None
    first_seen: datetime
    changed_at: datetime
    uptime: float | None
    unknown: float  # seconds of the 90 days of which nothing is known; 0 when it is nothing worth a word
    held: tuple[Span, ...]
    bars: Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines under one name; ``name`` is None for those that stand alone."""

    name: str | None
    status: str
    open: bool
    well: int  # so many of its lines are operational
    lines: tuple[Line, ...]
    uptime: float | None
    bars: Bars  # at each moment the worst of its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service across the regions: a state for each column of the matrix, None where it is not offered."""

    name: str
    place: int  # of its group on the page
    cells: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Services x regions; the last column (an empty name) is for what belongs to no region."""

    regions: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A problem as the page tells it. ``due`` is when the next word was promised."""

    problem: PublicProblem
    names: tuple[str, ...]
    open: bool
    due: datetime | None
    overdue: bool
    ended: datetime | None
    lasted: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A maintenance as the page tells it; ``status`` follows the clock where nobody moved it on."""

    maintenance: PublicMaintenance
    names: tuple[str, ...]
    status: str
    overrun: bool
    repeats: str = ""  # the rule by which it comes again; of the next time of a series alone
    following: tuple[datetime, ...] = ()  # when it begins the times after that
    later: bool = False  # a time of a series that is not its next


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A past day, or a run of days on which nothing was posted."""

    first: date
    last: date
    problems: tuple[Told, ...] = ()
    works: tuple[Work, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything the pages, the feeds and the API are rendered from."""

    site: Site
    now: datetime
    looked_at: datetime | None
    stale: bool
    summary: Rollup
    days: tuple[date, ...]
    groups: tuple[Group, ...]
    problems: tuple[Told, ...]  # all, newest first
    works: tuple[Work, ...]  # all, the latest start first
    past: tuple[Day, ...]
    changed_at: datetime
    series: tuple[PublicSeries, ...] = ()
    matrix: Matrix | None = None  # where there are several regions

    @property
    def edge(self) -> datetime:
        """Where the bars begin: the first moment of which there are minutes."""
        return midnight(self.days[0], self.site.tz)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All components."""
        return tuple(line for group in self.groups for line in group.lines)

    @property
    def unwell(self) -> tuple[Line, ...]:
        """Components that are not as they should be, the worst first."""
        bad = [line for line in self.lines if line.status != OPERATIONAL]
        return tuple(sorted(bad, key=lambda line: -SEVERITY[line.status]))

    @property
    def open_problems(self) -> tuple[Told, ...]:
        """Problems that are not over, the gravest first, then the oldest."""
        order = ("critical", "major", "minor")
        still = [told for told in self.problems if told.open]
        return tuple(sorted(still, key=lambda t: (order.index(t.problem.impact), t.problem.opened_at)))

    @property
    def running_works(self) -> tuple[Work, ...]:
        """Works going on now."""
        return tuple(work for work in self.works if work.status in ("in_progress", "verifying"))

    @property
    def planned_works(self) -> tuple[Work, ...]:
        """Works ahead, the next one first."""
        return tuple(work for work in reversed(self.works) if work.status == "scheduled" and not work.later)
