"""Many systems failing at once: which attribute they share, so that one problem is told and not ten thousand.

    failing streaks -> forming: new contacts wait a moment         findings -> stormy -> the group that explains best

Theory of operation. Every system belongs to a group per dimension (its cloud, its region ...), and to the fleet. A
:class:`Ledger` keeps for every group which members fail and since when, so that a look costs a few dictionary steps
whatever the size of the fleet. A group is *stormy* when

* at least ``systems`` of its members have a finding, and at least ``share`` of them, begun within ``window``;
* looks at its members fail at least ``contrast`` times as often as at everybody else. A fault of our own network
  fails everywhere alike, so it is never blamed on one cloud: only the *fleet* is left, from ``everything`` of it on.

A storm is *forming* when that holds of failing looks, before there are findings enough.

Of several stormy groups the one explains best that is small and covers most: the harmonic mean of the share of its
members that fail and the share of all failures that are in it (F1, of precision and recall). Members of a group that
is named are set aside: neither failing nor healthy for any other.

A system counts from its first failure since it was last well. Statistics over every attribute come later: they replace
``_better`` and add to ``DIMENSIONS``, and nothing else.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.domain.findings import Symptom
from monitor.domain.inventory import System

EXPLAINED = frozenset({Symptom.UNREACHABLE, Symptom.PORTAL_UNREACHABLE, Symptom.DEGRADED, Symptom.CALL_DROPS})
"""What a common cause explains: what cannot be reached or used, not what crashes or expires there."""

FLEET = "fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """An attribute that systems share; ``of`` tells a system's value, None where it has none."""

    name: str
    of: Callable[[System], str | None]


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(name="cloud", of=lambda system: system.cloud),
    Dimension(name="component", of=lambda system: system.component),
    Dimension(name="region", of=lambda system: system.region),
    Dimension(name="carrier", of=lambda system: system.carrier),
    Dimension(name="version", of=lambda system: system.version),
)
"""In the order in which one is preferred where two explain equally well."""


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Everybody with this value: ``Group("cloud", "eu-1")``; the whole fleet is ``Group("fleet", "")``."""

    dimension: str
    value: str

    def __str__(self) -> str:
        """Say it as in a sentence."""
        return "all that is watched" if self.dimension == FLEET else f"{self.dimension} {self.value}"


EVERYBODY = Group(FLEET, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on a group is stormy. Shares are of its members, from 0 to 1."""

    systems: int = 20
    share: float = 0.10
    window: timedelta = timedelta(seconds=60)
    contrast: float = 3.0
    everything: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a group is named: how many fail inside and outside of it, and when they began."""

    group: Group
    failing: int
    members: int
    failing_outside: int
    members_outside: int
    first: datetime
    last: datetime

    @property
    def explains(self) -> float:
        """How well: 1 when exactly its members fail."""
        return 2 * self.failing / (self.members + self.failing + self.failing_outside)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The evidence in sentences."""
        span = (self.last - self.first).total_seconds()
        said = [
            f"{self.failing:,} of {self.members:,} systems of {self.group} fail, begun within {span:.0f} s"
        ]
        if self.members_outside:
            said.append(f"outside of it {self.failing_outside:,} of {self.members_outside:,} fail")
        else:
            said.append("nothing outside of it is watched: a fault of our own network is not excluded")
        total = self.failing + self.failing_outside
        said.append(
            f"it explains best: {self.failing / total:.0%} of the failures, {self.failing / self.members:.0%} of its members"
        )
        return tuple(said)


_Lists = dict[Group, list[tuple[datetime, str]]]
"""For each group who began when, in that order."""


class Ledger:
    """Which systems fail, by group; the same calls in the same order always give the same answers."""

    def __init__(self, limits: Limits | None = None, dimensions: Sequence[Dimension] = DIMENSIONS) -> None:
        """Know nobody yet: :meth:`watch` says who there is."""
        self.limits = limits or Limits()
        self._dimensions = tuple(dimensions)
        self._order = {one.name: place for place, one in enumerate((*dimensions,))}
        self._groups: dict[str, tuple[Group, ...]] = {}
        self._members: dict[Group, list[str]] = {}
        self._count: dict[Group, int] = {}
        self._failing: dict[str, datetime] = {}
        self._believed: dict[str, datetime] = {}
        self._streaks: _Lists = {}
        self._findings: _Lists = {}
        self._aside: set[Group] = set()
        self._explained: dict[str, int] = {}
        self._spent: set[str] = set()

    def watch(self, systems: Iterable[System]) -> None:
        """Take these for the systems there are; what is known of them stays."""
        failing, believed, aside = self._failing, self._believed, self._aside
        self._failing, self._believed, self._aside, self._explained = {}, {}, set(), {}
        self._streaks, self._findings, self._members = {}, {}, {}
        self._groups = {one.serial: self._groups_of(one) for one in systems}
        for serial, groups in self._groups.items():
            for group in groups:
                self._members.setdefault(group, []).append(serial)
        self._count = {group: len(members) for group, members in self._members.items()}
        self._spent &= self._groups.keys()
        for group in aside:
            self.set_aside(group)
        for serial, since in failing.items():
            self.fails(serial, since)
        for serial, since in believed.items():
            self.believe(serial, since)

    def _groups_of(self, system: System) -> tuple[Group, ...]:
        valued = ((one.name, one.of(system)) for one in self._dimensions)
        return (*(Group(name, value) for name, value in valued if value), EVERYBODY)

    # what happens ---------------------------------------------------------------------------------------

    def fails(self, serial: str, since: datetime) -> None:
        """Note that a system was seen failing; the oldest time said stands."""
        self._note(self._failing, self._streaks, serial, since)

    def believe(self, serial: str, since: datetime) -> None:
        """Note that a system has a finding; it is failing, too."""
        self.fails(serial, since)
        self._note(self._believed, self._findings, serial, since)

    def well(self, serial: str) -> None:
        """Note that nothing fails on a system any more."""
        counted = self._counts(serial)
        self._spent.discard(serial)
        for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
            since = known.pop(serial, None)
            if since is not None and counted:
                self._take_out(lists, serial, since)

    def doubted_no_more(self, serial: str) -> None:
        """Note that a system has no finding any more, though a look at it may still fail."""
        since = self._believed.pop(serial, None)
        if since is not None and self._counts(serial):
            self._take_out(self._findings, serial, since)

    def _note(
        self,
        known: dict[str, datetime],
        lists: _Lists,
        serial: str,
        since: datetime,
    ) -> None:
        before = known.get(serial)
        if serial not in self._groups or (before is not None and before <= since):
            return
        if before is not None and self._counts(serial):
            self._take_out(lists, serial, before)
        known[serial] = since
        if self._counts(serial):
            self._put_in(lists, serial, since)

    def _counts(self, serial: str) -> bool:
        return serial in self._groups and serial not in self._explained and serial not in self._spent

    def _put_in(self, lists: _Lists, serial: str, since: datetime) -> None:
        for group in self._groups[serial]:
            insort(lists.setdefault(group, []), (since, serial))

    def _take_out(self, lists: _Lists, serial: str, since: datetime) -> None:
        for group in self._groups[serial]:
            entries = lists[group]
            del entries[bisect_left(entries, (since, serial))]

    def spend(self, serial: str) -> None:
        """Let a system that fails count for nothing until it was well: its problem was told and is over."""
        if serial not in self._spent and self._counts(serial):
            self._take_out_everywhere(serial)
            self._spent.add(serial)

    # what is named ----------------------------------------------------------------------------------------

    def set_aside(self, group: Group) -> None:
        """Leave the members of a group that is named out of every other one's count."""
        if group in self._aside:
            return
        self._aside.add(group)
        for serial in self._members.get(group, ()):
            if self._counts(serial):
                self._take_out_everywhere(serial)
            if not self._explained.get(serial):
                for each in self._groups[serial]:
                    self._count[each] -= 1
            self._explained[serial] = self._explained.get(serial, 0) + 1

    def take_back(self, group: Group) -> None:
        """Count the members of a group again; those that still fail not before they were well in between."""
        if group not in self._aside:
            return
        self._aside.discard(group)
        for serial in self._members.get(group, ()):
            self._explained[serial] -= 1
            if self._explained[serial]:
                continue
            del self._explained[serial]
            for each in self._groups[serial]:
                self._count[each] += 1
            if serial in self._failing:
                self._spent.add(serial)

    def _take_out_everywhere(self, serial: str) -> None:
        for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
            if serial in known:
                self._take_out(lists, serial, known[serial])

    # what follows -------------------------------------------------------------------------------------------

    def groups_of(self, serial: str) -> tuple[Group, ...]:
        """Return the groups of a system, the fleet last."""
        return self._groups.get(serial, ())

    def members(self, group: Group) -> Sequence[str]:
        """Return who belongs to a group."""
        return self._members.get(group, ())

    def forming(self, serial: str) -> Evidence | None:
        """Return the group of this system in which so many looks fail that a storm may be coming, if any."""
        return self._best(self._streaks, self.groups_of(serial)) if self._counts(serial) else None

    def stormy(self, serial: str) -> Evidence | None:
        """Return the group that explains best what is believed, if this system's finding made one stormy."""
        if not self._counts(serial) or self._best(self._findings, self.groups_of(serial)) is None:
            return None
        return self.explanation()

    def explanation(self) -> Evidence | None:
        """Return the stormy group that explains best what fails now, of all there are."""
        return self._best(self._findings, self._findings)

    def _best(self, counted: _Lists, groups: Iterable[Group]) -> Evidence | None:
        found = (self._evidence(group) for group in groups if self._enough(counted, group))
        return max((one for one in found if one is not None), key=self._better, default=None)

    def _better(self, one: Evidence) -> tuple[float, int, int, str]:
        """Order evidence: what explains best, then the smaller, then the preferred dimension."""
        place = self._order.get(one.group.dimension, len(self._order))
        return (one.explains, -one.members, -place, one.group.value)

    def _enough(self, counted: _Lists, group: Group) -> bool:
        """Whether enough of a group's members began to fail (or have a finding) within the window."""
        fresh = self._fresh(counted, group)
        return (
            group not in self._aside
            and fresh >= self.limits.systems
            and fresh >= self.limits.share * self._count[group]
        )

    def _fresh(self, lists: _Lists, group: Group, since: datetime | None = None) -> int:
        """Count a group's members that began within the window, which ends with the latest or begins at ``since``."""
        entries = lists.get(group, ())
        if not entries:
            return 0
        first = since or entries[-1][0] - self.limits.window
        return len(entries) - bisect_left(entries, (first, ""))

    def _evidence(self, group: Group) -> Evidence | None:
        """Return the evidence for a group, if its members fail so much more often than everybody else.

        It is taken from failing looks and not from findings only: of a fault that is everywhere half is seen before
        the first finding is believed.
        """
        inside = self._streaks[group]
        begin = inside[-1][0] - self.limits.window
        failing, members = self._fresh(self._streaks, group, begin), self._count[group]
        outside = self._fresh(self._streaks, EVERYBODY, begin) - failing
        others = self._count[EVERYBODY] - members
        if group == EVERYBODY and failing < self.limits.everything * members:
            return None
        # failing / members >= contrast * outside / others, without dividing by nobody
        if failing * others < self.limits.contrast * outside * members:
            return None
        return Evidence(
            group=group,
            failing=failing,
            members=members,
            failing_outside=outside,
            members_outside=others,
            first=inside[-failing][0],
            last=inside[-1][0],
        )
