"""The book of groups: who shares what with whom, who fails and since when, and who is set aside.

A look costs a few dictionary steps for each attribute, whatever the size of the fleet: every group has a sorted list of
who began to fail when. What the counts mean is :mod:`monitor.domain.correlation`.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from monitor.domain.evidence import DIMENSIONS, EVERYBODY, Dimension, Group
from monitor.domain.inventory import System
from monitor.domain.noise import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on a group is stormy. Shares are of its members, from 0 to 1; ``alone``: how seldom one fails by itself.

    ``longer``: what spreads slowly is looked for in windows so many times as long, too.
    """

    systems: int = 3
    many: int = 20
    share: float = 0.10
    window: timedelta = timedelta(seconds=60)
    contrast: float = 3.0
    everything: float = 0.5
    chance: float = 1e-3
    alone: timedelta = timedelta(days=30)
    years: float = 10.0
    longer: tuple[int, ...] = (10, 60)

    @property
    def windows(self) -> tuple[timedelta, ...]:
        """The times within which they may begin, the shortest first."""
        return (self.window, *(self.window * times for times in self.longer))


Lists = dict[Group, list[tuple[datetime, str]]]
"""For each group who began when, in that order."""


class Book:
    """Who belongs to which group, who of them fails and since when; the same calls in the same order give the same answers."""

    def __init__(self, limits: Limits | None = None, dimensions: Sequence[Dimension] = DIMENSIONS) -> None:
        """Know nobody yet: :meth:`watch` says who there is."""
        self.limits = limits or Limits()
        self._dimensions = tuple(dimensions)
        self._order = {one.name: place for place, one in enumerate(dimensions)}
        self._known: dict[Group, Group] = {}
        self._several: dict[Group, frozenset[Group]] = {}
        self._groups: dict[str, tuple[Group, ...]] = {}
        self._looked_at = 1
        self._pairs = 1
        self._shared: dict[tuple[Group, Group], int] = {}
        self._members: dict[Group, list[str]] = {}
        self._count: dict[Group, int] = {}
        self._failing: dict[str, datetime] = {}
        self._believed: dict[str, datetime] = {}
        self._streaks: Lists = {}
        self._findings: Lists = {}
        self._aside: set[Group] = set()
        self._explained: dict[str, int] = {}
        self._spent: set[str] = set()
        self._noise = Noise()

    def watch(self, systems: Iterable[System], dimensions: Sequence[Dimension] | None = None) -> None:
        """Take these for the systems there are, and what they share for what is looked at; what is known of them stays."""
        if dimensions is not None:
            self._dimensions = tuple(dimensions)
            self._order = {one.name: place for place, one in enumerate(dimensions)}
        failing, believed, aside = self._failing, self._believed, self._aside
        self._failing, self._believed, self._aside, self._explained = {}, {}, set(), {}
        self._streaks, self._findings, self._members = {}, {}, {}
        self._known, self._several = (
            {},
            {group: frozenset(group.parts) for group in aside if len(group.parts) > 1},
        )
        self._groups = {one.serial: self._groups_of(one) for one in systems}
        for serial, groups in self._groups.items():
            for group in groups:
                self._members.setdefault(group, []).append(serial)
        self._count = {group: len(members) for group, members in self._members.items()}
        self._looked_at = max(1, sum(count >= self.limits.systems for count in self._count.values()))
        self._pairs = self._so_many_pairs()
        self._shared.clear()
        self._spent &= self._groups.keys()
        for group in aside:
            self.set_aside(group)
        for serial, since in failing.items():
            self.fails(serial, since)
        for serial, since in believed.items():
            self.believe(serial, since)

    def _so_many_pairs(self) -> int:
        """Return among how many pairs of attributes one is found, at most: they are never all made."""
        enough = (one for one, count in self._count.items() if count >= self.limits.systems)
        values = Counter(one.dimension for one in enough if one != EVERYBODY and len(one.parts) == 1)
        most = len(self._groups) // self.limits.systems
        return max(1, sum(min(one * other, most) for one, other in combinations(values.values(), 2)))

    def _groups_of(self, system: System) -> tuple[Group, ...]:
        """Return a system's groups, each one object for all; combinations only of those that are named."""
        valued = ((one.name, one.of(system)) for one in self._dimensions)
        single = tuple(Group(name, value) for name, value in valued if value)
        several = (group for group, parts in self._several.items() if parts <= {*single})
        return (*(self._known.setdefault(each, each) for each in (*several, *single)), EVERYBODY)

    # what happens ---------------------------------------------------------------------------------------

    def fails(self, serial: str, since: datetime) -> None:
        """Note that a system was seen failing; the oldest time said stands."""
        if serial in self._groups and serial not in self._failing:
            self._noise.begins(serial, since)
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
        lists: Lists,
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

    def _put_in(self, lists: Lists, serial: str, since: datetime) -> None:
        for group in self._groups[serial]:
            insort(lists.setdefault(group, []), (since, serial))

    def _take_out(self, lists: Lists, serial: str, since: datetime) -> None:
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
        self._learn(group)
        self._shared.clear()
        self._aside.add(group)
        for serial in self._members.get(group, ()):
            if self._counts(serial):
                self._take_out_everywhere(serial)
            if not self._explained.get(serial):
                for each in self._groups[serial]:
                    self._count[each] -= 1
            self._explained[serial] = self._explained.get(serial, 0) + 1

    def _learn(self, group: Group) -> None:
        """Make a group of those who share several attributes, where there is none yet."""
        if len(group.parts) == 1 or group in self._members:
            return
        self._several[group] = frozenset(group.parts)
        members = self._members[group] = list(self.members(group))
        self._count[group] = sum(serial not in self._explained for serial in members)
        for serial in members:
            self._groups[serial] = (group, *self._groups[serial])
            if not self._counts(serial):
                continue
            for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
                if serial in known:
                    insort(lists.setdefault(group, []), (known[serial], serial))

    def take_back(self, group: Group, *, told: bool = True) -> None:
        """Count the members of a group again; those that still fail and were ``told`` of not before they were well in between."""
        if group not in self._aside:
            return
        self._shared.clear()
        self._aside.discard(group)
        for serial in self._members.get(group, ()):
            self._explained[serial] -= 1
            if self._explained[serial]:
                continue
            del self._explained[serial]
            for each in self._groups[serial]:
                self._count[each] += 1
            if told and serial in self._failing:
                self._spent.add(serial)
            elif self._counts(serial):
                self._put_in_everywhere(serial)
        self._unlearn(group)

    def _unlearn(self, group: Group) -> None:
        """Forget a group of those who share several attributes: beside the single ones it would explain what others do better."""
        if self._several.pop(group, None) is None:
            return
        for serial in self._members.pop(group, ()):
            self._groups[serial] = tuple(one for one in self._groups[serial] if one != group)
        for known in (self._count, self._streaks, self._findings):
            known.pop(group, None)

    def _put_in_everywhere(self, serial: str) -> None:
        for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
            if serial in known:
                self._put_in(lists, serial, known[serial])

    def _take_out_everywhere(self, serial: str) -> None:
        for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
            if serial in known:
                self._take_out(lists, serial, known[serial])

    @property
    def groups(self) -> Iterable[Group]:
        """All groups there are."""
        return self._members

    def count(self, group: Group) -> int:
        """Return how many count as members of a group."""
        return self._count.get(group, 0)

    def begun(self, group: Group, since: datetime) -> int:
        """Return how many of a group fail and began then or later."""
        return self._since(self._streaks, group, since)

    def failing_since(self, serial: str) -> datetime | None:
        """Return since when a system fails; None: it does not."""
        return self._failing.get(serial)

    def _sharing(self, one: Group, other: Group) -> int:
        """Count who counts in both groups."""
        few, many = sorted((one, other), key=lambda group: (len(self._members[group]), group))
        if (few, many) not in self._shared:
            ours = (serial for serial in self._members[few] if serial not in self._explained)
            self._shared[few, many] = sum(many in self._groups[serial] for serial in ours)
        return self._shared[few, many]

    def groups_of(self, serial: str) -> tuple[Group, ...]:
        """Return the groups of a system: those of several attributes first, the fleet last."""
        return self._groups.get(serial, ())

    def members(self, group: Group) -> Sequence[str]:
        """Return who belongs to a group, or to all of its parts."""
        if group in self._members or len(group.parts) == 1:
            return self._members.get(group, ())
        first, *others = sorted(group.parts, key=lambda part: self._count.get(part, 0))
        return [one for one in self._members.get(first, ()) if set(others) <= set(self._groups[one])]

    def _since(self, lists: Lists, group: Group, since: datetime) -> int:
        """Count a group's members that began then or later."""
        entries = lists.get(group, ())
        return len(entries) - bisect_left(entries, (since, ""))

    def _fresh(self, lists: Lists, group: Group, window: timedelta) -> int:
        """Count a group's members that began within a window, which ends with the latest."""
        entries = lists.get(group)
        return self._since(lists, group, entries[-1][0] - window) if entries else 0
