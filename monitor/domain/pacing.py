"""How fast and how often we may contact: a provider's rate, a contact's caps, a day's budget. Pure arithmetic.

A rate is kept as one instant (the generic cell rate algorithm): the moment the next send would be due if all
went out evenly. It is stored with the provider, so that it holds over restarts and between processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from monitor.domain.breaking import BreakerPolicy
from monitor.domain.contacts import RETRIES, RetryPolicy
from monitor.domain.queueing import Band, band


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a provider takes: so many a second evenly, and ``burst`` at once after a quiet time."""

    per_second: float
    burst: int = 1

    @property
    def apart(self) -> timedelta:
        """Return how far apart two sends are."""
        return timedelta(seconds=1 / self.per_second)


def permits(rate: Rate, free_at: datetime | None, now: datetime) -> int:
    """Return how many may go out now."""
    ahead = max((free_at or now) - now, timedelta())
    return max((rate.apart * rate.burst - ahead) // rate.apart, 0)


def spent(rate: Rate, free_at: datetime | None, now: datetime, count: int) -> datetime:
    """Return the rate's instant after so many went out."""
    return max(free_at or now, now) + rate.apart * count


def due_at(rate: Rate, free_at: datetime | None, now: datetime, ahead: int) -> datetime:
    """Return when a row goes out that has so many before it."""
    return max(now, max(free_at or now, now) + rate.apart * (ahead + 1 - rate.burst))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many calls to one contact in such a time; with ``calls=1`` it is a pause between two."""

    calls: int
    per: timedelta


def capped_until(
    caps: Sequence[Cap], calls: Sequence[datetime], now: datetime, *, exempt_from_pause: bool = False
) -> tuple[Cap, datetime] | None:
    """Return which cap keeps a contact from being called now, and until when; of several the longest."""
    made = sorted(calls)
    held = [
        (cap, made[-cap.calls] + cap.per)
        for cap in caps
        if len(made) >= cap.calls and not (exempt_from_pause and cap.calls == 1)
    ]
    until = [each for each in held if each[1] > now]
    return max(until, key=lambda each: each[1], default=None)


def is_exempt(priority: int, attempts: int) -> bool:
    """Whether a call need not keep the pause: an urgent matter's first one."""
    return attempts == 0 and band(priority) is not Band.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many calls a day may bring, to partners in all and to each country; None: as many as it takes."""

    per_day: int | None = None
    per_country: int | None = None


def day_of(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the day it is in a zone, as instants: from its midnight to the next one."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = (midnight + timedelta(days=1)).replace(fold=0)
    return midnight.astimezone(UTC), following.astimezone(UTC)


_MINUTE = timedelta(minutes=1)
CAPS: Mapping[str, tuple[Cap, ...]] = {
    "phone": (Cap(calls=1, per=_MINUTE), Cap(calls=3, per=15 * _MINUTE)),
    "page": (Cap(calls=1, per=_MINUTE / 2),),
}
AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """How hard, how often and how fast we contact: the configuration, as the outbox uses it.

    ``retries`` and ``caps`` by channel, ``rates`` by provider; ``at_once``: sends under way at one provider.
    """

    retries: Mapping[str, RetryPolicy] = field(default_factory=lambda: RETRIES)
    rates: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    caps: Mapping[str, tuple[Cap, ...]] = field(default_factory=lambda: CAPS)
    budget: Budget = field(default_factory=Budget)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    at_once: int = AT_ONCE
    zone: tzinfo = UTC

    def retries_of(self, channel: str) -> RetryPolicy:
        """Return how often and how far apart a channel is tried; one that nobody named like mail."""
        return self.retries.get(channel) or self.retries["mail"]
