"""Jira after its published contract (REST 3 of the Cloud, REST 2 of the Data Center); no live system was asked.

Strict where the contract is: authentication, the document format (or a text), a summary without line breaks, labels
without spaces, transitions by id, ``no-check`` on attachments, a search in the Cloud that knows nothing before ``reindex``.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.far_ends.serving import Ticks, document, serving

USER, TOKEN = "tocsin@example.org", "jira-token-0123456789"
PROJECTS = {"SUP": "10000", "AUR": "10001"}
TYPES = ["Task", "Incident"]
PRIORITIES = ["Highest", "High", "Medium", "Low"]
NEW, DONE = {"key": "new", "id": 2}, {"key": "done", "id": 3}
STATUSES = {
    "To Do": {"name": "To Do", "statusCategory": NEW},
    "Done": {"name": "Done", "statusCategory": DONE},
    "Won't do": {"name": "Won't do", "statusCategory": DONE},
}
TRANSITIONS = {
    "To Do": [("11", "Start", "To Do"), ("31", "Finish", "Done"), ("41", "Decline", "Won't do")],
    "Done": [("51", "Reopen", "To Do")],
    "Won't do": [("51", "Reopen", "To Do")],
}
LONGEST = 32_767
NODES = {"doc", "paragraph", "text", "hardBreak", "mention", "emoji", "bulletList", "listItem", "codeBlock"}


def refusal(status: int, *messages: str, **errors: str) -> web.HTTPException:
    kinds = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
    }
    body = json.dumps({"errorMessages": list(messages), "errors": errors})
    return kinds[status](text=body, content_type="application/json")


def missing() -> web.HTTPException:
    return refusal(404, "Issue does not exist or you do not have permission to see it.")


@dataclass
class FakeJira:
    """One site. ``issues`` by number, as they are; ``indexed`` as the search knows them."""

    cloud: bool = True
    ticks: Ticks = field(default_factory=Ticks)
    url: str = ""
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    indexed: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROJECTS, 0))
    ids: int = 10_000

    def now(self) -> str:
        return self.ticks().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"

    def next(self) -> int:
        self.ids += 1
        return self.ids

    def reindex(self) -> None:
        """Let the search see what there is; in a Data Center it always does."""
        self.indexed = {number: json.loads(json.dumps(issue)) for number, issue in self.issues.items()}

    def add(self, into: str, **fields: Any) -> dict[str, Any]:
        self.numbers[into] += 1
        id_ = self.next()
        at = self.now()
        issue = {
            "id": str(id_),
            "key": f"{into}-{self.numbers[into]}",
            "fields": {
                "status": STATUSES["To Do"],
                "created": at,
                "updated": at,
                "attachment": [],
                "comment": [],
                "priority": {"name": "Medium"},
                **fields,
            },
        }
        self.issues[id_] = issue
        return issue

    def by_key(self, key: str) -> dict[str, Any]:
        for issue in self.issues.values():
            if issue["key"] == key:
                return issue
        raise missing()

    def say(self, key: str, body: Any, author: str, *, public: bool = True) -> dict[str, Any]:
        issue, at = self.by_key(key), self.now()
        comment = {
            "id": str(self.next()),
            "author": {"displayName": author},
            "body": body,
            "created": at,
            "updated": at,
            "jsdPublic": public,
        }
        issue["fields"]["comment"].append(comment)
        issue["fields"]["updated"] = at
        return comment

    def move(self, key: str, status: str) -> None:
        self.by_key(key)["fields"].update(status=STATUSES[status], updated=self.now())

    # what it insists on --------------------------------------------------------------------------------

    def _text(self, body: Any, name: str) -> None:
        if not self.cloud:
            if not isinstance(body, str) or not body:
                raise refusal(400, **{name: "Operation value must be a string"})
            too_long = len(body) > LONGEST
        else:
            self._adf(body, name, top=True)
            too_long = len(json.dumps(body, ensure_ascii=False)) > LONGEST
        if too_long:
            raise refusal(
                400,
                **{name: "The entered text is too long. It exceeds the allowed limit of 32,767 characters."},
            )

    def _adf(self, node: Any, name: str, *, top: bool = False) -> None:
        wrong = refusal(
            400, **{name: "Operation value must be an Atlassian Document (see the Atlassian Document Format)"}
        )
        if not isinstance(node, dict) or node.get("type") not in NODES or (node["type"] == "doc") != top:
            raise wrong
        if top and node.get("version") != 1:
            raise wrong
        if node["type"] == "text" and not (isinstance(node.get("text"), str) and node["text"]):
            raise wrong
        for child in node.get("content", []):
            self._adf(child, name)

    async def create(self, request: web.Request) -> web.Response:
        fields = (await document(request)).get("fields") or {}
        if (fields.get("project") or {}).get("key") not in PROJECTS:
            raise refusal(400, project="valid project is required")
        if (fields.get("issuetype") or {}).get("name") not in TYPES:
            raise refusal(400, issuetype="Specify a valid issue type")
        summary = fields.get("summary") or ""
        if not summary.strip() or "\n" in summary or "\r" in summary or len(summary) > 255:
            raise refusal(
                400,
                summary="You must specify a summary of the issue, on one line, of at most 255 characters.",
            )
        if any(" " in label or len(label) > 255 for label in fields.get("labels", [])):
            raise refusal(400, labels="The label contains spaces which is invalid.")
        if (fields.get("priority") or {"name": "Low"})["name"] not in PRIORITIES:
            raise refusal(400, priority="The priority selected is invalid.")
        self._text(fields.get("description"), "description")
        unknown = set(fields) - {"project", "issuetype", "summary", "labels", "priority", "description"}
        if unknown:
            raise refusal(
                400, **dict.fromkeys(unknown, "Field cannot be set. It is not on the appropriate screen.")
            )
        issue = self.add(fields["project"]["key"], **fields)
        self_ = f"{self.url}/rest/api/3/issue/{issue['id']}"
        return web.json_response({"id": issue["id"], "key": issue["key"], "self": self_}, status=201)

    def _shown(self, issue: dict[str, Any], wanted: str) -> dict[str, Any]:
        names = [name for name in wanted.split(",") if name]
        fields = {name: issue["fields"].get(name) for name in names} if names else issue["fields"]
        return {"id": issue["id"], "key": issue["key"], "fields": fields}

    async def show(self, request: web.Request) -> web.Response:
        issue = self.by_key(request.match_info["key"])
        return web.json_response(self._shown(issue, request.query.get("fields", "")))

    async def comment(self, request: web.Request) -> web.Response:
        key, body = request.match_info["key"], (await document(request)).get("body")
        self.by_key(key)
        self._text(body, "comment")
        return web.json_response(self.say(key, body, "Tocsin"), status=201)

    async def comments(self, request: web.Request) -> web.Response:
        found = self.by_key(request.match_info["key"])["fields"]["comment"]
        return self._page(request, "comments", found)

    def _page(self, request: web.Request, name: str, found: list[Any]) -> web.Response:
        start, most = int(request.query.get("startAt", 0)), min(int(request.query.get("maxResults", 50)), 100)
        page = {"startAt": start, "maxResults": most, "total": len(found), name: found[start : start + most]}
        return web.json_response(page)

    async def transitions(self, request: web.Request) -> web.Response:
        status = self.by_key(request.match_info["key"])["fields"]["status"]["name"]
        found = [{"id": id_, "name": name, "to": STATUSES[to]} for id_, name, to in TRANSITIONS[status]]
        return web.json_response({"transitions": found})

    async def transition(self, request: web.Request) -> web.Response:
        key, wanted = request.match_info["key"], (await document(request)).get("transition") or {}
        for id_, _, to in TRANSITIONS[self.by_key(key)["fields"]["status"]["name"]]:
            if id_ == wanted.get("id"):
                self.move(key, to)
                return web.Response(status=204)
        raise refusal(
            400, f"It seems that you have tried to perform a workflow operation ({wanted}) that is not valid"
        )

    async def attach(self, request: web.Request) -> web.Response:
        issue = self.by_key(request.match_info["key"])
        if request.headers.get("X-Atlassian-Token") != "no-check":
            raise web.HTTPForbidden(text="XSRF check failed")
        made = []
        async for field_ in await request.multipart():
            if field_.name != "file" or not field_.filename:
                raise refusal(400, "no file")
            content = bytes(await field_.read())
            id_ = str(self.next())
            self.files[id_] = content
            made.append({"id": id_, "filename": field_.filename, "size": len(content)})
        issue["fields"]["attachment"] += made
        issue["fields"]["updated"] = self.now()
        return web.json_response(made)

    async def search(self, request: web.Request) -> web.Response:
        if not self.cloud:
            self.reindex()
        found = self._matching(request.query["jql"])
        wanted = request.query.get("fields", "id")
        if not self.cloud:
            return self._page(request, "issues", [self._shown(issue, wanted) for issue in found])
        start = int(request.query.get("nextPageToken", "t0")[1:])
        most = min(int(request.query.get("maxResults", 50)), 100)
        further = {"nextPageToken": f"t{start + most}"} if start + most < len(found) else {"isLast": True}
        shown = [self._shown(issue, wanted) for issue in found[start : start + most]]
        return web.json_response({"issues": shown, **further})

    def _matching(self, jql: str) -> list[dict[str, Any]]:
        issues = sorted(self.indexed.values(), key=lambda issue: int(issue["id"]))
        if by := re.fullmatch(r'labels = "([^"\\]*)" ORDER BY created ASC', jql):
            return [
                one for one in issues if by[1].lower() in [label.lower() for label in one["fields"]["labels"]]
            ]
        if by := re.fullmatch(r'project = "(\w+)" ORDER BY created DESC', jql):
            if by[1] not in PROJECTS:
                raise refusal(400, f"The value '{by[1]}' does not exist for the field 'project'.")
            return [one for one in reversed(issues) if one["key"].startswith(f"{by[1]}-")]
        if by := re.fullmatch(r"labels = tocsin AND updated >= -(\d+)m", jql):
            since = (self.ticks() - timedelta(minutes=int(by[1]))).isoformat()
            return [
                one
                for one in issues
                if "tocsin" in one["fields"]["labels"] and one["fields"]["updated"] >= since
            ]
        raise refusal(400, f"Error in the JQL Query: {jql}")

    async def bulk(self, request: web.Request) -> web.Response:
        given = await document(request)
        keys = given["issueIdsOrKeys"]
        if len(keys) > 100:
            raise refusal(400, "at most 100 issues can be fetched")
        found = [issue for issue in self.issues.values() if issue["key"] in keys]
        known = {issue["key"] for issue in found}
        errors = [{"id": key, "errorMessage": "not found"} for key in keys if key not in known]
        shown = [self._shown(issue, ",".join(given["fields"])) for issue in found]
        return web.json_response({"issues": shown, "issueErrors": errors})

    async def project(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if key not in PROJECTS:
            raise refusal(404, f"No project could be found with key '{key}'.")
        return web.json_response(
            {"id": PROJECTS[key], "key": key, "issueTypes": [{"name": name} for name in TYPES]}
        )

    async def permissions(self, request: web.Request) -> web.Response:
        names = request.query["permissions"].split(",")
        return web.json_response(
            {"permissions": {name: {"key": name, "havePermission": True} for name in names}}
        )

    async def myself(self, request: web.Request) -> web.Response:
        return web.json_response({"displayName": "Tocsin", "accountId": "5b10"})

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        basic = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != (basic if self.cloud else f"Bearer {TOKEN}"):
            raise web.HTTPUnauthorized(text="Client must be authenticated to access this resource.")
        return await handler(request)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeJira"]:
        app = web.Application(middlewares=[self._authenticated], client_max_size=64 << 20)
        base = f"/rest/api/{3 if self.cloud else 2}"
        app.router.add_post(f"{base}/issue", self.create)
        if self.cloud:
            app.router.add_post(f"{base}/issue/bulkfetch", self.bulk)
        app.router.add_get(f"{base}/issue/{{key}}", self.show)
        app.router.add_post(f"{base}/issue/{{key}}/comment", self.comment)
        app.router.add_get(f"{base}/issue/{{key}}/comment", self.comments)
        app.router.add_get(f"{base}/issue/{{key}}/transitions", self.transitions)
        app.router.add_post(f"{base}/issue/{{key}}/transitions", self.transition)
        app.router.add_post(f"{base}/issue/{{key}}/attachments", self.attach)
        app.router.add_get(f"{base}/search/jql" if self.cloud else f"{base}/search", self.search)
        app.router.add_get(f"{base}/project/{{key}}", self.project)
        app.router.add_get(f"{base}/mypermissions", self.permissions)
        app.router.add_get(f"{base}/myself", self.myself)
        async with serving(app) as self.url:
            yield self
