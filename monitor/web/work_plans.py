"""Planned work as it is asked for, made a plan: the one that a preview shows and that saving keeps."""

from dataclasses import dataclass, replace

from monitor.domain.access import Viewer
from monitor.domain.announcements import Maintenance
from monitor.domain.notices import Notice
from monitor.planning import Plan, plan_once
from monitor.web import announced_work, commands, recurring_work
from monitor.web.api_inputs import NewMaintenance
from monitor.web.parts import Parts

ITS_OWN = "…"
"""Stands for the id that a work will have: there is none before it is planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """A plan that is not kept yet, and of a customer's own work how its notice is judged."""

    plan: Plan
    notice: Notice | None = None


def foresee(parts: Parts, who: Viewer, wanted: NewMaintenance) -> Foreseen:
    """Return what planning this would do, or raise what planning it would raise."""
    if wanted.partner is None and who.staff:
        work, notice = commands.checked_work(parts, wanted), None
    else:
        work, notice = announced_work.judged(parts, who, wanted)
    return Foreseen(plan=_plan(parts, replace(work, id=ITS_OWN), wanted), notice=notice)


def _plan(parts: Parts, work: Maintenance, wanted: NewMaintenance) -> Plan:
    now, tell = parts.clock(), wanted.tell_partners and work.partner is None
    if wanted.repeat is None:
        return plan_once(parts.pipeline.announcer, work, now, tell=tell)
    made = recurring_work.series_of(work, wanted.repeat)
    unnamed = replace(recurring_work.recurring(parts), new_id=lambda: ITS_OWN)
    return unnamed.foresee(made, now, tell=tell)
