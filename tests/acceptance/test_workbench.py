"""The workbench in whole stories: taken out and put under many at once, merged, split; published once, corrected, withdrawn."""

import asyncio
import re

import pytest

from monitor.domain.findings import Verdict
from monitor.errors import ConflictError
from monitor.storage import regroup
from monitor.storage.by_hand import Word
from tests.acceptance.console import a_console
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.world import a_world
from tests.factories import MONDAY_AT_TEN

FLEET = Fleet(systems=12, others=6, partners=3)
BY_HAND = "its power supply burnt"


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=FLEET.configuration()) as made:
        yield made


def says(world, reason=BY_HAND):
    return Word(actor="nadia", reason=reason, now=world.clock())


async def a_storm(world):
    await fall(world, FLEET.checks())
    await seconds(world, 20)
    (problem,) = await world.rows("incidents", is_global=True)
    members = await world.rows("incidents", parent=problem["id"])
    assert len(members) == FLEET.systems
    return problem["id"], members


async def own_contacts(world, *ids):
    made = [one[0] for id_ in ids for one in await world.attempts(incident=id_)]
    return sorted(one for one in made if one in ("ticket", "phone"))


async def test_many_are_taken_out_at_once_as_it_was_said_before_and_stay_out(world):
    problem, members = await a_storm(world)
    theirs = [one["id"] for one in members if one["partner"] == "partner-1"]
    store, now = world.service.store, world.clock()
    before = await store.read(regroup.of_detaching, problem, theirs, now)
    assert (before.count, before.systems, before.left) == (4, 4, ("partner-1",))
    assert before.contacts == {"call": 4, "ticket.open": 4}
    done = await store.write(regroup.detach, problem, [*theirs, "inc_unknown"], says(world))
    assert sorted(done) == sorted(theirs)
    await seconds(world, 40)
    out = [await world.incident(id=one) for one in theirs]
    assert {(one["parent"], one["held_by"]) for one in out} == {(None, None)}
    assert (await own_contacts(world, *theirs)).count("ticket") == 4
    assert len(await world.rows("incidents", parent=problem)) == 8
    assert len(await world.rows("taken_out", problem=problem, actor="nadia")) == 4
    assert "member.detached" in await world.events(problem)
    with pytest.raises(ConflictError, match="none of them"):
        await store.write(regroup.detach, problem, theirs, says(world))


async def test_many_are_put_back_their_contacts_wait_and_nobody_is_told_twice(world):
    problem, members = await a_storm(world)
    theirs = [one["id"] for one in members if one["partner"] == "partner-1"]
    store = world.service.store
    told = [row["id"] for row in await world.rows("outbox", partner="partner-1") if "|told|" in row["dedup"]]
    await store.write(regroup.detach, problem, theirs, says(world))
    before = await store.read(regroup.of_attaching, problem, theirs, world.clock())
    assert (before.count, before.told, before.untold, before.bundles) == (4, ("partner-1",), (), True)
    assert before.contacts == {"call": 4, "ticket.open": 4}
    await store.write(regroup.attach, problem, theirs, says(world, "it was the cloud after all"))
    await seconds(world, 30)
    assert await own_contacts(world, *theirs) == []
    assert len(await world.rows("incidents", parent=problem)) == 12
    assert await world.rows("taken_out", problem=problem) == []
    again = [row["id"] for row in await world.rows("outbox", partner="partner-1") if "|told|" in row["dedup"]]
    assert again == told
    with pytest.raises(ConflictError, match="already"):
        await store.write(regroup.attach, problem, theirs, says(world))


async def test_a_problem_goes_on_as_another_one_and_is_not_found_again(world):
    problem, members = await a_storm(world)
    await fall(world, FLEET.checks("us-1"))
    await seconds(world, 20)
    (other,) = [row["id"] for row in await world.rows("incidents", is_global=True) if row["id"] != problem]
    moved = await world.service.store.write(regroup.merge, other, problem, says(world), body="Followed elsewhere.", new_id=iter(map(str, range(99))).__next__, announce=None)  # fmt: skip
    assert moved == FLEET.others
    await seconds(world, 40)
    assert len(await world.rows("incidents", parent=problem)) == FLEET.systems + FLEET.others
    assert (await world.incident(id=other))["status"] == "resolved"
    assert len(await world.rows("incidents", is_global=True)) == 2
    assert await own_contacts(world, *(row["id"] for row in await world.rows("incidents", parent=problem))) == []  # fmt: skip
    for one in (problem, other):
        assert "global.merged" in await world.events(one)
    with pytest.raises(ConflictError, match="is over"):
        await world.service.store.write(regroup.merge, problem, other, says(world), body="x", new_id=str, announce=None)  # fmt: skip
    with pytest.raises(ConflictError, match="itself"):
        await world.service.store.write(regroup.merge, problem, problem, says(world), body="x", new_id=str, announce=None)  # fmt: skip
    assert len(members) == FLEET.systems


# at the console ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def noc(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, at=MONDAY_AT_TEN, configuration=FLEET.configuration(publish="draft")) as made:  # fmt: skip
        problem, _ = await a_storm(made)
        yield made, problem, await made.at_the_console("nadia")


def fields_of(page, action):
    """What a browser would send of the form with this action, without its buttons."""
    form = next(part for part in page.source.split("<form")[1:] if f'action="{action}"' in part.partition(">")[0])  # fmt: skip
    form = form.partition("</form>")[0]
    found = dict(re.findall(r'<input [^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>([^<]*)', form))
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        found[name] = (chosen.group(1) or chosen.group(2)) if chosen else ""
    return {name: value for name, value in found.items() if name != "csrf"}


async def test_a_draft_is_looked_at_in_every_language_then_published_once(noc):
    world, problem, nadia = noc
    other = await world.at_the_console("mira")
    here, words = f"/noc/problems/{problem}", f"/noc/problems/{problem}/words"
    await nadia.get(here)
    await other.get(here)
    assert "Draft: not public" in nadia.text
    form, theirs = fields_of(nadia, words), fields_of(other, words)
    assert form["body"]
    assert form["approved"] == "unreachable"
    await nadia.post(words, **form, preview="yes")
    assert "Publish this draft?" in nadia.text
    assert all(f"The public page, {code}" in nadia.source for code in ("en", "it", "de", "fr", "es"))
    assert (await world.incident(id=problem))["public"] is False
    await asyncio.gather(nadia.post(words, **form, publish="yes"), other.post(words, **theirs, publish="yes"))
    assert sorted((nadia.status, other.status)) == [200, 409]
    late = next(one for one in (nadia, other) if one.status == 409)
    assert "has said a word meanwhile" in late.alert()
    assert form["body"][:30] in late.source  # what was written stands in the form still
    await late.post(words, **theirs, publish="yes")
    assert late.status == 409  # pressed once more: it is the old form still
    updates = await world.rows("updates", incident=problem)
    assert len(updates) == 2
    assert (await world.incident(id=problem))["public"] is True
    assert updates[1]["wording"] is not None  # each reads it in their language


async def test_title_impact_and_components_change_with_the_word_that_says_so(noc):
    world, problem, nadia = noc
    words = f"/noc/problems/{problem}/words"
    await nadia.get(f"/noc/problems/{problem}")
    form = fields_of(nadia, words) | {"title": "Calls in Europe drop", "impact": "minor", "components": "cloud-us", "body": "We are looking."}  # fmt: skip
    await nadia.post(words, **form, preview="yes")
    assert "Calls in Europe drop" in nadia.text
    await nadia.post(words, **form, publish="yes")
    row = await world.incident(id=problem)
    assert (row["title"], row["impact"], row["components"], row["wording"]) == ("Calls in Europe drop", "minor", '["cloud-us"]', None)  # fmt: skip
    await nadia.get(f"/noc/problems/{problem}")
    bad = fields_of(nadia, words) | {"body": "", "state": "identified"}
    await nadia.post(words, **bad, publish="yes")
    assert (nadia.status, "body:" in nadia.alert()) == (409, True)
    assert len(await world.rows("updates", incident=problem)) == 2


async def test_all_that_fit_are_taken_out_after_it_was_said_what_follows(noc):
    world, problem, nadia = noc
    here = f"/noc/problems/{problem}"
    await nadia.get(f"{here}?partner=partner-1")
    assert "Take all 4 out" in nadia.text
    form = fields_of(nadia, f"{here}/systems")
    form.pop("incident", None)
    await nadia.post(f"{here}/systems", **form, act="detach-all")
    assert "Take 4 out of the problem?" in nadia.text
    assert "4 calls, 4 tickets go out at once" in nadia.text
    asked = fields_of(nadia, f"{here}/systems")
    await nadia.post(f"{here}/systems", **{**asked, "reason": ""})
    assert nadia.status == 422
    await nadia.post(f"{here}/systems", **{**asked, "reason": BY_HAND})
    assert nadia.status == 200
    assert len(await world.rows("incidents", parent=problem)) == 8
    await nadia.get(f"{here}?of=out")
    assert nadia.text.count(BY_HAND) >= 4
    await nadia.get(f"{here}?of=alike")
    assert "also failing now with the same cloud eu-1 : 4" in nadia.text
    audit = [row["action"] for row in await world.rows("audit")]
    assert "global.detach" in audit


async def test_a_word_is_corrected_a_problem_withdrawn_and_both_are_on_record(noc):
    world, problem, nadia = noc
    here = f"/noc/problems/{problem}"
    await nadia.get(here)
    await nadia.post(f"{here}/words", **fields_of(nadia, f"{here}/words"), publish="yes")
    (*_, word) = await world.rows("updates", incident=problem)
    await nadia.get(here)
    correction = fields_of(nadia, f"{here}/words/{word['id']}/correct")
    await nadia.post(f"{here}/words/{word['id']}/correct", **{**correction, "body": "Corrected."})
    assert (await world.rows("updates", id=word["id"]))[0]["body"] == "Corrected."
    await nadia.post(f"{here}/words/{word['id']}/correct", **{**correction, "body": "Twice."})
    assert (nadia.status, "corrected it meanwhile" in nadia.alert()) == (409, True)
    await nadia.post(f"{here}/withdraw", reason="it was the wrong cloud")
    await world.service.publisher._refresh()
    assert problem not in world.service.pages.get("/api/v2/incidents.json").body.decode()
    await nadia.post(f"{here}/withdraw", reason="again")
    assert nadia.status == 409
    kinds = await world.events(problem)
    assert {"word.corrected", "global.withdrawn"} <= set(kinds)


async def test_a_draft_that_ends_by_itself_stays_off_the_page(noc):
    world, problem, nadia = noc
    await fall(world, FLEET.checks(), verdict=Verdict.UP)
    await seconds(world, 340)
    row = await world.incident(id=problem)
    assert (row["status"], row["public_state"], row["public"]) == ("resolved", "resolved", False)
    await world.service.publisher._refresh()
    assert row["title"] not in world.service.pages.get("/history").body.decode()
    await nadia.get(f"/noc/problems/{problem}")
    assert "Never published" in nadia.text


async def test_a_problem_is_split_off_and_merged_from_the_screen(noc):
    world, problem, nadia = noc
    here = f"/noc/problems/{problem}"
    mine = (await world.rows("incidents", parent=problem, partner="partner-2"))[0]["id"]
    await nadia.get(here)
    await nadia.post(f"{here}/systems", act="split", incident=mine)
    assert nadia.path == "/noc/global/new"
    assert f'value="{mine}" checked' in nadia.source
    await nadia.post("/noc/global", title="One cable", body="A cable is cut.", impact="minor", state="identified", attach=mine)  # fmt: skip
    split = (await world.incident(id=mine))["parent"]
    assert split != problem
    assert "member.moved" in await world.events(problem)
    await nadia.get(f"/noc/problems/{split}")
    await nadia.post(f"/noc/problems/{split}/merge", into=problem, reason="the same cable")
    assert "Merge it?" in nadia.text
    assert (await world.incident(id=split))["status"] == "open"
    await nadia.post(f"/noc/problems/{split}/merge", into=problem, reason="the same cable", sure="yes")
    assert (await world.incident(id=mine))["parent"] == problem
    assert (await world.incident(id=split))["status"] == "resolved"
    words = [row["body"] for row in await world.rows("updates", incident=split)]
    assert words[-1] == "This turned out to be part of a larger problem, which we are working on."


async def test_a_viewer_reads_the_workbench_and_presses_nothing(noc):
    from monitor.storage.people import Role

    _, problem, _ = noc
    world = noc[0]
    reader = await world.at_the_console("rita", role=Role.VIEWER)
    await reader.get(f"/noc/problems/{problem}")
    assert reader.status == 200
    assert "/words" not in reader.source
    for act in ("systems", "merge", "words", "withdraw"):
        await reader.post(f"/noc/problems/{problem}/{act}")
        assert reader.status == 403
