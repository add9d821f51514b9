"""A line to a provider: the driver, our callback routes in a real server, and the fake provider."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.base import CallEvent, CallScript, CallState
from alerts.outcomes import Patience
from alerts.twilio import Account, TwilioPhone
from monitor.errors import NotFoundError
from monitor.intake import calls
from tests.far_ends.twilio import FakeTwilio


@dataclass
class Book:
    """What the pipeline would keep: scripts by attempt, and the events in the order they came."""

    scripts: dict[str, CallScript | None] = field(default_factory=dict)
    events: list[CallEvent] = field(default_factory=list)
    before_event: Callable[[CallEvent], None] = lambda event: None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def say(self, attempt: str) -> CallScript | None:
        if attempt not in self.scripts:
            raise NotFoundError(attempt)
        return self.scripts[attempt]

    async def on_event(self, event: CallEvent) -> None:
        await self.gate.wait()
        self.before_event(event)
        if event.attempt not in self.scripts:
            raise NotFoundError(event.attempt)
        self.events.append(event)

    def states(self) -> list[CallState]:
        return [event.state for event in self.events]

    def result(self) -> CallState:
        """Judge as the pipeline does: the event with the highest number counts."""
        return max(self.events, key=lambda event: event.sequence).state


@dataclass
class Line:
    """Everything between us and a phone."""

    provider: FakeTwilio
    driver: TwilioPhone
    book: Book
    url: str

    async def place(self, call: CallScript) -> str:
        self.book.scripts[call.attempt] = call
        return await self.driver.place(call)


def a_call(attempt: str = "attempt-1", to: str = "+390612345678", **changes) -> CallScript:
    values = {"text": "Calls are dropping at P B X 1 0 0 1.", "language": "en", "ring_seconds": 20}
    return CallScript(attempt=attempt, to=to, **{**values, **changes})


def an_account(provider: FakeTwilio, **changes) -> Account:
    values = {
        "base_url": provider.url,
        "account_sid": provider.account,
        "auth_token": provider.token,
        "number": provider.number,
    }
    return Account(**{**values, **changes})


@asynccontextmanager
async def a_line(*, callbacks: bool = True, **account) -> AsyncIterator[Line]:
    """Run a provider and our callback routes; the public address must be known before the routes are."""
    book, bound = Book(), _bound()
    port = bound.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with FakeTwilio() as provider:
        driver = TwilioPhone(
            an_account(provider, **account),
            callback_base=url if callbacks else None,
            patience=Patience(connect=1.0, total=1.0),
        )
        app = web.Application()
        app.add_routes(
            calls.routes(say=book.say, on_event=book.on_event, verify=driver.verify, public_url=url)
        )
        server = TestServer(app, host="127.0.0.1", port=port, socket_factory=lambda *_: bound)
        await server.start_server()
        try:
            yield Line(provider, driver, book, url)
            await provider.settled()
        finally:
            await server.close()


def _bound() -> socket.socket:
    """Return a socket that has its port already: one that is only looked up may be another's by the time it is used."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener
