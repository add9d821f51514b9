"""What programs send again under one key exists once, whatever happened meanwhile; the key itself is not kept."""

from contextlib import asynccontextmanager

from aiohttp.test_utils import TestClient, TestServer

from monitor.storage import people
from tests.acceptance.desks import DESK, TUESDAY_AT_TEN, a_filing
from tests.acceptance.world import MovableClock, a_world

KEY = "the password is Zeb!ra4711"


@asynccontextmanager
async def a_program(tmp_path, database_url, *, contact=None, scopes=()):
    """Serve a world, and speak to it as a program of a contact's, or of ours."""
    clock = MovableClock(TUESDAY_AT_TEN)
    async with a_world(tmp_path, database_url, clock=clock, configuration=DESK) as world:
        secret = "tok_program"
        await world.service.store.write(
            people.create_token,
            id="tok_1",
            name="program",
            secret=secret,
            scopes=scopes,
            now=clock(),
            contact=contact,
        )

        async def post(path, body, key=KEY):
            headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
            answer = await client.post(f"/api/v1/requests{path}", json=body, headers=headers)
            return answer.status, await answer.json()

        async with TestClient(TestServer(world.service.web)) as client:
            yield world, post


async def test_an_answer_of_ours_that_is_sent_again_is_one_answer(tmp_path, database_url):
    async with a_program(tmp_path, database_url, scopes=("operate",)) as (world, post):
        filed = await world.service.desk.file(a_filing())
        for _ in range(2):
            status, _ = await post(f"/{filed.id}/messages", {"text": "Try another line."}, key="k-1")
            assert status == 201
        await world.service.casework.close(filed.id, actor="nadia")
        status, shown = await post(f"/{filed.id}/messages", {"text": "Try another line."}, key="k-1")
        assert (status, shown["status"]) == (201, "closed")
        assert len(await world.rows("request_messages")) == 1
        assert len([row for row in await world.rows("outbox") if "another line" in row["payload"]]) == 1


async def test_keys_that_begin_alike_are_two_and_no_key_is_kept_in_clear(tmp_path, database_url):
    async with a_program(tmp_path, database_url, contact="giulia") as (world, post):
        fields = {"subject": "No audio", "message": "Nothing is heard.", "system": "PBX-1"}
        answers = [await post("", {"fields": fields}, key="k" * 200 + end) for end in ("a", "b", "b")]
        assert [(status, body["new"]) for status, body in answers] == [(201, True), (201, True), (201, False)]
        status, _ = await post("", {"fields": fields})
        assert status in (201, 400)
        assert "Zeb" not in repr(await world.rows("requests"))
        status, _ = await post("/R-00001/messages", {"text": "Still."}, key="Zeb!ra4711")
        assert status == 201
        assert "Zeb" not in repr(await world.rows("request_messages"))


async def test_p5_a_system_of_somebody_elses_is_one_that_nobody_has(tmp_path, database_url):
    fields = {"subject": "No audio", "message": "Nothing is heard."}
    async with a_program(tmp_path, database_url, contact="giulia") as (world, post):
        told = []
        for number, serial in enumerate(("PBX-4", "PBX-0", "PBX-1")):
            status, body = await post("", {"fields": fields, "system": serial}, key=f"k-{number}")
            assert status == 201
            told.append(str(body["judgement"]["reasons"]).replace(serial, "it"))
        assert told[0] == told[1] != told[2]
        assert [row["system"] for row in await world.rows("requests")] == [None, None, "PBX-1"]


async def test_a_number_that_is_none_is_refused(tmp_path, sqlite_url):
    async with a_program(tmp_path, sqlite_url, contact="giulia") as (_, post):
        status, _ = await post("", {"fields": {"traces": float("nan")}}, key="k-1")
        assert status == 422
