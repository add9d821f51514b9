"""How a port is asked for TLS in the clear, in its own language; and the port such a server has.

    dialect(talk) -> TLS is agreed on, nothing else was said   or   AnsweredWronglyError

The handshake is the caller's, on the same connection.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from checks.conversation import LINE, AnsweredWronglyError, Talk
from checks.texts import tidy

Language = Literal["smtp", "imap", "pop3", "ftp", "ldap", "postgres", "mysql", "xmpp", "xmpp-server"]

_MOST_LINES: Final = 200
_REPLY: Final = re.compile(r"([1-5][0-9]{2})([ -]?)(.*)")
_START_TLS_OID: Final = b"1.3.6.1.4.1.1466.20037"
_LDAP_REQUEST: Final = bytes((0x30, 29, 0x02, 1, 1, 0x77, 24, 0x80, 22)) + _START_TLS_OID  # RFC 4511, 4.14
_LDAP_MOST: Final = 4096
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_EXTENDED: Final = 0x78
_ENUMERATED: Final = 0x0A
_SSL_REQUEST: Final = (8).to_bytes(4) + (80877103).to_bytes(4)  # PostgreSQL, "SSLRequest"
_MYSQL_SSL: Final = 0x0800
_MYSQL_CLIENT: Final = 0x0200 | 0x8000 | _MYSQL_SSL  # 4.1's protocol, its logins, TLS
_MYSQL_ERROR: Final = 0xFF
_MYSQL_MOST: Final = 4096
_XMPP_TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is asked; ``name`` is the server's."""

    port: int
    ask: Callable[[Talk, str], Awaitable[None]]


def _refused(said: str) -> AnsweredWronglyError:
    return AnsweredWronglyError(f"does not agree to TLS: {tidy(said)}")


async def _line(talk: Talk) -> str:
    return (await talk.heard()).decode("utf-8", "replace")


async def _reply(talk: Talk, step: str, what: str) -> tuple[int, str]:
    """Return the code of a reply of one line or many, and its last line (RFC 5321, RFC 959)."""
    talk.step, begun = step, False
    for _ in range(_MOST_LINES):
        line = await _line(talk)
        match = _REPLY.fullmatch(line)
        if match is not None and match[2] != "-":
            return int(match[1]), line
        if match is None and not begun:
            break
        begun = what == "FTP"  # whose lines between the first and the last are any text
    raise AnsweredWronglyError(f"answered something that is not {what}")


async def _smtp(talk: Talk, _name: str) -> None:
    code, said = await _reply(talk, "greeting", "SMTP")
    for command in ("EHLO tocsin.invalid", "STARTTLS"):
        if not 200 <= code < 300:  # noqa: PLR2004 - RFC 5321: it was done
            raise _refused(said)
        await talk.say(f"{command}\r\n".encode())
        code, said = await _reply(talk, f"answer to {command.partition(' ')[0]}", "SMTP")
    if code != 220:  # noqa: PLR2004 - RFC 3207: ready to start
        raise _refused(said)


async def _ftp(talk: Talk, _name: str) -> None:
    code, said = await _reply(talk, "greeting", "FTP")
    if code != 220:  # noqa: PLR2004 - RFC 959
        raise _refused(said)
    await talk.say(b"AUTH TLS\r\n")
    code, said = await _reply(talk, "answer to AUTH TLS", "FTP")
    if code != 234:  # noqa: PLR2004 - RFC 4217
        raise _refused(said)


async def _pop3(talk: Talk, _name: str) -> None:
    talk.step = "greeting"
    for command in (b"STLS\r\n", b""):
        said = await _line(talk)
        if not said.startswith(("+OK", "-ERR")):
            raise AnsweredWronglyError("answered something that is not POP3")
        if not said.startswith("+OK"):
            raise _refused(said)
        talk.step = "answer to STLS"
        await talk.say(command)


async def _imap(talk: Talk, _name: str) -> None:
    talk.step = "greeting"
    if not (await _line(talk)).upper().startswith("* OK"):
        raise AnsweredWronglyError("answered something that is not IMAP")
    talk.step = "answer to STARTTLS"
    await talk.say(b"a STARTTLS\r\n")
    for _ in range(_MOST_LINES):
        said = await _line(talk)
        if said.startswith("a "):
            if not said.upper().startswith("A OK"):
                raise _refused(said[2:])
            return
    raise AnsweredWronglyError("talks without end")


async def _ldap(talk: Talk, _name: str) -> None:
    talk.step = "answer to StartTLS"
    await talk.say(_LDAP_REQUEST)
    kind, body = await _element(talk)
    try:
        code, said = _ldap_result(kind, body)
    except (ValueError, IndexError):
        raise AnsweredWronglyError("answered something that is not LDAP") from None
    if code:
        raise _refused(f"result {code} {said}")


async def _element(talk: Talk) -> tuple[int, bytes]:
    """Return the kind and the content of the next element (BER, definite lengths)."""
    kind, length = await talk.exactly(2)
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= 3:  # noqa: PLR2004 - more would be megabytes
            raise AnsweredWronglyError("answered something that is not LDAP")
        length = int.from_bytes(await talk.exactly(count))
    if length > _LDAP_MOST:
        raise AnsweredWronglyError("answered something that is not LDAP")
    return kind, await talk.exactly(length)


def _ldap_result(kind: int, message: bytes) -> tuple[int, str]:
    """Return the result code of an extended response, and what was said to it."""
    identifier, rest = _first(message, _INTEGER)
    operation, _ = _first(rest, _EXTENDED)
    code, rest = _first(operation, _ENUMERATED)
    if kind != _SEQUENCE or len(identifier) != 1 or len(code) != 1:
        raise ValueError(kind)
    _matched, rest = _first(rest, 0x04)
    said, _ = _first(rest, 0x04)
    return code[0], said.decode("utf-8", "replace")


def _first(data: bytes, kind: int) -> tuple[bytes, bytes]:
    """Return the content of the first element, and what follows it."""
    length, start = data[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start])
    if data[0] != kind or start + length > len(data):
        raise ValueError(kind)
    return data[start : start + length], data[start + length :]


async def _postgres(talk: Talk, _name: str) -> None:
    talk.step = "answer to SSLRequest"
    await talk.say(_SSL_REQUEST)
    said = await talk.exactly(1)
    if said == b"N":
        raise _refused("it has none")
    if said != b"S":
        raise AnsweredWronglyError("answered something that is not PostgreSQL")


async def _mysql(talk: Talk, _name: str) -> None:
    talk.step = "greeting"
    head = await talk.exactly(4)
    length = int.from_bytes(head[:3], "little")
    if head[3] or not 0 < length <= _MYSQL_MOST:
        raise AnsweredWronglyError("answered something that is not MySQL")
    greeting = await talk.exactly(length)
    if greeting[0] == _MYSQL_ERROR:
        raise _refused(greeting[3:].decode("utf-8", "replace"))
    _version, zero, rest = greeting[1:].partition(b"\0")
    if greeting[0] != 10 or not zero or len(rest) < 15:  # noqa: PLR2004 - the protocol's version, its parts
        raise AnsweredWronglyError("answered something that is not MySQL")
    if not int.from_bytes(rest[13:15], "little") & _MYSQL_SSL:
        raise _refused("it has none")
    request = _MYSQL_CLIENT.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x2d" + bytes(23)
    await talk.say(len(request).to_bytes(3, "little") + b"\1" + request)


def _xmpp(namespace: str) -> Callable[[Talk, str], Awaitable[None]]:
    async def ask(talk: Talk, name: str) -> None:
        await talk.say(
            f"<?xml version='1.0'?><stream:stream xmlns='{namespace}' "
            f"xmlns:stream='http://etherx.jabber.org/streams' to='{name}' version='1.0'>".encode()
        )
        features = await _until(talk, "list of features", "</stream:features>")
        if _XMPP_TLS not in features:
            raise _refused("it does not offer starttls")
        await talk.say(f"<starttls xmlns='{_XMPP_TLS}'/>".encode())
        if "<proceed" not in await _until(talk, "answer to starttls", ">"):
            raise _refused("it does not go on")

    return ask


async def _until(talk: Talk, step: str, end: str) -> str:
    talk.step, said = step, ""
    while end not in said:
        said += (await talk.some()).decode("utf-8", "replace")
        if len(said) > LINE or not said.lstrip().startswith("<"):
            raise AnsweredWronglyError("answered something that is not XMPP")
        if "</stream:stream>" in said:
            raise _refused("it ends the stream")
    return said


DIALECTS: Final[Mapping[Language, Dialect]] = MappingProxyType(
    {
        "smtp": Dialect(25, _smtp),
        "imap": Dialect(143, _imap),
        "pop3": Dialect(110, _pop3),
        "ftp": Dialect(21, _ftp),
        "ldap": Dialect(389, _ldap),
        "postgres": Dialect(5432, _postgres),
        "mysql": Dialect(3306, _mysql),
        "xmpp": Dialect(5222, _xmpp("jabber:client")),
        "xmpp-server": Dialect(5269, _xmpp("jabber:server")),
    }
)
