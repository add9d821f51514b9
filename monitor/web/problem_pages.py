"""The workbench of one global problem: what is believed and why, its systems, its partners, what the public reads; one screen.

    record -> the problem · its members · what is free -> (off the loop) counted, filtered, drawn -> template

Acts are in ``problem_forms`` (systems, merging) and ``problem_words`` (the public's words). Works without JavaScript.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pydantic
from aiohttp import web

from monitor.domain.announcements import Impact
from monitor.domain.incidents import PublicState, Status
from monitor.domain.inventory import Inventory
from monitor.errors import NotFoundError
from monitor.storage import problems, public
from monitor.storage.lists import OutboxLine
from monitor.storage.problems import Member, ProblemFile
from monitor.storage.public import PublicProblem
from monitor.web import approved, csv_files
from monitor.web.actions import component_choices
from monitor.web.board import BANDS
from monitor.web.parts import PARTS, Parts
from monitor.web.problem_view import (
    PAGE,
    Affected,
    Alike,
    Curve,
    ProblemQuery,
    Systems,
    affected,
    alike,
    curve,
    fitting,
    systems_of,
)
from monitor.web.problems import Handler, ProblemError
from monitor.web.render import iso, page

STEPS = tuple(PublicState)
PARTNERS = 200  # that are shown; a storm over more is one over nearly all
COLUMNS = ("incident", "system", "name", "partner", "country", "region", "cloud", "carrier", "version", "class", "status", "since", "resolved at")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the workbench shows of the systems and partners."""

    systems: Systems
    alike: tuple[Alike, ...]
    curve: Curve | None
    partners: tuple[Affected, ...]
    total: int
    failing: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read for one workbench."""

    members: Sequence[Member]
    free: Sequence[Member]
    rows: Mapping[str, OutboxLine]


async def workbench(request: web.Request) -> web.Response:
    """Show the workbench of a problem."""
    return await workbench_page(request, request.match_info["id"])


async def workbench_page(
    request: web.Request,
    id_: str,
    *,
    status: int = 200,
    error: str | None = None,
    typed: Mapping[str, Any] = MappingProxyType({}),
) -> web.Response:
    """Show a problem's workbench, after a failed act with what went wrong; ``typed`` stood in the form for the public."""
    parts, query = request.app[PARTS], asked(request)
    file = await the_problem(parts, id_)
    bench = await _bench(parts, file, query)
    shown = await parts.store.read(public.as_public, id_)
    here = f"/noc/problems/{id_}"
    return page(
        request,
        "problem.html",
        status=status,
        error=error,
        file=file,
        line=file.line,
        incident=file.line.incident,
        bench=bench,
        query=query,
        here=here,
        steps=_steps(file),
        typed=_form(file, typed),
        classes=approved.choices(parts),
        components=component_choices(parts),
        names={each.id: each.name for each in parts.inventory().components.values()},
        impacts=tuple(Impact),
        states=_states(file),
        previews=previews_of(parts, shown),
        others=await _others(parts, id_),
        bands=BANDS,
        partners_shown=PARTNERS,
        page_size=PAGE,
    )


async def the_problem(parts: Parts, id_: str) -> ProblemFile:
    """Return a global problem, or raise NotFoundError."""
    file = await parts.store.read(problems.problem_file, id_)
    if file is None:
        raise NotFoundError("There is no such global problem.")
    return file


async def _bench(parts: Parts, file: ProblemFile, query: ProblemQuery) -> Bench:
    id_, inventory, now = file.line.incident.id, parts.inventory(), parts.clock()
    members = await parts.store.read(problems.members, id_)
    over = file.line.incident.status is Status.RESOLVED
    free = [] if over else await parts.store.read(problems.free)
    partners = {one.partner for one in members if one.partner}
    rows = await parts.store.read(problems.told_rows, id_, sorted(partners))
    read = _Read(members=members, free=free, rows=rows)
    return await asyncio.to_thread(_made, read, query, inventory, now)


def _made(read: _Read, query: ProblemQuery, inventory: Inventory, now: datetime) -> Bench:
    return Bench(
        systems=systems_of(read.free if query.of == "alike" else read.members, query, inventory),
        alike=alike(read.members, read.free, inventory),
        curve=curve(read.members, now),
        partners=affected(read.members, read.rows, inventory),
        total=len(read.members),
        failing=sum(one.status != "resolved" for one in read.members),
        free=len(read.free),
    )


def asked(request: web.Request) -> ProblemQuery:
    """Read which of the systems are asked for."""
    try:
        return ProblemQuery.model_validate({name: value for name, value in request.query.items() if value})
    except pydantic.ValidationError:
        raise ProblemError(422, "These systems have no such filter.") from None


def _steps(file: ProblemFile) -> tuple[tuple[str, str, datetime | None], ...]:
    """Return the public states, each with whether it is done, where it stands, and when it was said first."""
    said = {word.status: word.at for word in reversed(file.words)}
    now = file.line.public_state or "investigating"
    place = [str(one) for one in STEPS].index(now) if now in list(STEPS) else 0
    return tuple(
        (str(one), "now" if n == place else "done" if n < place else "", said.get(str(one)))
        for n, one in enumerate(STEPS)
    )


def _states(file: ProblemFile) -> tuple[PublicState, ...]:
    """Return which words may come next: a review after the end, nothing else."""
    if file.line.incident.status is Status.RESOLVED:
        return (PublicState.POSTMORTEM,)
    return STEPS[:-1]


def _form(file: ProblemFile, typed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands in the form for the public: what was typed, else how it is; a draft's own text to begin with."""
    line = file.line
    states = [str(one) for one in _states(file)]
    state = line.public_state if line.public_state in states else states[0]
    first = line.draft and file.words
    return {
        "title": line.incident.title,
        "impact": line.impact or "",
        "components": list(file.components),
        "state": state,
        "approved": (file.approved or "") if first else "",
        "body": file.words[-1].body if first else "",
        "next_update_at": "",
        "after": file.words[-1].id if file.words else "",
        **typed,
    }


def previews_of(parts: Parts, problem: PublicProblem | None) -> tuple[tuple[str, str], ...]:
    """Return how a problem's page reads in each language of the public page."""
    if parts.preview is None or problem is None:
        return ()
    return tuple(parts.preview(problem).items())


async def _others(parts: Parts, id_: str) -> list[tuple[str, str]]:
    """Return the other problems that stand: into one of them this one can be merged."""
    return [one for one in await parts.store.read(problems.titles) if one[0] != id_]


async def systems_csv(request: web.Request) -> web.Response:
    """Give the systems that fit as a file."""
    parts, query, id_ = request.app[PARTS], asked(request), request.match_info["id"]
    await the_problem(parts, id_)
    found = await parts.store.read(problems.free) if query.of == "alike" else await parts.store.read(problems.members, id_)  # fmt: skip
    inventory = parts.inventory()
    return csv_files.response(
        "systems", COLUMNS, [_row(one, inventory) for one in fitting(found, query, inventory)]
    )


def _row(one: Member, inventory: Inventory) -> Sequence[object]:
    system = inventory.systems.get(one.system)
    known = ("name", "partner", "country", "region", "cloud", "carrier", "version")
    ended = iso(one.ended.astimezone(UTC)) if one.ended else ""
    return (
        one.id,
        one.system,
        *(getattr(system, name) if system else "" for name in known),
        one.cls,
        one.status,
        iso(one.began),
        ended,
    )


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/problems/{id}"): workbench,
    ("GET", "/noc/problems/{id}/systems.csv"): systems_csv,
}
