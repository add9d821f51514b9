"""``POST /api/v1/checks/{name}/results``: the result of a look that somebody else has made, for a ``passive`` check.

    token -> bounded body -> JSON -> result -> on record -> 202

A result says ``status``, or a plugin's ``exit_status`` with its ``output``, whose performance data are its values. One
that is older than the one on record changes nothing.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import pydantic
from aiohttp import web

from checks.plugin_output import parse
from monitor.domain.findings import Verdict
from monitor.domain.scrubbing import mask_text
from monitor.errors import NotFoundError
from monitor.intake.alert_words import AlertFace
from monitor.intake.body import read_body
from monitor.intake.json_text import read_json
from monitor.intake.keys import ingest_token
from monitor.intake.problems import answering, body_as, problem
from monitor.intake.reports import LINE, TEXT, WORD, clean, moment_of, parsed_moment

PATH = "/api/v1/checks/{name}/results"
_VERDICTS = {0: Verdict.UP, 1: Verdict.DEGRADED, 2: Verdict.DOWN}
_VALUES = 50
AcceptResult = Callable[[str, Verdict, datetime, str, Mapping[str, float]], Awaitable[bool]]
"""Puts a result on record; returns after the commit, False for one that is older than the one on record."""
SystemOf = Callable[[str], str | None]
"""The system of a passive check; ``NotFoundError`` for no check, ``ConflictError`` for one of another type."""


class ResultBody(pydantic.BaseModel):
    """A result; exactly one of ``status`` and ``exit_status``."""

    model_config = pydantic.ConfigDict(extra="forbid")

    status: Verdict | None = None
    exit_status: Annotated[int, pydantic.Field(ge=0, le=255)] | None = None
    detail: Annotated[str, pydantic.Field(max_length=TEXT)] = ""
    output: Annotated[str, pydantic.Field(max_length=64 * 1024)] = ""
    at: Annotated[str, pydantic.Field(max_length=LINE)] | float | None = None
    values: Annotated[dict[str, float], pydantic.Field(max_length=_VALUES)] = {}

    @pydantic.field_validator("at")
    @classmethod
    def _is_a_time(cls, at: str | float | None) -> str | float | None:
        if at is not None and parsed_moment(at) is None:
            raise ValueError("write a time as 2026-11-22T03:04:05Z or as seconds since 1970")
        return at

    @pydantic.model_validator(mode="after")
    def _says_one_thing(self) -> "ResultBody":
        if (self.status is None) == (self.exit_status is None):
            raise ValueError("give one of status and exit_status")
        return self

    @property
    def verdict(self) -> Verdict:
        """What was seen; an exit status that is none of a plugin's is unknown."""
        return self.status or _VERDICTS.get(self.exit_status or 0, Verdict.UNKNOWN)


def routes(face: AlertFace, accept: AcceptResult, system_of: SystemOf) -> list[web.AbstractRouteDef]:
    """Return the address."""
    handler = answering(partial(result, face, accept, system_of), problem, lambda _result: None)
    return [web.post(PATH, handler)]


async def result(
    face: AlertFace, accept: AcceptResult, system_of: SystemOf, request: web.Request
) -> web.Response:
    """Take one result: 202 when it is on record."""
    token = await ingest_token(face, request)
    name = request.match_info["name"]
    system = system_of(name)
    if token.system is not None and token.system != system:
        raise NotFoundError
    async with read_body(request, face.bounds, face.memory) as body, face.memory.read(len(body)):
        said = body_as(ResultBody, await read_json(body))
    output = parse(said.output)
    values = {clean(one.label, WORD): one.value for one in output.data if one.value is not None}
    values = {key: one for key, one in {**values, **said.values}.items() if math.isfinite(one)}
    detail = mask_text(clean(said.detail or output.text, TEXT))
    at = min(moment_of(said.at, face.clock()), face.clock())
    kept = await accept(name, said.verdict, at, detail, dict(list(values.items())[:_VALUES]))
    return web.json_response({"check": name, "status": said.verdict, "kept": kept}, status=202)
