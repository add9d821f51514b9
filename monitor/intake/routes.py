"""The addresses at which crash reports and heartbeats come in, as one list.

The server must run with ``auto_decompress=False`` (see :mod:`monitor.intake.body`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from aiohttp import web

from monitor.errors import RefusedError
from monitor.intake import crashes, journal, minidumps, pings, sentry, submit
from monitor.intake.body import Limits, Memory
from monitor.intake.keys import AcceptCrash, AcceptPing, FindToken, Intake, NoteLost
from monitor.intake.problems import Handler, Say, answering, problem, sentry_problem
from monitor.metrics import Metrics

Face = Callable[[Intake, web.Request], Awaitable[web.StreamResponse]]


def routes(
    *,
    accept_crash: AcceptCrash,
    accept_ping: AcceptPing,
    note_lost: NoteLost,
    find_token: FindToken,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    limits: Limits,
    metrics: Metrics,
) -> list[web.AbstractRouteDef]:
    """Return the intake's routes; an answer of 2xx means that what was sent is on record."""
    intake = Intake(
        accept_crash=accept_crash,
        accept_ping=accept_ping,
        note_lost=note_lost,
        find_token=find_token,
        clock=clock,
        new_id=new_id,
        limits=limits,
        memory=Memory(limits.memory, limits.largest),
        metrics=metrics,
    )
    return [
        web.post("/api/v1/crashes", _face(intake, crashes.crash, problem, "json")),
        *_sentry(intake, "envelope", sentry.envelope),
        *_sentry(intake, "store", sentry.store),
        *_sentry(intake, "minidump", minidumps.minidump, "minidump"),
        web.post("/upload", _face(intake, journal.upload, journal.in_words, "journal")),
        web.post("/submit", _face(intake, submit.submit, submit.discarded, submit.SOURCE)),
        *_pings(intake),
    ]


def _face(intake: Intake, face: Face, say: Say, source: str) -> Handler:
    def count(result: str) -> None:
        intake.metrics.crash_reports.labels(source, result).inc()

    return answering(partial(face, intake), say, count)


def _sentry(intake: Intake, name: str, face: Face, source: str = "sentry") -> list[web.AbstractRouteDef]:
    handler = _face(intake, face, _to_browsers, source)
    paths = [f"/api/{{project:[^/]+}}/{name}{slash}" for slash in ("/", "")]
    return [
        *(web.post(path, handler) for path in paths),
        *(web.options(path, sentry.preflight) for path in paths),
    ]


def _to_browsers(error: RefusedError) -> web.Response:
    response = sentry_problem(error)
    response.headers.update(sentry.CORS)
    return response


def _pings(intake: Intake) -> list[web.AbstractRouteDef]:
    handler = answering(partial(pings.ping, intake), pings.not_taken, lambda _: None)
    paths = ("/ping/{uuid}", "/ping/{uuid}/{what}")
    return [route for path in paths for route in (web.get(path, handler), web.post(path, handler))]
