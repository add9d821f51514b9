"""Alerts of others that no rule maps: when our own people must hear of them, and in which words. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

APART = timedelta(minutes=15)
"""Between two pages, at most: what comes meanwhile is told together."""
_MOST_NAMED = 3
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobodys:
    """An alert that fires and that nobody could map."""

    id: str
    name: str
    since: datetime
    because: str


def page_due(told_at: datetime | None, now: datetime, after: timedelta) -> bool:
    """Whether what waits may be told now: not again so soon after the last page."""
    return told_at is None or now - told_at >= min(after, APART)


def page_text(alerts: Sequence[Nobodys]) -> str:
    """Say to our own people what fires that nobody could map, and where to say what it is about."""
    since = min(one.since for one in alerts)
    if len(alerts) == 1:
        said = f"{alerts[0].because.rstrip('.')}"
        which = (
            f"The alert {alerts[0].name[:_LONGEST_NAME]} fires since {since:%H:%M} UTC and no rule maps it"
        )
        first, them = f"{which}{f': {said}' if said else ''}.", "it is"
    else:
        counted = Counter(one.name for one in alerts)
        named = [
            f"{name[:_LONGEST_NAME]}{f' ({count} times)' if count > 1 else ''}"
            for name, count in counted.most_common(_MOST_NAMED)
        ]
        rest = f" and {len(counted) - _MOST_NAMED} others" if len(counted) > _MOST_NAMED else ""
        first = (
            f"{len(alerts)} alerts fire that no rule maps, since {since:%H:%M} UTC: {', '.join(named)}{rest}."
        )
        them = "they are"
    return (
        f"{first} No customer is contacted about that. "
        f"Say what {them} about under Alerts in the console (/noc/alerts), or write a rule under alerts.rules."
    )
