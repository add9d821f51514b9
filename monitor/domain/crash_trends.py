"""What the fleet's crashes say together: a signature that came with a release, and one that suddenly is everywhere.

    release   of the systems that run a version many crash so, of the others few or none (Fisher's exact test)
    spike     more systems crash so within an hour than would by themselves, going by the week before (Poisson)
    regression  a version that was said to have fixed it crashes so all the same

Counted are systems, never reports: one that crashes in a loop is one system. A release is told before a spike.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import log

from monitor.domain.chance import at_least, log_tail
from monitor.domain.crash_fixes import Fix
from monitor.domain.inventory import System

RELEASE_WINDOW = timedelta(days=7)
SPIKE_WINDOW = timedelta(hours=1)
BASELINE = timedelta(days=7)
AGAIN = timedelta(days=1)  # after which the same group may spike anew
_LEAST_EXPECTED = 0.05  # systems an hour: what is expected of a group that nobody has seen before
_TITLE = 160


class TrendKind(StrEnum):
    """What is told of a group."""

    RELEASE = "release"
    SPIKE = "spike"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendLimits:
    """From how many systems on something is told, and how unlikely chance must be."""

    systems: int = 3
    chance: float = 1e-3
    spike_chance: float = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHistory:
    """A group's crashes: who crashed in the windows, since when there is the group, how it was in the week before.

    ``before`` counts pairs of system and hour within ``BASELINE`` before the last hour.
    """

    group: str
    title: str
    first_at: datetime
    lately: frozenset[str]
    last_hour: frozenset[str]
    before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Something to be told about a group; ``version`` is empty for a spike."""

    kind: TrendKind
    group: str
    version: str
    systems: int
    partners: int
    words: str


def trend(
    history: GroupHistory, systems: Mapping[str, System], now: datetime, limits: TrendLimits
) -> Trend | None:
    """Return what is to be told of a group, if anything."""
    return _release(history, systems, now, limits) or _spike(history, systems, limits)


def regression(history: GroupHistory, fix: Fix | None, systems: Mapping[str, System]) -> Trend | None:
    """Return that a group is back which a version had fixed, if it is."""
    if fix is None or fix.regressed_at is None:
        return None
    system = systems.get(fix.regressed_on or "")
    where = f" on {system.serial}" if system else ""
    return Trend(
        kind=TrendKind.REGRESSION,
        group=history.group,
        version=fix.regressed_in,
        systems=int(system is not None),
        partners=int(system is not None),
        words=f"{_short(history.title)} is back in {fix.regressed_in}{where}: it was said to be fixed in {fix.version}.",
    )


def _release(
    history: GroupHistory, systems: Mapping[str, System], now: datetime, limits: TrendLimits
) -> Trend | None:
    """Name the version whose systems crash so and others do not; the likeliest of several."""
    running = Counter(system.version for system in systems.values() if system.version)
    crashed = [systems[one] for one in history.lately if one in systems and systems[one].version]
    by_version = Counter(system.version for system in crashed if system.version)
    bound = log(limits.chance / max(1, len(running)))
    found = [
        (chance, version)
        for version, count in by_version.items()
        if count >= limits.systems
        and (chance := log_tail(count, running[version], len(crashed), running.total())) < bound
    ]
    if not found:
        return None
    _, version = min(found)
    inside = [system for system in crashed if system.version == version]
    others, elsewhere = len(crashed) - len(inside), running.total() - running[version]
    partners = len({system.partner for system in inside})
    said = (
        "is new in" if history.first_at >= now - RELEASE_WINDOW and not others else "is far more frequent in"
    )
    return Trend(
        kind=TrendKind.RELEASE,
        group=history.group,
        version=version,
        systems=len(inside),
        partners=partners,
        words=(
            f"{_short(history.title)} {said} {version}: {_systems(len(inside))} of {_partners(partners)}, "
            f"of {running[version]} that run it; {others or 'none'} of {elsewhere} others."
        ),
    )


def _spike(history: GroupHistory, systems: Mapping[str, System], limits: TrendLimits) -> Trend | None:
    """Tell that more systems crash so within the hour than by themselves."""
    now = [systems[one] for one in history.last_hour if one in systems]
    hours = (BASELINE - SPIKE_WINDOW) / SPIKE_WINDOW
    expected = max(history.before / hours, _LEAST_EXPECTED)
    if len(now) < limits.systems or at_least(len(now), expected) >= limits.spike_chance:
        return None
    partners = len({system.partner for system in now})
    usual = f"{history.before / hours:.1f}" if history.before else "none"
    return Trend(
        kind=TrendKind.SPIKE,
        group=history.group,
        version="",
        systems=len(now),
        partners=partners,
        words=(
            f"{_short(history.title)} spikes: {_systems(len(now))} of {_partners(partners)} within an hour; "
            f"in the week before it was {usual} an hour."
        ),
    )


def _short(title: str) -> str:
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"


def _systems(count: int) -> str:
    return f"{count} system{'s' if count != 1 else ''}"


def _partners(count: int) -> str:
    return f"{count} partner{'s' if count != 1 else ''}"
