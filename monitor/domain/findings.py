"""From single looks to a problem believed: observations, thresholds, findings and recoveries.

A check's life is a :class:`Streak`. ``detect`` is its whole state machine:

    looks -> (down_after failing in a row) -> Finding, dated back to the first failing look
          -> (up_after good in a row)      -> Recovery, dated back to the first good look

An unknown look (our own fault, an overdue check, a plugin that could not say) moves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from monitor.domain.flapping import Flaps

FactValue = bool | str | None
"""A fact's value; ``None`` (or absence) is *unknown*."""


class Symptom(StrEnum):
    """What can be said to be wrong (contract: "Symptoms")."""

    CALL_DROPS = "call_drops"
    UNREACHABLE = "unreachable"
    PORTAL_UNREACHABLE = "portal_unreachable"
    DEGRADED = "degraded"
    CRASH = "crash"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    HARDWARE_FAULT = "hardware_fault"
    INTERNET_CONNECTIVITY = "internet_connectivity"
    OPERATOR_FAULT = "operator_fault"
    NOBODY_CAN_LOG_ON = "nobody_can_log_on"
    PLANNED_WORK = "planned_work"
    QUESTION = "question"
    ENHANCEMENT = "enhancement"
    OTHER = "other"


class Source(StrEnum):
    """Where a finding came from."""

    CHECK = "check"
    CRASH = "crash"
    ALERT = "alert"
    HEARTBEAT = "heartbeat"
    REQUEST = "request"


class Verdict(StrEnum):
    """What one look says. ``unknown`` is neither up nor down and never opens or closes anything."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at one target. ``seconds`` is the whole look; ``phases`` are parts of it, in seconds."""

    check: str
    at: datetime
    verdict: Verdict
    symptom: Symptom | None = None
    detail: str = ""
    seconds: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict[str, float])
    values: Mapping[str, float | str] = field(default_factory=dict[str, "float | str"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem believed. ``system`` is a serial, or None for something of our own (a component)."""

    system: str | None
    symptom: Symptom
    source: Source
    summary: str
    since: datetime
    at: datetime
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    origin: str = ""
    component: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """How many looks in a row it takes to believe."""

    down_after: int = 3
    up_after: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """What is remembered of a check between two looks; ``reported`` means a finding stands."""

    reported: bool = False
    failing: int = 0
    passing: int = 0
    failing_since: datetime | None = None
    passing_since: datetime | None = None
    symptom: Symptom | None = None
    flaps: Flaps = Flaps()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """That a streak crossed its threshold: ``down`` says which way, ``since`` the first look of the new kind."""

    down: bool
    since: datetime
    at: datetime
    symptom: Symptom
    detail: str


def detect(streak: Streak, seen: Observation, thresholds: Thresholds) -> tuple[Streak, Turn | None]:
    """Return the streak after this look and, if the look made us change our belief, the turn."""
    if seen.verdict is Verdict.UNKNOWN:
        return streak, None
    if seen.verdict is Verdict.UP:
        return _passed(streak, seen, thresholds)
    return _failed(streak, seen, thresholds)


def resumed(streak: Streak, *, standing: bool, absent: bool) -> Streak:
    """Return a streak as it is taken up after a restart; ``standing``: whether its finding is on record.

    It was reported only if that is so: a kill between the two would otherwise swallow the outage. One whose finding
    has ended since begins anew, for its old failing looks are told already. After an absence (longer than a check may
    be overdue) looks in a row are counted anew, too: what lay between them nobody saw.
    """
    if streak.reported and not standing:
        return Streak(flaps=streak.flaps)
    if absent:
        since = streak.failing_since if standing else None
        streak = replace(streak, failing=0, failing_since=since, passing=0, passing_since=None)
    return replace(streak, reported=standing)


def _failed(streak: Streak, seen: Observation, thresholds: Thresholds) -> tuple[Streak, Turn | None]:
    since = streak.failing_since or seen.at
    symptom = seen.symptom or Symptom.OTHER
    after = replace(
        streak,
        failing=streak.failing + 1,
        failing_since=since,
        passing=0,
        passing_since=None,
        symptom=streak.symptom if streak.reported else symptom,
    )
    if streak.reported or after.failing < thresholds.down_after:
        return after, None
    turn = Turn(down=True, since=since, at=seen.at, symptom=symptom, detail=seen.detail)
    return replace(after, reported=True), turn


def _passed(streak: Streak, seen: Observation, thresholds: Thresholds) -> tuple[Streak, Turn | None]:
    since = streak.passing_since or seen.at
    if not streak.reported:
        return Streak(passing=streak.passing + 1, passing_since=since, flaps=streak.flaps), None
    after = replace(streak, passing=streak.passing + 1, passing_since=since)
    if after.passing < thresholds.up_after:
        return after, None
    turn = Turn(
        down=False, since=since, at=seen.at, symptom=streak.symptom or Symptom.OTHER, detail=seen.detail
    )
    return Streak(passing=after.passing, passing_since=since, flaps=streak.flaps), turn
