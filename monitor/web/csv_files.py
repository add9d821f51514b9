"""Lists as files for a spreadsheet: RFC 4180, UTF-8 with a mark so that Excel reads it, and no cell that is a formula."""

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

FORMULA = ("=", "+", "-", "@", "\t", "\r")
T = TypeVar("T")
AT_ONCE = 1000
MARK = "\ufeff"
Part = Callable[[Any], Awaitable[tuple[Sequence[Sequence[object]], Any]]]
"""Gives what comes after a key (None: from the start), and the key to go on with; a key is the list's own."""


def cell(value: object) -> str:
    """Return a value as text that a spreadsheet takes for text, whoever wrote it; an instant in UTC."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, int | float):
        return str(value)  # a number of ours: below zero it is no formula
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA) else text


def response(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    """Answer with a file of these rows: for lists that are in memory anyway."""
    body = (MARK + lines([columns]) + lines(rows)).encode("utf-8", "replace")
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=_headers(name))


async def stream(request: web.Request, name: str, columns: Sequence[str], part: Part) -> web.StreamResponse:
    """Answer with a file, a part at a time: what ``part`` gives after a key, and the key to go on with.

    The first part is read before anything is sent, so that what cannot be read is an error page and no half file.
    """
    if request.method == "HEAD":
        return web.Response(content_type="text/csv", charset="utf-8", headers=_headers(name))
    rows, after = await part(None)
    answer = web.StreamResponse(headers=_headers(name))
    answer.content_type, answer.charset = "text/csv", "utf-8"
    await answer.prepare(request)
    await answer.write((MARK + lines([columns]) + lines(rows)).encode("utf-8", "replace"))
    while after is not None:
        rows, after = await part(after)
        await answer.write(lines(rows).encode("utf-8", "replace"))
    await answer.write_eof()
    return answer


def slices(items: Sequence[T], row: Callable[[T], Sequence[object]]) -> Part:
    """Return the parts of what is in memory anyway; only its rows are made a part at a time."""

    async def part(after: int | None) -> tuple[Sequence[Sequence[object]], int | None]:
        first = after or 0
        end = first + AT_ONCE
        return [row(item) for item in items[first:end]], end if end < len(items) else None

    return part


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as the file has them."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
