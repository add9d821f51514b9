"""Zammad after its published contract and its source (``ticket/search``, ``tickets_controller``); none was run.

Strict where these are: authentication, names that must be known, tags as one text, a customer (or ``guess:``), conditions
answered by the database, articles with a body, pages of at most 200.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.far_ends.serving import Ticks, document, serving

TOKEN = "zammad-token-0123456789"
US, NINA = 3, 4
GROUPS = {"Support": ["full"], "Aurora": ["create", "change", "read"], "Secret": ["read"]}
STATES = {"new", "open", "pending reminder", "closed", "merged"}
PRIORITIES = {"1 low", "2 normal", "3 high"}


def refusal(status: int, error: str) -> web.HTTPException:
    kinds = {401: web.HTTPUnauthorized, 403: web.HTTPForbidden, 404: web.HTTPNotFound}
    kind = kinds.get(status, web.HTTPUnprocessableEntity)
    return kind(text=json.dumps({"error": error, "error_human": error}), content_type="application/json")


def known(name: str, value: Any, among: Any) -> None:
    if value not in among:
        raise refusal(422, f"No lookup value found for '{name}': {json.dumps(value)}")


@dataclass
class FakeZammad:
    """One installation: tickets as the interface shows them expanded, articles and tags by ticket."""

    ticks: Ticks = field(default_factory=Ticks)
    url: str = ""
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    articles: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    tags: dict[int, list[str]] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    numbers: int = 10

    def now(self) -> str:
        return self.ticks().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def next(self) -> int:
        self.numbers += 1
        return self.numbers

    def touch(self, id_: int, **changes: Any) -> None:
        self.tickets[id_].update(changes, updated_at=self.now())

    def add(self, title: str, tags: list[str], **values: Any) -> int:
        id_, at = self.next(), self.now()
        ticket = {"id": id_, "number": f"31{id_:03}", "title": title, "state": "new", "priority": "2 normal"}
        self.tickets[id_] = {**ticket, "created_at": at, "updated_at": at, "group": "Support", **values}
        self.articles[id_], self.tags[id_] = [], tags
        return id_

    def say(self, id_: int, article: dict[str, Any], by: str) -> dict[str, Any]:
        """Write an article, as whoever it is."""
        if not str(article.get("body") or "").strip():
            raise refusal(422, "Need at least an 'article body' field.")
        if article.get("type", "note") not in {"note", "web", "phone", "email"}:
            raise refusal(422, f"No lookup value found for 'type': {json.dumps(article['type'])}")
        made = []
        for given in article.get("attachments") or ():
            content = base64.b64decode(given["data"], validate=True)
            file = self.next()
            self.files[file] = content
            # The size is a text, as there.
            made.append({"id": file, "filename": given["filename"], "size": str(len(content))})
        kept = {name: article.get(name) for name in ("body", "content_type", "type", "sender")}
        entry = {"id": self.next(), "ticket_id": id_, **kept, "internal": bool(article.get("internal"))}
        entry |= {"from": by, "created_by": by, "created_at": self.now(), "attachments": made}
        self.articles[id_].append(entry)
        self.touch(id_)
        return entry

    # the interface -------------------------------------------------------------------------------------

    def _ticket(self, request: web.Request) -> dict[str, Any]:
        id_ = int(request.match_info["id"])
        if id_ not in self.tickets:
            raise refusal(404, f"Couldn't find Ticket with 'id'={id_}")
        return self.tickets[id_]

    def _expanded(self, request: web.Request, ticket: dict[str, Any], status: int = 200) -> web.Response:
        assert request.query.get("expand") == "true", "names are shown only when asked for"
        return web.json_response(ticket, status=status)

    async def create(self, request: web.Request) -> web.Response:
        given = await document(request)
        known("group", given.get("group"), GROUPS)
        known("priority", given.get("priority", "2 normal"), PRIORITIES)
        if "create" not in GROUPS[given["group"]] and "full" not in GROUPS[given["group"]]:
            raise refusal(403, "Not authorized")
        if not given.get("title") or len(given["title"]) > 250:
            raise refusal(422, "Missing required value for field 'title'!")
        customer = given.get("customer_id")
        if isinstance(customer, str) and customer.startswith("guess:"):
            if "@" not in customer or " " in customer:
                raise refusal(422, f"Invalid email '{customer.removeprefix('guess:')}' of customer")
        elif customer not in (US, NINA):
            raise refusal(422, "Missing required value for field 'customer_id'!")
        tags = [tag.strip() for tag in given.get("tags", "").split(",") if tag.strip()]
        values = {name: given[name] for name in ("group", "priority") if name in given}
        id_ = self.add(given["title"], tags, **values)
        self.say(id_, given["article"], "Tocsin")
        return self._expanded(request, self.tickets[id_], 201)

    async def show(self, request: web.Request) -> web.Response:
        return self._expanded(request, self._ticket(request))

    async def update(self, request: web.Request) -> web.Response:
        ticket, given = self._ticket(request), await document(request)
        known("state", given.get("state", "open"), STATES)
        if given.get("article"):
            self.say(ticket["id"], given["article"], "Tocsin")
        self.touch(ticket["id"], **({"state": given["state"]} if "state" in given else {}))
        return self._expanded(request, ticket)

    async def article(self, request: web.Request) -> web.Response:
        given = await document(request)
        if given.get("ticket_id") not in self.tickets:
            raise refusal(404, "Couldn't find Ticket")
        return web.json_response(self.say(given["ticket_id"], given, "Tocsin"), status=201)

    async def by_ticket(self, request: web.Request) -> web.Response:
        return web.json_response(self.articles[self._ticket(request)["id"]])

    async def search(self, request: web.Request) -> web.Response:
        given = await document(request)
        assert given.get("expand") is True
        found = [one for one in self.tickets.values() if self._matches(one, given["condition"])]
        size, page = min(given.get("per_page", 50), 200), given.get("page", 1)
        return web.json_response(found[(page - 1) * size : page * size])

    def _matches(self, ticket: dict[str, Any], condition: dict[str, Any]) -> bool:
        for name, test in condition.items():
            if name == "ticket.tags" and test["operator"] == "contains all":
                wanted = [tag.strip().lower() for tag in test["value"].split(",")]
                if not set(wanted) <= {tag.lower() for tag in self.tags[ticket["id"]]}:
                    return False
            elif name == "ticket.updated_at" and test["operator"] == "within last (relative)":
                assert test["range"] == "minute"
                since = self.ticks() - timedelta(minutes=int(test["value"]))
                if ticket["updated_at"] < since.strftime("%Y-%m-%dT%H:%M:%S"):
                    return False
            else:
                raise refusal(422, f"Invalid condition {name}")
        return True

    async def tagged(self, request: web.Request) -> web.Response:
        assert request.query["object"] == "Ticket"
        return web.json_response({"tags": self.tags[int(request.query["o_id"])]})

    async def me(self, request: web.Request) -> web.Response:
        expanded = {"groups": GROUPS} if request.query.get("expand") == "true" else {}
        return web.json_response({"id": US, "login": "tocsin@example.org", **expanded})

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Token token={TOKEN}":
            raise refusal(401, "Authentication required")
        return await handler(request)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeZammad"]:
        app = web.Application(middlewares=[self._authenticated], client_max_size=64 << 20)
        app.router.add_post("/api/v1/tickets", self.create)
        app.router.add_post("/api/v1/tickets/search", self.search)
        app.router.add_get("/api/v1/tickets/{id:\\d+}", self.show)
        app.router.add_put("/api/v1/tickets/{id:\\d+}", self.update)
        app.router.add_post("/api/v1/ticket_articles", self.article)
        app.router.add_get("/api/v1/ticket_articles/by_ticket/{id:\\d+}", self.by_ticket)
        app.router.add_get("/api/v1/tags", self.tagged)
        app.router.add_get("/api/v1/users/me", self.me)
        async with serving(app) as self.url:
            yield self
