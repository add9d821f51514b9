"""What ``tocsin oncall`` answers: the rota in force, configuration and record together, in words and as JSON."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor import operating
from monitor.asked import instant
from monitor.clock import system_clock
from monitor.commands import configuration, configuration_here
from monitor.domain import duty
from monitor.domain.inventory import OnCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rota over some days, in both forms; ``gaps`` is how many stretches nobody is on call."""

    document: dict[str, Any]
    told: str
    gaps: int


def oncall(at: str | None, days: int, path: Path | None, data_dir: Path) -> Answer:
    """Return who is on call from a moment on, for so many days."""
    given = configuration(configuration_here(path))
    zone = given.settings.service.zone
    on_call = operating.inventory_in_force(given, path, data_dir).on_call
    start = _moment(at, zone)
    end = start + timedelta(days=days)
    document = duty.as_json(on_call, start, end)
    gaps = sum(len(one["gaps"]) for one in document["rotations"])
    return Answer(document=document, told=_told(on_call, start, end, zone), gaps=gaps)


def _moment(at: str | None, zone: str) -> datetime:
    """Read a moment; without an offset it is in the service's zone."""
    now = system_clock()
    try:
        given = datetime.fromisoformat(at) if at is not None else now
    except ValueError:
        return instant(at, None, now)  # which says what is wrong with it
    aware = given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))
    return instant(aware.isoformat(), None, now).replace(microsecond=0)


def _told(on_call: OnCall, start: datetime, end: datetime, zone: str) -> str:
    if not on_call.engineers:
        return "No engineers are configured: pages go nowhere."
    lines: list[str] = []
    for one in duty.duties(on_call, start, end):
        lines.append(f"{one.rotation or 'on call'} ({zone})")
        for stretch in one.stretches:
            name = "NOBODY" if stretch.engineer is None else on_call.engineers[stretch.engineer].name
            why = "" if stretch.why == "rotation" else f"  ({stretch.why})"
            lines.append(f"  {_local(stretch.start, zone)}  to  {_local(stretch.end, zone)}  {name}{why}")
        if one.next:
            names = [on_call.engineers[who].name for who in (one.next.leaving, one.next.arriving)]
            lines.append(f"  next hand-over {_local(one.next.at, zone)}: {names[0]} to {names[1]}")
        lines.append(f"  {len(one.gaps)} gap{'' if len(one.gaps) == 1 else 's'}")
    return "\n".join(lines)


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"
