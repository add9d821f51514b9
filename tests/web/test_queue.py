"""The triage queue: its order and filters in the address, its file, and one rendering for everybody who looks."""

import asyncio
import csv
import io
import re
from datetime import timedelta

from monitor.storage.people import Role
from monitor.web import board_pages
from monitor.web.csv_files import cell
from monitor.web.triage_queue import PAGE
from tests.web.seeds import NOW, a_clock, an_incident


def a_night(connection):
    an_incident(connection, "inc-soon", title="Calls drop in Rome", respond_by=NOW + timedelta(minutes=5))
    an_incident(connection, "inc-late", title="Unreachable", system="PBX-2001", partner="birch", respond_by=NOW - timedelta(minutes=2))  # fmt: skip
    an_incident(connection, "inc-mine", status="acknowledged", acknowledged_by="nora", owner="nora", owner_party="us", holds_until=NOW + timedelta(minutes=20))  # fmt: skip
    an_incident(connection, "inc-theirs", status="acknowledged", acknowledged_by="aurora-1 by phone", owner="aurora-1", owner_party="partner", respond_by=None)  # fmt: skip
    an_incident(connection, "inc-std", title="=Slow", needs_triage=True, respond_by=None, **{"class": "standard"})  # fmt: skip
    an_incident(connection, "glo-1", title="EU cloud", is_global=True, public_state="identified", system=None, partner=None, decision="{}", respond_by=None)  # fmt: skip
    for number in range(3):
        an_incident(connection, f"inc-under-{number}", parent="glo-1", held_by="glo-1", system="PBX-4001")
    a_clock(connection, "inc-late", due=NOW - timedelta(minutes=2))


async def ids(world, path="/noc/"):
    answer = await world.client.get(path)
    html = await answer.text()
    assert answer.status == 200, html
    return re.findall(r'<tr class="is-\w+" data-id="([^"]+)"', html)


async def test_the_queue_is_in_the_order_of_what_is_owed_and_what_stands_under_another_is_folded(world):
    await world.seed(a_night)
    await world.log_in()
    assert await ids(world) == ["glo-1", "inc-theirs", "inc-late", "inc-soon", "inc-mine", "inc-std"]
    html = await (await world.client.get("/noc/")).text()
    assert "3 incidents under it" in html
    assert await ids(world, "/noc/?under=glo-1") == ["inc-under-0", "inc-under-1", "inc-under-2"]


async def test_every_filter_is_in_the_address_and_the_figures_are_filters(world):
    await world.seed(a_night)
    await world.log_in()
    for query, expected in {
        "who=nobody&class=standard": ["inc-std"],
        "who=mine": ["inc-mine"],
        "who=taken": ["inc-theirs", "inc-mine"],
        "owed=late": ["inc-late"],
        "owed=soon": ["inc-soon"],
        "owed=triage": ["inc-std"],
        "class=standard": ["inc-std"],
        "partner=birch": ["inc-late"],
        "q=rome": ["inc-soon"],
        "q=NORTHWIND": ["inc-late"],
        "q=pbx-4001": ["inc-under-0", "inc-under-1", "inc-under-2"],
        "q=nothing like it": [],
    }.items():
        assert await ids(world, f"/noc/?{query}") == expected, query
    html = await (await world.client.get("/noc/?owed=late&class=critical")).text()
    assert '<a href="/noc/?class=critical" aria-current="true">' in html  # pressed again it is none
    assert '<a href="/noc/?class=critical&amp;who=nobody&amp;owed=late">' in html
    for wrong in ("who=everybody", "page=0", "colour=red", f"q={'x' * 300}"):
        assert (await world.client.get(f"/noc/?{wrong}")).status == 422, wrong


async def test_a_long_queue_comes_in_pages_and_every_urgent_one_is_before_all_others(world):
    def many(connection):
        for number in range(PAGE + 5):
            an_incident(connection, f"std-{number}", respond_by=NOW, **{"class": "standard"})
        an_incident(connection, "inc-last", respond_by=NOW + timedelta(days=9))

    await world.seed(many)
    await world.log_in()
    first, second = await ids(world), await ids(world, "/noc/?page=2")
    assert first[0] == "inc-last"
    assert (len(first), len(second)) == (PAGE, 6)
    assert not set(first) & set(second)
    assert await ids(world, "/noc/?page=900") == second


async def test_the_file_has_all_that_fits_and_no_cell_that_a_spreadsheet_would_run(world):
    await world.seed(a_night)
    await world.log_in(role=Role.VIEWER)
    answer = await world.client.get("/noc/queue.csv?class=standard")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="queue.csv"'
    (row,) = csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig")))
    assert (row["id"], row["title"], row["triage"]) == ("inc-std", "'=Slow", "yes")
    whole = (await (await world.client.get("/noc/queue.csv")).read()).decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(whole)))) == 9


def test_no_cell_is_a_formula():
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert cell(text).startswith("'"), text
    assert [cell(None), cell(True), cell("a\0b"), cell(12)] == ["", "yes", "ab", "12"]


async def test_the_wall_shows_who_has_what_and_until_when_and_has_nothing_to_press_on(world):
    await world.seed(a_night)
    await world.log_in(role=Role.VIEWER)
    html = await (await world.client.get("/noc/wall")).text()
    for said in ("5 critical", "EU cloud", "and 3 under it", "2 min late", "nobody of ours", "On call:"):
        assert said in html, said
    assert "<form" not in html


async def test_one_rendering_serves_all_who_look_and_nobody_is_shown_what_was_before_a_ring(
    world, monkeypatch
):
    made = []
    once = board_pages.board_of

    async def counted(request, *, requests):
        made.append(request)
        return await once(request, requests=requests)

    monkeypatch.setattr(board_pages, "board_of", counted)
    await world.log_in()
    answers = await asyncio.gather(*(world.client.get("/noc/board") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(made) <= 2
    await world.seed(an_incident, "inc-new")
    world.bell.ring("incident", "inc-new")
    assert await ids(world, "/noc/board") == ["inc-new"]


async def test_a_fragment_carries_nothing_of_anybodys_session(world):
    await world.seed(a_night)
    csrf = await world.log_in()
    html = await (await world.client.get("/noc/board")).text()
    assert csrf not in html
    assert 'formaction="/noc/incidents/inc-late/acknowledge"' in html
    other = world.another_client()
    async with other:
        await world.log_in("vera", Role.VIEWER, client=other)
        assert "formaction" not in await (await other.get("/noc/board")).text()
        assert (await other.get("/noc/?who=mine")).status == 200


async def test_a_fragment_without_a_session_is_refused_and_not_redirected(world):
    for path in ("/noc/board", "/noc/wall/board"):
        answer = await world.client.get(path, allow_redirects=False)
        assert answer.status == 401, path
