"""One mechanism for every list: its filters are its address, and the same address with ``.csv`` is the whole of it.

    query -> model (an empty field is no filter) -> one page of it, or: page after page -> csv_files.stream

The file is made a thousand rows at a time, each from a read of its own, so a list of any length costs the same memory.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import pydantic
from aiohttp import web

from monitor.storage.lists import Page, Wanted
from monitor.web import csv_files
from monitor.web.api_inputs import Query
from monitor.web.auth import may_see_requests
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import ProblemError

M = TypeVar("M", bound=pydantic.BaseModel)
Q = TypeVar("Q", bound=Query)
T = TypeVar("T")
Read = Callable[[Any, Wanted], Page[T]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Q, T]):
    """A list: what it is called, what filters it has, how it is read, and what its file's columns hold."""

    name: str
    model: type[Q]
    read: Callable[[Parts, Q], Read[T]]
    columns: Mapping[str, Callable[[T], object]]


def query_of(request: web.Request, model: type[M]) -> M:
    """Read a list's filters; an empty field is no filter, a time without a zone is UTC's."""
    given = {name: _moment(name, value) for name, value in request.query.items() if value}
    try:
        return model.model_validate(given)
    except pydantic.ValidationError as error:
        at = ".".join(str(step) for step in error.errors()[0]["loc"])
        known = sorted(field.alias or name for name, field in model.model_fields.items())
        if at not in known:
            raise ProblemError(
                422, "This list has no such filter.", detail=f"It has: {', '.join(known)}."
            ) from None
        raise ProblemError(422, f"The filter {at} cannot be read.", detail=error.errors()[0]["msg"]) from None


async def found(request: web.Request, listing: Listing[Q, T]) -> tuple[Q, Page[T]]:
    """Return the filters and one page of a list."""
    query = query_of(request, listing.model)
    parts, wanted = request.app[PARTS], replace(query.wanted(), requests=may_see_requests(request))
    return query, await parts.store.read(listing.read(parts, query), wanted)


def csv(listing: Listing[Q, T]) -> Handler:
    """Make the handler that gives all of a list, as filtered, as a file."""

    async def handler(request: web.Request) -> web.StreamResponse:
        query = query_of(request, listing.model)
        parts = request.app[PARTS]
        read, store = listing.read(parts, query), parts.store
        wanted = replace(query.wanted(), requests=may_see_requests(request), limit=csv_files.AT_ONCE)

        async def part(after: int | None) -> tuple[list[list[object]], int | None]:
            got = await store.read(read, wanted if after is None else replace(wanted, after=after))
            return [[of(item) for of in listing.columns.values()] for item in got.items], got.next

        return await csv_files.stream(request, listing.name, tuple(listing.columns), part)

    return handler


def fields(*names: str) -> dict[str, Callable[[Any], object]]:
    """Return columns that are the items' own fields (``class`` for ``cls``)."""
    return {"class" if name == "cls" else name: _field(name) for name in names}


def more(request: web.Request) -> Callable[[int], str]:
    """Return how a page's address is made that goes on after a key."""

    def path(after: int) -> str:
        return str(request.rel_url.update_query(after=str(after)))

    return path


def _field(name: str) -> Callable[[Any], object]:
    return lambda item: getattr(item, name)


def _moment(name: str, value: str) -> str:
    if name not in ("since", "until"):
        return value
    if _DAY.fullmatch(value):
        return f"{value}T00:00:00Z"
    return f"{value}Z" if _NAIVE.fullmatch(value) else value
