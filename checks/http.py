"""``http``: a URL answers as it should, in time, with a certificate that lasts.

    resolve + vet -> connect -> tls -> request -> answer -> faults -> observation

A target that cannot be talked to is down and ``unreachable``; one that answers wrongly is down and
``degraded``; one that answers rightly but late, or whose certificate runs out, is degraded. One address is
tried; only with ``ip: auto`` and a connection that is refused at once, the other family's. Redirects are
followed here, not in libcurl, so that each is vetted and none carries our headers to another origin.
"""

import time
from asyncio import timeout as within
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakValueDictionary

import pycurl

from checks.base import Check, CheckType, HttpEngine, Options, Target, Tools
from checks.certificates import Certificate, chain, days_left, expiry_faults
from checks.curl import CLOSED, Recipe, Settings, dial, dialler_of, recipe
from checks.curl_failures import Attempt, explain
from checks.dialling import Addresses, Dialler, UnreachableError, spot
from checks.durations import spell
from checks.http_answer import body_complaints, header_complaints, read_headers, say_ranges
from checks.http_options import HttpOptions, plain_settings, request_settings
from checks.http_steps import StepsCheck
from checks.http_transfer import REDIRECTS, Answer, Place, add_phases, read_url
from checks.texts import tidy
from checks.trust import tls_settings
from checks.verdicts import Fault, Measured, cannot_look, observation, unreachable, wrong
from monitor.domain.findings import Observation, Symptom, Verdict


@dataclass(slots=True)
class _Look:
    """The state of one look, over all its hops."""

    place: Place
    began: float
    recipe: Recipe
    answer: Answer
    address: str = ""
    status: int = 0
    phases: dict[str, float] = field(default_factory=dict[str, float])
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Way:
    """How to look: what all checks with the same options have in common, kept once for all of them."""

    options: HttpOptions
    engine: HttpEngine | None
    dialler: Dialler
    tls: Settings
    recipe: Recipe
    timeout: float
    every: float
    symptom: Symptom | None


_ways: WeakValueDictionary[tuple[object, ...], _Way] = WeakValueDictionary()


def _way(
    target: Target, options: HttpOptions, engine: HttpEngine | None, variables: Mapping[str, str]
) -> _Way:
    """Return the one way for these; a way holds what its key names by identity."""
    tls = tls_settings(verify=options.verify, ca_file=options.ca_file)
    made = recipe((*tls, *request_settings(options, target.every, variables)))
    key = (id(options), id(engine), id(made), target.timeout, target.every, target.symptom)
    known = _ways.get(key)
    if known is None:
        known = _ways[key] = _Way(
            options, engine, dialler_of(engine), tls, made, target.timeout, target.every, target.symptom
        )
    return known


class HttpCheck:
    """Fetches one URL; remembers only the certificate of a connection it keeps."""

    __slots__ = ("_certificate", "_fixed", "_name", "_place", "_way")

    def __init__(
        self, target: Target, options: HttpOptions, engine: HttpEngine | None, variables: Mapping[str, str]
    ) -> None:
        """Prepare all that is the same in every look; raise ``ValueError`` for a bad target."""
        self._name = target.name
        self._place = read_url(target.target)
        self._way = _way(target, options, engine, variables)
        self._fixed = self._way.dialler.literal(self._place.host)
        self._certificate: Certificate | None = None

    async def observe(self, now: datetime) -> Observation:
        """Fetch the URL once and judge what came."""
        way = self._way
        about = Target(name=self._name, target=self._place.url, symptom=way.symptom)
        if way.engine is None:
            faults = [cannot_look("this process has no HTTP engine")]
            return observation(about, now, faults, Measured(), "")
        look = _Look(self._place, time.monotonic(), way.recipe, Answer(way.options.max_bytes))
        if way.options.follow_redirects:
            faults = await self._follow(look, way.engine)
        else:
            _, faults = await self._hop(look, way.engine)
        seconds = time.monotonic() - look.began
        if look.certificate is not None:
            self._certificate = look.certificate
        if not faults:
            faults = list(self._faults(look, now, seconds))
        measured = Measured(seconds=seconds, phases=look.phases, values=self._values(look, now))
        return observation(about, now, self._dated(faults, look, now), measured, f"status {look.status}")

    async def _follow(self, look: _Look, engine: HttpEngine) -> list[Fault]:
        """Fetch, hop by hop; return why it ended early, or nothing."""
        for hop in range(self._way.options.follow_redirects + 1):
            onward, faults = await self._hop(look, engine)
            if faults or onward is None:
                return faults
            if hop == self._way.options.follow_redirects:
                return [wrong(f"more than {hop} redirect{'s' * (hop != 1)}, the last to {tidy(onward)}")]
            try:
                self._redirect(look, read_url(onward))
            except ValueError as error:
                return [wrong(f"redirected to something that is not followed: {error}")]
        return []

    def _redirect(self, look: _Look, place: Place) -> None:
        changes_method = look.status not in (307, 308) and self._way.options.verb not in ("GET", "HEAD")
        if changes_method or place.origin != look.place.origin:
            look.recipe = recipe((*self._way.tls, *plain_settings(self._way.options, self._way.every)))
        look.place = place
        look.answer = Answer(self._way.options.max_bytes)

    async def _hop(self, look: _Look, engine: HttpEngine) -> tuple[str | None, list[Fault]]:
        """Make one request; return where it redirects to, and what went wrong."""
        addresses = self._fixed if look.place is self._place else ()
        try:
            addresses = addresses or await self._addresses(look)
        except (UnreachableError, ValueError) as error:
            return None, [unreachable(str(error))]
        handle = look.recipe.take()
        try:
            code = await self._fetch(look, handle, engine, addresses)
            return self._outcome(code, look, handle)
        finally:
            if self._way.options.header:
                handle.setopt(pycurl.HEADERFUNCTION, len)
            look.recipe.give(handle)

    async def _addresses(self, look: _Look) -> Addresses:
        host = look.place.host
        if addresses := self._way.dialler.literal(host):
            return addresses
        began = time.monotonic()
        try:
            async with within(self._left(look)):
                return await self._way.dialler.locate(host, self._way.options.ip)
        except TimeoutError:
            sentence = f"the name {host} was not resolved within {spell(self._way.timeout)}"
            raise UnreachableError(sentence) from None
        finally:
            look.phases["resolve"] = look.phases.get("resolve", 0.0) + time.monotonic() - began

    async def _fetch(self, look: _Look, handle: pycurl.Curl, engine: HttpEngine, addresses: Addresses) -> int:
        place, answer = look.place, look.answer
        handle.setopt(pycurl.URL, place.url)
        handle.setopt(pycurl.WRITEFUNCTION, answer.write)
        if self._way.options.header:
            handle.setopt(pycurl.HEADERFUNCTION, answer.lines.append)
        code = CLOSED
        for address in addresses:
            look.address = address
            handle.setopt(*dial(address, place.port))
            handle.setopt(pycurl.TIMEOUT_MS, max(1, int(1000 * self._left(look))))
            code = await engine.perform(handle)
            if code != pycurl.E_COULDNT_CONNECT:
                break
        return code

    def _left(self, look: _Look) -> float:
        timeout = self._way.timeout
        # Ours ends just before the caller's hard limit, so that the reason is known.
        return timeout - min(0.1, timeout / 20) - (time.monotonic() - look.began)

    def _outcome(self, code: int, look: _Look, handle: pycurl.Curl) -> tuple[str | None, list[Fault]]:
        """Read off the handle what it measured, where it was sent on to, and what went wrong."""
        look.status = handle.getinfo(pycurl.RESPONSE_CODE)
        add_phases(look.phases, handle)
        if look.place.scheme == "https":
            look.certificate = next(iter(chain(handle)), look.certificate)
        if code == CLOSED:
            return None, [cannot_look("the HTTP engine was closed")]
        if code and not (code == pycurl.E_WRITE_ERROR and look.answer.cut):
            return None, [explain(code, handle, self._attempt(look))]
        return (handle.getinfo(pycurl.REDIRECT_URL) if look.status in REDIRECTS else None), []

    def _attempt(self, look: _Look) -> Attempt:
        place = look.place
        return Attempt(
            place=spot(place.host, look.address, place.port),
            host=place.host,
            timeout=self._way.timeout,
            tls=place.scheme == "https",
        )

    def _faults(self, look: _Look, now: datetime, seconds: float) -> Iterator[Fault]:
        """Yield all that is wrong with an answer that came whole."""
        options, answer = self._way.options, look.answer
        if not any(first <= look.status <= last for first, last in options.status):
            yield wrong(f"status was {look.status}, expected {say_ranges(options.status)}")
        if options.header:
            yield from map(wrong, header_complaints(read_headers(answer.lines), options.header))
        if options.body is not None or options.json_:
            body = b"".join(answer.chunks)
            yield from map(wrong, body_complaints(body, options.body, options.json_, cut=answer.cut))
        yield from options.latency.faults(seconds)
        days = self._days(look, now)
        if days is not None:
            yield from expiry_faults(days, options.certificate)

    def _days(self, look: _Look, now: datetime) -> float | None:
        if look.place.scheme != "https" or self._certificate is None:
            return None
        return self._certificate.days(now)

    def _dated(self, faults: list[Fault], look: _Look, now: datetime) -> list[Fault]:
        """Add when the certificate expired to a look that failed for it."""
        days = look.certificate.days(now) if look.certificate else 0.0
        if days >= 0 or not any(fault.symptom is Symptom.UNREACHABLE for fault in faults):
            return faults
        return [*faults, Fault(Verdict.DEGRADED, Symptom.CERTIFICATE_EXPIRING, days_left(days))]

    def _values(self, look: _Look, now: datetime) -> dict[str, float | str]:
        values: dict[str, float | str] = {"size": look.answer.size}
        if look.status:
            values["status"] = look.status
        if look.address:
            values["ip"] = look.address
        days = self._days(look, now)
        if days is not None:
            values["certificate_days"] = round(days, 2)
        return values


class HttpType:
    """How ``http`` is registered."""

    options: type[Options] = HttpOptions

    def build(self, target: Target, options: HttpOptions, tools: Tools) -> Check:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        check = StepsCheck if options.steps else HttpCheck
        return check(target, options, tools.http, tools.variables)


TYPE: CheckType = HttpType()
