"""``tls``: a port completes a TLS handshake with a certificate that is trusted and lasts.

    resolve + vet -> connect -> handshake (libcurl, connect only) -> days left -> observation

Nothing is said after the handshake and no protocol is announced (no ALPN), so it serves for SIPS, IMAPS,
LDAPS or anything else. With ``starttls`` TLS is first agreed on in the port's own language; libcurl then
shakes hands on that very connection. One look suffices: the certificate is known even when it was refused.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Final, Literal

import pycurl
from pydantic import Field

from checks import egress
from checks.base import Check, CheckType, HttpEngine, Options, Target, Tools
from checks.certificates import Certificate, CertificateLimits, chain, days_left, expiry_faults
from checks.conversation import AnsweredWronglyError, Correspondent, DatagramKeys, Talk
from checks.curl import CLOSED, SAFE, Settings, dial, dialler_of, recipe
from checks.curl_failures import Attempt, explain
from checks.dialling import Addresses, Dialler, IpVersion, UnreachableError, host_and_port, plain_host, spot
from checks.durations import spell
from checks.latency import Latency
from checks.starttls import DIALECTS, Language
from checks.trust import tls_settings
from checks.verdicts import Fault, Measured, cannot_look, observation, unreachable
from monitor.domain.findings import Observation, Symptom, Verdict

Protocol = Literal["1.0", "1.1", "1.2", "1.3"]

DEFAULT_PORT: Final = 443
_FLOORS: Final[dict[Protocol, int]] = {
    "1.0": pycurl.SSLVERSION_TLSv1_0,
    "1.1": pycurl.SSLVERSION_TLSv1_1,
    "1.2": pycurl.SSLVERSION_TLSv1_2,
    "1.3": pycurl.SSLVERSION_TLSv1_3,
}
_OLD: Final = frozenset({"1.0", "1.1"})
_ALLOW_OLD: Final = "DEFAULT:@SECLEVEL=0"  # OpenSSL speaks nothing below TLS 1.2 otherwise


class TlsOptions(Options):
    """The keys of a ``tls`` check."""

    server_name: Annotated[
        str | None, Field(description="The name to ask for and to verify; by default the target's host.")
    ] = None
    certificate: Annotated[
        CertificateLimits, Field(description="How many days the certificate must have left.")
    ] = CertificateLimits()
    verify: Annotated[bool, Field(description="Whether the chain and the name must be trusted.")] = True
    ca_file: Annotated[str | None, Field(description="Trust these authorities instead (PEM).")] = None
    starttls: Annotated[
        Language | None, Field(description="Ask for TLS in this language first: `smtp`, `imap`, `ldap` …")
    ] = None
    issuer: Annotated[
        CertificateLimits | None,
        Field(description="How many days the next certificate of the chain must have left."),
    ] = None
    minimum: Annotated[Protocol, Field(description="The oldest TLS version that will do.")] = "1.2"
    latency: Annotated[Latency, Field(description="How slow a look may be.")] = Latency()
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"


@dataclass(slots=True)
class _Look:
    """The state of one look."""

    began: float
    address: str = ""
    phases: dict[str, float] = field(default_factory=dict[str, float])
    shown: tuple[Certificate, ...] = ()


class TlsCheck:
    """Shakes hands with one port; holds nothing between looks."""

    __slots__ = (
        "_dialler",
        "_engine",
        "_fixed",
        "_host",
        "_limit",
        "_options",
        "_port",
        "_recipe",
        "_target",
        "name",
    )

    def __init__(self, target: Target, options: TlsOptions, engine: HttpEngine | None) -> None:
        """Prepare all that is the same in every look; raise ``ValueError`` for a bad target."""
        self._target = target
        self._options = options
        self._engine = engine
        self._dialler: Dialler = dialler_of(engine)
        port = DIALECTS[options.starttls].port if options.starttls else DEFAULT_PORT
        self._host, self._port = host_and_port(target.target, default_port=port)
        self._fixed = self._dialler.literal(self._host)
        self.name = plain_host(options.server_name) if options.server_name else self._host
        self._recipe = recipe(self._handshake())
        self._limit = target.timeout - min(0.1, target.timeout / 20)

    def _handshake(self) -> Settings:
        options = self._options
        name = f"[{self.name}]" if ":" in self.name else self.name
        old = ((pycurl.SSL_CIPHER_LIST, _ALLOW_OLD),) if options.minimum in _OLD else ()
        return (
            *SAFE,
            *tls_settings(verify=options.verify, ca_file=options.ca_file),
            *old,
            (pycurl.URL, f"https://{name}:{self._port}/"),
            (pycurl.CONNECT_ONLY, 1),
            (pycurl.SSL_ENABLE_ALPN, 0),
            (pycurl.SSLVERSION, _FLOORS[options.minimum]),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
        )

    async def observe(self, now: datetime) -> Observation:
        """Shake hands once and judge the certificate."""
        look = _Look(time.monotonic())
        if self._engine is None:
            faults = [cannot_look("this process has no HTTP engine")]
        else:
            faults = await self._look(look, self._engine)
        seconds = time.monotonic() - look.began
        failed = any(fault.symptom is Symptom.UNREACHABLE for fault in faults)
        faults += self._expiry(look, now, failed=failed)
        if not faults:
            faults = self._options.latency.faults(seconds)
        measured = Measured(seconds=seconds, phases=look.phases, values=_values(look, now))
        return observation(self._target, now, faults, measured, self._fine(look, now))

    async def _look(self, look: _Look, engine: HttpEngine) -> list[Fault]:
        try:
            async with asyncio.timeout(self._limit):
                addresses = self._fixed or await self._dialler.locate(self._host, self._options.ip)
        except TimeoutError:
            return [unreachable(f"the name {self._host} was not resolved within {self._patience}")]
        except UnreachableError as error:
            return [unreachable(str(error))]
        look.phases["resolve"] = time.monotonic() - look.began
        # Not given back: libcurl keeps a connect-only connection for as long as its handle lives.
        with self._recipe.take() as handle:
            return await self._shake(look, handle, engine, addresses)

    async def upgraded(self, talk: Talk, now: datetime) -> list[Fault]:
        """Shake hands on a connection on which TLS was agreed on; judge the certificate."""
        if self._engine is None:
            return [cannot_look("this process has no HTTP engine")]
        # Time is counted from the look's beginning, the phases are libcurl's.
        look, line = _Look(talk.began), talk.line.plain
        with self._recipe.take() as handle, egress.connected():
            handle.setopt(pycurl.OPENSOCKETFUNCTION, lambda _purpose, _address: line)  # it takes a copy
            handle.setopt(pycurl.SOCKOPTFUNCTION, lambda _socket, _purpose: pycurl.SOCKOPT_ALREADY_CONNECTED)
            faults = await self._shake(look, handle, self._engine, (str(talk.values["ip"]),))
        talk.phases |= {"tls": look.phases["tls"]} if "tls" in look.phases else {}
        talk.values |= _values(look, now)
        failed = any(fault.symptom is Symptom.UNREACHABLE for fault in faults)
        talk.fine = self._fine(look, now)
        return [*faults, *self._expiry(look, now, failed=failed)]

    async def _shake(
        self, look: _Look, handle: pycurl.Curl, engine: HttpEngine, addresses: Addresses
    ) -> list[Fault]:
        code = CLOSED
        for address in addresses:
            look.address = address
            handle.setopt(*dial(address, self._port))
            left = self._limit - (time.monotonic() - look.began)
            handle.setopt(pycurl.TIMEOUT_MS, max(1, int(1000 * left)))
            code = await engine.perform(handle)
            if code != pycurl.E_COULDNT_CONNECT:
                break
        _add_phases(look.phases, handle)
        look.shown = chain(handle)
        if code == CLOSED:
            return [cannot_look("the HTTP engine was closed")]
        return [self._explained(code, handle, look)] if code else []

    def _explained(self, code: int, handle: pycurl.Curl, look: _Look) -> Fault:
        """Return the fault; a failed handshake also says what was offered, which may be why."""
        fault = explain(code, handle, self._attempt(look))
        if code != pycurl.E_SSL_CONNECT_ERROR:
            return fault
        return replace(fault, text=f"{fault.text} (TLS {self._options.minimum} or newer was offered)")

    def _attempt(self, look: _Look) -> Attempt:
        place = spot(self._host, look.address, self._port)
        return Attempt(place=place, host=self.name, timeout=self._target.timeout, tls=True)

    def _expiry(self, look: _Look, now: datetime, *, failed: bool) -> list[Fault]:
        """Judge the days left; to a refused handshake only add when an expired certificate expired."""
        if not look.shown:
            return []
        days = look.shown[0].days(now)
        if not failed:
            return [*expiry_faults(days, self._options.certificate), *self._issuers(look, now)]
        return [Fault(Verdict.DEGRADED, Symptom.CERTIFICATE_EXPIRING, days_left(days))] if days < 0 else []

    def _issuers(self, look: _Look, now: datetime) -> list[Fault]:
        """Judge the days that the rest of the chain has left: the least of them."""
        others = look.shown[1:]
        if self._options.issuer is None or not others:
            return []
        soonest = min(others, key=lambda certificate: certificate.expires)
        faults = expiry_faults(soonest.days(now), self._options.issuer)
        return [replace(fault, text=f"{soonest.subject}: {fault.text}") for fault in faults]

    def _fine(self, look: _Look, now: datetime) -> str:
        return days_left(look.shown[0].days(now)) if look.shown else "the handshake was completed"

    @property
    def _patience(self) -> str:
        return spell(self._target.timeout)


class StartTlsCheck:
    """Agrees on TLS with one port, then shakes hands; holds nothing between looks."""

    __slots__ = ("_dialect", "_server", "_tls")

    def __init__(
        self, target: Target, options: TlsOptions, engine: HttpEngine | None, language: Language
    ) -> None:
        """Prepare both halves; raise ``ValueError`` for a bad target."""
        keys = DatagramKeys(latency=options.latency, ip=options.ip)
        self._tls, self._dialect = TlsCheck(target, options, engine), DIALECTS[language]
        self._server = Correspondent(target, target.target, keys, dialler_of(engine), port=self._dialect.port)

    async def observe(self, now: datetime) -> Observation:
        """Agree and shake hands once, and judge the certificate."""

        async def talk_of(talk: Talk) -> list[Fault]:
            with talk.phase("starttls"):
                await self._dialect.ask(talk, self._tls.name)
            if talk.unread:
                # Whoever sits between could have said it (CVE-2011-0411).
                raise AnsweredWronglyError("said more in the clear after it had agreed to TLS")
            talk.step = "TLS handshake"
            return await self._tls.upgraded(talk, now)

        return await self._server.observe(now, talk_of)


def _add_phases(phases: dict[str, float], handle: pycurl.Curl) -> None:
    connected = handle.getinfo(pycurl.CONNECT_TIME_T)
    shaken = handle.getinfo(pycurl.APPCONNECT_TIME_T)
    if connected:
        phases["connect"] = (connected - handle.getinfo(pycurl.NAMELOOKUP_TIME_T)) / 1e6
    if shaken:
        phases["tls"] = (shaken - connected) / 1e6


def _values(look: _Look, now: datetime) -> dict[str, float | str]:
    values: dict[str, float | str] = {"ip": look.address} if look.address else {}
    if look.shown:
        own, *others = look.shown
        values |= {"subject": own.subject, "issuer": own.issuer, "certificate_days": round(own.days(now), 2)}
        if others:
            values["issuer_days"] = round(others[0].days(now), 2)
    return values


class TlsType:
    """How ``tls`` is registered."""

    options: type[Options] = TlsOptions

    def build(self, target: Target, options: TlsOptions, tools: Tools) -> Check:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        if options.starttls is not None:
            return StartTlsCheck(target, options, tools.http, options.starttls)
        return TlsCheck(target, options, tools.http)


TYPE: CheckType = TlsType()
