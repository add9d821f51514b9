"""The seam every check type is written against.

A check looks once at one target and says what it saw as an :class:`Observation`. It never raises for
an unhealthy target; it is cancelled by its caller's hard timeout. It holds no state between looks but
what makes the next look cheaper (a connection). It reads no wall clock: ``now`` comes in.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pycurl
from pydantic import BaseModel, ConfigDict

from monitor.domain.findings import Observation, Symptom, Verdict


class Options(BaseModel):
    """The base of every type's own options; unknown keys are errors with a suggestion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What every check has, whatever its type. ``every`` and ``timeout`` in seconds.

    ``serial`` and ``host`` are its system's, if it speaks for one.
    """

    name: str
    target: str
    timeout: float = 10.0
    every: float = 60.0
    symptom: Symptom | None = None
    serial: str | None = None
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPing:
    """What a heartbeat check may know of its pings (all from storage)."""

    created_at: datetime
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_start: datetime | None = None
    exit_status: int | None = None
    detail: str = ""
    running_since: datetime | None = None  # the run that started last, until it ends
    duration: float | None = None  # of the run that ended last, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    """What a passive check may know of the last result that was sent for it (all from storage)."""

    verdict: Verdict
    received_at: datetime
    detail: str = ""
    values: Mapping[str, float] = field(default_factory=dict[str, float])


class HttpEngine(Protocol):
    """Fetches over libcurl's multi interface; one per process, shared by all ``http`` checks."""

    async def perform(self, handle: pycurl.Curl) -> int:
        """Run a prepared handle to its end and return curl's result code (0 is fine)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What wiring hands to check factories; a type takes what it needs and nothing else."""

    http: HttpEngine | None = None
    last_ping: Callable[[str], Awaitable[LastPing]] | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    last_result: Callable[[str], Awaitable[LastResult | None]] | None = None


class Check(Protocol):
    """Looks at one target."""

    async def observe(self, now: datetime) -> Observation:
        """Look once and say what was seen; never raise for an unhealthy target."""
        ...


class CheckType(Protocol):
    """How a type is registered: its options model (for validation and schema) and its factory."""

    @property
    def options(self) -> type[Options]:
        """Return the model of the type's own keys."""
        ...

    def build(self, target: Target, options: Any, tools: Tools) -> Check:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        ...
