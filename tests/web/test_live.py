"""The live board: told when something changed, kept alive, and ended when its session or the service is."""

import asyncio
from datetime import timedelta

from monitor.storage import people
from monitor.web.live import LIVE


async def frames(answer, count, within=5.0):
    """Read so many whole frames of a stream."""
    found = []
    async with asyncio.timeout(within):
        while len(found) < count:
            lines = []
            while (line := await answer.content.readline()) not in (b"\n", b""):
                lines.append(line.decode().strip())
            found.append(lines)
            if not line:
                break
    return found


async def open_stream(world, **headers):
    answer = await world.client.get("/noc/live", headers=headers)
    assert answer.status == 200
    assert answer.content_type == "text/event-stream"
    assert await frames(answer, 1) == [["retry: 2000"]]
    return answer


async def test_a_ring_becomes_one_event_however_many_ring_together(world):
    await world.log_in()
    stream = await open_stream(world)
    for _ in range(1000):
        world.bell.ring("incident", "x")
    world.bell.ring("outbox")
    (frame,) = await frames(stream, 1)
    assert frame[1:] == ["event: change", "data: incident outbox"]
    assert frame[0].startswith("id: ")
    stream.close()


async def test_it_says_that_it_is_still_there(world):
    await world.log_in()
    stream = await open_stream(world)
    assert await frames(stream, 2) == [[": still here"]] * 2
    stream.close()


async def test_who_comes_back_is_told_to_refresh_at_once(world):
    await world.log_in()
    stream = await open_stream(world, **{"Last-Event-ID": "7"})
    assert (await frames(stream, 1))[0][1:] == ["event: change", "data: missed"]
    stream.close()


async def test_it_ends_when_the_user_is_disabled(world):
    await world.log_in()
    stream = await open_stream(world)
    await world.seed(people.disable_user, "nora", world.now)
    seen = await frames(stream, 5)
    assert seen[-2][1:] == ["event: goodbye", "data: goodbye"]
    assert stream.content.at_eof()


async def test_an_open_board_keeps_its_session_until_the_twelve_hours_are_over(world):
    await world.log_in()
    stream = await open_stream(world)
    for minutes in (20, 40, 60):
        world.now += timedelta(minutes=20)
        await asyncio.sleep(0.5)
        assert (await world.client.get("/noc/board")).status == 200, minutes
    world.now += timedelta(hours=12)
    seen = await frames(stream, 30)
    assert ["event: goodbye", "data: goodbye"] in [frame[1:] for frame in seen]


async def test_it_ends_at_once_when_the_service_stops(world):
    await world.log_in()
    stream = await open_stream(world)
    await world.app[LIVE].stop(world.app)
    async with asyncio.timeout(1):
        assert await stream.content.read() in (b"", b": still here\n\n")
    assert (await world.client.get("/noc/live")).status == 503


async def test_there_are_only_so_many_and_a_closed_one_makes_room(world):
    await world.log_in()
    streams = [await open_stream(world) for _ in range(3)]
    assert (await world.client.get("/noc/live")).status == 503
    streams[0].close()
    async with asyncio.timeout(5):
        while (answer := await world.client.get("/noc/live")).status != 200:
            await asyncio.sleep(0.05)
    for stream in (*streams, answer):
        stream.close()


async def test_nobody_listens_without_a_session(world):
    assert (await world.client.get("/noc/live", allow_redirects=False)).status == 401
