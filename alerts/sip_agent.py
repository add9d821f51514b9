"""The process that speaks SIP: ``python -m alerts.sip_agent``, started and watched by ``alerts/sip_child.py``.

    stdin:  one JSON object a line   start, dial, play, hang_up, ping
    stdout: one JSON object a line   ready, line, dialled, refused, trying, ringing, answered, played, key, closed

A process of its own, because the stack is C, one per process, and cannot be started again once it has died. It
knows lines and calls and nothing of incidents. When its parent is gone it ends every call and itself.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import wave
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from baresip import (
    Account,
    BaresipError,
    Call,
    Config,
    Event,
    Runtime,
    StackEvent,
    UserAgent,
)

from alerts.sip_journal import End, Journal, Scribe, locked
from alerts.sip_pipes import complain, private_stdout, stdin_lines
from alerts.sip_sound import poured
from alerts.sip_wire import answer_to_invite, listen

CODECS = ("pcmu", "pcma")
LOCK_PATIENCE = 10.0
REGISTER_AGAIN = (2.0, 5.0, 10.0, 20.0, 30.0)
GOODBYE = 2.0
FLUSHED = 0.05
TICK = 0.05
PROVISIONAL = 200  # below it the far end works on the call; a 407 only asks who we are

_CLOSED = re.compile(r"(\d{3}) (.*)")

Say = Callable[..., None]


@dataclass(slots=True, kw_only=True)
class Line:
    """An account; ``up`` when calls can be placed by it."""

    name: str
    agent: UserAgent
    registers: bool
    up: bool = False
    failures: int = 0
    again: asyncio.TimerHandle | None = None


@dataclass(slots=True, kw_only=True)
class InTheAir:
    """A call and what has become of it so far."""

    id: str
    attempt: str
    call: Call
    began: float
    sip: str = ""
    rang: bool = False
    progress: bool = False
    taken: bool = False
    answered_at: float | None = None
    ours: bool = False
    playing: asyncio.Task[None] | None = field(default=None)


class Agent:
    """Lines and calls over one runtime."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._runtime = Runtime()
        self._disk: Scribe | None = None
        self._dialling = asyncio.Lock()
        self._lines: dict[str, Line] = {}
        self._calls: dict[str, InTheAir] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[StackEvent] | None = None
        self._empty = asyncio.Event()
        self._orphaned = False

    async def start(self, order: Mapping[str, Any]) -> None:
        """Bring up the stack and the lines."""
        self._disk = Scribe(Journal(Path(order["folder"])))
        first, last = order["rtp_ports"]
        extra = f"rtp_ports {first}-{last}\n"
        if order["port"]:
            extra += f"sip_listen {order['local_address'] or '0.0.0.0'}:{order['port']}\n"  # noqa: S104 - the operator's wish
        config = Config(
            net_interface=order["local_address"],
            max_concurrent_calls=None,
            sip_trace=True,  # the only way to see "100 Trying"; nothing of it is written anywhere
            extra_config_text=extra,
        )
        listen(lambda text: self._loop.call_soon_threadsafe(self._on_wire, text))
        self._runtime.on_dead = lambda: os._exit(3)
        await self._runtime.start(config)
        self._runtime.subscribe(self._on_event)
        for line in order["lines"]:
            await self._add(line)
        self._say("ready")

    async def _add(self, line: Mapping[str, Any]) -> None:
        account = Account(
            user=line["user"],
            domain=line["domain"],
            password=line["password"],
            registrar=line["proxy"],
            reg_interval=line["every"] if line["register"] else 0,
            transport=line["transport"],
            audio_codecs=CODECS,
            auth_user=line["auth_user"],
        )
        agent = await UserAgent.create(self._runtime, account, transfer_policy="reject")
        agent.on_incoming(lambda call: self._spawn(_turn_away(call)))
        known = Line(name=line["name"], agent=agent, registers=line["register"])
        self._lines[known.name] = known
        if known.registers:
            self._register(known)
        else:
            known.up = True
            self._say("line", line=known.name, up=True, why="")

    def _register(self, line: Line) -> None:
        line.again = None
        self._spawn(self._registered(line))

    async def _registered(self, line: Line) -> None:
        with contextlib.suppress(BaresipError):  # what came of it arrives as an event
            await line.agent.register(timeout=40)

    async def dial(self, order: Mapping[str, Any]) -> None:
        """Begin a call; other orders are not held up by the disk meanwhile."""
        self._spawn(self._dial(order))

    async def _dial(self, order: Mapping[str, Any]) -> None:
        """Put on disk that a call begins, then send the INVITE."""
        assert self._disk, "started"
        id_, attempt, line = order["call"], order["attempt"], self._lines[order["line"]]
        async with self._dialling:
            self._early = []  # what happens before we know the call's handle
            try:
                await self._disk.begin(order["at"], attempt=attempt, line=line.name)
                call = await line.agent.dial(order["uri"], headers=order["headers"])
            except (BaresipError, ValueError, OSError) as error:
                self._note("ended", attempt, **asdict(End(reason=str(error))))
                self._say("refused", call=id_, why=str(error))
                return
            finally:
                early, self._early = self._early, None
            sip = next((one.call_id for one in early if one.call == call.handle and one.call_id), "")
            known = InTheAir(id=id_, attempt=attempt, call=call, sip=sip, began=self._loop.time())
            self._calls[id_] = known
            self._say("dialled", call=id_, sip=sip)
            for event in early:
                self._on_event(event)

    async def play(self, order: Mapping[str, Any]) -> None:
        """Play a file instead of what is playing; a file of none is silence."""
        known = self._calls.get(order["call"])
        if known is None:
            return
        if known.playing:
            known.playing.cancel()
            with contextlib.suppress(BaresipError):
                known.call.audio.flush_tx()
                await asyncio.sleep(FLUSHED)  # what is written before its next tick is thrown away, too
            known.playing = None
        if order["file"]:
            known.playing = self._loop.create_task(self._play(known, order["file"], order["number"]))
            self._keep(known.playing)

    async def _play(self, known: InTheAir, file: str, number: int) -> None:
        try:
            await poured(known.call, file)
        except (OSError, EOFError, ValueError, wave.Error) as error:
            complain(f"{file} cannot be played: {error}")
        self._say("played", call=known.id, number=number)

    async def hang_up(self, order: Mapping[str, Any]) -> None:
        """End a call; its end is told as ever."""
        known = self._calls.get(order["call"])
        if known is not None:
            known.ours = True
            with contextlib.suppress(BaresipError):  # it has ended this moment
                await known.call.hangup()

    async def ping(self, _order: Mapping[str, Any]) -> None:
        """Answer, if the stack's own thread still does."""
        await self._runtime.set_sip_trace(enabled=True)  # the least that goes to its thread and back
        self._say("pong")

    async def leave(self) -> None:
        """End every call, with its end on disk, and unregister: whoever asked for them is gone."""
        self._orphaned = True
        await (
            self._dialling.acquire()
        )  # what is just being dialled is a call first; and nothing is dialled any more
        for id_ in list(self._calls):
            await self.hang_up({"call": id_})
        self._empty.clear()
        if self._calls:
            await _at_most(GOODBYE, self._empty.wait())
        for known in list(self._calls.values()):
            self._closed(known, "")
        if self._disk:
            await self._disk.written()
        away = (line.agent.unregister(timeout=GOODBYE) for line in self._lines.values() if line.registers)
        await _at_most(GOODBYE, asyncio.gather(*away, return_exceptions=True))

    # what happens -------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(self._loop.create_task(work))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            complain(f"{type(error).__name__}: {error}")

    def _on_event(self, event: StackEvent) -> None:
        if event.event in (Event.REGISTER_OK, Event.REGISTER_FAIL):
            self._on_registration(event)
            return
        known = next((one for one in self._calls.values() if one.call.handle == event.call), None)
        if known is None:
            if self._early is not None and event.call:
                self._early.append(event)
            return
        known.sip = known.sip or event.call_id or ""
        match event.event:
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                self._rings(known)
            case Event.CALL_ESTABLISHED:
                self._answered(known)
            case Event.CALL_DTMF_START if event.text:
                self._pressed(known, event.text[:1])
            case Event.CALL_CLOSED:
                self._closed(known, event.text or "")

    def _on_registration(self, event: StackEvent) -> None:
        line = next((one for one in self._lines.values() if one.agent.handle == event.ua), None)
        if line is None or self._orphaned:
            return
        line.up = event.event is Event.REGISTER_OK
        why = "" if line.up else event.text or "the registrar does not answer"
        self._say("line", line=line.name, up=line.up, why=why)
        if line.up:
            line.failures = 0
        elif line.again is None:
            delay = REGISTER_AGAIN[min(line.failures, len(REGISTER_AGAIN) - 1)]
            line.failures += 1
            line.again = self._loop.call_later(delay, self._register, line)

    def _rings(self, known: InTheAir) -> None:
        known.progress = known.taken = True
        if not known.rang:
            known.rang = True
            self._say("ringing", call=known.id, sip=known.sip)

    def _answered(self, known: InTheAir) -> None:
        if known.answered_at is not None:
            return
        known.progress = known.taken = True
        known.answered_at = self._loop.time()
        self._note("answered", known.attempt, sip=known.sip)
        self._say("answered", call=known.id, sip=known.sip)

    def _pressed(self, known: InTheAir, digit: str) -> None:
        """A key is proof: it is on disk before anything is made of it."""
        self._note(
            "key",
            known.attempt,
            sip=known.sip,
            digit=digit,
            then=partial(self._say, "key", call=known.id, digit=digit),
        )

    def _closed(self, known: InTheAir, text: str) -> None:
        self._calls.pop(known.id, None)
        if not self._calls:
            self._empty.set()
        if known.playing:
            known.playing.cancel()
        said = _CLOSED.fullmatch(text)
        end = End(
            status=int(said[1]) if said else 0,
            reason=(said[2] if said else text)[:200],
            answered=known.answered_at is not None,
            rang=known.rang,
            progress=known.progress or said is not None,
            ours=known.ours,
            orphaned=self._orphaned,
            seconds=round(self._loop.time() - (known.answered_at or known.began), 1),
        )
        told = partial(self._say, "closed", call=known.id, **asdict(end))
        self._note("ended", known.attempt, sip=known.sip, **asdict(end), then=told)

    def _note(
        self, what: str, attempt: str, *, then: Callable[[], None] = lambda: None, **facts: Any
    ) -> None:
        """Put something on disk, and do what follows in the order it was noted."""
        assert self._disk, "started"
        self._spawn(_written(self._disk.write(what, attempt=attempt, **facts), then))

    # the wire -----------------------------------------------------------------------------------------

    def _on_wire(self, text: str) -> None:
        answer = answer_to_invite(text)
        for known in self._calls.values() if answer else ():
            if answer and known.sip == answer.call_id and not known.taken:
                known.progress, known.taken = True, answer.status < PROVISIONAL
                self._say("trying", call=known.id, status=answer.status, sip=known.sip)


async def _written(writing: Awaitable[None], then: Callable[[], None]) -> None:
    try:
        await writing
    except OSError as error:  # the call goes on; what is not on disk is told to a person in the end
        complain(f"the journal of calls cannot be written: {error}")
    then()


async def _at_most(seconds: float, work: Awaitable[object]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


async def _turn_away(call: Call) -> None:
    """Nobody phones us."""
    with contextlib.suppress(BaresipError):
        await call.reject()


async def main() -> None:
    """Do what comes in on stdin until it ends; a signal to the whole service is its parent's to act on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    out = private_stdout()
    lines = await stdin_lines()

    def say(what: str, **facts: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent is gone: stdin will tell
            os.write(out, json.dumps({"is": what, **facts}).encode() + b"\n")

    agent = Agent(say)
    orders = {
        "dial": agent.dial,
        "play": agent.play,
        "hang_up": agent.hang_up,
        "ping": agent.ping,
    }
    order = json.loads(await lines.readline() or b"{}")
    if not order:
        return
    with contextlib.ExitStack() as stack:
        await _alone(stack, Path(order["folder"]))
        try:
            await agent.start(order)
        except (BaresipError, OSError, ValueError) as error:
            raise SystemExit(f"it cannot start: {error}") from None
        while line := await lines.readline():
            order = json.loads(line)
            await orders[order["do"]](order)
        await agent.leave()
    # The stack's own threads and destructors have nothing more to do for us, and must not hold us up.
    os._exit(0)


async def _alone(stack: contextlib.ExitStack, folder: Path) -> None:
    """Take the lock; an agent before us may still be ending its calls."""
    deadline = asyncio.get_running_loop().time() + LOCK_PATIENCE
    while not stack.enter_context(locked(folder)):
        if asyncio.get_running_loop().time() > deadline:
            raise SystemExit(
                f"another process keeps its journal of calls in {folder}: give each a folder of its own"
            )
        await asyncio.sleep(TICK)


if __name__ == "__main__":
    asyncio.run(main())
