"""``tcp``: a port accepts a connection and, if asked, answers a text with a text.

    resolve + vet -> connect -> (send) -> (read until ``expect`` matches) -> observation

A look that only connects hangs up at once. With a ``dialogue`` or TLS it is a conversation (:mod:`checks.tcp_dialogue`). What was refused, silent, reset or answered wrongly is told apart.
"""

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from checks.base import Check, CheckType, Options, Target, Tools
from checks.conversation import ConversationKeys
from checks.curl import dialler_of
from checks.dialling import Dialler, UnreachableError, connect, host_and_port, spot
from checks.durations import spell
from checks.tcp_dialogue import MOST_PARTS, DialogueCheck, Part
from checks.texts import Pattern, compiled, tidy
from checks.verdicts import (
    OUR_TROUBLE,
    Fault,
    Measured,
    no_connection,
    observation,
    unreachable,
    wrong,
)
from monitor.domain.findings import Observation

_MOST: Final = 64 * 1024
_PIECE: Final = 4096


class TcpOptions(ConversationKeys):
    """The keys of a ``tcp`` check."""

    send: Annotated[str, Field(max_length=_MOST, description="Send this text once connected.")] = ""
    expect: Annotated[
        Pattern | None, Field(description="What is answered must match this pattern (RE2).")
    ] = None
    dialogue: Annotated[
        tuple[Part, ...],
        Field(
            max_length=MOST_PARTS, description="What is said by whom, instead: `expect`, `send`, `starttls`."
        ),
    ] = ()
    security: Annotated[
        Literal["none", "tls"],
        BeforeValidator(lambda value: "none" if value is None else value),
        Field(description="`tls` from the first byte, or `none`."),
    ] = "none"

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.dialogue and (self.send or self.expect is not None):
            raise ValueError("with a dialogue, send and expect belong into it")
        return self

    def parts(self) -> tuple[Part, ...]:
        """Return what is said by whom."""
        sent = (Part(send=SecretStr(self.send)),) if self.send else ()
        return self.dialogue or (*sent, *((Part(expect=self.expect),) if self.expect is not None else ()))


@dataclass(slots=True)
class _Look:
    """How far one look has come."""

    began: float
    place: str
    connected: bool = False
    received: bytearray = field(default_factory=bytearray)
    phases: dict[str, float] = field(default_factory=dict[str, float])
    values: dict[str, float | str] = field(default_factory=dict[str, "float | str"])


class TcpCheck:
    """Connects to one port; holds nothing between looks."""

    __slots__ = ("_dialler", "_fixed", "_host", "_limit", "_options", "_port", "_target")

    def __init__(self, target: Target, options: TcpOptions, dialler: Dialler) -> None:
        """Read the target; raise ``ValueError`` with a sentence for a bad one."""
        self._target = target
        self._options = options
        self._dialler = dialler
        self._host, self._port = host_and_port(target.target)
        self._fixed = dialler.literal(self._host)
        self._limit = target.timeout - min(0.1, target.timeout / 20)

    async def observe(self, now: datetime) -> Observation:
        """Connect once, talk if there is something to say, and hang up."""
        look = _Look(began=time.monotonic(), place=f"{self._host}:{self._port}")
        try:
            async with asyncio.timeout(self._limit):
                faults = await self._look(look)
        except TimeoutError as error:
            faults = [self._silence(look, error)]
        except UnreachableError as error:
            faults = [unreachable(str(error))]
        except OSError as error:
            faults = [_broken(look, error)]
        seconds = time.monotonic() - look.began
        faults = faults or self._options.latency.faults(seconds)
        measured = Measured(seconds=seconds, phases=look.phases, values=look.values)
        return observation(self._target, now, faults, measured, f"connected to {look.place}")

    async def _look(self, look: _Look) -> list[Fault]:
        addresses = self._fixed or await self._dialler.locate(self._host, self._options.ip)
        look.phases["resolve"] = time.monotonic() - look.began
        connection = await self._connect(look, addresses)
        with connection:
            look.connected = True
            look.phases["connect"] = time.monotonic() - look.began - look.phases["resolve"]
            return await self._talk(look, connection)

    async def _connect(self, look: _Look, addresses: tuple[str, ...]) -> socket.socket:
        """Connect to the address, or to the other family's if the first one refuses at once."""
        *first, last = addresses
        for address in first:
            self._at(look, address)
            with contextlib.suppress(OSError):
                return await connect(address, self._port)
        self._at(look, last)
        return await connect(last, self._port)

    def _at(self, look: _Look, address: str) -> None:
        look.place = spot(self._host, address, self._port)
        look.values["ip"] = address

    async def _talk(self, look: _Look, connection: socket.socket) -> list[Fault]:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        if self._options.send:
            await loop.sock_sendall(connection, self._options.send.encode())
        if self._options.expect is None:
            return []
        while not self._matched(look) and len(look.received) < _MOST:
            piece = await loop.sock_recv(connection, _PIECE)
            if not piece:
                return [self._wrong_answer(look)]
            look.received += piece
        look.phases["processing"] = time.monotonic() - began
        return [] if self._matched(look) else [self._wrong_answer(look)]

    def _matched(self, look: _Look) -> bool:
        pattern = self._options.expect
        text = look.received.decode("utf-8", "replace")
        return bool(text) and pattern is not None and compiled(pattern).search(text) is not None

    def _wrong_answer(self, look: _Look) -> Fault:
        if not look.received:
            return wrong(f"{look.place} closed the connection without an answer")
        return wrong(f"{look.place} answered {self._said(look)}")

    def _said(self, look: _Look) -> str:
        pattern = tidy(self._options.expect or "")
        return f"{tidy(bytes(look.received))!r}, expected something that matches {pattern!r}"

    def _silence(self, look: _Look, error: TimeoutError) -> Fault:
        """Say how far it had come; the kernel's own ETIMEDOUT is a ``TimeoutError`` too."""
        within = f"within {spell(self._target.timeout)}"
        if error.errno:
            return unreachable(f"no connection to {look.place}: the network gave up")
        if "ip" not in look.values:
            return unreachable(f"the name {self._host} was not resolved {within}")
        if not look.connected:
            return unreachable(f"no connection to {look.place} {within}")
        if look.received:
            return wrong(f"{look.place} answered {self._said(look)} {within}")
        return unreachable(f"no answer from {look.place} {within}")


def _broken(look: _Look, error: OSError) -> Fault:
    if look.connected and error.errno not in OUR_TROUBLE:
        return unreachable(f"{look.place} reset the connection")
    return no_connection(look.place, error.errno or 0)


class TcpType:
    """How ``tcp`` is registered."""

    options: type[Options] = TcpOptions

    def build(self, target: Target, options: TcpOptions, tools: Tools) -> Check:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        if options.dialogue or options.security == "tls":
            return DialogueCheck(target, options, options.parts(), tools, secure=options.security == "tls")
        return TcpCheck(target, options, dialler_of(tools.http))


TYPE: CheckType = TcpType()
