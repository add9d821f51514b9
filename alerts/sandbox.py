"""``sandbox``: a telephone exchange inside the process, for demonstrations and tests.

    place -> queued -> ringing -> answered -> the text is heard -> a key | hung up | voicemail -> completed
                               -> busy | refused | no answer

It behaves as a phone network does, with its faults: lost responses, errors, late, doubled and disordered
events. It rings nobody. What happened is in ``calls``; nothing it does is hidden from a test.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from alerts.base import CallEvent, CallEventSink, CallScript, CallState
from alerts.script import keys_text, phrase
from monitor.errors import DeliveryError

KEY_SEQUENCE = 1_000
"""The place of a pressed key, behind everything else: a "completed" that follows does not cover it."""

MEANINGS = {"1": CallState.ACKNOWLEDGED, "2": CallState.ESCALATED}

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

Sleep = Callable[[float], Awaitable[object]]
Say = Callable[[str], Awaitable[CallScript | None]]


class Pickup(StrEnum):
    """What a device does when it rings."""

    ANSWER = "answer"
    BUSY = "busy"
    REFUSE = "refuse"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    HANG_UP = "hang_up"
    UNREACHABLE = "unreachable"


class Response(StrEnum):
    """What the provider answers to ``place``. With ``LOST`` the phone rings all the same."""

    GIVEN = "given"
    LOST = "lost"
    ERROR = "error"
    REFUSED = "refused"


class Order(StrEnum):
    """How the provider tells what happens."""

    STRAIGHT = "straight"
    DOUBLED = "doubled"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What happens when a number is called. Times are seconds; ``presses`` are keys, one per reading."""

    pickup: Pickup = Pickup.ANSWER
    rings: float = 2.0
    presses: str = "1"
    thinks: float = 3.0
    response: Response = Response.GIVEN
    order: Order = Order.STRAIGHT
    events_late: float = 0.0
    lookup_works: bool = True


@dataclass(slots=True, kw_only=True)
class SandboxCall:
    """A call that was placed: what was asked, what was heard, where it stands. ``result`` is its last state."""

    id: str
    script: CallScript
    placed_at: datetime
    heard: str = ""
    result: CallState = CallState.QUEUED
    sequence: int = 0
    events: list[CallEvent] = field(default_factory=list[CallEvent])

    @property
    def number(self) -> str:
        """The number that was called."""
        return self.script.to


class SandboxExchange:
    """A ``PhoneDriver`` whose phones are all in here. Use it as an async context manager."""

    def __init__(
        self,
        on_event: CallEventSink,
        *,
        clock: Callable[[], datetime],
        sleep: Sleep = asyncio.sleep,
        say: Say | None = None,
        default: Behaviour | None = None,
        name: str = "sandbox",
    ) -> None:
        """``say`` is asked at the moment of answering, as a real provider does; ``default`` is every other phone."""
        self._on_event = on_event
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._default = default or Behaviour()
        self._name = name
        self._devices: dict[str, Behaviour] = {}
        self._numbers = itertools.count(1)
        self._running: set[asyncio.Task[None]] = set()
        self.calls: list[SandboxCall] = []

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    def device(self, number: str, behaviour: Behaviour) -> None:
        """Say how the phone of a number behaves from now on."""
        self._devices[number] = behaviour

    async def place(self, call: CallScript) -> str:
        """Let the number ring; what happens arrives at ``on_event``."""
        behaviour = self._behaviour(call.to)
        if behaviour.response is Response.ERROR:
            raise DeliveryError("the exchange answered 500", ambiguous=True)
        if behaviour.response is Response.REFUSED:
            raise DeliveryError("the exchange does not place calls to this number", permanent=True)
        placed = SandboxCall(id=f"SB{next(self._numbers):06d}", script=call, placed_at=self._clock())
        self.calls.append(placed)
        self._start(placed, behaviour)
        if behaviour.response is Response.LOST:
            raise DeliveryError("the connection broke before the exchange answered", ambiguous=True)
        return placed.id

    async def lookup(
        self,
        call: CallScript,
        *,
        since: datetime,  # noqa: ARG002 - an attempt is known by its own id here
        provider_id: str | None,
    ) -> CallEvent | None:
        """Tell where the attempt stands; None: it never rang."""
        if not self._behaviour(call.to).lookup_works:
            raise DeliveryError("the exchange cannot be asked just now")
        for placed in self.calls:
            if placed.script.attempt == call.attempt and provider_id in {None, placed.id}:
                return CallEvent(
                    attempt=call.attempt,
                    state=placed.result,
                    sequence=placed.sequence,
                    provider_id=placed.id,
                    detail="looked up",
                )
        return None

    async def hang_up(self, call: CallScript, *, provider_id: str | None) -> None:
        """Cut the attempt's call, if it still goes on, and tell that it is over."""
        for placed in self.calls:
            if placed.script.attempt != call.attempt or provider_id not in {None, placed.id}:
                continue
            task = next((one for one in self._running if one.get_name() == _task_name(placed)), None)
            if task is None or task is asyncio.current_task():
                return
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            over = CallEvent(
                attempt=call.attempt,
                state=CallState.COMPLETED,
                sequence=3,
                provider_id=placed.id,
                detail="hung up",
            )
            placed.events.append(over)
            placed.result, placed.sequence = over.state, over.sequence
            await self._on_event(over)

    def assert_no_other_calls(self, expected: Iterable[str]) -> None:
        """Fail unless exactly these numbers were called, each as often as it is named."""
        placed, wanted = Counter(call.number for call in self.calls), Counter(expected)
        too_many, missing = sorted((placed - wanted).elements()), sorted((wanted - placed).elements())
        assert not too_many, f"calls nobody expected: {', '.join(too_many)}"
        assert not missing, f"calls that were never placed: {', '.join(missing)}"

    async def settled(self) -> None:
        """Wait until every call is over."""
        while self._running:
            done, _ = await asyncio.wait(tuple(self._running))
            for call in done:  # one that was hung up is over, too
                if not call.cancelled():
                    call.result()

    async def __aenter__(self) -> Self:
        """Open the exchange."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every call that still goes on."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _behaviour(self, number: str) -> Behaviour:
        return self._devices.get(number, self._default)

    def _start(self, placed: SandboxCall, behaviour: Behaviour) -> None:
        task = asyncio.create_task(self._run(placed, behaviour), name=_task_name(placed))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, placed: SandboxCall, behaviour: Behaviour) -> None:
        try:
            await _Line(placed, behaviour, self._on_event, self._sleep, self._say).run()
        except Exception:
            # As with a real provider: what we make of its events is not its problem, the call is over.
            log.exception("call.lost", call=placed.id, attempt=placed.script.attempt)


def _task_name(placed: SandboxCall) -> str:
    return f"sandbox-call-{placed.id}"


class _Line:
    """One call from ringing to its end."""

    def __init__(
        self,
        placed: SandboxCall,
        behaviour: Behaviour,
        on_event: CallEventSink,
        sleep: Sleep,
        say: Say | None,
    ) -> None:
        self._placed = placed
        self._behaviour = behaviour
        self._on_event = on_event
        self._sleep = sleep
        self._say = say
        self._held: list[CallEvent] = []

    async def run(self) -> None:
        await self._tell(CallState.QUEUED, 0)
        await self._ring()
        for event in reversed(self._held):
            await self._deliver(event)

    async def _ring(self) -> None:
        pickup, ring_seconds = self._behaviour.pickup, float(self._placed.script.ring_seconds)
        if pickup is Pickup.UNREACHABLE:
            await self._tell(CallState.FAILED, 1)
            return
        await self._tell(CallState.RINGING, 1)
        silent = pickup is Pickup.NO_ANSWER or self._behaviour.rings > ring_seconds
        await self._sleep(ring_seconds if silent else self._behaviour.rings)
        if silent:
            await self._tell(CallState.NO_ANSWER, 3)
        elif pickup is Pickup.BUSY:
            await self._tell(CallState.BUSY, 3)
        elif pickup is Pickup.REFUSE:
            await self._tell(CallState.REFUSED, 3)
        else:
            await self._answered()

    async def _answered(self) -> None:
        await self._tell(CallState.ANSWERED, 2)
        script = await self._say(self._placed.script.attempt) if self._say else self._placed.script
        if script is None:
            self._hear(phrase(self._placed.script.language, "settled"))
        elif self._behaviour.pickup is Pickup.HANG_UP:
            self._hear(script.text[: len(script.text) // 2])
            await self._tell(CallState.COMPLETED, 3, detail="hung up before the end")
            return
        else:
            await self._listen(script)
        await self._tell(CallState.COMPLETED, 3)

    async def _listen(self, script: CallScript) -> None:
        """Hear the text, and press a key after each reading if anybody is there."""
        presses = "" if self._behaviour.pickup is Pickup.VOICEMAIL else self._behaviour.presses
        for key in presses or " ":
            self._hear(f"{script.text} {keys_text(script.language, script.keys)}")
            await self._sleep(self._behaviour.thinks)
            meaning = MEANINGS.get(key) if key in script.keys else None
            if meaning is not None:
                await self._tell(meaning, KEY_SEQUENCE, digit=key)
                self._hear(phrase(script.language, "confirmed" if key == "1" else "handed_on"))
                return

    def _hear(self, text: str) -> None:
        self._placed.heard = f"{self._placed.heard} {text}".strip()

    async def _tell(
        self, state: CallState, sequence: int, *, digit: str | None = None, detail: str = ""
    ) -> None:
        """Note what happens and tell it in the way the exchange is set to."""
        event = CallEvent(
            attempt=self._placed.script.attempt,
            state=state,
            sequence=sequence,
            provider_id=self._placed.id,
            digit=digit,
            detail=detail,
        )
        self._placed.events.append(event)
        if sequence >= self._placed.sequence:
            self._placed.result, self._placed.sequence = state, sequence
        if self._behaviour.order is Order.REVERSED:
            self._held.append(event)
            return
        await self._deliver(event)
        if self._behaviour.order is Order.DOUBLED:
            await self._deliver(event)

    async def _deliver(self, event: CallEvent) -> None:
        if self._behaviour.events_late:
            await self._sleep(self._behaviour.events_late)
        await self._on_event(event)
