"""A telephone provider that speaks Twilio's REST interface and TwiML, with phones at its other end.

It keeps state, checks what it is sent as the real one does, fetches and obeys our TwiML, signs its
callbacks (its own code, not ours), and fails in the ways real providers fail.
"""

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from hashlib import sha1, sha256
from itertools import count
from typing import Self
from urllib.parse import urlencode, urljoin
from xml.etree import ElementTree as ET

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer


class Fault(StrEnum):
    """What goes wrong when a call is created."""

    NONE = "none"
    DROPPED_AFTER = "the call is placed, the connection breaks before the answer"
    ERROR_AFTER = "the call is placed, the answer is 500"
    ERROR_BEFORE = "nothing is placed, the answer is 500"
    UNREADABLE = "the call is placed, the answer is not JSON"
    SILENT = "the call is placed, no answer ever comes"
    BUSY = "nothing is placed, the answer is 429"
    GEO = "nothing is placed, the country is not permitted"


@dataclass
class Device:
    """A phone: how it ends when it rings, and which keys are pressed, one per question.

    ``holds``: it stays ``ringing`` (or ``in-progress``) until the call is ended from outside.
    """

    ends: str = "completed"
    holds: str = ""
    presses: str = "1"
    sip_code: str | None = None
    answered_by: str | None = None


@dataclass
class PlacedCall:
    """A call the provider knows."""

    sid: str
    form: list[tuple[str, str]]
    created: datetime
    status: str = "queued"
    heard: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    callbacks: list[int] = field(default_factory=list)
    sequence: int = 0

    def get(self, name: str, default: str = "") -> str:
        """Return a parameter of the request that created it."""
        return dict(self.form).get(name, default)

    def document(self) -> dict[str, object]:
        """Return it as the interface shows it."""
        return {
            "sid": self.sid,
            "to": self.get("To"),
            "from": self.get("From"),
            "status": self.status,
            "date_created": format_datetime(self.created),
            "start_time": None if self.status == "queued" else format_datetime(self.created),
            "direction": "outbound-api",
        }


class FakeTwilio:
    """The provider. ``async with FakeTwilio() as provider`` runs it on a free port of the loopback."""

    def __init__(self, *, account: str = "AC" + "1" * 32, token: str = "token-of-today") -> None:
        self.account, self.token = account, token
        self.number = "+15005550006"
        self.fault = Fault.NONE
        self.signs_with = token
        self.settings: str | None = None
        self.doubled = False
        self.reversed = False
        self.late = False
        self.devices: dict[str, Device] = {}
        self.calls: list[PlacedCall] = []
        self.answers: list[tuple[str, int, str]] = []
        self._sids = count(1)
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.held = asyncio.Event()
        root = "/2010-04-01/Accounts/{account}"
        self.app = app = web.Application()
        app.router.add_post(f"{root}/Calls.json", self._create)
        app.router.add_get(f"{root}/Calls.json", self._list)
        app.router.add_get(f"{root}/Calls/{{sid}}.json", self._read)
        app.router.add_post(f"{root}/Calls/{{sid}}.json", self._update)
        self._server = TestServer(app, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        self._client = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._client.close()
        await self._server.close()

    def device(self, number: str, device: Device) -> None:
        self.devices[number] = device

    def remember(self, *, to: str, status: str = "completed", age: timedelta = timedelta(0)) -> PlacedCall:
        """Put a call into the provider's past."""
        call = PlacedCall(
            sid=f"CA{next(self._sids):032x}",
            form=[("To", to), ("From", self.number)],
            created=datetime.now(UTC) - age,
            status=status,
        )
        self.calls.append(call)
        return call

    async def settled(self) -> None:
        """Wait until every call is over; a call that failed in here fails the test."""
        while self._running:
            await asyncio.gather(*self._running)

    def assert_no_other_calls(self, *numbers: str) -> None:
        assert Counter(call.get("To") for call in self.calls) == Counter(numbers)

    # -- the REST interface ---------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        if (wrong := _wrong(dict(form))) is not None:
            return _error(400, *wrong)
        if self.fault is Fault.ERROR_BEFORE:
            return web.Response(status=500, text="upstream failed")
        if self.fault is Fault.BUSY:
            return _error(429, 20429, "Too Many Requests", {"Retry-After": "7"})
        if self.fault is Fault.GEO:
            return _error(400, 21215, "Geo Permission configuration is not permitting call")
        call = PlacedCall(sid=f"CA{next(self._sids):032x}", form=form, created=datetime.now(UTC))
        self.calls.append(call)
        self._spawn(call)
        return await self._created(request, call)

    async def _created(self, request: web.Request, call: PlacedCall) -> web.StreamResponse:
        match self.fault:
            case Fault.DROPPED_AFTER:
                assert request.transport is not None
                request.transport.abort()
            case Fault.SILENT:
                await asyncio.sleep(30)
            case Fault.ERROR_AFTER:
                return web.Response(status=500, text="<html>we are sorry</html>")
            case Fault.UNREADABLE:
                return web.Response(status=201, text="created!")
            case _:
                pass
        return web.json_response(call.document(), status=201)

    async def _read(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        for call in self.calls:
            if call.sid == request.match_info["sid"]:
                return web.json_response(call.document())
        return _error(404, 20404, "The requested resource was not found")

    async def _update(self, request: web.Request) -> web.Response:
        """End a call, as the original does: one that has ended cannot be ended again."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        form = await request.post()
        assert dict(form) == {"Status": "completed"}, form
        for call in self.calls:
            if call.sid == request.match_info["sid"]:
                task = self._tasks.get(call.sid)
                if task is None or task.done():
                    return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                call.status = "completed" if call.status == "in-progress" else "canceled"
                self._spawn(call, self._ended(call))
                return web.json_response(call.document())
        return _error(404, 20404, "The requested resource was not found")

    async def _ended(self, call: PlacedCall) -> None:
        await self._becomes(call, call.status, [])

    async def _list(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        wanted = {name.lower(): request.query[name] for name in ("To", "From") if name in request.query}
        shown = [call.document() for call in reversed(self.calls)]
        shown = [call for call in shown if all(call[name] == value for name, value in wanted.items())]
        return web.json_response({"calls": shown[: int(request.query.get("PageSize", "50"))]})

    def _refusal(self, request: web.Request) -> web.Response | None:
        expected = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != expected or request.match_info["account"] != self.account:
            return _error(401, 20003, "Authenticate")
        return None

    # -- the call itself ------------------------------------------------------------------------------

    def _spawn(self, call: PlacedCall, work: Coroutine[None, None, None] | None = None) -> None:
        task = self._tasks[call.sid] = asyncio.create_task(work or self._run(call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, call: PlacedCall) -> None:
        device = self.devices.get(call.get("To"), Device())
        told: list[list[tuple[str, str]]] = []
        await self._becomes(call, "initiated", told)
        call.status = "ringing"
        await self._becomes(call, "ringing", told)
        await self._holds(device, "ringing")
        if device.ends == "completed":
            call.status = "in-progress"
            await self._becomes(call, "in-progress", told)
            await self._holds(device, "in-progress")
            await self._talk(call, device)
        call.status = device.ends
        await self._becomes(call, device.ends, told, device)
        for form in told if self.late else reversed(told):
            await self._post(call, call.get("StatusCallback"), form)

    async def _holds(self, device: Device, status: str) -> None:
        if device.holds == status:
            self.held.set()
            await asyncio.Event().wait()

    async def _becomes(
        self, call: PlacedCall, status: str, told: list[list[tuple[str, str]]], device: Device | None = None
    ) -> None:
        if not call.get("StatusCallback"):
            return
        form = [*self._common(call), ("CallStatus", status), ("SequenceNumber", str(call.sequence))]
        if device is not None and device.sip_code:
            form.append(("SipResponseCode", device.sip_code))
        if device is not None and device.answered_by:
            form.append(("AnsweredBy", device.answered_by))
        call.sequence += 1
        if self.reversed or self.late:
            told.append(form)
            return
        for _ in range(2 if self.doubled else 1):
            call.callbacks.append(await self._post(call, call.get("StatusCallback"), form))

    async def _talk(self, call: PlacedCall, device: Device) -> None:
        """Speak what we are told to, press the next key at every question, until somebody hangs up."""
        presses = iter(device.presses)
        if call.get("Twiml"):
            self._obey(call, call.get("Twiml"), call.get("Url"))
            return
        url, extra = call.get("Url"), list[tuple[str, str]]()
        for _ in range(20):
            form = [*self._common(call), ("CallStatus", "in-progress"), *extra]
            status = await self._post(call, url, form)
            if status != 200:
                call.heard.append(f"an application error has occurred ({status})")
                return
            follow, asks = self._obey(call, self.answers[-1][2], url)
            if follow is None:
                return
            url, extra = follow, [("Digits", next(presses, ""))] if asks else []
        raise AssertionError("the call goes on for ever")

    def _obey(self, call: PlacedCall, twiml: str, url: str) -> tuple[str | None, bool]:
        """Speak a document; return where to go next, and whether a key is to be sent there."""
        document = ET.fromstring(twiml)
        assert document.tag == "Response"
        for verb in document:
            match verb.tag:
                case "Say":
                    self._speak(call, verb)
                case "Gather":
                    for said in verb.iter("Say"):
                        self._speak(call, said)
                    assert verb.get("actionOnEmptyResult") == "true", "an empty answer would fall through"
                    return urljoin(url, verb.attrib["action"]), True
                case "Redirect":
                    return urljoin(url, verb.text or ""), False
                case "Hangup":
                    return None, False
                case "Pause":
                    pass
                case other:
                    raise AssertionError(f"unknown verb {other}")
        return None, False

    @staticmethod
    def _speak(call: PlacedCall, verb: ET.Element) -> None:
        call.heard.append(verb.text or "")
        call.languages.append(verb.get("language", ""))

    def _common(self, call: PlacedCall) -> list[tuple[str, str]]:
        return [
            ("CallSid", call.sid),
            ("AccountSid", self.account),
            ("From", call.get("From")),
            ("To", call.get("To")),
            ("Direction", "outbound-api"),
        ]

    async def _post(self, call: PlacedCall, url: str, form: list[tuple[str, str]]) -> int:
        headers = {
            "X-Twilio-Signature": self.sign(url, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self.settings:
            headers["X-Twilio-Webhooks-Signature-Settings"] = self.settings
        async with self._client.post(url, data=urlencode(form), headers=headers) as response:
            self.answers.append((url, response.status, await response.text()))
            assert response.status != 500, f"{url} answered 500"
            return response.status

    def sign(self, url: str, form: list[tuple[str, str]]) -> str:
        """Sign as the provider's documentation says."""
        text = url
        for name in sorted({name for name, _ in form}):
            for value in sorted({value for other, value in form if other == name}):
                text += name + value
        kind = sha256 if "HMAC_SHA256" in (self.settings or "") else sha1
        return base64.b64encode(hmac.new(self.signs_with.encode(), text.encode(), kind).digest()).decode()


def _wrong(form: dict[str, str]) -> tuple[int, str] | None:
    if not form.get("To", "").startswith("+"):
        return 21211, "The 'To' number is not a valid phone number"
    if not form.get("From"):
        return 21213, "'From' is required"
    if len([name for name in ("Url", "Twiml", "ApplicationSid") if form.get(name)]) != 1:
        return 21205, "Url parameter is required"
    if len(form.get("Twiml", "")) > 4000:
        return 21218, "Twiml is too long"
    return None


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"code": code, "message": message, "status": status}, status=status, headers=headers
    )
