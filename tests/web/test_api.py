"""The REST API as a program sees it: lists, filters, cursors, commands, and what is wrong with a request."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from monitor.storage import audit
from monitor.storage import schema as t
from tests.web.seeds import (
    NOW,
    a_check_state,
    a_crash,
    a_finding,
    a_maintenance,
    a_request,
    a_ticket,
    an_attempt,
    an_incident,
    an_outbox_row,
)

V1 = "/api/v1"


@pytest.fixture
async def api(world):
    headers = await world.token("read", "operate", "admin")

    async def call(method, path, **kw):
        kw["headers"] = headers | kw.get("headers", {})
        answer = await world.client.request(method, path, **kw)
        return answer.status, await answer.json(content_type=None), answer

    return call


def many(connection, count):
    for number in range(count):
        an_incident(connection, f"inc-{number:03}", opened_at=NOW + timedelta(seconds=number), status="resolved" if number % 2 else "open")  # fmt: skip


async def test_an_incident_has_the_fields_that_stay(world, api):
    await world.seed(an_incident)
    status, body, _ = await api("GET", f"{V1}/incidents/inc-1")
    assert status == 200
    assert {"id", "status", "class", "system", "title", "opened_at"} <= set(body)
    assert (body["status"], body["class"], body["opened_at"]) == ("open", "critical", "2026-11-24T08:56:00Z")


async def test_the_decision_is_served_as_it_was_stored(world, api):
    await world.seed(an_incident, decision='{"b": 1,  "a": "ü"}')
    _, _, answer = await api("GET", f"{V1}/incidents/inc-1/decision")
    assert await answer.text() == '{"b": 1,  "a": "ü"}'
    assert answer.content_type == "application/json"


async def test_a_list_is_walked_by_its_next_to_the_end_newest_first_nothing_twice(world, api):
    await world.seed(many, 25)
    seen, path = [], f"{V1}/incidents?limit=10"
    while path:
        _, body, _ = await api("GET", path)
        seen += [each["id"] for each in body["items"]]
        if len(seen) == 10:
            await world.seed(an_incident, "new-one")  # comes in between: must not shift the pages
        path = body["next"]
    assert seen == [f"inc-{number:03}" for number in reversed(range(25))]


async def test_a_page_that_ends_exactly_has_no_next(world, api):
    await world.seed(many, 10)
    _, body, _ = await api("GET", f"{V1}/incidents?limit=10")
    assert body["next"] is None


async def test_the_next_keeps_the_filters(world, api):
    await world.seed(many, 6)
    since = "2026-11-24T09:00:00Z"
    _, body, _ = await api("GET", f"{V1}/incidents?limit=2&status=open&since={since}")
    assert "status=open" in body["next"]
    assert quote(since, safe="") in body["next"]
    _, rest, _ = await api("GET", body["next"])
    assert [each["id"] for each in rest["items"]] == ["inc-000"]


INCIDENT_FILTERS = {
    "status=acknowledged": ["b"], "class=standard": ["b"], "system=PBX-2001": ["b"], "partner=birch": ["b"],
    "source=crash": ["b"], "title=Other": ["b"], "id=a": ["a"], "symptom=crash": ["b"], "status=resolved": [],
    "since=2026-11-24T09:30:00Z": ["b"], "until=2026-11-24T09:30:00Z": ["a"], "since=2026-11-24T10:30:00%2B01:00": ["b"],
    "since=2026-11-24T10:30:00+01:00": ["b"], "opened_at=2026-11-24T10:00:00Z": ["b"], "needs_triage=true": ["b"],
}  # fmt: skip


@pytest.mark.parametrize("query", INCIDENT_FILTERS)
async def test_incidents_are_filtered_by(world, api, query):
    await world.seed(an_incident, "a")
    await world.seed(an_incident, "b", status="acknowledged", system="PBX-2001", partner="birch", source="crash", title="Other", symptom="crash", opened_at=NOW + timedelta(hours=1), needs_triage=True, **{"class": "standard"})  # fmt: skip
    status, body, _ = await api("GET", f"{V1}/incidents?{query}")
    assert status == 200
    assert [each["id"] for each in body["items"]] == INCIDENT_FILTERS[query]


def everything(connection):
    an_incident(connection)
    a_finding(connection, "inc-1")
    an_outbox_row(connection, "inc-1")
    an_attempt(connection, "inc-1", "out-1")
    an_attempt(connection, "inc-1", "out-1", "att-mail", channel="mail")
    a_ticket(connection, "inc-1")
    a_crash(connection)
    a_maintenance(connection)
    a_check_state(connection)
    connection.execute(
        t.component_states.insert().values(component="cloud-eu", status="major_outage", from_at=NOW)
    )


LISTS = {
    "incidents": {"id", "status", "class", "system", "title", "opened_at"},
    "findings": {"id", "incident", "class", "system"},
    "tickets": {"id", "incident", "driver", "reference", "status", "subject"},
    "calls": {"id", "incident", "contact", "number", "status", "result"},
    "systems": {"serial", "name", "host", "country", "partner"},
    "partners": {"id", "name", "policy"},
    "contacts": {"id", "partner", "phone"},
    "checks": {"name", "state", "last_look", "next_look"},
    "crashes": {"id", "key", "system", "signature", "message", "at"},
    "maintenance": {"id", "title", "status", "starts_at", "ends_at"},
    "components": {"id", "name", "status"},
    "policies": {"name", "version", "classes"},
    "events": {"id", "incident", "kind", "at"},
    "outbox": {"id", "state", "waits_because"},
}


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_has_items_next_and_its_fields_and_filters_by_them(world, api, name):
    await world.seed(everything)
    status, body, _ = await api("GET", f"{V1}/{name}")
    assert status == 200
    assert set(body) == {"items", "next"}
    assert body["items"]
    assert LISTS[name] <= set(body["items"][0])
    first = body["items"][0]
    key = next(each for each in ("id", "serial", "name") if each in first)
    if name == "policies":
        return
    status, found, _ = await api("GET", f"{V1}/{name}?{key}={quote(str(first[key]))}")
    assert (status, len(found["items"])) == (200, 1)


CONTRACT_FILTERS = [
    ("tickets", "incident driver reference status subject"),
    ("calls", "incident contact number status result"),
    ("systems", "serial name host country partner"),
    ("crashes", "key system signature message at"),
]


@pytest.mark.parametrize(("name", "fields"), CONTRACT_FILTERS)
async def test_a_list_is_filtered_by_every_field_that_stays(world, api, name, fields):
    await world.seed(everything)
    _, body, _ = await api("GET", f"{V1}/{name}")
    for field in fields.split():
        value = quote(str(body["items"][0][field]), safe="")
        status, found, _ = await api("GET", f"{V1}/{name}?{field}={value}")
        assert (status, len(found["items"])) == (200, 1), field
        other = quote("2020-01-01T00:00:00Z") if field == "at" else "something-else"
        _, none, _ = await api("GET", f"{V1}/{name}?{field}={other}")
        assert none["items"] == [], field


async def test_calls_are_calls_and_pages_only(world, api):
    await world.seed(everything)
    _, body, _ = await api("GET", f"{V1}/calls")
    assert [(each["id"], each["number"], each["result"]) for each in body["items"]] == [
        ("att-1", "+390612345678", "acknowledged")
    ]


async def test_what_is_owed_and_tried_about_a_request_names_it(world, api):
    await world.seed(_about_a_request)
    for path, id_ in (("calls", "att-1"), ("outbox", "out-1")):
        _, body, _ = await api("GET", f"{V1}/{path}?request=req-1")
        assert [(one["id"], one["incident"], one["request"]) for one in body["items"]] == [
            (id_, None, "req-1")
        ]
    await world.log_in()
    assert "req-1" in await (await world.client.get("/noc/outbox")).text()


def _about_a_request(connection):
    a_request(connection)
    an_outbox_row(connection, None, request="req-1", kind="page", channel="page")
    an_attempt(connection, None, "out-1", request="req-1", channel="page")
    an_incident(connection, "inc-1")
    an_outbox_row(connection, "inc-1", "out-2")
    an_attempt(connection, "inc-1", "out-2", "att-2")


async def test_the_outbox_says_why_it_waits(world, api):
    await world.seed(everything)
    _, body, _ = await api("GET", f"{V1}/outbox")
    assert body["items"][0]["waits_because"] == "the ticket goes first: not before 09:01:00 UTC"


async def test_an_overdue_check_is_unknown_whatever_it_said(world, api):
    await world.seed(a_check_state, verdict="up", looked_at=NOW - timedelta(seconds=121))
    _, body, _ = await api("GET", f"{V1}/checks")
    assert (body["items"][0]["state"], body["items"][0]["overdue"]) == ("unknown", True)


async def test_the_inventory_is_paged_by_id(api):
    _, first, _ = await api("GET", f"{V1}/systems?limit=2")
    assert [each["serial"] for each in first["items"]] == ["PBX-1001", "PBX-2001"]
    _, rest, _ = await api("GET", first["next"])
    assert [each["serial"] for each in rest["items"]] == ["PBX-4001"]
    assert rest["next"] is None


WRONG = {
    "/incidents?limit=0": "/limit", "/incidents?limit=501": "/limit", "/incidents?limit=x": "/limit", "/incidents?after=-1": "/after",
    "/incidents?status=shut": "/status", "/incidents?state=open": "/state", "/incidents?since=yesterday": "/since",
    "/incidents?since=2026-11-24T09:00:00": "/since", "/incidents?status=open&status=resolved": "/status", "/incidents?system=%00": "/system",
    "/checks?state=broken": "/state", "/calls?channel=mail": "/channel", "/incidents?after=99999999999999999999999": "/after",
    "/incidents?since=0001-01-01T00:00:00%2B14:00": "/since", "/events?until=9999-12-31T23:59:59-14:00": "/until", "/events?id=99999999999999999999": "/id",
}  # fmt: skip


@pytest.mark.parametrize("path", WRONG)
async def test_a_wrong_query_is_a_problem_with_its_place_and_no_echo(api, path):
    status, body, answer = await api("GET", V1 + path)
    assert status == 422
    assert answer.content_type == "application/problem+json"
    assert [each["pointer"] for each in body["errors"]] == [WRONG[path]]
    assert "yesterday" not in json.dumps(body)
    assert "broken" not in json.dumps(body)


async def test_a_long_message_of_several_lines_can_be_asked_for(world, api):
    message = "the first line\n" + "x" * 1000
    await world.seed(a_crash, message=message)
    status, body, _ = await api("GET", f"{V1}/crashes?message={quote(message)}")
    assert (status, len(body["items"])) == (200, 1)


async def test_a_moment_that_utc_cannot_say_is_refused(api):
    wrong = {"title": "abc", "body": "b", "impact": "minor", "next_update_at": "0001-01-01T00:00:00+14:00"}
    status, said, _ = await api("POST", f"{V1}/incidents/global", json=wrong)
    assert (status, [each["pointer"] for each in said["errors"]]) == (422, ["/next_update_at"])


async def test_only_incidents_that_there_are_stand_under_a_global_problem(world, api):
    await world.seed(an_incident)
    body = {"title": "abc", "body": "b", "impact": "minor", "attach": ["inc-1", "nope"]}
    status, said, _ = await api("POST", f"{V1}/incidents/global", json=body)
    assert (status, [each["pointer"] for each in said["errors"]]) == (422, ["/attach/1"])
    assert world.pipeline.told == []


async def test_a_compressed_command_is_refused(world, api):
    await world.seed(an_incident)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    status, _, _ = await api("POST", f"{V1}/incidents/inc-1/notes", data=b'{"text":"x"}', headers=headers)
    assert status == 415


async def test_a_wrong_body_says_everything_that_is_wrong(api):
    body = {"title": "x", "body": "b", "impact": "huge", "secret": "hunter2", "components": [1]}
    status, said, _ = await api("POST", f"{V1}/incidents/global", json=body)
    assert status == 422
    assert {each["pointer"] for each in said["errors"]} == {"/title", "/impact", "/secret", "/components/0"}
    assert "hunter2" not in json.dumps(said)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b'{"text": "\\ud800"}', "application/json", 422),
        (b'{"text":"x"}', "text/plain", 415),
        (b'{"text":"' + b"x" * 300_000 + b'"}', "application/json", 413),
        (b"[" * 100_000, "application/json", 422),
        (b"", "application/json", 422),
    ],
)
async def test_a_body_that_is_no_note_is_refused(world, api, data, kind, status):
    await world.seed(an_incident)
    got, body, answer = await api(
        "POST", f"{V1}/incidents/inc-1/notes", data=data, headers={"Content-Type": kind}
    )
    assert got == status
    assert answer.content_type == "application/problem+json"
    assert body["status"] == status


async def test_a_missing_thing_a_missing_path_and_a_wrong_method_are_problems(api):
    for method, path, expected in (("GET", "/incidents/nope", 404), ("GET", "/nothing", 404), ("DELETE", "/incidents", 405), ("POST", "/incidents/nope/acknowledge", 404), ("GET", "/incidents/nope/events", 404), ("GET", "/incidents/nope/decision", 404), ("GET", "/systems/nope", 404), ("GET", "/maintenance/nope", 404), ("GET", "/policies/nope", 404)):  # fmt: skip
        status, body, answer = await api(method, V1 + path)
        assert (status, body["status"], answer.content_type) == (
            expected,
            expected,
            "application/problem+json",
        )
        assert body["type"].startswith("/api/docs#")


async def test_acknowledge_and_resolve_give_the_incident_as_it_stands_and_are_audited(world, api):
    await world.seed(an_incident)
    status, body, _ = await api("POST", f"{V1}/incidents/inc-1/acknowledge")
    assert (status, body["status"]) == (200, "acknowledged")
    status, body, _ = await api("POST", f"{V1}/incidents/inc-1/resolve", json={"note": "a cable"})
    assert (status, body["status"]) == (200, "resolved")
    assert world.pipeline.told == [
        ("acknowledge", "inc-1", "token:t1", ""),
        ("resolve", "inc-1", "token:t1", "a cable"),
    ]
    rows = await world.store.read(audit.list_audit)
    assert [(row.actor, row.action, row.about) for row in rows] == [
        ("token:t1", "incident.resolve", "inc-1"),
        ("token:t1", "incident.acknowledge", "inc-1"),
    ]


async def test_what_the_state_does_not_allow_is_a_conflict(world, api):
    await world.seed(an_incident, status="resolved")
    status, body, _ = await api("POST", f"{V1}/incidents/inc-1/acknowledge")
    assert (status, body["detail"]) == (409, "an incident that is resolved cannot acknowledge")


async def test_a_global_problem_is_declared_and_updated(world, api):
    body = {
        "title": "Calls drop in the EU",
        "body": "We look.",
        "impact": "major",
        "components": ["cloud-eu"],
    }
    status, made, _ = await api("POST", f"{V1}/incidents/global", json=body)
    assert (status, made["id"], made["is_global"]) == (201, "glo-1", True)
    update = {"state": "identified", "body": "Found.", "next_update_at": "2026-11-24T10:00:00+01:00"}
    status, _, _ = await api("POST", f"{V1}/incidents/glo-1/updates", json=update)
    assert status == 201
    kind, incident, state, text, actor, at = world.pipeline.told[-1]
    assert (kind, incident, state, text, actor) == ("update", "glo-1", "identified", "Found.", "token:t1")
    assert at == NOW


async def test_a_component_or_system_nobody_knows_is_refused_by_its_place(world, api):
    body = {"title": "Calls drop", "body": "We look.", "impact": "major", "components": ["cloud-eu", "moon"]}
    status, said, _ = await api("POST", f"{V1}/incidents/global", json=body)
    assert (status, said["errors"][0]["pointer"]) == (422, "/components/1")
    plan = {"title": "Upgrade", "starts_at": "2026-11-25T22:00:00Z", "ends_at": "2026-11-25T23:00:00Z", "systems": ["X"]}  # fmt: skip
    status, said, _ = await api("POST", f"{V1}/maintenance", json=plan)
    assert (status, said["errors"][0]["pointer"]) == (422, "/systems/0")
    assert world.pipeline.told == []


async def test_a_maintenance_is_planned_cancelled_and_completed(world, api):
    plan = {"title": "Upgrade", "starts_at": "2026-11-25T23:00:00+01:00", "ends_at": "2026-11-26T01:00:00+01:00", "zone": "Europe/Rome", "systems": ["PBX-1001"]}  # fmt: skip
    status, made, _ = await api("POST", f"{V1}/maintenance", json=plan)
    assert (status, made["starts_at"], made["zone"]) == (201, "2026-11-25T22:00:00Z", "Europe/Rome")
    for verb in ("cancel", "complete"):
        status, _, _ = await api("POST", f"{V1}/maintenance/{made['id']}/{verb}")
        assert status == 200
    assert [told[0] for told in world.pipeline.told] == ["plan", "cancel", "complete"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_at": "2026-11-25T22:00:00Z"},
        {"starts_at": "2026-11-25T22:00:00"},
        {"zone": "EST"},
        {"zone": "Mars/Olympus"},
        {"systems": []},
        {"title": " \u202e "},
    ],
    ids=str,
)
async def test_a_maintenance_that_makes_no_sense_is_refused(api, wrong):
    plan = {"title": "Upgrade", "starts_at": "2026-11-25T22:00:00Z", "ends_at": "2026-11-25T23:00:00Z", "systems": ["PBX-1001"]}  # fmt: skip
    status, said, _ = await api("POST", f"{V1}/maintenance", json=plan | wrong)
    assert status == 422
    assert said["errors"]


async def test_a_faulty_configuration_is_said_and_a_good_one_is_in_force(world, api):
    status, body, _ = await api("POST", f"{V1}/config/reload")
    assert (status, body) == (200, {"reloaded": True})
    world.problems = ("tocsin.yaml:3:5: unknown key",)
    status, body, _ = await api("POST", f"{V1}/config/reload")
    assert (status, body["errors"][0]["detail"]) == (409, "tocsin.yaml:3:5: unknown key")


async def test_a_failed_contact_is_tried_again(world, api):
    await world.seed(everything)
    status, body, _ = await api("POST", f"{V1}/outbox/out-1/retry")
    assert (status, body["id"]) == (200, "out-1")
    status, _, _ = await api("POST", f"{V1}/outbox/out-done/retry")
    assert status == 409


async def test_control_characters_do_not_get_into_the_record(world, api):
    await world.seed(an_incident)
    text = "a\u0000b\u202ec\r\nd\u001b[31m"
    status, _, _ = await api("POST", f"{V1}/incidents/inc-1/notes", json={"text": text})
    assert status == 201
    assert world.pipeline.told[-1][-1] == "abc\nd[31m"
