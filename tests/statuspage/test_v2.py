"""The contract of Statuspage's public API v2: key sets, enums, order. Written from captures, not from our code."""

import json
import re

import pytest

from statuspage import v2
from statuspage.board import build
from tests.statuspage import seeds
from tests.statuspage.seeds import NOW, SITE, ago

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"[0-9a-z]{12}")
PAGE = {"id", "name", "url", "time_zone", "updated_at"}
COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date",
    "group_id", "page_id", "group", "only_show_if_degraded",
}  # fmt: skip
INCIDENT = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink",
    "started_at", "page_id", "incident_updates", "components", "reminder_intervals",
}  # fmt: skip
UPDATE = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components",
    "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip
STATUSES = {"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
KEYS = {
    "summary.json": {"page", "components", "incidents", "scheduled_maintenances", "status"},
    "status.json": {"page", "status"},
    "components.json": {"page", "components"},
    "incidents.json": {"page", "incidents"},
    "incidents/unresolved.json": {"page", "incidents"},
    "scheduled-maintenances.json": {"page", "scheduled_maintenances"},
    "scheduled-maintenances/upcoming.json": {"page", "scheduled_maintenances"},
    "scheduled-maintenances/active.json": {"page", "scheduled_maintenances"},
}


def documents(state):
    board = build(seeds.read(seeds.STATES[state]()), SITE, NOW)
    return {name: json.loads(body) for name, body in v2.documents(board).items()}


@pytest.fixture(params=sorted(seeds.STATES))
def docs(request):
    return documents(request.param)


def test_every_document_has_exactly_its_keys(docs):
    assert {name: set(body) for name, body in docs.items()} == KEYS
    for body in docs.values():
        assert set(body["page"]) == PAGE
        assert TIME.fullmatch(body["page"]["updated_at"])


def test_the_status_is_one_of_the_indicators(docs):
    for name in ("summary.json", "status.json"):
        status = docs[name]["status"]
        assert set(status) == {"indicator", "description"}
        assert status["indicator"] in {"none", "minor", "major", "critical", "maintenance"}


def test_components_have_the_exact_shape(docs):
    parts = docs["components.json"]["components"]
    leaves = {part["id"] for part in parts if not part["group"]}
    for part in parts:
        assert set(part) == COMPONENT | ({"components"} if part["group"] else set())
        assert ID.fullmatch(part["id"])
        assert part["status"] in STATUSES
        assert TIME.fullmatch(part["created_at"])
        if part["group"]:
            assert set(part["components"]) <= leaves
            assert all(p["group_id"] == part["id"] for p in parts if p["id"] in part["components"])


def check_incident(incident, statuses, impacts, extra=frozenset()):
    assert set(incident) == INCIDENT | extra
    assert incident["status"] in statuses
    assert incident["impact"] in impacts
    assert ID.fullmatch(incident["id"])
    for key in ("created_at", "updated_at", "started_at"):
        assert TIME.fullmatch(incident[key])
    shown = [update["display_at"] for update in incident["incident_updates"]]
    assert shown == sorted(shown, reverse=True)
    for update in incident["incident_updates"]:
        assert set(update) == UPDATE
        assert update["incident_id"] == incident["id"]
        assert update["status"] in statuses
    assert all(set(part) == COMPONENT for part in incident["components"])


def test_incidents_have_the_exact_shape_and_come_newest_first(docs):
    states = {"investigating", "identified", "monitoring", "resolved", "postmortem"}
    for incident in docs["incidents.json"]["incidents"]:
        check_incident(incident, states, {"none", "minor", "major", "critical"})
    born = [incident["created_at"] for incident in docs["incidents.json"]["incidents"]]
    assert born == sorted(born, reverse=True)


def test_maintenances_have_the_exact_shape(docs):
    states = {"scheduled", "in_progress", "verifying", "completed"}
    extra = frozenset({"scheduled_for", "scheduled_until"})
    for work in docs["scheduled-maintenances.json"]["scheduled_maintenances"]:
        check_incident(work, states, {"maintenance"}, extra)
        assert work["incident_updates"], "an announced work has said something"


def test_the_lists_hold_what_their_names_say():
    docs = documents("trouble")
    assert [i["name"] for i in docs["incidents/unresolved.json"]["incidents"]] == [
        "Calls through the European cloud fail"
    ]
    assert docs["summary.json"]["incidents"] == docs["incidents/unresolved.json"]["incidents"]
    assert {w["status"] for w in docs["scheduled-maintenances/upcoming.json"]["scheduled_maintenances"]} == {
        "scheduled"
    }
    assert {w["status"] for w in docs["scheduled-maintenances/active.json"]["scheduled_maintenances"]} == {
        "in_progress"
    }
    ahead = docs["summary.json"]["scheduled_maintenances"]
    assert {w["status"] for w in ahead} == {"scheduled", "in_progress"}
    assert docs["status.json"]["status"] == {"indicator": "major", "description": "Partial System Outage"}


def test_unknown_is_never_told_as_operational():
    docs = documents("stale")
    assert {part["status"] for part in docs["components.json"]["components"]} == {"degraded_performance"}
    assert docs["status.json"]["status"]["description"] == "Status unknown: our own data is 12 minutes old"


def test_ids_are_stable_and_differ_by_kind():
    assert v2.short_id("incident", "x") == v2.short_id("incident", "x")
    assert len({v2.short_id(kind, str(n)) for kind in ("a", "b") for n in range(2000)}) == 4000


def test_a_cancelled_work_is_left_out():
    engine = seeds.database()
    with engine.begin() as c:
        seeds.maintenance(c, "m", "T", "", starts=ago(hours=-5), ends=ago(hours=-6), status="cancelled")
    docs = v2.documents(build(seeds.read(engine), SITE, NOW))
    assert json.loads(docs["scheduled-maintenances.json"])["scheduled_maintenances"] == []
