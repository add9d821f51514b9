"""What planned work meets: other work over the same, support hours, public holidays. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.calendars import Calendar, Interval
from monitor.domain.inventory import Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.work_reach import covered

OVER = (MaintenanceStatus.COMPLETED, MaintenanceStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two works at the same time over the same ``systems`` or ``components``."""

    work: Maintenance
    other: Maintenance
    systems: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How a time of work lies in the calendar of ``partners``: the ``open`` stretches in it, and if it is a public holiday."""

    work: Maintenance
    calendar: Calendar
    partners: tuple[Partner, ...]
    open: tuple[Interval, ...] = ()
    holiday: bool = False

    def local(self, at: datetime) -> datetime:
        """Return an instant on the wall of these partners."""
        return at.astimezone(self.calendar.zone)


def clashes(
    works: Sequence[Maintenance], others: Iterable[Maintenance], inventory: Inventory
) -> tuple[Clash, ...]:
    """Return where works meet other works over the same."""
    near = [
        (work, other)
        for other in others
        if other.status not in OVER
        for work in works
        if work.id != other.id and work.starts_at < other.ends_at and other.starts_at < work.ends_at
    ]
    serials: dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = {}

    def reached(work: Maintenance) -> frozenset[str]:
        key = (work.systems, work.components)
        if key not in serials:
            serials[key] = frozenset(system.serial for system in covered(inventory, work))
        return serials[key]

    found = (
        Clash(
            work=work,
            other=other,
            systems=tuple(sorted(reached(work) & reached(other))),
            components=tuple(sorted(set(work.components) & set(other.components))),
        )
        for work, other in near
    )
    return tuple(clash for clash in found if clash.systems or clash.components)


def meetings(
    works: Iterable[Maintenance], partners: Iterable[Partner], policies: Mapping[str, Policy]
) -> tuple[Meeting, ...]:
    """Return the times of work that lie in support hours or on public holidays of partners, by calendar."""
    kept: dict[int, tuple[Calendar, list[Partner]]] = {}
    for partner in partners:
        calendar = calendar_of(partner, policies)
        if calendar is not None:
            kept.setdefault(id(calendar), (calendar, []))[1].append(partner)
    found = (_meeting(work, calendar, tuple(whose)) for work in works for calendar, whose in kept.values())
    return tuple(one for one in found if one.open or one.holiday)


def calendar_of(partner: Partner, policies: Mapping[str, Policy]) -> Calendar | None:
    """Return by which hours a partner is served; None where its policy has none for its country."""
    policy = policies.get(partner.policy)
    try:
        return policy.calendar_for(partner.country) if policy else None
    except KeyError:
        return None


def _meeting(work: Maintenance, calendar: Calendar, partners: tuple[Partner, ...]) -> Meeting:
    return Meeting(
        work=work,
        calendar=calendar,
        partners=partners,
        open=calendar.open_between(work.starts_at, work.ends_at),
        holiday=_on_a_holiday(calendar, work),
    )


def _on_a_holiday(calendar: Calendar, work: Maintenance) -> bool:
    """Whether a day of it is closed that is open every week."""
    day, last = (calendar.local_date(at) for at in (work.starts_at, work.ends_at - timedelta(seconds=1)))
    days = (last - day).days + 1
    dates = (day + timedelta(days=n) for n in range(days))
    return any(calendar.weekly[one.weekday()] and not calendar.openings(one) for one in dates)
