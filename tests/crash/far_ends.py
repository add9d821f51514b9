"""The far ends of the kill harness: a ticket system and a telephone provider that outlive the service.

They live in the test's process, keep a log of every effect (the oracle), speak the real interfaces (Request
Tracker's REST 2, Twilio's), and go wrong in the way they are told for their first so many writes.
"""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.far_ends.twilio import Device, FakeTwilio, Fault, PlacedCall

ATTEMPT = re.compile(r"/calls/twilio/([^/]+)/status")
TAG = re.compile(r"\[#(inc_[0-9a-z]+)\]")


class Mode(StrEnum):
    """How a provider behaves at the first write; after that it is well again."""

    OK = "ok"
    ERROR_BEFORE = "500, and nothing was done"
    DROPPED_AFTER = "it was done, and the connection broke before the answer"


@dataclass
class Ticket:
    """A ticket as the far end knows it."""

    id: int
    incident: str
    subject: str
    status: str = "new"
    notes: list[str] = field(default_factory=list)
    version: int = 1  # Request Tracker's ETag is the ticket's last transaction

    def document(self) -> dict[str, object]:
        fields = [{"name": "Tocsin incident", "values": [self.incident]}]
        return {"id": self.id, "Subject": self.subject, "Status": self.status, "CustomFields": fields}


class FakeTracker:
    """Request Tracker's REST 2 interface, as far as we use it."""

    def __init__(self, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        self.tickets: list[Ticket] = []
        self._mode, self._wrong = mode, wrong
        app = web.Application()
        app.router.add_get("/REST/2.0/tickets", self._search)
        app.router.add_post("/REST/2.0/ticket", self._open)
        app.router.add_get("/REST/2.0/ticket/{id}", self._read)
        app.router.add_put("/REST/2.0/ticket/{id}", self._change)
        app.router.add_post("/REST/2.0/ticket/{id}/correspond", self._correspond)
        app.router.add_get("/REST/2.0/transactions", self._transactions)
        app.router.add_post("/REST/2.0/attachments", self._attachments)
        self._server = TestServer(app, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _search(self, request: web.Request) -> web.Response:
        found = TAG.findall(request.query["query"])
        items = [ticket.document() for ticket in self.tickets if ticket.incident in found]
        return web.json_response({"items": items, "count": len(items)})

    async def _open(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (refused := self._goes_wrong_before()) is not None:
            return refused
        (incident,) = TAG.findall(body["Subject"])
        assert body["CustomFields"] == {"Tocsin incident": incident}
        made = Ticket(id=len(self.tickets) + 1, incident=incident, subject=body["Subject"])
        self.tickets.append(made)
        self._goes_wrong_after(request)
        return web.json_response({"id": made.id, "type": "ticket"}, status=201)

    async def _read(self, request: web.Request) -> web.Response:
        ticket = self._ticket(request)
        return web.json_response(ticket.document(), headers={"ETag": f'"{ticket.version}"'})

    async def _change(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (refused := self._goes_wrong_before()) is not None:
            return refused
        ticket = self._ticket(request)
        if request.headers.get("If-Match", f'"{ticket.version}"') != f'"{ticket.version}"':
            return web.json_response({"message": "Precondition Failed"}, status=412)
        ticket.status, ticket.version = body["Status"], ticket.version + 1
        self._goes_wrong_after(request)
        return web.json_response([f"Ticket {ticket.id}: Status changed"])

    async def _transactions(self, request: web.Request) -> web.Response:
        (number,) = re.findall(r"TicketId = (\d+)", request.query["query"])
        notes = self.tickets[int(number) - 1].notes
        items = [
            {"id": f"{number}{place:03d}", "Type": "Correspond", "Creator": {"id": "root", "Name": "root"}}
            for place in range(len(notes))
        ]
        return web.json_response({"items": items[::-1], "pages": 1})

    async def _attachments(self, request: web.Request) -> web.Response:
        (among,) = await request.json()
        items = []
        for wanted in among["value"]:
            note = self.tickets[int(wanted[:-3]) - 1].notes[int(wanted[-3:])]
            part = {"id": wanted, "TransactionId": wanted, "ContentType": "text/plain", "Filename": ""}
            items.append({**part, "ContentLength": str(len(note.encode())), "Content": note})
        return web.json_response({"items": items, "pages": 1})

    async def _correspond(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (refused := self._goes_wrong_before()) is not None:
            return refused
        ticket = self._ticket(request)
        ticket.notes.append(body["Content"])
        ticket.status, ticket.version = body.get("Status", "open"), ticket.version + 1
        self._goes_wrong_after(request)
        return web.json_response(["ok"], status=201)

    def _ticket(self, request: web.Request) -> Ticket:
        return self.tickets[int(request.match_info["id"]) - 1]

    def _goes_wrong_before(self) -> web.Response | None:
        if self._mode is Mode.ERROR_BEFORE and self._wrong > 0:
            self._wrong -= 1
            return web.Response(status=500, text="no database")
        return None

    def _goes_wrong_after(self, request: web.Request) -> None:
        if self._mode is Mode.DROPPED_AFTER and self._wrong > 0:
            self._wrong -= 1
            assert request.transport is not None
            request.transport.abort()


class Provider(FakeTwilio):
    """The provider, whose callbacks may find nobody at home, and whose clock is the one that is moved."""

    def __init__(self, clock_file: Path, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        super().__init__()
        self._clock_file, self._mode, self._wrong = clock_file, mode, wrong

    async def _create(self, request: web.Request) -> web.StreamResponse:
        goes_wrong = self._mode is not Mode.OK and self._wrong > 0
        self._wrong -= goes_wrong
        self.fault = Fault.NONE
        if goes_wrong:
            self.fault = Fault.ERROR_BEFORE if self._mode is Mode.ERROR_BEFORE else Fault.DROPPED_AFTER
        return await super()._create(request)

    def _spawn(self, call: PlacedCall) -> None:
        call.created = datetime.fromisoformat(self._clock_file.read_text())
        super()._spawn(call)

    async def _post(self, call: PlacedCall, url: str, form: list[tuple[str, str]]) -> int:
        try:
            async with asyncio.timeout(5):
                return await super()._post(call, url, form)
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.answers.append((url, 502, "<Response/>"))
            return 502

    def attempts(self) -> list[str]:
        """Return our own id of every call that was placed, one per call."""
        return [ATTEMPT.findall(call.get("StatusCallback"))[0] for call in self.calls]


__all__ = ["Device", "FakeTracker", "Mode", "Provider", "Ticket", "format_datetime"]
