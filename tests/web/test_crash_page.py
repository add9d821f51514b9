"""A group of crashes on its page: what it says, to whom it gives the memory of the program, and what was never sent."""

import json
import re
import zlib
from datetime import timedelta

import pytest

from monitor.domain.crashes import CrashReport, Frame
from monitor.domain.dumps import Dump
from monitor.storage import crash_losses, crashes
from monitor.storage import schema as t
from monitor.storage.crashes import Digested, NewCrash
from monitor.storage.people import Role
from tests.web.seeds import NOW, an_incident

GROUP = "v1:0123456789abcdef0123456789abcdef"
MEMORY = b"MDMP" + bytes(range(256))
PAGE = f"/noc/crashes/{GROUP}"


def a_group(connection, **changes):
    row = {"id": GROUP, "title": "SIGSEGV | sip_parse | route_call", "grouped_by": json.dumps(["kind: crash", "frame: sip_parse"])}  # fmt: skip
    times = {"first_at": NOW - timedelta(days=40), "last_at": NOW, "count": 12}
    connection.execute(t.crash_groups.insert().values({**row, **times, **changes}))


def a_report(
    connection, number=1, *, system="PBX-1001", version="5.02", days=0.0, outcome="inc-1", **changes
):
    frames = (
        Frame(function="sip_parse", file="pbx.c", line=19, in_app=True),
        Frame(module="libc.so.6", build_id="a0c5ff931d7a", offset=0x27305, in_app=False),
    )
    report = CrashReport(
        id=f"cra-{number}", key=f"key-{number}", source="minidump", at=NOW - timedelta(days=days), process="pbxcore",
        version=version, signal="SIGSEGV", frames=frames, message="segfault at <45>", **changes,
    )  # fmt: skip
    dump = Dump(name="a.dmp", digest="d", size=len(MEMORY), coding="zlib", content=zlib.compress(MEMORY))
    row = NewCrash(
        report=report, token="tok-1", received_at=NOW - timedelta(days=days), system=system, group=GROUP,
        dump=dump if number == 1 else None,
    )  # fmt: skip
    crashes.insert_crashes(connection, [row])
    done = Digested(
        id=report.id, outcome=outcome, system=system, mapped_by="serial", group=GROUP, signature="S"
    )
    crashes.mark_digested(connection, [done], NOW)


def a_history(connection):
    an_incident(connection)
    a_group(connection)
    a_report(connection, 2, days=3, version="5.01", system="PBX-1002")
    a_report(connection, 3, days=3.5, version="5.01", system="PBX-1002", outcome="fixed")
    a_report(connection, 4, days=29, system=None, outcome="unmapped")
    a_report(connection)


async def text_of(world, path=PAGE):
    answer = await world.client.get(path)
    assert answer.status == 200, await answer.text()
    source = await answer.text()
    return source, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source))


async def test_the_page_says_where_it_broke_why_it_is_one_group_and_whom_it_strikes(world):
    await world.seed(a_history)
    await world.log_in()
    source, text = await text_of(world)
    assert "SIGSEGV | sip_parse | route_call" in text
    assert "sip_parse pbx.c:19" in text
    assert "libc.so.6@a0c5ff93+0x27305" in text
    assert "segfault at &lt;45&gt;" in source, "what a customer's program wrote is only ever text"
    assert "kind: crash frame: sip_parse" in text
    assert "5.02 2 on 1 system" in text
    assert "5.01 2 on 1 system" in text
    assert re.search(r"Nobody.s 1 ", text)
    assert "Counted quietly 1" in text
    bars = re.findall(r"<title>([^<]+)</title></rect>", source)
    assert bars == [
        "29 to 30 days ago: 1 report",
        "3 to 4 days ago: 2 reports",
        "the last 24 hours: 1 report",
    ]


async def test_the_memory_of_the_program_is_for_the_lead_and_on_the_record(world):
    await world.seed(a_history)
    path = f"{PAGE}/dumps/cra-1"
    await world.log_in("nora", Role.NOC)
    source, _ = await text_of(world)
    assert "/dumps/" not in source
    assert (await world.client.get(path)).status == 404
    await world.log_in("lena", Role.LEAD)
    source, _ = await text_of(world)
    assert source.count("/dumps/") == 1, "only one of them came with a dump"
    answer = await world.client.get(path)
    assert (answer.status, await answer.read()) == (200, MEMORY)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.content_type == "application/octet-stream"
    (row,) = [r for r in await world.store.read(_audit) if r.action == "crash.dump"]
    assert (row.actor, row.object) == ("lena", "cra-1")
    for other in (f"{PAGE}/dumps/cra-2", "/noc/crashes/v1:other/dumps/cra-1", f"{PAGE}/dumps/nothing"):
        assert (await world.client.get(other)).status == 404


def _audit(connection):
    return connection.execute(t.audit.select()).all()


@pytest.mark.parametrize("path", [PAGE, "/noc/crashes/v1:no", "/noc/crashes/%3Cscript%3E"])
async def test_a_group_that_is_not_there_is_not_found(world, path):
    await world.log_in()
    assert (await world.client.get(path)).status == 404


async def test_a_group_of_which_nothing_is_left_is_still_a_page(world):
    await world.seed(a_group)
    await world.log_in()
    _, text = await text_of(world)
    assert "No report of it is kept whole." in text
    assert "None lately." in text


async def test_what_clients_threw_away_is_shown_and_listed(world):
    await world.seed(crash_losses.note, "dsn-aurora", {"network_error": 3, "queue_overflow": 1}, NOW)
    await world.seed(crash_losses.note, "dsn-aurora", {"network_error": 4}, NOW)
    await world.log_in()
    _, text = await text_of(world, "/noc/crashes")
    assert "dsn-aurora network error 7" in text
    headers = await world.token("read")
    listed = await (
        await world.client.get("/api/v1/crash-losses?reason=network_error", headers=headers)
    ).json()
    assert [(each["token"], each["count"]) for each in listed["items"]] == [("dsn-aurora", 7)]


async def test_made_up_reasons_do_not_fill_the_record(world):
    for n in range(3):
        lost = {f"reason {n}-{m}": 1 for m in range(100)}
        await world.seed(crash_losses.note, "dsn-aurora", lost, NOW)
    headers = await world.token("read")
    listed = await (await world.client.get("/api/v1/crash-losses?limit=500", headers=headers)).json()
    counted = {each["reason"]: each["count"] for each in listed["items"]}
    assert len(counted) == crash_losses.REASONS + 1
    assert counted[crash_losses.OTHER] == 300 - crash_losses.REASONS


async def test_groups_are_listed_the_one_that_crashed_last_first_and_page_by_page(world):
    for n in range(5):
        await world.seed(a_group, id=f"v1:{n}", last_at=NOW - timedelta(hours=n))
    headers = await world.token("read")
    path, seen = "/api/v1/crash-groups?limit=2", []
    while path:
        listed = await (await world.client.get(path, headers=headers)).json()
        seen += [each["id"] for each in listed["items"]]
        path = listed["next"]
    assert seen == [f"v1:{n}" for n in range(5)]
    late = await world.client.get("/api/v1/crash-groups?since=2026-11-24T08:30:00Z", headers=headers)
    assert [each["id"] for each in (await late.json())["items"]] == ["v1:0"]
