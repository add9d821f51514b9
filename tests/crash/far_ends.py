"""The far ends of the kill harness: ticket systems, a telephone provider and a mail server that outlive the service.

They live in the test's process, keep a log of every effect (the oracle), speak the real interfaces (Request
Tracker's REST 2, Twilio's, SMTP), and go wrong in the way they are told for their first so many writes.
"""

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from enum import StrEnum
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP

from tests.far_ends.twilio import Device, FakeTwilio, Fault, PlacedCall

ATTEMPT = re.compile(r"/calls/twilio/([^/]+)/status")
TAG = re.compile(r"\[#([a-z]{3}_[0-9a-zA-Z_.-]+)\]")
PATIENCE = 0.25
"""How long, in real seconds, the service waits for a far end of the harness (in life it is 15 to 20)."""
SILENCE = 2 * PATIENCE


class Mode(StrEnum):
    """What comes of a write to a far end."""

    OK = "it is done, and we are told"
    REFUSED = "it is refused for good (4xx, 5yz), and nothing was done"
    REFUSED_FOR_NOW = "it is refused for now (429, 4yz), and nothing was done"
    ERROR_BEFORE = "500 (or the like), and nothing was done"
    UNREACHABLE = "the connection breaks before anything was done"
    SILENT_BEFORE = "no answer ever comes, and nothing was done"
    DROPPED_AFTER = "it was done, and the connection broke before the answer"
    ERROR_AFTER = "it was done, and the answer is 500"
    UNREADABLE = "it was done, and the answer cannot be read"
    SILENT_AFTER = "it was done, and no answer ever comes"


class Callbacks(StrEnum):
    """What becomes of the provider's callbacks."""

    OK = "as it happens"
    DOUBLED = "each twice"
    REVERSED = "all at the end, the last first"
    LATE = "all at the end"
    NEVER = "none of the calls to the first contact arrives, keys neither"


class Lookups(StrEnum):
    """What the provider says when it is asked what became of a call."""

    OK = "the truth"
    DOWN_TWICE = "500, twice; then the truth"
    DOWN = "500, always"


DEVICES = {
    "presses 1": Device(),
    "busy": Device(ends="busy", sip_code="486"),
    "no answer": Device(ends="no-answer"),
    "refuses": Device(ends="busy", sip_code="603"),
    "hands on": Device(presses="2"),
    "says nothing": Device(presses=""),
}
FIRST = "+390461234567"
"""The number of the partner's first contact, whose phone is as the cycle says; all others press 1."""


@dataclass
class Ticket:
    """A ticket as the far end knows it."""

    id: int
    incident: str
    subject: str
    status: str = "new"
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    version: int = 1  # Request Tracker's ETag is the ticket's last transaction

    def document(self) -> dict[str, object]:
        fields = [{"name": "Tocsin incident", "values": [self.incident]}]
        return {"id": self.id, "Subject": self.subject, "Status": self.status, "CustomFields": fields}


class FakeTracker:
    """Request Tracker's REST 2 interface, as far as we use it."""

    def __init__(self, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        self.reset(mode, wrong=wrong)
        app = web.Application()
        app.router.add_get("/REST/2.0/tickets", self._search)
        app.router.add_post("/REST/2.0/ticket", self._open)
        app.router.add_get("/REST/2.0/ticket/{id}", self._read)
        app.router.add_put("/REST/2.0/ticket/{id}", self._change)
        app.router.add_post("/REST/2.0/ticket/{id}/correspond", self._correspond)
        app.router.add_get("/REST/2.0/transactions", self._transactions)
        app.router.add_post("/REST/2.0/attachments", self._attachments)
        app.router.add_get("/REST/2.0/ticket/{id}/attachments", self._files)
        app.router.add_post("/room", self._said)
        self._server = TestServer(app, host="127.0.0.1")

    def reset(self, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        """Forget everything, and go wrong anew."""
        self.tickets: list[Ticket] = []
        self.asked = 0
        self.messages: list[str] = []
        self._failed: Counter[str] = Counter()
        self._mode, self._wrong = mode, wrong

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _search(self, request: web.Request) -> web.Response:
        self.asked += 1
        found = [mark.partition(".")[0] for mark in TAG.findall(request.query["query"])]
        items = [ticket.document() for ticket in self.tickets if ticket.incident in found]
        return web.json_response({"items": items, "count": len(items)})

    async def _open(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (refused := await self._goes_wrong_before(request)) is not None:
            return refused
        (mark,) = TAG.findall(body["Subject"])
        assert body["CustomFields"] == {"Tocsin incident": mark}
        incident = mark.partition(".")[0]  # a global problem's has its partner's behind it: there is one
        made = Ticket(id=len(self.tickets) + 1, incident=incident, subject=body["Subject"])
        self.tickets.append(made)
        answer = web.json_response({"id": made.id, "type": "ticket"}, status=201)
        return await self._goes_wrong_after(request) or answer

    async def _read(self, request: web.Request) -> web.Response:
        ticket = self._ticket(request)
        return web.json_response(ticket.document(), headers={"ETag": f'"{ticket.version}"'})

    async def _change(self, request: web.Request) -> web.StreamResponse:
        body, ticket = await request.json(), self._ticket(request)
        if (refused := await self._goes_wrong_before(request)) is not None:
            return refused
        if request.headers.get("If-Match", f'"{ticket.version}"') != f'"{ticket.version}"':
            return web.json_response({"message": "Precondition Failed"}, status=412)
        ticket.status, ticket.version = body["Status"], ticket.version + 1
        return await self._goes_wrong_after(request) or web.json_response([f"Ticket {ticket.id}: changed"])

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

    async def _said(self, request: web.Request) -> web.Response:
        """Take a message for a chat room (apprise's json://)."""
        self.messages.append(await request.text())
        return web.json_response({})

    async def _files(self, request: web.Request) -> web.Response:
        items = [
            {"id": str(place), "Filename": name, "ContentType": "text/plain", "ContentLength": size}
            for place, (name, _, size) in enumerate(
                each.partition("|") for each in self._ticket(request).files
            )
        ]
        return web.json_response({"items": items, "pages": 1})

    async def _correspond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (refused := await self._goes_wrong_before(request)) is not None:
            return refused
        ticket = self._ticket(request)
        ticket.notes.append(body["Content"])
        for file in body.get("Attachments", ()):
            size = len(base64.b64decode(file["FileContent"]))
            ticket.files.append(f"{file['FileName']}|{size}")
        ticket.status, ticket.version = body.get("Status", "open"), ticket.version + 1
        return await self._goes_wrong_after(request) or web.json_response(["ok"], status=201)

    def _ticket(self, request: web.Request) -> Ticket:
        return self.tickets[int(request.match_info["id"]) - 1]

    async def _goes_wrong_before(self, request: web.Request) -> web.StreamResponse | None:
        return await self._goes_wrong(request, BEFORE)

    async def _goes_wrong_after(self, request: web.Request) -> web.StreamResponse | None:
        return await self._goes_wrong(request, AFTER)

    async def _goes_wrong(self, request: web.Request, modes: Sequence[Mode]) -> web.StreamResponse | None:
        """Fail as we are told, so many times at each kind of write: opening, writing, closing."""
        kind = request.path.rsplit("/", 1)[-1] if request.method == "POST" else "change"
        if self._mode not in modes or self._failed[kind] >= self._wrong:
            return None
        self._failed[kind] += 1
        return await fails(self._mode, request)


BEFORE = (Mode.REFUSED, Mode.REFUSED_FOR_NOW, Mode.ERROR_BEFORE, Mode.UNREACHABLE, Mode.SILENT_BEFORE)
AFTER = (Mode.DROPPED_AFTER, Mode.ERROR_AFTER, Mode.UNREADABLE, Mode.SILENT_AFTER)


async def fails(mode: Mode, request: web.Request) -> web.StreamResponse:
    """Answer a request as a far end does that goes wrong in this way."""
    match mode:
        case Mode.REFUSED:
            return web.json_response({"message": "no"}, status=422)
        case Mode.REFUSED_FOR_NOW:
            return web.json_response({"message": "not now"}, status=429, headers={"Retry-After": "7"})
        case Mode.ERROR_BEFORE | Mode.ERROR_AFTER:
            return web.Response(status=500, text="no database")
        case Mode.UNREADABLE:
            return web.Response(status=201, text="<html>created!</html>", content_type="text/html")
        case Mode.SILENT_BEFORE | Mode.SILENT_AFTER:
            await asyncio.sleep(SILENCE)
        case _:
            pass
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500, text="never sent")


FAULTS = {
    Mode.OK: Fault.NONE,
    Mode.REFUSED: Fault.GEO,
    Mode.REFUSED_FOR_NOW: Fault.BUSY,
    Mode.ERROR_BEFORE: Fault.ERROR_BEFORE,
    Mode.ERROR_AFTER: Fault.ERROR_AFTER,
    Mode.UNREADABLE: Fault.UNREADABLE,
    Mode.DROPPED_AFTER: Fault.DROPPED_AFTER,
}


class Provider(FakeTwilio):
    """The provider, whose callbacks may find nobody at home, and whose clock is the one that is moved."""

    def __init__(self, clock_file: Path | None = None, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        super().__init__()
        self.app.router.add_get("/settled", self._is_settled)
        self.reset(clock_file, mode, wrong=wrong)

    def reset(
        self,
        clock_file: Path | None,
        mode: Mode = Mode.OK,
        *,
        wrong: int = 1,
        callbacks: Callbacks = Callbacks.OK,
        lookups: Lookups = Lookups.OK,
        device: str = "presses 1",
    ) -> None:
        """Forget everything, and go wrong anew."""
        for task in self._running:
            task.cancel()
        self._clock_file, self._mode, self._wrong = clock_file, mode, wrong
        self.calls.clear()
        self.answers.clear()
        self.devices = {FIRST: DEVICES[device]}
        self.callbacks, self.lookups, self.looked_up, self.tried = callbacks, lookups, 0, 0
        self.doubled = callbacks is Callbacks.DOUBLED
        self.reversed = callbacks is Callbacks.REVERSED
        self.late = callbacks is Callbacks.LATE

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.tried += 1
        wrong = self._mode is not Mode.OK and self._wrong > 0
        self._wrong -= wrong
        if wrong and self._mode in (Mode.UNREACHABLE, Mode.SILENT_BEFORE):
            return await fails(self._mode, request)
        silent = wrong and self._mode is Mode.SILENT_AFTER
        self.fault = FAULTS[self._mode] if wrong and not silent else Fault.NONE
        answer = await super()._create(request)
        return await fails(self._mode, request) if silent else answer

    async def _read(self, request: web.Request) -> web.Response:
        return self._down() or await super()._read(request)

    async def _list(self, request: web.Request) -> web.Response:
        return self._down() or await super()._list(request)

    def _down(self) -> web.Response | None:
        self.looked_up += 1
        down = self.lookups is Lookups.DOWN or (self.lookups is Lookups.DOWN_TWICE and self.looked_up < 3)
        return web.Response(status=500, text="we are sorry") if down else None

    async def _is_settled(self, _request: web.Request) -> web.Response:
        """Answer when every call is over (so that nobody waits longer than that, or shorter)."""
        await self.settled()
        return web.Response(status=204)

    def _spawn(self, call: PlacedCall, work: Coroutine[None, None, None] | None = None) -> None:
        assert self._clock_file is not None
        if work is None:  # a new call; else one that is hung up
            call.created = datetime.fromisoformat(self._clock_file.read_text())
        super()._spawn(call, work)

    async def _post(self, call: PlacedCall, url: str, form: list[tuple[str, str]]) -> int:
        try:
            if self.callbacks is Callbacks.NEVER and call.get("To") == FIRST:
                raise OSError("it never arrives")
            async with asyncio.timeout(2):
                return await super()._post(call, url, form)
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.answers.append((url, 502, "<Response/>"))
            return 502

    def attempts(self) -> list[str]:
        """Return our own id of every call that was placed, one per call."""
        return [ATTEMPT.findall(call.get("StatusCallback"))[0] for call in self.calls]


class MailServer:
    """A mail server (aiosmtpd) that keeps what it took."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, mode: Mode = Mode.OK, *, wrong: int = 1) -> None:
        """Forget everything, and go wrong anew."""
        self.taken: list[tuple[str, str]] = []
        self._mode, self._wrong = mode, wrong
        self.tried = 0

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        sessions: set[asyncio.Transport] = set()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, hostname="mx.test", loop=loop), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for transport in sessions:
                transport.abort()

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        self.tried += 1
        match self._mode if self._wrong > 0 else Mode.OK:
            case Mode.REFUSED:
                self._wrong -= 1
                return "550 not you"
            case Mode.REFUSED_FOR_NOW | Mode.ERROR_BEFORE:
                self._wrong -= 1
                return "451 not now"
            case _:
                envelope.rcpt_tos.append(address)
                return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        mode = self._mode if self._wrong > 0 else Mode.OK
        self._wrong -= mode is not Mode.OK
        if mode in (Mode.OK, *AFTER):
            message = message_from_bytes(envelope.content)
            self.taken += [(address, str(message["Message-ID"])) for address in envelope.rcpt_tos]
        match mode:
            case Mode.UNREACHABLE | Mode.DROPPED_AFTER | Mode.UNREADABLE:
                server.transport.abort()
            case Mode.SILENT_BEFORE | Mode.SILENT_AFTER:
                await asyncio.sleep(SILENCE)
                server.transport.abort()
            case Mode.ERROR_AFTER:
                return "451 something broke"
            case _:
                pass
        return "250 OK"


@dataclass
class FarEnds:
    """All three, on ports that stay while cycle follows cycle."""

    tracker: FakeTracker
    provider: Provider
    mails: MailServer


@asynccontextmanager
async def far_ends() -> AsyncGenerator[FarEnds]:
    """Serve them."""
    mails = MailServer()
    async with FakeTracker() as tracker, Provider() as provider, mails.serving():
        yield FarEnds(tracker=tracker, provider=provider, mails=mails)


__all__ = [
    "Callbacks",
    "Device",
    "FakeTracker",
    "FarEnds",
    "Lookups",
    "MailServer",
    "Mode",
    "Provider",
    "far_ends",
]
