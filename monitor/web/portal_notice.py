"""A customer's own work while it is being filled in: whether the notice is long enough, by which clause, and what follows.

    the form -> Shown -> the part of the page beside it, live or by its button; nothing is kept

A notice needs a start only, so that it is said as soon as there is one; the rest follows when the form is complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import pydantic

from monitor.domain.announcements import Maintenance
from monitor.domain.clock_changes import Occurrence, occurrences
from monitor.domain.notices import Notice, notice
from monitor.domain.work_reach import covered
from monitor.errors import ConflictError, NotFoundError, RefusedError
from monitor.storage import planned
from monitor.storage.planned import Line
from monitor.web.api_inputs import NewMaintenance, local_moment
from monitor.web.parts import Parts
from monitor.web.portal_frame import Self, own_systems
from monitor.web.portal_input import Form
from monitor.web.problems import ProblemError
from monitor.web.work_plans import foresee

WRONG = (pydantic.ValidationError, ProblemError, ConflictError, NotFoundError, RefusedError)
EVERY = {
    "day": "FREQ=DAILY",
    "week": "FREQ=WEEKLY",
    "2weeks": "FREQ=WEEKLY;INTERVAL=2",
    "month": "FREQ=MONTHLY",
}
"""How work may come again, as the form offers it; any other rule is for the API."""
UNTITLED = "Untitled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Work of ours on a customer's systems, and which of theirs it is on."""

    work: Maintenance
    systems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is said beside the form."""

    notice: Notice | None = None
    earliest: datetime | None = None
    times: tuple[Occurrence, ...] = ()
    systems: int = 0
    ours: tuple[Ours, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def late(self) -> int:
        """How many of the times come too soon."""
        return sum(each.work.late is True for each in self.times)


def read_fields(form: Form, me: Self) -> tuple[dict[str, object], dict[str, str]]:
    """Read the form: what goes into the work, and what is wrong with it by its field."""
    faults: dict[str, str] = {}
    times = {name: _moment(form, me, name, faults) for name in ("starts_at", "ends_at")}
    if not form.all("systems"):
        faults["systems"] = "Choose at least one system."
    fields: dict[str, object] = {
        "title": form.get("title"),
        "body": form.get("body"),
        "zone": me.zone.key,
        "systems": list(form.all("systems")),
        "public": False,
        "major": form.get("major") == "yes",
        "repeat": _repeat(form, faults),
        **{name: at for name, at in times.items() if at is not None},
    }
    return fields, faults


def _repeat(form: Form, faults: dict[str, str]) -> dict[str, str] | None:
    """Return how it comes again, up to a day if the form names one."""
    every, until = form.get("every"), form.get("repeat_until")
    if not every:
        return None
    if every not in EVERY:
        faults["repeat"] = "Choose one of these."
        return None
    return {"rule": EVERY[every] + (f";UNTIL={until.replace('-', '')}" if until else "")}


def _moment(form: Form, me: Self, name: str, faults: dict[str, str]) -> datetime | None:
    """Read a time of the form, on the clock of whoever fills it in."""
    text = form.get(name)
    if not text:
        faults[name] = "Say when."
        return None
    try:
        return local_moment(text, me.zone.key)
    except ValueError as error:
        faults[name] = str(error)
        return None


def faults_of(error: Exception) -> dict[str, str]:
    """Return what is wrong with a form by its field; what concerns no field is under ``form``."""
    if isinstance(error, pydantic.ValidationError):
        found = error.errors(include_url=False, include_input=False)
        return {
            str(each["loc"][0]) if each["loc"] else "form": each["msg"].removeprefix("Value error, ")
            for each in found
        }
    if isinstance(error, ProblemError):
        by_field = {each.pointer.split("/")[1]: each.detail for each in error.problem.errors}
        return by_field or {"form": error.problem.detail or error.problem.title}
    return {"form": str(error)}


async def shown_of(parts: Parts, me: Self, form: Form) -> Shown:
    """Return what is said of a form as it stands, also of one that is not complete."""
    fields, faults = read_fields(form, me)
    now, starts = parts.clock(), fields.get("starts_at")
    judged = notice(me.policy, starts, now) if isinstance(starts, datetime) else None
    said = Shown(notice=judged, earliest=judged.earliest(now) if judged else None, faults=faults)
    if faults:
        return said
    try:
        wanted = NewMaintenance.model_validate(fields | {"title": str(fields["title"]) or UNTITLED})
        works = foresee(parts, me.viewer, wanted).plan.works
    except WRONG as error:
        return replace(said, faults=faults_of(error))
    times = occurrences(works)
    met = await ours_between(parts, me, works[0].starts_at, max(work.ends_at for work in works))
    return replace(
        said,
        times=times,
        systems=len(works[0].systems),
        ours=tuple(one for one in met if _meets(one, works)),
    )


def _meets(one: Ours, works: tuple[Maintenance, ...]) -> bool:
    return any(
        work.starts_at < one.work.ends_at
        and one.work.starts_at < work.ends_at
        and set(one.systems) & set(work.systems)
        for work in works
    )


async def ours_between(parts: Parts, me: Self, start: datetime, end: datetime) -> tuple[Ours, ...]:
    """Return our public work on a customer's systems, with theirs alone named; what is not public is not theirs to see."""
    lines: list[Line] = await parts.store.read(planned.between, start, end, current=True)
    mine = {system.serial for system in own_systems(parts, me)}
    inventory = parts.inventory()
    found = []
    for line in lines:
        if line.work.partner is None and line.work.public:
            theirs = tuple(
                sorted(system.serial for system in covered(inventory, line.work) if system.serial in mine)
            )
            if theirs:
                found.append(Ours(work=line.work, systems=theirs))
    return tuple(found)
