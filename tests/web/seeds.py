"""A small world for the console's tests: a fleet, rows in the record, and a pipeline that only does what it is told."""

# ruff: noqa: A002 - "id" is the field's own word

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.announcements import GlobalProblem, Maintenance
from monitor.domain.calendars import Calendar
from monitor.domain.clocks import RESPONSE, NoGoal, Promise
from monitor.domain.conditions import All
from monitor.domain.incidents import Move, PublicState, Status, after
from monitor.domain.inventory import (
    Component,
    Contact,
    Engineer,
    Inventory,
    OnCall,
    Partner,
    Shift,
    System,
)
from monitor.domain.policy import CalendarChoice, ContactPlan, Eligibility, Policy, Rule, ServiceClass
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import clocks, recounting
from monitor.storage import schema as t

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def an_inventory() -> Inventory:
    anna = Contact(
        id="aurora-1",
        name="Anna Rossi",
        phone="+390612345678",
        email="anna@aurora.example",
        languages=("it", "en"),
        role="administrative",
    )
    partners = (
        Partner(
            id="aurora",
            name="Aurora Telecom",
            policy="wildix",
            tier="gold",
            country="IT",
            language="it",
            contacts=(anna,),
        ),
        Partner(
            id="birch", name="Birch Voice", policy="wildix", tier="platinum", country="US", language="en"
        ),
        Partner(
            id="dune",
            name="Düne Kommunikationsgesellschaft für Nachrichtentechnik mbH",
            policy="wildix",
            tier="bronze",
            country="DE",
            language="de",
            assigned_to="aurora",
        ),
    )
    systems = (
        System(serial="PBX-1001", partner="aurora", name="Ospedale San Carlo", host="pbx1.example", country="IT", carrier="alfa", cloud="eu-1", version="5.02", component="cloud-eu"),
        System(serial="PBX-2001", partner="birch", name="Northwind Freight", host="pbx2.example", country="US", carrier="beta", cloud="us-1", version="5.02"),
        System(serial="PBX-4001", partner="dune", name="Hotel zum Goldenen Löwen", country="DE", version="4.9"),
    )  # fmt: skip
    components = (
        Component(id="cloud-eu", name="Cloud platform", group="Cloud", region="EU"),
        Component(id="portal", name="Partner portal"),
    )
    mira = Engineer(id="mira", name="Mira Novak", phone="+420601000001")
    return Inventory(
        partners={p.id: p for p in partners},
        systems={s.serial: s for s in systems},
        components={c.id: c for c in components},
        on_call=OnCall(
            engineers={"mira": mira},
            shifts=(Shift(engineer="mira", start=NOW - timedelta(days=1), end=NOW + timedelta(days=6)),),
        ),
    )


def a_policy() -> Policy:
    day = ((9 * 3600, 18 * 3600),)
    classes = (
        ServiceClass(name="critical", urgency=1, clause="2.1", analyse_now=True),
        ServiceClass(name="standard", urgency=2),
    )
    return Policy(
        name="wildix",
        title="Wildix SLA",
        version="2020-07",
        language="en",
        calendars={"emea": Calendar(name="emea", zone=ZoneInfo("Europe/Rome"), weekly=(day,) * 5 + ((), ()))},
        choices=(CalendarChoice(calendar="emea"),),
        classes={c.name: c for c in classes},
        rules=(Rule(name="all-other", cls="standard", clause="2", when=All()),),
        exclusions=(),
        presumptions=(),
        eligibility=Eligibility(everyone=True),
        promises={
            (c.name, None, RESPONSE): Promise(goal=NoGoal("nothing is promised"), clock=RESPONSE)
            for c in classes
        },
        contact={c.name: ContactPlan(inside=(), outside=()) for c in classes},
    )


DECISION = {
    "policy": "wildix", "policy_version": "2020-07", "class": "critical", "clause": "2.1", "rule": "call-drops",
    "reasons": ["calls drop and the carrier is not the cause", "the cloud system is unreachable"], "needs_triage": False, "excluded_by": None,
    "in_support_hours": True, "analyse_now": True, "respond_by": "2026-11-24T09:30:00Z",
    "clock": [{"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T09:30:00Z"}],
    "contact": [{"channel": "ticket", "partner": "aurora", "to": "anna@aurora.example", "language": "it", "reason": "in hours the ticket goes first (3.1)"},
                {"channel": "phone", "partner": "aurora", "to": "+390612345678", "language": "it", "reason": "Critical is also phoned (3.2)"}],
    "referral": [],
}  # fmt: skip


def an_incident(connection, id="inc-1", **changes):
    row = {
        "id": id, "dedup_key": f"{id}|key", "status": "open", "class": "critical", "system": "PBX-1001", "partner": "aurora",
        "title": "Calls drop on PBX-1001", "summary": "14 of 20 calls were cut within ten seconds", "symptom": "call_drops", "source": "check",
        "policy": "wildix", "policy_version": "2020-07", "decision": json.dumps(DECISION), "dossier": json.dumps({"serial": "PBX-1001", "recent_crashes": []}),
        "facts": json.dumps({"operator_caused": False, "workaround": None}),
        "opened_at": NOW - timedelta(minutes=4), "since": NOW - timedelta(minutes=6), "respond_by": NOW + timedelta(minutes=26),
    } | changes  # fmt: skip
    connection.execute(t.incidents.insert().values(row))
    connection.execute(
        t.events.insert().values(incident=id, at=row["opened_at"], kind="incident.opened", text="", data="{}")
    )
    return id


def a_finding(connection, incident, id="fin-1", **changes):
    row = {"id": id, "incident": incident, "origin": "pbx-1001-sip", "source": "check", "system": "PBX-1001", "symptom": "call_drops", "class": "critical",
           "summary": "408 three times in a row", "facts": "{}", "since": NOW - timedelta(minutes=6), "at": NOW - timedelta(minutes=4)} | changes  # fmt: skip
    connection.execute(t.findings.insert().values(row))


def a_clock(connection, incident, **changes):
    row = {
        "incident": incident,
        "name": "response",
        "class": "critical",
        "started_at": NOW - timedelta(minutes=4),
        "due": NOW + timedelta(minutes=26),
    } | changes
    connection.execute(t.clocks.insert().values(row))


def an_outbox_row(connection, incident, id="out-1", **changes):
    row = {"id": id, "incident": incident, "kind": "call", "channel": "phone", "dedup": id, "partner": "aurora", "contact": "aurora-1", "recipient": "+390612345678",
           "language": "it", "state": "waiting", "reason": "the ticket goes first", "created_at": NOW - timedelta(minutes=4), "not_before": NOW + timedelta(minutes=1)} | changes  # fmt: skip
    connection.execute(t.outbox.insert().values(row))
    return id


def an_attempt(connection, incident, outbox, id="att-1", **changes):
    row = {"id": id, "outbox": outbox, "incident": incident, "channel": "phone", "driver": "sandbox", "contact": "aurora-1", "recipient": "+390612345678",
           "started_at": NOW - timedelta(minutes=3), "ended_at": NOW - timedelta(minutes=2), "status": "ended", "result": "acknowledged", "provider_id": "CA0001",
           "detail": "key 1 was pressed", "history": json.dumps([{"state": "ringing", "sequence": 1}, {"state": "acknowledged", "sequence": 2, "digit": "1"}])} | changes  # fmt: skip
    connection.execute(t.attempts.insert().values(row))


def a_ticket(connection, incident, id="tic-1", **changes):
    row = {"id": id, "incident": incident, "partner": "aurora", "driver": "builtin", "mark": id, "reference": "T-1042", "url": "https://tickets.example/T-1042", "status": "open",
           "subject": "[Critical] Chiamate interrotte su PBX-1001", "body": "Buongiorno,\nle chiamate cadono.", "language": "it", "created_at": NOW - timedelta(minutes=4)} | changes  # fmt: skip
    connection.execute(t.tickets.insert().values(row))
    connection.execute(
        t.ticket_notes.insert().values(
            ticket=id, at=NOW, author="Anna Rossi", text="Confermo, vediamo lo stesso."
        )
    )


def a_crash(connection, id="cra-1", **changes):
    row = {"id": id, "key": f"key-{id}", "source": "json", "token": "tok-1", "system": "PBX-1001", "signature": "SIGSEGV in sip_parse", "message": "segfault at 0",
           "process": "callweaver", "version": "5.02", "at": NOW - timedelta(hours=1), "received_at": NOW, "payload": b"x", "folded": False} | changes  # fmt: skip
    connection.execute(t.crashes.insert().values(row))


def a_maintenance(connection, id="mnt-1", **changes):
    row = {"id": id, "title": "Database upgrade of the EU cloud", "body": "Calls go on; the portal is read-only.", "status": "scheduled", "starts_at": NOW + timedelta(days=2),
           "ends_at": NOW + timedelta(days=2, hours=2), "zone": "Europe/Rome", "systems": "[]", "components": '["cloud-eu"]', "public": True, "announced_by": "lena",
           "created_at": NOW, "updated_at": NOW} | changes  # fmt: skip
    connection.execute(t.maintenances.insert().values(row))


def a_check_state(connection, check="pbx-1001-sip", **changes):
    row = {
        "check": check,
        "verdict": "down",
        "detail": "408 Request Timeout",
        "since": NOW - timedelta(minutes=6),
        "looked_at": NOW - timedelta(seconds=30),
    } | changes
    connection.execute(t.check_states.insert().values(row))


@dataclass(frozen=True)
class ACheck:
    name: str = "pbx-1001-sip"
    type: str = "sip"
    system: str | None = "PBX-1001"
    target: str = "sip:pbx1.example:5060"
    every: float = 60.0


def _move(connection, incident, move, actor, at):
    status = connection.scalar(
        t.incidents.select().with_only_columns(t.incidents.c.status).where(t.incidents.c.id == incident)
    )
    if status is None:
        raise NotFoundError("There is no such incident.")
    to = after(Status(status), move)
    connection.execute(
        t.incidents.update()
        .where(t.incidents.c.id == incident)
        .values(status=str(to), acknowledged_by=actor, acknowledged_at=at)
    )


@dataclass
class APipeline:
    """Keeps what it was told; acknowledging and resolving really move the incident."""

    store: object = None
    told: list = field(default_factory=list)
    announcer: object = None

    async def acknowledge(self, incident, *, actor, note=""):
        self.told.append(("acknowledge", incident, actor, note))
        await self.store.write(_move, incident, Move.ACKNOWLEDGE, actor, NOW)

    def blind_vantages(self):
        return ()

    async def judged(self, finding):
        self.told.append(("judge", finding.system))

    async def resolve(self, incident, *, actor, note=""):
        self.told.append(("resolve", incident, actor, note))
        await self.store.write(_move, incident, Move.RESOLVE, actor, NOW)

    async def note(self, incident, *, actor, text):
        self.told.append(("note", incident, actor, text))
        if incident.startswith("none"):
            raise NotFoundError("There is no such incident.")

    async def wait(self, about, wait, *, actor):
        self.told.append(("wait", about.incident, wait, actor))
        await self.store.write(recounting.pause, about, wait, now=NOW, actor=actor)

    async def wait_no_longer(self, about, wait, *, actor):
        self.told.append(("wait_no_longer", about.incident, wait, actor))
        await self.store.write(recounting.resume, about, wait, now=NOW, actor=actor)

    async def meet_clock(self, about, name, *, actor):
        self.told.append(("meet_clock", about.incident, name, actor))
        await self.store.write(clocks.meet_by_hand, about, NOW, name=name, actor=actor)

    async def declare_global(self, problem: GlobalProblem, *, actor):
        self.told.append(("declare", problem, actor))
        await self.store.write(an_incident, "glo-1", title=problem.title, system=None, partner=None, is_global=True, public_state=str(problem.state), decision="{}", impact=str(problem.impact), components=json.dumps(list(problem.components)), respond_by=None)  # fmt: skip
        return "glo-1"

    async def update_global(
        self, incident, *, state: PublicState, body, actor, next_update_at=None, worded=None, after=None, shape=None
    ):  # fmt: skip
        self.told.append(("update", incident, state, body, actor, next_update_at))

    async def plan_maintenance(self, maintenance: Maintenance, *, actor, tell_partners=False):
        self.told.append(("plan", maintenance, actor))
        m = maintenance
        await self.store.write(
            a_maintenance, m.id, title=m.title, starts_at=m.starts_at, ends_at=m.ends_at, zone=m.zone
        )
        return m.id

    async def cancel_maintenance(self, id, *, actor):
        self.told.append(("cancel", id, actor))

    async def complete_maintenance(self, id, *, actor):
        self.told.append(("complete", id, actor))

    async def retry(self, outbox_id, *, actor):
        self.told.append(("retry", outbox_id, actor))
        if outbox_id == "out-done":
            raise ConflictError("it is done already")


def a_request(connection, id="req-1", **changes):
    row = {"id": id, "policy": "wildix", "policy_version": "1", "policy_digest": "0" * 64, "channel": "portal", "partner": "aurora", "system": "PBX-1001",
           "status": "open", "subject": "No audio", "reply_key": "k3y", "received_at": NOW} | changes  # fmt: skip
    connection.execute(t.metadata.tables["requests"].insert().values(row))
    return id
