"""Alerts that others push: a real Alertmanager's webhook and events, CloudEvents in every mode, and odd bodies."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from monitor.storage import people
from tests.alerting_peers import an_alertmanager, until
from tests.intake.test_alertmanager import BEARER, SECRET, at, served

__all__ = ["served"]

ROUTES = """
route: {{receiver: {receiver}, group_by: [alertname, serial], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}}
receivers:
  - name: webhook
    webhook_configs:
      - url: http://127.0.0.1:{port}/api/v1/alertmanager/webhook
        http_config: {{authorization: {{credentials: {secret}}}}}
  - name: events
    pagerduty_configs:
      - routing_key: {secret}
        url: http://127.0.0.1:{port}/api/v1/alerts/enqueue
        severity: critical
        description: '{{{{ .CommonAnnotations.summary }}}}'
        details: {{serial: '{{{{ .CommonLabels.serial }}}}', severity: page}}
"""


async def statuses(world):
    return [one["status"] for one in await world.rows("incidents")]


@pytest.fixture
async def client(served):
    _, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=BEARER) as session:
        yield session


@pytest.mark.parametrize("receiver", ["webhook", "events"])
async def test_a_real_alertmanager_notifies_us_that_something_is_wrong_and_over(served, tmp_path, receiver):
    world, port = served
    if receiver == "events":  # whose own severities are others
        world.path.write_text(world.path.read_text().replace("page|critical", "critical"))
        await world.service.reload()
    routes = ROUTES.format(receiver=receiver, port=port, secret=SECRET)
    async with an_alertmanager(tmp_path, routes) as real, aiohttp.ClientSession() as session:
        labels = {"alertname": "PbxDown", "serial": "PBX-1", "severity": "page"}
        body = {"labels": labels, "annotations": {"summary": "No trunk is up"}, "startsAt": at(seconds=-60)}
        await session.post(f"{real}/api/v2/alerts", json=[{**body, "endsAt": at(minutes=4)}])

        async def opened():
            return await statuses(world) == ["open"]

        await until(opened)
        incident = await world.incident()
        assert (incident["system"], incident["symptom"]) == ("PBX-1", "unreachable")
        assert "No trunk is up" in incident["summary"]
        (alert,) = world.service.alert_inbox.standing()
        assert alert.ends_at > datetime.now(UTC) + timedelta(days=6)
        await session.post(f"{real}/api/v2/alerts", json=[{**body, "endsAt": at(seconds=-1)}])

        async def resolved():
            return await statuses(world) == ["resolved"]

        await until(resolved)
        assert len(await world.rows("alerts")) == 1


def an_event(action="trigger", key="trunk-1", **payload):
    said = {
        "summary": "Trunk is down",
        "source": "pbx1",
        "severity": "critical",
        "custom_details": {"serial": "PBX-1"},
    }
    return {"routing_key": SECRET, "event_action": action, "dedup_key": key, "payload": said | payload}


async def enqueued(client, body, **other):
    answer = await client.post(
        "/api/v1/alerts/enqueue", json=body, headers={"Authorization": ""} if other else None
    )
    return answer.status, await answer.json()


async def test_an_event_is_triggered_acknowledged_and_resolved_by_its_key(served, client):
    world, _ = served
    status, said = await enqueued(client, an_event())
    assert (status, said["status"], said["dedup_key"]) == (202, "success", "trunk-1")
    assert (await enqueued(client, an_event(summary="Trunk is still down")))[0] == 202

    async def opened():
        return await statuses(world) == ["open"]

    await until(opened)
    assert (await enqueued(client, {**an_event("acknowledge"), "client": "other desk"}))[0] == 202
    assert await statuses(world) == ["open"], "a token that only ingests takes no incident"
    incident = await world.incident()
    assert "note.added" in await world.events(incident["id"])
    await enqueued(client, {"routing_key": SECRET, "event_action": "resolve", "dedup_key": "trunk-1"})

    async def resolved():
        return await statuses(world) == ["resolved"]

    await until(resolved)


async def test_a_token_that_may_operate_acknowledges_the_incident(served, client):
    world, _ = served
    await world.service.store.write(_operator, world.clock())
    body = {**an_event(), "routing_key": "tok_of_an_operator"}
    async with aiohttp.ClientSession(client._base_url) as bare:
        assert (await bare.post("/api/v1/alerts/enqueue", json=body)).status == 202

        async def opened():
            return await statuses(world) == ["open"]

        await until(opened)
        said = {**body, "event_action": "acknowledge", "client": "other desk"}
        assert (await bare.post("/api/v1/alerts/enqueue", json=said)).status == 202
    incident = await world.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "other desk")


def _operator(c, now):
    scopes = ("ingest", "operate")
    people.create_token(c, id="tok_o", name="desk", secret="tok_of_an_operator", scopes=scopes, now=now)


async def test_a_routing_key_that_is_no_token_is_refused(served):
    _, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as bare:
        for key in ("wrong", 7, None):
            answer = await bare.post("/api/v1/alerts/enqueue", json={**an_event(), "routing_key": key})
            assert answer.status in (401, 403)


WRONG_EVENTS = {
    "no action": {"dedup_key": "x"},
    "an action that is none": an_event("explode"),
    "a trigger without a summary": an_event(summary=""),
    "a trigger without a source": an_event(source=None),
    "a severity that is none": an_event(severity="page"),
    "a time that is none": an_event(timestamp="yesterday"),
    "to resolve nothing": {"event_action": "resolve"},
    "a key that is endless": an_event(key="x" * 256),
    "a list": [],
}


async def test_an_event_that_is_wrong_is_refused_as_such_events_are(served, client):
    world, _ = served
    for name, body in WRONG_EVENTS.items():
        status, said = await enqueued(client, body)
        assert (status, said["status"]) == (400, "invalid event"), name
        assert said["errors"], name
    assert await world.rows("alerts") == []


def a_cloudevent(kind="com.acme.trunk.failed", *, number="1", time=None, **data):
    event = {"specversion": "1.0", "id": number, "source": "/pbx/1", "type": kind, "subject": "trunk-1"}
    known = {"severity": "page", "serial": "PBX-1", "summary": "Trunk failed"}
    return {**event, **({"time": time} if time else {}), "data": {**known, **data}}


async def pushed(client, events, mode):
    if mode == "binary":
        for event in events:
            attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
            headers = {**attributes, "Content-Type": "application/json"}
            answer = await client.post(
                "/api/v1/alerts/cloudevents", data=json.dumps(event["data"]), headers=headers
            )
            assert answer.status == 202, await answer.text()
        return
    kind = "cloudevents-batch" if mode == "batch" else "cloudevents"
    for body in [events] if mode == "batch" else events:
        headers = {"Content-Type": f"application/{kind}+json; charset=utf-8"}
        answer = await client.post("/api/v1/alerts/cloudevents", data=json.dumps(body), headers=headers)
        assert answer.status == 202, await answer.text()


@pytest.mark.parametrize("mode", ["binary", "structured", "batch"])
async def test_a_cloudevent_opens_and_its_opposite_resolves(served, client, mode):
    world, _ = served
    await pushed(
        client, [a_cloudevent(time=at(seconds=-30)), a_cloudevent(time=at(seconds=-20), number="2")], mode
    )

    async def opened():
        return await statuses(world) == ["open"]

    await until(opened)
    assert (await world.incident())["summary"] == "alert com.acme.trunk.failed: Trunk failed"
    await pushed(client, [a_cloudevent("com.acme.trunk.recovered", time=at(seconds=-1))], mode)

    async def resolved():
        return await statuses(world) == ["resolved"]

    await until(resolved)
    await pushed(client, [a_cloudevent(time=at(seconds=-20), number="2")], mode)  # delivered twice, late
    await asyncio.sleep(0.3)
    assert await statuses(world) == ["resolved"]


async def test_a_cloudevent_is_over_by_its_status_too(served, client):
    world, _ = served
    await pushed(client, [a_cloudevent("alarm", status="raised")], "structured")

    async def opened():
        return await statuses(world) == ["open"]

    await until(opened)
    await pushed(client, [a_cloudevent("alarm", status="closed")], "structured")

    async def resolved():
        return await statuses(world) == ["resolved"]

    await until(resolved)


async def test_bodies_that_are_wrong_are_refused_with_a_problem_and_cost_the_others_nothing(served, client):
    world, _ = served
    structured, batch = (
        {"Content-Type": f"application/{one}+json"} for one in ("cloudevents", "cloudevents-batch")
    )
    tries = [
        ("/api/v1/alerts/cloudevents", {}, b"{}", 400),
        ("/api/v1/alerts/cloudevents", structured, b"{}", 422),
        ("/api/v1/alerts/cloudevents", structured, b"[]", 422),
        (
            "/api/v1/alerts/cloudevents",
            structured,
            json.dumps({**a_cloudevent(), "specversion": "0.3"}).encode(),
            422,
        ),
        ("/api/v1/alerts/cloudevents", structured, json.dumps(a_cloudevent(time="later")).encode(), 422),
        ("/api/v1/alerts/cloudevents", batch, b"{}", 400),
        ("/api/v1/alertmanager/webhook", {}, b"{", 400),
        ("/api/v1/alertmanager/webhook", {}, b"{}", 400),
        ("/api/v1/alertmanager/webhook", {}, b'{"alerts": [{"status": "firing"}]}', 422),
        ("/api/v1/alertmanager/webhook", {}, b'{"alerts": [{"labels": {"a": "b"}, "startsAt": "no"}]}', 422),
    ]
    for path, headers, body, status in tries:
        answer = await client.post(path, data=body, headers=headers)
        assert answer.status == status, (path, body)
        assert answer.content_type == "application/problem+json"
    assert await world.rows("alerts") == []
    both = json.dumps([{}, a_cloudevent()]).encode()
    answer = await client.post("/api/v1/alerts/cloudevents", data=both, headers=batch)
    assert (answer.status, [one["pointer"] for one in (await answer.json())["errors"]]) == (422, ["/0"])
    assert len(await world.rows("alerts")) == 1


async def test_the_scope_is_asked_for_everywhere(served):
    _, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as bare:
        for path in ("/api/v1/alertmanager/webhook", "/api/v1/alerts/cloudevents"):
            assert (await bare.post(path, json={})).status == 401
