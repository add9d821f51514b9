"""Kill the service at a named point, let it live again, and judge by what the far ends saw.

    fork server (tests.crash.victim) <- one line per life
    far ends (tests.crash.far_ends)  -> what was really done, however often we died
    the record, read at the end      -> what we know of it

``wrong(...)`` lists everything that is not as promised; an empty list is a good cycle.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from monitor.storage import migrate
from tests.crash.far_ends import FakeTracker, Mode, Provider
from tests.crash.victim import CRASHES, free_port
from tests.databases import engine_of

ROOT = Path(__file__).parents[2]
POINTS = (
    "store.before_commit",
    "store.after_commit",
    "finding.before_record",
    "finding.after_record",
    "ticket.before_search",
    "ticket.before_open",
    "ticket.after_open",
    "ticket.after_resolve",
    "call.before_place",
    "call.after_place",
    "call.after_event",
    "crash.before_record",
    "crash.after_record",
)

CONFIGURATION = """
service: {{name: Tocsin, zone: Europe/Rome, public_url: "http://127.0.0.1:{port}"}}
phone:
  driver: twilio
  from: "+15005550006"
  twilio: {{account_sid: {account}, auth_token: {token}, base_url: "{phone}"}}
tickets:
  driver: request-tracker
  request_tracker: {{url: "{tracker}", queue: General, token: only-on-the-loopback}}
partners:
  - id: aurora
    policy: wildix
    tier: gold
    country: IT
    language: it
    contacts:
      - {{id: giulia, name: Giulia Ferrari, phone: "+390461234567", email: giulia@aurora.example, languages: [it]}}
      - {{id: marco, name: Marco Rossi, phone: "+390461234568", email: marco@aurora.example, languages: [it]}}
systems:
  - {{serial: PBX-1, name: Headquarters, partner: aurora, country: IT, cloud: eu-1}}
  - {{serial: PBX-2, name: Call centre, partner: aurora, country: IT, cloud: eu-1}}
on_call:
  engineers: [{{id: nadia, name: Nadia Brandt, phone: "+498998765432", language: en}}]
  fallback: nadia
crash: {{presumed_impacts: {{"pbx-core": limited}}}}
checks_defaults: {{every: 60s, timeout: 5s, down_after: 3, up_after: 2}}
checks:
  - {{name: pbx-1-sip, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: unreachable}}
"""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One cycle: killed at the ``nth`` passing of ``point`` (and again ``then``), with the far ends in a mode."""

    point: str | None
    nth: int = 1
    tickets: Mode = Mode.OK
    phone: Mode = Mode.OK
    then: str | None = None

    def __str__(self) -> str:
        name = f"{self.point}:{self.nth}-tickets {self.tickets.name}-phone {self.phone.name}"
        return f"{name}-then {self.then}" if self.then else name


class Lives:
    """The fork server; ``template`` is a migrated record, to begin each cycle with."""

    def __init__(self, process: asyncio.subprocess.Process, template: Path) -> None:
        self._process = process
        self.template = template

    async def live(self, **job: object) -> dict[str, int]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(90):
            answer: dict[str, int] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def lives(tree: Path = ROOT) -> AsyncGenerator[Lives]:
    """Start a fork server over a source tree (a mutant's copy, for instance)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.victim",
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-crash-") as folder:
        template = Path(folder) / "template.db"
        make_record(template)
        try:
            yield Lives(process, template)
        finally:
            assert process.stdin
            process.stdin.close()
            await process.wait()


def make_record(path: Path) -> None:
    """Make an empty record that is up to date."""
    engine = engine_of(f"sqlite:///{path}")
    with engine.connect() as connection:
        migrate.upgrade(connection)
    engine.dispose()


async def run(cycle: Cycle, server: Lives, folder: Path) -> tuple[list[str], bool]:
    """Run a cycle; return what is wrong after it, and whether the point was reached at all."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(server.template, folder / "tocsin.db")
    async with FakeTracker(cycle.tickets) as tracker, Provider(folder / "clock", cycle.phone) as provider:
        port = free_port()
        (folder / "tocsin.yaml").write_text(
            CONFIGURATION.format(
                port=port,
                account=provider.account,
                token=provider.token,
                phone=provider.url,
                tracker=tracker.url,
            )
        )
        job = {"folder": str(folder), "port": port}
        end = await server.live(**job, point=cycle.point, nth=cycle.nth)
        reached = bool(end["killed"])
        if end["killed"] and cycle.then:
            end = await server.live(**job, point=cycle.then, nth=1)
        if end["killed"]:
            end = await server.live(**job)
        await provider.settled()
        if end["status"]:
            log = (folder / "log").read_text()[-3000:]
            return [f"the last life ended with {end}: {log}"], reached
        return wrong(folder, tracker, provider), reached


def wrong(folder: Path, tracker: FakeTracker, provider: Provider) -> list[str]:
    """Return what is not as promised."""
    with closing(sqlite3.connect(folder / "tocsin.db")) as record:
        record.row_factory = sqlite3.Row

        def rows(query: str) -> list[sqlite3.Row]:
            return record.execute(query).fetchall()

        return [
            *_lost(folder, rows("SELECT * FROM incidents"), rows("SELECT * FROM crashes")),
            *_tickets(tracker, rows("SELECT * FROM incidents"), rows("SELECT * FROM tickets")),
            *_calls(provider, rows("SELECT * FROM attempts WHERE channel IN ('phone', 'page')")),
            *_outbox(rows("SELECT * FROM outbox"), rows("SELECT * FROM attempts WHERE result = 'ambiguous'")),
            *_asked(rows("SELECT * FROM requests"), rows("SELECT * FROM attempts WHERE request IS NOT NULL")),
        ]


def _lost(folder: Path, incidents: list[sqlite3.Row], crashes: list[sqlite3.Row]) -> list[str]:
    found = []
    said = [line.split() for line in (folder / "ledger").read_text().splitlines()]
    promised = {words[1] for words in said if words[0] == "accepted"}
    kept = Counter(row["key"] for row in crashes)
    found += [f"report {key} was accepted and is lost" for key in promised - set(kept)]
    found += [f"report {key} is on record {count} times" for key, count in kept.items() if count > 1]
    found += [f"report {row['key']} was never digested" for row in crashes if row["digested_at"] is None]
    if len(promised) != CRASHES:
        found.append(f"only {len(promised)} reports were accepted in the end")
    by_system = Counter(row["system"] for row in incidents)
    if by_system != {"PBX-1": 1, "PBX-2": 1}:
        found.append(f"there are incidents of {dict(by_system)}, and should be one of each system")
    found += [
        f"the outage is {row['status']}, though it is over"
        for row in incidents
        if row["system"] == "PBX-1" and row["status"] != "resolved"
    ]
    return found


def _tickets(tracker: FakeTracker, incidents: list[sqlite3.Row], known: list[sqlite3.Row]) -> list[str]:
    found = []
    opened = Counter(ticket.incident for ticket in tracker.tickets)
    for row in incidents:
        if opened[row["id"]] != 1:
            found.append(f"{opened[row['id']]} tickets were opened for the incident of {row['system']}")
    recorded = {(row["incident"], row["reference"]) for row in known}
    real = {(ticket.incident, str(ticket.id)) for ticket in tracker.tickets}
    if recorded != real:
        found.append(f"the tickets on record are {recorded}, the real ones {real}")
    over = {row["id"] for row in incidents if row["status"] == "resolved"}
    for ticket in tracker.tickets:
        if ticket.incident in over and (ticket.status, len(ticket.notes)) != ("resolved", 1):
            found.append(f"ticket {ticket.id} of a resolved incident is {ticket.status}, told {ticket.notes}")
    return found


def _calls(provider: Provider, attempts: list[sqlite3.Row]) -> list[str]:
    found = []
    known = {row["id"]: row for row in attempts}
    for attempt, times in Counter(provider.attempts()).items():
        if times > 1:
            found.append(f"attempt {attempt} was placed {times} times")
        if attempt not in known:
            found.append(f"attempt {attempt} was placed and is not on record")
        elif known[attempt]["result"] == "failed":
            found.append(
                f"attempt {attempt} was placed and is recorded as failed: {known[attempt]['detail']}"
            )
    if not provider.calls:
        found.append("nobody was called")
    found += [
        f"attempt {row['id']} never came to an end ({row['status']})"
        for row in attempts
        if row["status"] != "ended"
    ]
    answered = Counter(
        row["incident"] for row in attempts if (row["channel"], row["result"]) == ("phone", "acknowledged")
    )
    found += [f"incident {i} was acknowledged {n} times by phone" for i, n in answered.items() if n > 1]
    return found


def _asked(requests: list[sqlite3.Row], attempts: list[sqlite3.Row]) -> list[str]:
    """Judge the request that pages the engineer: taken by who pressed 1, or said to be nobody's."""
    if len(requests) != 1:
        return [f"there are {len(requests)} requests, and should be one"]
    (request,) = requests
    taken = [row for row in attempts if row["result"] == "acknowledged"]
    if len(taken) > 1:
        return [f"the request was taken {len(taken)} times by phone"]
    if taken and request["assignee"] != "nadia":
        return [f"key 1 was pressed, and the request is {request['assignee']}'s"]
    if not taken and not request["flagged"]:
        return ["nobody took the request, and nobody is told"]
    return []


def _outbox(rows: list[sqlite3.Row], ambiguous: list[sqlite3.Row]) -> list[str]:
    found = [
        f"{row['kind']} is still {row['state']}: {row['reason']}"
        for row in rows
        if row["state"] in ("waiting", "claimed", "sent")
    ]
    by_id = {row["id"]: row for row in rows}
    for attempt in ambiguous:
        owner = by_id[attempt["outbox"]]
        pages = [row for row in rows if row["kind"] == "page" and row["incident"] == owner["incident"]]
        if owner["kind"] == "call" and owner["state"] == "set_aside" and not pages:
            found.append(f"attempt {attempt['id']} is ambiguous, and nobody was told")
    return found
