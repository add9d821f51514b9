"""What happens to the service in a life, and how a life that was cut short is taken up again.

``outage``  an outage is seen -> crash reports come in -> a customer asks -> everybody is contacted -> an alert says the same -> it recovers
``dump``    a program's memory dump comes in -> a process of its own reads it -> its report becomes an incident
``storm``   many systems of one partner fail at once, become one global problem, are contacted, and well again
``people``  customers and engineers act: they file, take, answer, wait, declare, plan, acknowledge, try again

Every act can be played again from its beginning, as the world would: who was not answered asks again, who can look
whether it is done already looks first.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from monitor import wiring
from monitor.domain.access import Token
from monitor.domain.alerts import Told
from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_PAGE, Obligation
from monitor.domain.dumps import Dump
from monitor.domain.filing import Filing
from monitor.domain.findings import Verdict
from monitor.domain.request_matter import Request
from monitor.storage import owing, people, schema, schema_requests
from monitor.storage.upsert import insert_ignoring
from monitor.wiring import Service
from tests.factories import MONDAY_AT_TEN, a_crash, a_look

STORIES = {
    "outage": ("outage", "crash", "request", "contact", "alert", "recovery", "quiet"),
    "dump": ("dumped",),
    "storm": ("crowd", "crowd_contacted", "crowd_well"),
    "people": ("asks", "fails", "plans", "declares", "works", "answers", "again", "writes", "ends", "quiet"),
}
CRASHES = 3
CROWD = tuple(f"ST-{number}" for number in range(1, 9))
"""Systems of one partner in a cloud of their own."""
TOKEN, COOKIE = "tok_of_the_harness", "session-of-the-harness"
SEEN_AFTER = timedelta(seconds=60)
"""Within how long after a restart every ambiguous outcome must be on the board."""
PAGES = ("/api/v1/outbox?limit=500", "/api/v1/calls?limit=500", "/noc/board", "/noc/outbox?limit=500")


class Clock:
    """A clock that is moved, and that the far ends (and another process) can read."""

    def __init__(self, file: Path, *, shared: bool = False) -> None:
        self._file, self._shared = file, shared
        self.now = self._read() if file.exists() else MONDAY_AT_TEN
        self.to(self.now)

    def _read(self) -> datetime:
        return datetime.fromisoformat(self._file.read_text())

    def __call__(self) -> datetime:
        if self._shared:
            self.now = self._read()
        return self.now

    def to(self, at: datetime) -> None:
        self.now = max(at, self.now)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(self.now.isoformat())
        fresh.replace(self._file)


class Life:
    """One life of the service, and the world around it."""

    def __init__(self, service: Service, clock: Clock, job: dict[str, Any]) -> None:
        self.service, self.clock = service, clock
        self.folder = Path(job["folder"])
        self.acts = STORIES[job["story"]]
        self.base = f"http://127.0.0.1:{job['port']}"
        self.provider = str(job["provider"])
        self.look_at = clock() + SEEN_AFTER if job.get("watch") else None
        self.ledger = self.folder / "ledger"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.http = aiohttp.ClientSession(headers=headers)
        self.browser = aiohttp.ClientSession(cookies={"tocsin": COOKIE})

    # the ledger ------------------------------------------------------------------------------------------

    def write(self, *words: str) -> None:
        with self.ledger.open("a") as file:
            file.write(" ".join(words) + "\n")

    def said(self, word: str) -> list[str]:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == word]

    async def play(self) -> None:
        """Play the story on: the act that was cut short is played again, as the world would."""
        begun = (self.said("act") or [self.acts[0]])[-1]
        for act in self.acts[self.acts.index(begun) :]:
            self.write("act", act)
            await getattr(self, act)()
        if self.look_at is not None:
            await self._look()
        if await self.service.store.read(_undone):
            await self._look(last=True)

    # time, and what is seen ------------------------------------------------------------------------------

    async def forward(self, seconds: float) -> None:
        await self._to(self.clock() + timedelta(seconds=seconds))

    async def _to(self, at: datetime) -> None:
        """Move the clock; a minute after a restart the board is looked at first."""
        if self.look_at is not None and at > self.look_at:
            self.clock.to(self.look_at)
            await self.service.delivery.settle()
            await self.service.delivery.drain()
            await self._look()
        self.clock.to(at)

    async def _look(self, *, last: bool = False) -> None:
        """Keep what an engineer and a program see now."""
        self.look_at = None if not last else self.look_at
        await self.service.store.write(_log_in, self.clock())
        seen = {}
        for page in PAGES:
            session = self.http if page.startswith("/api") else self.browser
            async with session.get(self.base + page) as answer:
                assert answer.status == 200, (page, answer.status, await answer.text())
                seen[page.partition("?")[0]] = await answer.text()
        (self.folder / ("seen-at-the-end" if last else "seen")).write_text(json.dumps(seen))

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        """Do as a program of ours does; one that comes too late is told so, and that is fine."""
        async with self.http.request(method, self.base + path, json=body or None) as answer:
            said = await answer.json()
            assert answer.status in (200, 201, 202, 404, 409, 422), (path, answer.status, said)
            return said

    async def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("GET", path))["items"]
        return found

    # what runs by itself -----------------------------------------------------------------------------------

    async def _looks(self, verdict: Verdict, times: int = 3, check: str = "pbx-1-sip") -> None:
        """Look as often as the world would have by now, so that a streak that was lost is found again."""
        for _ in range(times):
            await self.forward(1)
            await self.service.pipeline.observed(a_look(check, verdict, at=self.clock()))
        await self.service.rounds.once()

    async def _until_quiet(self) -> None:
        """Do what the jobs of the running service do, until nothing is owed; move the clock when all wait.

        What is due and waits all the same (for its provider, for others before it) is given more time each round.
        """
        pause = 1.0
        for _ in range(600):
            while await self.service.digest.digest():
                pass
            await self.service.delivery.settle()
            if await self.service.delivery.drain():
                pause = 1.0
                continue
            await self._calls_end()
            due = await self.service.store.read(_next_due)
            if due is None:
                return
            again = self.service.delivery.gate.again_at  # it waits for a provider that is away, or its rate
            if again is not None and due <= self.clock():
                due = again
            pause = 1.0 if due > self.clock() else min(2 * pause, 60.0)
            await self._to(max(due, self.clock()) + timedelta(seconds=pause))
        raise AssertionError("the outbox never comes to rest")

    async def _calls_end(self) -> None:
        if await self.service.store.read(_in_the_air):
            async with self.http.get(f"{self.provider}/settled") as answer:
                assert answer.status == 204

    # the outage ------------------------------------------------------------------------------------------

    async def outage(self) -> None:
        await self._looks(Verdict.DOWN)

    async def crash(self) -> None:
        await self._looks(Verdict.DOWN)
        for number in range(CRASHES):
            key = f"report-{number}"
            if key not in self.said("accepted"):  # it was not answered, so it is sent again under its key
                await self.forward(1)
                report = a_crash("PBX-2", id=f"crs_{wiring.new_id()}", key=key, at=self.clock())
                await self.service.digest.accept(report, token="tok")
                self.write("accepted", key)

    async def request(self) -> None:
        """Put a request on record that pages the engineer on call; sent again, it is there once."""
        await self._looks(Verdict.DOWN)
        await self.service.store.write(_ask, self.clock())

    async def contact(self) -> None:
        await self._looks(Verdict.DOWN)
        await self._until_quiet()

    async def alert(self) -> None:
        """Let another program say the same; it says so again until it is answered."""
        await self._looks(Verdict.DOWN)
        await self._tells(over=False)

    async def recovery(self) -> None:
        await self._looks(Verdict.UP, 2)
        await self._tells(over=True)

    async def _tells(self, *, over: bool) -> None:
        if not over and "over" in self.said("told"):
            return  # another engine has been told the end meanwhile; saying it again would be a new alert
        inbox, now = self.service.alert_inbox, self.clock()
        labels = {"alertname": "PbxDown", "serial": "PBX-1", "symptom": "unreachable"}
        word = Told(
            key="the-alert",
            fingerprint="f1",
            source="alertmanager",
            labels=labels,
            ends_at=now if over else None,
        )
        await inbox.accept([word], Token(id="tok_1"))
        self.write("told", "over" if over else "firing")
        await inbox.once()
        while await inbox.digest():
            pass

    async def dumped(self) -> None:
        """Take a dump in, have it read, and what it is the report of judged; nobody waits for that."""
        await self.forward(1)
        if not self.said("accepted"):
            content = b"MDMP" + bytes(60)
            report = a_crash("PBX-2", id=f"crs_{wiring.new_id()}", key="report-0", at=self.clock(), frames=())
            dump = Dump(name="a.dmp", digest="0" * 64, size=64, coding="as_sent", content=content)
            await self.service.digest.accept(report, token="tok", dump=dump)
            self.write("accepted", "report-0")
        while await self.service.dumps.once():
            pass
        await self._until_quiet()

    async def quiet(self) -> None:
        await self._looks(Verdict.UP)
        await self._until_quiet()
        await self.service.rounds.save_looks()

    # the storm -------------------------------------------------------------------------------------------

    async def _crowd_looks(self, verdict: Verdict) -> None:
        """Look at all of them three times, and go as many rounds as a storm takes to be named, shown and told of."""
        for _ in range(3):
            await self.forward(1)
            for one in CROWD:
                await self.service.pipeline.observed(a_look(f"{one.lower()}-sip", verdict, at=self.clock()))
        for _ in range(8):
            await self.forward(2)
            await self.service.rounds.once()

    async def crowd(self) -> None:
        await self._crowd_looks(Verdict.DOWN)

    async def crowd_contacted(self) -> None:
        await self._crowd_looks(Verdict.DOWN)
        for _ in range(6):  # it never is quiet: what stands under the problem waits for its end
            await self.service.delivery.settle()
            await self.service.delivery.drain()
            await self._calls_end()
            await self.forward(30)

    async def crowd_well(self) -> None:
        await self._crowd_looks(Verdict.UP)
        await self.forward(3_600)  # it has been watched for long enough
        await self._crowd_looks(Verdict.UP)
        await self._until_quiet()
        await self.service.rounds.save_looks()

    # people ----------------------------------------------------------------------------------------------

    async def asks(self) -> None:
        """File a request by a mail's key: sent again, it is there once."""
        fields = {
            "contact_name": "Astrid Holm", "contact_phone": "+4532123456", "contact_email": "astrid@fjord.example",
            "product_version": "2026", "service_pack": "SP1.0", "english_ok": True,
            "description": "The sketch cannot be saved.",
        }  # fmt: skip
        request = Request(channel="api", contact="astrid", fields=fields)
        filed = await self.service.desk.file(Filing(request=request, strict=True, dedup="asked-once"))
        assert filed.id, filed
        self.write("accepted", filed.id)

    async def fails(self) -> None:
        await self._looks(Verdict.DOWN, check="pbx-2-sip")
        await self._looks(Verdict.DOWN, check="pbx-3-sip")

    async def plans(self) -> None:
        """Plan work for next week; whoever was not answered looks whether it is planned."""
        if await self.items("/api/v1/maintenance"):
            return
        begins = MONDAY_AT_TEN + timedelta(days=7)
        await self.ask(
            "POST", "/api/v1/maintenance",
            title="New firmware", body="Restarts.", starts_at=begins.isoformat(),
            ends_at=(begins + timedelta(hours=1)).isoformat(), components=["cloud-eu"],
        )  # fmt: skip

    async def declares(self) -> None:
        """Declare a global problem, tell of it, and say that it is over."""
        known = [each for each in await self.items("/api/v1/incidents?limit=500") if each["class"] is None]
        if not [each for each in known if each["title"] == "Calls fail"]:
            await self.ask(
                "POST", "/api/v1/incidents/global",
                title="Calls fail", body="We look.", impact="major", components=["cloud-eu"],
            )  # fmt: skip
        (problem,) = [
            e for e in await self.items("/api/v1/incidents?limit=500") if e["title"] == "Calls fail"
        ]
        self.write("accepted", problem["id"])
        if problem["status"] != "resolved":
            path = f"/api/v1/incidents/{problem['id']}/updates"
            await self.ask("POST", path, state="identified", body="Found.")
            await self.ask("POST", path, state="resolved", body="Over.")

    async def works(self) -> None:
        """Acknowledge an incident, wait for its customer and go on; keep a promise."""
        for incident in await self.items("/api/v1/incidents?limit=500"):
            path = f"/api/v1/incidents/{incident['id']}"
            if incident["system"] is None:
                continue
            await self.ask("POST", f"{path}/waits", wait="waiting_for_customer")
            await self.ask("POST", f"{path}/waits", wait="waiting_for_customer", over=True)
            for clock in await self.items(f"{path}/clocks"):
                await self.ask("POST", f"{path}/clocks/{clock['name']}/meet")
            if incident["system"] == "PBX-2":
                await self.ask("POST", f"{path}/acknowledge", note="mine")
                self.write("accepted", incident["id"])

    async def answers(self) -> None:
        """Take the request and answer it once."""
        (request,) = await self.items("/api/v1/requests")
        path = f"/api/v1/requests/{request['id']}"
        await self.ask("POST", f"{path}/take")
        if not [each for each in await self.items(f"{path}/messages") if each["text"] == "Try again."]:
            await self.ask("POST", f"{path}/messages", text="Try again.")

    async def again(self) -> None:
        """Let everything go out; what was refused for good is tried again by hand."""
        await self._until_quiet()
        for state in ("failed", "set_aside"):
            for owed in await self.items(f"/api/v1/outbox?state={state}"):
                await self.ask("POST", f"/api/v1/outbox/{owed['id']}/retry")
        await self._until_quiet()

    async def writes(self) -> None:
        """Owe a note and a file to every ticket that is open, once."""
        await self.service.store.write(_write_in_tickets, self.clock())
        await self._until_quiet()
        await self.forward(121)  # whoever died reading a ticket has lost its lease by then
        await self.service.ticket_sync.once()

    async def ends(self) -> None:
        """Resolve by hand what an engineer knows to be over."""
        for incident in await self.items("/api/v1/incidents?status=acknowledged"):
            if incident["system"]:
                await self.ask("POST", f"/api/v1/incidents/{incident['id']}/resolve", note="over")
        await self._looks(Verdict.UP, check="pbx-2-sip")
        await self._looks(Verdict.UP, check="pbx-3-sip")


Act = Callable[[Life], Awaitable[None]]


def _log_in(c: sa.Connection, now: datetime) -> None:
    """Log the engineer in again: a session that was not used for an hour is over."""
    people.close_session(c, people.digest_of(COOKIE))
    people.open_session(c, user="usr_1", secret=COOKIE, csrf="csrf", now=now, lasts=timedelta(hours=1))


def _ask(c: sa.Connection, now: datetime) -> None:
    asked = {
        "id": "req_1", "policy": "wildix", "policy_version": "2020-07", "policy_digest": "0" * 64,
        "channel": "portal", "partner": "aurora", "status": "open", "subject": "No audio", "reply_key": "k3y",
        "received_at": now,
    }  # fmt: skip
    if not insert_ignoring(c, schema_requests.requests, {**asked, "dedup": "asked once"}):
        return
    page = Obligation(
        id=f"out_{wiring.new_id()}",
        incident=None,
        request="req_1",
        kind="page",
        channel="page",
        dedup="req_1|page|noc",
        partner="noc",
        contact="nadia",
        recipient="+498998765432",
        language="en",
        priority=PRIORITY_PAGE,
        not_before=now,
    )
    owing.owe(c, [page], now)


def _write_in_tickets(c: sa.Connection, now: datetime) -> None:
    for id_, incident in c.execute(
        sa.select(schema.tickets.c.id, schema.tickets.c.incident).where(schema.tickets.c.closed_at.is_(None))
    ).all():
        text = {"ticket": id_, "text": "We are on it.", "author": "nadia"}
        file = {
            "ticket": id_, "name": "trace.txt", "media_type": "text/plain", "author": "nadia",
            "content": base64.b64encode(b"INVITE sip:100@pbx").decode(),
        }  # fmt: skip
        for kind, payload in (("ticket.comment", text), ("ticket.attach", file)):
            owed = Obligation(
                id=f"out_{wiring.new_id()}",
                incident=incident,
                kind=kind,
                channel="ticket",
                dedup=f"{id_}|{kind}|once",
                partner=None,
                contact=None,
                recipient=None,
                language="en",
                priority=PRIORITY_NORMAL,
                not_before=now,
                payload=payload,
            )
            owing.owe(c, [owed], now)


def _in_the_air(c: sa.Connection) -> int:
    sent = sa.select(sa.func.count()).select_from(schema.outbox).where(schema.outbox.c.state == "sent")
    return c.execute(sent).scalar_one()


def _undone(c: sa.Connection) -> bool:
    """Whether there is anything that an engineer has to see at the end."""
    given_up = sa.select(schema.outbox.c.seq).where(schema.outbox.c.state.in_(("failed", "set_aside")))
    return c.scalar(given_up.limit(1)) is not None


def _next_due(c: sa.Connection) -> datetime | None:
    rows = schema.outbox.c
    waiting = c.scalar(sa.select(sa.func.min(rows.not_before)).where(rows.state == "waiting"))
    leased = c.scalar(sa.select(sa.func.min(rows.lease_until)).where(rows.state.in_(("claimed", "sent"))))
    return min((at for at in (waiting, leased) if at is not None), default=None)


async def settled(task: asyncio.Task[Any]) -> None:
    """Wait for a task whose end does not matter."""
    await asyncio.gather(task, return_exceptions=True)
