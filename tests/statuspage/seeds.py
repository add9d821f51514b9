"""A seeded SQLite record for the status page: quiet, troubled, stale or empty. Canaries are customers' names."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from monitor.domain.inventory import Component
from monitor.storage import public
from monitor.storage.schema import (
    check_states,
    component_states,
    incidents,
    maintenances,
    metadata,
    updates,
)
from statuspage.views import Site

NOW = datetime(2026, 11, 22, 13, 5, 9, tzinfo=UTC)
CANARIES = ("PBX-1001-CANARY", "Aurora Telecom CANARY", "anna.canary@example.com", "secret-canary-fact")
COMPONENTS = (
    Component(id="portal", name="Customer portal"),
    Component(id="cloud-eu", name="Cloud PBX, Europe", group="Cloud", region="EU"),
    Component(id="cloud-us", name="Cloud PBX, Americas", group="Cloud", region="US"),
    Component(id="cloud-ap", name="Cloud PBX, Asia Pacific", group="Cloud", region="AP"),
    Component(id="sip-eu", name="SIP trunks, Europe", group="Calls", region="EU"),
    Component(id="sip-us", name="SIP trunks, Americas", group="Calls", region="US"),
    Component(id="push", name="Mobile push notifications", group="Calls"),
    Component(id="video", name="Video conferences", group="Collaboration"),
    Component(id="chat", name="Chat and presence", group="Collaboration"),
    Component(id="api", name="Public API", group="For developers"),
    Component(id="hooks", name="Webhooks", group="For developers"),
    Component(id="licences", name="Licence server", group="For developers"),
)
SITE = Site(
    title="Northwind Voice status",
    url="https://status.example.com",
    zone="Europe/Rome",
    description="Whether our services work, and what is planned.",
    contact="Write to support@example.com.",
    components=COMPONENTS,
    languages=(),
)
SPOKEN = replace(SITE, languages=("en", "it", "de", "fr", "es"), writes=True, hooks=True)


def database() -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    return engine


def read(engine: sa.Engine, now: datetime = NOW) -> public.PublicRecord:
    with engine.begin() as c:
        return public.snapshot(c, now)


def ago(**kw: float) -> datetime:
    return NOW - timedelta(**kw)


def state(c, component, status, at):
    c.execute(
        component_states.insert().values(component=component, status=status, from_at=at, because=CANARIES[3])
    )


def looked(c, at):
    c.execute(
        check_states.insert().values(
            check=f"{CANARIES[0]}-sip", verdict="up", since=ago(days=9), looked_at=at
        )
    )


def problem(c, key, title, words, *, impact="major", components=(), opened=None, resolved=None, **kw):
    """``words`` are (state, body, at, next_update_at), oldest first."""
    values = {
        "id": key,
        "dedup_key": f"global:{key}",
        "status": "resolved" if resolved else "open",
        "title": title,
        "symptom": "unreachable",
        "source": "person",
        "is_global": True,
        "public": True,
        "public_state": words[-1][0] if words else "investigating",
        "impact": impact,
        "components": json.dumps(list(components)),
        "opened_at": opened,
        "since": opened,
        "resolved_at": resolved,
        "system": CANARIES[0],
        "partner": CANARIES[1],
        "summary": CANARIES[3],
        "acknowledged_by": CANARIES[2],
        "facts": json.dumps({"x": CANARIES[3]}),
    }
    c.execute(incidents.insert().values(**(values | kw)))
    for n, (state_, body, at, due) in enumerate(words):
        c.execute(
            updates.insert().values(
                id=f"{key}-u{n}",
                incident=key,
                status=state_,
                body=body,
                actor=CANARIES[2],
                at=at,
                next_update_at=due,
            )
        )


def maintenance(
    c, key, title, body, *, starts, ends, status="scheduled", components=(), zone="Europe/Rome", **kw
):
    values = {
        "id": key,
        "title": title,
        "body": body,
        "status": status,
        "starts_at": starts,
        "ends_at": ends,
        "zone": zone,
        "systems": json.dumps([CANARIES[0]]),
        "components": json.dumps(list(components)),
        "public": True,
        "announced_by": CANARIES[2],
        "created_at": ago(days=5),
        "updated_at": ago(days=4),
    }
    c.execute(maintenances.insert().values(**(values | kw)))


def past(c, components=COMPONENTS, seed=7, faults=3):
    """Ninety days with a few faults each, of many lengths."""
    chance = random.Random(seed)
    for component in components:
        state(c, component.id, "operational", ago(days=100))
        at = 95.0
        for _ in range(chance.randint(0, faults)):
            at -= chance.uniform(2, 28)
            if at <= 8:
                break
            status = chance.choice(
                ("major_outage", "partial_outage", "degraded_performance", "under_maintenance")
            )
            state(c, component.id, status, ago(days=at))
            state(
                c,
                component.id,
                "operational",
                ago(days=at) + timedelta(minutes=chance.choice((3, 20, 95, 400))),
            )


def faulty(c, components, faults, seed=7):
    """Ninety days with exactly so many faults of each component, of any length and kind."""
    chance = random.Random(seed)
    kinds = ("major_outage", "partial_outage", "degraded_performance", "under_maintenance")
    for component in components:
        state(c, component.id, "operational", ago(days=100))
        for day in sorted(chance.sample(range(1, 90), faults), reverse=True):
            began = ago(days=day, minutes=chance.randint(1, 700))
            state(c, component.id, chance.choice(kinds), began)
            state(c, component.id, "operational", began + timedelta(minutes=chance.randint(2, 600)))


def history(c):
    for n, (days, title, length) in enumerate(
        (
            (3, "Slow sign-in to the customer portal", 48),
            (24, "Incoming calls from two carriers failed in Italy and Spain", 95),
            (51, "Webhooks were delivered late", 210),
            (80, "Video conferences could not be joined from Safari", 33),
        )
    ):
        began = ago(days=days, hours=2)
        over = began + timedelta(minutes=length)
        words = [
            ("investigating", "We see errors and are looking for the cause.", began, None),
            (
                "identified",
                "A configuration change caused it; we are taking it back.",
                began + timedelta(minutes=12),
                None,
            ),
            (
                "resolved",
                "The change was taken back and everything works again. We are sorry for the trouble.",
                over,
                None,
            ),
        ]
        problem(
            c,
            f"inc-past-{n}",
            title,
            words,
            impact="minor",
            components=("portal",),
            opened=began,
            resolved=over,
        )
    maintenance(
        c, "mnt-done", "Database upgrade of the licence server", "No interruption was seen.",
        starts=ago(days=5, hours=14), ends=ago(days=5, hours=13), status="completed", components=("licences",),
    )  # fmt: skip


def well() -> sa.Engine:
    engine = database()
    with engine.begin() as c:
        looked(c, ago(seconds=12))
        past(c)
        history(c)
        maintenance(
            c, "mnt-1", "Core switch replacement in Milan", "Calls in progress are kept; new calls may take some seconds to connect.",
            starts=NOW + timedelta(days=2, hours=8, minutes=54, seconds=51), ends=NOW + timedelta(days=2, hours=10, minutes=24, seconds=51), components=("cloud-eu",),
        )  # fmt: skip
    return engine


def trouble() -> sa.Engine:
    engine = well()
    with engine.begin() as c:
        state(c, "cloud-eu", "major_outage", ago(minutes=47))
        state(c, "sip-eu", "partial_outage", ago(minutes=44))
        state(c, "chat", "degraded_performance", ago(minutes=9))
        words = [
            ("investigating", "Calls through our European cloud fail since 13:18. All engineers on duty are on it.", ago(minutes=45), ago(minutes=15)),
            ("identified", "A core router in Frankfurt stopped forwarding traffic after a software fault. Traffic is being moved to the second data centre; about a third of the systems is back.\n\nCalls between extensions in one office are not affected. More at https://status.example.com/frankfurt", ago(minutes=11), NOW + timedelta(minutes=18)),
        ]  # fmt: skip
        problem(
            c, "inc-2026-4711", "Calls through the European cloud fail", words,
            impact="critical", components=("cloud-eu", "sip-eu"), opened=ago(minutes=47),
        )  # fmt: skip
        maintenance(
            c, "mnt-now", "New certificates for the public API", "Connections are closed once and can be opened again at once.",
            starts=ago(minutes=35), ends=NOW + timedelta(minutes=25), components=("api",), status="in_progress",
        )  # fmt: skip
    return engine


def stale() -> sa.Engine:
    engine = well()
    with engine.begin() as c:
        c.execute(check_states.update().values(looked_at=ago(minutes=12, seconds=20)))
    return engine


STATES = {"well": well, "trouble": trouble, "stale": stale, "empty": database}


ODD = (
    "<script>alert(1)</script>", "quote \" and ' and \\ and \n two lines", "emoji 🔔 and 漢字 and עברית", '=HYPERLINK("https://evil.example")',
    'label{x="y"} 1\n# HELP forged', "x" * 300,
)  # fmt: skip


def full() -> sa.Engine:
    """Trouble, and with it every state that a problem or a work can be in, and texts that a program may stumble over."""
    engine = trouble()
    with engine.begin() as c:
        for n, state_ in enumerate(("investigating", "identified", "monitoring", "resolved", "postmortem")):
            over = ago(minutes=5) if state_ in ("resolved", "postmortem") else None
            words = [("investigating", ODD[n], ago(minutes=30), None), (state_, ODD[n], ago(minutes=5), None)]
            problem(
                c, f"inc-{state_}", f"{state_}: {ODD[n]}", words, impact=("minor", "major", "critical")[n % 3],
                components=("video", "no-such", "hooks"), opened=ago(minutes=30), resolved=over,
            )  # fmt: skip
        problem(c, "inc-silent", "Nothing was said", [], impact="minor", opened=ago(minutes=3))
        for n, status in enumerate(("scheduled", "in_progress", "verifying", "completed", "cancelled")):
            maintenance(
                c, f"mnt-{status}", f"{status}: {ODD[n]}", ODD[n], status=status, components=("api", "no-such"),
                starts=ago(hours=-1 if status == "scheduled" else 2), ends=NOW + timedelta(hours=2),
            )  # fmt: skip
    return engine
