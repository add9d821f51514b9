"""The commands of people and programs: checked against the inventory, given to the pipeline, audited.

    form or JSON -> (api_inputs) -> here -> pipeline -> audit

The API and the console share these, so that both allow and refuse the same things.
"""

from collections.abc import Iterable

from monitor.domain.announcements import GlobalProblem, Maintenance
from monitor.domain.policy import WAITS
from monitor.storage import announced, console
from monitor.storage.clocks import Subject
from monitor.web import approved, recurring_work
from monitor.web.api_inputs import NewGlobalProblem, NewMaintenance, NewUpdate, Wait
from monitor.web.auth import audit
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError


async def acknowledge(parts: Parts, actor: str, incident: str, note: str = "") -> None:
    """Say that somebody has it."""
    await parts.pipeline.acknowledge(incident, actor=actor, note=note)
    await audit(parts, actor, "incident.acknowledge", incident)


async def resolve(parts: Parts, actor: str, incident: str, note: str = "") -> None:
    """Say that it is over."""
    await parts.pipeline.resolve(incident, actor=actor, note=note)
    await audit(parts, actor, "incident.resolve", incident)


async def note(parts: Parts, actor: str, incident: str, text: str) -> None:
    """Write into the incident's timeline."""
    await parts.pipeline.note(incident, actor=actor, text=text)
    await audit(parts, actor, "incident.note", incident)


async def wait(parts: Parts, actor: str, incident: str, wanted: Wait) -> None:
    """Begin to wait for somebody, or end it; the clocks that stand still for it follow."""
    about = Subject(incident=incident)
    if wanted.over:
        await parts.pipeline.wait_no_longer(about, wanted.wait, actor=actor)
    else:
        await _known_wait(parts, incident, wanted.wait)
        await parts.pipeline.wait(about, wanted.wait, actor=actor)
    await audit(parts, actor, "incident.wait", incident, wait=wanted.wait, over=wanted.over)


async def meet_clock(parts: Parts, actor: str, incident: str, name: str) -> None:
    """Say that a promise is kept, or that the customer has done a duty."""
    await parts.pipeline.meet_clock(Subject(incident=incident), name, actor=actor)
    await audit(parts, actor, "incident.meet_clock", incident, clock=name)


async def _known_wait(parts: Parts, incident: str, wait: str) -> None:
    found = await parts.store.read(console.find_incident, incident)
    policy = parts.policies().get(found.policy or "") if found else None
    known = policy.waits if policy else WAITS
    if wait not in known:
        error = FieldError(pointer="/wait", detail=f"This is none of {', '.join(known)}")
        raise ProblemError(422, "The request is not valid.", errors=[error])


async def retry(parts: Parts, actor: str, outbox: str) -> None:
    """Try a failed contact again."""
    await parts.pipeline.retry(outbox, actor=actor)
    await audit(parts, actor, "outbox.retry", outbox)


async def declare_global(parts: Parts, actor: str, wanted: NewGlobalProblem) -> str:
    """Declare a problem over many systems and return its incident's id."""
    problem = await checked_problem(parts, wanted)
    incident = await parts.pipeline.declare_global(problem, actor=actor)
    await audit(parts, actor, "global.declare", incident, title=wanted.title)
    return incident


async def checked_problem(parts: Parts, wanted: NewGlobalProblem) -> GlobalProblem:
    """Return a global problem as it may be declared."""
    _known("components", wanted.components, parts.inventory().components)
    _known("attach", wanted.attach, [each for each in wanted.attach if await _is_incident(parts, each)])
    approved.check(wanted.approved)
    titled, worded = approved.of_problem(parts, wanted)
    return GlobalProblem(
        titled=titled,
        worded=worded,
        title=wanted.title,
        body=wanted.body,
        impact=wanted.impact,
        components=tuple(dict.fromkeys(wanted.components)),
        attach=tuple(dict.fromkeys(wanted.attach)),
        state=wanted.state,
        next_update_at=wanted.next_update_at,
    )


async def _is_incident(parts: Parts, id_: str) -> bool:
    found = await parts.store.read(console.find_incident, id_)
    return found is not None and not found.is_global


async def update_global(parts: Parts, actor: str, incident: str, wanted: NewUpdate) -> None:
    """Tell the public how a global problem goes."""
    approved.check(wanted.approved)
    known = await parts.store.read(announced.problem, incident)
    await parts.pipeline.update_global(
        incident,
        state=wanted.state,
        body=wanted.body,
        actor=actor,
        next_update_at=wanted.next_update_at,
        worded=approved.of_update(parts, known, wanted) if known else None,
    )
    await audit(parts, actor, "global.update", incident, state=str(wanted.state))


async def plan_maintenance(parts: Parts, actor: str, wanted: NewMaintenance) -> str:
    """Put planned work on record and return its id."""
    maintenance = checked_work(parts, wanted)
    if wanted.repeat is not None:
        return await recurring_work.plan(
            parts, actor, maintenance, wanted.repeat, tell_partners=wanted.tell_partners
        )
    planned = await parts.pipeline.plan_maintenance(
        maintenance, actor=actor, tell_partners=wanted.tell_partners
    )
    await audit(parts, actor, "maintenance.plan", planned, title=wanted.title)
    return planned


def checked_work(parts: Parts, wanted: NewMaintenance) -> Maintenance:
    """Return planned work as it may be put on record."""
    inventory = parts.inventory()
    _known("systems", wanted.systems, inventory.systems)
    _known("components", wanted.components, inventory.components)
    return Maintenance(
        id=parts.new_id(),
        title=wanted.title,
        body=wanted.body,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        zone=wanted.zone,
        systems=tuple(dict.fromkeys(wanted.systems)),
        components=tuple(dict.fromkeys(wanted.components)),
        public=wanted.public,
    )


async def cancel_maintenance(parts: Parts, actor: str, maintenance: str) -> None:
    """Call planned work off."""
    await parts.pipeline.cancel_maintenance(maintenance, actor=actor)
    await audit(parts, actor, "maintenance.cancel", maintenance)


async def complete_maintenance(parts: Parts, actor: str, maintenance: str) -> None:
    """Say that the work is done."""
    await parts.pipeline.complete_maintenance(maintenance, actor=actor)
    await audit(parts, actor, "maintenance.complete", maintenance)


async def reload_config(parts: Parts, actor: str) -> tuple[str, ...]:
    """Read the configuration again; return what is wrong with it (then the old one stays in force)."""
    problems = await parts.reload()
    await audit(parts, actor, "config.reload", problems=len(problems))
    return problems


def _known(field: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse ids that the inventory does not know, each by its place."""
    there = set(known)
    errors = [
        FieldError(pointer=f"/{field}/{index}", detail="There is nothing of this name")
        for index, each in enumerate(given)
        if each not in there
    ]
    if errors:
        raise ProblemError(422, "The request is not valid.", errors=errors)
