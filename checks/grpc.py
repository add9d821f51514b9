"""``grpc``: a server says by the standard health service (grpc.health.v1) that it, or one of its services, is serving.

    connect (TLS, ALPN h2) -> POST /grpc.health.v1.Health/Check -> status of the call -> status of the service

HTTP/2 is h2's, which has no sockets; the two messages are a field each, so no schema compiler is needed.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, ConversationKeys, Correspondent, EndedError, Talk
from checks.curl import dialler_of
from checks.http_request import header_names
from checks.texts import fill, tidy
from checks.verdicts import Fault
from monitor.domain.findings import Observation

_PATH: Final = "/grpc.health.v1.Health/Check"
_STREAM: Final = 1
_SETTINGS: Final = 4
_MOST_BODY: Final = 64 * 1024
_HTTP_OK: Final = "200"
_SERVING: Final = 1
_HEALTH: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_CALLS: Final = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]


def _lower(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    """Bring names into the form HTTP/2 has; the protocol's own may not be replaced."""
    made = {name.lower(): value for name, value in header_names(headers).items()}
    if taken := sorted(name for name in made if name.startswith("grpc-") or name in _OWN):
        raise ValueError(f"{taken[0]!r} is the protocol's own")
    return made


_OWN: Final = frozenset({"content-type", "te", "host", "connection", "transfer-encoding", "upgrade"})


class GrpcOptions(ConversationKeys):
    """The keys of a ``grpc`` check."""

    service: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^[A-Za-z0-9._/-]*$",
            description="The service; empty is the whole server.",
        ),
    ] = ""
    security: Annotated[
        Literal["none", "tls"],
        BeforeValidator(lambda value: "none" if value is None else value),
        Field(description="`tls`, or `none`."),
    ] = "tls"
    metadata: Annotated[
        Mapping[str, SecretStr],
        AfterValidator(_lower),
        Field(description="Metadata of the call; `${NAME}` in a value is filled in. Never shown."),
    ] = {}


@dataclass(slots=True)
class _Answer:
    """What came back of one call."""

    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False


class GrpcCheck:
    """Asks one server; holds nothing between looks."""

    __slots__ = ("_head", "_options", "_server")

    def __init__(
        self, options: GrpcOptions, server: Correspondent, head: tuple[tuple[str, str], ...]
    ) -> None:
        """Take what was read."""
        self._options, self._server, self._head = options, server, head

    async def observe(self, now: datetime) -> Observation:
        """Ask once and judge."""
        return await self._server.observe(now, self._talk)

    async def _talk(self, talk: Talk) -> list[Fault]:
        if talk.line.secured and talk.line.protocol != "h2":
            raise AnsweredWronglyError("does not speak HTTP/2 (no h2 by ALPN)")
        with talk.phase("answer"):
            try:
                answer = await self._call(talk)
            except h2.exceptions.ProtocolError as error:
                raise AnsweredWronglyError("answered something that is not HTTP/2") from error
        self._judge(talk, answer)
        return []

    async def _call(self, talk: Talk) -> _Answer:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        connection.send_headers(_STREAM, self._head)
        connection.send_data(_STREAM, _message(self._options.service), end_stream=True)
        answer = _Answer()
        await talk.say(connection.data_to_send())
        data = await _preface(talk)
        while not answer.ended:
            for event in connection.receive_data(data):
                _take(answer, event, connection)
            await talk.say(connection.data_to_send())
            if not answer.ended:
                data = await talk.some()
        connection.close_connection()
        talk.line.push(connection.data_to_send())
        return answer

    def _judge(self, talk: Talk, answer: _Answer) -> None:
        status = answer.headers.get(":status", "")
        if status != _HTTP_OK:
            raise AnsweredWronglyError(f"answered with HTTP status {tidy(status)}, which is no gRPC")
        call = answer.headers.get("grpc-status", "")
        if not (call.isascii() and call.isdigit()) or int(call[:4]) >= len(_CALLS):
            raise AnsweredWronglyError("answered without the status of the call: it is no gRPC server")
        talk.values["call"] = _CALLS[int(call)]
        whom = f"the service {self._options.service!r}" if self._options.service else "the server"
        if int(call):
            said = tidy(unquote(answer.headers.get("grpc-message", "")))
            raise AnsweredWronglyError(
                f"refused the question for {whom}: {_CALLS[int(call)]} {said}".rstrip()
            )
        health = _health(bytes(answer.body))
        talk.values["health"] = _HEALTH.get(health, str(health))
        if health != _SERVING:
            raise AnsweredWronglyError(f"says that {whom} is {talk.values['health']}")
        talk.fine = f"{whom} is SERVING"


async def _preface(talk: Talk) -> bytes:
    """Return the head of the server's first frame, which must be its settings (RFC 9113, section 3.4)."""
    head = await talk.exactly(9)
    length, kind, stream = int.from_bytes(head[:3]), head[3], int.from_bytes(head[5:])
    if length > _MOST_BODY or kind != _SETTINGS or stream:
        raise AnsweredWronglyError("answered something that is not HTTP/2")
    return head


def _take(answer: _Answer, event: h2.events.Event, connection: h2.connection.H2Connection) -> None:
    """Take one event of the connection; what is neither ours nor an end is h2's own business."""
    if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
        answer.headers |= {_text(name): _text(value) for name, value in event.headers or ()}
    elif isinstance(event, h2.events.DataReceived):
        answer.body += event.data or b""
        if len(answer.body) > _MOST_BODY:
            raise AnsweredWronglyError("answered without end")
        connection.acknowledge_received_data(event.flow_controlled_length or 0, _STREAM)
    elif isinstance(event, h2.events.StreamEnded):
        answer.ended = True
    elif isinstance(event, h2.events.StreamReset):
        raise AnsweredWronglyError(f"reset the call (HTTP/2 error {event.error_code})")
    elif isinstance(event, h2.events.ConnectionTerminated):
        raise EndedError


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _message(service: str) -> bytes:
    """Return a HealthCheckRequest as it travels: field 1 is the service's name, left out if it is empty."""
    name = service.encode()
    length = bytes((len(name),)) if len(name) < 0x80 else bytes((len(name) & 0x7F | 0x80, len(name) >> 7))  # noqa: PLR2004 - a varint
    body = b"\x0a" + length + name if name else b""
    return struct.pack("!BI", 0, len(body)) + body


def _health(data: bytes) -> int:
    """Read a HealthCheckResponse: field 1 is the status, left out if it is 0."""
    if len(data) < 5 or data[0] or struct.unpack("!I", data[1:5])[0] != len(data) - 5:  # noqa: PLR2004 - the prefix
        raise AnsweredWronglyError("answered something that is no health of gRPC")
    body = data[5:]
    if not body:
        return 0
    if len(body) != 2 or body[0] != 0x08:  # noqa: PLR2004 - tag and value
        raise AnsweredWronglyError("answered something that is no health of gRPC")
    return body[1]


class GrpcType:
    """How ``grpc`` is registered."""

    options: type[Options] = GrpcOptions

    def build(self, target: Target, options: GrpcOptions, tools: Tools) -> GrpcCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        secure = options.security == "tls"
        place = target.target.strip()
        server = Correspondent(
            target, place, options, dialler_of(tools.http), secure=secure, protocols=("h2",)
        )
        given = {name: fill(value, tools.variables) for name, value in options.metadata.items()}
        for name, value in given.items():
            if not value.isprintable():
                raise ValueError(f"metadata: the value of {name} holds a control character")
        head = (
            (":method", "POST"),
            (":scheme", "https" if secure else "http"),
            (":path", _PATH),
            (":authority", place),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", "Tocsin"),
            ("grpc-timeout", f"{max(1, round(1000 * target.timeout))}m"),
            *given.items(),
        )
        return GrpcCheck(options, server, head)


TYPE: CheckType = GrpcType()
