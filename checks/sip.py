"""``sip``: a PBX answers SIP (RFC 3261) over UDP, TCP or TLS: an OPTIONS ping, or a REGISTER with a password.

    target (sip URI) -> Request -> sip_transaction.Conversation -> Response -> verdict with a sentence

**Any final response proves life** unless ``healthy`` says which codes are good: a 404 or 405 comes from a
running SIP stack as surely as a 200. What is *no* answer is told apart: refused, silent, only provisional, not SIP.
A REGISTER is well when it is accepted. It asks for the bindings of its user and makes none (section 10.2.3),
so that no call ever goes astray to us; ``bind`` makes one for a moment and takes it away again.
Our own trouble (no sockets left, no address to look from) is *unknown*, never down.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from checks.base import CheckType, Options, Target, Tools
from checks.curl import dialler_of
from checks.dialling import Dialler
from checks.sip_digest import Login, Session, refused
from checks.sip_faults import Limits, faults_of
from checks.sip_message import Request, Response, listed
from checks.sip_target import Codes, Place, SipKeys, read_target, within
from checks.sip_transaction import TIMER_F, Conversation, Exchange
from checks.verdicts import Fault, Measured, observation, wrong
from monitor.domain.findings import Observation

ACCEPTED: Final = ("200-299",)
UNAUTHORISED: Final = frozenset({401, 403, 407})
BOUND_FOR: Final = 120  # seconds; should we fail to take it away, it is gone by itself
_DOMAIN: Final = r"^[A-Za-z0-9\[][A-Za-z0-9.:\]_-]{0,252}$"
_MOST_BINDINGS: Final = 1000


class SipOptions(SipKeys):
    """The keys of a ``sip`` check."""

    method: Annotated[Literal["OPTIONS", "REGISTER"], Field(description="The request to send.")] = "OPTIONS"
    healthy: Annotated[
        tuple[Codes, ...],
        Field(
            description="Status codes that count as well; without it every final response to OPTIONS, 2xx to REGISTER."
        ),
    ] = ()
    domain: Annotated[
        str | None,
        Field(pattern=_DOMAIN, description="REGISTER: the PBX's domain, where it is not the target's host."),
    ] = None
    bind: Annotated[
        bool, Field(description="REGISTER: make a binding for a moment and take it away again.")
    ] = False
    bindings: Annotated[
        int,
        Field(
            ge=0, le=_MOST_BINDINGS, description="REGISTER: how many phones of the user must be registered."
        ),
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCheck:
    """Asks one SIP endpoint; holds nothing between looks."""

    target: Target
    place: Place
    request: Request
    dialler: Dialler
    options: SipOptions
    login: Login | None

    async def observe(self, now: datetime) -> Observation:
        """Send one request and judge the answer, or its absence."""
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), Exchange()
        values: dict[str, float | str] = {}
        faults = await faults_of(lambda: self._talk(seen, values), self.place.endpoint, self._limits, seen)
        values |= _values(seen)
        measured = Measured(seconds=loop.time() - began, phases=seen.phases, values=values)
        return observation(self.target, now, faults, measured, f"answered {seen.transaction.final}")

    @property
    def _limits(self) -> Limits:
        """Return Timer F: a little within the caller's hard timeout, so that we say ourselves what was missed."""
        timeout = self.target.timeout
        limit = min(TIMER_F, timeout - min(0.1, timeout / 20))
        return Limits(limit=limit, timeout=min(TIMER_F, timeout))

    async def _talk(self, seen: Exchange, values: dict[str, float | str]) -> list[Fault]:
        session = Session(self.login) if self.login is not None else None
        async with Conversation(self.place.endpoint, self.dialler, seen) as conversation:
            response = await conversation.ask(self.request, session)
            if session is not None and session.algorithms:
                values["digest"] = session.algorithms
            faults = self._judge(response, seen)
            if self.request.method == "REGISTER" and within(response.status, ACCEPTED):
                values["bindings"] = len(bindings(response))
                faults = faults or self._counted(response)
                final = seen.phases["final"]
                faults += await self._unbind(conversation, session)
                seen.transaction.final = response  # what the look was about, not its tidying up
                seen.phases["final"] = final
        return faults

    def _judge(self, response: Response, seen: Exchange) -> list[Fault]:
        default = ACCEPTED if self.request.method == "REGISTER" else ()
        healthy = self.options.healthy or default
        if healthy and within(response.status, healthy):
            return self.options.latency.faults(seen.phases["final"])
        if self.login is not None and response.status in UNAUTHORISED:
            return [wrong(refused(self.login, response))]
        if healthy:
            return [wrong(f"answered {response}, expected {' or '.join(healthy)}")]
        return self.options.latency.faults(seen.phases["final"])

    def _counted(self, response: Response) -> list[Fault]:
        there, wanted = len(bindings(response)), self.options.bindings
        if there >= wanted:
            return []
        phones = "1 phone is" if there == 1 else f"{there or 'no'} phones are"
        return [wrong(f"{phones} registered for {self.request.to}, expected {wanted}")]

    async def _unbind(self, conversation: Conversation, session: Session | None) -> list[Fault]:
        if not self.options.bind:
            return []
        response = await conversation.ask(replace(self.request, contact=";expires=0"), session)
        if within(response.status, ACCEPTED):
            return []
        return [wrong(f"registered us, but did not take the registration away again: {response}")]


def bindings(response: Response) -> list[str]:
    """Return the addresses at which a user is registered: one for each Contact, however they are listed."""
    return listed(response.all("contact"))


def _values(seen: Exchange) -> dict[str, float | str]:
    transaction = seen.transaction
    values: dict[str, float | str] = {"sent": seen.sent}
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
        place = read_target(target.target, options, dialler)
        return SipCheck(
            target=target,
            place=place,
            request=_register(place, options) if options.method == "REGISTER" else _ping(place, options),
            dialler=dialler,
            options=options,
            login=options.login(tools),
        )


def _ping(place: Place, options: SipOptions) -> Request:
    for key in ("domain", "bind", "bindings"):
        if getattr(options, key):
            raise ValueError(f"{key} goes with the method REGISTER only")
    return Request(
        uri=place.uri,
        sender=options.sender,
        user_agent=options.user_agent,
        transport=place.endpoint.transport,
    )


def _register(place: Place, options: SipOptions) -> Request:
    """Return the request of section 10.2: to the domain, about the address of the user."""
    user = place.user or options.username
    if not user:
        raise ValueError("REGISTER needs a user: write sip:user@host")
    domain = options.domain or place.host
    suffix = "" if place.endpoint.transport == "UDP" else f";transport={place.endpoint.transport.lower()}"
    address = f"{place.scheme}:{user}@{domain}"
    return Request(
        method="REGISTER",
        uri=f"{place.scheme}:{domain}{'' if options.domain else suffix}",
        to=address,
        sender=options.sender or address,
        user=user,
        user_agent=options.user_agent,
        transport=place.endpoint.transport,
        contact=f";expires={BOUND_FOR}" if options.bind else None,
    )


TYPE: CheckType = SipType()
