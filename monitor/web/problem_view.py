"""The workbench's view model: what stands under a problem, filtered and counted; what looks like it; the curve; who was told.

Pure. Ten thousand members are gone through once for each page; only a page of them is shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.inventory import Inventory, Partner, System
from monitor.storage.lists import OutboxLine
from monitor.storage.problems import Member
from monitor.web.render import hour, span

PAGE = 50
OFFERED = 40  # values of an attribute that a filter offers; others are typed into the search
ATTRIBUTES = ("country", "region", "cloud", "carrier", "version")
SHARED = (*ATTRIBUTES, "component", "partner")
ALIKE = 0.5  # of the members have a value: what else fails and has it looks alike
CANDIDATES = 8  # shared values that are offered
WIDTH, HEIGHT, STEPS = 720, 120, 60
Text = Annotated[str, Field(max_length=200)]
Whom = Literal["", "alike", "out"]


class ProblemQuery(BaseModel):
    """What of a problem's systems is asked for; every field is part of the address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Whom = ""
    q: Text = ""
    partner: Text = ""
    country: Text = ""
    region: Text = ""
    cloud: Text = ""
    carrier: Text = ""
    version: Text = ""
    component: Text = ""
    state: Literal["", "failing", "open", "acknowledged", "resolved"] = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1

    @property
    def filters(self) -> Mapping[str, str]:
        """The filters that are set, by name."""
        said = self.model_dump(exclude={"of", "page"})
        return {name: value for name, value in said.items() if value}

    def path(self, base: str, **changes: object) -> str:
        """Return the address of this view, with changes."""
        values = {**self.model_dump(), "page": 1, **changes}
        said = {name: value for name, value in values.items() if value and (name, value) != ("page", 1)}
        return f"{base}?{urlencode(said)}" if said else base


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """An attribute that members are filtered by, with the values that there are and how many have each."""

    name: str
    chosen: str
    values: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A member as it is shown."""

    member: Member
    system: System | None
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """A value that (nearly) all members share, and how many incidents beside them have it now, too."""

    name: str
    value: str
    share: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many failed at a moment, as it is drawn."""

    x: float
    y: float
    width: float
    height: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How many systems fail over time, as a picture and in words."""

    bars: tuple[Bar, ...]
    said: str
    most: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A partner with systems under the problem, and where their one contact about it stands."""

    id: str
    partner: Partner | None
    systems: int
    failing: int
    row: OutboxLine | None

    @property
    def name(self) -> str:
        """What they are called."""
        return self.partner.name if self.partner else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The systems section: which are asked for, a page of them, and how they can be cut smaller."""

    query: ProblemQuery
    lines: tuple[Line, ...]
    fitting: int
    total: int
    newest: int
    facets: tuple[Facet, ...]

    @property
    def first(self) -> int:
        """How many are before this page."""
        return (self.query.page - 1) * PAGE

    @property
    def more(self) -> bool:
        """Whether there are more after it."""
        return self.first + len(self.lines) < self.fitting


# which systems -------------------------------------------------------------------------------------------------------


def fitting(found: Iterable[Member], query: ProblemQuery, inventory: Inventory) -> list[Member]:
    """Return what fits the filters."""
    wanted, systems, partners = query.q.strip().casefold(), inventory.systems, inventory.partners
    has = [(attrgetter(name), getattr(query, name)) for name in (*ATTRIBUTES, "component") if getattr(query, name)]  # fmt: skip
    if not (wanted or has or query.partner or query.state):
        return list(found)

    def fits(one: Member) -> bool:
        if query.partner and one.partner != query.partner:
            return False
        if query.state and not _is(one.status, query.state):
            return False
        system = systems.get(one.system)
        if has and (system is None or any(of(system) != value for of, value in has)):
            return False
        if not wanted:
            return True
        partner = partners.get(one.partner)
        said = f"{one.system} {one.title} {one.id} {system.name if system else ''} {partner.name if partner else one.partner}"
        return wanted in said.casefold()

    return [one for one in found if fits(one)]


def _is(status: str, state: str) -> bool:
    return status != "resolved" if state == "failing" else status == state


def systems_of(found: Sequence[Member], query: ProblemQuery, inventory: Inventory) -> Systems:
    """Return the page that is asked for, with what the filters offer."""
    fits = fitting(found, query, inventory)
    first = (query.page - 1) * PAGE
    return Systems(
        query=query,
        lines=tuple(_line(one, inventory) for one in fits[first : first + PAGE]),
        fitting=len(fits),
        total=len(found),
        newest=max((one.seq for one in fits), default=0),
        facets=tuple(_facets(found, query, inventory)),
    )


def _line(one: Member, inventory: Inventory) -> Line:
    partner = inventory.partners.get(one.partner)
    return Line(
        member=one, system=inventory.systems.get(one.system), partner=partner.name if partner else one.partner
    )


def _facets(found: Sequence[Member], query: ProblemQuery, inventory: Inventory) -> Iterable[Facet]:
    partners = Counter(one.partner for one in found if one.partner)
    yield _facet("partner", query.partner, partners, lambda id_: inventory.partners[id_].name if id_ in inventory.partners else id_)  # fmt: skip
    counts = shared(found, inventory, ATTRIBUTES)
    for name in ATTRIBUTES:
        yield _facet(name, getattr(query, name), counts[name], lambda value: value)


def _facet(name: str, chosen: str, counts: Counter[str], say: Callable[[str], str]) -> Facet:
    values = [(value, say(value), count) for value, count in counts.most_common(OFFERED)]
    if chosen and all(chosen != value for value, _, _ in values):
        values.append((chosen, say(chosen), counts[chosen]))
    return Facet(name=name, chosen=chosen, values=tuple(values))


def shared(found: Iterable[Member], inventory: Inventory, names: Sequence[str]) -> dict[str, Counter[str]]:
    """Count the values that the systems of these incidents have of each attribute."""
    known = (inventory.systems.get(one.system) for one in found)
    systems = [system for system in known if system is not None]
    return {name: Counter(filter(None, map(attrgetter(name), systems))) for name in names}


def alike(found: Sequence[Member], free: Sequence[Member], inventory: Inventory) -> tuple[Alike, ...]:
    """Return what most members share and incidents that stand under nothing have, too; the most telling first."""
    if not found or not free:
        return ()
    inside, outside = shared(found, inventory, SHARED), shared(free, inventory, SHARED)
    made = [
        Alike(name=name, value=value, share=count / len(found), count=outside[name][value])
        for name in SHARED
        for value, count in inside[name].most_common(2)
        if count >= ALIKE * len(found) and outside[name][value]
    ]
    return tuple(sorted(made, key=lambda one: (-one.share, one.count))[:CANDIDATES])


# the curve -----------------------------------------------------------------------------------------------------------


def curve(found: Sequence[Member], now: datetime) -> Curve | None:
    """Draw how many of these fail over time, from the first on until now or until all are well again."""
    if not found:
        return None
    began = sorted(one.since for one in found)
    over = sorted(one.resolved_at for one in found if one.resolved_at is not None)
    start = began[0]
    end = now.timestamp() if len(over) < len(found) else over[-1]
    length = max(end - start, 1.0)
    heights, at_begun, at_over = [], 0, 0
    for step in range(1, STEPS + 1):
        until = start + length * step / STEPS
        while at_begun < len(began) and began[at_begun] <= until:
            at_begun += 1
        while at_over < len(over) and over[at_over] <= until:
            at_over += 1
        heights.append(at_begun - at_over)
    most = max(*heights, 1)
    wide = WIDTH / STEPS
    bars = tuple(_bar(n, count, most, wide, start + length * (n + 1) / STEPS) for n, count in enumerate(heights))  # fmt: skip
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    return Curve(bars=bars, said=_said(began, over, heights, most, first), most=most, first=first, last=last)


def _bar(n: int, count: int, most: int, wide: float, at: float) -> Bar:
    height = round(count / most * (HEIGHT - 4), 1)
    return Bar(
        x=round(n * wide, 1),
        y=round(HEIGHT - height, 1),
        width=round(wide * 0.9, 1),
        height=height,
        said=f"{hour(datetime.fromtimestamp(at, UTC))} UTC: {count:,} failed",
    )


def _said(
    began: Sequence[float], over: Sequence[float], heights: Sequence[int], most: int, first: datetime
) -> str:
    nine_in_ten = timedelta(seconds=began[int(len(began) * 0.9)] - began[0])
    said = f"{len(began):,} began from {hour(first)} UTC on, nine in ten of them within {span(nine_in_ten)}; at most {most:,} failed at once"
    if not over:
        return f"{said}; none is well again yet"
    said += (
        f"; {len(over):,} are well again, the last since {hour(datetime.fromtimestamp(over[-1], UTC))} UTC"
    )
    return f"{said}; {heights[-1]:,} still fail" if heights[-1] else f"{said}; none fails any more"


# the partners --------------------------------------------------------------------------------------------------------


def affected(
    found: Sequence[Member], rows: Mapping[str, OutboxLine], inventory: Inventory
) -> tuple[Affected, ...]:
    """Return the partners with how many systems, those with most that fail first."""
    systems = Counter(one.partner for one in found if one.partner)
    failing = Counter(one.partner for one in found if one.partner and one.status != "resolved")
    made = [
        Affected(id=id_, partner=inventory.partners.get(id_), systems=count, failing=failing[id_], row=rows.get(id_))
        for id_, count in systems.items()
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda one: (-one.failing, -one.systems, one.name)))
