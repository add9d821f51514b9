"""``sip``: phones through the operator's own PBX or trunk, as a SIP user agent.

    place     words rendered -> a free line -> begun, on disk -> INVITE -> a first sign of the PBX; then the sink hears
    lookup    in the air -> as it stands; otherwise the journal: no record, never placed | its end | nobody knows
    hang_up   CANCEL while it rings; the one who picked up hears that it is settled

SIP is spoken by a process of its own (``alerts/sip_agent.py``), which is started again when it dies. The
journal (``alerts/sip_journal.py``) outlives both of us, so that no call is placed twice on a guess.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from alerts import sip_journal, sip_outcomes
from alerts.base import CallEvent, CallEventSink, CallScript, CallState
from alerts.sip_child import ChildAwayError, SipChild
from alerts.sip_lines import Line, Lines, dialled
from alerts.sip_outcomes import FINAL_SEQUENCE, Outcome
from alerts.sip_talk import LostError, Patience, Say, Talk
from alerts.sip_voice import SpokenAhead
from alerts.speech import Speech
from monitor.errors import DeliveryError

LINE_PATIENCE = 15.0
DIAL_PATIENCE = 12.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
Doubt = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where we speak SIP from. ``rtp_ports`` are the first and the last; ``port`` 0 takes a free one."""

    lines: tuple[Line, ...]
    local_address: str | None = None
    port: int = 0
    rtp_ports: tuple[int, int] = (10_000, 10_199)
    patience: Patience = field(default_factory=Patience)


class SipPhone:
    """A ``PhoneDriver`` over lines at a PBX. Use it as an async context manager."""

    def __init__(
        self,
        station: Station,
        *,
        on_event: CallEventSink,
        clock: Callable[[], datetime],
        speech: Speech,
        folder: Path,
        say: Say | None = None,
        on_doubt: Doubt | None = None,
        alone: bool = True,
        name: str = "sip",
    ) -> None:
        """``folder`` keeps the journal; ``alone``: no other process places calls from the same record.

        ``say`` is asked at the moment of answering; ``on_doubt`` hears of calls of which nobody knows the end.
        """
        self._station = station
        self._on_event = on_event
        self._clock = clock
        self.voice = SpokenAhead(speech)
        self._folder = folder
        self._say = say
        self._on_doubt = on_doubt
        self._alone = alone
        self._name = name
        self._ids = itertools.count(1)
        self._talks: dict[str, Talk] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self.lines = Lines(station.lines)
        self.child = SipChild(self._order(), on_message=self._heard, on_death=self._died)

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def place(self, call: CallScript) -> str:
        """Place the call and return an id for it when the PBX gave a first sign of it.

        Ambiguous only when the SIP process died over it; ``away`` where no line reaches a PBX that answers.
        """
        await self.voice.prepare(call)
        await self._ready()
        line = await self.lines.take(LINE_PATIENCE)
        placed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        placed.add_done_callback(lambda done: done.cancelled() or done.exception())  # we may be gone by then
        task = asyncio.create_task(self._call(call, line, placed), name=f"sip call {call.attempt}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(placed)

    async def lookup(self, call: CallScript, *, since: datetime, provider_id: str | None) -> CallEvent | None:
        """Tell what became of the attempt; None: it was never placed; DeliveryError: nobody knows."""
        talk = self._talks.get(call.attempt)
        if talk is not None:
            detail = "in the air"
            return CallEvent(
                attempt=call.attempt, state=talk.state, sequence=0, provider_id=talk.sip, detail=detail
            )
        await (
            self._ready()
        )  # an earlier process may still be ending its calls; ours is ready when it has the lock
        known = await asyncio.to_thread(sip_journal.find, self._folder, call.attempt)
        if known is None:
            await self._never_placed(since, provider_id)
            return None
        return _told(call.attempt, known)

    async def hang_up(
        self,
        call: CallScript,
        *,
        provider_id: str | None,  # noqa: ARG002 - an attempt is known by its own id here
    ) -> None:
        """End the attempt's call if it is in the air."""
        talk = self._talks.get(call.attempt)
        if talk is not None:
            talk.cut = True
            talk.inbox.put_nowait({"is": "cut"})

    async def settled(self) -> None:
        """Wait until every call is over."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        """Start the process; it is not waited for."""
        await asyncio.to_thread(sip_journal.open_at, self._folder, self._clock())
        self.lines.all_down(self.child.why)
        keeper = asyncio.create_task(self.child.run(), name="sip process")
        self._stack.push_async_callback(_cancelled, keeper)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process: it ends its calls and puts that on disk, where the next start finds it."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.voice.stop()
        await self._stack.aclose()

    # one call -----------------------------------------------------------------------------------------

    async def _call(self, script: CallScript, line: Line, placed: asyncio.Future[str]) -> None:
        """Carry a call through; by the next line where one refuses it before it rang."""
        talk = Talk(
            script=script,
            id="",
            order=self._send,
            voice=self.voice,
            on_event=self._on_event,
            say=self._say,
            patience=self._station.patience,
            wedged=self.child.kill,
            on_sign=lambda: self._there(talk, placed),
        )
        self._talks[script.attempt] = talk
        try:
            outcome = await self._by_lines(talk, line)
            if outcome and (outcome.away or outcome.refused) and not placed.done():
                failed = DeliveryError(outcome.detail, away=outcome.away, refused=outcome.refused)
                placed.set_exception(failed)
                return
            self._there(talk, placed)
            if outcome is not None:
                await talk.finish(outcome)
        except (LostError, ChildAwayError) as error:
            await self._lost(talk, placed, str(error))
        except Exception as error:
            log.exception("call.broke", attempt=script.attempt)
            with contextlib.suppress(ChildAwayError):  # whatever broke here, nobody is left in a silent call
                self._send("hang_up", call=talk.id)
            await self._lost(talk, placed, f"{type(error).__name__}: {error}")
        finally:
            self._talks.pop(script.attempt, None)
            if not placed.done():
                placed.set_exception(
                    DeliveryError("the service stopped while the call was placed", ambiguous=True)
                )

    def _there(self, talk: Talk, placed: asyncio.Future[str]) -> None:
        """Take the call for placed: from here on its events say what becomes of it."""
        if not placed.done():
            placed.set_result(talk.sip or f"{self._name}-{talk.script.attempt}")

    async def _by_lines(self, talk: Talk, line: Line) -> Outcome | None:
        tried: list[str] = []
        while True:
            outcome = await self._by(line, talk)
            tried.append(line.name)
            if outcome and (outcome.elsewhere or outcome.silent):
                self.lines.rest(line, outcome.detail)
            if outcome is None or not outcome.elsewhere:
                return outcome
            other = None if talk.cut else self.lines.take_other(tried)
            if other is None:
                return replace(outcome, detail=f"line {line.name}: {outcome.detail}")
            log.warning("call.another_line", attempt=talk.script.attempt, line=other.name, why=outcome.detail)
            line = other

    async def _by(self, line: Line, talk: Talk) -> Outcome | None:
        """Place it by one line; None: the one who picked up has pressed a key."""
        talk.id, talk.inbox = f"{next(self._ids)}", asyncio.Queue()
        try:
            self._send(
                "dial",
                call=talk.id,
                attempt=talk.script.attempt,
                line=line.name,
                uri=dialled(line, talk.script.to),
                headers=line.headers(talk.script.attempt),
                at=self._clock().isoformat(),
            )
            await self._dialled(talk)
            await talk.note(CallState.QUEUED, 0, f"dialled by line {line.name}")
            outcome = await talk.ring()
            return await talk.speak() if outcome is None else outcome
        finally:
            self.lines.give_back(line)

    async def _dialled(self, talk: Talk) -> None:
        """Wait until the INVITE is on its way; what else is told meanwhile is put back."""
        try:
            async with asyncio.timeout(DIAL_PATIENCE):
                message = await talk.inbox.get()
        except TimeoutError:
            self.child.kill("it did not take an order to dial")
            raise LostError("the SIP process did not say whether it dialled") from None
        if message["is"] != "dialled":
            _put_back(talk.inbox, message)
        talk.sip = message.get("sip") or talk.sip

    async def _lost(self, talk: Talk, placed: asyncio.Future[str], why: str) -> None:
        """Settle a call whose process is gone by what it left on disk."""
        attempt = talk.script.attempt
        known = await asyncio.to_thread(sip_journal.find, self._folder, attempt)
        if known is None and not placed.done():
            placed.set_exception(DeliveryError(f"the call was not placed: {why}", away=True))
            return
        if not placed.done():
            placed.set_exception(DeliveryError(f"{why}, over this call", ambiguous=True))
            return
        try:
            event = _told(attempt, known) if known else None
        except DeliveryError:
            event = None
        if event is not None:
            await talk.tell_at_last(event)
        elif self._on_doubt:
            await self._on_doubt(attempt, why)

    async def _never_placed(self, since: datetime, provider_id: str | None) -> None:
        """Make sure that no record means never placed: the journal is ours alone, and reaches back far enough."""
        if provider_id is not None:
            raise DeliveryError(
                "the call was placed, and the journal of calls knows nothing of it", permanent=True
            )
        if not self._alone:
            raise DeliveryError(
                "another process may have placed it; our journal of calls has no record", permanent=True
            )
        reach = await asyncio.to_thread(sip_journal.reaches_back_to, self._folder)
        if reach is None or reach > since:
            raise DeliveryError("the journal of calls does not reach back so far", permanent=True)

    # the process --------------------------------------------------------------------------------------

    def _order(self) -> Mapping[str, Any]:
        station = self._station
        return {
            "do": "start",
            "folder": str(self._folder),
            "local_address": station.local_address,
            "port": station.port,
            "rtp_ports": station.rtp_ports,
            "lines": [line.order() for line in station.lines],
        }

    def _send(self, do: str, **facts: Any) -> None:
        self.child.send(do, **facts)

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(self._station.patience.ready):
                await self.child.ready.wait()
        except TimeoutError:
            raise DeliveryError(self.child.why, away=True) from None

    def _heard(self, message: Mapping[str, Any]) -> None:
        if message["is"] == "line":
            self.lines.told(str(message["line"]), up=bool(message["up"]), why=str(message["why"]))
            return
        for talk in self._talks.values():
            if talk.id == message.get("call"):
                talk.inbox.put_nowait(message)

    def _died(self, why: str) -> None:
        self.lines.all_down(why)
        for talk in self._talks.values():
            talk.inbox.put_nowait({"is": "lost", "why": why})


def _told(attempt: str, known: sip_journal.Known) -> CallEvent:
    """Return what the journal says of a call that is not in the air; DeliveryError where it cannot know."""
    for digit in known.keys:
        if event := sip_outcomes.key(attempt, digit, known.sip, f"pressed {digit}, by the journal"):
            return event
    end = known.end
    if end is None:
        raise DeliveryError(
            "the call was begun, and its end is not on record: it may have rung", permanent=True
        )
    if end.answered and end.orphaned:
        raise DeliveryError(
            "somebody had picked up when we stopped in the middle of the call", permanent=True
        )
    outcome = sip_outcomes.answered(end) if end.answered else sip_outcomes.unanswered(end)
    return CallEvent(
        attempt=attempt,
        state=outcome.state,
        sequence=FINAL_SEQUENCE,
        provider_id=known.sip,
        detail=f"{outcome.detail}, by the journal",
    )


def _put_back(inbox: asyncio.Queue[Mapping[str, Any]], message: Mapping[str, Any]) -> None:
    """Let a message be read again, before those that came after it."""
    later = [message]
    while not inbox.empty():
        later.append(inbox.get_nowait())
    for each in later:
        inbox.put_nowait(each)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
