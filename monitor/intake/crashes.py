"""``POST /api/v1/crashes``: a crash report as plain JSON, for anything that has curl.

    token -> bounded body -> JSON -> report -> on record -> 202 {"id"}

``Idempotency-Key`` makes sending again safe: the same key gives the same id, the same key with another
body is refused (422). Unlike an SDK's, a hand-written report that is wrong is told everything that is.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from hashlib import sha256
from typing import Annotated

import orjson
import pydantic
from aiohttp import web

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.dumps import Dump
from monitor.errors import RefusedError
from monitor.intake.apports import BEGINS, core_of, read_apport, with_apport
from monitor.intake.body import Body, read_body
from monitor.intake.json_text import read_json
from monitor.intake.keys import Intake, ingest_token
from monitor.intake.problems import body_as
from monitor.intake.reports import (
    FRAMES,
    LINE,
    TEXT,
    WORD,
    clean,
    frame_of,
    moment_of,
    parsed_moment,
    small,
    tags_of,
    text_of,
)
from monitor.intake.ureports import is_ureport, with_ureport

_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_FINGERPRINT = 20
Word = Annotated[str, pydantic.Field(max_length=LINE)]


class FrameBody(pydantic.BaseModel):
    """One call of the stack, innermost first; ``offset`` is within the module, a number or ``"0x115c"``."""

    model_config = pydantic.ConfigDict(extra="ignore")

    function: Word | None = pydantic.Field(None, validation_alias=pydantic.AliasChoices("function", "fn"))
    module: Word | None = pydantic.Field(None, validation_alias=pydantic.AliasChoices("module", "mod"))
    build_id: Word | None = None
    offset: int | Word | None = pydantic.Field(None, validation_alias=pydantic.AliasChoices("offset", "off"))
    file: Word | None = None
    line: int | None = None
    in_app: bool | None = None


class CrashBody(pydantic.BaseModel):
    """A crash report; at least one of ``signal exception message stack`` must be there."""

    model_config = pydantic.ConfigDict(extra="allow")

    system: Word | None = None
    licence: Word | None = None
    machine_id: Word | None = None
    host: Word | None = None
    process: Word | None = None
    version: Annotated[str, pydantic.Field(max_length=LINE, coerce_numbers_to_str=True)] | None = None
    signal: int | Word | None = None
    exception: Word | None = None
    message: str = ""
    stack: Annotated[list[Word | FrameBody], pydantic.Field(max_length=1000)] = []
    at: Word | float | None = None
    release: Word | None = None
    environment: Word | None = None
    level: Word | None = None
    tags: dict[str, str | int | float | bool | None] = {}
    fingerprint: Annotated[list[Word], pydantic.Field(max_length=_FINGERPRINT)] = []

    @pydantic.field_validator("at")
    @classmethod
    def _is_a_time(cls, at: str | float | None) -> str | float | None:
        if at is not None and parsed_moment(at) is None:
            raise ValueError("write a time as 2026-11-22T03:04:05Z or as seconds since 1970")
        return at

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> "CrashBody":
        if not (self.signal or self.exception or self.message.strip() or self.stack):
            raise ValueError("say at least one of signal, exception, message, stack")
        return self


async def crash(intake: Intake, request: web.Request) -> web.Response:
    """Take one report; 202 once it is on record. ABRT's uReports and apport's files are known by how they begin."""
    token = await ingest_token(intake, request)
    key = _idempotency_key(request)
    large = request.content_type.startswith("text/")  # apport's, with a core in it
    bounds = intake.limits.dump if large else intake.limits.json
    async with AsyncExitStack() as kept:
        async with read_body(request, bounds, intake.memory) as body:
            digest = sha256(body).hexdigest()
            report, dump = await _brought(intake, request, body, kept)
        report = replace(report, key=key or report.id, digest=digest, token_system=token.system)
        accepted = await intake.accept_crash(report, token=token.id, dump=dump)
    if not accepted.same:
        raise RefusedError(422, "key_reused", "The Idempotency-Key came before with another body.")
    intake.metrics.crash_reports.labels(report.source, "accepted" if accepted.new else "duplicate").inc()
    return web.Response(body=orjson.dumps({"id": accepted.id}), status=202, content_type="application/json")


async def _brought(
    intake: Intake, request: web.Request, body: Body, kept: AsyncExitStack
) -> tuple[CrashReport, Dump | None]:
    """Return what the body says, and the core that may be in it; until ``kept`` is left that is on its way to the record."""
    if body[: len(BEGINS)] == BEGINS:
        found = await asyncio.to_thread(read_apport, body)
        report = with_apport(_blank(intake, request), found.fields)
        if not found.core:
            return report, None
        await kept.enter_async_context(intake.memory.keep(found.core[1] - found.core[0]))
        return report, await asyncio.to_thread(core_of, body, *found.core, intake.limits.kept_dump)
    async with intake.memory.read(len(body)):
        value = await read_json(body)
        if is_ureport(value):
            return with_ureport(_blank(intake, request), value), None
        return _report(body_as(CrashBody, value), intake), None


def _blank(intake: Intake, request: web.Request) -> CrashReport:
    """Return a report of which only the address speaks yet: ``?system=`` and the like, for formats that have no word for it."""
    id = intake.new_id()  # noqa: A001 - the field's own word
    names = {"system": "serial", "licence": "licence", "machine_id": "machine_id", "host": "host"}
    hints = {name: text for word, name in names.items() if (text := text_of(request.query.get(word)))}
    return CrashReport(id=id, key=id, source="json", at=intake.clock(), system_hint=hints, level="fatal")


def _idempotency_key(request: web.Request) -> str | None:
    """Return the sender's key, with or without the quotes of the IETF's draft; None for no header."""
    raw = request.headers.get("Idempotency-Key")
    if raw is None:
        return None
    key = raw.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise RefusedError(400, "key_malformed", "An Idempotency-Key is 1 to 255 printable ASCII characters.")
    return key


def _report(said: CrashBody, intake: Intake) -> CrashReport:
    id = intake.new_id()  # noqa: A001 - the field's own word
    hints = {"serial": said.system, "licence": said.licence, "machine_id": said.machine_id, "host": said.host}
    more = said.model_extra or {}
    return CrashReport(
        id=id,
        key=id,
        source="json",
        at=moment_of(said.at, intake.clock()),
        system_hint={name: text for name, raw in hints.items() if (text := text_of(raw))},
        tags=tags_of(dict(said.tags)),
        process=text_of(said.process),
        version=text_of(said.version),
        signal=signal_name(text_of(said.signal)),
        exception=text_of(said.exception),
        message=clean(said.message, TEXT),
        frames=_frames(said),
        release=text_of(said.release),
        environment=text_of(said.environment),
        level=text_of(said.level),
        fingerprint=tuple(text for part in said.fingerprint if (text := text_of(part, WORD))),
        extra=dict(_object(small(more))),
    )


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _frames(said: CrashBody) -> tuple[Frame, ...]:
    frames = (frame_of(f if isinstance(f, str) else f.model_dump()) for f in said.stack[:FRAMES])
    return tuple(frame for frame in frames if frame)
