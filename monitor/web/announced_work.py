"""Customers announce their own work (mission E6): on their own systems, never public, with the notice the policy asks for.

A late notice is taken, flagged and shown; announced windows hold what findings on those systems would owe.
"""

from monitor.domain import people
from monitor.domain.access import Viewer
from monitor.domain.announcements import Maintenance
from monitor.domain.inventory import Partner
from monitor.domain.notices import Notice, notice
from monitor.errors import NotFoundError
from monitor.web import recurring_work
from monitor.web.api_inputs import NewMaintenance
from monitor.web.auth import audit
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError
from monitor.web.refusals import refusals


async def announce(parts: Parts, who: Viewer, wanted: NewMaintenance) -> str:
    """Put a customer's own work on record, by the customer or as told to us, and return its id."""
    work, found = judged(parts, who, wanted)
    if wanted.repeat is not None:
        return await recurring_work.plan(parts, who.name, work, wanted.repeat)
    made = await parts.pipeline.plan_maintenance(work, actor=who.name)
    await audit(
        parts,
        who.name,
        "maintenance.announce",
        made,
        partner=work.partner,
        late=found.late,
        due=found.due.isoformat() if found.due else None,
        clause=found.clause,
    )
    return made


def judged(parts: Parts, who: Viewer, wanted: NewMaintenance) -> tuple[Maintenance, Notice]:
    """Return a customer's own work as it may be put on record, and how its notice is judged now."""
    may_announce(parts, who)
    partner = _whose(parts, who, wanted)
    policy = parts.policies()[partner.policy]
    now = parts.clock()
    _is_complete(parts, partner, wanted)
    if wanted.major and policy.registration.work.major_needs_details and not wanted.body:
        raise _wrong("body", f"Major work is told in full (section {policy.registration.work.clause})")
    if wanted.ends_at <= now:
        raise _wrong("ends_at", "It is over already")
    found = notice(policy, wanted.starts_at, now)
    work = Maintenance(
        id=parts.new_id(),
        title=wanted.title,
        body=wanted.body,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        zone=wanted.zone,
        systems=tuple(dict.fromkeys(wanted.systems)),
        public=False,
        partner=partner.id,
        late=found.late,
        major=wanted.major,
    )
    return work, found


def may_announce(parts: Parts, who: Viewer) -> None:
    """Refuse a contact whose role does not announce work."""
    if who.staff:
        return
    person = parts.inventory().person(who.contact or "")
    if person is None:
        raise NotFoundError("There is no such contact any more.")
    permission = people.may_announce(person[1], parts.policies()[person[0].policy])
    if not permission.allowed:
        with refusals():
            raise people.RefusedError(people.Because.FORBIDDEN, permission.reason, permission.clause)


def _whose(parts: Parts, who: Viewer, wanted: NewMaintenance) -> Partner:
    named = wanted.partner or who.partner or ""
    partner = parts.inventory().partners.get(named)
    if partner is not None and (who.staff or partner.id == who.partner):
        return partner
    if who.staff:
        raise _wrong("partner", "There is nothing of this name")
    raise NotFoundError("There is nothing of this name.")


def _is_complete(parts: Parts, partner: Partner, wanted: NewMaintenance) -> None:
    systems = parts.inventory().systems
    wrong = [
        FieldError(pointer=f"/systems/{number}", detail="There is nothing of this name")
        for number, serial in enumerate(wanted.systems)
        if serial not in systems or systems[serial].partner != partner.id
    ]
    if wanted.components:
        wrong.append(FieldError(pointer="/components", detail="Customers announce work on their systems"))
    if wrong:
        raise ProblemError(422, "The request is not valid.", errors=wrong)


def _wrong(field: str, detail: str) -> ProblemError:
    fault = FieldError(pointer=f"/{field}", detail=detail)
    return ProblemError(422, "The request is not valid.", errors=[fault])
