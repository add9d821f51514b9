"""Pre-approved texts: a storm says them in every reader's language, a person fills them in, a changed one stays as written."""

import html
import json
import re
from contextlib import asynccontextmanager
from typing import get_args

import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.findings import Verdict
from monitor.domain.incidents import PublicState
from monitor.domain.wording import LANGUAGES, Kind, by_hand
from monitor.errors import ConfigError
from monitor.settings import load_text
from monitor.web.api_inputs import Tongue
from monitor.wordings import Wordings
from tests.acceptance.console import a_console
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.test_subscribers import ADA, a_read_world, subscribed, tell, written_to
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world
from tests.factories import MONDAY_AT_TEN, a_global_problem

FLEET = Fleet(systems=6, others=6)
APPROVED = """
public_texts:
  unreachable:
    investigating:
      en: "{count} systems of {what} are away since {since}."
      de: "{count} Systeme ({name}) sind seit {since} weg."
chat: {channels: [{id: group, name: The group, language: de}]}
"""


@asynccontextmanager
async def a_read_storm(folder, database):
    configured = FLEET.configuration(watch_for="60s") + APPROVED
    async with (
        a_world(folder, database, configuration=configured) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        yield world, client


async def shown(world, client, path):
    await client.get(path)  # the first reader of a language has it rendered
    await world.service.pages.refresh()
    return html.unescape(await (await client.get(path)).text())


async def test_a_storm_is_told_in_each_readers_language_by_the_operators_text_or_ours(tmp_path, database_url):
    async with a_read_storm(tmp_path, database_url) as (world, client):
        await fall(world, FLEET.checks())
        await seconds(world, 6)
        problem = await world.incident(is_global=True)
        (word,) = await world.rows("updates", incident=problem["id"])
        on_record = json.loads(word["wording"])
        assert (on_record["class"], on_record["kind"]) == ("unreachable", "investigating")
        assert on_record["values"]["name"] == "eu-1"
        count, since = on_record["values"]["count"], re.search(r"\d\d:\d\d UTC", word["body"]).group()
        assert word["body"] == f"{count} systems of cloud eu-1 are away since {since}."
        path = f"/incidents/{problem['id']}"
        german = await shown(world, client, f"/de{path}")
        assert f"{count} Systeme (eu-1) sind seit {since} weg." in german
        assert "Cloud eu-1: viele Systeme fallen aus" in german
        spanish = await shown(world, client, "/es/")
        assert f"Desde las {since} no se puede acceder a muchos sistemas (nube eu-1)." in spanish
        assert "are away since" not in spanish + german
        assert f"{count} systems of cloud eu-1 are away" in await shown(world, client, "/feed.atom")
        told = await world.rows("announcement_deliveries", channel="group")
        assert "viele Systeme fallen aus" in told[0]["subject"]
        assert "sind seit" in told[0]["body"]


async def test_its_end_is_told_so_too_and_a_text_changed_meanwhile_changes_nothing_that_was_said(
    tmp_path, sqlite_url
):
    async with a_read_storm(tmp_path, sqlite_url) as (world, client):
        await fall(world, FLEET.checks())
        await seconds(world, 6)
        world.path.write_text(world.path.read_text().replace("sind seit {since} weg", "sind anders"))
        await world.service.reload()
        await fall(world, FLEET.checks(), verdict=Verdict.UP, looks=2)
        await seconds(world, 120)
        problem = await world.incident(is_global=True)
        assert problem["public_state"] == "resolved"
        page = await shown(world, client, f"/de/incidents/{problem['id']}")
        assert "Die betroffenen Systeme antworten wieder." in page
        assert "Das Problem ist behoben." in page
        assert re.search(r"\d+ Systeme \(eu-1\) sind seit \d\d:\d\d UTC weg", page)
        assert "sind anders" not in page


async def test_a_subscriber_reads_a_text_in_the_language_of_the_form_and_what_a_person_wrote_as_it_is(
    tmp_path, sqlite_url
):
    async with a_read_world(tmp_path, sqlite_url) as (world, sink, client):
        await subscribed(world, sink, client, ADA)
        world.clock.forward(60)
        pipeline = world.service.pipeline
        wordings = Wordings(world=pipeline.world)
        about = wordings.of_components(["cloud-eu"], "", 3, world.clock())
        titled = wordings.say("call_drops", Kind.TITLE, about)
        worded = wordings.say("call_drops", Kind.INVESTIGATING, about)
        declared = a_global_problem(title=titled.english, body=worded.english, titled=titled, worded=worded)
        problem = await pipeline.declare_global(declared, actor="nadia")
        await tell(world)
        await pipeline.update_global(
            problem, state=PublicState.IDENTIFIED, body="A switch died.", actor="nadia"
        )
        await tell(world)
        begun, update = written_to(sink, ADA)
        assert "Cloud platform Europe: Gespräche brechen ab" in begun["Subject"]
        assert "brechen auf vielen Systemen Gespräche ab" in begun.get_body(("plain",)).get_content()
        assert "Gespräche brechen ab" in update["Subject"]
        assert "A switch died." in update.get_body(("plain",)).get_content()


def standing_in(form):
    """Return what stands in a form's title, body and hidden moment."""
    title = re.search(r'name="title"[^>]* value="([^"]*)"', form.source)
    since = re.search(r'name="since" value="([^"]*)"', form.source)
    body = re.search(r'<textarea[^>]* name="body"[^>]*>([^<]*)<', form.source)
    return {
        name: html.unescape(found.group(1))
        for name, found in (("title", title), ("body", body), ("since", since))
        if found
    }


async def test_whoever_publishes_fills_a_text_in_and_what_they_change_is_their_own_word(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, configuration=CONFIGURATION + CHECKS) as world:
        nadia = await world.at_the_console("nadia")
        await nadia.get("/noc/global/new")
        chosen = {
            "approved": "call_drops",
            "state": "investigating",
            "impact": "major",
            "components": "cloud-eu",
        }
        await nadia.post("/noc/global", fill="yes", title="", body="", since="", **chosen)
        filled = standing_in(nadia)
        assert filled["title"] == "Cloud platform Europe: calls drop"
        assert filled["body"].startswith(
            "Since 09:00 UTC calls drop on many systems (Cloud platform Europe)."
        )
        assert await world.rows("incidents") == []
        world.clock.forward(300)  # whoever reads it over does so in their own time
        await nadia.post("/noc/global", **chosen, **filled)
        problem = await world.incident(is_global=True)
        (word,) = await world.rows("updates", incident=problem["id"])
        assert json.loads(problem["wording"])["kind"] == "title"
        assert json.loads(word["wording"])["said"]["it"].startswith("Dalle 09:00 UTC")

        path = f"/noc/incidents/{problem['id']}/updates"
        await nadia.post(path, fill="yes", approved="call_drops", state="identified", body="")
        text = standing_in(nadia)["body"]
        assert text == "We have found the cause and are working on the solution (Cloud platform Europe)."
        await nadia.post(path, approved="call_drops", state="identified", body=text)
        await nadia.post(path, approved="call_drops", state="identified", body=f"{text} A switch died.")
        _, as_it_is, changed = await world.rows("updates", incident=problem["id"])
        assert (as_it_is["wording"] is not None, changed["wording"]) == (True, None)
        await nadia.post(path, fill="yes", approved="call_drops", state="postmortem", body="")
        assert (nadia.status, nadia.alert()) == (
            409,
            "A review has no pre-approved text: somebody has to write it.",
        )
        await nadia.post(path, approved="no_such_class", state="identified", body="x")
        assert nadia.status == 422
        assert len(await world.rows("updates", incident=problem["id"])) == 3


async def test_whoever_publishes_writes_a_word_in_several_languages_and_each_reader_gets_theirs(
    tmp_path, sqlite_url
):
    async with (
        a_console(tmp_path, sqlite_url, configuration=CONFIGURATION + CHECKS) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        nadia = await world.at_the_console("nadia")
        await nadia.get("/noc/global/new")
        words = {"title": "Calls drop", "body": "A switch died.", "impact": "major", "components": "cloud-eu"}
        await nadia.post("/noc/global", state="investigating", **words, **{"body-it": "Uno switch è guasto.", "body-de": " "})  # fmt: skip
        problem = await world.incident(is_global=True)
        path = f"/noc/incidents/{problem['id']}/updates"
        await nadia.get(f"/noc/incidents/{problem['id']}")
        assert 'name="body-it"' in nadia.source
        await nadia.post(path, state="identified", body="We replace it.", **{"body-de": "Wir tauschen ihn aus."})  # fmt: skip
        first, second = await world.rows("updates", incident=problem["id"])
        assert json.loads(first["wording"]) == {"said": {"it": "Uno switch è guasto."}}
        assert second["body"] == "We replace it."
        italian, german = [await shown(world, client, f"/{code}/incidents/{problem['id']}") for code in ("it", "de")]  # fmt: skip
        assert "Uno switch è guasto." in italian
        assert "A switch died." not in italian
        assert "We replace it." in italian
        assert "Wir tauschen ihn aus." in german
        assert "A switch died." in german
        assert "Uno switch" in await shown(world, client, "/it/feed.atom")
        assert "Uno switch" not in await shown(world, client, "/feed.atom")
        await nadia.post(path, state="monitoring", body="Done.", preview="yes", **{"body-it": "Fatto."})
        assert 'name="body-it" value="Fatto."' in nadia.source
        api = await client.post(f"/api/v1/incidents/{problem['id']}/updates", json={})
        assert api.status == 401


def test_the_languages_of_the_api_are_those_of_the_page():
    assert get_args(Tongue) == LANGUAGES
    assert by_hand([("it", " "), ("nl", "Weg.")]) is None


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        pytest.param(
            'unreachable: {title: {en: "{who} is away"}}',
            "has no placeholder {who}; there are {what}, {name}, {count}, {since}",
            id="a placeholder",
        ),
        pytest.param(
            'unreachable: {titel: {en: "away"}}',
            "'titel' is no kind of text; there are title, investigating, identified, monitoring, again, resolved; did you mean 'title'?",
            id="a kind",
        ),
        pytest.param(
            'unreachabel: {title: {en: "away"}}', "did you mean 'unreachable'?", id="a failure class"
        ),
        pytest.param(
            'unreachable: {title: {nl: "weg"}}',
            "'nl' is no language of the page; there are en, it, de, fr, es",
            id="a language",
        ),
    ],
)
def test_a_text_that_could_not_be_said_is_refused_with_its_place(texts, wrong):
    with pytest.raises(ConfigError) as refused:
        load_text(f"public_texts:\n  {texts}\n", "site.yaml", now=MONDAY_AT_TEN)
    (line,) = refused.value.problems
    assert wrong in line
    assert line.startswith("site.yaml:2:")
