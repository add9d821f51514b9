"""Lists as files for a spreadsheet: RFC 4180, UTF-8 with a mark so that Excel reads it, and no cell that is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from aiohttp import web

FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST = 10_000


def cell(value: object) -> str:
    """Return a value as text that a spreadsheet takes for text, whoever wrote it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA) else text


def response(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    """Answer with a file of these rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    body = text.getvalue().encode("utf-8-sig")
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
