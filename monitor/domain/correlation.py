"""Many systems failing at once: which attribute they share, so that one problem is told and not ten thousand.

    failing streaks -> forming: new contacts wait a moment         findings -> stormy -> the group that explains best

Theory of operation. Every system belongs to a group per attribute of the inventory (its cloud, carrier, version ...), and
to the fleet. A :class:`Ledger` keeps for every group which members fail and since when, so that a look costs a few
dictionary steps for each attribute, whatever the size of the fleet. A group is *stormy* when

* at least ``systems`` of its members have a finding, and at least ``share`` of them, begun within ``window``;
* so many would begin within a window, each by itself, less than once in ``years``: coincidences are expected where many
  systems are watched, and are no common cause. How often one fails by itself is assumed (``alone``), or seen outside;
* belonging to it matters: by Fisher's exact test against everybody else, corrected for how many groups are looked at,
  chance is below ``chance``, and its members fail ``contrast`` times as often. A fault of our own network fails
  everywhere alike, so it is never blamed on one cloud: only the *fleet* is left, from ``everything`` of it on;
* or ``many`` of its members fail, ``contrast`` times as often: where too few are watched outside of it for the test.

A storm is *forming* when that holds of failing looks, before there are findings enough.

Of several stormy groups that one explains best of which it is least likely chance: small, and covering most. If within
it those with a second attribute fail and the others are well (the same test), it is *both* that explain: this version in
that cloud. Members of a group that is named are set aside: neither failing nor healthy for any other.

A system counts from its first failure since it was last well.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, log

from monitor.domain.chance import log_tail, years_between
from monitor.domain.evidence import DIMENSIONS, EVERYBODY, OWNER, Counted, Dimension, Evidence, Group, both
from monitor.domain.findings import Symptom
from monitor.domain.inventory import System

EXPLAINED = frozenset({Symptom.UNREACHABLE, Symptom.PORTAL_UNREACHABLE, Symptom.DEGRADED, Symptom.CALL_DROPS})
"""What a common cause explains: what cannot be reached or used, not what crashes or expires there."""
_COVERS = 0.9  # of a group's failures have a second attribute, too: the two together may explain
_NOISE = 0.01  # of everybody else failing in a window: more is no noise, but another fault
_SUSPECT = 0.05  # less likely to be chance within a group than this: a moment more is waited


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on a group is stormy. Shares are of its members, from 0 to 1; ``alone``: how seldom one fails by itself."""

    systems: int = 3
    many: int = 20
    share: float = 0.10
    window: timedelta = timedelta(seconds=60)
    contrast: float = 3.0
    everything: float = 0.5
    chance: float = 1e-3
    alone: timedelta = timedelta(days=30)
    years: float = 10.0


_Lists = dict[Group, list[tuple[datetime, str]]]
"""For each group who began when, in that order."""


class Ledger:
    """Which systems fail, by group; the same calls in the same order always give the same answers."""

    def __init__(self, limits: Limits | None = None, dimensions: Sequence[Dimension] = DIMENSIONS) -> None:
        """Know nobody yet: :meth:`watch` says who there is."""
        self.limits = limits or Limits()
        self._dimensions = tuple(dimensions)
        self._order = {one.name: place for place, one in enumerate(dimensions)}
        self._known: dict[Group, Group] = {}
        self._groups: dict[str, tuple[Group, ...]] = {}
        self._looked_at = 1
        self._members: dict[Group, list[str]] = {}
        self._count: dict[Group, int] = {}
        self._failing: dict[str, datetime] = {}
        self._believed: dict[str, datetime] = {}
        self._streaks: _Lists = {}
        self._findings: _Lists = {}
        self._aside: set[Group] = set()
        self._explained: dict[str, int] = {}
        self._spent: set[str] = set()

    def watch(self, systems: Iterable[System], dimensions: Sequence[Dimension] | None = None) -> None:
        """Take these for the systems there are, and what they share for what is looked at; what is known of them stays."""
        if dimensions is not None:
            self._dimensions = tuple(dimensions)
            self._order = {one.name: place for place, one in enumerate(dimensions)}
        failing, believed, aside = self._failing, self._believed, self._aside
        self._failing, self._believed, self._aside, self._explained = {}, {}, set(), {}
        self._streaks, self._findings, self._members = {}, {}, {}
        self._known = {group: group for group in aside if len(group.parts) > 1}
        self._groups = {one.serial: self._groups_of(one) for one in systems}
        for serial, groups in self._groups.items():
            for group in groups:
                self._members.setdefault(group, []).append(serial)
        self._count = {group: len(members) for group, members in self._members.items()}
        self._looked_at = max(1, sum(count >= self.limits.systems for count in self._count.values()))
        self._spent &= self._groups.keys()
        for group in aside:
            self.set_aside(group)
        for serial, since in failing.items():
            self.fails(serial, since)
        for serial, since in believed.items():
            self.believe(serial, since)

    def _groups_of(self, system: System) -> tuple[Group, ...]:
        """Return a system's groups, each one object for all; combinations only of those that are named."""
        valued = ((one.name, one.of(system)) for one in self._dimensions)
        single = tuple(Group(name, value) for name, value in valued if value)
        several = (group for group in self._known if len(group.parts) > 1 and {*group.parts} <= {*single})
        return (*(self._known.setdefault(each, each) for each in (*several, *single)), EVERYBODY)

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
        self._learn(group)
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
        self._known[group] = group
        members = self._members[group] = list(self.members(group))
        self._count[group] = sum(serial not in self._explained for serial in members)
        for serial in members:
            self._groups[serial] = (group, *self._groups[serial])
            if not self._counts(serial):
                continue
            for known, lists in ((self._failing, self._streaks), (self._believed, self._findings)):
                if serial in known:
                    insort(lists.setdefault(group, []), (known[serial], serial))

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

    @property
    def groups(self) -> Iterable[Group]:
        """All groups there are."""
        return self._members

    def count(self, group: Group) -> int:
        """Return how many count as members of a group."""
        return self._count.get(group, 0)

    def begun(self, group: Group, since: datetime) -> int:
        """Return how many of a group fail and began then or later."""
        return self._fresh(self._streaks, group, since)

    # what follows -------------------------------------------------------------------------------------------

    def groups_of(self, serial: str) -> tuple[Group, ...]:
        """Return the groups of a system: those of several attributes first, the fleet last."""
        return self._groups.get(serial, ())

    def members(self, group: Group) -> Sequence[str]:
        """Return who belongs to a group, or to all of its parts."""
        if group in self._members or len(group.parts) == 1:
            return self._members.get(group, ())
        first, *others = sorted(group.parts, key=lambda part: self._count.get(part, 0))
        return [one for one in self._members.get(first, ()) if set(others) <= set(self._groups[one])]

    def forming(self, serial: str) -> Evidence | None:
        """Return the group of this system in which so many looks fail that a storm may be coming, if any."""
        return self._best(self._streaks, self.groups_of(serial)) if self._counts(serial) else None

    def stormy(self, serial: str) -> Evidence | None:
        """Return the group that explains best what is believed, if this system's finding made one stormy.

        Where a second attribute is suspected, a moment is waited for what :meth:`explanation` says then.
        """
        if not self._counts(serial) or self._best(self._findings, self.groups_of(serial)) is None:
            return None
        best = self._best(self._findings, self._findings)
        return best and (self._together(best) or (None if self._seconds(best, _SUSPECT) else best))

    def explanation(self) -> Evidence | None:
        """Return the stormy group that explains best what fails now, of all there are; or two that only together do."""
        best = self._best(self._findings, self._findings)
        return best and (self._together(best) or best)

    def table(self, evidence: Evidence) -> tuple[Counted, ...]:
        """Return what was looked at beside a group: of every attribute the value that most of what fails has."""
        begin = evidence.last - self.limits.window
        most: dict[str, tuple[int, Group]] = {}
        for group in self._streaks:
            failing = self._fresh(self._streaks, group, begin)
            if group not in self._aside and failing > most.get(group.dimension, (0, group))[0]:
                most[group.dimension] = (failing, group)
        named = evidence.group
        found = [self._tested(group, begin) for _, group in most.values() if group not in (named, EVERYBODY)]
        return (replace(evidence, table=()), *found)

    def _best(self, counted: _Lists, groups: Iterable[Group]) -> Evidence | None:
        found = (self._evidence(group, fresh) for group in groups if (fresh := self._enough(counted, group)))
        return max((one for one in found if one is not None), key=self._better, default=None)

    def _better(self, one: Evidence) -> tuple[float, float, int, int, str]:
        """Order evidence: what is least likely chance, what explains best, the smaller, the preferred dimension."""
        place = self._order.get(one.group.dimension, len(self._order))
        return (-one.log_p, one.explains, -one.members, -place, one.group.value)

    def _enough(self, counted: _Lists, group: Group) -> int:
        """Return how many of a group's members began to fail (or have a finding) within the window; 0: too few."""
        fresh = self._fresh(counted, group)
        needed = max(self.limits.systems, self.limits.share * self._count.get(group, 0))
        return fresh if fresh >= needed and group not in self._aside else 0

    def _fresh(self, lists: _Lists, group: Group, since: datetime | None = None) -> int:
        """Count a group's members that began within the window, which ends with the latest or begins at ``since``."""
        entries = lists.get(group, ())
        if not entries:
            return 0
        first = since or entries[-1][0] - self.limits.window
        return len(entries) - bisect_left(entries, (first, ""))

    def _tested(self, group: Group, begin: datetime) -> Counted:
        """Count a group against everybody else, by failing looks since ``begin``, and test it.

        Looks and not findings only: of a fault that is everywhere half is seen before the first finding is believed.
        """
        failing, members = self._fresh(self._streaks, group, begin), self._count[group]
        return self._against(group, failing, members, self._fresh(self._streaks, EVERYBODY, begin))

    def _against(self, group: Group, failing: int, members: int, all_failing: int) -> Counted:
        everybody = self._count[EVERYBODY]
        return Counted(
            group=group,
            failing=failing,
            members=members,
            failing_outside=all_failing - failing,
            members_outside=everybody - members,
            log_p=log_tail(failing, members, all_failing, everybody),
        )

    def _evidence(self, group: Group, fresh: int) -> Evidence | None:
        """Return the evidence for a group of which ``fresh`` began, if it is neither coincidence nor everywhere alike."""
        inside, limits = self._streaks[group], self.limits
        counted = self._tested(group, inside[-1][0] - limits.window)
        enough = self._often(counted) and (fresh >= limits.many or self._unlikely(counted.log_p))
        if group == EVERYBODY and counted.failing < limits.everything * counted.members:
            return None
        if group.dimension == OWNER and not counted.members_outside:
            return None  # all that is watched is one partner's, which says nothing
        years = self._years(counted, fresh)
        if not enough or years < limits.years:
            return None
        return self._evident(counted, inside[-counted.failing :], years)

    def _evident(self, one: Counted, entries: Sequence[tuple[datetime, str]], years: float) -> Evidence:
        return Evidence(
            group=one.group,
            failing=one.failing,
            members=one.members,
            failing_outside=one.failing_outside,
            members_outside=one.members_outside,
            log_p=one.log_p,
            first=entries[0][0],
            last=entries[-1][0],
            looked_at=self._looked_at,
            years=years,
        )

    def _often(self, one: Counted) -> bool:
        """Whether its members fail so much more often than everybody else."""
        # failing / members >= contrast * outside / others, without dividing by nobody
        return one.failing * one.members_outside >= self.limits.contrast * one.failing_outside * one.members

    def _unlikely(self, log_p: float) -> bool:
        return exp(log_p) * self._looked_at <= self.limits.chance

    def _years(self, one: Counted, fresh: int) -> float:
        """Return once in how many years so many of any group begin at once, each by itself."""
        seconds = self.limits.window.total_seconds()
        often = seconds / self.limits.alone.total_seconds()
        if one.members_outside:
            beyond = one.failing_outside - self.limits.systems  # so few say nothing about how often that is
            often = max(often, min(_NOISE, beyond / one.members_outside))
        return years_between(fresh, often * one.members, seconds) / self._looked_at

    def _together(self, best: Evidence) -> Evidence | None:
        """Return who has a second attribute beside a group's, if within the group only they fail."""
        found = self._seconds(best, self.limits.chance / self._looked_at)
        if not found:
            return None
        _, group, members = min(found)
        fresh = [one for one in self._entries(best) if group in self._groups[one[1]]]
        return self._of_both(best, group, members, fresh)

    def _entries(self, best: Evidence) -> Sequence[tuple[datetime, str]]:
        entries = self._streaks[best.group]
        return entries[bisect_left(entries, (best.last - self.limits.window, "")) :]

    def _seconds(self, best: Evidence, chance: float) -> list[tuple[float, Group, int]]:
        """Return the second attributes that nearly all failures of a group have, not by chance, and how many it has with them."""
        fresh = self._entries(best)
        shared = Counter(group for _, serial in fresh for group in self._groups[serial])
        return [
            (log_p, group, members)
            for group, failing in shared.items()
            if failing >= max(self.limits.systems, _COVERS * len(fresh))
            and both(best.group, group) is not None
            and group not in (best.group, EVERYBODY)
            and (members := self._sharing(best.group, group)) < best.members
            and (log_p := log_tail(failing, members, len(fresh), best.members)) <= log(chance)
        ]

    def _sharing(self, one: Group, other: Group) -> int:
        """Count who counts in both groups."""
        few, many = sorted((one, other), key=lambda group: len(self._members[group]))
        ours = (serial for serial in self._members[few] if serial not in self._explained)
        return sum(many in self._groups[serial] for serial in ours)

    def _of_both(
        self, best: Evidence, group: Group, members: int, fresh: Sequence[tuple[datetime, str]]
    ) -> Evidence | None:
        name = both(best.group, group)
        believed = sum(serial in self._believed for _, serial in fresh)
        if name is None or name in self._aside or believed < self.limits.systems:
            return None
        all_failing = best.failing + best.failing_outside
        counted = self._against(name, len(fresh), members, all_failing)
        return self._evident(counted, fresh, self._years(counted, believed))
