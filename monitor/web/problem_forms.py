"""Acts on what stands under a problem: several or all that fit put under it or taken out, split off, one problem merged into another.

    ticked, or all that fit -> what follows from it, asked once more -> the same form with a reason -> one transaction -> 303

"All that fit" are those that were there when it was asked (``upto``): what comes meanwhile is not touched unseen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import pydantic
from aiohttp import web
from pydantic import Field

from monitor.domain.incidents import IllegalMoveError, PublicState, Status
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announced, problems, regroup
from monitor.storage.by_hand import Word
from monitor.storage.problems import ProblemFile
from monitor.web import auth
from monitor.web.actions import faults_of, our_form
from monitor.web.api_inputs import Id, In
from monitor.web.overruling import Reason
from monitor.web.parts import PARTS, Parts
from monitor.web.problem_pages import the_problem, workbench_page
from monitor.web.problem_view import PAGE, ProblemQuery, fitting
from monitor.web.problems import Handler, ProblemError
from monitor.web.render import go, page

MOST = 20_000
Act = Literal["attach", "attach-all", "detach", "detach-all", "split"]


class Chosen(In):
    """What is done to which of a problem's systems."""

    act: Act
    incident: list[Id] = Field(default=[], max_length=PAGE)
    upto: Annotated[int, Field(ge=0, le=2**62)] = 0
    seen: Annotated[int, Field(ge=0)] = 0

    @property
    def all(self) -> bool:
        """Whether it is about all that fit."""
        return self.act.endswith("-all")

    @property
    def detaches(self) -> bool:
        """Whether they are taken out."""
        return self.act.startswith("detach")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An act that is asked about: on which problem, on which systems."""

    file: ProblemFile
    query: ProblemQuery
    chosen: Chosen
    ids: Sequence[str]


async def systems(request: web.Request) -> web.Response:
    """Put systems under a problem, or take them out; asked once more before."""
    form, id_ = await our_form(request), request.match_info["id"]
    about = await _asked(request, id_, form)
    if not about.ids:
        said = "Nothing fits any more." if about.chosen.all else "Tick some systems first."
        return await workbench_page(request, id_, status=409, error=said)
    if about.chosen.act == "split":
        return go(f"/noc/global/new?{urlencode([('attach', each) for each in about.ids])}")
    if "sure" not in form:
        return await _question(request, about)
    try:
        count = await _done(request, about, str(form.get("reason", "")))
    except pydantic.ValidationError as error:
        return await _question(request, about, error="; ".join(faults_of(error).values()), status=422)
    except ConflictError as error:
        return await workbench_page(request, id_, status=409, error=str(error))
    assert count, "the record refuses to do nothing"
    flash = "taken_out" if about.chosen.detaches else "put_under"
    return go(about.query.path(f"/noc/problems/{id_}"), flash)


async def _asked(request: web.Request, id_: str, form: Any) -> Asked:
    parts = request.app[PARTS]
    file = await the_problem(parts, id_)
    try:
        filters = {name: str(form.get(name, "")) for name in ProblemQuery.model_fields if form.get(name)}
        query = ProblemQuery.model_validate(filters)
        chosen = Chosen.model_validate(
            {name: form.get(name, 0) for name in ("upto", "seen")}
            | {"act": form.get("act", ""), "incident": form.getall("incident", [])}
        )
    except pydantic.ValidationError:
        raise ProblemError(422, "The form is not complete.", detail="Load the page again.") from None
    ids = await _all(parts, id_, query, chosen) if chosen.all else chosen.incident
    return Asked(file=file, query=query, chosen=chosen, ids=ids)


async def _all(parts: Parts, id_: str, query: ProblemQuery, chosen: Chosen) -> list[str]:
    """Return all that fit the filters and were there when it was asked."""
    read = parts.store.read
    found = await read(problems.members, id_) if chosen.detaches else await read(problems.free)
    fits = fitting(found, query, parts.inventory())
    return [one.id for one in fits if one.seq <= chosen.upto and one.status != "resolved"][:MOST]


async def _question(
    request: web.Request, about: Asked, *, error: str = "", status: int = 200
) -> web.Response:
    """Say what follows from it, and ask."""
    parts, id_ = request.app[PARTS], about.file.line.incident.id
    says = regroup.of_detaching if about.chosen.detaches else regroup.of_attaching
    follows = await parts.store.read(says, id_, about.ids, parts.clock())
    partners = parts.inventory().partners
    fields = [("act", about.chosen.act), ("upto", str(about.chosen.upto)), *about.query.model_dump().items()]
    if not about.chosen.all:
        fields += [("incident", each) for each in about.ids]
    return page(
        request,
        "problem_act.html",
        status=status,
        error=error,
        incident=about.file.line.incident,
        line=about.file.line,
        chosen=about.chosen,
        follows=follows,
        filters=about.query.filters,
        fields=[(name, value) for name, value in fields if value],
        named=lambda id_: partners[id_].name if id_ in partners else id_,
        here=f"/noc/problems/{id_}",
        back=about.query.path(f"/noc/problems/{id_}"),
    )


async def _done(request: web.Request, about: Asked, reason: str) -> int:
    parts, actor, id_ = request.app[PARTS], request[auth.PRINCIPAL].name, about.file.line.incident.id
    given = _Said.model_validate({"reason": reason})
    word = Word(actor=actor, reason=given.reason, now=parts.clock())
    does = regroup.detach if about.chosen.detaches else regroup.attach
    done = await parts.store.write(does, id_, list(about.ids), word)
    verb = "detach" if about.chosen.detaches else "attach"
    await auth.audit(
        parts,
        actor,
        f"global.{verb}",
        id_,
        count=len(done),
        reason=given.reason,
        filters=dict(about.query.filters),
        incidents=list(done[:PAGE]),
    )
    _rung(parts, id_, *done[:PAGE])
    return len(done)


class _Said(In):
    reason: Reason


def _rung(parts: Parts, *incidents: str) -> None:
    for one in incidents:
        parts.bell.ring("incident", one)
    parts.bell.ring("component")
    parts.bell.ring("outbox")


# one into another ----------------------------------------------------------------------------------------------------


class Merged(In):
    """Into which problem, and why."""

    into: Id
    reason: Reason


async def merge(request: web.Request) -> web.Response:
    """Merge a problem into another one; asked once more before."""
    form, id_ = await our_form(request), request.match_info["id"]
    parts, actor = request.app[PARTS], request[auth.PRINCIPAL].name
    fields: Mapping[str, object] = {name: str(form.get(name, "")).strip() for name in ("into", "reason")}
    try:
        given = Merged.model_validate(fields)
        other = await _standing(parts, given.into)
        if "sure" not in form:
            return await _merge_question(request, await _standing(parts, id_), other, given)
        await _merged(parts, actor, id_, other, given)
    except (pydantic.ValidationError, ConflictError, NotFoundError, IllegalMoveError) as error:
        said = "; ".join(f"{name}: {text}" if name != "form" else text for name, text in faults_of(error).items())  # fmt: skip
        return await workbench_page(request, id_, status=409, error=said)
    return go(f"/noc/problems/{given.into}", "merged")


async def _standing(parts: Parts, id_: str) -> ProblemFile:
    file = await the_problem(parts, id_)
    if file.line.incident.status is Status.RESOLVED:
        raise ConflictError(f"“{file.line.incident.title}” is over.")
    return file


async def _merge_question(
    request: web.Request, file: ProblemFile, other: ProblemFile, given: Merged
) -> web.Response:
    parts = request.app[PARTS]
    members = await parts.store.read(problems.members, file.line.incident.id)
    ids = [one.id for one in members if one.status != "resolved"]
    follows = await parts.store.read(regroup.of_attaching, given.into, ids, parts.clock())
    partners = parts.inventory().partners
    return page(
        request,
        "problem_merge.html",
        file=file,
        line=file.line,
        other=other,
        given=given,
        follows=follows,
        word=_last_word(other),
        named=lambda id_: partners[id_].name if id_ in partners else id_,
        here=f"/noc/problems/{file.line.incident.id}",
    )


def _last_word(into: ProblemFile) -> str:
    """Return the last public word on a problem that goes on as another one."""
    if not into.line.public:
        return "This turned out to be part of a larger problem, which we are working on."
    return f"This is part of another problem and is followed there: {into.line.incident.title}"


async def _merged(parts: Parts, actor: str, id_: str, into: ProblemFile, given: Merged) -> None:
    now, body = parts.clock(), _last_word(into)
    word = Word(actor=actor, reason=given.reason, now=now)
    known = await parts.store.read(announced.problem, id_)
    announcer = parts.pipeline.announcer
    news = announcer.of_update(id_, known, PublicState.RESOLVED, body) if known and known.public else None
    moved = await parts.store.write(
        regroup.merge,
        id_,
        given.into,
        word,
        body=body,
        new_id=parts.new_id,
        announce=announcer.compose(news, now=now) if news else None,
    )
    await auth.audit(parts, actor, "global.merge", id_, into=given.into, moved=moved, reason=given.reason)
    _rung(parts, id_, given.into)


ACTIONS: dict[tuple[str, str], Handler] = {
    ("POST", "/noc/problems/{id}/systems"): systems,
    ("POST", "/noc/problems/{id}/merge"): merge,
}
