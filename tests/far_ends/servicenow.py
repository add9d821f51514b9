"""ServiceNow after its published contract (Table and Attachment API); no live system was asked.

Strict where the contract is: authentication, references by sys_id, encoded queries (a condition on a field that is
not there is dropped, as there), the data policy that wants a close code and notes, pages, moments in UTC.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.far_ends.serving import Ticks, document, serving

USER, PASSWORD = "tocsin", "servicenow-password-1"
GROUPS = {"Service Desk": "d625dccec0a8016700a222a0f7900d06", "Aurora": "287ebd7da9fe198100f92cc8d1d2154e"}
CALLER = {"sys_id": "62826bf03710200044e0bfc8bcbe5df1", "email": "noc@aurora.example", "active": "true"}
CODES = ["Solution provided", "Workaround provided", "Duplicate"]
FIELDS = {
    "incident": {
        "short_description",
        "description",
        "correlation_id",
        "correlation_display",
        "caller_id",
        "impact",
    }
    | {"assignment_group", "urgency", "state", "close_code", "close_notes", "active", "number", "sys_id"}
    | {"sys_created_on", "sys_updated_on", "sys_mod_count", "priority", "comments", "work_notes"},
    "sys_user": {"sys_id", "email", "active"},
    "sys_user_group": {"sys_id", "name", "active"},
    "sys_choice": {"name", "element", "value", "inactive"},
    "sys_journal_field": {"sys_id", "element_id", "element", "value", "sys_created_by", "sys_created_on"},
    "attachment": {"table_name", "table_sys_id", "file_name", "size_bytes", "sys_id"},
}
LONGEST = {"short_description": 160, "description": 4000, "correlation_id": 100, "comments": 4000}


def refusal(status: int, message: str, detail: str) -> web.HTTPException:
    kinds = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
    }
    body = json.dumps({"error": {"message": message, "detail": detail}, "status": "failure"})
    return kinds[status](text=body, content_type="application/json")


@dataclass
class FakeServiceNow:
    """One instance. ``tables`` hold rows as the interface shows them: every value is a text."""

    ticks: Ticks = field(default_factory=Ticks)
    url: str = ""
    tables: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    files: dict[str, bytes] = field(default_factory=dict)
    numbers: int = 10_000

    def __post_init__(self) -> None:
        self.tables["sys_user"].append(CALLER)
        for name, id_ in GROUPS.items():
            self.tables["sys_user_group"].append({"sys_id": id_, "name": name, "active": "true"})
        for code in CODES:
            choice = {"name": "incident", "element": "close_code", "value": code, "inactive": "false"}
            self.tables["sys_choice"].append(choice)

    def id(self) -> str:
        self.numbers += 1
        return hashlib.md5(str(self.numbers).encode()).hexdigest()

    def now(self) -> str:
        return self.ticks().strftime("%Y-%m-%d %H:%M:%S")

    def incident(self, number: str) -> dict[str, str]:
        return next(one for one in self.tables["incident"] if one["number"] == number)

    def add(self, **values: str) -> dict[str, str]:
        at, id_ = self.now(), self.id()
        row = {
            "sys_id": id_,
            "number": f"INC{self.numbers:07}",
            "state": "1",
            "active": "true",
            "impact": "3",
        }
        row |= {"urgency": "3", "sys_created_on": at, "sys_updated_on": at, "sys_mod_count": "0", **values}
        row["priority"] = str(int(row["impact"]) + int(row["urgency"]) - 1)
        self.tables["incident"].append(row)
        return row

    def change(self, row: dict[str, str], changes: dict[str, str], by: str) -> None:
        for element in ("comments", "work_notes"):
            if said := changes.pop(element, ""):
                entry = {"sys_id": self.id(), "element_id": row["sys_id"], "element": element, "value": said}
                self.tables["sys_journal_field"].append(
                    {**entry, "sys_created_by": by, "sys_created_on": self.now()}
                )
        wanted = {**row, **changes}
        if wanted["state"] in ("6", "7") and not (wanted.get("close_code") and wanted.get("close_notes")):
            told = (
                "Data Policy Exception: The following fields are mandatory: Resolution code, Resolution notes"
            )
            raise refusal(403, "Operation Failed", told)
        if wanted.get("close_code") not in (None, *CODES):
            raise refusal(403, "Operation Failed", "Data Policy Exception: close code")
        row.update(changes, sys_updated_on=self.now(), sys_mod_count=str(int(row["sys_mod_count"]) + 1))
        row["active"] = "false" if row["state"] in ("7", "8") else "true"

    # the interface -------------------------------------------------------------------------------------

    def _table(self, request: web.Request) -> str:
        name = request.match_info.get("table", "attachment")
        if name not in FIELDS:
            raise refusal(400, f"Invalid table {name}", "")
        return name

    async def listed(self, request: web.Request) -> web.Response:
        name = self._table(request)
        rows = [
            row
            for row in self.tables[name]
            if self._matches(name, row, request.query.get("sysparm_query", ""))
        ]
        start = int(request.query.get("sysparm_offset", 0))
        rows = rows[start : start + int(request.query.get("sysparm_limit", 10_000))]
        return web.json_response({"result": [self._shown(request, row) for row in rows]})

    def _shown(self, request: web.Request, row: dict[str, str]) -> dict[str, str]:
        names = request.query.get("sysparm_fields", "").split(",")
        return {name: row.get(name, "") for name in names} if names != [""] else row

    def _matches(self, table: str, row: dict[str, str], query: str) -> bool:
        for condition in query.split("^"):
            if not condition or condition.startswith("ORDERBY"):
                continue
            name = next(
                (one for one in sorted(FIELDS[table], key=len, reverse=True) if condition.startswith(one)),
                None,
            )
            if name is None:
                continue  # dropped without a word, as there
            rest, value = condition.removeprefix(name), row.get(name, "")
            if rest.startswith("="):
                wanted = value.lower() == rest[1:].lower()
            elif rest.startswith("IN"):
                wanted = value in rest[2:].split(",")
            elif rest.startswith("RELATIVEGT@minute@ago@"):
                minutes = int(rest.rpartition("@")[2])
                wanted = value > (self.ticks() - timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
            else:
                continue
            if not wanted:
                return False
        return True

    async def create(self, request: web.Request) -> web.Response:
        given = self._checked(await document(request))
        for name, table in (("assignment_group", "sys_user_group"), ("caller_id", "sys_user")):
            known = {one["sys_id"] for one in self.tables[table]}
            if given.get(name) and given[name] not in known:
                given[name] = ""  # a reference to nothing is stored as nothing
        row = self.add(**given)
        return web.json_response({"result": self._shown(request, row)}, status=201)

    def _checked(self, given: dict[str, Any]) -> dict[str, str]:
        wrong = [name for name, value in given.items() if not isinstance(value, str)]
        assert not wrong, f"values are texts: {wrong}"
        # A field that is not there is dropped; what is too long is cut.
        kept = {name: value for name, value in given.items() if name in FIELDS["incident"]}
        return {name: value[: LONGEST.get(name, 4000)] for name, value in kept.items()}

    async def update(self, request: web.Request) -> web.Response:
        for row in self.tables[self._table(request)]:
            if row["sys_id"] == request.match_info["id"]:
                self.change(row, self._checked(await document(request)), USER)
                return web.json_response({"result": self._shown(request, row)})
        raise refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")

    async def upload(self, request: web.Request) -> web.Response:
        query, content = request.query, await request.read()
        known = {row["sys_id"] for row in self.tables["incident"]}
        if (
            query.get("table_name") != "incident"
            or query.get("table_sys_id") not in known
            or not query.get("file_name")
        ):
            raise refusal(400, "Invalid record", "no such record")
        row = {"sys_id": self.id(), "size_bytes": str(len(content))}
        row |= {name: query[name] for name in ("table_name", "table_sys_id", "file_name")}
        self.tables["attachment"].append(row)
        self.files[row["sys_id"]] = content
        return web.json_response({"result": row}, status=201)

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != right:
            raise refusal(401, "User Not Authenticated", "Required to provide Auth information")
        return await handler(request)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeServiceNow"]:
        app = web.Application(middlewares=[self._authenticated], client_max_size=64 << 20)
        app.router.add_get("/api/now/table/{table}", self.listed)
        app.router.add_post("/api/now/table/{table}", self.create)
        app.router.add_patch("/api/now/table/{table}/{id}", self.update)
        app.router.add_get("/api/now/attachment", self.listed)
        app.router.add_post("/api/now/attachment/file", self.upload)
        async with serving(app) as self.url:
            yield self
