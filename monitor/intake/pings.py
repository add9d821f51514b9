"""Heartbeats: ``/ping/{uuid}[/start|/fail|/log|/{exit-status}][?rid={uuid}]``, by GET, POST or HEAD.

A heartbeat counts by its address alone. Whatever is wrong with its body (too long, too slow, damaged)
costs the detail, never the heartbeat: a lost one would open an incident about a job that ran.
"""

from uuid import UUID

from aiohttp import web

from monitor.errors import NotFoundError, RefusedError
from monitor.intake.body import read_body
from monitor.intake.keys import Intake
from monitor.intake.reports import clean

DETAIL = 10_000
_KINDS = frozenset({"start", "fail", "log"})
_MOST = 255


async def ping(intake: Intake, request: web.Request) -> web.StreamResponse:
    """Take one heartbeat: 200 ``OK`` once it is on record, 404 for an address nobody gave out."""
    uuid = _uuid(request.match_info["uuid"])
    kind, exit_status = _kind(request.match_info.get("what", ""))
    detail = await _detail(intake, request)
    run = _run(request.query.get("rid", ""))
    if not await intake.accept_ping(uuid, kind, exit_status=exit_status, detail=detail, run=run):
        raise NotFoundError
    return web.Response(text="OK")


def not_taken(error: RefusedError) -> web.Response:
    """Say in plain text why a heartbeat was not taken: its senders are shell scripts."""
    said = {404: "not found"}.get(error.status, str(error))
    return web.Response(text=said, status=error.status, headers={"X-Error": error.code})


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFoundError from None


def _run(text: str) -> str | None:
    """Return the sender's name of its run, a UUID as healthchecks has it; one that is none costs only that."""
    try:
        return str(UUID(text)) if text else None
    except ValueError:
        return None


def _kind(what: str) -> tuple[str, int | None]:
    """Read the last part of the address: a word, or the exit status that a shell has at hand in ``$?``."""
    if what == "":
        return "success", None
    if what in _KINDS:
        return what, None
    if what.isascii() and what.isdigit() and int(what[:4]) <= _MOST and len(what) <= len(str(_MOST)):
        return ("fail" if int(what) else "success"), int(what)
    raise NotFoundError


async def _detail(intake: Intake, request: web.Request) -> str:
    """Return the beginning of the body, or why there is none."""
    if not request.body_exists:
        return ""
    try:
        async with read_body(request, intake.limits.ping, intake.memory) as body:
            return clean(bytes(body[:DETAIL]).decode("utf-8", "replace"), DETAIL)
    except RefusedError as error:
        return f"({error})"
