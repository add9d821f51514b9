"""Alerts as others push them: Alertmanager's webhook, events to be enqueued, CloudEvents; all become the same words.

    POST /api/v1/alertmanager/webhook   Alertmanager's (and Grafana's) webhook payload; named by its labels
    POST /api/v1/alerts/enqueue         trigger, acknowledge, resolve, as the Events API v2; named by its dedup_key
    POST /api/v1/alerts/cloudevents     CloudEvents 1.0, binary, structured or a batch; named by source and subject

Who sends these says once that something is wrong and once that it is over: until then it stands, for
``alerts.stands_for`` at most.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson
import structlog
from aiohttp import web

from monitor.domain.access import Token
from monitor.domain.alert_rules import Matcher
from monitor.domain.alerts import Told, fingerprint
from monitor.errors import RefusedError
from monitor.intake import alert_words as words
from monitor.intake.alert_words import AlertFace
from monitor.intake.body import in_turns, read_body
from monitor.intake.json_text import read_json
from monitor.intake.keys import INGEST, ingest_token
from monitor.intake.problems import InvalidError, answering, problem
from monitor.intake.reports import fields_of, parsed_moment, text_of

log = structlog.stdlib.get_logger()
WEBHOOK, EVENT, CLOUDEVENT = "webhook", "event", "cloudevent"
OPERATE = "operate"
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_KEY = 255
_SEVERITIES = ("critical", "error", "warning", "info")
_NEVER = "0001-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFace:
    """What these ways in work with: those of all alerts, and how long an alert stands without a word.

    ``acknowledge`` tells the incident of an alert (by its key) that somebody has taken it; ``over`` says which
    CloudEvents mean that something is over: any of these matchers.
    """

    alerts: AlertFace
    stands_for: Callable[[], timedelta]
    acknowledge: Callable[[str, str, bool], Awaitable[None]]
    over: Callable[[], Sequence[Matcher]]
    new_id: Callable[[], str]


@dataclass(slots=True)
class _Heard:
    """What one body said, and what was wrong with it."""

    told: list[Told] = field(default_factory=list[Told])
    wrong: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def add(self, pointer: str, make: Callable[[], Told]) -> None:
        """Take one alert, or note why it cannot be."""
        try:
            self.told.append(make())
        except ValueError as error:
            self.wrong.append({"pointer": pointer, "detail": str(error)})


def routes(face: EventFace) -> list[web.AbstractRouteDef]:
    """Return the addresses."""
    return [
        web.post("/api/v1/alertmanager/webhook", _answering(face, webhook, WEBHOOK, problem)),
        web.post("/api/v1/alerts/enqueue", _answering(face, enqueue, EVENT, invalid_event)),
        web.post("/api/v1/alerts/cloudevents", _answering(face, cloudevents, CLOUDEVENT, problem)),
    ]


def _answering(face: EventFace, handler: Any, source: str, say: Any) -> Any:
    def count(result: str) -> None:
        face.alerts.metrics.alerts.labels(source, result).inc()

    return answering(partial(handler, face), say, count)


@asynccontextmanager
async def _said(face: EventFace, request: web.Request) -> AsyncGenerator[object]:
    """Give what a body says; whoever asks makes alerts of it before others are read, and lets it go."""
    memory = face.alerts.memory
    async with read_body(request, face.alerts.bounds, memory) as body, memory.read(len(body)):
        yield await read_json(body)


async def _taken(face: EventFace, heard: _Heard, token: Token) -> None:
    """Put on record what could be read, then say what could not."""
    await face.alerts.accept(heard.told, token)
    if heard.wrong:
        raise InvalidError(heard.wrong[:50])


# Alertmanager's webhook -------------------------------------------------------------------------------------


async def webhook(face: EventFace, request: web.Request) -> web.Response:
    """Take a notification of Alertmanager: 200 when it is on record, so that it is not sent again."""
    token = await ingest_token(face.alerts, request)
    await _taken(face, await _notification(face, request, token.system), token)
    return web.json_response({})


async def _notification(face: EventFace, request: web.Request, bound_to: str | None) -> _Heard:
    heard = _Heard()
    ends_at = face.alerts.clock() + face.stands_for()
    async with _said(face, request) as value:
        said = fields_of(value)
        async for number, one in in_turns(enumerate(words.at_most(said.get("alerts")))):
            heard.add(
                f"/alerts/{number}",
                partial(_notified, fields_of(one), bound_to, face.alerts.clock(), ends_at),
            )
        if (truncated := text_of(said.get("truncatedAlerts")) or "0") != "0":
            log.warning("alerts.truncated", count=truncated)
    return heard


def _notified(said: Mapping[str, object], bound_to: str | None, now: datetime, ends_at: datetime) -> Told:
    labels = words.labels_of(said.get("labels"))
    over = said.get("status") == "resolved"
    key, mark = words.named(labels, bound_to)
    return Told(
        key=key,
        fingerprint=mark,
        source=WEBHOOK,
        labels=labels,
        annotations=words.annotations_of(said.get("annotations")),
        starts_at=_moment(said.get("startsAt")),
        ends_at=min(_moment(said.get("endsAt")) or now, now) if over else ends_at,
        url=words.url_of(said.get("generatorURL")),
    )


def _moment(value: object) -> datetime | None:
    """Read a time; none, an empty one and Go's zero time say nothing."""
    if not isinstance(value, str) or not value or value.startswith(_NEVER):
        return None
    moment = parsed_moment(value)
    if moment is None:
        raise ValueError(f"{value[:40]!r} is no time such as 2026-11-22T03:04:05Z")
    return moment


# events to be enqueued --------------------------------------------------------------------------------------


def invalid_event(error: RefusedError) -> web.Response:
    """Say a refusal as senders of such events read it."""
    status, said, errors = error.status, error.code, [str(error)]
    if isinstance(error, InvalidError):
        status, said, errors = 400, "invalid event", [each["detail"] for each in error.errors]
    body = {"status": said, "message": str(error), "errors": errors}
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def enqueue(face: EventFace, request: web.Request) -> web.Response:
    """Take one event: 202 when it is on record; its token is the routing key, or in the header as everywhere."""
    asked = await _asked(face, request)
    if asked.heard is None:
        await face.acknowledge(asked.full_key, asked.by, OPERATE in asked.token.scopes)
    else:
        await _taken(face, asked.heard, asked.token)
    done = {"status": "success", "message": "Event processed", "dedup_key": asked.key}
    return web.json_response(done, status=202)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What an event asks for; ``heard`` is None for one that only acknowledges."""

    token: Token
    key: str
    full_key: str
    by: str
    heard: _Heard | None


async def _asked(face: EventFace, request: web.Request) -> _Asked:
    async with _said(face, request) as value:
        said = fields_of(value)
        token = await _routed(face, request, said)
        action, key = text_of(said.get("event_action")), _dedup_key(said) or face.new_id()
        if action not in ("trigger", "acknowledge", "resolve"):
            raise _invalid("event_action must be one of trigger, acknowledge, resolve")
        if action != "trigger" and not _dedup_key(said):
            raise _invalid(f"dedup_key is needed to {action}")
        full_key = words.key_of(EVENT, token.system, [key])
        heard = None if action == "acknowledge" else _Heard()
        if heard is not None:
            heard.add("", partial(_event, face, said, full_key, over=action == "resolve"))
        by = text_of(said.get("client")) or "another program"
        return _Asked(token=token, key=key, full_key=full_key, by=by, heard=heard)


async def _routed(face: EventFace, request: web.Request, said: Mapping[str, object]) -> Token:
    key = said.get("routing_key")
    if "Authorization" in request.headers or not isinstance(key, str):
        return await ingest_token(face.alerts, request)
    token = await face.alerts.find_token(key, "api")
    if token is None or INGEST not in token.scopes:
        raise RefusedError(403, "routing_key", "The routing_key is not a token with the scope ingest.")
    return token


def _dedup_key(said: Mapping[str, object]) -> str | None:
    key = said.get("dedup_key")
    if isinstance(key, str) and len(key) > _KEY:
        raise _invalid(f"dedup_key has more than {_KEY} characters")
    return key if isinstance(key, str) and key else None


def _invalid(detail: str) -> InvalidError:
    return InvalidError([{"pointer": "", "detail": detail}])


def _event(face: EventFace, said: Mapping[str, object], key: str, *, over: bool) -> Told:
    now, payload = face.alerts.clock(), fields_of(said.get("payload"))
    summary, severity = text_of(payload.get("summary"), 1024), text_of(payload.get("severity"))
    if not over and (not summary or not text_of(payload.get("source"))):
        raise ValueError("payload.summary and payload.source are needed to trigger")
    if not over and severity not in _SEVERITIES:
        raise ValueError(f"payload.severity must be one of {', '.join(_SEVERITIES)}")
    own = {name: payload.get(name) for name in ("source", "severity", "component", "group", "class")}
    labels = words.loose_labels(own, fields_of(payload.get("custom_details")))
    labels.setdefault("alertname", labels.get("class") or (summary or "event")[:100])
    began = _moment(payload.get("timestamp"))
    return Told(
        key=key,
        fingerprint=fingerprint(labels),
        source=EVENT,
        labels=labels,
        annotations=words.annotations_of({"summary": summary or ""}),
        starts_at=None if over else min(began or now, now),
        ends_at=now if over else now + face.stands_for(),
        url=words.url_of(said.get("client_url")),
    )


# CloudEvents ------------------------------------------------------------------------------------------------


async def cloudevents(face: EventFace, request: web.Request) -> web.Response:
    """Take CloudEvents in any of HTTP's modes: 202 when they are on record."""
    token = await ingest_token(face.alerts, request)
    await _taken(face, await _heard(face, request, token.system), token)
    return web.Response(status=202)


async def _heard(face: EventFace, request: web.Request, bound_to: str | None) -> _Heard:
    heard = _Heard()
    async with _events(face, request) as events:
        async for number, event in in_turns(enumerate(events)):
            heard.add(f"/{number}", partial(_cloudevent, face, fields_of(event), bound_to))
    return heard


@asynccontextmanager
async def _events(face: EventFace, request: web.Request) -> AsyncGenerator[Iterable[object]]:
    kind = request.content_type
    if kind in (BATCH, STRUCTURED):
        async with _said(face, request) as said:
            yield words.at_most(said) if kind == BATCH else [said]
        return
    event: dict[str, object] = {
        name.lower().removeprefix("ce-"): unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith("ce-")
    }
    if not event:
        raise RefusedError(
            400, "no_cloudevent", f"Send {STRUCTURED}, {BATCH}, or the ce- headers of a CloudEvent."
        )
    if request.body_exists and (kind == "application/json" or kind.endswith("+json")):
        async with _said(face, request) as data:
            yield [{**event, "data": data}]
        return
    yield [event]


def _cloudevent(face: EventFace, event: Mapping[str, object], bound_to: str | None) -> Told:
    """Read one event: its attributes and the plain values of its data are its labels."""
    missing = [name for name in ("id", "source", "type", "specversion") if not text_of(event.get(name))]
    if missing:
        raise ValueError(f"a CloudEvent has {', '.join(missing)}")
    if not (text_of(event.get("specversion")) or "").startswith("1."):
        raise ValueError("only CloudEvents 1 are understood")
    now, data = face.alerts.clock(), fields_of(event.get("data"))
    own = {name: event.get(name) for name in ("type", "source", "subject")}
    labels = words.loose_labels(own, data)
    named = text_of(data.get("dedup_key"), _KEY)
    labels.setdefault("alertname", labels["type"])
    over = any(matcher.met(labels) for matcher in face.over())
    told_at = _moment(event.get("time"))
    at = min(told_at or now, now)
    said = {name: data.get(name) for name in ("summary", "message", "description", "title")}
    return Told(
        key=words.key_of(
            CLOUDEVENT, bound_to, [named] if named else [labels["source"], labels.get("subject", "")]
        ),
        fingerprint=fingerprint(labels),
        source=CLOUDEVENT,
        labels=labels,
        annotations=words.annotations_of(said),
        starts_at=at if told_at else None,
        ends_at=at if over else now + face.stands_for(),
        url=words.url_of(data.get("url")),
    )
