"""What the demo is furnished with, over its own REST API as an operator's programs would: a licence, work that is planned.

Once for a data folder, and nothing that rings: who watches the demo sees calls about what breaks only.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession, ClientTimeout

ROME = ZoneInfo("Europe/Rome")


async def furnish(base: str, token: str, now: datetime) -> None:
    """Furnish a demo whose data folder is new; raises where the service refuses what it is given."""
    headers = {"Authorization": f"Bearer {token}"}
    async with ClientSession(
        f"{base}/api/v1/", headers=headers, timeout=ClientTimeout(total=20), raise_for_status=True
    ) as api:
        if await _is_furnished(api):
            return
        for path, body in _scene(now):
            async with api.post(path, json=body):
                pass


async def _is_furnished(api: ClientSession) -> bool:
    async with api.get("licences?limit=1") as answer:
        return bool((await answer.json())["items"])


def _scene(now: datetime) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("licences", {"id": "AUR-2026", "partner": "aurora", "product": "Hosted PBX", "seats": 120}),
        (
            "maintenance",
            _work(now, days=5, hour=22, minutes=120, body="Calls that stand are not cut.", **_OURS),
        ),
        ("maintenance", _work(now, days=8, hour=7, minutes=60, **_THEIRS)),
    ]


def _work(now: datetime, *, days: int, hour: int, minutes: int, **what: Any) -> dict[str, Any]:
    begins = (now.astimezone(ROME) + timedelta(days=days)).replace(
        hour=hour, minute=0, second=0, microsecond=0
    )
    ends = begins + timedelta(minutes=minutes)
    return {**what, "starts_at": begins.isoformat(), "ends_at": ends.isoformat(), "zone": ROME.key}


_OURS = {"title": "New firmware for the session border controllers", "components": ["cloud-eu"]}
_THEIRS = {"title": "New switches at headquarters", "systems": ["PBX-1001"], "partner": "aurora"}
