"""Alertmanager's interface: beside the real one, by its own tool, and against bodies nobody should send."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from monitor import wiring
from monitor.domain.access import Token
from monitor.storage import people
from tests.acceptance.test_alerts import RULES, a_token
from tests.acceptance.world import CONFIGURATION, MovableClock, a_world
from tests.alerting_peers import amtool, an_alertmanager, queried

SECRET = "tok_secret_of_prometheus"
BEARER = {"Authorization": f"Bearer {SECRET}"}
PATH = "/alertmanager/api/v2/alerts"


class RealClock(MovableClock):
    """The wall clock: the peers have no other."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
async def served(tmp_path, sqlite_url):
    """A service with its alert job running; give its world and its port."""
    (tmp_path / "tocsin").mkdir()
    configuration = CONFIGURATION + RULES
    async with (
        a_world(tmp_path / "tocsin", sqlite_url, clock=RealClock(), configuration=configuration) as world,
        wiring.listening(world.service, "127.0.0.1", 0) as port,
    ):
        await a_token(world, "ingest")
        job = asyncio.create_task(world.service.alert_inbox.run())
        yield world, port
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


def at(**ahead) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def several() -> list[dict]:
    return [
        {
            "labels": {"alertname": "PbxDown", "serial": "PBX-1", "severity": "page", "empty": ""},
            "annotations": {"summary": 'No "trunk" is up\n'},
            "startsAt": at(minutes=-3),
            "endsAt": at(minutes=4),
            "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        },
        {"labels": {"alertname": "Überlast", "größe": "1"}, "startsAt": at(minutes=-1)},
        {"labels": {"alertname": "Zero"}, "startsAt": "0001-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z"},
        {"labels": {"alertname": "Over"}, "startsAt": at(minutes=-3), "endsAt": at(minutes=-1)},
        {"labels": {"alertname": "Line", "text": 'a\nb"c\\'}},
    ]  # fmt: skip


def without_times(found: list[dict]) -> list[dict]:
    keys = ("annotations", "fingerprint", "labels", "generatorURL", "startsAt", "endsAt")
    said = [{key: one.get(key) or "" for key in keys} for one in found]
    for one in said:  # those that the receiver makes up are its own
        for key in ("startsAt", "endsAt"):
            one[key] = one[key][:15]
    return sorted(said, key=lambda one: one["fingerprint"])


QUESTIONS = [
    (),
    ("alertname=PbxDown",),
    ("PbxDown",),
    ("alertname=~P.*",),
    ("alertname!~P.*",),
    ("serial!=PBX-1",),
    ('serial=""',),
    ("severity=page", "serial=~PBX-.*"),
    ("severity=page", "serial=PBX-2"),
    ("--active",),
    ("--silenced",),
    ("--receiver=tocsin",),
    ("--receiver=other",),
]


async def test_amtool_finds_here_what_it_finds_in_a_real_alertmanager(served, tmp_path):
    _, port = served
    ours = f"http://amtool:{SECRET}@127.0.0.1:{port}/alertmanager"
    async with an_alertmanager(tmp_path) as real, aiohttp.ClientSession() as session:
        body = [one for one in several() if "größe" not in one["labels"]]  # 0.25 knows no such label names
        for url, headers in ((real, {}), (ours.replace(f"amtool:{SECRET}@", ""), BEARER)):
            async with session.post(f"{url}/api/v2/alerts", json=body, headers=headers) as answer:
                assert (answer.status, await answer.text()) == (200, "")
        for question in QUESTIONS:
            theirs, own = await queried(real, *question), await queried(ours, *question)
            assert without_times(own) == without_times(theirs), question
        assert len(await queried(ours)) == 3


async def test_amtool_adds_an_alert_that_opens_an_incident_and_ends_it(served):
    world, port = served
    url = f"http://amtool:{SECRET}@127.0.0.1:{port}/alertmanager"
    add = ("alert", "add", "alertname=PbxDown", "severity=page", "serial=PBX-1", "--annotation=summary=Down")
    assert (await amtool(url, *add))[0] == 0
    async with asyncio.timeout(10):
        while not (found := await world.rows("incidents")):
            await asyncio.sleep(0.05)
    assert found[0]["summary"] == "alert PbxDown: Down"
    await asyncio.sleep(1)  # amtool is told whole seconds
    over = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    begun = (datetime.now(UTC) - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await amtool(url, *add, f"--start={begun}", f"--end={over}"))[0] == 0
    async with asyncio.timeout(10):
        while (await world.incident())["status"] != "resolved":
            await asyncio.sleep(0.05)
    assert await queried(url) == []


async def test_amtool_reads_status_and_silences_and_is_told_where_silences_are(served):
    _, port = served
    url = f"http://amtool:{SECRET}@127.0.0.1:{port}/alertmanager"
    code, out, _ = await amtool(url, "config", "show")
    assert (code, "tocsin" in out) == (0, True)
    assert (await amtool(url, "silence", "query"))[0] == 0
    code, _, err = await amtool(url, "silence", "add", "a=b", "-c", "quiet")
    assert (code, "plan a maintenance" in err) == (1, True)
    code, _, err = await amtool(url.replace(SECRET, "wrong"), "alert", "query")
    assert (code, "401" in err) == (1, True)


async def test_the_token_is_asked_for(served):
    _, port = served
    basic = base64.b64encode(f"any:{SECRET}".encode()).decode()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        for headers, status in (({}, 401), ({"Authorization": "Bearer no"}, 401), (BEARER, 200), ({"Authorization": f"Basic {basic}"}, 200)):  # fmt: skip
            assert (await client.get(PATH, headers=headers)).status == status
            assert (await client.post(PATH, json=[], headers=headers)).status == status


async def test_a_token_that_only_reads_adds_nothing(served):
    world, port = served
    found = world.service.alert_inbox.standing
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        await world.service.store.write(_reader, world.clock())
        headers = {"Authorization": "Bearer tok_of_a_reader"}
        assert (await client.get(PATH, headers=headers)).status == 200
        assert (await client.post(PATH, json=several(), headers=headers)).status == 403
    assert found() == []


def _reader(c, now):
    people.create_token(c, id="tok_r", name="reader", secret="tok_of_a_reader", scopes=("read",), now=now)


WRONG = {
    "no JSON": b"{",
    "no list": b'{"labels": {"a": "b"}}',
    "nothing in it": b"",
    "no labels": b"[{}]",
    "labels that are none": b'[{"labels": {}}]',
    "labels that are empty": b'[{"labels": {"a": ""}}]',
    "a label that is no text": b'[{"labels": {"a": 1}}]',
    "a label without a name": b'[{"labels": {"": "x"}}]',
    "a label with a control character in its name": b'[{"labels": {"a\\u0000": "x"}}]',
    "a label that is endless": b'[{"labels": {"a": "%s"}}]' % (b"x" * 5000),
    "too many labels": json.dumps([{"labels": {f"l{n}": "x" for n in range(65)}}]).encode(),
    "a time that is none": b'[{"labels": {"a": "b"}, "startsAt": "yesterday"}]',
    "a time that is a number": b'[{"labels": {"a": "b"}, "endsAt": 17}]',
    "an end before its beginning": b'[{"labels": {"a": "b"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}]',
    "a list of other things": b'[1, null, "x", []]',
    "far too deep": b'[{"labels": {"a": "b"}, "x": %s%s}]' % (b"[" * 500, b"]" * 500),
}


async def test_a_body_that_is_wrong_is_refused_with_a_sentence(served):
    world, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        for name, body in WRONG.items():
            answer = await client.post(PATH, data=body, headers=BEARER)
            said = await answer.json()
            assert (answer.status, type(said)) == (400, str), name
            assert len(said) > 10, name
    assert await world.rows("alerts") == []


async def test_one_that_is_wrong_does_not_cost_the_others(served):
    world, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        answer = await client.post(PATH, json=[{"labels": {}}, *several()], headers=BEARER)
        assert answer.status == 400
        assert await answer.json() == "alert 0: at least one label pair required"
    assert len(await world.rows("alerts")) == 5


async def test_filters_that_are_wrong_are_refused(served):
    _, port = served
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        for query in (
            "filter=",
            "filter=a%3D~(",
            "active=perhaps",
            "receiver=(",
            "filter=a%3D~" + "x" * 2000,
        ):
            answer = await client.get(f"{PATH}?{query}", headers=BEARER)
            assert (answer.status, type(await answer.json())) == (400, str), query


async def test_secrets_in_what_is_said_are_masked(served):
    world, port = served
    body = [
        {
            "labels": {"alertname": "x"},
            "annotations": {
                "summary": "login with password=hunter2 failed",
                "api_key": "s3cr3t",
                "text": "a\u202eb",
            },
            "generatorURL": "http://admin:hunter2@prometheus/graph",
        }
    ]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        assert (await client.post(PATH, json=body, headers=BEARER)).status == 200
    (kept,) = await world.rows("alerts")
    assert "hunter2" not in str(kept)
    assert "s3cr3t" not in str(kept)
    assert json.loads(kept["annotations"])["text"] == "ab"


async def test_what_a_token_of_one_system_asks_shows_its_own(served):
    world, port = served
    await world.service.alert_inbox.accept([], Token(id="x"))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        assert (await client.post(PATH, json=several(), headers=BEARER)).status == 200
        assert len(await (await client.get(PATH, headers=BEARER)).json()) == 4
    assert world.service.alert_inbox.standing("PBX-1") == []
