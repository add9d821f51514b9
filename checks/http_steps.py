"""``http`` with ``steps``: several requests one after the other, as one user makes them; a value of one goes into the next.

    step -> URL, headers, body filled in -> request (redirects) -> answer judged -> values captured -> next step

One look is one visitor: it resolves each name once, keeps its cookies and its connections to itself, uses a connection
again where the far end lets it, and forgets all of it at its end. So nothing of one look reaches another, and a dead
step is tried once. The first step that is down ends the look and is named in what it says.
"""

import time
from asyncio import timeout as within
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urljoin

import pycurl

from checks.base import HttpEngine, Target
from checks.captures import Answered, Captured, filled_header, filled_json, filled_text, names_in, writing_of
from checks.certificates import Certificate, chain, days_left, expiry_faults
from checks.curl import SAFE, CurlEngine, Settings, dial, dialler_of
from checks.curl_failures import Attempt, explain
from checks.dialling import Addresses, Dialler, UnreachableError, spot
from checks.durations import spell
from checks.http_answer import body_complaints, header_complaints, read_headers, say_ranges
from checks.http_options import HttpOptions
from checks.http_request import AGENT, header_lines, method_settings
from checks.http_step_keys import Step
from checks.http_transfer import REDIRECTS, Answer, Place, add_phases, read_url
from checks.texts import fill, tidy
from checks.trust import tls_settings
from checks.verdicts import Fault, Measured, cannot_look, observation, unreachable, wrong
from monitor.domain.findings import Observation, Symptom, Verdict

_COOKIE_FIELDS: Final = 7  # of a line of Netscape's cookie file, which is how libcurl tells cookies
_DUMMY: Final = "x"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A step with all filled in that is the same in every look."""

    number: int
    step: Step
    headers: Mapping[str, str]
    everywhere: Mapping[str, str]  # those of the step alone, which go to another origin, too
    body: str | None
    secrets: tuple[str, ...]


@dataclass(slots=True)
class _Visit:
    """The state of one look, over all its steps."""

    engine: CurlEngine
    handle: pycurl.Curl
    began: float
    place: Place
    answer: Answer
    captured: Captured = field(default_factory=Captured)
    addresses: dict[str, Addresses] = field(default_factory=dict[str, Addresses])
    address: str = ""
    status: int = 0
    size: int = 0
    done: int = 0
    phases: dict[str, float] = field(default_factory=dict[str, float])
    certificate: Certificate | None = None
    days: float | None = None


class StepsCheck:
    """Makes several requests; holds nothing between looks."""

    __slots__ = (
        "_dialler",
        "_engine",
        "_limit",
        "_options",
        "_origins",
        "_place",
        "_steps",
        "_target",
        "_tls",
    )

    def __init__(
        self, target: Target, options: HttpOptions, engine: HttpEngine | None, variables: Mapping[str, str]
    ) -> None:
        """Prepare all that is the same in every look; raise ``ValueError`` for a bad target or step."""
        self._target, self._options, self._engine = target, options, engine
        self._dialler: Dialler = dialler_of(engine)
        self._place = read_url(target.target)
        self._dialler.literal(self._place.host)  # a forbidden address is refused now
        self._tls = tls_settings(verify=options.verify, ca_file=options.ca_file)
        self._origins = {self._place.origin, *self._written_origins(options.steps)}
        self._steps = tuple(
            self._prepared(number, step, variables) for number, step in enumerate(options.steps, 1)
        )
        # Ours ends just before the caller's hard limit, so that the reason is known.
        self._limit = target.timeout - min(0.1, target.timeout / 20)

    def _written_origins(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, str, int]]:
        """Yield where the operator's own URLs lead; raise ``ValueError`` for one that is none."""
        for step in steps:
            trial = Captured(values=dict.fromkeys(names_in(step.url), _DUMMY))
            place = read_url(urljoin(self._place.url, trial.fill_url(step.url)))
            self._dialler.literal(place.host)
            if not trial.values:
                yield place.origin

    def _prepared(self, number: int, step: Step, variables: Mapping[str, str]) -> _Prepared:
        own = {name.lower(): (name, fill(value, variables)) for name, value in step.headers.items()}
        common = {
            name.lower(): (name, fill(value, variables)) for name, value in self._options.headers.items()
        }
        headers, everywhere = dict((common | own).values()), dict(own.values())
        header_lines(headers, sends=False)  # says what cannot be sent
        texts = [
            secret.get_secret_value() for secret in (*step.headers.values(), *self._options.headers.values())
        ]
        if step.send is not None:
            texts.append(step.send.get_secret_value())
        used = [value for name, value in variables.items() if any(f"${{{name}}}" in text for text in texts)]
        return _Prepared(
            number=number,
            step=step,
            headers=headers,
            everywhere=everywhere,
            body=None if step.send is None else fill(step.send, variables),
            secrets=(*headers.values(), *(value.partition(" ")[2] for value in headers.values()), *used),
        )

    async def observe(self, now: datetime) -> Observation:
        """Make the requests one after the other and judge each."""
        if self._engine is None:
            faults = [cannot_look("this process has no HTTP engine")]
            return observation(self._target, now, faults, Measured(), "")
        # Connections and cookies of a look are its own: libcurl keeps both with these two.
        engine, handle = CurlEngine(dialler=self._dialler), pycurl.Curl()
        visit = _Visit(
            engine=engine,
            handle=handle,
            began=time.monotonic(),
            place=self._place,
            answer=Answer(self._options.max_bytes),
        )
        try:
            faults = await self._walk(visit, now)
        finally:
            handle.close()
            engine.close()
        seconds = time.monotonic() - visit.began
        if not any(fault.verdict is Verdict.DOWN for fault in faults):
            faults += self._options.latency.faults(seconds)
        measured = Measured(seconds=seconds, phases=visit.phases, values=_values(visit))
        fine = f"{visit.done} steps, the last with status {visit.status}"
        return observation(self._target, now, faults, measured, fine)

    async def _walk(self, visit: _Visit, now: datetime) -> list[Fault]:
        """Go step by step until one is down; return all that was wrong, with the step's name and no secret."""
        told: list[Fault] = []
        for prepared in self._steps:
            visit.captured.hide_also(prepared.secrets)
            faults = await self._step(prepared, visit, now)
            where = f"step {prepared.number} ({prepared.step.name})"
            told += [replace(fault, text=f"{where}: {visit.captured.hide(fault.text)}") for fault in faults]
            if any(fault.verdict is not Verdict.DEGRADED for fault in faults):
                break
            visit.done += 1
        return told

    async def _step(self, prepared: _Prepared, visit: _Visit, now: datetime) -> list[Fault]:
        began = time.monotonic()
        phases: dict[str, float] = {}
        try:
            faults = await self._fetched(prepared, visit, phases)
        finally:
            seconds = time.monotonic() - began
            for name, length in phases.items():
                visit.phases[name] = visit.phases.get(name, 0.0) + length
                visit.phases[f"{prepared.step.name}.{name}"] = length
            visit.phases[prepared.step.name] = seconds
        if faults:
            return self._dated(faults, visit, now)
        faults = [
            *_wrong(prepared.step, visit),
            *prepared.step.latency.faults(seconds),
            *self._expiry(visit, now),
        ]
        if any(fault.verdict is Verdict.DOWN for fault in faults):
            return faults
        return [*faults, *_capture(prepared.step, visit)]

    async def _fetched(self, prepared: _Prepared, visit: _Visit, phases: dict[str, float]) -> list[Fault]:
        """Make the step's request and follow where it leads; return why it ended early, or nothing."""
        try:
            settings = self._request(prepared, visit)
        except ValueError as error:
            return [wrong(f"what was captured cannot be used: {error}")]
        most = self._options.follow_redirects
        for hop in range(most + 1):
            faults = await self._hop(visit, settings, phases)
            onward = visit.handle.getinfo(pycurl.REDIRECT_URL) if visit.status in REDIRECTS else None
            if faults or onward is None or not most:
                return faults
            if hop == most:
                return [wrong(f"more than {hop} redirect{'s' * (hop != 1)}, the last to {_at(onward)}")]
            try:
                settings = self._redirected(prepared, visit, read_url(onward), settings)
            except ValueError as error:
                return [wrong(f"redirected to something that is not followed: {error}")]
        return []

    def _request(self, prepared: _Prepared, visit: _Visit) -> Settings:
        """Fill in what was captured; raise ``ValueError`` for a value that does not fit where it is put."""
        captured, step = visit.captured, prepared.step
        place = read_url(urljoin(self._place.url, captured.fill_url(step.url)))
        if place.origin not in self._origins:
            # The far end chose it: what we would send there (headers, a body) is not for strangers.
            raise ValueError("it leads to a place that is neither the target's nor one written in a step")
        visit.place = place
        templates = prepared.headers if place.origin == self._place.origin else prepared.everywhere
        headers = {name: captured.fill(value) for name, value in templates.items()}
        body = None
        if prepared.body is not None:
            kind = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
            body = captured.fill(prepared.body, writing_of(kind)).encode()
        lines = header_lines(headers, sends=body is not None)
        return (*method_settings(step.verb, body), (pycurl.HTTPHEADER, lines))

    def _redirected(self, prepared: _Prepared, visit: _Visit, place: Place, settings: Settings) -> Settings:
        verb = prepared.step.verb
        changes_method = visit.status not in (307, 308) and verb not in ("GET", "HEAD")
        if changes_method or place.origin != visit.place.origin:
            head: Settings = ((pycurl.NOBODY, 1),) if verb == "HEAD" else ()
            settings = (*head, (pycurl.HTTPHEADER, (AGENT,)))
        visit.place = place
        return settings

    async def _hop(self, visit: _Visit, settings: Settings, phases: dict[str, float]) -> list[Fault]:
        """Make one request over a connection of this look, a new one if need be."""
        visit.answer, visit.status = Answer(self._options.max_bytes), 0
        try:
            addresses = await self._addresses(visit, phases)
        except (UnreachableError, ValueError) as error:
            return [unreachable(str(error))]
        code = await self._performed(visit, settings, addresses)
        visit.status = visit.handle.getinfo(pycurl.RESPONSE_CODE)
        self._measure(visit, phases)
        if code and not (code == pycurl.E_WRITE_ERROR and visit.answer.cut):
            return [explain(code, visit.handle, self._attempt(visit))]
        return []

    async def _addresses(self, visit: _Visit, phases: dict[str, float]) -> Addresses:
        host = visit.place.host
        if known := visit.addresses.get(host) or self._dialler.literal(host):
            return known
        began = time.monotonic()
        try:
            async with within(self._left(visit)):
                return await self._dialler.locate(host, self._options.ip)
        except TimeoutError:
            sentence = f"the name {host} was not resolved within {spell(self._target.timeout)}"
            raise UnreachableError(sentence) from None
        finally:
            phases["resolve"] = phases.get("resolve", 0.0) + time.monotonic() - began

    async def _performed(self, visit: _Visit, settings: Settings, addresses: Addresses) -> int:
        handle, place, code = visit.handle, visit.place, 0
        handle.reset()  # cookies stay
        encoding: Settings = ((pycurl.ACCEPT_ENCODING, ""),) if self._options.compressed else ()
        for option, value in (*SAFE, *self._tls, *encoding, *settings, (pycurl.COOKIEFILE, "")):
            handle.setopt(option, value)
        handle.setopt(pycurl.URL, place.url)
        handle.setopt(pycurl.WRITEFUNCTION, visit.answer.write)
        handle.setopt(pycurl.HEADERFUNCTION, visit.answer.lines.append)
        for address in addresses:
            visit.address = address
            handle.setopt(*dial(address, place.port))
            handle.setopt(pycurl.TIMEOUT_MS, max(1, int(1000 * self._left(visit))))
            code = await visit.engine.perform(handle)
            if code != pycurl.E_COULDNT_CONNECT:
                visit.addresses[place.host] = (address,)
                break
        return code

    def _left(self, visit: _Visit) -> float:
        return self._limit - (time.monotonic() - visit.began)

    def _measure(self, visit: _Visit, phases: dict[str, float]) -> None:
        measured: dict[str, float] = {}
        add_phases(measured, visit.handle)
        if not visit.handle.getinfo(pycurl.NUM_CONNECTS):  # it had one already
            measured.pop("connect", None)
            measured.pop("tls", None)
        for name, length in measured.items():
            phases[name] = phases.get(name, 0.0) + length
        visit.size += visit.answer.size
        visit.certificate = None
        if visit.place.scheme == "https":
            visit.certificate = next(iter(chain(visit.handle)), None)

    def _attempt(self, visit: _Visit) -> Attempt:
        place = visit.place
        return Attempt(
            place=spot(place.host, visit.address, place.port),
            host=place.host,
            timeout=self._target.timeout,
            tls=place.scheme == "https",
        )

    def _expiry(self, visit: _Visit, now: datetime) -> list[Fault]:
        """Judge the certificate of a new connection; one that is used again was judged before."""
        if visit.certificate is None:
            return []
        days = visit.certificate.days(now)
        visit.days = days if visit.days is None else min(days, visit.days)
        return expiry_faults(days, self._options.certificate)

    def _dated(self, faults: list[Fault], visit: _Visit, now: datetime) -> list[Fault]:
        """Add when the certificate expired to a step that failed for it."""
        days = visit.certificate.days(now) if visit.certificate else 0.0
        if days >= 0 or not any(fault.symptom is Symptom.UNREACHABLE for fault in faults):
            return faults
        return [*faults, Fault(Verdict.DEGRADED, Symptom.CERTIFICATE_EXPIRING, days_left(days))]


def _at(url: str) -> str:
    """Return where a URL leads without what it says there, which may be a secret."""
    return tidy(url.partition("?")[0])


def _wrong(step: Step, visit: _Visit) -> Iterator[Fault]:
    """Yield all that is wrong with an answer that came whole."""
    answer, captured = visit.answer, visit.captured
    if not any(first <= visit.status <= last for first, last in step.status):
        yield wrong(f"status was {visit.status}, expected {say_ranges(step.status)}")
    if step.header:
        rules = {name: filled_header(rule, captured) for name, rule in step.header.items()}
        yield from map(wrong, header_complaints(read_headers(answer.lines), rules))
    if step.body is not None or step.json_:
        text = None if step.body is None else filled_text(step.body, captured)
        rules_of_json = tuple(filled_json(rule, captured) for rule in step.json_)
        yield from map(wrong, body_complaints(b"".join(answer.chunks), text, rules_of_json, cut=answer.cut))


def _capture(step: Step, visit: _Visit) -> Iterator[Fault]:
    if not step.capture:
        return
    answered = Answered(
        headers=read_headers(visit.answer.lines),
        cookies=_cookies(visit.handle),
        body=b"".join(visit.answer.chunks),
        cut=visit.answer.cut,
    )
    for name, capture in step.capture.items():
        try:
            visit.captured.take(name, capture.value(answered))
        except ValueError as error:
            yield wrong(f"{name} {error}")


def _cookies(handle: pycurl.Curl) -> dict[str, str]:
    """Return the cookies that this look holds by now."""
    lines = (line.split("\t") for line in handle.getinfo(pycurl.INFO_COOKIELIST))
    return {fields[5]: fields[6] for fields in lines if len(fields) == _COOKIE_FIELDS}


def _values(visit: _Visit) -> dict[str, float | str]:
    values: dict[str, float | str] = {"size": visit.size, "steps": visit.done}
    if visit.status:
        values["status"] = visit.status
    if visit.address:
        values["ip"] = visit.address
    if visit.days is not None:
        values["certificate_days"] = round(visit.days, 2)
    return values
