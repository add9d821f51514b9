"""Groups of systems that share something, and the evidence that what fails is one of them.

``Group("cloud", "eu-1")`` is everybody with this value; ``Group("cloud+version", "eu-1 + 5.03")`` everybody with both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from typing import NamedTuple

from monitor.domain.chance import NEVER
from monitor.domain.inventory import System

FLEET, OWNER = "fleet", "partner"
AND, AND_NAMES = " + ", "+"
_FIELDS = frozenset({"cloud", "component", "region", "carrier", "version", "partner", "country"})
_SELDOM = 1e-9
_AGES = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """An attribute that systems share; ``of`` tells a system's value, None where it has none."""

    name: str
    of: Callable[[System], str | None]


def dimension(name: str) -> Dimension:
    """Return an attribute by its name: what the inventory says of every system, else a tag, else what is registered."""
    if name in _FIELDS:
        return Dimension(name=name, of=lambda system: getattr(system, name))
    return Dimension(name=name, of=lambda system: system.tags.get(name) or system.technical.get(name))


ATTRIBUTES = ("cloud", "component", "region", "carrier", "version", "hardware", "network", "partner")
DIMENSIONS: tuple[Dimension, ...] = tuple(dimension(name) for name in ATTRIBUTES)
"""In the order in which one is preferred where two explain equally well."""


class Group(NamedTuple):
    """Everybody with this value, or these; the whole fleet is ``Group("fleet", "")``.

    A tuple, since thousands are compared and looked up at each finding of a storm.
    """

    dimension: str
    value: str

    def __str__(self) -> str:
        """Say it as in a sentence."""
        if self.dimension == FLEET:
            return "all that is watched"
        return " and ".join(f"{one.dimension} {one.value}" for one in self.parts)

    @property
    def parts(self) -> tuple["Group", ...]:
        """The single attributes it is made of: itself, where it is one."""
        names, values = self.dimension.split(AND_NAMES), self.value.split(AND)
        if len(names) == 1 or len(names) != len(values):
            return (self,)
        return tuple(Group(name, value) for name, value in zip(names, values, strict=True))


EVERYBODY = Group(FLEET, "")


def both(one: Group, other: Group) -> Group | None:
    """Return who has both; None where that could not be told apart from another group by its words."""
    if AND in one.value + other.value or AND_NAMES in one.dimension + other.dimension:
        return None
    first, second = sorted((one, other))
    return Group(first.dimension + AND_NAMES + second.dimension, first.value + AND + second.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A row of the table of evidence: how many fail inside and outside of a group, and how likely that is chance.

    ``log_p`` is the logarithm of the exact test's probability, before it is corrected for how many were looked at.
    """

    group: Group
    failing: int
    members: int
    failing_outside: int
    members_outside: int
    log_p: float = 0.0

    @property
    def explains(self) -> float:
        """How well: 1 when exactly its members fail."""
        return 2 * self.failing / (self.members + self.failing + self.failing_outside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Counted):
    """Why a group is named: the counts, when they began, and what chance would have to do with it.

    ``looked_at``: among how many groups; ``years``: once in how many so many begin at once by themselves.
    ``beside``: another group that fails at the same time, which the failures outside are (nearly) all of.
    """

    first: datetime
    last: datetime
    looked_at: int = 1
    years: float = NEVER
    table: tuple[Counted, ...] = ()
    window: timedelta = timedelta(seconds=60)
    beside: Counted | None = None

    @property
    def chance(self) -> float:
        """How likely it is that belonging to the group does not matter, corrected for the groups looked at."""
        return min(1.0, exp(self.log_p) * self.looked_at)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The evidence in sentences."""
        span = (self.last - self.first).total_seconds()
        said = [
            f"{self.failing:,} of {self.members:,} systems of {self.group} fail, begun within {span:.0f} s"
        ]
        if self.members_outside:
            said.append(f"outside of it {self.failing_outside:,} of {self.members_outside:,} fail")
            if self.beside is not None:
                said.append(f"of those {self.beside.failing:,} are of {self.beside.group}, which fails as well ({self.beside.members:,} systems): two causes at once")  # fmt: skip
            said.append(f"that belonging to it does not matter: {_likely(self.chance)} (exact test, {self.looked_at:,} groups looked at)")  # fmt: skip
        else:
            said.append("nothing outside of it is watched: a fault of our own network is not excluded")
        said.append(f"that so many begin at once each by itself: {_once_in(self.years)}")
        total = self.failing + self.failing_outside
        said.append(
            f"it explains best: {self.failing / total:.0%} of the failures, {self.failing / self.members:.0%} of its members"
        )
        return tuple(said)


def _likely(chance: float) -> str:
    if chance < _SELDOM:
        return "less than 1 in 1,000,000,000"
    return f"1 in {1 / chance:,.0f}" if chance < 1 else "it may as well be chance"


def _once_in(years: float) -> str:
    if years > _AGES:
        return "less than once in 1,000,000 years"
    return f"once in {years:,.0f} years" if years >= 1 else f"{1 / years:,.0f} times a year"


def as_rows(counted: Sequence[Counted], named: Group, looked_at: int) -> list[Mapping[str, object]]:
    """Return the table of evidence as it is kept and shown, what is named first."""
    return [
        {
            "group": str(one.group),
            "failing": one.failing,
            "members": one.members,
            "failing_outside": one.failing_outside,
            "members_outside": one.members_outside,
            "chance": float(f"{min(1.0, exp(one.log_p) * looked_at):.3g}"),
            "explains": round(one.explains, 4),
            "named": one.group == named,
        }
        for one in sorted(counted, key=lambda one: (one.group != named, one.log_p, -one.explains))
    ]
