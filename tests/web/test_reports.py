"""The attainment report as a page and by the API: who may, what it counts, what it leads to."""

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from importlib.resources import files

import pytest

from monitor.cli import main
from monitor.storage.people import Role
from tests.web.seeds import NOW, a_clock, an_incident

EVIL = "<script>alert(1)</script>"


def three_clocks(c):
    """One met in time, one broken, one running."""
    for name, begun, more in (
        ("inc-1", 120, {"met_at": NOW - timedelta(minutes=110)}),
        ("inc-2", 90, {}),
        ("inc-3", 4, {}),
    ):
        started = NOW - timedelta(minutes=begun)
        an_incident(c, name, opened_at=started)
        a_clock(c, name, started_at=started, due=started + timedelta(minutes=30), **more)


async def test_the_api_gives_the_figures_as_json_and_as_csv(world):
    await world.seed(three_clocks)
    headers = await world.token("read")
    answer = await world.client.get("/api/v1/reports/sla?since=2026-11-01", headers=headers)
    assert answer.status == 200
    told = await answer.json()
    assert (told["since"], told["until"]) == ("2026-11-01T00:00:00Z", "2026-11-24T09:00:00Z")
    ((line),) = told["lines"]
    assert (line["partner"], line["class"], line["promised"], line["attainment_percent"]) == (
        "aurora",
        "critical",
        3,
        50.0,
    )
    assert "clocks" not in line
    answer = await world.client.get("/api/v1/reports/sla?format=csv", headers=headers)
    assert answer.content_type == "text/csv"
    ((row),) = csv.DictReader(io.StringIO(await answer.text()))
    assert (row["broken_open"], row["running"]) == ("1", "1")


async def test_which_clocks_they_are_is_for_those_who_may_see_every_request(world):
    await world.seed(three_clocks)
    path = "/api/v1/reports/sla/clocks"
    assert (await world.client.get(path, headers=await world.token("read"))).status == 403
    answer = await world.client.get(path, headers=await world.token("operate"))
    ((line),) = (await answer.json())["lines"]
    assert [clock["outcome"] for clock in line["clocks"]] == ["met_in_time", "broken_open", "running"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=2026-11-24&until=2026-11-01", "not before the end"),
        ("until=2030-01-01", "it lies ahead"),
        ("since=yesterday", "since"),
        ("partnr=aurora", "partnr"),
    ],
    ids=["turned round", "ahead", "no moment", "a typo"],
)
async def test_a_question_that_makes_no_sense_is_refused_with_its_place(world, query, says):
    answer = await world.client.get(f"/api/v1/reports/sla?{query}", headers=await world.token("read"))
    assert answer.status == 422
    assert says in json.dumps(await answer.json())


async def test_the_page_shows_this_month_and_each_figure_leads_to_its_clocks(world):
    await world.seed(three_clocks)
    await world.log_in(role=Role.LEAD)
    text = await (await world.client.get("/noc/reports/sla")).text()
    assert "Aurora Telecom" in text
    assert "50.00 %" in text
    link = "/noc/reports/sla/clocks?party=us&amp;since=2026-11-01T00%3A00%3A00Z"
    assert link in text
    answer = await world.client.get("/noc/reports/sla/clocks?party=us&outcome=broken_open")
    text = await answer.text()
    assert "/noc/incidents/inc-2" in text
    assert "/noc/incidents/inc-1" not in text


async def test_a_noc_engineer_has_no_such_page(world):
    await world.log_in(role=Role.NOC)
    for path in ("/noc/reports/sla", "/noc/reports/sla/clocks"):
        assert (await world.client.get(path)).status == 403
    assert "/noc/reports/sla" not in await (await world.client.get("/noc/")).text()


async def test_an_end_that_lies_ahead_is_now_on_the_page(world):
    await world.seed(three_clocks)
    await world.log_in(role=Role.LEAD)
    answer = await world.client.get("/noc/reports/sla?since=2026-11-01&until=2026-12-01")
    assert answer.status == 200
    assert "24 Nov 2026, 09:00:00 UTC" in await answer.text()


async def test_an_empty_record_is_a_page_too(world):
    await world.log_in(role=Role.LEAD)
    answer = await world.client.get("/noc/reports/sla")
    assert "No promise was settled" in await answer.text()
    assert "No clock fits" in await (await world.client.get("/noc/reports/sla/clocks")).text()


@pytest.mark.parametrize("query", ["since=2026-13-01", "since=2026-11-25", "outcome=x", "a=b"])
async def test_a_page_asked_wrongly_says_so(world, query):
    await world.log_in(role=Role.LEAD)
    answer = await world.client.get(f"/noc/reports/sla/clocks?{query}")
    assert answer.status == 422
    assert "<h1" in await answer.text()


async def run(command):
    return await asyncio.to_thread(main, command)


async def test_names_from_outside_are_text_everywhere(world, tmp_path, capsys):
    def fill(c):
        an_incident(c, "inc-1", partner=EVIL)
        a_clock(c, "inc-1", **{"class": EVIL, "name": "=1+1"})

    await world.seed(fill)
    await world.log_in(role=Role.LEAD)
    for path in ("/noc/reports/sla", "/noc/reports/sla/clocks"):
        text = await (await world.client.get(path)).text()
        assert EVIL not in text
        assert "&lt;script&gt;" in text
    assert await run(["report", "sla", "--format", "html", "--data-dir", str(tmp_path), "--clocks"]) == 0
    assert EVIL not in capsys.readouterr().out
    answer = await world.client.get("/api/v1/reports/sla?format=csv", headers=await world.token("read"))
    assert ",'=1+1," in await answer.text()


async def test_the_command_reads_beside_the_running_service(world, tmp_path, capsys):
    await world.seed(three_clocks)
    output = tmp_path / "report.json"
    command = ["report", "sla", "--data-dir", str(tmp_path), "--until", "2026-11-24T09:00:00Z"]
    assert await run([*command, "--format", "json", "--clocks", "-o", str(output)]) == 0
    assert capsys.readouterr().out == ""
    told = json.loads(output.read_text())
    assert [clock["outcome"] for clock in told["lines"][0]["clocks"]] == [
        "met_in_time",
        "broken_open",
        "running",
    ]
    first = output.read_bytes()
    await run([*command, "--format", "json", "--clocks", "-o", str(output)])
    assert output.read_bytes() == first
    assert await run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"]
    assert await run(command) == 0
    assert "50.00 %" in capsys.readouterr().out
    assert await run([*command, "--partner", "aurora", "--class", "critical"]) == 0
    assert ", partner aurora, class critical\n" in capsys.readouterr().out
    assert await run([*command, "--partner", "aurra"]) == 1
    assert "did you mean aurora?" in capsys.readouterr().err


def test_no_document_marks_text_as_safe_runs_anything_or_fetches_anything():
    for template in files("monitor.web").joinpath("documents").iterdir():
        source = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", source), template.name
        assert not re.search(r"\s[a-z-]+=\{\{|<script|\son\w+=|<link|src=|url\(|@import", source), (
            template.name
        )


def test_a_record_that_is_not_there_is_not_made(tmp_path, capsys):
    assert main(["report", "sla", "--data-dir", str(tmp_path / "gone")]) == 1
    assert "there is no record at" in capsys.readouterr().err
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--until", "2999-01-01"], "--until:"),
        (["--since", "soon"], "--since: 'soon' is not ISO 8601"),
        (["--since", "2026-11-02", "--until", "2026-11-01"], "not before the end"),
    ],
    ids=["ahead", "no moment", "turned round"],
)
def test_an_interval_that_makes_no_sense_is_refused(options, says, tmp_path, capsys):
    assert main(["report", "sla", "--data-dir", str(tmp_path), *options]) == 1
    assert says in capsys.readouterr().err
