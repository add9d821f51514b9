"""A provider that is away is tried by one row at a time; the others wait without spending their attempts. Pure.

up --failures in a row--> down --probe fails--> down, the next probe later --probe succeeds--> up
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PROBE_TAKES = timedelta(seconds=45)
"""The longest a probe is under way; its failure says sooner when the next one goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """``failures`` in a row mean that a provider is away; ``delays`` in seconds between probes, the last repeats.

    ``alarm_after``: how many seconds away, with somebody waiting, before our own people are told.
    """

    failures: int = 3
    delays: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 60.0)
    alarm_after: float = 180.0

    def delay(self, probes: int) -> timedelta:
        """Return how long to wait after so many probes."""
        return timedelta(seconds=self.delays[min(probes, len(self.delays) - 1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """How a provider stands; ``probe_at``: when the next row may try it."""

    failures: int = 0
    probes: int = 0
    down_since: datetime | None = None
    probe_at: datetime | None = None
    alarmed_at: datetime | None = None
    why: str = ""

    @property
    def is_down(self) -> bool:
        """Whether the provider is away, as far as we know."""
        return self.down_since is not None


def failed(
    breaker: Breaker, now: datetime, why: str, policy: BreakerPolicy, *, asked: timedelta = timedelta()
) -> Breaker:
    """Count a failure that says: the provider is away; ``asked``: how long it asked to be left alone."""
    failures = breaker.failures + 1
    if not breaker.is_down and failures < policy.failures:
        return replace(breaker, failures=failures, why=why)
    return replace(
        breaker,
        failures=failures,
        down_since=breaker.down_since or now,
        probe_at=now + max(policy.delay(breaker.probes), asked),
        why=why,
    )


def probing(breaker: Breaker, now: datetime) -> Breaker:
    """Send one row to see whether the provider is back: no other goes before its end is known."""
    return replace(breaker, probes=breaker.probes + 1, probe_at=now + PROBE_TAKES)


def may_probe(breaker: Breaker, now: datetime) -> bool:
    """Whether a provider that is away may be tried now."""
    return breaker.is_down and (breaker.probe_at is None or breaker.probe_at <= now)


def alarm_due(breaker: Breaker, now: datetime, policy: BreakerPolicy) -> bool:
    """Whether our own people are to be told that a provider is away, once for each time it is."""
    if breaker.down_since is None or breaker.alarmed_at is not None:
        return False
    return now - breaker.down_since >= timedelta(seconds=policy.alarm_after)
