"""The lines calls are placed by: which are there, which are free, which has just failed.

Asked in the order they are configured, so that the first is the one used and the others stand by. A line
that refused a call rests for a while; when all of them rest, they are tried all the same.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from monitor.errors import DeliveryError

REST = 60.0
HEADER = "X-Tocsin-Attempt"
_REFUSALS = ("401", "403", "407")  # what a registrar says to a user or a password that it does not know
log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An account at a PBX, or a trunk that knows us by our address (``register`` False, no password).

    ``plus`` is what the PBX wants for the + of a number; ``caller`` the number that is shown, where it lets us.
    """

    name: str
    domain: str
    user: str
    password: str = ""
    auth_user: str | None = None
    proxy: str | None = None
    transport: str = "udp"
    register: bool = True
    every: int = 120
    channels: int = 2
    plus: str = "+"
    caller: str | None = None
    marked: bool = False

    def __repr__(self) -> str:
        """Show whose it is, and no secret."""
        return f"Line({self.name!r}: {self.user!r} at {self.domain!r})"

    def order(self) -> dict[str, Any]:
        """Return what the SIP process must know of it."""
        names = ("name", "domain", "user", "password", "auth_user", "proxy", "transport", "register", "every")
        return {name: getattr(self, name) for name in names}

    def headers(self, attempt: str) -> dict[str, str]:
        """Return the headers of a call: whose number is to be shown, and (if wished) which attempt it is."""
        headers = {"P-Asserted-Identity": f"<{dialled(self, self.caller)}>"} if self.caller else {}
        return {**headers, HEADER: attempt} if self.marked else headers


def dialled(line: Line, number: str) -> str:
    """Return a number as an address at the line's PBX."""
    return f"sip:{line.plus}{number.removeprefix('+')}@{line.domain}"


@dataclass(slots=True)
class _Standing:
    up: bool = False
    known: bool = False
    why: str = "not registered yet"
    refused: bool = False
    used: int = 0
    rests_until: float = 0.0


@dataclass(slots=True)
class Lines:
    """The lines and how they stand. ``on_change`` hears how many are up, and how many there are."""

    lines: tuple[Line, ...]
    on_change: Callable[[int, int], None] = lambda _up, _all: None
    _standing: Mapping[str, _Standing] = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin with nothing known."""
        self._standing = {line.name: _Standing() for line in self.lines}

    @property
    def down(self) -> Mapping[str, str]:
        """The lines by which no call can be placed, and why."""
        return {name: standing.why for name, standing in self._standing.items() if not standing.up}

    async def take(self, seconds: float) -> Line:
        """Occupy a channel of a line, waiting for one a while; DeliveryError says why there is none."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    if line := self.take_other(()):
                        return line
                    if all(standing.known and not standing.up for standing in self._standing.values()):
                        break  # waiting does not help: every line has said why
                    self._news.clear()
                    await self._news.wait()
        if any(standing.up for standing in self._standing.values()):
            raise DeliveryError("every line is in use", retry_after=10)
        told = "; ".join(f"line {name}: {why}" for name, why in self.down.items())
        refused = all(standing.refused for standing in self._standing.values())
        raise DeliveryError(told, away=not refused, refused=refused)

    def take_other(self, tried: Collection[str]) -> Line | None:
        """Occupy the first line with room that was not tried yet, rather one that has not just failed."""
        now = asyncio.get_running_loop().time()
        open_ = [line for line in self.lines if line.name not in tried and self._has_room(line)]
        rested = [line for line in open_ if self._standing[line.name].rests_until <= now]
        line = next(iter(rested or open_), None)
        if line is not None:
            self._standing[line.name].used += 1
        return line

    def _has_room(self, line: Line) -> bool:
        standing = self._standing[line.name]
        return standing.up and standing.used < line.channels

    def give_back(self, line: Line) -> None:
        """Let others have the channel."""
        self._standing[line.name].used -= 1
        self._news.set()

    def rest(self, line: Line, why: str) -> None:
        """Let a line that just failed stand back for a while."""
        log.warning("sip.line_failed", line=line.name, why=why)
        self._standing[line.name].rests_until = asyncio.get_running_loop().time() + REST

    def told(self, name: str, *, up: bool, why: str) -> None:
        """Note what the registrar said."""
        standing = self._standing[name]
        if standing.up != up or (not up and standing.why != why):
            (log.info if up else log.error)("sip.line_up" if up else "sip.line_down", line=name, why=why)
        standing.up, standing.known, standing.why = up, True, "" if up else f"not registered: {why}"
        standing.refused = not up and why.startswith(_REFUSALS)
        self._changed()

    def all_down(self, why: str) -> None:
        """Note that there is nobody to speak by any of them."""
        for standing in self._standing.values():
            standing.up, standing.known, standing.why, standing.refused = False, False, why, False
        self._changed()

    def _changed(self) -> None:
        self._news.set()
        self.on_change(sum(standing.up for standing in self._standing.values()), len(self.lines))
