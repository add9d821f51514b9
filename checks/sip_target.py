"""What is written in the settings of the SIP types: addresses, ranges of status codes, who we are.

No NAPTR or SRV lookup (RFC 3263) is made: name the host and port that are to be looked at.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from checks.base import Tools
from checks.dialling import Dialler, IpVersion
from checks.latency import Latency
from checks.sip_digest import Login
from checks.sip_line import Endpoint
from checks.streams import TlsKeys
from checks.texts import fill

DEFAULT_PORT: Final = 5060
DEFAULT_TLS_PORT: Final = 5061
MAX_PORT: Final = 65_535

_URI: Final = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[A-Za-z0-9!$%&'()*+,._~:;=?/-]{1,128})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<parameters>(?:;[A-Za-z0-9._-]+(?:=[A-Za-z0-9._-]+)?)*)"
)
_CODES: Final = re.compile(r"([1-6])xx|([1-6][0-9]{2})(?:-([1-6][0-9]{2}))?", re.IGNORECASE)
_PRINTABLE: Final = r"^[ -~]{1,80}$"
_USER: Final = r"^[ -~]{1,128}$"


def _codes(value: object) -> str:
    """Read ``200``, ``200-299`` or ``2xx`` as a range."""
    match = _CODES.fullmatch(str(value).replace(" ", ""))
    if match is None:
        raise ValueError(f"{value!r} is no SIP status: write 200, 200-299 or 2xx")
    first, last = (f"{match[1]}00", f"{match[1]}99") if match[1] else (match[2], match[3] or match[2])
    if last < first:
        raise ValueError(f"{value!r} ends before it begins")
    return first if first == last else f"{first}-{last}"


Codes = Annotated[
    str,
    BeforeValidator(_codes),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}], "examples": [200, "200-299", "2xx"]}),
]


def within(status: int, ranges: tuple[str, ...]) -> bool:
    """Say whether a status is in one of the ranges."""
    pairs = (codes.partition("-") for codes in ranges)
    return any(int(first) <= status <= int(last or first) for first, _, last in pairs)


def _sip_uri(value: object) -> str:
    text = str(value)
    if text and (not _URI.fullmatch(text) or len(text) > 200):  # noqa: PLR2004 - sanity only
        raise ValueError(f"{text!r} is no SIP address as sip:user@host")
    return text


class SipKeys(TlsKeys):
    """The keys that every SIP type has."""

    sender: Annotated[
        str,
        BeforeValidator(_sip_uri),
        Field(alias="from", description="Our own SIP address; by default sip:tocsin@<our address>."),
    ] = ""
    username: Annotated[
        str | None, Field(pattern=_USER, description="Who we are, if the PBX asks for a password.")
    ] = None
    password: Annotated[
        SecretStr | None, Field(description="Our password; `${NAME}` is filled in. Never shown.")
    ] = None
    user_agent: Annotated[str, Field(pattern=_PRINTABLE, description="How we introduce ourselves.")] = (
        "Tocsin"
    )
    latency: Annotated[Latency, Field(description="How late the answer may be.")] = Latency()
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"

    def login(self, tools: Tools) -> Login | None:
        """Return who we are; raise ``ValueError`` for half a login."""
        if self.username is None and self.password is None:
            return None
        if self.username is None or self.password is None:
            raise ValueError("username and password: one without the other proves nothing")
        password = fill(self.password, tools.variables)
        return Login(username=self.username, password=SecretStr(password))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A target as it was read: where to send, and the addresses to put into requests."""

    endpoint: Endpoint
    uri: str
    scheme: str
    user: str
    host: str  # with its port where one was given, as it belongs into an address


def read_target(text: str, options: SipKeys, dialler: Dialler) -> Place:
    """Return what a target says; raise ``ValueError`` with a sentence for a bad one."""
    match = _URI.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no SIP target: write sip:[user@]host[:port][;transport=udp|tcp|tls]")
    transport = _transport(match["parameters"], secure=match["scheme"] == "sips")
    port = int(match["port"] or (DEFAULT_TLS_PORT if transport == "TLS" else DEFAULT_PORT))
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"{port} is no port: {text!r}")
    bare = match["host"].removeprefix("[").removesuffix("]")
    literal = dialler.literal(bare)
    if not literal and match["host"].startswith("["):
        raise ValueError(f"{match['host']} is no IPv6 address")
    endpoint = Endpoint(
        host=bare,
        port=port,
        literal=literal,
        transport=transport,
        ip=options.ip,
        context=options.context() if transport == "TLS" else None,
        name=options.server_name or bare,
    )
    host = f"{match['host']}:{match['port']}" if match["port"] else match["host"]
    user = f"{match['user']}@" if match["user"] else ""
    suffix = "" if transport == "UDP" else f";transport={transport.lower()}"
    return Place(
        endpoint=endpoint,
        uri=f"{match['scheme']}:{user}{host}{suffix}",
        scheme=match["scheme"],
        user=match["user"] or "",
        host=host,
    )


def _transport(parameters: str, *, secure: bool) -> str:
    transport = "TLS" if secure else "UDP"
    for parameter in filter(None, parameters.split(";")):
        name, _, value = parameter.partition("=")
        if name.lower() != "transport":
            raise ValueError(f"the parameter {name!r} means nothing to a check: only transport is read")
        transport = value.upper()
    if transport not in ("UDP", "TCP", "TLS") or (secure and transport != "TLS"):
        known = "only tls goes with sips" if secure else "udp, tcp or tls"
        raise ValueError(f"transport {transport.lower()!r} is not supported: {known}")
    return transport
