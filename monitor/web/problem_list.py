"""All global problems: those that stand with what is owed of each, those that are over by page; the same as a file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import pydantic
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from monitor.storage import problems
from monitor.storage.problems import ProblemLine
from monitor.web import csv_files
from monitor.web.parts import PARTS
from monitor.web.problems import Handler, ProblemError
from monitor.web.render import iso, page

ENDED = 30
MOST = 10_000
COLUMNS = ("id", "title", "status", "public", "public state", "group", "since", "owner", "systems", "failing", "partners", "words", "last word", "last word at", "next word due", "resolved at")  # fmt: skip


class ListQuery(BaseModel):
    """What of the global problems is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[str, Field(max_length=200)] = ""
    state: Literal["", "draft", "published", "late", "ended"] = ""
    after: Annotated[int, Field(ge=1, le=2**62)] | None = None


async def show_all(request: web.Request) -> web.Response:
    """List global problems."""
    query, now = _asked(request), request.app[PARTS].clock()
    standing, ended, more = await _found(request, query)
    return page(
        request,
        "problems.html",
        query=query,
        standing=standing,
        ended=ended,
        older=str(request.rel_url.update_query(after=str(more))) if more else None,
        query_string=request.rel_url.update_query({"after": ""}).query_string,
        late=sum(_is_late(one, now) for one in standing),
        drafts=sum(one.draft for one in standing),
    )


async def csv(request: web.Request) -> web.Response:
    """Give the global problems that fit as a file."""
    standing, ended, _ = await _found(request, _asked(request), MOST)
    return csv_files.response("problems", COLUMNS, _rows((*standing, *ended)))


async def _found(
    request: web.Request, query: ListQuery, limit: int = ENDED
) -> tuple[Sequence[ProblemLine], Sequence[ProblemLine], int | None]:
    """Return those that stand, the most pressing first, and those that are over."""
    parts, now = request.app[PARTS], request.app[PARTS].clock()
    standing: list[ProblemLine] = []
    if query.state != "ended" and query.after is None:
        fits = FITS[query.state]
        found = await parts.store.read(problems.standing)
        standing = [one for one in found if fits(one, now) and _named(one, query.q)]
        standing.sort(key=lambda one: pressing(one, now))
    if query.state not in ("", "ended"):
        return standing, (), None
    ended = await parts.store.read(problems.ended, query.after, limit)
    return standing, [one for one in ended.items if _named(one, query.q)], ended.next


def pressing(one: ProblemLine, now: datetime) -> tuple[int, float]:
    """Put in order: a word that is late, then drafts, then by when the next word is due."""
    owed = one.due or (one.tells_from if one.draft else None)
    band = 0 if _is_late(one, now) else 1 if one.draft else 2 if owed else 3
    return band, owed.timestamp() if owed else -one.seq


def _is_late(one: ProblemLine, now: datetime) -> bool:
    return one.due is not None and one.due <= now


def _named(one: ProblemLine, wanted: str) -> bool:
    said = f"{one.incident.title} {one.incident.id} {one.group or ''} {one.incident.owner or ''}"
    return wanted.strip().casefold() in said.casefold()


FITS: Mapping[str, Callable[[ProblemLine, datetime], bool]] = {
    "": lambda _one, _now: True,
    "draft": lambda one, _now: one.draft,
    "published": lambda one, _now: one.public,
    "late": _is_late,
}


def _asked(request: web.Request) -> ListQuery:
    try:
        return ListQuery.model_validate({name: value for name, value in request.query.items() if value})
    except pydantic.ValidationError:
        raise ProblemError(422, "This list has no such filter.") from None


def _rows(found: Iterable[ProblemLine]) -> Iterable[tuple[object, ...]]:
    for one in found:
        incident, word = one.incident, one.word
        yield (
            incident.id,
            incident.title,
            incident.status,
            one.public,
            one.public_state,
            one.group,
            iso(incident.since),
            incident.owner,
            one.members,
            one.open_,
            one.partners,
            one.words,
            word.body if word else "",
            iso(word.at) if word else "",
            iso(one.due) if one.due else "",
            iso(incident.resolved_at) if incident.resolved_at else "",
        )


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/problems"): show_all,
    ("GET", "/noc/problems.csv"): csv,
}
