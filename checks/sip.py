"""``sip``: a PBX answers a SIP OPTIONS ping (RFC 3261, section 11) over UDP or TCP.

    target (sip URI) -> Request -> sip_transaction.exchange -> Response -> verdict with a sentence

**Any final response proves life** unless ``healthy`` says which codes are good: a 404 or 405 comes from a
running SIP stack as surely as a 200. What is *no* answer is told apart: refused, silent, only provisional, not SIP.
Our own trouble (no sockets left, no address to look from) is *unknown*, never down.

No NAPTR or SRV lookup (RFC 3263) is made: name the host and port that are to be looked at.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from checks.base import CheckType, Options, Target, Tools
from checks.curl import dialler_of
from checks.dialling import Dialler, UnreachableError, spot
from checks.durations import spell
from checks.latency import Latency
from checks.sip_message import Request, Response
from checks.sip_transaction import TIMER_F, Endpoint, Exchange, GarbageError, State, exchange
from checks.verdicts import Fault, Measured, no_connection, observation, unreachable, wrong
from monitor.domain.findings import Observation

DEFAULT_PORT = 5060
MAX_PORT = 65_535

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
    latency: Annotated[Latency, Field(description="How late the final response may be.")] = Latency()


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCheck:
    """Pings one SIP endpoint; holds nothing between looks."""

    target: Target
    endpoint: Endpoint
    request: Request
    dialler: Dialler
    healthy: tuple[str, ...]
    latency: Latency

    async def observe(self, now: datetime) -> Observation:
        """Send one OPTIONS and judge the answer, or its absence."""
        loop = asyncio.get_running_loop()
        began, seen, fine = loop.time(), Exchange(), ""
        try:
            async with asyncio.timeout(self._limit):
                response = await exchange(self.request, self.endpoint, self.dialler, seen)
            fine, faults = f"answered {response}", self._judge(response, seen)
        except TimeoutError as error:
            faults = [self._silence(seen, error)]
        except UnreachableError as error:
            faults = [unreachable(str(error))]
        except GarbageError as error:
            faults = [_no_sip(str(error))]
        except OSError as error:
            faults = [self._broken(seen, error)]
        measured = Measured(seconds=loop.time() - began, phases=seen.phases, values=_values(seen))
        return observation(self.target, now, faults, measured, fine)

    @property
    def _limit(self) -> float:
        """Return Timer F: a little within the caller's hard timeout, so that we say ourselves what was missed."""
        timeout = self.target.timeout
        return min(TIMER_F, timeout - min(0.1, timeout / 20))

    def _judge(self, response: Response, seen: Exchange) -> list[Fault]:
        if self.healthy and not any(_within(response.status, codes) for codes in self.healthy):
            return [wrong(f"answered {response}, expected {' or '.join(self.healthy)}")]
        return self.latency.faults(seen.phases["final"])

    def _silence(self, seen: Exchange, error: TimeoutError) -> Fault:
        """Say how far it had come; the kernel's own ETIMEDOUT is a ``TimeoutError`` too."""
        transaction, within = seen.transaction, f"within {spell(min(TIMER_F, self.target.timeout))}"
        if error.errno:
            return self._broken(seen, error)
        if not seen.address:
            return unreachable(f"the name {self.endpoint.host} was not resolved {within}")
        if transaction.state is State.PROCEEDING:
            return wrong(f"only {transaction.provisional}, no final response {within}")
        if transaction.garbage:
            return _no_sip(transaction.garbage)
        if not transaction.sent:
            return unreachable(f"no connection to {self._place(seen)} {within}")
        copies = "1 request" if transaction.sent == 1 else f"{transaction.sent} requests"
        return unreachable(f"no answer from {self._place(seen)} {within} ({copies} sent)")

    def _broken(self, seen: Exchange, error: OSError) -> Fault:
        if isinstance(error, ConnectionResetError) and not error.errno:
            return unreachable(f"{self._place(seen)} closed the connection without an answer")
        return no_connection(self._place(seen), error.errno or 0)

    def _place(self, seen: Exchange) -> str:
        place = spot(self.endpoint.host, seen.address, self.endpoint.port)
        return f"{place} ({self.endpoint.transport})"


def _no_sip(why: str) -> Fault:
    return unreachable(f"answers, but not in SIP: {why}")


def _within(status: int, codes: str) -> bool:
    first, _, last = codes.partition("-")
    return int(first) <= status <= int(last or first)


def _values(seen: Exchange) -> dict[str, float | str]:
    transaction = seen.transaction
    values: dict[str, float | str] = {"sent": transaction.sent}
    if seen.address:
        values["ip"] = seen.address
    if transaction.foreign:
        values["foreign"] = transaction.foreign
    if answer := transaction.final or transaction.provisional:
        values |= {"status": answer.status, "reason": answer.reason, "server": answer.server}
    return values


class SipType:
    """How ``sip`` is registered."""

    options: type[Options] = SipOptions

    def build(self, target: Target, options: SipOptions, tools: Tools) -> SipCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        dialler = dialler_of(tools.http)
        endpoint, uri = _read_target(target.target, dialler)
        return SipCheck(
            target=target,
            endpoint=endpoint,
            request=Request(
                uri=uri, sender=options.sender, user_agent=options.user_agent, transport=endpoint.transport
            ),
            dialler=dialler,
            healthy=options.healthy,
            latency=options.latency,
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
