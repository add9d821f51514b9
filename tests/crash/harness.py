"""Kill the service at a named point, let it live again, and judge by what the far ends saw.

    fork server (tests.crash.victim) <- one line per life
    far ends (tests.crash.far_ends)  -> what was really done, however often we died
    pages and API of the last life   -> what an engineer saw within a minute, and what stands there at the end
    the record, read at the end      -> what we know of it

``run(...)`` lists everything that is not as promised (``judging``); an empty list is a good cycle. Records are kept in
memory (a kill loses no page of the kernel's; a power cut is ``tests.power``'s matter), ports and far ends stay.
"""

import asyncio
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row

from monitor.storage import migrate, people
from monitor.storage.people import Role, Scope
from tests import memory
from tests.crash import judging
from tests.crash.far_ends import DEVICES, Callbacks, FarEnds, Lookups, Mode, far_ends
from tests.crash.points import COMMITS, OFTEN, OUTAGE, POINTS, ROOT, STORY_OF
from tests.crash.stories import CROWD, TOKEN
from tests.crash.victim import free_port
from tests.databases import a_database, engine_of
from tests.factories import MONDAY_AT_TEN

__all__ = ["POINTS", "ROOT", "Cycle", "Lives", "lives", "run"]

CONFIGURATION = """
service: {{name: Tocsin, zone: Europe/Rome, public_url: "http://127.0.0.1:{port}"}}
page: {{announce_to: [community@lists.example]}}
phone:
  driver: twilio
  from: "+15005550006"
  twilio: {{account_sid: {account}, auth_token: {token}, base_url: "{phone}"}}
tickets:
  driver: request-tracker
  request_tracker: {{url: "{tracker}", queue: General, token: only-on-the-loopback}}
mail: {{host: 127.0.0.1, port: {mail}, security: none, from: noc@tocsin.example}}
chat: {{channels: [{{id: room, name: The room, url: "json://{room}/room", language: en}}]}}
partners:
  - id: aurora
    policy: wildix
    tier: gold
    country: IT
    language: it
    contacts:
      - {{id: giulia, name: Giulia Ferrari, phone: "+390461234567", email: giulia@aurora.example, languages: [it]}}
      - {{id: marco, name: Marco Rossi, phone: "+390461234568", email: marco@aurora.example, languages: [it]}}
  - id: fjord
    name: Fjord Design
    policy: plm
    plan: premium
    country: DK
    language: da
    contacts:
      - {{id: astrid, name: Astrid Holm, phone: "+4532123456", email: astrid@fjord.example, languages: [da, en], role: regular}}
systems:
  - {{serial: PBX-1, name: Headquarters, partner: aurora, country: IT, cloud: eu-1}}
  - {{serial: PBX-2, name: Call centre, partner: aurora, country: IT, cloud: eu-1}}
  - {{serial: PBX-3, name: Design office, partner: fjord, country: DK}}
{crowd}
components:
  - {{id: cloud-eu, name: Cloud platform Europe}}
on_call:
  engineers: [{{id: nadia, name: Nadia Brandt, phone: "+498998765432", language: en}}]
  fallback: nadia
contact:
  retries: {{phone: {{attempts: 4, delays: [1m]}}, page: {{attempts: 3, delays: [1m]}}}}
  rates: {{phone: {{per_second: 20, burst: 20}}}}
crash: {{presumed_impacts: {{"pbx-core": limited}}}}
checks_defaults: {{every: 60s, timeout: 5s, down_after: 3, up_after: 2}}
checks:
  - {{name: pbx-1-sip, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: unreachable}}
  - {{name: pbx-2-sip, type: tcp, system: PBX-2, target: "127.0.0.1:9", symptom: unreachable}}
  - {{name: pbx-3-sip, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: unreachable}}
{crowd_checks}
correlation: {{systems: 5, many: 5}}
"""
CROWD_SYSTEMS = "\n".join(
    f"  - {{serial: {one}, partner: aurora, country: IT, cloud: crowded}}" for one in CROWD
)
CROWD_CHECKS = "\n".join(
    f'  - {{name: {one.lower()}-sip, type: tcp, system: {one}, target: "127.0.0.1:9", symptom: unreachable}}'
    for one in CROWD
)
LONGEST_LIFE = 300


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One cycle: killed at the ``nth`` passing of ``point`` (and again ``then``), with the far ends in their modes."""

    point: str | None
    nth: int = 1
    then: str | None = None
    then_nth: int = 1
    story: str = ""
    tickets: Mode = Mode.OK
    phone: Mode = Mode.OK
    mail: Mode = Mode.OK
    callbacks: Callbacks = Callbacks.OK
    lookups: Lookups = Lookups.OK
    device: str = "presses 1"
    wrong: int = 1

    @property
    def played(self) -> str:
        """The story, by default the one in which the point is passed."""
        return self.story or STORY_OF.get(str(self.point), "outage")

    def __str__(self) -> str:
        """Write it as it is given on the command line to happen again."""
        default = Cycle(point=None)
        given = ((f.name, getattr(self, f.name)) for f in fields(self))
        return ",".join(
            f"{name}={value.name if isinstance(value, Mode | Callbacks | Lookups) else value}"
            for name, value in given
            if value != getattr(default, name)
        )


def read_cycle(text: str) -> Cycle:
    """Read a cycle as it was printed."""
    kinds = {"tickets": Mode, "phone": Mode, "mail": Mode, "callbacks": Callbacks, "lookups": Lookups}
    given: dict[str, Any] = dict(part.split("=", 1) for part in text.split(",") if part)
    for name, value in given.items():
        if name in kinds:
            given[name] = kinds[name][value]
        elif name in ("nth", "then_nth", "wrong"):
            given[name] = int(value)
    return Cycle(**{"point": None, **given})


@dataclass
class Tally:
    """What happened in all cycles together."""

    cycles: int = 0
    lives: int = 0
    doubts: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Lives:
    """The fork server, the far ends it knows, and empty records to begin cycles with."""

    process: asyncio.subprocess.Process
    ends: FarEnds
    port: int
    place: Path
    template: Path
    server: str | None = None
    tally: Tally = field(default_factory=Tally)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    async def live(self, **job: object) -> dict[str, int]:
        """Let one life be lived; return how it ended."""
        self.tally.lives += 1
        return await self.say({**job, "port": self.port, "provider": self.ends.provider.url})

    async def say(self, line: Mapping[str, object]) -> dict[str, int]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        await self.process.stdin.drain()
        async with asyncio.timeout(LONGEST_LIFE):
            said = await self.process.stdout.readline()
        assert said, "the fork server has died"
        answer: dict[str, int] = json.loads(said)
        return answer

    @contextmanager
    def record(self) -> Generator[str]:
        """Give a cycle a folder and an empty record that is up to date; its URL, which is always the same."""
        shutil.rmtree(self.place / "cycle", ignore_errors=True)
        (self.place / "cycle").mkdir()
        if self.server is None:
            shutil.copy(self.template, self.place / "cycle" / "tocsin.db")
            yield f"sqlite:///{self.place / 'cycle' / 'tocsin.db'}"
            return
        with a_database(self.server, f"cycle_{self.port}", "TEMPLATE tocsin_crash") as url:
            yield url


@asynccontextmanager
async def lives(
    tree: Path = ROOT, *, server: str | None = None, beside: Lives | None = None, warm: bool = True
) -> AsyncGenerator[Lives]:
    """Start a fork server over a source tree (a mutant's copy, for instance); ``server``: on that PostgreSQL.

    ``warm=False``: for a cycle or two only. ``beside``: with the far ends and records of another one, so that two can live at once.
    """
    if beside is not None:
        async with _forking(tree, beside.ends, beside.template, server, warm) as second:
            yield second
        return
    with tempfile.TemporaryDirectory(prefix="tocsin-crash-", dir=memory.folder()) as folder:
        template = Path(folder) / "template.db"
        make_record(f"sqlite:///{template}")
        if server is not None:
            with a_database(server, "tocsin_crash", keep=True) as url:
                make_record(url)
        async with far_ends() as ends, _forking(tree, ends, template, server, warm) as made:
            yield made


@asynccontextmanager
async def _forking(
    tree: Path, ends: FarEnds, template: Path, server: str | None, warm: bool
) -> AsyncGenerator[Lives]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.victim",
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-lives-", dir=memory.folder()) as place:
        made = Lives(
            process=process,
            ends=ends,
            port=free_port(),
            place=Path(place),
            template=template,
            server=server,
        )
        try:
            await _ready(made, warm)
            yield made
        finally:
            assert process.stdin
            process.stdin.close()
            await process.wait()


async def _ready(made: Lives, warm: bool) -> None:
    """Hand the configuration over, and let every story be lived once in the fork server itself."""
    configuration, provider = made.place / "tocsin.yaml", made.ends.provider
    configuration.write_text(
        CONFIGURATION.format(
            port=made.port,
            account=provider.account,
            token=provider.token,
            phone=provider.url,
            tracker=made.ends.tracker.url,
            room=made.ends.tracker.url.removeprefix("http://"),
            mail=made.ends.mails.port,
            crowd=CROWD_SYSTEMS,
            crowd_checks=CROWD_CHECKS,
        )
    )
    await made.say({"configuration": str(configuration), "warm": []})
    folder = made.place / "cycle"
    for story in ("people", "storm", "outage") if warm else ():
        with made.record() as url:
            reset(made.ends, Cycle(point=None), folder / "clock")
            seen = {"watch": True, "provider": provider.url}  # so that its pages are compiled as well
            job = {"folder": str(folder), "port": made.port, "database": url, **seen}
            await made.say({"warm": [{**job, "story": story}]})


def make_record(url: str) -> None:
    """Make an empty record that is up to date, with somebody who may see and do everything."""
    engine = engine_of(url)
    with engine.connect() as connection:
        migrate.upgrade(connection)
    with engine.begin() as c:
        now = MONDAY_AT_TEN
        people.create_token(c, id="tok_1", name="harness", secret=TOKEN, scopes=list(Scope), now=now)
        people.create_user(c, id="usr_1", name="nadia", password_hash="none", role=Role.NOC, now=now)
    engine.dispose()
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as record:
            record.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def reset(ends: FarEnds, cycle: Cycle, clock: Path) -> None:
    """Make the far ends new, in the modes of a cycle."""
    ends.tracker.reset(cycle.tickets, wrong=cycle.wrong)
    ends.mails.reset(cycle.mail, wrong=cycle.wrong)
    ends.provider.reset(
        clock,
        cycle.phone,
        wrong=cycle.wrong,
        callbacks=cycle.callbacks,
        lookups=cycle.lookups,
        device=cycle.device,
    )


async def run(cycle: Cycle, server: Lives, keep: Path) -> tuple[list[str], bool]:
    """Run a cycle; return what is wrong after it, and whether the point was reached at all.

    What a bad cycle left behind is copied to ``keep``.
    """
    with server.record() as url:
        problems, reached = await _run(cycle, server, server.place / "cycle", url)
    if problems:
        shutil.copytree(server.place / "cycle", keep)
    return problems, reached


async def _run(cycle: Cycle, server: Lives, folder: Path, url: str) -> tuple[list[str], bool]:
    tally, ends = server.tally, server.ends
    reset(ends, cycle, folder / "clock")
    tally.cycles += 1
    seen: list[str] = []
    job = {"folder": str(folder), "story": cycle.played, "database": url}
    kills = [(cycle.point, cycle.nth), *([(cycle.then, cycle.then_nth)] if cycle.then else []), (None, 1)]
    watch, reached, end = False, False, {"killed": 0, "status": 0}
    for point, nth in kills:
        end = await server.live(**job, point=point, nth=nth, watch=watch)
        if not end["killed"]:
            break
        reached = True
        tally.killed[str(point)] += 1
        with rows_of(url) as rows:
            doubts = judging.in_doubt(rows)
        tally.doubts += len(doubts)
        seen = [*seen, *doubts]
        watch = True
    await ends.provider.settled()
    if end["status"]:
        log = (folder / "log").read_text()[-3000:]
        tally.wrong["lost"] += 1
        return [f"lost: the last life ended with {end}: {log}"], reached
    with rows_of(url) as rows:
        problems = judging.wrong(cycle.played, folder, ends, rows, doubts=seen)
    tally.wrong.update(problem.partition(":")[0] for problem in problems)
    return problems, reached


@contextmanager
def rows_of(url: str) -> Generator[judging.Rows]:
    """Read a record with plain SQL; nothing of ours is used."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as record:
            record.row_factory = sqlite3.Row
            yield lambda query: [dict(row) for row in record.execute(query)]
        return
    address = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, row_factory=dict_row) as record:
        yield lambda query: record.execute(query).fetchall()  # type: ignore[arg-type] # written out in judging


def thrown(dice: random.Random, point: str = "") -> Cycle:
    """Throw a cycle: any point (or this one), at any of its passings, with the far ends in any mode."""
    point = point or dice.choice(POINTS)
    story = STORY_OF[point]
    if point in BOTH and dice.random() < 0.3:
        story = "people"
    then = dice.choice((None, None, *(p for p in POINTS if p in BOTH or STORY_OF[p] == story)))
    cycle = Cycle(
        point=point,
        nth=_nth(dice, point, story),
        story=story,
        then=then,
        then_nth=dice.randint(1, 8) if then and then.startswith("store.") else 1,
        tickets=dice.choice(list(Mode)),
        phone=dice.choice(list(Mode)),
        mail=dice.choice(list(Mode)),
        callbacks=dice.choice((Callbacks.OK, Callbacks.OK, Callbacks.OK, *Callbacks)),
        lookups=dice.choice((Lookups.OK, *Lookups)),
        device=dice.choice(list(DEVICES)),
        wrong=dice.choice((1, 1, 2)),
    )
    return fitting(cycle)


def _nth(dice: random.Random, point: str, story: str) -> int:
    if point.startswith("store."):
        return dice.randint(1, COMMITS[story])
    return dice.choice((1, 1, 2)) if point in OFTEN else 1


BOTH = frozenset(point for point in OUTAGE if "crash" not in point)
"""Points that are passed in both stories."""
NEEDS: Mapping[str, Mapping[str, Any]] = {
    "contact.before_failure": {"phone": Mode.ERROR_BEFORE},
    "call.before_lookup": {"phone": Mode.ERROR_BEFORE},
    "call.after_lookup": {"phone": Mode.ERROR_BEFORE, "lookups": Lookups.OK},
    "settle.after_adopt": {"phone": Mode.ERROR_BEFORE},
    "retry.before_record": {"mail": Mode.REFUSED},
    "retry.after_record": {"mail": Mode.REFUSED},
    "ticket.before_read": {"tickets": Mode.ERROR_BEFORE},
    "ticket.before_comment": {"tickets": Mode.OK},
    "ticket.after_comment": {"tickets": Mode.OK},
    "ticket.before_attach": {"tickets": Mode.OK},
    "ticket.after_attach": {"tickets": Mode.OK},
    "ticket.before_resolve": {"tickets": Mode.OK},
    "ticket.after_resolve": {"tickets": Mode.OK},
    "ticket.after_open": {"tickets": Mode.OK},
    "call.after_place": {"phone": Mode.OK},
}
"""In which modes a point is passed for certain; whatever else the dice said stays."""


def fitting(cycle: Cycle) -> Cycle:
    """Return a cycle in which its point is passed."""
    return replace(cycle, **NEEDS.get(str(cycle.point), {}))


async def counted(server: Lives) -> dict[str, Counter[str]]:
    """Play every story and kill nobody; return how often each point is passed."""
    folder = server.place / "cycle"
    for story in sorted(set(STORY_OF.values())) if not server.counts else ():
        server.counts[story] = Counter()
        doubtful: dict[str, Any] = {**NEEDS["call.after_lookup"], **NEEDS["retry.after_record"]}
        for needs in ({}, doubtful, dict(NEEDS["ticket.before_read"])):
            with server.record() as url:
                reset(server.ends, Cycle(point=None, **needs), folder / "clock")
                passed = server.place / "passed"
                end = await server.live(folder=str(folder), story=story, database=url, count=str(passed))
            assert not end["status"], (folder / "log").read_text()[-3000:]
            for point, times in json.loads(passed.read_text()).items():
                server.counts[story].setdefault(point, times)
    return server.counts
