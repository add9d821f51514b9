"""From the section ``phone.sip`` to a SIP phone: its lines, what speaks for it, where its journal is kept."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from alerts.base import CallEventSink, CallScript
from alerts.sip import Doubt, SipPhone, Station
from alerts.sip_lines import Line
from alerts.sip_talk import Patience, Say
from alerts.speech import Renderer, Speech
from monitor.errors import ConfigError
from monitor.settings import PhoneSettings
from monitor.settings.sip_sections import Sip, SipLine, SipSpeech
from monitor.storage.engine import Store
from monitor.storage.outbox_doubt import doubt
from monitor.storage.outbox_rows import due_of_attempt

EXTRA = "baresip"
SETTLED_BY = 1.0
"""Seconds a placed call's record may take, before it can be put in doubt."""

_PORT = re.compile(r":\d+$")


class Parts(Protocol):
    """What of the parts of a driver is needed here."""

    @property
    def clock(self) -> Callable[[], datetime]: ...  # noqa: D102
    @property
    def on_event(self) -> CallEventSink: ...  # noqa: D102
    @property
    def say(self) -> Callable[[str], Awaitable[CallScript | None]]: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def store(self) -> Store: ...  # noqa: D102
    @property
    def on_lines(self) -> Callable[[int, int], None]: ...  # noqa: D102


def sip(settings: PhoneSettings, parts: Parts) -> SipPhone:
    """Return the service's SIP phone; ConfigError when something it needs is not installed."""
    phone = sip_phone(
        settings,
        folder=parts.folder / "phone",
        clock=parts.clock,
        on_event=parts.on_event,
        say=parts.say,
        on_doubt=_doubted(parts),
        alone=parts.store.dialect == "sqlite",
    )
    phone.lines.on_change = parts.on_lines
    return phone


def sip_phone(
    settings: PhoneSettings,
    *,
    folder: Path,
    clock: Callable[[], datetime],
    on_event: CallEventSink,
    say: Say | None = None,
    on_doubt: Doubt | None = None,
    alone: bool = True,
) -> SipPhone:
    """Return a SIP phone; ConfigError when something it needs is not installed."""
    assert settings.sip, "checked when the settings were read"
    if problems := missing(settings):
        raise ConfigError(problems)
    renderer = _renderer(settings.sip.speech)
    return SipPhone(
        station(settings.sip, settings.sender),
        on_event=on_event,
        clock=clock,
        say=say,
        speech=Speech(renderer, folder / "speech"),
        folder=folder / "journal",
        on_doubt=on_doubt,
        alone=alone,
    )


def missing(settings: PhoneSettings) -> list[str]:
    """Say what the SIP phone needs and this machine does not have: the extra, the program that speaks."""
    if settings.driver != "sip" or settings.sip is None:
        return []
    found = (_missing_extra(), _missing_voice(_renderer(settings.sip.speech)))
    return [problem for problem in found if problem]


def station(settings: Sip, sender: str | None) -> Station:
    """Return where we speak SIP from."""
    first, _, last = settings.rtp_ports.partition("-")
    return Station(
        lines=tuple(_line(line, sender) for line in settings.lines),
        local_address=settings.local_address or _loopback(settings),
        port=settings.port,
        rtp_ports=(int(first), int(last)),
        patience=Patience(setup=settings.setup_time, key=settings.key_time),
    )


def _line(line: SipLine, sender: str | None) -> Line:
    caller = line.caller or sender
    return Line(
        name=line.name,
        domain=line.domain,
        user=line.user or f"{line.plus}{(sender or '').removeprefix('+')}",
        password=line.password.reveal() if line.password else "",
        auth_user=line.auth_user,
        proxy=f"{line.proxy};transport={line.transport}" if line.proxy else None,
        transport=line.transport,
        register=line.register,
        every=round(line.register_every),
        channels=line.channels,
        plus=line.plus,
        caller=caller,
        marked=line.mark_calls,
    )


def _loopback(settings: Sip) -> str | None:
    """Return the loopback's address if the PBX is on it: the stack does not look for one there by itself."""
    for line in settings.lines:
        try:
            address = ipaddress.ip_address(socket.gethostbyname(_PORT.sub("", line.proxy or line.domain)))
        except (OSError, ValueError):
            continue
        if address.is_loopback:
            return str(address)
    return None


def _renderer(speech: SipSpeech) -> Renderer:
    return Renderer(
        command=speech.command, voices=dict(speech.voices), fallback=speech.fallback, speed=speech.speed
    )


def _missing_extra() -> str | None:
    if find_spec(EXTRA):
        return None
    return "phone.driver is 'sip', and the part that speaks SIP is not installed: pip install 'tocsin[sip]'"


def _missing_voice(renderer: Renderer) -> str | None:
    missing = renderer.missing()
    return missing and f"phone.sip.speech.command: {missing}"


def _doubted(parts: Parts) -> Callable[[str, str], Awaitable[None]]:
    """Return what puts a call in doubt on record, so that it is settled at the next sweep and not minutes later."""

    async def doubted(attempt: str, why: str) -> None:
        await asyncio.sleep(SETTLED_BY)
        due = await parts.store.read(due_of_attempt, attempt)
        if due is not None:
            await parts.store.write(doubt, due, now=parts.clock(), detail=why)

    return doubted
