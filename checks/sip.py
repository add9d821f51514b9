"""``sip``: a PBX answers a SIP OPTIONS ping (RFC 3261, section 11) over UDP or TCP.

    target (sip URI) -> Request -> sip_transaction.exchange -> Response -> verdict with a sentence

**Any final response proves life** unless ``healthy`` says which codes are good: a 404 or 405 comes from a
running SIP stack as surely as a 200. What is *no* answer is told apart: refused, silent, only provisional, not SIP.
Our own trouble (no route, no sockets left, a resolver that hangs) is *unknown*, never down.

No NAPTR or SRV lookup (RFC 3263) is made: name the host and port that are to be looked at.
"""

import asyncio
import errno
import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from checks.base import CheckType, Options, Target, Tools
from checks.dialling import Dialler, UnreachableError
from checks.durations import Duration, spell
from checks.sip_message import Request, Response
from checks.sip_transaction import (
    TIMER_F,
    Endpoint,
    Exchange,
    GarbageError,
    State,
    exchange,
)
from monitor.domain.findings import Observation, Symptom, Verdict

DEFAULT_PORT = 5060
MAX_PORT = 65_535
OUR_TROUBLE = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EACCES,
        errno.EPERM,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
    }
)
"""Errors of this machine, which say nothing of the target."""

_URI = re.compile(
    r"sip:(?:(?P<user>[A-Za-z0-9!$%&'()*+,._~:;=?/-]{1,128})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<parameters>(?:;[A-Za-z0-9._-]+(?:=[A-Za-z0-9._-]+)?)*)"
)
_CODES = re.compile(r"([1-6])xx|([1-6][0-9]{2})(?:-([1-6][0-9]{2}))?", re.IGNORECASE)
_PRINTABLE = r"^[ -~]{1,80}$"


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


def _sip_uri(value: object) -> str:
    text = str(value)
    if text and (not _URI.fullmatch(text) or len(text) > 200):  # noqa: PLR2004 - sanity only
        raise ValueError(f"{text!r} is no SIP address as sip:user@host")
    return text


class Latency(BaseModel):
    """How slow an answer may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn: Annotated[Duration, Field(description="A final response later than this is a degraded look.")]


class SipOptions(Options):
    """The keys of a ``sip`` check."""

    method: Annotated[Literal["OPTIONS"], Field(description="The request to send.")] = "OPTIONS"
    healthy: Annotated[
        tuple[Codes, ...],
        Field(description="Status codes that count as well; without it every final response does."),
    ] = ()
    sender: Annotated[
        str,
        BeforeValidator(_sip_uri),
        Field(alias="from", description="Our own SIP address; by default sip:tocsin@<our address>."),
    ] = ""
    user_agent: Annotated[str, Field(pattern=_PRINTABLE, description="How we introduce ourselves.")] = (
        "Tocsin"
    )
    latency: Annotated[Latency | None, Field(description="Limits for slow answers.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCheck:
    """Pings one SIP endpoint; holds nothing between looks."""

    target: Target
    endpoint: Endpoint
    request: Request
    dialler: Dialler
    healthy: tuple[str, ...] = ()
    warn: float | None = None

    async def observe(self, now: datetime) -> Observation:
        """Send one OPTIONS and judge the answer, or its absence."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = Exchange()
        try:
            async with asyncio.timeout(min(self.target.timeout, TIMER_F)):
                response = await exchange(self.request, self.endpoint, self.dialler, seen)
            verdict, symptom, detail = self._judge(response, seen)
        except TimeoutError as error:
            # The kernel's own ETIMEDOUT is a TimeoutError too, and means the same.
            verdict, symptom, detail = self._silence(seen, error)
        except UnreachableError as error:
            verdict, symptom, detail = Verdict.DOWN, Symptom.UNREACHABLE, str(error)
        except OSError as error:
            verdict, symptom, detail = self._trouble(error)
        return Observation(
            check=self.target.name,
            at=now,
            verdict=verdict,
            symptom=self._symptom(verdict, symptom),
            detail=detail,
            seconds=loop.time() - began,
            phases=seen.phases,
            values=_values(seen),
        )

    def _symptom(self, verdict: Verdict, symptom: Symptom | None) -> Symptom | None:
        """Let the operator's word for "down" stand, but call what is merely slow by its name."""
        return self.target.symptom or symptom if verdict is Verdict.DOWN else symptom

    def _judge(self, response: Response, seen: Exchange) -> tuple[Verdict, Symptom | None, str]:
        if self.healthy and not any(_within(response.status, codes) for codes in self.healthy):
            detail = f"answered {response}, expected {' or '.join(self.healthy)}"
            return Verdict.DOWN, Symptom.DEGRADED, detail
        took = seen.phases["final"]
        if self.warn is not None and took > self.warn:
            detail = f"answered {response} after {spell(took)} (expected within {spell(self.warn)})"
            return Verdict.DEGRADED, Symptom.DEGRADED, detail
        return Verdict.UP, None, f"answered {response}"

    def _silence(self, seen: Exchange, error: TimeoutError) -> tuple[Verdict, Symptom | None, str]:
        transaction, within = seen.transaction, f"within {spell(min(self.target.timeout, TIMER_F))}"
        if not seen.address and not error.errno:
            return Verdict.UNKNOWN, None, f"our resolver gave no answer for {self.endpoint.host} {within}"
        if transaction.state is State.PROCEEDING:
            return (
                Verdict.DOWN,
                Symptom.DEGRADED,
                f"only {transaction.provisional}, no final response {within}",
            )
        if transaction.garbage:
            return Verdict.DOWN, Symptom.UNREACHABLE, f"answers, but not in SIP: {transaction.garbage}"
        if not transaction.sent:
            return Verdict.DOWN, Symptom.UNREACHABLE, f"no connection to {self._where} {within}"
        copies = "1 request" if transaction.sent == 1 else f"{transaction.sent} requests"
        return Verdict.DOWN, Symptom.UNREACHABLE, f"no answer from {self._where} {within} ({copies} sent)"

    def _trouble(self, error: OSError) -> tuple[Verdict, Symptom | None, str]:
        if isinstance(error, GarbageError):
            return Verdict.DOWN, Symptom.UNREACHABLE, f"answers, but not in SIP: {error}"
        if error.errno in OUR_TROUBLE:
            return Verdict.UNKNOWN, None, f"could not look: {_said(error)}"
        return Verdict.DOWN, Symptom.UNREACHABLE, f"{self._where}: {_said(error)}"

    @property
    def _where(self) -> str:
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        return f"{host}:{self.endpoint.port}/{self.endpoint.transport.lower()}"


def _said(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()


def _within(status: int, codes: str) -> bool:
    first, _, last = codes.partition("-")
    return int(first) <= status <= int(last or first)


def _values(seen: Exchange) -> dict[str, float | str]:
    transaction = seen.transaction
    values: dict[str, float | str] = {"sent": transaction.sent}
    if seen.address:
        values["address"] = seen.address
    if transaction.foreign:
        values["foreign"] = transaction.foreign
    if answer := transaction.final or transaction.provisional:
        values |= {"status": answer.status, "reason": answer.reason, "server": answer.server}
    return values


class SipType:
    """How ``sip`` is registered."""

    options = SipOptions

    def __init__(self) -> None:
        self._dialler = Dialler()

    def build(self, target: Target, options: SipOptions, tools: Tools) -> SipCheck:  # noqa: ARG002
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        endpoint, uri = _read_target(target.target, self._dialler)
        return SipCheck(
            target=target,
            endpoint=endpoint,
            request=Request(
                uri=uri, sender=options.sender, user_agent=options.user_agent, transport=endpoint.transport
            ),
            dialler=self._dialler,
            healthy=options.healthy,
            warn=options.latency.warn if options.latency else None,
        )


def _read_target(text: str, dialler: Dialler) -> tuple[Endpoint, str]:
    """Return where to send, and the URI to put into the request."""
    match = _URI.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no SIP target: write sip:[user@]host[:port][;transport=udp|tcp]")
    transport = _transport(match["parameters"])
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"{port} is no port: {text!r}")
    host = match["host"].removeprefix("[").removesuffix("]")
    literal = dialler.literal(host)
    if not literal and match["host"].startswith("["):
        raise ValueError(f"{match['host']} is no IPv6 address")
    endpoint = Endpoint(host=host, port=port, literal=literal, transport=transport)
    user = f"{match['user']}@" if match["user"] else ""
    given = f":{match['port']}" if match["port"] else ""
    suffix = ";transport=tcp" if endpoint.stream else ""
    return endpoint, f"sip:{user}{match['host']}{given}{suffix}"


def _transport(parameters: str) -> str:
    transport = "UDP"
    for parameter in filter(None, parameters.split(";")):
        name, _, value = parameter.partition("=")
        if name.lower() != "transport":
            raise ValueError(f"the parameter {name!r} means nothing to a check: only transport is read")
        transport = value.upper()
    if transport not in ("UDP", "TCP"):
        raise ValueError(f"transport {transport.lower()!r} is not supported: udp or tcp")
    return transport


TYPE: CheckType = SipType()
