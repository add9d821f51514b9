"""Many systems failing at once: which attribute they share, so that one problem is told and not ten thousand.

    failing streaks -> forming: new contacts wait a moment         findings -> stormy -> the group that explains best

Theory of operation. Every system belongs to a group per attribute of the inventory (its cloud, carrier, version ...), and
to the fleet. A :class:`Ledger` keeps for every group which members fail and since when, so that a look costs a few
dictionary steps for each attribute, whatever the size of the fleet. A group is *stormy* when

* at least ``systems`` of its members have a finding, and at least ``share`` of them, begun within ``window``;
* so many would begin within a window, each by itself, less than once in ``years``: coincidences are expected where many
  systems are watched, and are no common cause. How often one fails by itself is assumed (``alone``), or learned
  (:mod:`monitor.domain.noise`), or seen outside: whichever is most;
* belonging to it matters: by Fisher's exact test against everybody else, corrected for how many groups are looked at,
  chance is below ``chance``, and its members fail ``contrast`` times as often. A fault of our own network fails
  everywhere alike, so it is never blamed on one cloud: only the *fleet* is left, from ``everything`` of it on;
* or ``many`` of its members fail, ``contrast`` times as often: where too few are watched outside of it for the test.

What spreads slowly is looked for in ``longer`` windows, too, after the short one says nothing. Two groups that fail at
once make each other look healthy: where the failures outside of one are those of another, and beside the two all is well,
the better one is named, and then the other.

A storm is *forming* when that holds of failing looks, before there are findings enough.

Of several stormy groups that one explains best of which it is least likely chance: small, and covering most. If within
it those with a second attribute fail and the others are well (the same test), it is *both* that explain: this version in
that cloud. Where too few fail for any single one, or most of it are well, all the pairs are looked at that those who fail
have; the test is corrected for how many pairs there are, and looks that are not believed yet are waited for. Members of a
group that is named are set aside: neither failing nor healthy for any other.

A system counts from its first failure since it was last well.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import exp, log

from monitor.domain.chance import log_tail, years_between
from monitor.domain.evidence import EVERYBODY, OWNER, Counted, Evidence, Group, both
from monitor.domain.findings import Symptom
from monitor.domain.groups import Book, Limits, Lists

__all__ = ["EXPLAINED", "Ledger", "Limits"]

EXPLAINED = frozenset({Symptom.UNREACHABLE, Symptom.PORTAL_UNREACHABLE, Symptom.DEGRADED, Symptom.CALL_DROPS})
"""What a common cause explains: what cannot be reached or used, not what crashes or expires there."""
_COVERS = 0.9  # of a group's failures (or all but one, which may fail by itself) have a second attribute: both may explain
_MOST = 0.5  # of a group fail: who of it is well does not speak against it
_NOISE = 0.01  # of everybody else failing in a window: more is no noise, but another fault
_WITHIN = 0.01  # so likely it may be that the second does not matter: that there is a problem is sure by then
_TRIED = 12  # groups that may be the other of two
_SUSPECT = 0.1  # less likely to be chance within a group than this: the looks under way are waited for


class Ledger(Book):
    """Says which groups are stormy, and which of them explains best."""

    def forming(self, serial: str) -> Evidence | None:
        """Return the group of this system in which so many looks fail that a storm may be coming, if any."""
        window = self.limits.window
        return self._best(self._streaks, self.groups_of(serial), window) if self._counts(serial) else None

    def stormy(self, serial: str) -> Evidence | None:
        """Return the group that explains best what is believed, if this system's finding made one stormy."""
        if not self._counts(serial):
            return None
        groups = self.groups_of(serial)
        made = (self._best(self._findings, groups, window) for window in self.limits.windows)
        return self.explanation() if any(one is not None for one in made) else None

    def explanation(self) -> Evidence | None:
        """Return the stormy group that explains best what fails now, of all there are; or two that only together do.

        None also while looks that are not believed yet tell for another: half a minute decides between a cloud and its region.
        """
        found = (self._begun_within(window) for window in self.limits.windows)
        return next((one for one in found if one is not None), None)

    def _begun_within(self, window: timedelta) -> Evidence | None:
        found = self._within(window)
        if found is not None and found.group != EVERYBODY:
            return self._narrower(found, window) or found
        tested = self._every_single(window)
        beside = self._beside(
            window, tested
        )  # two of three clouds are more than half of everything, but not all
        return beside or found or self._pair(window, tested)

    def _narrower(self, found: Evidence, window: timedelta) -> Evidence | None:
        """Return a pair of which most fail, where most of a single group are well and the pair is less likely chance."""
        if len(found.group.parts) > 1 or found.failing >= _MOST * found.members:
            return None
        pair = self._pair(window, self._every_single(window))
        fits = pair is not None and pair.failing >= max(_MOST * pair.members, found.failing - 1)
        return pair if fits else None

    def _every_single(self, window: timedelta) -> list[Counted]:
        """Return every group in which enough looks fail, tested, what is least likely chance first."""
        tested = [
            self._tested(group, entries[-1][0] - window)
            for group, entries in self._streaks.items()
            if entries and group != EVERYBODY and self._enough(self._streaks, group, window, share=0)
        ]
        return sorted(tested, key=lambda one: (one.log_p, -one.explains, one.group))

    def _within(self, window: timedelta) -> Evidence | None:
        best = self._clear(window)
        if best is None:  # too few of any single group: two together may be all of it
            wide = self._best(self._findings, self._findings, window, share=0)
            narrow = wide and self._together(wide)
            return narrow if narrow and narrow.failing >= self.limits.share * narrow.members else None
        return self._together(best) or (None if self._unsettled(best) else best)

    def _unsettled(self, best: Evidence) -> bool:
        """Whether a second attribute is suspected, and looks that are not believed yet may tell."""
        coming = self._awaited(self._began(best.group, best.window))
        return coming and bool(self._seconds(best, _SUSPECT))

    def _clear(self, window: timedelta) -> Evidence | None:
        """Return the best of what is believed, unless another explains the looks better that is not to be named yet.

        Of a cloud that fails, some partner who is all in it reaches its share first; looks tell of a region before findings do.
        """
        best = self._best(self._findings, self._findings, window)
        coming = best and self._best(self._streaks, self._streaks, window, share=0)
        return best if best and coming and coming.group == best.group else None

    def _beside(self, window: timedelta, tested: Sequence[Counted]) -> Evidence | None:
        """Return the better one of two groups that fail at once, each of which seems healthy by the other."""
        best = tested[0] if tested else None
        if best is None or not self._unlikely(best.log_p) or self._often(best):
            return None
        fresh = self._enough(self._findings, best.group, window, share=self.limits.share)
        inside = self._streaks[best.group]
        other = self._other(best, inside[-1][0] - window) if fresh else None
        years = self.years(best, fresh, window, inside[-1][0], other)
        if other is None or years < self.limits.years:
            return None
        return replace(self._evident(best, inside[-best.failing :], years, window), beside=other)

    def _other(self, best: Counted, begin: datetime) -> Counted | None:
        """Return the group that most failures outside of another are of, if beside these two nothing much fails."""
        entries = self._streaks[EVERYBODY]
        outside = [
            s for _, s in entries[bisect_left(entries, (begin, "")) :] if best.group not in self._groups[s]
        ]
        shared = Counter(group for serial in outside for group in self._groups[serial] if group != EVERYBODY)
        found = (
            Counted(
                group=group,
                failing=failing,
                members=self._count[group] - self._sharing(group, best.group),
                failing_outside=best.failing_outside - failing,
                members_outside=best.members_outside - self._count[group] + self._sharing(group, best.group),
            )
            for group, failing in shared.most_common(_TRIED)
            if failing >= self.limits.systems
        )
        return max(
            (one for one in found if self._alike(best, one)),
            key=lambda one: (one.explains, one.group),
            default=None,
        )

    def _alike(self, best: Counted, other: Counted) -> bool:
        """Whether both fail much more often than the rest, which is large enough to tell."""
        left, fail = other.members_outside, other.failing_outside
        everybody = best.members + best.members_outside
        return (
            left >= max(self.limits.systems, self.limits.share * everybody)
            and best.failing * left >= self.limits.contrast * fail * best.members
            and self._often(other)
            and self._unlikely(
                log_tail(other.failing, other.members, other.failing + fail, other.members + left)
            )
        )

    def table(self, evidence: Evidence) -> tuple[Counted, ...]:
        """Return what was looked at beside a group: of every attribute the value that most of what fails has."""
        begin = evidence.last - evidence.window
        most: dict[str, tuple[int, Group]] = {}
        for group in self._streaks:
            failing = self._since(self._streaks, group, begin)
            if group not in self._aside and failing > most.get(group.dimension, (0, group))[0]:
                most[group.dimension] = (failing, group)
        named = evidence.group
        found = [self._tested(group, begin) for _, group in most.values() if group not in (named, EVERYBODY)]
        return (replace(evidence, table=()), *found)

    def _best(
        self, counted: Lists, groups: Iterable[Group], window: timedelta, *, share: float | None = None
    ) -> Evidence | None:
        least = self.limits.share if share is None else share
        found = (
            self._evidence(group, fresh, window)
            for group in groups
            if (fresh := self._enough(counted, group, window, share=least))
        )
        return max((one for one in found if one is not None), key=self._better, default=None)

    def _better(self, one: Evidence) -> tuple[float, float, int, int, str]:
        """Order evidence: what is least likely chance, what explains best, the smaller, the preferred dimension."""
        place = self._order.get(one.group.dimension, len(self._order))
        return (-one.log_p, one.explains, -one.members, -place, one.group.value)

    def _enough(self, counted: Lists, group: Group, window: timedelta, *, share: float) -> int:
        """Return how many of a group's members began to fail (or have a finding) within a window; 0: too few."""
        fresh = self._fresh(counted, group, window)
        needed = max(self.limits.systems, share * self._count.get(group, 0))
        return fresh if fresh >= needed and group not in self._aside else 0

    def _tested(self, group: Group, begin: datetime) -> Counted:
        """Count a group against everybody else, by failing looks since ``begin``, and test it.

        Looks and not findings only: of a fault that is everywhere half is seen before the first finding is believed.
        """
        failing, members = self._since(self._streaks, group, begin), self._count[group]
        return self._against(group, failing, members, self._since(self._streaks, EVERYBODY, begin))

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

    def _evidence(self, group: Group, fresh: int, window: timedelta) -> Evidence | None:
        """Return the evidence for a group of which ``fresh`` began, if it is neither coincidence nor everywhere alike."""
        inside, limits = self._streaks[group], self.limits
        counted = self._tested(group, inside[-1][0] - window)
        enough = self._often(counted) and (fresh >= limits.many or self._unlikely(counted.log_p))
        if group == EVERYBODY and counted.failing < limits.everything * counted.members:
            return None
        if group.dimension == OWNER and not counted.members_outside:
            return None  # all that is watched is one partner's, which says nothing
        years = self.years(counted, fresh, window, inside[-1][0])
        if not enough or years < limits.years:
            return None
        return self._evident(counted, inside[-counted.failing :], years, window)

    def _evident(
        self, one: Counted, entries: Sequence[tuple[datetime, str]], years: float, window: timedelta
    ) -> Evidence:
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
            window=window,
        )

    def _often(self, one: Counted) -> bool:
        """Whether its members fail so much more often than everybody else."""
        # failing / members >= contrast * outside / others, without dividing by nobody
        return one.failing * one.members_outside >= self.limits.contrast * one.failing_outside * one.members

    def _unlikely(self, log_p: float) -> bool:
        return exp(log_p) * self._looked_at <= self.limits.chance

    def years(
        self,
        one: Counted,
        fresh: int,
        window: timedelta,
        at: datetime,
        beside: Counted | None = None,
        looked_at: int | None = None,
    ) -> float:
        """Return once in how many years so many of any group begin at once, each by itself.

        How often one does is assumed, or learned, or seen outside now: the most of these.
        """
        seconds, everybody = window.total_seconds(), one.members + one.members_outside
        often = seconds / self.limits.alone.total_seconds()
        often = max(often, seconds * self._noise.a_second(at) / everybody)
        outside = beside or one
        if outside.members_outside:
            beyond = (
                outside.failing_outside - self.limits.systems
            )  # so few say nothing about how often that is
            often = max(often, min(_NOISE, beyond / outside.members_outside))
        return years_between(fresh, often * one.members, seconds) / (looked_at or self._looked_at)

    def _together(self, best: Evidence) -> Evidence | None:
        """Return who has a second attribute beside a group's, if within the group only they fail."""
        found = self._seconds(best, _WITHIN / len(self._dimensions))
        if not found:
            return None
        _, group, members = min(found)
        fresh = [one for one in self._began(best.group, best.window) if group in self._groups[one[1]]]
        return self._of_both(best, group, members, fresh)

    def _pair(self, window: timedelta, tested: Sequence[Counted]) -> Evidence | None:
        """Return two attributes of which neither alone has enough that fail, if hardly anybody who has both is well.

        Among all the pairs there are some fit by chance, which is corrected for. And what is so few is waited for: while
        there are looks that are not believed yet, it may as well be the beginning of something larger.
        """
        if not tested or self._awaited(self._began(tested[0].group, window)):
            return None
        found = [pair for one in tested[:_TRIED] for pair in self._pairs_of(one.group, window)]
        best = min(found, key=lambda one: (one.log_p, -one.explains, one.group), default=None)
        single = tested[0].log_p + log(self._looked_at)
        return best if best is not None and best.log_p + log(self._pairs) < single else None

    def _pairs_of(self, group: Group, window: timedelta) -> Iterable[Evidence]:
        """Yield the pairs with a second attribute that at least half of those who fail in a group have."""
        fresh, last = self._began(group, window), self._streaks[group][-1][0]
        everywhere = self._since(self._streaks, EVERYBODY, last - window)
        shared = Counter(other for _, serial in fresh for other in self._groups[serial])
        held = Counter(
            other for _, serial in fresh if serial in self._believed for other in self._groups[serial]
        )
        for other, failing in shared.items():
            believed = held[other]
            if believed < self.limits.systems or failing < _MOST * len(fresh) or other in (group, EVERYBODY):
                continue
            name = both(group, other)
            if name is None or name in self._aside:
                continue
            members = self._sharing(group, other)
            if members in (self._count[group], self._count[other]):  # one of them says it all
                continue
            if believed < self.limits.share * members:
                continue
            counted = self._against(name, failing, members, everywhere)
            if exp(counted.log_p) * self._pairs <= _WITHIN and self._often(counted):
                yield from self._rare(
                    counted, believed, [one for one in fresh if other in self._groups[one[1]]], window
                )

    def _rare(
        self, pair: Counted, believed: int, fresh: Sequence[tuple[datetime, str]], window: timedelta
    ) -> Iterable[Evidence]:
        """Yield the evidence for a pair, if coincidence is rare among so many."""
        years = self.years(pair, believed, window, fresh[-1][0], looked_at=self._pairs)
        if years >= self.limits.years:
            yield replace(self._evident(pair, fresh, years, window), looked_at=self._pairs)

    def _began(self, group: Group, window: timedelta) -> Sequence[tuple[datetime, str]]:
        """Return who of a group fails and began within a window, which ends with the latest."""
        entries = self._streaks[group]
        return entries[bisect_left(entries, (entries[-1][0] - window, "")) :]

    def _awaited(self, entries: Iterable[tuple[datetime, str]]) -> bool:
        """Whether some of these looks are not believed yet."""
        return any(serial not in self._believed for _, serial in entries)

    def _seconds(self, best: Evidence, chance: float) -> list[tuple[float, Group, int]]:
        """Return the second attributes that nearly all failures of a group have, not by chance, and how many have both."""
        fresh = self._began(best.group, best.window)
        shared = Counter(group for _, serial in fresh for group in self._groups[serial])
        return [
            (log_p, group, members)
            for group, failing in shared.items()
            if failing >= max(self.limits.systems, min(_COVERS * len(fresh), len(fresh) - 1))
            and both(best.group, group) is not None
            and group not in (best.group, EVERYBODY)
            and (members := self._sharing(best.group, group)) < best.members
            and (log_p := log_tail(failing, members, len(fresh), best.members)) <= log(chance)
        ]

    def _of_both(
        self, best: Evidence, group: Group, members: int, fresh: Sequence[tuple[datetime, str]]
    ) -> Evidence | None:
        name = both(best.group, group)
        believed = sum(serial in self._believed for _, serial in fresh)
        if name is None or name in self._aside or believed < self.limits.systems:
            return None
        all_failing = best.failing + best.failing_outside
        counted = self._against(name, len(fresh), members, all_failing)
        years = self.years(counted, believed, best.window, best.last)
        return self._evident(counted, fresh, years, best.window)
