"""Alerts that others send: an incident opens, is resolved, survives a restart; what nobody can map is shown."""

import asyncio
from datetime import timedelta

from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from monitor.alert_inbox import TURN
from monitor.domain.access import Token
from monitor.errors import StorageError
from monitor.intake.alertmanager import _one, _told
from monitor.storage import people
from monitor.storage.people import Role
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world

RULES = """
alerts:
  rules:
    - {name: watchdog, match: 'alertname="Watchdog"', ignore: true}
    - {name: portal, match: [job=portal], component: portal, symptom: portal_unreachable}
    - name: down
      match: ['severity=~"page|critical"']
      system: {serial: serial, host: instance}
      symptom: unreachable
      facts: {impact: severe, workaround: false}
"""
WITH_RULES = CONFIGURATION + CHECKS + RULES
TOKEN = Token(id="tok", scopes=frozenset({"ingest"}))


def a_body(world, alertname="PbxDown", *, starts=0.0, ends=240.0, annotations=None, **labels):
    """Make an alert as Prometheus posts it; times in seconds from now."""
    now = world.clock()
    said = {"labels": {"alertname": alertname, "severity": "page", "serial": "PBX-1", **labels}}
    said["labels"] = {name: text for name, text in said["labels"].items() if text}
    if annotations:
        said["annotations"] = annotations
    if starts is not None:
        said["startsAt"] = (now + timedelta(seconds=starts)).isoformat()
    if ends is not None:
        said["endsAt"] = (now + timedelta(seconds=ends)).isoformat()
    return said


async def sent(world, *bodies, token=TOKEN):
    await world.service.alert_inbox.accept([_one(body, token.system) for body in bodies], token)
    await looked(world)


async def looked(world):
    await world.service.alert_inbox.once()
    while await world.service.alert_inbox.digest():
        pass


async def a_token(world, *scopes, system=None):
    await world.service.store.write(
        people.create_token,
        id=f"tok_{'_'.join(scopes)}",
        name="prometheus",
        secret="tok_secret_of_prometheus",
        scopes=scopes,
        now=world.clock(),
        **({"system": system} if system else {}),
    )
    return {"Authorization": "Bearer tok_secret_of_prometheus"}


async def test_an_alert_with_a_name_that_no_database_keeps_opens_its_incident(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world, alertname="Trunk\x00\x1b[31mDown\n", zone="a\x00b", starts=-60))
        incident = await world.incident()
        assert incident["status"] == "open"
        await sent(
            world, a_body(world, alertname="Trunk\x00\x1b[31mDown\n", zone="a\x00b", starts=-60, ends=-1)
        )
        assert (await world.incident())["status"] == "resolved"


async def test_an_alert_opens_an_incident_by_the_rules_and_its_end_resolves_it(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world, annotations={"summary": "No trunk is up"}))
        incident = await world.incident()
        assert (incident["system"], incident["symptom"], incident["class"]) == (
            "PBX-1",
            "unreachable",
            "critical",
        )
        assert (incident["source"], incident["summary"]) == ("alert", "alert PbxDown: No trunk is up")
        await world.deliver()
        assert len(await world.rows("tickets")) == 1
        began = world.clock()
        world.clock.forward(60)
        await sent(world, a_body(world, starts=-60, ends=-5))
        incident = await world.incident()
        assert (incident["status"], incident["resolved_at"]) == ("resolved", began + timedelta(seconds=55))
        (alert,) = await world.rows("alerts")
        assert (alert["standing"], alert["outcome"], alert["rule"]) == ("resolved", incident["id"], "down")


async def test_repeating_an_alert_writes_nothing(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, *[a_body(world, serial=f"PBX-{n}") for n in (1, 2, 3)])
        inbox, store = world.service.alert_inbox, world.service.store
        written, write = [], store.write

        async def watched(fn, *args, **kw):
            written.append(fn.__name__)
            return await write(fn, *args, **kw)

        store.write = watched
        for _ in range(10):
            world.clock.forward(1)
            await inbox.accept(
                [_one(a_body(world, starts=-1, serial=f"PBX-{n}"), None) for n in (1, 2, 3)], TOKEN
            )
        assert written == []
        assert world.metric("tocsin_alerts_total", source="alertmanager", result="repeated") == 30
        await looked(world)
        assert written == []
        world.clock.forward(120)
        await looked(world)
        assert written.count("renew") == 1  # all ends that moved, in one go
        assert len(await world.rows("incidents", status="open")) == 3


async def test_an_alert_that_is_not_sent_any_more_runs_out_and_says_so(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world, starts=None, ends=None))
        world.clock.forward(200)
        await sent(world, a_body(world, starts=None, ends=None))  # repeated: five more minutes
        world.clock.forward(299)
        await looked(world)
        assert (await world.incident())["status"] == "open"
        world.clock.forward(2)
        await looked(world)
        incident = await world.incident()
        assert incident["status"] == "resolved"
        assert "not sent any more" in (await world.rows("events", kind="finding.recovered"))[0]["text"]
        (alert,) = await world.rows("alerts")
        assert alert["standing"] == "expired"


async def test_a_restart_keeps_what_stands_and_gives_its_sender_time(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_RULES) as world:
        await sent(world, a_body(world))
        incident = await world.incident()
    clock.forward(3600)  # away for an hour: it would have run out
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_RULES) as world:
        await looked(world)
        assert (await world.incident())["status"] == "open"
        await sent(world, a_body(world, starts=-3600))
        assert (await world.incident())["id"] == incident["id"]
        await sent(world, a_body(world, starts=-3600, ends=0))
        assert (await world.incident())["status"] == "resolved"
        assert len(await world.rows("findings")) == 1


async def test_killed_before_it_was_judged_an_alert_is_judged_after_the_restart(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_RULES) as world:
        await world.service.alert_inbox.accept([_one(a_body(world), None)], TOKEN)
        assert await world.rows("incidents") == []
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_RULES) as world:
        await looked(world)
        assert (await world.incident())["status"] == "open"


async def test_what_cannot_be_recorded_is_not_believed_and_opens_when_it_is_sent_again(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        store = world.service.store
        write = store.write

        async def away(*_args, **_kw):
            raise StorageError("the disk is full")

        headers = await a_token(world, "ingest")
        async with TestClient(TestServer(world.service.web)) as client:
            path, body = "/alertmanager/api/v2/alerts", [a_body(world)]
            store.write = away
            with capture_logs():  # whose console would draw every frame of this test
                assert (await client.post(path, json=body, headers=headers)).status == 503
            store.write = write
            assert (await client.post(path, json=body, headers=headers)).status == 200
        await looked(world)
        await world.incident()


async def test_what_nobody_can_map_is_kept_and_shown_and_opens_once_a_rule_fits(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_RULES) as world:
        await sent(
            world,
            a_body(world, serial="PBX-9"),
            a_body(world, "Watchdog", serial=""),
            a_body(world, "Odd", severity=""),
        )
        assert await world.rows("incidents") == []
        found = {one["outcome"]: one["because"] for one in await world.rows("alerts")}
        assert set(found) == {"unmapped", "ignored"}
        await world.service.alert_inbox.once()
        assert world.metric("tocsin_alerts_unmapped") == 2
        world.path.write_text(
            WITH_RULES.replace(
                "{serial: PBX-4,", "{serial: PBX-9, partner: aurora, country: IT}\n  - {serial: PBX-4,", 1
            )
        )
        assert await world.service.reload() == ()
        await looked(world)
        assert (await world.incident())["system"] == "PBX-9"
        assert world.metric("tocsin_alerts_unmapped") == 2  # counted at the beginning of a round
        await looked(world)
        assert world.metric("tocsin_alerts_unmapped") == 1


async def test_two_alerts_and_a_check_about_one_thing_are_one_incident_over_with_the_last(
    tmp_path, sqlite_url
):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world), a_body(world, "SipDown"))
        await world.fails("pbx-1-sip")
        assert len(await world.rows("findings")) == 3
        await sent(world, a_body(world, starts=-180, ends=0), a_body(world, "SipDown", starts=-180, ends=0))
        assert (await world.incident())["status"] == "open"
        await world.passes("pbx-1-sip")
        assert (await world.incident())["status"] == "resolved"


async def test_an_alert_that_came_and_went_before_it_was_looked_at_bothers_nobody(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        for ends in (240, 0):
            await world.service.alert_inbox.accept([_one(a_body(world, ends=ends), None)], TOKEN)
        await looked(world)
        assert await world.rows("incidents") == []
        (alert,) = await world.rows("alerts")
        assert alert["outcome"] == "over"


async def test_an_alert_of_our_own_component_has_no_partner_to_contact(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world, job="portal"))
        incident = await world.incident()
        assert (incident["component"], incident["system"], incident["symptom"]) == (
            "portal",
            None,
            "portal_unreachable",
        )


async def test_who_speaks_for_one_system_opens_and_ends_nothing_of_another(tmp_path, sqlite_url):
    bound = Token(id="of-2", scopes=frozenset({"ingest"}), system="PBX-2")
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world))
        await sent(world, a_body(world, ends=0), token=bound)  # the same labels
        assert (await world.incident())["status"] == "open"
        world.clock.forward(1)
        await sent(world, a_body(world), token=bound)
        assert (await world.incident(system="PBX-2"))["status"] == "open"
        inbox = world.service.alert_inbox
        assert (len(inbox.standing()), len(inbox.standing("PBX-2"))) == (2, 1)


async def test_alerts_that_are_long_over_are_let_go(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world), a_body(world, "Other", ends=40 * 86_400))
        await sent(world, a_body(world, ends=0))
        world.clock.forward(29 * 86_400)
        await looked(world)
        assert len(await world.rows("alerts")) == 2
        world.clock.forward(2 * 86_400)
        await looked(world)
        (left,) = await world.rows("alerts")
        assert left["standing"] == "firing"


async def test_the_lists_show_alerts_with_what_became_of_them(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        hostile = "<script>alert(1)</script>"
        await sent(world, a_body(world, serial="PBX-9", annotations={"summary": hostile}), a_body(world))
        headers = await a_token(world, "read")
        async with TestClient(TestServer(world.service.web)) as client:
            answer = await client.get("/api/v1/alerts?outcome=unmapped", headers=headers)
            (one,) = (await answer.json())["items"]
            assert one["labels"]["serial"] == "PBX-9"
            assert one["because"] == "rule down: no one system has serial 'PBX-9'"


async def test_an_engineer_sees_what_nobody_could_map_and_why(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        engineer = await world.at_the_console("nadia")
        hostile = "<script>alert(1)</script>"
        await engineer.get("/noc/alerts")
        assert "No alert fits." in engineer.text
        await sent(world, a_body(world, serial="PBX-9", annotations={"summary": hostile}), a_body(world))
        await engineer.get("/noc/alerts?standing=firing&outcome=unmapped")
        assert engineer.status == 200
        assert "rule down: no one system has serial 'PBX-9'" in engineer.text
        assert hostile not in engineer.source
        await engineer.get("/noc/alerts")
        assert f"/noc/incidents/{(await world.incident())['id']}" in engineer.source


async def test_an_engineer_says_what_an_alert_is_about_and_it_opens_its_incident_now_and_again(
    tmp_path, database_url
):
    async with a_console(tmp_path, database_url, configuration=WITH_RULES) as world:
        engineer = await world.at_the_console("nadia")
        await sent(world, a_body(world, serial="PBX-9"), a_body(world))
        known, unknown = sorted(await world.rows("alerts"), key=lambda row: row["outcome"] == "unmapped")
        await engineer.get("/noc/alerts")
        await engineer.post(f"/noc/alerts/{unknown['id']}/assign", system="PBX-77", symptom="call_drops")
        assert engineer.status == 422
        await engineer.get("/noc/alerts")
        await engineer.post(f"/noc/alerts/{known['id']}/assign", system="PBX-2", symptom="call_drops")
        assert engineer.status == 409
        await engineer.get("/noc/alerts")
        await engineer.post(f"/noc/alerts/{unknown['id']}/assign", system="PBX-2", symptom="call_drops")
        assert (engineer.status, engineer.path) == (200, "/noc/alerts")
        await looked(world)
        incident = await world.incident(system="PBX-2")
        assert (incident["symptom"], incident["source"]) == ("call_drops", "alert")
        await sent(world, a_body(world, serial="PBX-9", ends=0))
        assert (await world.incident(system="PBX-2"))["status"] == "resolved"
        world.clock.forward(600)
        await sent(world, a_body(world, serial="PBX-9"))
        assert [one["status"] for one in await world.rows("incidents", system="PBX-2")] == [
            "resolved",
            "open",
        ]
        assert "said by nadia" in {one["because"] for one in await world.rows("alerts")}
        viewer = await world.at_the_console("vic", Role.VIEWER)
        await viewer.get("/noc/alerts")
        assert "It is this" not in viewer.source


async def test_a_program_says_what_an_alert_is_about(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        await sent(world, a_body(world, serial="PBX-9"))
        (alert,) = await world.rows("alerts")
        headers = await a_token(world, "operate")
        async with TestClient(TestServer(world.service.web)) as client:

            async def assigned(id_=alert["id"], **body):
                answer = await client.post(f"/api/v1/alerts/{id_}/assign", json=body, headers=headers)
                return answer.status

            assert await assigned(symptom="degraded") == 422
            assert await assigned(system="PBX-1", component="portal", symptom="degraded") == 422
            assert await assigned(id_="alt_none", system="PBX-1", symptom="degraded") == 404
            assert await assigned(component="portal", symptom="portal_unreachable") == 200
        await looked(world)
        assert (await world.incident())["component"] == "portal"


async def test_while_many_alerts_are_heard_the_others_have_their_turn(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as world:
        turns = 0
        seen = list[int]()

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        waiting = asyncio.create_task(others())
        told, _ = await _told([a_body(world, serial=f"PBX-{number}") for number in range(5 * TURN)], None)
        assert turns >= 4
        turns = 0
        world.service.alert_inbox.failpoint = lambda _name: seen.append(turns)
        await world.service.alert_inbox.accept(told, TOKEN)
        waiting.cancel()
        assert seen[0] >= 4, "before anything is written"
