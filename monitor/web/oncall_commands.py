"""What people and programs do with the rota and with who has what; the API and the console share these."""

from collections.abc import Sequence

from monitor.domain.rota import Shift
from monitor.web.auth import audit
from monitor.web.oncall_models import NewOverride
from monitor.web.parts import Parts


async def override(parts: Parts, actor: str, wanted: NewOverride) -> str:
    """Let somebody stand in, and return the override's id."""
    shift = Shift(
        id=f"ovr_{parts.new_id()}",
        rotation=wanted.rotation or parts.inventory().on_call.default,
        engineer=wanted.engineer,
        start=wanted.start,
        end=wanted.end,
        by=actor,
        note=wanted.note,
    )
    return await parts.owning.override(shift)


async def take_back(parts: Parts, actor: str, id_: str) -> None:
    """End an override before its time."""
    await parts.owning.take_back(id_, actor=actor)


async def renew(parts: Parts, actor: str, incident: str) -> None:
    """Say that somebody is still on it."""
    await parts.owning.renew(incident, actor=actor)
    await audit(parts, actor, "incident.renew", incident)


async def hand_over(parts: Parts, actor: str, incidents: Sequence[str], to: str, note: str = "") -> None:
    """Put incidents into another engineer's hands."""
    await parts.owning.hand_over(incidents, to=to, actor=actor, note=note)
    for incident in incidents:
        await audit(parts, actor, "incident.hand_over", incident, to=to)
