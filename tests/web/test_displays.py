"""The wall for one display: an address without a log-in that outlives every session, shows only the wall, and is ended."""

import asyncio
import re
from datetime import timedelta

from monitor.storage.people import Role
from tests.web.seeds import a_request, an_incident


async def made(world, name="Hall <east>"):
    """Make a display's address as a lead, and return its path."""
    csrf = await world.log_in("lea", role=Role.LEAD)
    answer = await world.client.post("/noc/displays", data={"csrf": csrf, "name": name})
    text = await answer.text()
    assert answer.status == 200, text
    (path,) = re.findall(r"(/noc/display/[\w-]{43})", text)
    assert path not in await (await world.client.get("/noc/displays")).text(), "it is shown once"
    return path, csrf


async def test_a_display_shows_the_wall_for_weeks_without_a_log_in(world):
    await world.seed(an_incident)
    await world.seed(a_request, subject="Nobody can call")
    path, _ = await made(world)
    async with world.another_client() as display:
        for days in (0, 1, 40):
            world.now += timedelta(days=days)
            for place in (path, f"{path}/board"):
                answer = await display.get(place, allow_redirects=False)
                text = await answer.text()
                assert answer.status == 200, text
                assert "Calls drop on PBX-1001" in text
                assert "<form" not in text
                assert "Nobody can call" not in text, "nothing of what customers ask"
        assert f'data-live="{path}/live"' in await (await display.get(path)).text()
        for elsewhere in ("/noc/", "/noc/wall", "/noc/incidents/inc-1", "/noc/urgent"):
            assert (await display.get(elsewhere, allow_redirects=False)).status in (303, 401)
        assert (await display.post(path)).status == 405


async def test_its_stream_and_its_page_end_when_a_lead_ends_it(world):
    path, csrf = await made(world)
    async with world.another_client() as display:
        stream = await display.get(f"{path}/live")
        world.bell.ring("incident", "inc-1")
        seen = b""
        async with asyncio.timeout(5):
            while b"event: change" not in seen:
                seen += await stream.content.readany()
        text = await (await world.client.get("/noc/displays")).text()
        assert "Hall &lt;east&gt;" in text
        (address,) = re.findall(r"/noc/displays/([\w-]+)/end", text)
        assert (await world.client.post(f"/noc/displays/{address}/end", data={"csrf": csrf})).status == 200
        async with asyncio.timeout(5):
            seen += await stream.content.read()
        assert b"event: goodbye" in seen
        for place in (path, f"{path}/board", f"{path}/live"):
            assert (await display.get(place)).status == 404
        assert (await world.client.post(f"/noc/displays/{address}/end", data={"csrf": csrf})).status == 404


async def test_only_a_lead_makes_one_and_it_has_a_name(world):
    csrf = await world.log_in("nora", role=Role.NOC)
    assert (await world.client.post("/noc/displays", data={"csrf": csrf, "name": "Hall"})).status == 403
    csrf = await world.log_in("lea", role=Role.LEAD)
    answer = await world.client.post("/noc/displays", data={"csrf": csrf, "name": " "})
    assert answer.status == 422
    assert "Say which display it is" in await answer.text()
    assert (await world.client.get("/noc/display/" + "a" * 43)).status == 404


async def test_what_is_urgent_is_said_to_who_is_logged_in(world):
    await world.seed(an_incident)
    await world.seed(an_incident, "inc-2", status="acknowledged")
    await world.log_in(role=Role.VIEWER)
    said = await (await world.client.get("/noc/urgent")).json()
    assert said == {"untaken": [{"id": "inc-1", "title": "Calls drop on PBX-1001"}]}
