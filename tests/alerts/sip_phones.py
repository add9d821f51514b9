"""A SIP phone of ours for tests, and what it tells."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from alerts.base import CallEvent, CallEventSink, CallScript, CallState
from alerts.sip import SipPhone, Station
from alerts.sip_lines import Line
from alerts.sip_talk import Patience, Say
from alerts.speech import Renderer, Speech
from tests.far_ends.sipp import free_port
from tests.requirements import require

ESPEAK = ("espeak-ng", "-v", "{voice}", "-s", "{speed}", "--stdin", "--stdout")
SPOKEN = Path(tempfile.gettempdir()) / "tocsin-tests-spoken"
"""What is always the same is spoken once on a machine, not once in each test."""


def now() -> datetime:
    return datetime.now(UTC)


def a_line(address: str, **changes) -> Line:
    values = {"name": "pbx", "user": "tocsin", "register": False}
    return Line(**{**values, "domain": address, **changes})


def a_sip_call(attempt: str = "att_1", to: str = "+390612345678", **changes) -> CallScript:
    values = {"text": "Calls are dropping.", "language": "en", "ring_seconds": 20}
    return CallScript(attempt=attempt, to=to, **{**values, **changes})


def speaking(speed: int = 420) -> Speech:
    require("espeak-ng", "speech on real calls")
    return Speech(Renderer(command=ESPEAK, voices={"en": "en-gb"}, speed=speed), SPOKEN)


@asynccontextmanager
async def a_sip_phone(
    folder: Path,
    *addresses: str,
    on_event: CallEventSink,
    lines: tuple[Line, ...] = (),
    say: Say | None = None,
    setup: float = 2.0,
    key: float = 0.5,
    speech: Speech | None = None,
    **changes,
) -> AsyncIterator[SipPhone]:
    """Give a phone whose lines are ready (unless ``ready=False``); its journal is in ``folder``."""
    require("python:baresip", "a SIP user agent", how="pip install 'tocsin[sip]'")
    ready = changes.pop("ready", True)
    made = lines or tuple(a_line(address, name=f"pbx-{n}") for n, address in enumerate(addresses, 1))
    first = free_port(pairs=20)
    station = Station(
        lines=made,
        local_address="127.0.0.1",
        rtp_ports=(first, first + 39),
        patience=Patience(ready=6.0 if ready else 1.0, setup=setup, key=key, closing=2.0),
    )
    phone = SipPhone(
        station,
        on_event=on_event,
        clock=now,
        say=say,
        speech=speech or speaking(),
        folder=folder / "journal",
        **changes,
    )
    async with phone:
        if ready:
            async with asyncio.timeout(30):
                await phone.child.ready.wait()
        yield phone


@dataclass
class Log:
    """What a phone tells, in order, and when."""

    events: list[CallEvent] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        self.news.set()

    async def on_doubt(self, attempt: str, why: str) -> None:
        self.doubts.append((attempt, why))
        self.news.set()

    def states(self) -> list[CallState]:
        return [event.state for event in self.events]

    async def until(self, *states: CallState, seconds: float = 40) -> CallEvent:
        """Wait for the first event with one of these states."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if event.state in states:
                        return event
                self.news.clear()
                await self.news.wait()

    async def until_doubt(self, seconds: float = 40) -> tuple[str, str]:
        async with asyncio.timeout(seconds):
            while not self.doubts:
                self.news.clear()
                await self.news.wait()
        return self.doubts[0]
