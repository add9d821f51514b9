"""Alerts that other programs raise, repeat and end: what one more word of a sender changes.

    told -> opened (a new episode) | repeated (costs nothing) | ended | late (out of order) | moot

An alert is known by its key. It fires until its end, which its sender moves ahead with every repetition; a sender
that names no end is believed for ``resolve_timeout``. Who stops repeating lets it run out, which is not the same as
saying that it is over: the first is *expired*, the second *resolved*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

LATE = timedelta(seconds=60)
"""How long after a sender's "over" its "still firing" of the same beginning is taken for a message that overtook."""


class Standing(StrEnum):
    """Whether an alert stands, and if not, how it ended."""

    FIRING = "firing"
    RESOLVED = "resolved"
    EXPIRED = "expired"


class Change(StrEnum):
    """What a word of the sender changed."""

    OPENED = "opened"
    REPEATED = "repeated"
    ENDED = "ended"
    LATE = "late"
    MOOT = "moot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One word of a sender on one alert. ``ends_at`` None: until it is not repeated any more."""

    key: str
    fingerprint: str
    source: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it is known.

    ``starts_at`` is the sender's word, ``since`` what we believe: an episode does not begin before the end of the one
    before it. ``explicit``: the sender has named the end.
    """

    key: str
    fingerprint: str
    source: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    url: str
    standing: Standing
    starts_at: datetime
    since: datetime
    ends_at: datetime
    updated_at: datetime
    explicit: bool = True
    ended_at: datetime | None = None

    @property
    def firing(self) -> bool:
        """Whether it stands."""
        return self.standing is Standing.FIRING


def heard(known: Alert | None, told: Told, *, now: datetime, timeout: timedelta) -> tuple[Alert, Change]:
    """Return the alert after one more word on it, and what that changed."""
    ends_at = told.ends_at or now + timeout
    firing = ends_at > now
    if known is None:
        fresh = _episode(told, now, ends_at, None)
        return (fresh, Change.OPENED) if firing else (_over(fresh, ends_at, now), Change.MOOT)
    if firing and known.firing:
        return _repeated(known, told, now, ends_at), Change.REPEATED
    if firing:
        return (known, Change.LATE) if _overtaken(known, told, now) else _again(known, told, now, ends_at)
    if not known.firing:
        return known, Change.MOOT
    if told.starts_at and told.starts_at <= ends_at < known.starts_at:  # the end of an earlier episode
        return known, Change.LATE
    return _over(
        replace(known, annotations=told.annotations or known.annotations), ends_at, now
    ), Change.ENDED


def expired(alert: Alert, now: datetime) -> Alert:
    """Return an alert whose end has come without a word."""
    return replace(alert, standing=Standing.EXPIRED, ended_at=max(alert.since, min(alert.ends_at, now)))


def caught_up(alert: Alert, now: datetime, timeout: timedelta) -> Alert:
    """Return an alert as we take it up after our own absence: its sender gets the time to repeat it."""
    return replace(alert, ends_at=max(alert.ends_at, now + timeout))


def _episode(told: Told, now: datetime, ends_at: datetime, before: datetime | None) -> Alert:
    starts_at = told.starts_at or min(now, ends_at)
    since = min(starts_at, now)
    return Alert(
        key=told.key,
        fingerprint=told.fingerprint,
        source=told.source,
        labels=told.labels,
        annotations=told.annotations,
        url=told.url,
        standing=Standing.FIRING,
        starts_at=starts_at,
        since=max(since, before) if before else since,
        ends_at=ends_at,
        updated_at=now,
        explicit=told.ends_at is not None,
    )


def _again(known: Alert, told: Told, now: datetime, ends_at: datetime) -> tuple[Alert, Change]:
    return _episode(told, now, ends_at, known.ended_at), Change.OPENED


def _overtaken(known: Alert, told: Told, now: datetime) -> bool:
    """Whether a "still firing" belongs to the episode that its sender has just ended."""
    if known.standing is not Standing.RESOLVED or told.starts_at is None:
        return False
    began_before = known.ended_at is not None and told.starts_at < known.ended_at
    return began_before and now - known.updated_at < LATE


def _repeated(known: Alert, told: Told, now: datetime, ends_at: datetime) -> Alert:
    """Move the end; one that the sender has named is not moved back while it lies ahead."""
    keeps = known.explicit and known.ends_at > ends_at
    return replace(
        known,
        annotations=told.annotations or known.annotations,
        url=told.url or known.url,
        starts_at=min(known.starts_at, told.starts_at or known.starts_at),
        ends_at=known.ends_at if keeps else ends_at,
        explicit=keeps or told.ends_at is not None,
        updated_at=now,
    )


def _over(alert: Alert, ends_at: datetime, now: datetime) -> Alert:
    return replace(
        alert,
        standing=Standing.RESOLVED,
        ends_at=ends_at,
        ended_at=max(alert.since, ends_at),
        explicit=True,
        updated_at=now,
    )


_OFFSET, _PRIME, _WORD, _SEPARATOR = 14_695_981_039_346_656_037, 1_099_511_628_211, 2**64 - 1, b"\xff"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint of a set of labels as Prometheus and Alertmanager write it (FNV-1a)."""
    parts = (text.encode("utf-8", "replace") for name in sorted(labels) for text in (name, labels[name]))
    sum_ = _OFFSET
    for byte in b"".join(part + _SEPARATOR for part in parts):
        sum_ = ((sum_ ^ byte) * _PRIME) & _WORD
    return f"{sum_:016x}"
