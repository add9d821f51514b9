"""What planning work will do, worked out before anything is saved: the preview shows it, and the record is made of it.

    the form -> Plan (its times, who is told) -> shown | kept
    a work on record, what is done to it -> Change (what it is then, who is told) -> shown | kept

One plan is made by one function for both, so that what is shown is what happens, if it is kept at that moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.announcing import Announcer, Told
from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.announcing import Phase
from monitor.domain.recurrence import Series, in_words
from monitor.storage import announced
from monitor.storage.announced import Composed, PlannedWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Work as it will be on record: its ``works`` (of a series those that are laid at once, up to ``until``), who is told."""

    works: tuple[Maintenance, ...]
    said: PlannedWork
    told: Told
    series: Series | None = None
    until: datetime | None = None

    def announcement(self, announcer: Announcer, now: datetime) -> Composed:
        """Return what is recorded and owed of it."""
        return announcer.of_told(self.said, self.told, now)


def plan_once(announcer: Announcer, work: Maintenance, now: datetime, *, tell: bool) -> Plan:
    """Plan work that comes once."""
    said = PlannedWork(work=work, told=frozenset(), planned_at=now)
    return Plan(works=(work,), said=said, told=announcer.told(said, Phase.PLANNED, now, tell=tell))


def plan_series(
    announcer: Announcer,
    made: Series,
    works: Sequence[Maintenance],
    until: datetime,
    now: datetime,
    *,
    tell: bool,
) -> Plan:
    """Plan work that comes again: it is announced once, as its first time and how it comes again."""
    first = replace(works[0], body=f"{made.body}\n\nIt comes again {in_words(made.rule)}.".strip())
    said = PlannedWork(work=first, told=frozenset(), planned_at=now)
    told = announcer.told(said, Phase.PLANNED, now, tell=tell)
    return Plan(works=tuple(works), said=said, told=told, series=made, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of a work on record: as it is then, and who is told; ``told`` None where nobody is."""

    said: PlannedWork
    told: Told | None = None

    @property
    def work(self) -> Maintenance:
        """The work as it is then."""
        return self.said.work

    def announcement(self, announcer: Announcer, now: datetime) -> Composed | None:
        """Return what is recorded and owed of it."""
        return announcer.of_told(self.said, self.told, now) if self.told else None


def plan_move(
    announcer: Announcer,
    known: PlannedWork,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    *,
    late: bool | None,
) -> Change:
    """Give a work another time: the channels that were told of it are told, and the people."""
    work = replace(known.work, starts_at=starts_at, ends_at=ends_at, late=late)
    said = replace(known, work=work)
    return Change(said=said, told=announcer.told(said, Phase.MOVED, now))


def plan_end(announcer: Announcer, known: PlannedWork, status: MaintenanceStatus, now: datetime) -> Change:
    """Call a work off, or say that it is done; that one time of a series is over is for the status page alone."""
    said = replace(known, work=replace(known.work, status=status))
    phase = announced.over(status)
    if phase is None or (known.work.series and phase is Phase.COMPLETED):
        return Change(said=said)
    return Change(said=said, told=announcer.told(known, phase, now))
