"""One call from the INVITE to its last word.

    dial -> rings -> answered -> text and keys, twice -> key on record -> thanks -> hung up
         -> refused before it rang: the next line                     -> nobody pressed a key

What happens in the other process arrives in a queue. Whatever happens, a call comes to an end here: every
wait has a limit. What became of it is told to the sink, in words.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from alerts import sip_outcomes
from alerts.base import CallEvent, CallEventSink, CallScript, CallState
from alerts.script import LONGEST_CALL
from alerts.sip_journal import End, end_of
from alerts.sip_outcomes import FINAL_SEQUENCE, KEY_SEQUENCE, MEANINGS, Outcome
from monitor.errors import DeliveryError

READINGS = 2
KEY_SECONDS = 8.0
"""How long a key is waited for after the last word."""

LIFTING = 0.5
"""Seconds between picking up and the first word: the phone is not at the ear yet, and the sound's way just opens."""

LINGERING = 0.4
"""Seconds between the last word and hanging up: it is still on its way."""

LONGEST_TALK = 240.0
"""Seconds after which no further reading begins, however often 9 is pressed."""

SINK_PATIENCE = 5.0
SINK_PAUSES = (0.2, 1.0, 3.0)
WITHOUT_RINGING = 20.0
"""Seconds more than it may ring that the PBX may take to make it ring."""

REFUSAL = 200
"""From this status on an answer is no sign that the call is being worked on."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
Say = Callable[[str], Awaitable[CallScript | None]]


class LostError(Exception):
    """The process that spoke SIP is gone: nobody here knows what became of the call."""


class OverError(Exception):
    """The call has ended."""

    def __init__(self, end: End) -> None:
        """Keep how."""
        super().__init__(end.reason)
        self.end = end


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for: the SIP process; a first sign of the PBX; a key; the end of a call that we hang up."""

    ready: float = 6.0
    setup: float = 10.0
    key: float = KEY_SECONDS
    closing: float = 4.0


class Orders(Protocol):
    """Gives orders about calls to the process that speaks SIP."""

    def __call__(self, do: str, **facts: Any) -> None: ...  # noqa: D102


class Voice(Protocol):
    """Turns what is to be said into files."""

    async def reading(self, call: CallScript) -> Sequence[str]:
        """Return the files of one reading: the text and the keys."""
        ...

    async def phrase(self, language: str, name: str) -> str:
        """Return the file of a fixed phrase."""
        ...


@dataclass(slots=True, kw_only=True)
class Talk:
    """A call that was begun. ``id`` is what the other process calls it; ``inbox`` is what it says of it."""

    script: CallScript
    id: str
    order: Orders
    voice: Voice
    on_event: CallEventSink
    say: Say | None
    patience: Patience
    wedged: Callable[[str], None]
    on_sign: Callable[[], None] = lambda: None
    sip: str | None = None
    state: CallState = CallState.QUEUED
    inbox: asyncio.Queue[Mapping[str, Any]] = field(default_factory=asyncio.Queue[Mapping[str, Any]])
    cut: bool = False
    _played: int = 0

    async def ring(self) -> Outcome | None:
        """Let it ring; None: somebody picked up. The INVITE has been ordered already."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + self.patience.setup
        while True:
            try:
                message = await self._next(limit - loop.time())
            except TimeoutError:
                return sip_outcomes.unanswered(await self._hung_up())
            except OverError as over:
                return self._cut_short() or sip_outcomes.unanswered(over.end)
            if message["is"] in ("ringing", "answered") or message.get("status", REFUSAL) < REFUSAL:
                self.on_sign()
            match message["is"]:
                case "trying":
                    limit = max(limit, loop.time() + self.script.ring_seconds + WITHOUT_RINGING)
                case "ringing":
                    limit = loop.time() + self.script.ring_seconds
                    await self.note(CallState.RINGING, 1)
                case "answered":
                    return None
                case "cut":
                    await self._hung_up()
                    return self._cut_short()

    async def speak(self) -> Outcome | None:
        """Speak with whoever picked up; None: their key is on record, and nothing more is to be told."""
        await self.note(CallState.ANSWERED, 2)
        try:
            return await self._spoken()
        except OverError as over:
            return self._cut_short() or sip_outcomes.answered(over.end)
        except DeliveryError as error:  # nothing can be said: nobody is left to listen to silence
            with contextlib.suppress(OverError):
                await self._hung_up()
            return Outcome(state=CallState.COMPLETED, detail=str(error))

    async def _spoken(self) -> Outcome | None:
        lifted = asyncio.get_running_loop().time() + LIFTING
        script = await self._asked()
        await asyncio.sleep(max(lifted - asyncio.get_running_loop().time(), 0))
        if script is None:
            return await self._close("settled", "the matter was settled when it was answered")
        loop = asyncio.get_running_loop()
        begun, readings, before = loop.time(), 0, ""
        while readings < READINGS and loop.time() - begun < LONGEST_TALK:
            key = await self._read(script, before)
            if self.cut:
                return await self._close("settled", "hung up: nobody is needed any more")
            if key in MEANINGS and key in script.keys:
                return await self._pressed(script, key)
            before = "not_understood" if key and not self._again(script, key) else ""
            readings = 0 if key else readings + 1
        return await self._close("goodbye", sip_outcomes.NO_KEY)

    def _again(self, script: CallScript, key: str) -> bool:
        return key == sip_outcomes.AGAIN and key in script.keys

    async def _read(self, script: CallScript, before: str) -> str:
        """Read the text and the keys once; return the key that was pressed, or ''."""
        files = list(await self.voice.reading(script))
        if before:
            files.insert(0, await self.voice.phrase(script.language, before))
        for file in files:
            if self.cut:
                return ""
            key = await self._played_or_key(file)
            if key:
                return key
        return await self._key_within(self.patience.key)

    async def _played_or_key(self, file: str) -> str:
        self._played += 1
        self.order("play", call=self.id, file=file, number=self._played)
        return await self._key_within(2 * LONGEST_CALL, until=self._played)

    async def _key_within(self, seconds: float, *, until: int = 0) -> str:
        """Wait for a key; '' when the file is through, the time is up or the call is cut."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while not self.cut:
            try:
                message = await self._next(limit - loop.time())
            except TimeoutError:
                return ""
            match message["is"]:
                case "key":
                    self.order("play", call=self.id, file=None, number=0)
                    return str(message["digit"])
                case "played" if message["number"] == until:
                    return ""
        return ""

    async def _pressed(self, script: CallScript, key: str) -> Outcome | None:
        """Put the key on record, and only then thank for it."""
        event = CallEvent(
            attempt=script.attempt,
            state=MEANINGS[key],
            sequence=KEY_SEQUENCE,
            provider_id=self.sip,
            digit=key,
            detail=f"pressed {key}",
        )
        self.state = event.state
        recorded = await self._told(event)
        for pause in () if recorded else SINK_PAUSES:
            await self._utter(script.language, "one_moment")
            await asyncio.sleep(pause)
            recorded = await self._told(event)
            if recorded:
                break
        phrase = ("confirmed" if key == "1" else "handed_on") if recorded else "not_recorded"
        await self._close(phrase, "", language=script.language)
        return None

    async def _close(self, phrase: str, detail: str, *, language: str | None = None) -> Outcome:
        """Say a last phrase and hang up."""
        try:
            await self._utter(language or self.script.language, phrase)
            await asyncio.sleep(LINGERING)
            await self._hung_up()
        except OverError:  # they hung up on a goodbye
            pass
        return Outcome(state=CallState.COMPLETED, detail=detail)

    async def _utter(self, language: str, phrase: str) -> None:
        """Say a phrase to its end, whatever is pressed meanwhile."""
        self._played += 1
        try:
            file = await self.voice.phrase(language, phrase)
        except DeliveryError as error:  # it is hung up without the nicety
            log.warning("call.phrase_not_said", phrase=phrase, why=str(error))
            return
        self.order("play", call=self.id, file=file, number=self._played)
        loop = asyncio.get_running_loop()
        limit = loop.time() + LONGEST_CALL
        while True:
            try:
                message = await self._next(limit - loop.time())
            except TimeoutError:
                return
            if message["is"] == "played" and message["number"] == self._played:
                return

    async def _asked(self) -> CallScript | None:
        """Ask what is to be said; what was to be said when it was placed, where nobody answers in time."""
        if self.say is None:
            return self.script
        try:
            async with asyncio.timeout(SINK_PATIENCE):
                return await self.say(self.script.attempt)
        except Exception:
            log.exception("call.words_not_told", attempt=self.script.attempt)
            return self.script

    async def _hung_up(self) -> End:
        """Hang up and wait for the end; a process that cannot even do that is no good any more."""
        self.order("hang_up", call=self.id)
        loop = asyncio.get_running_loop()
        limit = loop.time() + self.patience.closing
        while True:
            try:
                await self._next(limit - loop.time())
            except OverError as over:
                return over.end
            except TimeoutError:
                self.wedged("a call could not be hung up")
                raise LostError("the SIP process did not hang up") from None

    async def _next(self, seconds: float) -> Mapping[str, Any]:
        """Return the next message; the end of the call, or of the process, comes as an error."""
        async with asyncio.timeout(max(seconds, 0)):
            message = await self.inbox.get()
        if message.get("sip"):
            self.sip = message["sip"]
        match message["is"]:
            case "closed":
                raise OverError(end_of(message))
            case "refused":
                raise OverError(End(reason=str(message["why"])))
            case "lost":
                raise LostError(str(message["why"]))
            case "cut":
                self.cut = True
        return message

    def _cut_short(self) -> Outcome | None:
        if not self.cut:
            return None
        return Outcome(state=CallState.COMPLETED, detail="hung up: nobody is needed any more")

    # what is told -------------------------------------------------------------------------------------

    async def note(self, state: CallState, sequence: int, detail: str = "") -> None:
        """Tell how far it is; if that cannot be recorded, the call goes on all the same."""
        self.state = state
        await self._told(
            CallEvent(
                attempt=self.script.attempt,
                state=state,
                sequence=sequence,
                provider_id=self.sip,
                detail=detail,
            )
        )

    async def finish(self, outcome: Outcome) -> None:
        """Tell how it ended."""
        await self.tell_at_last(
            CallEvent(
                attempt=self.script.attempt,
                state=outcome.state,
                sequence=FINAL_SEQUENCE,
                provider_id=self.sip,
                detail=outcome.detail,
            )
        )

    async def tell_at_last(self, event: CallEvent) -> None:
        """Tell the last there is to tell, a few times if need be; then the journal is asked in its place."""
        self.state = event.state
        for pause in (*SINK_PAUSES, None):
            if await self._told(event) or pause is None:
                return
            await asyncio.sleep(pause)

    async def _told(self, event: CallEvent) -> bool:
        try:
            async with asyncio.timeout(SINK_PATIENCE):
                await self.on_event(event)
        except Exception:
            log.exception("call.not_recorded", attempt=event.attempt, state=event.state)
            return False
        return True
