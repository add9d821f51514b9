"""The list of global problems: what is owed of each first, what is over by page, as a file."""

import csv
import io
from datetime import timedelta

from monitor.storage import schema as t
from tests.web.seeds import NOW, an_incident


def a_problem(connection, id_="glo-1", **changes):
    an_incident(connection, id_, **{"system": None, "partner": None, "is_global": True, "public": True, "public_state": "identified", "impact": "major", "title": f"Calls in Europe {id_}", "decision": "{}", "respond_by": None, **changes})  # fmt: skip
    return id_


def a_word(connection, problem, id_="upd-1", **changes):
    connection.execute(t.updates.insert().values({"id": id_, "incident": problem, "status": "identified", "body": "We know the cause.", "actor": "nora", "at": NOW - timedelta(minutes=20), **changes}))  # fmt: skip


def some_problems(connection):
    a_problem(connection, "glo-late")
    a_word(connection, "glo-late", next_update_at=NOW - timedelta(minutes=5))
    a_problem(connection, "glo-due")
    a_word(connection, "glo-due", "upd-2", next_update_at=NOW + timedelta(minutes=25))
    a_problem(connection, "glo-draft", public=False, public_state="investigating", impact="critical")
    connection.execute(t.metadata.tables["storms"].insert().values(incident="glo-draft", dimension="cloud", value="eu-1", evidence="{}", found_at=NOW, tells_from=NOW + timedelta(minutes=4)))  # fmt: skip
    for n in range(3):
        an_incident(connection, f"mem-{n}", parent="glo-draft", held_by="glo-draft", partner="aurora" if n else "birch", status="resolved" if n == 2 else "open")  # fmt: skip
    a_problem(connection, "glo-over", status="resolved", resolved_at=NOW - timedelta(hours=3))


async def test_a_word_that_is_late_stands_first_then_drafts_then_what_is_due(world):
    await world.seed(some_problems)
    await world.log_in()
    text = await (await world.client.get("/noc/problems")).text()
    places = [text.index(f'data-id="{one}"') for one in ("glo-late", "glo-draft", "glo-due", "glo-over")]
    assert places == sorted(places)
    assert "3 global problems, <span" in text
    assert "1 with a word that is late" in text
    assert "1 to publish" in text
    assert "5 min late" in text
    assert "<strong>2</strong> of 3 fail" in text
    assert "partners are told all the same" in text


async def test_filters_cut_the_list_and_the_file_alike(world):
    await world.seed(some_problems)
    await world.log_in()
    for state, shown in (("draft", ["glo-draft"]), ("published", ["glo-due", "glo-late"]), ("late", ["glo-late"]), ("ended", ["glo-over"])):  # fmt: skip
        answer = await world.client.get(f"/noc/problems.csv?state={state}")
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
        assert sorted(row["id"] for row in rows) == shown
        text = await (await world.client.get(f"/noc/problems?state={state}")).text()
        assert all((f'data-id="{one}"' in text) == (one in shown) for one in ("glo-late", "glo-due", "glo-draft", "glo-over"))  # fmt: skip
    assert 'data-id="glo-due"' in await (await world.client.get("/noc/problems?q=GLO-DUE")).text()
    assert (await world.client.get("/noc/problems?colour=red")).status == 422


async def test_what_is_over_goes_on_by_page_and_no_problem_is_shown_twice(world):
    def many(connection):
        for n in range(65):
            a_problem(connection, f"old-{n}", status="resolved", resolved_at=NOW)

    await world.seed(many)
    await world.log_in()
    path, seen = "/noc/problems", []
    while path:
        text = await (await world.client.get(path)).text()
        seen += [part.split('"')[0] for part in text.split('data-id="')[1:]]
        found = text.partition('class="pager"')[2].partition('href="')[2].partition('"')[0]
        path = found.replace("&amp;", "&")
    assert seen == [f"old-{n}" for n in reversed(range(65))]
