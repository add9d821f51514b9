"""Every list of the console is filtered by its address, and the same with .csv is all of it: no cell of it a formula."""

import csv
import html
import io
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.remedies import REMEDIES, remedy
from monitor.domain.waiting import Waits
from monitor.storage.people import Role
from monitor.web.csv_files import MARK, cell, lines
from monitor.web.rules import RULES
from tests.web.seeds import NOW, ACheck, a_request, an_incident, an_outbox_row
from tests.web.test_hostile import a_poisoned_request, poisoned

FILES = sorted(
    path
    for method, path in RULES
    if method == "GET"
    and path.startswith("/noc/")
    and path.endswith(".csv")
    and not re.search(r"maintenance|problems|\{", path)
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx")


async def rows_of(world, path):
    answer = await world.client.get(path)
    body = await answer.read()
    assert answer.status == 200, body
    assert answer.content_type == "text/csv"
    assert body.startswith(MARK.encode())
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@given(st.text() | st.sampled_from(FORMULAS) | st.none() | st.booleans() | st.integers() | st.floats())
def test_a_cell_is_never_a_formula_and_reads_back_as_it_was(value):
    text = cell(value)
    if isinstance(value, str):
        assert not text.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert text.removeprefix("'") in (value.replace("\0", ""), value.replace("\0", "").removeprefix("'"))
    ((back,),) = csv.reader(io.StringIO(lines([[value]]), newline="")) if text else (("",),)
    assert back == text


def test_there_is_a_file_for_every_list():
    assert {path.removesuffix(".csv").removeprefix("/noc/") for path in FILES} >= {"alerts", "announcements", "audit", "checks", "crashes", "deliveries", "incidents", "oncall", "outbox", "partners", "queue", "reports/sla/clocks", "requests", "systems", "tickets"}  # fmt: skip


@pytest.mark.parametrize("bad", FORMULAS)
async def test_no_cell_of_any_file_begins_a_formula_whoever_wrote_it(world, bad):
    await world.seed(poisoned, bad)
    await world.seed(a_poisoned_request, bad)
    await world.log_in(role=Role.ADMIN)
    found = 0
    for path in FILES:
        answer = await world.client.get(path + ("?status=any" if path == "/noc/requests.csv" else ""))
        text = (await answer.read()).decode("utf-8-sig")
        assert answer.status == 200, (path, text)
        for row in csv.reader(io.StringIO(text, newline="")):
            found += sum(bad.strip() in each for each in row)
            assert not [
                each
                for each in row
                if each.startswith(("=", "+", "@", "\t", "\r"))
                or (each.startswith("-") and not each[1:].isdigit())
            ], (path, row)
    assert found > 10, "hostile text was in these files"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in ("/noc/queue.csv", "/noc/oncall.csv")]
)
async def test_a_page_leads_to_its_file_with_the_filters_it_has(world, path):
    await world.log_in(role=Role.ADMIN)
    page = path.removesuffix(".csv")
    filters = {
        "/noc/systems": "q=hotel",
        "/noc/checks": "name=sip",
        "/noc/partners": "policy=wildix",
        "/noc/requests": "q=R-1",
        "/noc/reports/sla/clocks": "party=us",
    }
    query = filters.get(page, "since=2026-11-01&limit=5")
    answer = await world.client.get(f"{page}?{query}")
    text = html.unescape(await answer.text())
    assert answer.status == 200, text
    (link,) = re.findall(rf'href="({re.escape(path)}[^"]*)"', text)
    assert link.startswith(f"{path}?{query.split('&')[0]}")
    assert "limit" not in link
    assert (await world.client.get(link)).status == 200
    assert (await world.client.get(f"{path}?nonsense=1")).status == 422


async def test_a_file_is_the_whole_list_and_only_what_fits(world):
    def many(connection):
        an_incident(connection)
        for n in range(2105):
            an_outbox_row(
                connection,
                "inc-1",
                f"out-{n}",
                dedup=f"d{n}",
                channel="mail" if n % 3 else "phone",
                created_at=NOW - timedelta(seconds=n),
            )

    await world.seed(many)
    await world.log_in(role=Role.VIEWER)
    whole = await rows_of(world, "/noc/outbox.csv")
    assert len({row["id"] for row in whole}) == len(whole) == 2105
    assert all(row["why"] and row["what to do"] for row in whole)
    calls = await rows_of(world, "/noc/outbox.csv?channel=phone")
    assert len(calls) == 702
    since = NOW - timedelta(seconds=10)
    assert len(await rows_of(world, f"/noc/deliveries.csv?since={since:%Y-%m-%dT%H:%M:%S}")) == 11


async def test_the_checks_file_knows_what_they_say_and_which_are_overdue(world):
    world.checks = tuple(ACheck(name=f"c-{n:04}") for n in range(1200))
    await world.log_in(role=Role.VIEWER)
    assert len(await rows_of(world, "/noc/checks.csv")) == 1200
    assert [row["name"] for row in await rows_of(world, "/noc/checks.csv?name=C-0007&state=unknown")] == [
        "c-0007"
    ]
    assert await rows_of(world, "/noc/checks.csv?state=down") == []


async def test_what_is_missing_in_a_request_who_is_asked_and_since_when_is_in_the_queue(world):
    def ask(connection):
        judged = '{"missing": ["description"]}'
        a_request(
            connection,
            status="incomplete",
            judgement=judged,
            received_at=NOW - timedelta(hours=2),
            contact="aurora-1",
            email=None,
        )
        a_request(connection, "req-2", status="incomplete", judgement=judged, contact=None, email=None)

    await world.seed(ask)
    await world.log_in(role=Role.NOC)
    text = html.unescape(re.sub(r"<[^>]+>", " ", await (await world.client.get("/noc/requests")).text()))
    person = world.inventory.person("aurora-1")[1].name
    assert f"; {person} is asked since 07:00 UTC (2 h)" in text
    assert "nobody can be asked: no address is known" in text
    rows = await rows_of(world, "/noc/requests.csv")
    assert {row["missing"] for row in rows} == {"description"}
    assert any(person in row["state"] for row in rows)


def test_every_cause_of_waiting_and_every_state_says_what_to_do():
    assert set(REMEDIES) == set(Waits)
    for state in ("waiting", "claimed", "sent", "failed", "set_aside", "cancelled", "done"):
        assert remedy(state, None).endswith(".")
    assert remedy("waiting", Waits.DOUBT) == REMEDIES[Waits.DOUBT]
