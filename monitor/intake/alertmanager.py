"""Alertmanager's interface (API v2), so that Prometheus may list us as one, and ``amtool`` may add and query.

    POST …/api/v2/alerts   token -> bounded body -> told -> on record -> 200
    GET  …/api/v2/alerts   what fires now, by matchers; status, receivers, groups; silences: none are kept

Errors are one JSON text, as there. One alert of many that is wrong is refused alone: the others are taken first.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from monitor.domain.alert_rules import Matcher
from monitor.domain.alerts import Alert, Told
from monitor.errors import RefusedError
from monitor.intake.alert_words import AlertFace, annotations_of, at_most, labels_of, named, url_of
from monitor.intake.body import read_body
from monitor.intake.json_text import read_json
from monitor.intake.keys import ingest_token
from monitor.intake.problems import answering
from monitor.intake.reports import fields_of, parsed_moment
from monitor.settings.matchers import matcher

SOURCE = "alertmanager"
PREFIX = "/alertmanager"
READ = "read"
RECEIVER = "tocsin"
_WRONG = 20
_TURN = 200
_NEVER = "0001-01-01"
_NO_SILENCES = (
    "Silences are not kept here: plan a maintenance (POST /api/v1/maintenance), which holds contacts back."
)


def routes(face: AlertFace) -> list[web.AbstractRouteDef]:
    """Return the interface's addresses."""
    api = f"{PREFIX}/api/v2"
    asked = {
        "alerts": alerts,
        "alerts/groups": groups,
        "status": status,
        "receivers": receivers,
        "silences": silences,
    }
    return [
        web.post(f"{api}/alerts", _answering(face, add)),
        *(web.get(f"{api}/{path}", _answering(face, handler)) for path, handler in asked.items()),
        web.post(f"{api}/silences", _answering(face, no_silences)),
        web.get(f"{api}/silence/{{id}}", _answering(face, no_silences)),
        web.delete(f"{api}/silence/{{id}}", _answering(face, no_silences)),
        *(web.get(f"{PREFIX}/-/{name}", _fine) for name in ("healthy", "ready")),
    ]


def _answering(face: AlertFace, handler: Any) -> Any:
    def count(result: str) -> None:
        face.metrics.alerts.labels(SOURCE, result).inc()

    return answering(partial(handler, face), refusal, count)


def refusal(error: RefusedError) -> web.Response:
    """Say a refusal as Alertmanager does: one JSON text."""
    headers = {"WWW-Authenticate": 'Basic realm="tocsin"'} if error.status == 401 else {}  # noqa: PLR2004
    return web.Response(
        body=orjson.dumps(str(error)), status=error.status, content_type="application/json", headers=headers
    )


async def _fine(_request: web.Request) -> web.Response:
    return web.Response(text="OK")


# what is told ---------------------------------------------------------------------------------------------


async def add(face: AlertFace, request: web.Request) -> web.Response:
    """Take alerts: 200 when all that changed is on record; 400 names those that were refused."""
    token = await ingest_token(face, request)
    async with read_body(request, face.bounds, face.memory) as body, face.memory.read(len(body)):
        told, wrong = await _told(at_most(await read_json(body)), token.system)
    await face.accept(told, token)
    if wrong:
        face.metrics.alerts.labels(SOURCE, "refused").inc(len(wrong) - 1)  # the refusal itself counts one
        raise RefusedError(400, "alerts_refused", "; ".join(wrong[:_WRONG]))
    return web.Response()


async def _told(said: Iterable[object], bound_to: str | None) -> tuple[list[Told], list[str]]:
    told, wrong = list[Told](), list[str]()
    for number, one in enumerate(said):
        if number % _TURN == _TURN - 1:
            await asyncio.sleep(0)  # the others have their turn on the loop
        try:
            told.append(_one(fields_of(one), bound_to))
        except ValueError as error:
            wrong.append(f"alert {number}: {error}")
    return told, wrong


def _one(said: Mapping[str, object], bound_to: str | None) -> Told:
    labels = labels_of(said.get("labels"))
    starts_at, ends_at = _moment(said, "startsAt"), _moment(said, "endsAt")
    if starts_at and ends_at and ends_at < starts_at:
        raise ValueError("start time must be before end time")
    key, mark = named(labels, bound_to)
    return Told(
        key=key,
        fingerprint=mark,
        source=SOURCE,
        labels=labels,
        annotations=annotations_of(said.get("annotations")),
        starts_at=starts_at,
        ends_at=ends_at,
        url=url_of(said.get("generatorURL")),
    )


def _moment(said: Mapping[str, object], name: str) -> datetime | None:
    """Read a time; none, an empty one and Go's zero time say nothing."""
    value = said.get(name)
    if value is None or value == "" or (isinstance(value, str) and value.startswith(_NEVER)):
        return None
    moment = parsed_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise ValueError(f"{name} is no time such as 2026-11-22T03:04:05Z")
    return moment


# what is asked --------------------------------------------------------------------------------------------


async def alerts(face: AlertFace, request: web.Request) -> web.Response:
    """Answer what fires, by matchers, in the order of the fingerprints."""
    found = await _asked(face, request)
    return _json([_alert(one) for one in found])


async def groups(face: AlertFace, request: web.Request) -> web.Response:
    """Answer the same as one group: here alerts are grouped by system and symptom, as incidents."""
    found = await _asked(face, request)
    group = {"labels": {}, "receiver": {"name": RECEIVER}, "alerts": [_alert(one) for one in found]}
    return _json([group] if found else [])


async def _asked(face: AlertFace, request: web.Request) -> Sequence[Alert]:
    token = await ingest_token(face, request, or_scope=READ)
    matchers = _matchers(request.query.getall("filter", []))
    if not _yes(request, "active") or not _receives(request):
        return ()
    fits = (one for one in face.standing(token.system) if all(each.met(one.labels) for each in matchers))
    return sorted(fits, key=lambda one: one.fingerprint)


def _matchers(texts: Sequence[str]) -> list[Matcher]:
    try:
        return [matcher(text) for text in texts]
    except ValueError as error:
        raise RefusedError(400, "filter_malformed", f"bad matcher format: {error}") from error


def _yes(request: web.Request, name: str) -> bool:
    said = request.query.get(name, "true").lower()
    if said not in ("true", "false", "1", "0"):
        raise RefusedError(400, "query_malformed", f"{name} in query must be true or false")
    return said in ("true", "1")


def _receives(request: web.Request) -> bool:
    wanted = request.query.get("receiver", "")
    return not wanted or _matchers([f'receiver=~"{wanted}"'])[0].met({"receiver": RECEIVER})


def _alert(alert: Alert) -> dict[str, object]:
    return {
        "annotations": dict(alert.annotations),
        "endsAt": _spelled(alert.ends_at),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": RECEIVER}],
        "startsAt": _spelled(alert.starts_at),
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": _spelled(alert.updated_at),
        "generatorURL": alert.url,
        "labels": dict(alert.labels),
    }


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def status(face: AlertFace, request: web.Request) -> web.Response:
    """Answer who we are: no cluster, and our own version."""
    await ingest_token(face, request, or_scope=READ)
    version = {
        "version": face.version,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }
    return _json(
        {
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": f"route: {{receiver: {RECEIVER}}}\nreceivers: [{{name: {RECEIVER}}}]\n"},
            "uptime": _spelled(face.started_at),
            "versionInfo": version,
        }
    )


async def receivers(face: AlertFace, request: web.Request) -> web.Response:
    """Answer the one receiver there is."""
    await ingest_token(face, request, or_scope=READ)
    return _json([{"name": RECEIVER}])


async def silences(face: AlertFace, request: web.Request) -> web.Response:
    """Answer that there are none."""
    await ingest_token(face, request, or_scope=READ)
    return _json([])


async def no_silences(face: AlertFace, request: web.Request) -> web.Response:
    """Refuse a silence, and say what there is instead."""
    await ingest_token(face, request)
    if request.method == "POST":
        raise RefusedError(400, "no_silences", _NO_SILENCES)
    raise RefusedError(404, "not_found", "There is no such silence.")


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
