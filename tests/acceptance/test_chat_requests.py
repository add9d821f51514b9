"""What was asked in a chat or a community group comes in by a program over the API, and the policy judges it (mission W8)."""

from aiohttp.test_utils import TestClient, TestServer

from monitor.storage import people
from tests.acceptance.world import a_world

FIELDS = {
    "subject": "Calls are one-way",
    "message": "We hear nothing.",
    "address": "Via Roma 1",
    "software_version": "5.02",
    "firmware_versions": "phones 1.3",
    "diagnostics": "restarted",
    "traces": "101 called 102 at 10:05",
}


async def test_w8_a_bot_brings_in_what_was_asked_in_a_chat_and_the_policy_judges_it(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url) as world, TestClient(TestServer(world.service.web)) as client:
        await world.service.store.write(
            people.create_token,
            id="tok_bot",
            name="chat-bot",
            secret="tok_bot_secret",
            scopes=("operate",),
            now=world.clock(),
        )

        async def ask(**body):
            said = {"partner": "aurora", "contact": "giulia", "system": "PBX-1", "fields": FIELDS, **body}
            answer = await client.post(
                "/api/v1/requests", json=said, headers={"Authorization": "Bearer tok_bot_secret"}
            )
            return answer.status, await answer.json()

        status, told = await ask(channel="chat")
        assert status == 422
        assert "ticket" in str(told["errors"])
        status, told = await ask(channel="social", **{"class": "critical"})
        assert status == 422
        assert await world.rows("requests") == []
        status, filed = await ask(channel="api")
        assert status == 201
        status, follow = await ask(channel="chat", existing_ticket=filed["reference"])
        assert status in (200, 201)
        assert follow["follows_up"] == filed["id"] or follow["reference"] == filed["reference"]
        assert len(await world.rows("requests")) == 1
