"""The whole service with a real SIP phone, and phones at the far end that nobody here wrote (SIPp)."""

import asyncio
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.sip import SipPhone
from monitor import wiring
from monitor.domain.findings import Verdict
from monitor.storage import schema
from monitor.wiring import Service
from tests.acceptance.asked import Mailbox, a_mailbox, mail_settings
from tests.acceptance.world import CHECKS, CONFIGURATION, read
from tests.alerts.sip_phones import now
from tests.factories import MONDAY_AT_TEN, a_look
from tests.far_ends.kamailio import Pbx, a_pbx
from tests.far_ends.sipp import (
    FarEnd,
    Phone,
    answers,
    busy,
    free_port,
    hangs_up,
    is_silent,
    phones,
    refuses,
    rings_on,
)
from tests.requirements import require

GIULIA, MARCO, NADIA, TOMAS = "+390461234567", "+390461234568", "+498998765432", "+390461998877"
DANA = "+16142345678"
LONG_ENOUGH = 30.0
BRIEF = """
import subprocess, sys, wave
voice, file = sys.argv[1:]
subprocess.run(["espeak-ng", "-v", voice, "-s", "450", "--stdin", "-w", file + ".all"], check=True)
with wave.open(file + ".all") as whole, wave.open(file, "wb") as brief:
    brief.setparams(whole.getparams())
    brief.writeframes(whole.readframes(whole.getframerate() // 2))
"""
"""A program that speaks, and says only half a second of everything: what is to be heard is another test's matter."""


def clock_from(start: datetime) -> Callable[[], datetime]:
    """Return a clock that runs as clocks do, from a moment of our choice."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def configuration(folder: Path, far_end: FarEnd, contacts: Mapping[str, str] | None = None) -> str:
    """Return a configuration whose phone is ours; ``contacts`` in place of the first partner's."""
    require("python:baresip", "a SIP user agent", how="pip install 'tocsin[sip]'")
    require("espeak-ng", "speech on real calls")
    (folder / "brief.py").write_text(BRIEF)
    first = free_port(pairs=20)
    phone = f"""
phone:
  driver: sip
  from: "+390461171511"
  sip:
    lines: [{{name: pbx, domain: "{far_end.address}", user: tocsin, register: false, channels: 4}}]
    rtp_ports: {first}-{first + 39}
    key_time: 1s
    speech: {{command: [{sys.executable}, {folder / "brief.py"}, "{{voice}}", "{{file}}"]}}
contact: {{call_ring_time: 5s, retry_delays: [1s]}}
"""
    text = re.sub(r"(?m)^phone: .*$", lambda _: phone, CONFIGURATION)
    if contacts:
        listed = "".join(
            f'      - {{id: {name}, name: {name.title()}, phone: "{number}", hours: always}}\n'
            for name, number in contacts.items()
        )
        text = re.sub(
            r"(?ms)(id: aurora$.*?contacts:\n).*?(?=  - id: birch)", lambda found: found[1] + listed, text
        )
    return text + CHECKS


@dataclass
class Running:
    """A service that runs by a real clock."""

    service: Service
    clock: Callable[[], datetime]

    async def fails(self, check: str) -> None:
        for minutes in (2, 1, 0):
            at = self.clock() - timedelta(minutes=minutes)
            await self.service.pipeline.observed(a_look(check, Verdict.DOWN, at=at))

    async def rows(self, table: sa.Table) -> list[Mapping[Any, Any]]:
        return await self.service.store.read(
            lambda c: [dict(row) for row in c.execute(sa.select(table)).mappings()]
        )

    async def until_acknowledged(self) -> tuple[Mapping[Any, Any], datetime]:
        """Return the incident, and the moment of the wall clock it was seen acknowledged."""
        async with asyncio.timeout(LONG_ENOUGH):
            while True:
                (incident,) = await self.rows(schema.incidents)
                if incident["status"] == "acknowledged":
                    return incident, now()
                await asyncio.sleep(0.01)

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait for something that the service does by itself."""
        async with asyncio.timeout(LONG_ENOUGH):
            while not is_so():
                await asyncio.sleep(0.05)
        assert is_so(), what

    async def results(self) -> list[tuple[str, str]]:
        tried = [row for row in await self.rows(schema.attempts) if row["channel"] == "phone"]
        return [(row["contact"], row["result"]) for row in sorted(tried, key=lambda row: row["started_at"])]


@asynccontextmanager
async def running(folder: Path, database: str, text: str) -> AsyncIterator[Running]:
    path, clock = folder / "tocsin.yaml", clock_from(MONDAY_AT_TEN)
    path.write_text(text)
    async with wiring.assemble(read(path, clock), database=database, data_dir=folder, clock=clock) as service:
        sending = asyncio.create_task(service.delivery.run())
        try:
            yield Running(service, clock)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


async def test_a_busy_contact_is_followed_by_the_next_whose_1_acknowledges_the_incident(
    tmp_path: Path, database_url: str
) -> None:
    thinks = 0.6
    async with (
        phones(tmp_path / "phones", {GIULIA: busy(), MARCO: answers("1", thinks=thinks)}) as far_end,
        running(tmp_path, database_url, configuration(tmp_path, far_end)) as world,
    ):
        await world.fails("pbx-1-sip")
        incident, at = await world.until_acknowledged()
        assert incident["acknowledged_by"] == "marco by phone"
        assert await world.results() == [("giulia", "busy"), ("marco", "acknowledged")]
        assert far_end.invited() == [GIULIA, MARCO]
        waited = (at - picked_up(far_end.messages())).total_seconds() - thinks
        print(f"key pressed -> incident acknowledged: {waited * 1000:.0f} ms (asked for: 2000 ms)")
        await far_end.until("BYE sip:")
        metrics = world.service.rounds.metrics.registry
        assert metrics.get_sample_value("tocsin_phone_lines", {"state": "up"}) == 1


def picked_up(messages: str) -> datetime:
    """Return when the far end got our ACK: from there on it waits, and presses its key."""
    for block in re.split(r"-{40,} ", messages):
        if "received" in block and "ACK sip:" in block and MARCO in block:
            return datetime.fromisoformat(block.partition("\n")[0]).astimezone()
    raise AssertionError("nobody picked up")


async def test_each_way_of_not_being_reached_leads_to_the_next_contact(
    tmp_path: Path, sqlite_url: str
) -> None:
    people: Mapping[str, tuple[str, Phone, str]] = {
        "anna": ("+390461000001", busy(), "busy"),
        "bruno": ("+390461000002", refuses("603 Decline"), "refused"),
        "carla": ("+390461000003", rings_on(), "no_answer"),
        "dario": ("+390461000004", is_silent(), "no_answer"),
        "elena": ("+390461000005", hangs_up(0.3), "no_answer"),
        "fabio": ("+390461000006", answers("1"), "acknowledged"),
    }
    behave = {number: phone for number, phone, _ in people.values()}
    contacts = {name: number for name, (number, _, _) in people.items()}
    async with (
        phones(tmp_path / "phones", behave) as far_end,
        running(tmp_path, sqlite_url, configuration(tmp_path, far_end, contacts)) as world,
    ):
        await world.fails("pbx-1-sip")
        incident, _ = await world.until_acknowledged()
        assert incident["acknowledged_by"] == "fabio by phone"
        assert await world.results() == [(name, result) for name, (_, _, result) in people.items()]
        assert far_end.invited() == list(contacts.values()), "nobody was called twice"


async def test_a_service_that_is_killed_in_the_middle_of_a_call_tells_a_person_and_dials_nobody_again(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with phones(tmp_path / "phones", {GIULIA: is_silent(), NADIA: answers("1")}) as far_end:
        text = re.sub(r"(?ms)^checks:.*", FAILING, configuration(tmp_path, far_end, {"giulia": GIULIA}))
        (tmp_path / "tocsin.yaml").write_text(text.replace("key_time: 1s", "key_time: 20s"))
        async with a_process(tmp_path, port):
            await far_end.until("ACK sip:", 60)  # somebody has picked up, and the text is being read
            await asyncio.sleep(0.5)
        await far_end.until("BYE sip:")  # nobody is left in a dead line
        async with a_process(tmp_path, port):
            row = await until_set_aside(tmp_path / "tocsin.db")
            await far_end.until(f"INVITE sip:{NADIA}@")  # our own people are told
        assert "somebody had picked up when we stopped" in row["reason"]
        assert "not redialled" in row["reason"]
        assert far_end.invited() == [GIULIA, NADIA]


FAILING = """checks:
  - {name: pbx-1-sip, type: tcp, system: PBX-1, target: "127.0.0.1:9", every: 1s, timeout: 1s, down_after: 1, symptom: unreachable, facts: {impact: severe, workaround: false}}
"""


@asynccontextmanager
async def a_process(folder: Path, port: int) -> AsyncIterator[None]:
    """Run the service as it is run in production; it is killed at the end, without a warning."""
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "serve", "-c", str(folder / "tocsin.yaml")),
            *("--data-dir", str(folder), "--port", str(port)),
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def until_set_aside(database: Path) -> dict[str, Any]:
    """Read the record beside the service until the call stands there for a person to look at."""
    async with asyncio.timeout(60):
        while True:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as record:
                record.row_factory = sqlite3.Row
                with suppress(sqlite3.OperationalError):
                    for row in record.execute("select * from outbox where kind='call' and state='set_aside'"):
                        return dict(row)
            await asyncio.sleep(0.1)


async def test_a_call_whose_sip_process_dies_is_told_within_seconds_and_nobody_is_dialled_again(
    tmp_path: Path, database_url: str
) -> None:
    async with (
        phones(tmp_path / "phones", {GIULIA: rings_on(), NADIA: answers("1")}) as far_end,
        running(tmp_path, database_url, configuration(tmp_path, far_end, {"giulia": GIULIA})) as world,
    ):
        await world.fails("pbx-1-sip")
        await far_end.until("180 Ringing")
        assert isinstance(world.service.phone, SipPhone)
        assert world.service.phone.child.pid
        os.kill(world.service.phone.child.pid, signal.SIGKILL)
        died = time.monotonic()
        async with asyncio.timeout(LONG_ENOUGH):
            while "ambiguous" not in dict(await world.results()).values():
                await asyncio.sleep(0.05)
        print(f"process died -> told as ambiguous: {time.monotonic() - died:.1f} s (asked for: 60 s)")
        (row,) = [row for row in await world.rows(schema.outbox) if row["kind"] == "call"]
        assert row["state"] == "set_aside"
        assert "its end is not on record: it may have rung; not redialled" in row["reason"]
        await far_end.until(f"INVITE sip:{NADIA}@")  # by the process that took its place
        assert far_end.invited() == [GIULIA, NADIA]


async def test_when_no_line_is_up_calls_wait_the_engineer_is_mailed_and_each_goes_out_once_after_the_return(
    tmp_path: Path, sqlite_url: str
) -> None:
    port = free_port()
    async with (
        phones(tmp_path / "phones", {GIULIA: answers("1"), DANA: answers("1")}) as far_end,
        a_pbx(tmp_path / "pbx", behind=far_end.address) as pbx,
        a_mailbox(port) as mailbox,
    ):
        await pbx.stop()
        async with running(tmp_path, sqlite_url, registered_at(pbx, tmp_path, far_end, port)) as world:
            await world.fails("pbx-1-sip")
            await world.fails("pbx-4-sip")
            await world.until(lambda: to_nadia(mailbox), "a mail to the engineer")
            assert "telephone has been away" in to_nadia(mailbox)[0]
            calls = [row for row in await world.rows(schema.outbox) if row["kind"] == "call"]
            assert {row["state"] for row in calls} <= {"waiting", "claimed"}, (
                "one at a time sees whether it is back"
            )
            assert "provider_down" in {row["waits"] for row in calls if row["state"] == "waiting"}
            assert max(row["attempts"] for row in calls) <= 3, "those that found out, and no more"
            assert far_end.invited() == []
            await pbx.start()
            async with asyncio.timeout(LONG_ENOUGH):
                while {row["status"] for row in await world.rows(schema.incidents)} != {"acknowledged"}:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            assert sorted(far_end.invited()) == sorted([GIULIA, DANA]), "each once"
        assert len(to_nadia(mailbox)) == 1


def to_nadia(mailbox: Mailbox) -> list[str]:
    bodies = [mail.get_body(("plain",)) for mail in mailbox.mails if mail["To"] == "nadia@example.org"]
    return [str(body.get_content()) for body in bodies if body]


def registered_at(pbx: Pbx, folder: Path, far_end: FarEnd, mail: int) -> str:
    """Return a configuration whose only line registers at a PBX, and whose engineer can be mailed."""
    text = configuration(folder, far_end)
    trunk = re.search(r"lines: \[.*\]", text)
    assert trunk, "it is a line"
    line = f'{{name: pbx, domain: "{pbx.address}", user: tocsin, password: "{pbx.password}", transport: tcp, channels: 4}}'
    text = text.replace(trunk[0], f"lines: [{line}]")
    text = text.replace(
        "retry_delays: [1s]}", "retry_delays: [1s], breaker: {probe_after: [1s], alarm_after: 2s}}"
    )
    text = text.replace(f'phone: "{NADIA}"', f'phone: "{NADIA}", email: nadia@example.org')
    return text + mail_settings(mail)
