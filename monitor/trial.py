"""One real call by the configured phone, so that an operator can try a line before anybody depends on it.

    number -> may it be dialled? -> the phone alone, without record or web -> what happens, line by line

The number must be a contact's or an engineer's, or the operator must insist; countries and kinds of numbers are
never waived.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from alerts.base import CallEvent, CallScript, CallState, PhoneDriver
from alerts.dialling import COUNTRIES, may_dial
from alerts.sandbox import SandboxExchange
from alerts.script import phrase
from monitor import phone_parts
from monitor.clock import new_id, system_clock
from monitor.commands import configuration, configuration_here
from monitor.errors import ConfigError, DeliveryError, RefusedError
from monitor.settings import Settings
from monitor.settings.values import phone as e164

LONGEST = 420.0
KEYS: Mapping[CallState, str] = {
    CallState.ACKNOWLEDGED: "taken on, the line works",
    CallState.ESCALATED: "handed on",
}
OVER = frozenset(
    {CallState.COMPLETED, CallState.NO_ANSWER, CallState.BUSY, CallState.REFUSED, CallState.FAILED}
)
Tell = Callable[[str], None]


class Phone(PhoneDriver, Protocol):
    """A phone whose calls can be waited for."""

    async def settled(self) -> None:
        """Wait until every call is over."""
        ...


@dataclass(slots=True, kw_only=True)
class Trial:
    """A call that was tried, and what was told of it: seconds since the beginning, state, words."""

    number: str
    tell: Tell
    began: float = field(default_factory=time.monotonic)
    events: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def acknowledged(self) -> bool:
        """Whether 1 was pressed."""
        return any(state == CallState.ACKNOWLEDGED for _, state, _ in self.events)

    def note(self, state: str, words: str) -> None:
        """Keep and print one line."""
        after = round(time.monotonic() - self.began, 2)
        self.events.append((after, state, words))
        self.tell(f"{after:7.2f} s  {words}")

    async def event(self, event: CallEvent) -> None:
        """Take what the phone tells."""
        if event.digit:
            self.note(event.state, f"key {event.digit} pressed: {KEYS.get(event.state, event.state)}")
        elif event.state is CallState.QUEUED:
            how = f", {event.detail}" if event.detail else ""
            self.note(event.state, f"calling {self.number}{how}, known at the far end as {event.provider_id}")
        else:
            state = event.state.replace("_", " ")
            known = not event.detail or event.detail.startswith(state)
            self.note(event.state, (event.detail or state) if known else f"{state}: {event.detail}")
        if event.state in OVER or event.state in KEYS:
            self.over.set()


def call(
    number: str, path: Path | None, *, text: str | None, language: str | None, anyway: bool, tell: Tell
) -> Trial:
    """Place the call; RefusedError if the number may not be dialled, ConfigError without a phone to try."""
    settings = configuration(configuration_here(path)).settings
    to = _dialled(number, settings, anyway=anyway)
    language = language or settings.service.language
    script = CallScript(
        attempt=f"trial_{new_id()}",
        to=to,
        text=text or phrase(language, "test"),
        language=language,
        ring_seconds=round(settings.contact.call_ring_time),
    )
    return asyncio.run(_tried(settings, script, Trial(number=to, tell=tell)))


def document(trial: Trial) -> dict[str, Any]:
    """Return it for programs."""
    told = [{"after": after, "state": str(state), "detail": words} for after, state, words in trial.events]
    return {"number": trial.number, "acknowledged": trial.acknowledged, "events": told}


def _dialled(number: str, settings: Settings, *, anyway: bool) -> str:
    try:
        to = e164(number)
    except ValueError as error:
        raise RefusedError(400, "number", f"{number}: {error}") from None
    inventory = settings.inventory
    contacts = (one.phone for partner in inventory.partners.values() for one in partner.contacts)
    known = {*contacts, *(one.phone for one in inventory.on_call.engineers.values())}
    if to not in known and not anyway:
        told = f"{to} is nobody's number in the configuration: nobody is called by mistake; --anyway calls it all the same"
        raise RefusedError(403, "number", told)
    judged = may_dial(to, registered={to}, countries=frozenset(settings.contact.regions or COUNTRIES))
    if not judged.allowed:
        raise RefusedError(403, "number", f"{to} is not dialled: {judged.reason}")
    return to


async def _tried(settings: Settings, script: CallScript, trial: Trial) -> Trial:
    async with _phone(settings, script, trial) as phone:
        try:
            await phone.place(script)
        except DeliveryError as error:
            trial.note("failed", f"not placed: {error}")
            return trial
        try:
            async with asyncio.timeout(LONGEST):
                await trial.over.wait()
                await phone.settled()  # whoever was called hears the thanks to their end
        except TimeoutError:
            trial.note("failed", f"no end within {LONGEST:.0f} s")
        return trial


@asynccontextmanager
async def _phone(settings: Settings, script: CallScript, trial: Trial) -> AsyncIterator[Phone]:
    """Give the configured phone, with a journal of its own: the service may be running beside it."""

    async def say(_attempt: str) -> CallScript:
        return script

    match settings.phone.driver:
        case "sandbox":
            async with SandboxExchange(trial.event, clock=system_clock, say=say) as exchange:
                yield exchange
        case "sip":
            assert settings.phone.sip, "checked when the settings were read"
            own_port = replace(settings.phone, sip=replace(settings.phone.sip, port=0))
            with TemporaryDirectory(
                prefix="tocsin-call-", ignore_cleanup_errors=True
            ) as folder:  # a voice may still speak
                phone = phone_parts.sip_phone(
                    own_port, folder=Path(folder), clock=system_clock, on_event=trial.event, say=say
                )
                async with phone:
                    yield phone
        case "none":
            raise ConfigError(["phone.driver is 'none': there is nothing to try"])
        case driver:
            told = f"phone.driver {driver!r} tells the running service of keys, and only it: try it with a finding of your own"
            raise ConfigError([told])
