"""What facts the evidence of many settles: one carrier's systems drop calls, the others of the same cloud are well.

    failing looks, findings -> a table for each (shared, beside) -> settled, or refuted when the others fail as well

A :class:`Witness` watches by a ledger of its own, in which nobody is ever set aside: that a problem of many is named
changes nothing about whose fault it is. What stands settled stays so until it is refuted or its outage is over, for the
tenth system of a carrier fails long after the first three; who fails when too few others do, or goes on for ten minutes
after them, is judged for itself. Who has recovered since still speaks: that a cloud's others are well *again* blames no carrier.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from typing import Any

from monitor.domain.chance import log_tail
from monitor.domain.correlation import Ledger, Limits
from monitor.domain.evidence import Counted, Dimension, Group, as_rows, dimension
from monitor.domain.findings import FactValue, Finding, Symptom
from monitor.domain.inventory import System
from monitor.domain.policy import Evident
from monitor.domain.recovered import Recovered

_NOWHERE = "none"
_LONELY = timedelta(minutes=10)  # who still fails so long after the others are well is decided again
_ROWS = 6  # of other values beside it are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Facts that the evidence gives, whose rule that is, and the counts; ``table`` is how it is kept and shown."""

    rule: str
    facts: Mapping[str, FactValue]
    group: Group
    reasons: tuple[str, ...]
    table: tuple[Mapping[str, object], ...] = ()
    looked_at: int = 1
    begin: datetime | None = None

    def holds_for(self, finding: Finding) -> bool:
        """Whether a finding began with what is settled, or later: what failed long before has a cause of its own."""
        return self.begin is None or finding.since >= self.begin

    def as_json(self) -> dict[str, object]:
        """Return it as it is kept with the decision."""
        return {
            "rule": self.rule,
            "facts": dict(self.facts),
            "group": str(self.group),
            "reasons": list(self.reasons),
            "looked_at": self.looked_at,
            "begin": self.begin.isoformat() if self.begin else None,
            "table": [dict(row) for row in self.table],
        }


@dataclass(frozen=True, slots=True)
class _Case:
    """A rule about one value of its shared attribute."""

    rule: Evident
    group: Group

    @property
    def key(self) -> tuple[object, Group]:
        rule = self.rule
        return (rule.name, rule.shared, rule.beside, rule.symptoms, tuple(rule.facts.items())), self.group


class Witness:
    """Knows who fails by which attribute, and what that settles; pure, like the ledger it asks."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Know nobody yet: :meth:`watch` says who there is."""
        self.ledger = Ledger(limits, ())
        self._recovered = Recovered(self.ledger.groups_of)
        self._symptoms: frozenset[Symptom] = frozenset()
        self._shared: frozenset[str] = frozenset()
        self._beside: dict[tuple[str, Group], set[Group]] = {}
        self._values: dict[str, dict[str, Group]] = {}
        self._said: dict[tuple[Symptom, Group], dict[str, datetime]] = {}
        self._stands: dict[tuple[object, Group], Settled] = {}
        self._lonely: dict[tuple[object, Group], datetime] = {}  # since when too few go on with what stands

    def watch(self, systems: Iterable[System], rules: Iterable[Evident]) -> None:
        """Take these for the systems there are, and for what may be settled about them."""
        rules = tuple(rules)
        self._symptoms = frozenset[Symptom]().union(*(rule.symptoms for rule in rules))
        self._shared = frozenset(rule.shared for rule in rules)
        pairs = dict.fromkeys((rule.shared, rule.beside) for rule in rules)
        names = dict.fromkeys(name for pair in pairs for name in pair)
        single = [_or_none(dimension(name)) for name in names]
        systems = tuple(systems)
        self.ledger.watch(systems, [*single, *(_pair(*pair) for pair in pairs)])
        self._recovered.file_again()
        self._values = {one.name: {} for one in single}
        self._beside = {}
        for system in systems:
            here = {one.dimension: one for one in self.ledger.groups_of(system.serial)}
            for name, known in self._values.items():
                if name in here:
                    known[system.serial] = here[name]
            for shared, beside in pairs if here else ():
                self._beside.setdefault((shared, here[beside]), set()).add(here[shared])

    def believe(self, serial: str, symptom: Symptom, since: datetime) -> None:
        """Note that a system has a finding with this symptom."""
        self._recovered.forget(serial)
        self.ledger.believe(serial, since)
        for group in self._blamed(serial) if symptom in self._symptoms else ():
            known = self._said.setdefault((symptom, group), {})
            known[serial] = min(since, known.get(serial, since))

    def _blamed(self, serial: str) -> Iterable[Group]:
        return (one for one in self.ledger.groups_of(serial) if one.dimension in self._shared)

    def fails(self, serial: str, since: datetime) -> None:
        """Note that a system was seen failing, whatever its symptom."""
        self._recovered.forget(serial)
        self.ledger.fails(serial, since)

    def over(self, serial: str) -> None:
        """Note that a system has no finding any more."""
        self.ledger.doubted_no_more(serial)
        for group in self._blamed(serial):
            for symptom in self._symptoms:
                self._said.get((symptom, group), {}).pop(serial, None)
            if not any(self._said.get((symptom, group)) for symptom in self._symptoms):
                self._stands = {key: found for key, found in self._stands.items() if key[1] != group}

    def well(self, serial: str) -> None:
        """Note that nothing fails on a system any more."""
        since = self.ledger.failing_since(serial)
        self.ledger.well(serial)
        if since is not None:
            self.recovered(serial, since)

    def recovered(self, serial: str, since: datetime) -> None:
        """Note that a system had begun to fail then and is well again: it counts as one that failed, all the same."""
        if self.ledger.failing_since(serial) is None:
            self._recovered.note(serial, since)
        if self._recovered.is_full:
            standing = [one for said in self._said.values() for one in said.values()]
            self._recovered.forget_before(min([since, *standing]) - self.ledger.limits.windows[-1])

    def settles(self, finding: Finding, rules: Sequence[Evident]) -> Settled | None:
        """Return what the evidence settles about a finding; None where it, or anybody, says otherwise."""
        found = self.settled(finding, rules)
        return found if found is not None and found.holds_for(finding) and self._goes_on(found) else None

    def _goes_on(self, found: Settled) -> bool:
        """Whether so many still fail by it: who fails when the others are well again has a cause of its own."""
        begin = found.begin
        return begin is None or self.ledger.begun(found.group, begin) >= self.ledger.limits.systems

    def settled(self, finding: Finding, rules: Sequence[Evident]) -> Settled | None:
        """Return what is settled about findings of the same cases, whenever they began."""
        found = (self._settled(case) for case in self._cases(finding, rules))
        return next((one for one in found if one is not None), None)

    def refutes(self, finding: Finding, rules: Sequence[Evident], now: datetime | None = None) -> bool:
        """Whether those beside fail as well by now, so that what was settled about a finding does not hold.

        Or all others have been well for a while: what goes on then is no outage of many any more.
        """
        cases = [(case, said) for case in self._cases(finding, rules) if (said := self._having(case))]
        refuted = any(self._refuted(case, min(said.values())) for case, said in cases)
        return refuted or any(self._left_alone(case, now) for case, _ in cases if now is not None)

    def _left_alone(self, case: _Case, now: datetime) -> bool:
        stands = self._stands.get(case.key)
        if stands is None:  # it was over before: nothing speaks for it any more
            return case.key in self._lonely and now - self._lonely[case.key] >= _LONELY
        if self._goes_on(stands):
            self._lonely.pop(case.key, None)
            return False
        if now - self._lonely.setdefault(case.key, now) < _LONELY:
            return False
        del self._stands[case.key]
        return True

    def _cases(self, finding: Finding, rules: Sequence[Evident]) -> Iterable[_Case]:
        """Yield the rules that may settle something about a finding: what anybody has said is not theirs to settle."""
        for rule in rules:
            unsaid = all(finding.facts.get(name) is None for name in rule.facts)
            group = self._value(finding.system, rule.shared) if finding.system else None
            if finding.symptom in rule.symptoms and unsaid and group and group.value != _NOWHERE:
                yield _Case(rule, group)

    def take_up(self, finding: Finding, rules: Sequence[Evident], kept: Mapping[str, Any]) -> None:
        """Take what was settled about a finding from where it is kept: what was seen since then may be less."""
        for case in self._cases(finding, rules):
            if (case.rule.name, str(case.group)) == (
                kept["rule"],
                kept["group"],
            ) and case.key not in self._stands:
                begin = kept.get("begin")
                self._stands[case.key] = Settled(
                    rule=case.rule.name,
                    facts=dict(case.rule.facts),
                    group=case.group,
                    reasons=tuple(kept["reasons"]),
                    table=tuple(kept["table"]),
                    looked_at=kept["looked_at"],
                    begin=datetime.fromisoformat(begin) if begin else None,
                )

    def may_settle(self, finding: Finding, rules: Sequence[Evident]) -> tuple[tuple[object, Group], ...]:
        """Return which cases a finding belongs to: findings of the same cases are settled alike."""
        return tuple(case.key for case in self._cases(finding, rules))

    def _settled(self, case: _Case) -> Settled | None:
        stands = self._stands.pop(case.key, None)
        said = self._having(case)
        if not said:
            return None
        if self._refuted(case, min(said.values())):
            return None
        if stands is not None:
            self._stands[case.key] = stands
            return stands
        found = self._tried(case, said)
        if found is not None:
            self._stands[case.key] = found
            self._lonely.pop(case.key, None)
        return found

    def _having(self, case: _Case) -> dict[str, datetime]:
        """Return who of the group has the symptom, and since when."""
        found: dict[str, datetime] = {}
        for symptom in case.rule.symptoms:
            found |= self._said.get((symptom, case.group), {})
        return found

    def _refuted(self, case: _Case, begin: datetime) -> bool:
        """Whether those beside it fail about as often by now."""
        places = self._places(case, self._having(case))
        return not self.often(self._counted(case, places, begin))

    def often(self, one: Counted) -> bool:
        """Whether its members fail so much more often than those beside them; nobody beside them says nothing."""
        limits = self.ledger.limits
        return (
            one.members_outside > 0
            and one.failing * one.members_outside >= limits.contrast * one.failing_outside * one.members
        )

    def _tried(self, case: _Case, said: Mapping[str, datetime]) -> Settled | None:
        """Return what the beginnings within a window settle; within a longer one where it spreads slowly."""
        found = (self._within(case, said, window) for window in self.ledger.limits.windows)
        return next((one for one in found if one is not None), None)

    def _within(self, case: _Case, said: Mapping[str, datetime], window: timedelta) -> Settled | None:
        limits = self.ledger.limits
        last = max(said.values())
        fresh = {serial for serial, since in said.items() if since >= last - window}
        if len(fresh) < limits.systems:
            return None
        places = self._places(case, fresh)
        counted = self._counted(case, places, last - window, recovered=True)
        others = sorted(set().union(*(self._beside[case.rule.shared, one] for one in places)) - {case.group})
        looked_at = len(others) + 1
        if len(fresh) < limits.share * counted.members:
            return None
        if not self.often(counted) or exp(counted.log_p) * looked_at > limits.chance:
            return None
        if self.ledger.years(counted, len(fresh), window, last) < limits.years:
            return None
        begin = _beginning(said.values(), last - window, 3 * window / len(fresh))
        beside = (_Case(case.rule, other) for other in others)
        rows = [counted, *(self._counted(one, places, begin, recovered=True) for one in beside)]
        rows = [counted, *sorted(rows[1:], key=lambda one: -one.failing)[:_ROWS]]
        return Settled(
            rule=case.rule.name,
            facts=dict(case.rule.facts),
            group=case.group,
            reasons=_reasons(case, counted, places, looked_at),
            table=tuple(as_rows(rows, case.group, looked_at)),
            looked_at=looked_at,
            begin=begin,
        )

    def _places(self, case: _Case, serials: Iterable[str]) -> tuple[Group, ...]:
        """Return the values beside which these are."""
        known = self._values[case.rule.beside]
        return tuple(sorted({known[serial] for serial in serials if serial in known}))

    def _counted(
        self, case: _Case, places: Sequence[Group], begin: datetime, *, recovered: bool = False
    ) -> Counted:
        """Count a value among all who are in its places, by failing looks since ``begin``; ``recovered``: also who is well again."""
        pairs = [_both(case.group, place) for place in places]
        failing, members = self._sum(pairs, begin, recovered=recovered)
        all_failing, everybody = self._sum(places, begin, recovered=recovered)
        return Counted(
            group=case.group,
            failing=failing,
            members=members,
            failing_outside=all_failing - failing,
            members_outside=everybody - members,
            log_p=log_tail(failing, members, all_failing, everybody),
        )

    def _sum(self, groups: Sequence[Group], begin: datetime, *, recovered: bool) -> tuple[int, int]:
        failing = sum(self.ledger.begun(group, begin) for group in groups)
        over = sum(self._recovered.begun(group, begin) for group in groups) if recovered else 0
        return failing + over, sum(self.ledger.count(group) for group in groups)

    def _value(self, serial: str, name: str) -> Group | None:
        return self._values.get(name, {}).get(serial)


def _beginning(said: Iterable[datetime], begin: datetime, apart: timedelta) -> datetime:
    """Return when it began: those before who follow on one another as closely belong to it."""
    for since in sorted((one for one in said if one < begin), reverse=True):
        if begin - since > apart:
            break
        begin = since
    return begin


def _or_none(one: Dimension) -> Dimension:
    """Put those who have no value into a group of their own: they are compared with each other."""
    return Dimension(name=one.name, of=lambda system: one.of(system) or _NOWHERE)


def _pair(shared: str, beside: str) -> Dimension:
    first, second = _or_none(dimension(shared)), _or_none(dimension(beside))
    return Dimension(name=_name(shared, beside), of=lambda system: f"{first.of(system)}\0{second.of(system)}")


def _both(group: Group, place: Group) -> Group:
    return Group(_name(group.dimension, place.dimension), f"{group.value}\0{place.value}")


def _name(shared: str, beside: str) -> str:
    return f"{shared}\0{beside}"


def _reasons(case: _Case, one: Counted, places: Sequence[Group], looked_at: int) -> tuple[str, ...]:
    facts = ", ".join(f"{name} is {str(value).lower()}" for name, value in case.rule.facts.items())
    where = ", ".join(str(place) for place in places)
    symptoms = ", ".join(sorted(case.rule.symptoms))
    counts = f"{one.failing:,} of {one.members:,} systems of {case.group} fail ({symptoms})"
    beside = f"{one.failing_outside:,} of the {one.members_outside:,} others of {where}"
    chance = max(1e-9, min(1.0, exp(one.log_p) * looked_at))
    return (
        f"{facts} by evidence {case.rule.name} (section {case.rule.clause}): {counts}, {beside}",
        f"that belonging to it does not matter: 1 in {1 / chance:,.0f} at most",
    )
