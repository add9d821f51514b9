"""The console's reads over both databases: the same rows, the same answers."""

from datetime import timedelta

import pytest

from monitor.errors import NotFoundError
from monitor.storage import audit, console, lists, people, triage
from monitor.storage.audit import AuditRow
from monitor.storage.lists import Wanted
from monitor.storage.people import Role
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


def everything(connection):
    an_incident(connection)
    a_finding(connection, "inc-1")
    a_clock(connection, "inc-1", breached_at=NOW)
    an_outbox_row(connection, "inc-1")
    an_outbox_row(connection, "inc-1", "out-2", state="failed")
    an_outbox_row(connection, "inc-1", "out-3", state="done")
    an_attempt(connection, "inc-1", "out-1")
    a_ticket(connection, "inc-1")
    a_crash(connection)
    a_maintenance(connection)
    a_check_state(connection)
    an_incident(connection, "inc-2", respond_by=None)
    an_incident(connection, "inc-3", respond_by=NOW)
    an_incident(connection, "inc-4", status="resolved")
    an_incident(connection, "inc-5", parent="inc-1", respond_by=NOW + timedelta(hours=1))


async def test_everything_open_is_read_with_what_is_timed_of_it_and_nothing_that_is_over(store):
    await store.write(everything)
    found = (await store.read(triage.open_incidents)).standing
    promised = {one.incident.id: [(each.name, each.by) for each in one.promises] for one in found}
    assert promised == {
        "inc-1": [("response", NOW + timedelta(minutes=26))],  # broken, and owed all the same
        "inc-2": [],
        "inc-3": [("response", NOW)],
        "inc-5": [("response", NOW + timedelta(hours=1))],
    }


async def test_lines_come_in_the_order_that_was_asked_with_what_hangs_on_them(store):
    await store.write(everything)
    lines = await store.read(console.lines, ["inc-3", "inc-1", "gone"])
    assert [line.incident.id for line in lines] == ["inc-3", "inc-1"]
    first = lines[1]
    assert [(clock.name, clock.breached_at) for clock in first.clocks] == [("response", NOW)]
    assert [ticket.reference for ticket in first.tickets] == ["T-1042"]
    assert [attempt.result for attempt in first.attempts] == ["acknowledged"]
    assert [owed.id for owed in first.owed] == ["out-1", "out-2"]
    figures = await store.read(console.figures)
    assert (figures.owed, figures.failed) == (1, 1)


async def test_a_file_holds_everything_of_its_incident_and_nothing_of_another(store):
    await store.write(everything)
    file = await store.read(console.incident_file, "inc-1", NOW)
    assert file.decision["clause"] == "2.1"
    assert file.facts == {"operator_caused": False, "workaround": None}
    assert [len(part) for part in (file.findings, file.clocks, file.outbox, file.attempts, file.tickets, file.ticket_notes, file.children, file.events)] == [1, 1, 3, 1, 1, 1, 1, 1]  # fmt: skip
    assert file.attempts[0].history[1] == {"state": "acknowledged", "sequence": 2, "digit": "1"}
    assert await store.read(console.incident_file, "nope", NOW) is None


async def test_lists_are_filtered_cut_and_go_on(store):
    await store.write(everything)
    wanted = Wanted(equal={"class": "critical", "system": "PBX-1001"}, until=NOW, limit=2)
    page = await store.read(console.list_incidents, wanted)
    assert ([each.id for each in page.items], page.next) == (["inc-5", "inc-4"], 4)
    rest = await store.read(console.list_incidents, Wanted(after=page.next, limit=500))
    assert ([each.id for each in rest.items], rest.next) == (["inc-3", "inc-2", "inc-1"], None)
    crashes = await store.read(lists.list_crash_reports, Wanted(since=NOW - timedelta(hours=1)))
    assert [(each.id, each.folded, each.at) for each in crashes.items] == [
        ("cra-1", False, NOW - timedelta(hours=1))
    ]
    assert (await store.read(lists.find_maintenance, "mnt-1")).components == ("cloud-eu",)
    assert (await store.read(lists.check_lines))["pbx-1001-sip"].verdict == "down"


async def test_people_tokens_and_the_audit_are_kept(store):
    await store.write(people.create_user, id="u", name="nora", password_hash="h", role=Role.NOC, now=NOW)
    await store.write(people.create_token, id="t", name="ci", secret="s", scopes=["read", "ingest"], now=NOW, system="PBX-1001", kind="dsn")  # fmt: skip
    found = await store.read(people.find_token, "s")
    assert (found.scopes, found.system, found.kind) == (frozenset({"read", "ingest"}), "PBX-1001", "dsn")
    assert await store.read(people.find_token, "s", kind="api") is None
    await store.write(people.revoke_token, "t", NOW)
    assert await store.read(people.find_token, "s") is None
    assert (await store.read(people.list_tokens))[0].revoked_at == NOW
    with pytest.raises(NotFoundError):
        await store.write(people.revoke_token, "t", NOW)
    with pytest.raises(NotFoundError):
        await store.write(people.disable_user, "nobody", NOW)
    for number in range(3):
        await store.write(audit.record_audit, AuditRow(at=NOW, actor="nora", action=f"a{number}", data={"n": number}))  # fmt: skip
    rows = await store.read(audit.list_audit, limit=2)
    assert [(row.action, row.data) for row in rows] == [("a2", {"n": 2}), ("a1", {"n": 1})]
    assert [user.name for user in await store.read(people.list_users)] == ["nora"]


async def test_old_sessions_are_swept_when_a_new_one_opens(store):
    await store.write(people.create_user, id="u", name="nora", password_hash="h", role=Role.NOC, now=NOW)
    day, hour = timedelta(days=1), timedelta(hours=1)
    await store.write(people.open_session, user="u", secret="one", csrf="c", now=NOW, lasts=hour)
    await store.write(people.open_session, user="u", secret="two", csrf="c", now=NOW + day, lasts=hour)
    look = {"now": NOW, "idle": day}
    assert await store.read(people.find_session, people.digest_of("one"), **look) is None
    assert (await store.read(people.find_session, people.digest_of("two"), **look)).user.role is Role.NOC
