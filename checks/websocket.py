"""``websocket``: a server upgrades the connection (RFC 6455), answers a ping, and says what it should.

connect (TLS) -> GET with Upgrade -> 101 -> ping, pong -> (send) -> (read until ``expect`` matches) -> close
"""

import base64
import hashlib
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, ConversationKeys, Correspondent, Talk
from checks.curl import dialler_of
from checks.http_request import header_line, header_names
from checks.texts import Pattern, compiled, fill, tidy
from checks.verdicts import Fault
from monitor.domain.findings import Observation

PORT: Final = 80
TLS_PORT: Final = 443
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = 101
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: (.*))?")
_TARGET: Final = re.compile(r"[!-~]*")
_MOST_HEADERS: Final = 100
_MOST_MESSAGE: Final = 64 * 1024
_MOST_CONTROL: Final = 125
_SHORT, _LONG = 126, 127
_NORMAL: Final = struct.pack("!H", 1000)


class _Kind(IntEnum):
    """What a frame is."""

    MORE = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class WebsocketOptions(ConversationKeys):
    """The keys of a ``websocket`` check."""

    headers: Annotated[
        Mapping[str, SecretStr],
        AfterValidator(header_names),
        Field(description="Request headers; `${NAME}` in a value is filled in. Never shown."),
    ] = {}
    subprotocol: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$", description="The subprotocol it must agree to."
        ),
    ] = None
    send: Annotated[
        SecretStr | None,
        Field(description="Send this text once connected; `${NAME}` is filled in. Never shown."),
    ] = None
    expect: Annotated[
        Pattern | None, Field(description="A message must come that matches this pattern (RE2).")
    ] = None
    ping: Annotated[bool, Field(description="Whether the server must answer a ping.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The request, but for the key that differs from look to look."""

    head: bytes
    subprotocol: str | None
    send: bytes | None


class WebsocketCheck:
    """Talks to one server; holds nothing between looks."""

    __slots__ = ("_asked", "_options", "_server")

    def __init__(self, options: WebsocketOptions, server: Correspondent, asked: _Asked) -> None:
        """Take what was read."""
        self._options, self._server, self._asked = options, server, asked

    async def observe(self, now: datetime) -> Observation:
        """Talk once and judge."""
        return await self._server.observe(now, self._talk)

    async def _talk(self, talk: Talk) -> list[Fault]:
        with talk.phase("upgrade", "answer to the upgrade"):
            await self._upgrade(talk)
        talk.fine = "upgraded"
        try:
            early = await self._ping(talk) if self._options.ping else []
            if self._asked.send is not None:
                await talk.say(_frame(_Kind.TEXT, self._asked.send))
            if self._options.expect is not None:
                await self._expected(talk, self._options.expect, early)
        finally:
            talk.line.push(_frame(_Kind.CLOSE, _NORMAL))
        return []

    async def _upgrade(self, talk: Talk) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        await talk.say(self._asked.head + f"Sec-WebSocket-Key: {key}\r\n\r\n".encode())
        match = _STATUS.fullmatch(await talk.heard())
        if match is None:
            raise AnsweredWronglyError("answered something that is not HTTP")
        status = f"{match[1].decode()} {tidy(match[2] or b'')}".rstrip()
        talk.values["status"] = int(match[1])
        if int(match[1]) != _SWITCHING:
            raise AnsweredWronglyError(f"did not upgrade the connection: {status}")
        headers = await _headers(talk)
        proof = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest())
        if headers.get("sec-websocket-accept") != proof.decode():
            raise AnsweredWronglyError("agreed to an upgrade that is not ours (Sec-WebSocket-Accept)")
        agreed = headers.get("sec-websocket-protocol")
        if agreed != self._asked.subprotocol:
            raise AnsweredWronglyError(
                f"agreed to the subprotocol {tidy(agreed or 'none')!r}, expected {self._asked.subprotocol!r}"
            )

    async def _ping(self, talk: Talk) -> list[bytes]:
        """Ask for a pong; return the messages that came before it."""
        token, early = os.urandom(8), list[bytes]()
        with talk.phase("ping", "answer to a ping"):
            await talk.say(_frame(_Kind.PING, token))
            while True:
                kind, data = await _message(talk, pongs=True)
                if kind is _Kind.PONG and data == token:
                    break
                if kind is not _Kind.PONG:
                    early.append(data)
        talk.fine = "answered a ping"
        return early

    async def _expected(self, talk: Talk, pattern: str, early: list[bytes]) -> None:
        with talk.phase("message", f"message that matches {tidy(pattern)!r}"):
            while True:
                data = early.pop(0) if early else (await _message(talk))[1]
                text = data.decode("utf-8", "replace")
                talk.values["message"] = tidy(text)
                if compiled(pattern).search(text) is not None:
                    break
        talk.fine = f"said {tidy(text)!r}"


async def _headers(talk: Talk) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = await talk.heard()
        if not line:
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise AnsweredWronglyError("sent headers without end")


async def _message(talk: Talk, *, pongs: bool = False) -> tuple[_Kind, bytes]:
    """Return the next message, put together; answer pings, and say so if the server closes."""
    whole, first = bytearray(), _Kind.TEXT
    while True:
        kind, data, last = await _read(talk)
        if kind is _Kind.CLOSE:
            raise AnsweredWronglyError(f"closed the websocket: {_reason(data)}")
        if kind is _Kind.PING:
            await talk.say(_frame(_Kind.PONG, data))
        elif kind is _Kind.PONG:
            if pongs:
                return kind, data
        else:
            first = first if kind is _Kind.MORE else kind
            whole += data
            if len(whole) > _MOST_MESSAGE:
                raise AnsweredWronglyError("sent a message without end")
            if last:
                return first, bytes(whole)


async def _read(talk: Talk) -> tuple[_Kind, bytes, bool]:
    """Read one frame (section 5.2)."""
    first, length = await talk.exactly(2)
    try:
        kind = _Kind(first & 15)
    except ValueError:
        raise AnsweredWronglyError("sent a frame of an unknown kind") from None
    if first & 0x70 or length & 0x80:
        raise AnsweredWronglyError("sent a frame that breaks the protocol")
    if length == _SHORT:
        (length,) = struct.unpack("!H", await talk.exactly(2))
    elif length == _LONG:
        (length,) = struct.unpack("!Q", await talk.exactly(8))
    if length > (_MOST_CONTROL if kind >= _Kind.CLOSE else _MOST_MESSAGE):
        raise AnsweredWronglyError("sent a frame too large")
    return kind, await talk.exactly(length), bool(first & 0x80)


def _reason(data: bytes) -> str:
    if len(data) < _MOST_CONTROL and len(data) >= len(_NORMAL):
        (code,) = struct.unpack_from("!H", data)
        return f"{code} {tidy(data[2:])}".rstrip()
    return "without a reason"


def _frame(kind: _Kind, data: bytes) -> bytes:
    """Return one frame as a client sends it: whole, and masked (section 5.3)."""
    mask = os.urandom(4)
    if len(data) < _SHORT:
        length = struct.pack("!B", 0x80 | len(data))
    elif len(data) < 2**16:
        length = struct.pack("!BH", 0x80 | _SHORT, len(data))
    else:
        length = struct.pack("!BQ", 0x80 | _LONG, len(data))
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes((0x80 | kind,)) + length + mask + hidden


class WebsocketType:
    """How ``websocket`` is registered."""

    options: type[Options] = WebsocketOptions

    def build(self, target: Target, options: WebsocketOptions, tools: Tools) -> WebsocketCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        url = urlsplit(target.target.strip())
        if url.scheme not in ("ws", "wss") or not url.netloc or not _TARGET.fullmatch(target.target.strip()):
            raise ValueError(f"{target.target!r} is no websocket: write ws://host/path or wss://host/path")
        secure = url.scheme == "wss"
        server = Correspondent(
            target,
            url.netloc,
            options,
            dialler_of(tools.http),
            port=TLS_PORT if secure else PORT,
            secure=secure,
        )
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        given = [header_line(name, fill(value, tools.variables)) for name, value in options.headers.items()]
        named = {name.lower() for name in options.headers}
        head = [
            f"GET {path} HTTP/1.1".encode(),
            b"" if "host" in named else f"Host: {url.netloc}".encode(),
            b"" if "user-agent" in named else b"User-Agent: Tocsin",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {options.subprotocol}".encode() if options.subprotocol else b"",
            *given,
        ]
        sent = None if options.send is None else fill(options.send, tools.variables).encode()
        if sent is not None and len(sent) > _MOST_MESSAGE:
            raise ValueError(f"send: more than {_MOST_MESSAGE // 1024} KiB")
        lines = b"".join(line + b"\r\n" for line in head if line)
        asked = _Asked(head=lines, subprotocol=options.subprotocol, send=sent)
        return WebsocketCheck(options, server, asked)


TYPE: CheckType = WebsocketType()
