"""The audit, read by a person: who did what to what and when, filtered, as a file, and whether the log is whole."""

import json
from functools import partial
from typing import Annotated, ClassVar

from aiohttp import web
from pydantic import Field

from monitor.auditing import Checked
from monitor.storage.audit import AuditLine, find_audit
from monitor.web.api_inputs import Query, Word
from monitor.web.list_pages import Handler, Listing, Read, csv, fields, found, more
from monitor.web.parts import PARTS, Parts
from monitor.web.render import page

FIRST = 100


class AuditQuery(Query):
    """Filters of the audit: exactly who; what was done, and to what, each by how it begins."""

    COLUMNS: ClassVar = {"who": "actor"}
    COMMON: ClassVar = Query.COMMON | {"did", "to"}

    limit: Annotated[int, Field(ge=1, le=500)] = FIRST
    who: Word | None = None
    did: Word = ""
    to: Word = ""


def _read(_parts: Parts, query: AuditQuery) -> Read[AuditLine]:
    """Read what fits; people type "incident acknowledge" as the page shows it."""
    return partial(find_audit, did=query.did.replace(" ", "."), to=query.to)


def _details(line: AuditLine) -> str:
    return json.dumps(dict(line.data), ensure_ascii=False) if line.data else ""


AUDIT = Listing(
    name="audit",
    model=AuditQuery,
    read=_read,
    columns=fields("seq", "at", "actor", "action", "about") | {"details": _details} | fields("hash"),
)


async def audit(request: web.Request) -> web.Response:
    """Show who did what, newest first."""
    parts = request.app[PARTS]
    query, rows = await found(request, AUDIT)
    checked: Checked | None = await parts.auditing.look() if parts.auditing else None
    return page(request, "audit.html", found=rows, query=query, more=more(request), checked=checked)


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/audit"): audit,
    ("GET", "/noc/audit.csv"): csv(AUDIT),
}
