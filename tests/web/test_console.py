"""The console as a NOC engineer uses it, by real requests: pages, forms, and what is said when something is wrong."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.domain.inventory import Inventory, OnCall
from monitor.storage import audit
from monitor.storage.console import BoardLine
from monitor.storage.lists import OutboxLine
from monitor.storage.people import Role
from monitor.web.board import shown
from tests.web.seeds import (
    NOW,
    a_check_state,
    a_clock,
    a_crash,
    a_finding,
    a_maintenance,
    a_ticket,
    an_attempt,
    an_incident,
    an_outbox_row,
)


def a_busy_night(connection):
    an_incident(connection)
    a_finding(connection, "inc-1")
    a_clock(connection, "inc-1")
    an_outbox_row(connection, "inc-1")
    an_outbox_row(connection, "inc-1", "out-f", state="failed", reason="550 no such mailbox")
    an_attempt(connection, "inc-1", "out-1")
    a_ticket(connection, "inc-1")
    a_crash(connection)
    a_maintenance(connection)
    a_check_state(connection)
    an_incident(
        connection, "inc-2", title="Slow", respond_by=NOW - timedelta(minutes=7), **{"class": "standard"}
    )
    an_incident(connection, "glo-1", title="EU cloud", is_global=True, public_state="identified", system=None, partner=None, decision="{}", respond_by=None)  # fmt: skip


async def page(world, path, status=200):
    answer = await world.client.get(path)
    assert answer.status == status, await answer.text()
    return await answer.text()


def plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_the_board_shows_class_system_partner_deadline_and_contacts_most_urgent_first(world):
    await world.seed(a_busy_night)
    await world.log_in()
    html = await page(world, "/noc/")
    assert re.findall(r'<tr class="is-\w+" data-id="([^"]+)"', html) == ["glo-1", "inc-1", "inc-2"]
    text = plain(html)
    for said in ("3 open incidents", "Critical", "PBX-1001", "Ospedale San Carlo", "Aurora Telecom", "26 min left", "7 min late", "Ticket T-1042: open", "Phone aurora-1: acknowledged", "waits until 09:01:00 UTC: the ticket goes first", "failed: 550 no such mailbox", "On call: Mira Novak", "public: identified"):  # fmt: skip
        assert said in text, said


async def test_the_board_warns_of_our_own_troubles(world):
    world.metrics.config_reload_successful.set(0)
    world.metrics.checks_overdue.set(3)
    world.reasons = ["the reference targets do not answer: it is us"]
    world.inventory = replace(world.inventory, on_call=OnCall(engineers={}))
    await world.log_in()
    text = plain(await page(world, "/noc/"))
    for said in ("Configuration not reloaded", "3 not looked at", "it is us", "On call: nobody"):
        assert said in text, said


async def test_an_incidents_page_says_everything(world):
    await world.seed(a_busy_night)
    await world.log_in()
    text = plain(await page(world, "/noc/incidents/inc-1"))
    for said in ("Calls drop on PBX-1001", "14 of 20 calls", "clause", "2.1", "call-drops", "calls drop and the carrier is not the cause", "2026-11-24T09:30:00Z", "in hours the ticket goes first (3.1)", "operator caused no", "workaround unknown", "408 three times in a row", "key 1 was pressed", "CA0001", "Confermo, vediamo lo stesso.", "incident opened", "gold IT", "Anna Rossi", "+390612345678", "5.02", "eu-1", "Acknowledge", "Try again"):  # fmt: skip
        assert said.lower() in text.lower(), said


PAGES = ["/noc/", "/noc", "/noc/board", "/noc/incidents", "/noc/incidents/inc-1", "/noc/incidents/glo-1", "/noc/problems", "/noc/problems/glo-1", "/noc/systems", "/noc/systems?q=hotel", "/noc/systems/PBX-1001", "/noc/systems/PBX-4001", "/noc/checks", "/noc/checks?state=down", "/noc/checks/pbx-1001-sip", "/noc/checks/pbx-1001-sip?span=3h", "/noc/checks?overdue=true", "/noc/crashes", "/noc/outbox", "/noc/outbox?state=failed", "/noc/deliveries", "/noc/deliveries?waits=doubt", "/noc/deliveries/out-1", "/noc/tickets", "/noc/tickets/tic-1", "/noc/maintenance", "/noc/maintenance?view=week", "/noc/maintenance/mnt-1", "/noc/maintenance/mnt-1/cancel", "/noc/maintenance/mnt-1/complete", "/noc/maintenance/new", "/noc/global/new", "/noc/oncall", "/noc/partners", "/noc/partners?q=aurora", "/noc/partners/aurora", "/noc/policies", "/noc/policies/wildix?symptom=call_drops", "/noc/audit", "/api/docs"]  # fmt: skip


@pytest.mark.parametrize("seeded", [True, False], ids=["much data", "no data"])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
async def test_every_page_is_whole_with_and_without_data_for_high_and_low(world, seeded, role):
    if seeded:
        await world.seed(a_busy_night)
    else:
        world.inventory, world.checks = Inventory(), ()
    await world.log_in(role=role)
    for path in PAGES:
        answer = await world.client.get(path)
        html = await answer.text()
        missing = not seeded and re.search(r"(inc|glo|tic|out|mnt)-1|PBX|pbx|partners/", path)
        closed = role is Role.VIEWER and path.endswith(("/new", "/audit", "/mnt-1/cancel", "/mnt-1/complete"))
        assert answer.status == (403 if closed else 404 if missing else 200), (path, html)
        assert "None" not in plain(html), path
        assert "Undefined" not in html, path


async def test_a_viewer_sees_no_buttons_that_would_be_refused(world):
    await world.seed(a_busy_night)
    await world.log_in(role=Role.VIEWER)
    for path in ("/noc/", "/noc/incidents/inc-1", "/noc/maintenance", "/noc/outbox"):
        assert (
            re.findall(r'method="post" action="([^"]+)"', await page(world, path))
            == ["/noc/logout"][: path != "/noc/board"]
        ), path


async def test_acknowledging_from_the_board_leads_back_to_it_with_a_word(world):
    await world.seed(an_incident)
    csrf = await world.log_in()
    answer = await world.client.post("/noc/incidents/inc-1/acknowledge", data={"csrf": csrf, "back": "/noc/"}, allow_redirects=False)  # fmt: skip
    assert (answer.status, answer.headers["Location"]) == (303, "/noc/")
    assert world.pipeline.told == [("acknowledge", "inc-1", "nora", "")]
    assert "Acknowledged: it is yours." in await page(world, "/noc/")
    assert "Acknowledged: it is yours." not in await page(world, "/noc/")
    assert (await world.store.read(audit.list_audit))[0].action == "incident.acknowledge"


async def test_acknowledging_what_is_over_shows_the_incident_and_why_not(world):
    await world.seed(an_incident, status="resolved")
    csrf = await world.log_in()
    answer = await world.client.post("/noc/incidents/inc-1/acknowledge", data={"csrf": csrf})
    assert answer.status == 409
    text = plain(await answer.text())
    assert "an incident that is resolved cannot acknowledge" in text
    assert "Calls drop on PBX-1001" in text


async def test_resolve_note_and_retry_reach_the_pipeline(world):
    await world.seed(a_busy_night)
    csrf = await world.log_in()
    for path, fields in (
        ("/noc/incidents/inc-1/notes", {"text": "called the carrier"}),
        ("/noc/incidents/inc-1/resolve", {"note": "a cable"}),
        ("/noc/outbox/out-f/retry", {"back": "https://evil.example"}),
    ):
        answer = await world.client.post(path, data={"csrf": csrf} | fields, allow_redirects=False)
        assert answer.status == 303
    assert answer.headers["Location"] == "/noc/outbox"
    assert world.pipeline.told == [("note", "inc-1", "nora", "called the carrier"), ("resolve", "inc-1", "nora", "a cable"), ("retry", "out-f", "nora")]  # fmt: skip


async def test_a_global_problem_is_declared_with_its_components_and_incidents(world):
    await world.seed(an_incident)
    csrf = await world.log_in()
    assert 'value="inc-1" checked' in await page(world, "/noc/global/new?attach=inc-1")
    form = [("csrf", csrf), ("title", "Calls drop in the EU"), ("body", "We look."), ("impact", "major"), ("state", "investigating"), ("components", "cloud-eu"), ("components", "portal"), ("attach", "inc-1"), ("next_update_at", "2026-11-24T09:30")]  # fmt: skip
    answer = await world.client.post("/noc/global", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/noc/incidents/glo-1")
    _, problem, actor = world.pipeline.told[0]
    assert (problem.components, problem.attach, problem.impact, actor) == (
        ("cloud-eu", "portal"),
        ("inc-1",),
        "major",
        "nora",
    )
    assert problem.next_update_at == NOW + timedelta(minutes=30)


async def test_a_form_with_mistakes_comes_back_with_what_was_typed(world):
    csrf = await world.log_in()
    answer = await world.client.post("/noc/global", data={"csrf": csrf, "title": "x", "body": "<b>kept</b>", "impact": "major", "state": "investigating", "components": "moon"})  # fmt: skip
    html = await answer.text()
    assert answer.status == 422
    assert "&lt;b&gt;kept&lt;/b&gt;" in html
    assert 'id="fault-title"' in html
    assert world.pipeline.told == []


async def test_a_maintenance_is_planned_on_the_clock_of_its_zone(world):
    csrf = await world.log_in()
    form = {"csrf": csrf, "title": "Upgrade", "zone": "Europe/Rome", "starts_at": "2026-11-25T23:00", "ends_at": "2026-11-26T01:00", "systems": "PBX-1001\r\nPBX-4001", "public": "on"}  # fmt: skip
    answer = await world.client.post("/noc/maintenance", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    _, planned, _ = world.pipeline.told[0]
    assert planned.starts_at.isoformat() == "2026-11-25T23:00:00+01:00"
    assert (planned.systems, planned.public) == (("PBX-1001", "PBX-4001"), True)
    for path, verb in (("cancel", "cancel"), ("complete", "complete")):
        await world.client.post(f"/noc/maintenance/{planned.id}/{path}", data={"csrf": csrf})
        assert world.pipeline.told[-1] == (verb, planned.id, "nora")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"starts_at": "2026-03-29T02:30", "ends_at": "2026-03-29T04:00"}, "starts_at"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"zone": "EST"}, "starts_at"),
        ({"ends_at": ""}, "ends_at"),
        ({"systems": "PBX-9999"}, "systems"),
    ],
    ids=["a time the clock change skips", "no time", "no zone", "no end", "no such system"],
)
async def test_a_maintenance_with_a_mistake_is_shown_at_its_field(world, wrong, field):
    csrf = await world.log_in()
    form = {"csrf": csrf, "title": "Upgrade", "zone": "Europe/Rome", "starts_at": "2026-11-25T23:00", "ends_at": "2026-11-26T01:00", "systems": "PBX-1001"}  # fmt: skip
    answer = await world.client.post("/noc/maintenance", data=form | wrong)
    assert answer.status == 422
    assert f'id="fault-{field}"' in await answer.text()
    assert world.pipeline.told == []


async def test_the_public_is_told_from_the_incidents_page(world):
    await world.seed(a_busy_night)
    csrf = await world.log_in()
    answer = await world.client.post("/noc/incidents/glo-1/updates", data={"csrf": csrf, "state": "monitoring", "body": "Better.", "next_update_at": ""}, allow_redirects=False)  # fmt: skip
    assert answer.status == 303
    assert world.pipeline.told[0][:4] == ("update", "glo-1", "monitoring", "Better.")


async def test_a_faulty_configuration_is_shown_to_the_admin_who_reloads(world):
    world.problems = ("tocsin.yaml:3:5: unknown key <partnes>",)
    csrf = await world.log_in(role=Role.ADMIN)
    answer = await world.client.post("/noc/config/reload", data={"csrf": csrf})
    assert answer.status == 409
    assert "tocsin.yaml:3:5: unknown key &lt;partnes&gt;" in await answer.text()


async def test_a_page_of_incidents_leads_to_the_older_ones_with_its_filters(world):
    def many(connection):
        for number in range(101):
            an_incident(connection, f"inc-{number}")

    await world.seed(many)
    await world.log_in()
    html = await page(world, "/noc/incidents?status=open")
    older = re.search(r'class="button" href="([^"]+)">Older', html).group(1).replace("&amp;", "&")
    assert "status=open" in older
    assert "inc-0" in await page(world, older)
    await page(world, "/noc/incidents?status=shut", status=422)


async def test_who_is_not_logged_in_is_led_to_the_login_and_back(world):
    await world.user("nora")
    answer = await world.client.get("/noc/incidents/inc-1?x=1", allow_redirects=False)
    assert answer.status == 303
    where = urlsplit(answer.headers["Location"])
    assert (where.path, parse_qs(where.query)) == ("/noc/login", {"next": ["/noc/incidents/inc-1?x=1"]})
    login = await page(world, answer.headers["Location"])
    assert 'action="/noc/login?next=/noc/incidents/inc-1%3Fx%3D1"' in login


def test_of_very_many_contacts_a_row_names_those_that_need_a_person_and_counts_the_rest():
    def owed(number, state):
        return OutboxLine(id=f"out-{number}", incident="inc-1", request=None, kind="call", channel="phone", partner=None, contact=None, recipient=None, language="en", state=state, reason="refused", created_at=NOW, not_before=NOW, not_after=None, attempts=1, done_at=None)  # fmt: skip

    line = BoardLine(
        incident=None,  # type: ignore[arg-type] # not asked here
        public_state=None,
        clocks=(),
        tickets=(),
        attempts=(),
        owed=tuple(owed(number, "failed" if number == 50 else "waiting") for number in range(60)),
    )
    assert [each.id for each in shown(line)] == ["out-50", *(f"out-{number}" for number in range(7))]
