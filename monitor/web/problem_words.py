"""What the public is told of a problem, on the workbench: written, looked at in every language, published by one act; corrected, withdrawn.

    form -> Fill in | Look at it -> the page as it will read + what each channel gets + who is told -> Publish -> 303

Whoever publishes has read the last word: a form from before another one was said is refused, so nothing is said twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pydantic
from aiohttp import web
from pydantic import Field

from monitor.domain.announcements import Impact, Shape
from monitor.domain.incidents import PublicState
from monitor.domain.wording import LANGUAGES, Wording
from monitor.errors import ConflictError
from monitor.storage import announced, problem_moves, public
from monitor.storage.announced import Problem
from monitor.storage.by_hand import Word
from monitor.storage.public import PublicProblem, PublicUpdate
from monitor.web import api_inputs as i
from monitor.web import approved, auth
from monitor.web.actions import checked, faults_of, moment_of, our_form
from monitor.web.api_inputs import In, NewUpdate, Title
from monitor.web.overruling import Reason
from monitor.web.parts import PARTS, Parts
from monitor.web.problem_pages import previews_of, the_problem, workbench_page
from monitor.web.problems import Handler, ProblemError
from monitor.web.render import go, page

SHAPED = ("title", "impact", "components")
TYPED = ("state", "approved", "body", "next_update_at", "title", "impact", "after", *(f"body-{code}" for code in LANGUAGES))  # fmt: skip


class NewShape(In):
    """What a problem is called and shown with."""

    title: Title
    impact: Impact
    components: list[i.Id] = Field(default=[])


class Reasoned(In):
    """Why something public is taken back."""

    reason: Reason


async def words(request: web.Request) -> web.Response:
    """Take the next word: filled in, looked at, or published."""
    form, id_ = await our_form(request), request.match_info["id"]
    typed = {name: str(form.get(name, "")) for name in TYPED} | {"components": form.getall("components", [])}
    if "change" in form:  # back from the preview, with everything still in the form
        return await workbench_page(request, id_, typed=typed)
    if "fill" in form:
        return await _fill(request, id_, typed)
    try:
        wanted, shape = await _given(request.app[PARTS], typed)
        if "publish" not in form:
            return await _preview(request, id_, wanted, shape, typed)
        await publish(request.app[PARTS], request[auth.PRINCIPAL].name, id_, wanted, shape, typed["after"])
    except (pydantic.ValidationError, ProblemError, ConflictError) as error:
        said = "; ".join(f"{name}: {text}" if name != "form" else text for name, text in faults_of(error).items())  # fmt: skip
        last = (await the_problem(request.app[PARTS], id_)).words
        typed["after"] = last[-1].id if last else ""  # they read it now, on the page that says so
        return await workbench_page(request, id_, status=409, error=said, typed=typed)
    return go(f"/noc/problems/{id_}#public", "updated")


async def _fill(request: web.Request, id_: str, typed: Mapping[str, Any]) -> web.Response:
    """Put a pre-approved text into the form; nothing is told yet."""
    try:
        body = await approved.for_update(request.app[PARTS], id_, typed["approved"], typed["state"])
    except ConflictError as error:
        return await workbench_page(request, id_, status=409, error=str(error), typed=typed)
    return await workbench_page(request, id_, typed={**typed, "body": body})


async def _given(parts: Parts, typed: Mapping[str, Any]) -> tuple[NewUpdate, NewShape]:
    fields = {name: typed[name] for name in ("state", "body")} | {"approved": typed["approved"] or None}
    fields |= {"translations": approved.translations(typed)}
    wanted = NewUpdate.model_validate(fields | moment_of("next_update_at", typed, "UTC"))
    approved.check(wanted.approved)
    shape = NewShape.model_validate({name: typed[name] for name in SHAPED})
    unknown = [each for each in shape.components if each not in parts.inventory().components]
    if unknown:
        raise ConflictError("There is no component of this name.")
    return wanted, shape


async def publish(
    parts: Parts, actor: str, problem: str, wanted: NewUpdate, shape: NewShape, after: str
) -> None:
    """Tell the public the next word, if nobody has said another since."""
    known = await _known(parts, problem)
    titled = _titled(known, shape)
    shaped = Shape(
        title=shape.title,
        impact=shape.impact,
        components=tuple(dict.fromkeys(shape.components)),
        titled=titled,
    )
    known = replace(known, title=shape.title, components=shaped.components, titled=titled or known.titled)
    await parts.pipeline.update_global(
        problem,
        state=wanted.state,
        body=wanted.body,
        actor=actor,
        next_update_at=wanted.next_update_at,
        worded=approved.of_update(parts, known, wanted),
        after=after,
        shape=shaped,
    )
    await auth.audit(parts, actor, "global.update", problem, state=str(wanted.state), title=shape.title)


async def _known(parts: Parts, problem: str) -> Problem:
    known = await parts.store.read(announced.problem, problem)
    if known is None:
        raise ConflictError("Only global problems have public words.")
    return known


def _titled(known: Problem, shape: NewShape) -> Wording | None:
    """Return the title as a pre-approved text, where nobody has written another."""
    return known.titled if known.titled and known.title == shape.title else None


async def _preview(
    request: web.Request, id_: str, wanted: NewUpdate, shape: NewShape, typed: Mapping[str, Any]
) -> web.Response:
    """Show the page as it will read, every channel's text, and what else publishing does."""
    parts = request.app[PARTS]
    known, file = await _known(parts, id_), await the_problem(parts, id_)
    shown = await parts.store.read(public.as_public, id_)
    assert shown is not None, "it was found a moment ago"
    titled = _titled(known, shape)
    named = replace(
        known, title=shape.title, components=tuple(shape.components), titled=titled or known.titled
    )
    worded = approved.of_update(parts, named, wanted)
    announcer = parts.pipeline.announcer
    news = announcer.of_update(
        id_, replace(named, titled=titled), wanted.state, wanted.body, wanted.next_update_at, worded
    )
    fields = [(name, str(typed[name])) for name in TYPED] + [("components", each) for each in typed["components"]]  # fmt: skip
    return page(
        request,
        "problem_word.html",
        file=file,
        line=file.line,
        wanted=wanted,
        shape=shape,
        shaped=[parts.inventory().components[each].name for each in shape.components],
        worded=worded,
        previews=previews_of(parts, _as_it_will_be(shown, wanted, shape, titled, worded, parts)),
        prepared=announcer.prepare(news),
        fields=fields,
        here=f"/noc/problems/{id_}",
        resolves=wanted.state is PublicState.RESOLVED,
    )


def _as_it_will_be(
    shown: PublicProblem,
    wanted: NewUpdate,
    shape: NewShape,
    titled: Wording | None,
    worded: Wording | None,
    parts: Parts,
) -> PublicProblem:
    now = parts.clock()
    word = PublicUpdate(
        id="next",
        status=str(wanted.state),
        body=wanted.body,
        at=now,
        next_update_at=wanted.next_update_at,
        said=worded.said if worded else {},
    )
    over = wanted.state in ("resolved", "postmortem")
    return replace(
        shown,
        title=shape.title,
        said=titled.said if titled else {},
        impact=str(shape.impact),
        components=tuple(shape.components),
        state=str(wanted.state),
        resolved_at=(shown.resolved_at or now) if over else None,
        updates=(word, *shown.updates),
    )


# taken back ----------------------------------------------------------------------------------------------------------


async def correct(request: web.Request) -> web.Response:
    """Correct what was said: the page and the feeds have it right from now on, nobody is written to again."""
    form, id_ = await our_form(request), request.match_info["id"]
    given = checked(i.NewNote, {"text": form.get("body", "")})
    parts, actor = request.app[PARTS], request[auth.PRINCIPAL].name
    word = Word(actor=actor, reason="", now=parts.clock())
    try:
        await parts.store.write(
            problem_moves.correct, id_, request.match_info["name"], given.text, str(form.get("was", "")), word
        )
    except ConflictError as error:
        return await workbench_page(request, id_, status=409, error=str(error))
    await auth.audit(parts, actor, "global.correct", id_, word=request.match_info["name"])
    parts.bell.ring("incident", id_)
    return go(f"/noc/problems/{id_}#public", "corrected")


async def withdraw(request: web.Request) -> web.Response:
    """Take a problem off the public page."""
    form, id_ = await our_form(request), request.match_info["id"]
    given = checked(Reasoned, {"reason": form.get("reason", "")})
    parts, actor = request.app[PARTS], request[auth.PRINCIPAL].name
    word = Word(actor=actor, reason=given.reason, now=parts.clock())
    try:
        await parts.store.write(problem_moves.withdraw, id_, word)
    except ConflictError as error:
        return await workbench_page(request, id_, status=409, error=str(error))
    await auth.audit(parts, actor, "global.withdraw", id_, reason=given.reason)
    parts.bell.ring("incident", id_)
    parts.bell.ring("component")
    return go(f"/noc/problems/{id_}#public", "withdrawn")


ACTIONS: dict[tuple[str, str], Handler] = {
    ("POST", "/noc/problems/{id}/words"): words,
    ("POST", "/noc/problems/{id}/words/{name}/correct"): correct,
    ("POST", "/noc/problems/{id}/withdraw"): withdraw,
}
