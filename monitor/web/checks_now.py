"""The configured checks beside what they were last seen to say: one view for the API and the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.storage.lists import CheckLine
from monitor.web.parts import ConfiguredCheck, Parts

OVERDUE_AFTER = 2  # intervals without a look


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNow:
    """A check as it stands; overdue means that what it said is no longer believed."""

    name: str
    type: str
    system: str | None
    target: str
    every: float
    state: str
    detail: str
    since: datetime | None
    last_look: datetime | None
    next_look: datetime | None
    overdue: bool


def checks_now(parts: Parts, seen: Mapping[str, CheckLine]) -> list[CheckNow]:
    """Return every configured check by name."""
    now = parts.clock()
    configured = sorted(parts.checks(), key=lambda check: check.name)
    return [_now(check, seen.get(check.name), now) for check in configured]


def check_now(check: ConfiguredCheck, seen: CheckLine | None, now: datetime) -> CheckNow:
    """Return one configured check as it stands."""
    return _now(check, seen, now)


def _now(check: ConfiguredCheck, seen: CheckLine | None, now: datetime) -> CheckNow:
    last = seen.looked_at if seen else None
    every = timedelta(seconds=check.every)
    overdue = last is not None and now - last > OVERDUE_AFTER * every
    return CheckNow(
        name=check.name,
        type=check.type,
        system=check.system,
        target=check.target,
        every=check.every,
        state="unknown" if seen is None or overdue else seen.verdict,
        detail=seen.detail if seen else "",
        since=seen.since if seen else None,
        last_look=last,
        next_look=last + every if last else None,
        overdue=overdue,
    )
