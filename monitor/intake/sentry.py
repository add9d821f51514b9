"""Sentry's SDKs: ``POST /api/{project}/envelope/`` and ``/store/``, by DSN.

    key -> bounded body -> envelope -> events that are crashes -> on record -> 200 {"id"}

An SDK sends once and forgets: what is answered 429 or 500 is lost. So a crash is never rate-limited, and
200 goes out only after the commit; the one 5xx on purpose is 503 when the record cannot be written. What
Tocsin has no use for (transactions, sessions, logs) is taken, counted, thrown away, and the SDK is asked
not to send it for a day.
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import orjson
from aiohttp import web

from monitor.domain.access import Token
from monitor.domain.crashes import CrashReport
from monitor.domain.dumps import Dump
from monitor.errors import RefusedError, StorageError
from monitor.intake.body import Body, read_body
from monitor.intake.envelope import EVENT, Envelope, read_envelope
from monitor.intake.events import crash_of, is_crash
from monitor.intake.inflate import inflater
from monitor.intake.json_text import read_json
from monitor.intake.keys import Intake, dsn_key, dsn_token, sentry_key
from monitor.intake.packing import packed, with_dump

_EVENTS_AT_ONCE = 10
STOP_SENDING = "86400:transaction;span;profile;replay;log_item;session:organization"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Sentry-Rate-Limits, Retry-After, X-Sentry-Error",
}
_PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Content-Type, Content-Encoding, X-Sentry-Auth, Authorization, X-Requested-With, sentry-trace, baggage"
    ),
    "Access-Control-Max-Age": "86400",
}


async def preflight(_: web.Request) -> web.Response:
    """Allow browsers' SDKs to send from any page."""
    return web.Response(status=204, headers=_PREFLIGHT)


async def envelope(intake: Intake, request: web.Request) -> web.Response:
    """Take an envelope; its header may carry the key when nothing else does."""
    key = sentry_key(request)
    token = await dsn_token(intake, key) if key else None
    async with AsyncExitStack() as kept:
        async with read_body(request, intake.limits.sentry, intake.memory) as body:
            async with intake.memory.read(len(body)):
                brought = await read_envelope(body)
                said = dsn_key(brought.dsn) if brought.dsn else None
                if key and said and said != key:
                    raise RefusedError(403, "keys_differ", "The envelope's DSN carries another key.")
                token = token or await dsn_token(intake, said)
                brought, reports = await _crashes(intake, token, brought)
            dump = await _dump(intake, brought, body, kept) if brought.minidump else None
        return await _taken(intake, token, brought, reports, dump)


async def store(intake: Intake, request: web.Request) -> web.Response:
    """Take one event as old clients send it, perhaps as base64 of zlib without saying so."""
    token = await dsn_token(intake, sentry_key(request))
    async with (
        read_body(request, intake.limits.sentry, intake.memory) as body,
        intake.memory.read(len(body)),
    ):
        event = await read_json(_plain(body))
        if not isinstance(event, dict):
            raise RefusedError(400, "event_malformed", "The event is not a JSON object.")
        brought, reports = await _crashes(intake, token, Envelope(event_id=None, dsn=None, events=(event,)))
        del event
    return await _taken(intake, token, brought, reports)


def _plain(body: Body) -> Body:
    """Undo what very old clients do to an event without a header for it."""
    if len(body) > EVENT:
        raise RefusedError(413, "item_too_large", f"An event may have at most {EVENT} bytes.")
    if body[:1] in (b"{", b" ", b"\n", b"\xef", b""):
        return body
    try:
        return _inflated(b64decode(bytes(body).strip(), validate=True))
    except (binascii.Error, ValueError):
        return body


def _inflated(packed: bytes) -> Body:
    inflating, event = inflater("deflate"), bytearray()
    assert inflating is not None, "deflate is a coding"
    for piece in inflating.feed(packed):
        event += piece
        if len(event) > EVENT:
            raise RefusedError(413, "item_too_large", f"An event may have at most {EVENT} bytes.")
    inflating.finish()
    return event


async def _crashes(
    intake: Intake, token: Token, brought: Envelope
) -> tuple[Envelope, tuple[CrashReport, ...]]:
    """Return the crashes among an envelope's events, cut to size, and the envelope without those events."""
    reports: list[CrashReport] = []
    discarded = dict(brought.discarded)
    for number, event in enumerate(brought.events):
        if number % _EVENTS_AT_ONCE == _EVENTS_AT_ONCE - 1:
            await asyncio.sleep(0)  # others have their turn on the loop
        if not is_crash(event, minidump=brought.minidumps > 0):
            discarded["event"] = discarded.get("event", 0) + 1
            continue
        report = crash_of(
            event,
            id=intake.new_id(),
            header_id=brought.event_id if number == 0 else None,
            now=intake.clock(),
            token_system=token.system,
            attachments=brought.attachments,
        )
        reports.append(report)
    return replace(brought, events=(), discarded=discarded), tuple(reports)


async def _dump(intake: Intake, brought: Envelope, body: Body, kept: AsyncExitStack) -> Dump:
    """Return an envelope's dump as it is kept; until ``kept`` is left it counts as on its way to the record."""
    assert brought.minidump is not None, "it is there"
    start, end = brought.minidump
    await kept.enter_async_context(intake.memory.keep(end - start))
    return await packed(body, start, end, brought.minidump_name, intake.limits.kept_dump)


async def _taken(
    intake: Intake,
    token: Token,
    brought: Envelope,
    reports: Sequence[CrashReport],
    dump: Dump | None = None,
) -> web.Response:
    """Put every crash on record, count the rest, and answer."""
    answered = brought.event_id
    if dump is not None:
        first, *others = reports or (_of_dump(intake, token, brought, dump),)
        answered = answered or first.key
        first, kept = with_dump(first, dump)
        await _put(intake, token, first, kept)
        reports = others
    for report in reports:
        await _put(intake, token, report)
        answered = answered or report.key
    _count(intake, "discarded", sum(brought.discarded.values()) + brought.check_ins)
    if brought.lost:
        _count(intake, "lost_by_client", sum(brought.lost.values()))
        with suppress(
            StorageError
        ):  # the crashes are on record, and nobody would send them again for a count
            await intake.note_lost(token=token.id, lost=brought.lost)
    return _answer(answered, brought.discarded)


async def _put(intake: Intake, token: Token, report: CrashReport, dump: Dump | None = None) -> None:
    accepted = await intake.accept_crash(report, token=token.id, dump=dump)
    _count(intake, "accepted" if accepted.new else "duplicate")


def _of_dump(intake: Intake, token: Token, brought: Envelope, dump: Dump) -> CrashReport:
    """Return a report of a dump that came alone, which is a crash, too."""
    return crash_of(
        {"level": "fatal"},
        id=intake.new_id(),
        header_id=brought.event_id or dump.digest[:32],
        now=intake.clock(),
        token_system=token.system,
        attachments=brought.attachments,
    )


def _answer(event_id: str | None, discarded: Mapping[str, int]) -> web.Response:
    stop = {"X-Sentry-Rate-Limits": STOP_SENDING} if set(discarded) - {"event"} else {}
    body = orjson.dumps({"id": event_id} if event_id else {})
    return web.Response(body=body, content_type="application/json", headers={**CORS, **stop})


def _count(intake: Intake, result: str, times: int = 1) -> None:
    if times:
        intake.metrics.crash_reports.labels("sentry", result).inc(times)
