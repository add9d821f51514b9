"""Zendesk Support after its published contract (developer.zendesk.com, Ticketing API v2); no live system was asked.

Strict where the contract is: authentication, statuses, safe updates, idempotency keys, external ids, archived tickets
that no list shows, a search index that lags until ``reindex``, pages of at most 100.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.far_ends.serving import Ticks, document, serving

USER, TOKEN = "tocsin@example.org", "zendesk-token-0123456789"
OURS, NINA, CUSTOMER = 7, 8, 900
GROUPS = {"Support": 31, "Aurora": 32}
PRIORITIES = {"urgent", "high", "normal", "low"}
STATUSES = {"new", "open", "pending", "hold", "solved", "closed"}
LONGEST = 65_535
KNOWN = web.RequestKey("known", bool)


def refusal(status: int, error: str, description: str, **details: Any) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 404: web.HTTPNotFound, 409: web.HTTPConflict}
    kind = kinds.get(status, web.HTTPUnprocessableEntity)
    body = {"error": error, "description": description, **({"details": details} if details else {})}
    return kind(text=json.dumps(body), content_type="application/json")


def invalid(name: str, told: str) -> web.HTTPException:
    said = [{"description": f"{name.capitalize()}: {told}"}]
    return refusal(422, "RecordInvalid", "Record validation errors", **{name: said})


@dataclass
class FakeZendesk:
    """One account. ``tickets`` are as the interface shows them; ``comments`` by ticket."""

    ticks: Ticks = field(default_factory=Ticks)
    url: str = ""
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    archived: set[int] = field(default_factory=set)
    indexed: dict[int, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)
    users: dict[int, str] = field(default_factory=lambda: {OURS: "Tocsin", NINA: "Nina Noc"})
    numbers: int = 100

    def next(self) -> int:
        self.numbers += 1
        return self.numbers

    def now(self) -> str:
        return self.ticks().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def reindex(self) -> None:
        """Let the search see what there is."""
        self.indexed = {number: dict(ticket) for number, ticket in self.tickets.items()}

    def touch(self, number: int, **changes: Any) -> None:
        self.tickets[number].update(changes, updated_at=self.now())

    def say(self, number: int, body: str, *, author: int, public: bool, uploads: list[str] = ()) -> None:
        """Write a comment, as whoever it is."""
        attachments = []
        for token in uploads:
            if token not in self.uploads:
                raise invalid("base", "upload token is invalid")
            name, kind, content = self.uploads.pop(token)
            id_ = self.next()
            self.files[id_] = content
            attachments.append({"id": id_, "file_name": name, "content_type": kind, "size": len(content)})
        self.comments[number].append(
            {
                "id": self.next(),
                "type": "Comment",
                "author_id": author,
                "body": body,
                "html_body": f'<div class="zd-comment">{body}</div>',
                "plain_body": body,
                "public": public,
                "attachments": attachments,
                "created_at": self.now(),
            }
        )
        self.touch(number)

    # the interface -------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        given = (await document(request)).get("ticket")
        key, whole = request.headers.get("Idempotency-Key", ""), json.dumps(given, sort_keys=True)
        if len(key) > 255:
            raise refusal(400, "IdempotentRequestError", "key too long")
        if key in self.keys:
            before, number = self.keys[key]
            if before != whole:
                raise refusal(
                    400, "IdempotentRequestError", "Request parameters don't match the given idempotency key"
                )
            hit = {"x-idempotency-lookup": "hit"}
            return web.json_response({"ticket": self.tickets[number]}, status=201, headers=hit)
        ticket = self._checked(given)
        number = self.next()
        self.tickets[number] = {
            "id": number,
            "status": "new",
            "assignee_id": None,
            "created_at": self.now(),
            **ticket,
        }
        self.comments[number] = []
        comment = given["comment"]
        self.say(number, comment["body"], author=ticket["requester_id"], public=comment.get("public", True))
        if key:
            self.keys[key] = (whole, number)
        location = {"Location": f"{self.url}/api/v2/tickets/{number}.json", "x-idempotency-lookup": "miss"}
        return web.json_response({"ticket": self.tickets[number], "audit": {}}, status=201, headers=location)

    def _checked(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise refusal(400, "BadRequest", "ticket is missing")
        comment = given.get("comment")
        if not isinstance(comment, dict) or not str(comment.get("body") or "").strip():
            raise invalid("base", "Description: cannot be blank")
        self._check_values(given)
        if not 0 < len(given.get("external_id") or "") <= 255:
            raise invalid("external_id", "is too long")
        requester = given.get("requester")
        if requester is not None and not (requester.get("name") and "@" in requester.get("email", "")):
            raise invalid("requester", "Name: is too short")
        kept = ("external_id", "subject", "priority", "tags", "type", "group_id")
        ticket = {name: given.get(name) for name in kept}
        if requester:
            self.users[CUSTOMER] = requester["name"]
        ticket["requester_id"] = CUSTOMER if requester else OURS
        return ticket

    def _check_values(self, given: dict[str, Any]) -> None:
        if given.get("priority") not in {None, *PRIORITIES}:
            raise invalid("priority", f"{given['priority']} is not a valid priority")
        if given.get("status") not in {None, *STATUSES}:
            raise invalid("status", "is not valid")
        if given.get("group_id") not in {None, *GROUPS.values()}:
            raise invalid("group", f"Group: {given['group_id']} is invalid")
        if len((given.get("comment") or {}).get("body") or "") > LONGEST:
            raise invalid("base", "Comment: is too long (maximum is 65535 characters)")

    async def update(self, request: web.Request) -> web.Response:
        ticket, given = self._ticket(request), (await document(request)).get("ticket") or {}
        if ticket["status"] == "closed":
            raise invalid("status", "closed prevents ticket update")
        if given.get("safe_update") and given.get("updated_stamp") != ticket["updated_at"]:
            told = "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data"
            raise refusal(409, "UpdateConflict", told)
        self._check_values(given)
        assignee = given.get("assignee_id", ticket["assignee_id"])
        if given.get("status") == "solved" and not assignee:
            raise invalid("base", "Assignee: is required when solving a ticket")
        changes = {
            name: given[name] for name in ("status", "assignee_id", "priority", "tags") if name in given
        }
        self.touch(ticket["id"], **changes)
        if comment := given.get("comment"):
            uploads = comment.get("uploads") or []
            self.say(
                ticket["id"],
                comment["body"],
                author=OURS,
                public=comment.get("public", True),
                uploads=uploads,
            )
        return web.json_response({"ticket": ticket, "audit": {}})

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response({"ticket": self._ticket(request)})

    def _ticket(self, request: web.Request) -> dict[str, Any]:
        found = self.tickets.get(int(request.match_info["number"]))
        if found is None:
            raise refusal(404, "RecordNotFound", "Not found")
        return found

    async def listed(self, request: web.Request) -> web.Response:
        wanted = request.query.get("external_id")
        # A comma separates several ids; archived tickets are in no list. Upper and lower case may be one to it.
        among = None if wanted is None else wanted.lower().split(",")
        found = [
            ticket
            for number, ticket in sorted(self.tickets.items())
            if number not in self.archived and (among is None or ticket["external_id"].lower() in among)
        ]
        return self._page(request, "tickets", found)

    async def search(self, request: web.Request) -> web.Response:
        """Search what the index has: ``type:ticket`` with an external id, or with tags and a moment."""
        query = request.query["query"]
        if not query.startswith("type:ticket "):
            raise refusal(422, "invalid", "Invalid search: type")
        tests: list[Callable[[dict[str, Any]], bool]] = []
        for word in query.removeprefix("type:ticket ").split(" "):
            if word.startswith('external_id:"'):
                wanted = word.removeprefix("external_id:").strip('"').lower()
                tests.append(lambda ticket, wanted=wanted: ticket["external_id"].lower() == wanted)
            elif word.startswith("tags:"):
                tests.append(lambda ticket, word=word: word.removeprefix("tags:") in (ticket["tags"] or ()))
            elif word.startswith("updated>="):
                tests.append(lambda ticket, word=word: ticket["updated_at"] >= word.removeprefix("updated>="))
            else:
                raise refusal(422, "invalid", f"Invalid search: {word}")
        found = [one for _, one in sorted(self.indexed.items()) if all(test(one) for test in tests)]
        return self._page(request, "results", found)

    async def commented(self, request: web.Request) -> web.Response:
        if request.query.get("sort_order", "asc") != "asc":
            raise refusal(400, "BadRequest", "sort_order")
        comments = self.comments[self._ticket(request)["id"]]
        return self._page(request, "comments", comments)

    async def many_users(self, request: web.Request) -> web.Response:
        wanted = request.query["ids"].split(",")
        if len(wanted) > 100:
            raise refusal(400, "TooManyIds", "at most 100")
        users = [{"id": id_, "name": name} for id_, name in self.users.items() if str(id_) in wanted]
        return web.json_response({"users": users})

    def _page(self, request: web.Request, name: str, found: list[Any]) -> web.Response:
        size, page = min(int(request.query.get("per_page", 100)), 100), int(request.query.get("page", 1))
        part = found[(page - 1) * size : page * size]
        further = f"{self.url}{request.path}?page={page + 1}" if page * size < len(found) else None
        return web.json_response({name: part, "count": len(found), "next_page": further})

    async def upload(self, request: web.Request) -> web.Response:
        name, content = request.query.get("filename", ""), await request.read()
        if not name or not content or not request.headers.get("Content-Type"):
            raise refusal(400, "AttachmentUnprocessable", "Attachment is unprocessable")
        token = hashlib.sha256(f"{self.next()}".encode()).hexdigest()[:24]
        self.uploads[token] = (name, request.content_type, content)
        return web.json_response({"upload": {"token": token, "attachment": {"file_name": name}}}, status=201)

    async def me(self, request: web.Request) -> web.Response:
        known = request[KNOWN]
        user = (
            {"id": OURS, "email": USER, "role": "agent"} if known else {"id": None, "name": "Anonymous user"}
        )
        return web.json_response({"user": user})

    async def groups(self, request: web.Request) -> web.Response:
        return self._page(request, "groups", [{"id": id_, "name": name} for name, id_ in GROUPS.items()])

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        right = base64.b64encode(f"{USER}/token:{TOKEN}".encode()).decode()
        offered = request.headers.get("Authorization")
        request[KNOWN] = offered == f"Basic {right}"
        # Without credentials, "me" answers as nobody; with wrong ones nothing does.
        if not request[KNOWN] and not (offered is None and request.path.endswith("/users/me.json")):
            raise web.HTTPUnauthorized(
                text='{"error":"Couldn\'t authenticate you"}', content_type="application/json"
            )
        return await handler(request)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeZendesk"]:
        app = web.Application(middlewares=[self._authenticated], client_max_size=64 << 20)
        app.router.add_post("/api/v2/tickets.json", self.create)
        app.router.add_get("/api/v2/tickets.json", self.listed)
        app.router.add_get("/api/v2/tickets/{number:\\d+}.json", self.show)
        app.router.add_put("/api/v2/tickets/{number:\\d+}.json", self.update)
        app.router.add_get("/api/v2/tickets/{number:\\d+}/comments.json", self.commented)
        app.router.add_get("/api/v2/search.json", self.search)
        app.router.add_post("/api/v2/uploads.json", self.upload)
        app.router.add_get("/api/v2/users/me.json", self.me)
        app.router.add_get("/api/v2/users/show_many.json", self.many_users)
        app.router.add_get("/api/v2/groups.json", self.groups)
        async with serving(app) as self.url:
            yield self
