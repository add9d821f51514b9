"""The audit's page: who did what, found by filter, as a file whole, and a log that somebody touched says so at the top."""

import csv
import io

import sqlalchemy as sa

from monitor.storage import audit
from monitor.storage.audit import AuditRow
from monitor.storage.people import Role


async def text_of(world, path):
    answer = await world.client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def _write(world, count, **fields):
    def rows(connection):
        for n in range(count):
            given = {
                "actor": "nora",
                "action": "incident.note",
                "about": f"inc-{n}",
                "data": {"n": n},
            } | fields
            audit.record_audit(connection, AuditRow(at=world.now, **given))

    await world.store.write(rows)


async def test_the_log_is_filtered_by_who_what_about_and_when(world):
    await world.log_in(role=Role.LEAD)
    await _write(world, 3)
    await _write(world, 1, actor="otto", action="outbox.retry", about="out-7")
    whole = await text_of(world, "/noc/audit")
    assert "The log is whole" in whole
    for query, there in (
        ("who=otto", "out-7"),
        ("did=outbox", "out-7"),
        ("did=outbox+retry", "out-7"),
        ("to=out-", "out-7"),
        (f"since={world.now:%Y-%m-%d}", "inc-2"),
    ):
        assert there in await text_of(world, f"/noc/audit?{query}")
    assert "out-7" not in await text_of(world, "/noc/audit?who=nora")
    assert "out-7" not in await text_of(world, f"/noc/audit?until={world.now:%Y-%m-%dT%H:%M}")
    answer = await world.client.get("/noc/audit?whom=otto")
    assert answer.status == 422
    assert "who" in await answer.text()


async def test_the_file_is_the_whole_filtered_log_and_none_of_its_cells_is_a_formula(world):
    await world.log_in(role=Role.LEAD)
    await _write(world, 2300)
    await _write(world, 1, actor="=cmd|' /C calc'!A0")
    page = await text_of(world, "/noc/audit?who=nora&limit=5")
    assert "/noc/audit.csv?who=nora" in page
    answer = await world.client.get("/noc/audit.csv?did=incident")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    lines = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
    assert len(lines) == 2301
    assert lines[0]["actor"] == "'=cmd|' /C calc'!A0"
    assert len({line["seq"] for line in lines}) == 2301
    assert lines[1]["at"].endswith("Z")
    head = await world.client.head("/noc/audit.csv")
    assert (head.status, head.content_type) == (200, "text/csv")


async def test_a_log_that_was_touched_says_so_at_the_top(world):
    await world.log_in(role=Role.LEAD)
    await _write(world, 5)
    await text_of(world, "/noc/audit")
    await world.store.write(lambda c: c.execute(sa.text("DELETE FROM audit WHERE seq = 6")).rowcount)
    assert "1 rows at the end are missing" in await text_of(world, "/noc/audit")
    await world.store.write(
        lambda c: c.execute(sa.text("UPDATE audit SET actor = 'x' WHERE seq = 2")).rowcount
    )
    assert "The log is broken at row 2" in await text_of(world, "/noc/audit")


async def test_of_a_long_log_only_what_is_new_is_read_again_and_an_end_that_is_gone_is_missed(world):
    await world.log_in(role=Role.LEAD)
    await _write(world, 2100)
    assert "2101 rows" in await text_of(world, "/noc/audit")
    await _write(world, 1)
    assert "2102 rows" in await text_of(world, "/noc/audit")
    await world.store.write(lambda c: c.execute(sa.text("DELETE FROM audit WHERE seq > 2100")).rowcount)
    assert "2 rows at the end are missing" in await text_of(world, "/noc/audit")


async def test_the_file_is_for_whom_the_page_is_for(world):
    await world.log_in(role=Role.NOC)
    assert (await world.client.get("/noc/audit.csv")).status == 403
