"""The webhooks of ticket systems: signed or refused, committed before they are answered, believed no more than a ring."""

import io

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from alerts.builtin import BuiltinTickets, TicketBook
from monitor.intake.tickets import routes
from tests.tickets.far_end import FarEnd

HOOK = "/api/v1/tickets/hooks/request-tracker"


async def post(tickets, path: str, *, key: str = "right", body: bytes = b"1 7", heard: list | None = None):
    async def received(references):
        if heard is not None:
            heard.append(references)
        return 1

    app = web.Application()
    app.add_routes(routes(tickets=tickets, received=received))
    async with TestClient(TestServer(app)) as client:
        answer = await client.post(path, data=io.BytesIO(body), headers={"X-Key": key})
        return answer.status, await answer.text()


async def test_a_signed_hook_rings_for_its_tickets():
    heard: list = []
    assert await post(FarEnd(), HOOK, heard=heard) == (202, '{"tickets": 1}')
    assert heard == [("1", "7")]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        pytest.param(HOOK, {"key": "wrong"}, 401, id="a wrong signature"),
        pytest.param("/api/v1/tickets/hooks/jira", {}, 404, id="a system that is not configured"),
        pytest.param(HOOK, {"body": b"x" * (1 << 20) + b"x"}, 413, id="too long"),
    ],
)
async def test_a_hook_that_is_none_rings_for_nothing(path, options, status):
    heard: list = []
    answered, said = await post(FarEnd(), path, heard=heard, **options)
    assert answered == status
    assert heard == []
    assert "right" not in said.replace("not right", ""), "what the key is stays unsaid"


async def test_tickets_that_are_kept_here_have_no_hooks():
    async def nothing(*_):
        return None

    ours = BuiltinTickets(TicketBook(find=nothing, open=nothing, comment=nothing, resolve=nothing))
    assert (await post(ours, "/api/v1/tickets/hooks/builtin"))[0] == 404


async def test_a_ring_reads_its_ticket_at_once_and_one_for_a_stranger_nothing(told):
    await told.outage()
    await told.sync()
    told.far.write("1", "quick!")
    told.far.told.clear()  # nobody says that it changed
    sync = told.world.service.ticket_sync
    assert await sync.received(("99",)) == 0
    assert await sync.once() == 0
    assert await sync.received(("1", "1", "99")) == 1
    assert await sync.once() == 1
    assert await told.notes() == [("public", "quick!")]
