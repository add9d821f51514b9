"""A fleet in two clouds, and a cloud that fails: as many systems and partners as a story needs.

fleet = Fleet(systems=1000, partners=30)      cloud eu-1 (all of them) and us-1 (as many again, if it is asked for)
await fall(world, fleet.checks("eu-1"))       first failing looks within its interval, each repeated twice
"""

import heapq
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import yaml

from monitor.domain.findings import Verdict
from monitor.pace import share
from tests.acceptance.world import World
from tests.factories import a_look

EVERY, AGAIN = 20.0, 5.0
STEP = 2


@dataclass(frozen=True)
class Fleet:
    """``systems`` in cloud eu-1 and ``others`` in us-1, shared by the partners in turn."""

    systems: int = 24
    others: int = 24
    partners: int = 3
    component: str | None = "cloud-eu"
    contacts: int = 1

    def serials(self, cloud: str) -> list[str]:
        count = self.systems if cloud == "eu-1" else self.others
        return [f"{cloud.upper()}-{number}" for number in range(count)]

    def checks(self, cloud: str = "eu-1") -> list[str]:
        return [f"{serial.lower()}-sip" for serial in self.serials(cloud)]

    def partner_of(self, serial: str) -> str:
        return f"partner-{int(serial.rsplit('-', 1)[1]) % self.partners}"

    def phone_of(self, partner: str, contact: int = 1) -> str:
        return f"+3904619{contact - 1}{int(partner.rsplit('-', 1)[1]):04d}"

    def configuration(self, **correlation: object) -> str:
        document = {
            "service": {"name": "Tocsin", "zone": "Europe/Rome", "public_url": "https://status.example.org"},
            "phone": {"driver": "sandbox", "from": "+390461171511"},
            "tickets": {"driver": "builtin"},
            "correlation": {"systems": 5, "many": 5, **correlation},
            "partners": [self._partner(f"partner-{number}") for number in range(self.partners)],
            "systems": [self._system(serial, cloud) for cloud in ("eu-1", "us-1") for serial in self.serials(cloud)],
            "components": [{"id": "cloud-eu", "name": "Cloud platform Europe"}, {"id": "cloud-us", "name": "Cloud platform Americas"}],
            "on_call": {"engineers": [{"id": "nadia", "name": "Nadia Brandt", "phone": "+498998765432"}], "fallback": "nadia"},
            "checks_defaults": {"every": "20s", "timeout": "5s", "down_after": 3, "up_after": 2},
            "checks": [
                {"name": f"{serial.lower()}-sip", "type": "tcp", "system": serial, "target": "127.0.0.1:9", "symptom": "unreachable"}
                for cloud in ("eu-1", "us-1")
                for serial in self.serials(cloud)
            ],
        }  # fmt: skip
        return str(yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))

    def _partner(self, id_: str) -> dict[str, object]:
        contacts = [
            {
                "id": f"{id_}-{number}", "name": f"Anna of {id_}", "phone": self.phone_of(id_, number),
                "email": f"noc@{id_}.example", "languages": ["it", "en"], "hours": "always",
            }
            for number in range(1, self.contacts + 1)
        ]  # fmt: skip
        return {"id": id_, "policy": "wildix", "tier": "gold", "country": "IT", "language": "it", "contacts": contacts}  # fmt: skip

    def _system(self, serial: str, cloud: str) -> dict[str, object]:
        component = self.component if cloud == "eu-1" else "cloud-us"
        known = {"serial": serial, "partner": self.partner_of(serial), "country": "IT", "cloud": cloud}
        return {
            **known,
            "version": f"5.0{len(serial) % 3}",
            **({"component": component} if component else {}),
        }


Second = Callable[[], Awaitable[None]]


async def fall(
    world: World, checks: Iterable[str], *, verdict: Verdict = Verdict.DOWN, looks: int = 3, second: Second | None = None
) -> None:  # fmt: skip
    """Look at every check, spread over its interval, until it has looked so often; rounds and deliveries every other second."""
    begin = world.clock()
    due = [(begin + timedelta(seconds=share(name) * EVERY), name, looks) for name in checks]
    heapq.heapify(due)
    tick = begin + timedelta(seconds=STEP)
    while due:
        at, name, left = heapq.heappop(due)
        while tick <= at:
            tick = await _second(world, tick, second)
        world.clock.now = max(at, world.clock())
        await world.service.pipeline.observed(a_look(name, verdict, at=at))
        if left > 1:
            heapq.heappush(due, (at + timedelta(seconds=AGAIN), name, left - 1))


async def _second(world: World, tick: datetime, second: Second | None) -> datetime:
    world.clock.now = max(tick, world.clock())
    await world.service.rounds.once()
    await world.service.publisher._refresh()
    await (second or world.deliver)()
    return tick + timedelta(seconds=STEP)


async def seconds(world: World, count: int, second: Second | None = None) -> None:
    """Let so many seconds pass, with all that happens in each of them."""
    for _ in range(0, count, STEP):
        await _second(world, world.clock() + timedelta(seconds=STEP), second)
