"""What a telephone provider asks and tells us during a call, one address per attempt.

    POST /calls/twilio/{attempt}/say      what is to be said?        -> the text and the keys
    POST /calls/twilio/{attempt}/key      a key, or that none came   -> recorded, then a closing phrase
    POST /calls/twilio/{attempt}/status   what becomes of the call   -> recorded

Nothing is believed without the provider's signature over our *configured* public address. A key press is
in the record before the provider is answered; if the record is slow, the provider is asked to come back
with the same key, so that no press is lost. A call whose incident is over in the meantime says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import structlog
from aiohttp import web

from alerts import twiml
from alerts.base import CallEvent, CallEventSink, CallScript, CallState
from alerts.cleaning import clean
from alerts.script import phrase
from alerts.twilio import KEY_SEQUENCE, call_state, sequence
from monitor.errors import ConflictError, NotFoundError

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

Say = Callable[[str], Awaitable[CallScript | None]]
"""An attempt's script; None when its incident is over; NotFoundError when there is no such attempt."""

Verify = Callable[[str, twiml.Params, Mapping[str, str]], bool]
"""Whether a request (its public URL, its form, its headers) carries the provider's signature."""

PATIENCE = 6.0
"""Seconds the record may take; providers give up at 15."""

READINGS = 3
"""How often the text is read when no key comes, before we say goodbye."""

MOST_READINGS = 6
"""How often at most, whatever is pressed: a key held down by a cushion must not keep a line for ever."""

MOST_RETURNS = 3
"""How often a provider is asked to come back while the record is slow."""

MOST_FIELDS = 100
"""How many form fields a callback may have; real ones have about twenty."""

MEANINGS: Mapping[str, tuple[CallState, str]] = {
    "1": (CallState.ACKNOWLEDGED, "confirmed"),
    "2": (CallState.ESCALATED, "handed_on"),
}
"""What a key means, and the phrase that closes the call. 9, or any other, reads the text again."""

_ATTEMPT = "/calls/twilio/{attempt:[A-Za-z0-9_-]{1,64}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One request within a call: which attempt, what was sent, how far the call has come."""

    attempt: str
    form: Mapping[str, str]
    language: str
    digit: str
    reading: int
    returns: int

    @property
    def provider_id(self) -> str | None:
        return clean(self.form.get("CallSid", ""), 64) or None

    def address(self, action: str, **changes: str | int) -> str:
        """Return where the provider goes next; relative, so that it stays under the address it called."""
        state = {"language": self.language, "reading": self.reading, **changes}
        return f"{action}?{urlencode(state)}"


class _Calls:
    """The three handlers, with what they need."""

    def __init__(
        self,
        say: Say,
        on_event: CallEventSink,
        verify: Verify,
        public_url: str,
        voices: Mapping[str, str] | None,
    ) -> None:
        self._say = say
        self._on_event = on_event
        self._verify = verify
        self._public_url = public_url.rstrip("/")
        self._voices = voices

    async def say(self, request: web.Request) -> web.Response:
        """Answer what is to be said."""
        turn = await self._turn(request)
        try:
            async with asyncio.timeout(PATIENCE):
                script = await self._say(turn.attempt)
        except NotFoundError as error:
            raise web.HTTPNotFound(text="there is no such call attempt") from error
        except Exception as error:  # noqa: BLE001 - somebody is on the line: whatever is wrong, they are told
            return self._come_back(turn, "say", error)
        if script is None:
            return self._close(turn.language, "settled")
        return self._read(turn, script)

    async def key(self, request: web.Request) -> web.Response:
        """Take a key: record what it means, then close; or read the text again."""
        turn = await self._turn(request)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._keyed(turn)
        except NotFoundError as error:
            raise web.HTTPNotFound(text="there is no such call attempt") from error
        except Exception as error:  # noqa: BLE001 - a pressed key must not be lost, whatever is wrong
            return self._come_back(turn, "key", error)

    async def status(self, request: web.Request) -> web.Response:
        """Record what becomes of the call."""
        turn = await self._turn(request)
        event = _status_event(turn)
        if event is not None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._on_event(event)
            except NotFoundError as error:
                raise web.HTTPNotFound(text="there is no such call attempt") from error
            except ConflictError:
                pass  # What is told comes too late to matter; telling it again would not help.
            except Exception as error:
                log.exception("call.unrecorded", attempt=turn.attempt, action="status")
                raise web.HTTPServiceUnavailable(text="the record is slow, come back") from error
        # An empty 200 is logged as an error by the provider; 204 is not.
        return web.Response(status=204)

    async def _turn(self, request: web.Request) -> _Turn:
        """Read a request and check its signature; 403 without a good one."""
        params = await _form(request)
        # The path as it came, not as aiohttp would write it: the signature is over every character.
        if not self._verify(self._public_url + request.raw_path, params, request.headers):
            raise web.HTTPForbidden(text="the signature is wrong")
        query = request.query
        return _Turn(
            attempt=request.match_info["attempt"],
            form=dict(params),
            language=query.get("language", "en"),
            digit=query.get("digit") or dict(params).get("Digits", ""),
            reading=_count(query.get("reading")),
            returns=_count(query.get("returns")),
        )

    async def _keyed(self, turn: _Turn) -> web.Response:
        script = await self._say(turn.attempt)
        allowed = script is None or turn.digit in script.keys
        state, closing = MEANINGS.get(turn.digit if allowed else "", (None, ""))
        if state is not None and not await self._recorded(turn, state):
            return self._close(turn.language, "settled")
        if script is None:
            return self._close(turn.language, "settled")
        if state is not None:
            return self._close(script.language, closing)
        return self._again(turn, script)

    async def _recorded(self, turn: _Turn, state: CallState) -> bool:
        """Make the record, before anybody hears of it; False: somebody else was faster."""
        event = CallEvent(
            attempt=turn.attempt,
            state=state,
            sequence=KEY_SEQUENCE,
            provider_id=turn.provider_id,
            digit=turn.digit,
        )
        try:
            await self._on_event(event)
        except ConflictError:
            return False
        return True

    def _again(self, turn: _Turn, script: CallScript) -> web.Response:
        """Read the text again, unless nobody seems to be there."""
        if turn.reading >= (MOST_READINGS if turn.digit else READINGS):
            return self._close(script.language, "goodbye")
        strange = turn.digit and turn.digit not in script.keys
        return self._read(turn, script, before=phrase(script.language, "not_understood") if strange else "")

    def _read(self, turn: _Turn, script: CallScript, *, before: str = "") -> web.Response:
        action = turn.address("key", reading=turn.reading + 1)
        return _xml(twiml.announce(script, action=action, before=before, voices=self._voices))

    def _close(self, language: str, words: str) -> web.Response:
        return _xml(twiml.close(language, words, voices=self._voices))

    def _come_back(self, turn: _Turn, action: str, error: Exception) -> web.Response:
        """Have the provider ask again in some seconds, with the key that was pressed."""
        log.error("call.unrecorded", attempt=turn.attempt, action=action, exc_info=error)
        if turn.returns >= MOST_RETURNS:
            return self._close(turn.language, "not_recorded")
        again = turn.address(action, returns=turn.returns + 1, digit=turn.digit)
        return _xml(twiml.wait(turn.language, again, voices=self._voices))


def routes(
    *,
    say: Say,
    on_event: CallEventSink,
    verify: Verify,
    public_url: str,
    voices: Mapping[str, str] | None = None,
) -> list[web.AbstractRouteDef]:
    """Return the addresses a provider calls; ``public_url`` is ours as the provider knows it."""
    calls = _Calls(say, on_event, verify, public_url, voices)
    return [
        web.post(f"{_ATTEMPT}/say", calls.say),
        web.post(f"{_ATTEMPT}/key", calls.key),
        web.post(f"{_ATTEMPT}/status", calls.status),
    ]


def _status_event(turn: _Turn) -> CallEvent | None:
    """Read a status callback; None for a status we do not know."""
    state = call_state(turn.form.get("CallStatus", ""), turn.form.get("SipResponseCode"))
    if state is None:
        return None
    number = turn.form.get("SequenceNumber", "")
    known = number.isascii() and number.isdigit() and len(number) < len(str(KEY_SEQUENCE))
    told = (f"{name}={turn.form[name]}" for name in ("SipResponseCode", "AnsweredBy") if turn.form.get(name))
    return CallEvent(
        attempt=turn.attempt,
        state=state,
        sequence=int(number) if known else sequence(state),
        provider_id=turn.provider_id,
        detail=clean(" ".join(told), 100),
    )


async def _form(request: web.Request) -> list[tuple[str, str]]:
    """Read the form fields; whatever cannot be one is 400, before anybody's signature is looked at."""
    body = await request.read()
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is not a form") from error


def _count(text: str | None) -> int:
    """Read a small number of our own making; it is inside the signed address."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 3 else 0  # noqa: PLR2004


def _xml(document: str) -> web.Response:
    return web.Response(text=document, content_type="application/xml", charset="utf-8")
