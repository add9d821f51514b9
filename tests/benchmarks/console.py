"""The NOC console's pages with 100,000 systems and 1,000 open incidents, and the portal's for a partner who has 10,000 of these: how long each takes to answer, beside 200 ms.

    python -m tests.benchmarks.console [--quick]

One process, real SQLite, one request after the other by a real client; the first of each page (templates are compiled) is
not counted. CPU is the whole process's, the client's share included: what is left of a figure on a busy machine. Each incident has a clock, a ticket, contacts owed and an attempt; a tenth stands under ten global problems. 300 partners, 200 works in the month; the preview is of work over every system, told to every partner.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import sqlalchemy as sa

from monitor import garbage
from monitor.domain.audit_chain import START, link
from monitor.domain.inventory import Contact, Partner, System
from monitor.storage import schema as t
from monitor.storage.audit import HEAD
from monitor.storage.people import Role
from tests.benchmarks.report import Goal, Report, by_itself
from tests.web.conftest import World, a_world
from tests.web.seeds import DECISION, NOW, ACheck

SYSTEMS, OPEN, OVER = 100_000, 1_000, 20_000
STORM = (
    10_000  # incidents under one problem, nine in ten of them well again; what is open beside them is as ever
)
AUDITED = 100_000  # rows of the audit: the first look reads them all, as the service does when it starts
LIMIT = 200.0
PARTNERS, WORKS = 300, 200
PREVIEW = "POST /noc/maintenance/preview (every system)"
CLASSES = ("critical", "standard", "standard", "standard")
PAGES = (
    "/noc/",
    "/noc/board",
    "/noc/?q=site%2004242",
    "/noc/?page=5",
    "/noc/wall",
    "/noc/queue.csv",
    "/noc/incidents",
    "/noc/incidents?status=resolved",
    "/noc/incidents/inc-500",
    "/noc/incidents/glo-1",
    "/noc/incidents/inc-500/call",
    "/noc/problems",
    "/noc/problems/storm",
    "/noc/problems/storm?partner=birch&cloud=eu-3&q=site",
    "/noc/problems/storm?of=alike",
    "/noc/problems/storm?page=150",
    "/noc/systems",
    "/noc/systems?q=site%2004242",
    "/noc/systems/PBX-0004242",
    "/noc/checks",
    "/noc/checks?state=down",
    "/noc/tickets",
    "/noc/deliveries",
    "/noc/outbox",
    "/noc/maintenance",
    "/noc/maintenance?by=partner",
    "/noc/maintenance?view=week&by=region",
    "/noc/maintenance.csv",
    "/noc/maintenance/new",
    "/noc/maintenance/mnt-7",
    PREVIEW,
    "/noc/global/new",
    "/noc/oncall",
    "/noc/oncall?view=month",
    "/noc/checks/PBX-0004242-sip?span=90d",
    "/noc/partners",
    "/noc/partners?q=partner%2042",
    "/noc/partners/p-042",
    "/noc/policies",
    "/noc/policies/wildix?system=PBX-0004242&symptom=call_drops",
    "/noc/crashes",
    "/noc/alerts",
    "/noc/announcements",
    "/noc/requests",
    "/noc/displays",
    "/noc/urgent",
    "/noc/audit",
    "/noc/audit?who=user-7",
)
PORTAL = (
    "/portal/",
    "/portal/systems",
    "/portal/systems?q=site%2004240",
    "/portal/systems?state=unwell",
    "/portal/systems/PBX-0004240",
    "/portal/cases",
    "/portal/cases?status=resolved",
    "/portal/cases/inc-500",
    "/portal/requests",
    "/portal/requests/new",
    "/portal/news",
)
"""The same record as a partner's person sees it whose systems are a tenth of all."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long one page took, in milliseconds, and how much it is."""

    path: str
    times: tuple[float, ...]
    cpu: float
    size: int

    @property
    def p95(self) -> float:
        return quantiles(self.times, n=20)[-1]


def fill(c: sa.Connection, *, systems: int, over: int) -> None:
    """Put a night on record."""
    c.execute(t.incidents.insert(), [_global(n) for n in range(10)])
    c.execute(t.incidents.insert(), [_incident(n, systems) for n in range(OPEN)])
    c.execute(t.incidents.insert(), [_over(n, systems) for n in range(over)])
    c.execute(t.incidents.insert(), [_storm()])
    c.execute(t.incidents.insert(), [_in_the_storm(n, systems) for n in range(STORM)])
    for first in range(0, systems, 10_000):
        c.execute(t.check_states.insert(), [_state(n) for n in range(first, min(first + 10_000, systems))])
    c.execute(t.clocks.insert(), [_clock(n) for n in range(OPEN)])
    c.execute(t.tickets.insert(), [_ticket(n) for n in range(OPEN)])
    c.execute(t.outbox.insert(), [_owed(n) for n in range(OPEN)])
    c.execute(t.attempts.insert(), [_attempt(n) for n in range(OPEN)])
    c.execute(t.events.insert(), list(_events()))


def _audit(rows: int) -> Iterator[dict[str, Any]]:
    """Give rows of the audit, each with the hash of the one before."""
    before = START
    for n in range(rows):
        said = {"at": NOW - timedelta(seconds=rows - n), "actor": f"user-{n % 20}", "action": "incident.acknowledge", "data": "{}"}  # fmt: skip
        before = link(before, about=f"inc-{n}", **said)
        yield said | {"object": f"inc-{n}", "hash": before}


def audit_trail(c: sa.Connection, rows: int) -> None:
    """Put a long audit on record, with where it ends."""
    made = list(_audit(rows))
    c.execute(t.audit.insert(), made)
    facts = t.facts_of_this_installation
    value = json.dumps({"rows": rows, "hash": made[-1]["hash"]})
    c.execute(facts.update().where(facts.c.name == HEAD).values(value=value))


def serial(n: int) -> str:
    return f"PBX-{n:07d}"


def _incident(n: int, systems: int) -> dict[str, Any]:
    cls = CLASSES[n % len(CLASSES)]
    under = f"glo-{n % 10}" if n % 10 == 0 else None
    return {
        "id": f"inc-{n}", "dedup_key": f"key-{n}", "status": "acknowledged" if n % 3 == 0 else "open", "class": cls, "system": serial(n * 97 % systems), "partner": ("aurora", "birch")[n % 2],
        "title": f"Calls drop on {serial(n)}", "summary": "14 of 20 calls were cut within ten seconds", "symptom": "call_drops", "source": "check", "policy": "wildix",
        "decision": _DECISION, "dossier": "{}", "facts": "{}", "opened_at": NOW - timedelta(minutes=n % 90), "since": NOW - timedelta(minutes=n % 90 + 2),
        "respond_by": NOW + timedelta(minutes=n % 240 - 60), "parent": under, "held_by": under, "owner": "nora" if n % 3 == 0 else None, "owner_party": "us" if n % 3 == 0 else None,
    }  # fmt: skip


def _global(n: int) -> dict[str, Any]:
    return _incident(n * 7 + 1, 1000) | {"id": f"glo-{n}", "dedup_key": f"glo-{n}", "is_global": True, "parent": None, "held_by": None, "public_state": "identified", "system": None, "partner": None}  # fmt: skip


def _storm() -> dict[str, Any]:
    return _global(1) | {"id": "storm", "dedup_key": "storm", "status": "open", "title": "Cloud eu-1: many systems fail", "public": True, "impact": "critical", "components": "[]"}  # fmt: skip


def _in_the_storm(n: int, systems: int) -> dict[str, Any]:
    well = n % 10 > 0
    return _incident(n, systems) | {"id": f"sto-{n}", "dedup_key": f"sto-{n}", "parent": "storm", "held_by": "storm", "since": NOW - timedelta(seconds=600 - n % 60), "status": "resolved" if well else "open", "resolved_at": NOW - timedelta(seconds=n % 120) if well else None}  # fmt: skip


def _over(n: int, systems: int) -> dict[str, Any]:
    return _incident(n, systems) | {"id": f"old-{n}", "dedup_key": f"old-{n}", "status": "resolved", "resolved_at": NOW, "parent": None, "held_by": None}  # fmt: skip


def _state(n: int) -> dict[str, Any]:
    return {"check": f"{serial(n)}-sip", "verdict": "down" if n % 100 == 0 else "up", "detail": "408 Request Timeout" if n % 100 == 0 else "", "since": NOW - timedelta(hours=1), "looked_at": NOW}  # fmt: skip


def _clock(n: int) -> dict[str, Any]:
    return {"incident": f"inc-{n}", "name": "response", "class": CLASSES[n % 4], "started_at": NOW, "due": NOW + timedelta(minutes=n % 240 - 60)}  # fmt: skip


def _ticket(n: int) -> dict[str, Any]:
    return {"id": f"tic-{n}", "incident": f"inc-{n}", "partner": "aurora", "driver": "builtin", "mark": f"inc-{n}", "reference": f"T-{n:05d}", "status": "open", "subject": "Calls drop", "body": "Hello", "language": "en", "created_at": NOW}  # fmt: skip


def _owed(n: int) -> dict[str, Any]:
    return {"id": f"out-{n}", "incident": f"inc-{n}", "kind": "call", "channel": "phone", "dedup": f"out-{n}", "partner": "aurora", "contact": "aurora-1", "recipient": "+390612345678", "language": "it", "state": "waiting", "reason": "the ticket goes first", "created_at": NOW, "not_before": NOW + timedelta(minutes=5)}  # fmt: skip


def _attempt(n: int) -> dict[str, Any]:
    return {"id": f"att-{n}", "outbox": f"out-{n}", "incident": f"inc-{n}", "channel": "phone", "driver": "sandbox", "contact": "aurora-1", "recipient": "+390612345678", "started_at": NOW - timedelta(hours=1), "status": "ended", "result": "no_answer", "history": "[]"}  # fmt: skip


def _events() -> Iterator[dict[str, Any]]:
    for n in range(OPEN):
        for kind in ("incident.opened", "contact.owed", "call.not_acknowledged"):
            yield {"incident": f"inc-{n}", "at": NOW, "kind": kind, "text": "", "data": "{}"}


_DECISION = json.dumps(DECISION)


async def ask(world: World, path: str, times: int, csrf: str) -> Took:
    """Ask for a page so often."""
    took, spent = [], 0.0
    for n in range(times + 1):
        spent = spent if n > 1 else time.process_time()
        world.bell.ring("incident", f"{n}")  # what was rendered before is not served again
        began = time.perf_counter()
        if path is PREVIEW:
            answer = await world.client.post("/noc/maintenance/preview", data=_form(csrf))
        else:
            answer = await world.client.get(path)
        body = await answer.read()
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200, (path, answer.status)
    cpu = 1000 * (time.process_time() - spent) / times
    return Took(path, tuple(took[1:]), cpu, len(body))


def _form(csrf: str) -> list[tuple[str, str]]:
    """Fill in work of two hours, every week, over all systems, told to every partner."""
    local = "%Y-%m-%dT%H:%M"
    times = {
        "starts_at": f"{NOW + timedelta(days=3):{local}}",
        "ends_at": f"{NOW + timedelta(days=3, hours=2):{local}}",
    }
    form = {"csrf": csrf, "title": "Everything", "zone": "Europe/Rome", "components": "cloud-eu", "public": "on", "tell_partners": "on"}  # fmt: skip
    return [*(form | times).items()]


def _work(n: int, systems: int) -> dict[str, Any]:
    begins = NOW.replace(day=1) + timedelta(hours=n * 700 // WORKS)
    named = json.dumps([serial((n * 97 + each) % systems) for each in range(20)])
    own = f"p-{n % 90 + 10:03d}" if n % 4 == 0 else None
    return {
        "id": f"mnt-{n}", "title": f"Work number {n}", "body": "", "status": "scheduled", "starts_at": begins, "ends_at": begins + timedelta(hours=3), "zone": "Europe/Rome",
        "systems": named, "components": '["cloud-eu"]' if n % 10 == 0 else "[]", "public": own is None, "partner": own, "late": None, "announced_by": "lena", "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip


def _partners() -> dict[str, Partner]:
    return {
        f"p-{n:03d}": Partner(id=f"p-{n:03d}", name=f"Partner {n}", policy="wildix", tier="gold", country="IT", language="it", contacts=(Contact(id=f"c-{n}", name=f"Contact {n}", email=f"c{n}@p.example", languages=("it",)),))
        for n in range(PARTNERS)
    }  # fmt: skip


def look_after(world: World, systems: int) -> None:
    """Put 300 partners and their systems under the console, and under who announces work."""
    inventory, known, partners = world.inventory, {}, _partners()
    for n in range(systems):
        known[serial(n)] = System(serial=serial(n), partner=f"p-{n % PARTNERS:03d}", name=f"Site {n:05d}", host=f"pbx{n}.example", country="IT", carrier=f"carrier-{n % 20}", cloud=f"eu-{n % 8}", version=f"5.0{n % 5}", component="cloud-eu")  # fmt: skip
    world.inventory = replace(inventory, systems=known, partners={**inventory.partners, **partners})
    world.checks = tuple(ACheck(name=f"{one}-sip", system=one, target=f"sip:{one}.example") for one in known)
    watched = {check.name: _Watched(check.system) for check in world.checks}
    of = world.pipeline.announcer.world
    of.in_force = replace(of.in_force, inventory=world.inventory, checks=watched, zone="Europe/Rome")
    world.pipeline.announcer = replace(world.pipeline.announcer, sender="noc@tocsin.example")


@dataclass(frozen=True, slots=True)
class _Watched:
    """What planned work asks of a check in force."""

    system: str
    component: str = "cloud-eu"


async def measured(folder: Path, *, systems: int, times: int) -> list[Took]:
    async with a_world(folder) as world:
        look_after(world, systems)
        await world.seed(lambda c: fill(c, systems=systems, over=OVER))
        await world.seed(
            lambda c: c.execute(t.maintenances.insert(), [_work(n, systems) for n in range(WORKS)])
        )
        await world.seed(lambda c: audit_trail(c, AUDITED))
        csrf = await world.log_in(role=Role.ADMIN)
        garbage.settle()  # as the service does once it has started
        ours = [await ask(world, path, times, csrf) for path in PAGES]
        theirs = {
            one: replace(system, partner="aurora") if n % 10 == 0 else system
            for n, (one, system) in enumerate(world.inventory.systems.items())
        }
        world.inventory = replace(world.inventory, systems=theirs)
        csrf = await world.log_in("anna", Role.PARTNER_ADMIN)
        return ours + [await ask(world, path, times, csrf) for path in PORTAL]


def measure(*, systems: int, times: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="tocsin-console-", dir="/var/tmp") as name:
        found = asyncio.run(measured(Path(name), systems=systems, times=times))
    worst = max(found, key=lambda each: each.p95)
    return Report(
        name="console",
        title=f"the console's pages, {systems:,} systems, {OPEN:,} open incidents, {OVER:,} that are over",
        columns=("page", "p50 ms", "p95 ms", "CPU ms", "KB"),
        rows=[(each.path, median(each.times), each.p95, each.cpu, each.size / 1024) for each in found],
        goals=[
            Goal(text=f"p95 of the slowest page ({worst.path})", figure=worst.p95, limit=LIMIT, unit="ms")
        ],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(systems=SYSTEMS, times=10 if quick else 40)


if __name__ == "__main__":
    by_itself(run, __doc__)
