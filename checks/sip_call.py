"""``sip-call``: a test call through a PBX: it rings, is answered, sound flows both ways, and we hang up.

    target (sip URI) -> line + sound -> INVITE -> rings -> answered -> tone out, packets in -> BYE -> verdict

Each step has its time, and the sentence names the one that failed. A call never outlives its look: what is not
answered is cancelled, what was answered is hung up, also when the look is cut short. The far end is asked for
nothing but a number that answers by itself; with ``until: ringing`` no one has to answer at all.
"""

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from checks.base import CheckType, Options, Target, Tools
from checks.curl import dialler_of
from checks.dialling import Dialler
from checks.durations import Duration, spell
from checks.rtp import Sound
from checks.sdp import Described, Ours, described
from checks.sip import ACCEPTED, UNAUTHORISED
from checks.sip_dialog import REQUIRED, SUPPORTED, Call
from checks.sip_digest import Login, Session, refused
from checks.sip_faults import Limits, faults_of, place
from checks.sip_line import GarbageError, Line, open_line
from checks.sip_message import Header, Request, Response
from checks.sip_target import Place, SipKeys, read_target, within
from checks.sip_transaction import Exchange, Transaction
from checks.srtp import MATERIAL, TAGS, Key
from checks.verdicts import Fault, Measured, observation, slow, unreachable, wrong
from monitor.domain.findings import Observation, Symptom, Verdict

Codec = Literal["PCMU", "PCMA"]

FLOWS: Final = 5  # packets, a tenth of a second: fewer are no sound
_SHORTEST_RING: Final = 0.25
_SHARE_FOR_GOODBYE: Final = 0.2
_LONGEST_GOODBYE: Final = 1.0
_LONGEST_TALK: Final = 60.0
_RELY: Final[Mapping[str, tuple[Header, ...]]] = {"offered": SUPPORTED, "required": REQUIRED, "off": ()}


def _words(value: object) -> object:
    """YAML 1.1 habits: an unquoted ``none`` or ``off`` is a word here."""
    return "none" if value is None else "off" if value is False else value


class SipCallOptions(SipKeys):
    """The keys of a ``sip-call`` check."""

    until: Annotated[
        Literal["ringing", "answer", "sound"],
        Field(description="How far the call must come: `ringing`, `answer`, or `sound` both ways."),
    ] = "sound"
    talk: Annotated[
        Duration, Field(le=_LONGEST_TALK, description="How long the sound is listened to once answered.")
    ] = 1.0
    echo: Annotated[bool, Field(description="Whether our own tone must come back.")] = False
    loss: Annotated[
        float,
        Field(ge=0, le=100, description="How many per cent of the packets may be lost on the way to us."),
    ] = 5.0
    codecs: Annotated[
        tuple[Codec, ...], Field(min_length=1, max_length=2, description="What is offered, best first.")
    ] = ("PCMU", "PCMA")
    encryption: Annotated[
        Literal["none", "srtp"],
        BeforeValidator(_words),
        Field(
            description="`srtp`: the sound is encrypted both ways (SDES), or the call has failed; or `none`."
        ),
    ] = "none"
    reliable: Annotated[
        Literal["offered", "required", "off"],
        BeforeValidator(_words),
        Field(
            description="Provisional responses that are acknowledged (100rel): `offered`, `required`, `off`."
        ),
    ] = "offered"


class Stage(StrEnum):
    """How far a call came."""

    CALLED = "called"
    RINGING = "ringing"
    ANSWERED = "answered"
    SOUND = "sound"


@dataclass(slots=True)
class _Look:
    """What one look has seen."""

    seen: Exchange = field(default_factory=lambda: Exchange(transaction=Transaction(method="INVITE")))
    stage: Stage = Stage.CALLED
    called: float = 0.0
    described: int = 0
    no_sound: str = "did not say where it wants its sound"
    values: dict[str, float | str] = field(default_factory=dict[str, "float | str"])
    fine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCallCheck:
    """Calls one number; holds nothing between looks."""

    target: Target
    place: Place
    request: Request
    dialler: Dialler
    options: SipCallOptions
    login: Login | None

    async def observe(self, now: datetime) -> Observation:
        """Call once, as far as wanted, and say how far it came."""
        loop = asyncio.get_running_loop()
        began, look = loop.time(), _Look()
        limits = Limits(limit=self._limit, timeout=self.target.timeout)
        faults = await faults_of(lambda: self._dial(look), self.place.endpoint, limits, look.seen)
        if not faults:
            faults = self.options.latency.faults(
                look.seen.phases.get("ring", look.seen.phases.get("answer", 0))
            )
        values = {**_answered(look.seen), **look.values, "stage": str(look.stage)}
        measured = Measured(seconds=loop.time() - began, phases=look.seen.phases, values=values)
        return observation(self.target, now, faults, measured, look.fine)

    @property
    def _limit(self) -> float:
        return self.target.timeout - min(0.1, self.target.timeout / 20)

    @property
    def _goodbye(self) -> float:
        """Return how much of the time is kept for ending the call."""
        return min(_LONGEST_GOODBYE, _SHARE_FOR_GOODBYE * self.target.timeout)

    @property
    def patience(self) -> float:
        """Return how long it may take to be answered."""
        talk = self.options.talk if self.options.until == "sound" else 0.0
        return self._limit - self._goodbye - talk

    async def _dial(self, look: _Look) -> list[Fault]:
        loop, endpoint, seen = asyncio.get_running_loop(), self.place.endpoint, look.seen
        began = loop.time()
        addresses = endpoint.literal or await self.dialler.locate(endpoint.host, endpoint.ip)
        seen.phases["resolve"] = loop.time() - began
        for address in addresses[:-1]:
            seen.address = address
            try:
                return await self._over(look)
            except (GarbageError, ssl.SSLError):
                raise
            except OSError:
                if "rtt" in seen.phases:  # it had answered: this is the one to be judged
                    raise
        seen.address = addresses[-1]
        return await self._over(look)

    async def _over(self, look: _Look) -> list[Fault]:
        line = await open_line(self.place.endpoint, look.seen.address, look.seen.phases, requests=True)
        try:
            sound, port = await Sound.open(line.local[0])
            try:
                return await self._call(line, sound, port, look)
            finally:
                sound.close()
        finally:
            line.close()

    async def _call(self, line: Line, sound: Sound, port: int, look: _Look) -> list[Fault]:
        session = Session(self.login) if self.login is not None else None
        ours = self._ours(line.local[0], port)
        rely = _RELY[self.options.reliable]
        call = Call(line, self.request, session, ours.offer(), look.seen, rely=rely)
        call.agree = lambda body: ours.answer(body, look.described + 1)
        call.told = lambda body: self._told(body, ours, sound, look)
        if ours.keys:
            sound.lock()
        look.called = asyncio.get_running_loop().time()
        async with call:
            try:
                faults = await self._through(call, sound, look)
            finally:
                self._note(sound, look)
                look.values |= {"reliable": call.reliable} if call.reliable else {}
                if session is not None and session.algorithms:
                    look.values["digest"] = session.algorithms
        return faults

    def _ours(self, address: str, port: int) -> Ours:
        """Return our end of the sound, with keys of this call alone if it is to be locked."""
        suites = TAGS if self.options.encryption == "srtp" else {}
        return Ours(
            address=address,
            port=port,
            codecs=self.options.codecs,
            number=int.from_bytes(os.urandom(4)),
            keys=tuple(
                Key(tag=tag, suite=suite, material=os.urandom(MATERIAL))
                for tag, suite in enumerate(suites, 1)
            ),
        )

    async def _through(self, call: Call, sound: Sound, look: _Look) -> list[Fault]:
        """Go through the call step by step; return what went wrong first."""
        wanted = self.options.until
        try:
            async with asyncio.timeout(self.patience):
                final = await call.invite(until_it_rings=wanted == "ringing")
        except TimeoutError as error:
            if error.errno:
                raise
            return await self._unanswered(call, look)
        if call.ring is not None:
            look.stage = Stage.RINGING
            look.seen.phases["ring"] = call.ring - look.called
        if final is None:
            look.fine = f"rang after {spell(look.seen.phases['ring'])}"
            return await self._ended(call.give_up())
        if not within(final.status, ACCEPTED):
            return [self._refusal(final, look)]
        look.stage, sound.answered = Stage.ANSWERED, True
        look.seen.phases["answer"] = asyncio.get_running_loop().time() - look.called
        look.fine = f"answered after {spell(look.seen.phases['answer'])}"
        await call.acknowledge()
        faults = await self._sound_of(call, sound, look) if wanted == "sound" else []
        if call.gone is None:
            faults += await self._ended(call.hang_up())
        return faults

    async def _unanswered(self, call: Call, look: _Look) -> list[Fault]:
        """Cancel, and say how far it came."""
        seen, patience = look.seen, spell(self.patience)
        if not seen.transaction.provisional:
            copies = "1 request" if seen.sent == 1 else f"{seen.sent} requests"
            where = place(self.place.endpoint, seen)
            return [unreachable(f"no answer from {where} within {patience} ({copies} sent)")]
        await self._ended(call.give_up())
        if call.ring is None:
            return [wrong(f"only {seen.transaction.provisional}: it did not ring within {patience}")]
        look.stage = Stage.RINGING
        seen.phases["ring"] = call.ring - look.called
        return [wrong(f"rang after {spell(seen.phases['ring'])}, but nobody answered within {patience}")]

    def _refusal(self, response: Response, look: _Look) -> Fault:
        if self.login is not None and response.status in UNAUTHORISED:
            return wrong(refused(self.login, response))
        rang = " after it rang" if look.stage is Stage.RINGING else ""
        return wrong(f"refused the call{rang}: {response}")

    async def _sound_of(self, call: Call, sound: Sound, look: _Look) -> list[Fault]:
        """Listen for as long as wanted, and judge what came."""
        talk = self.options.talk
        try:
            async with asyncio.timeout(talk):
                await call.listen()
        except TimeoutError as error:
            if error.errno:
                raise
        if call.gone is not None:
            after = asyncio.get_running_loop().time() - look.called - look.seen.phases["answer"]
            why = f" ({call.gone})" if call.gone else ""
            return [_dropped(f"answered, and hung up after {spell(after)}{why}")]
        if look.no_sound:
            return [wrong(f"answered, but the far end {look.no_sound}")]
        if sound.sent < FLOWS:
            return [wrong("answered, but the far end wants no sound of ours: it holds the call")]
        if sound.received - sound.early < FLOWS and sound.unopened >= FLOWS:
            return [
                wrong(f"answered, but the sound that came ({sound.unopened} packets) does not fit its key")
            ]
        if sound.received - sound.early < FLOWS:
            return [wrong(f"answered, but no sound came within {spell(talk)}: {_counts(sound)}")]
        look.stage = Stage.SOUND
        look.fine += f"; sound both ways: {_counts(sound)}"
        return self._quality(sound)

    def _quality(self, sound: Sound) -> list[Fault]:
        if self.options.echo and sound.echoed < FLOWS:
            return [wrong(f"our tone did not come back: {_counts(sound)}, {sound.echoed} with our tone")]
        if sound.lost > self.options.loss:
            return [
                slow(f"{sound.lost:.0f} % of the packets to us were lost, {self.options.loss:g} % may be")
            ]
        return []

    async def _ended(self, ending: Awaitable[Response | None]) -> list[Fault]:
        """Wait a moment until the far end has taken that we hang up."""
        try:
            async with asyncio.timeout(self._goodbye):
                response = await ending
        except OSError as error:
            why = "no answer" if isinstance(error, TimeoutError) else "the connection broke"
            return [slow(f"did not take that we hung up: {why}")]
        if response is None or within(response.status, ACCEPTED):
            return []
        return [slow(f"did not take that we hung up: {response}")]

    def _told(self, body: bytes, ours: Ours, sound: Sound, look: _Look) -> None:
        """Hear where the far end wants our sound; nothing is sent to an address that is refused."""
        found = described(body, self.options.codecs, ours.keys)
        look.described += 1
        look.no_sound = found if isinstance(found, str) else self._refused(found)
        if isinstance(found, str) or look.no_sound:
            return
        if found.key is not None:
            sound.lock(ours.key_for(found.key), found.key)
            look.values["encryption"] = found.key.suite
        if not found.listens:
            sound.hold()
            look.values["held"] = int(look.values.get("held", 0)) + 1
            return
        look.values["codec"] = "PCMU" if found.payload_type == 0 else "PCMA"
        sound.say_to((found.host, found.port), found.payload_type)

    def _refused(self, found: Described) -> str:
        try:
            wanted = ipaddress.ip_address(found.host)
        except ValueError:
            return f"wants its sound at {found.host}, which is no address"
        refusal = self.dialler.vetting.refusal(str(wanted))
        return "" if refusal is None else f"wants its sound at {wanted}, which {refusal}"

    def _note(self, sound: Sound, look: _Look) -> None:
        if sound.first_at is not None:
            look.seen.phases["sound"] = sound.first_at - look.called
        look.values |= {
            "rtp_sent": sound.sent,
            "rtp_received": sound.received,
            "rtp_early": sound.early,
            "rtp_lost": round(sound.lost, 2),
            "jitter_ms": round(sound.main.jitter / 8, 2),
            "rtp_echoed": sound.echoed,
        }


def _dropped(text: str) -> Fault:
    return Fault(Verdict.DOWN, Symptom.CALL_DROPS, text)


def _counts(sound: Sound) -> str:
    return f"{sound.sent} packets sent, {sound.received} received"


def _answered(seen: Exchange) -> dict[str, float | str]:
    values: dict[str, float | str] = {"sent": seen.sent}
    if seen.address:
        values["ip"] = seen.address
    return values


class SipCallType:
    """How ``sip-call`` is registered."""

    options: type[Options] = SipCallOptions
    stays = "a test call takes longer than a second look may"

    def build(self, target: Target, options: SipCallOptions, tools: Tools) -> SipCallCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        dialler = dialler_of(tools.http)
        place = read_target(target.target, options, dialler)
        if not place.user:
            raise ValueError(f"{target.target!r} names nobody to call: write sip:number@host")
        check = SipCallCheck(
            target=target,
            place=place,
            request=Request(
                method="INVITE",
                uri=place.uri,
                sender=options.sender or _caller(place, options),
                user_agent=options.user_agent,
                transport=place.endpoint.transport,
            ),
            dialler=dialler,
            options=options,
            login=options.login(tools),
        )
        if check.patience < _SHORTEST_RING:
            raise ValueError(
                f"timeout: {spell(target.timeout)} leaves no time to ring: {spell(options.talk)} of it are talk"
            )
        return check


def _caller(place: Place, options: SipCallOptions) -> str:
    return f"{place.scheme}:{options.username}@{place.host}" if options.username else ""


TYPE: CheckType = SipCallType()
