"""REST for what leaves the house: the partner called, one of ours paged, the ticket opened; as the console's keys do it."""

import sqlalchemy as sa

from monitor.storage import schema as t
from tests.web.seeds import a_ticket, an_incident


async def owed(world):
    def read(connection):
        rows = connection.execute(t.outbox.select().order_by(t.outbox.c.seq)).mappings()
        return [(row["kind"], row["contact"], row["partner"], row["state"]) for row in rows]

    return await world.store.read(read)


async def test_a_program_calls_pages_and_opens_the_ticket_as_a_person_does(world):
    await world.seed(an_incident)
    token = await world.token("operate")
    at = "/api/v1/incidents/inc-1"
    found = await (await world.client.get(f"{at}/reachable", headers=token)).json()
    assert [(one["contact"], one["phone"]) for one in found["contacts"]] == [("aurora-1", "+390612345678")]
    assert found["contacts"][0]["why"]
    assert found["engineers"] == ["mira"]
    for verb, body in (("call", {"contact": "aurora-1", "note": "now"}), ("escalate", {"engineer": "mira"}), ("ticket", {})):  # fmt: skip
        answer = await world.client.post(f"{at}/{verb}", headers=token, json=body)
        assert (answer.status, (await answer.json())["id"]) == (202, "inc-1")
    assert [(kind, contact or partner) for kind, contact, partner, _ in await owed(world)] == [("call", "aurora-1"), ("page", "mira"), ("ticket.open", "aurora-1")]  # fmt: skip
    audited = await world.store.read(lambda connection: set(connection.scalars(sa.select(t.audit.c.action))))
    assert {"incident.call", "incident.escalate", "incident.ticket"} <= audited


async def test_what_the_console_refuses_the_api_refuses_in_the_same_words(world):
    await world.seed(an_incident)
    await world.seed(an_incident, "inc-2", status="resolved")
    await world.seed(a_ticket, "inc-1")
    token = await world.token("operate")
    for path, body, status, said in (
        ("inc-1/call", {"contact": "nobody"}, 409, "nobody 'nobody' with a number"),
        ("inc-1/escalate", {"engineer": "nobody"}, 409, "no engineer 'nobody'"),
        ("inc-1/ticket", None, 409, "T-1042"),
        ("inc-2/call", {"contact": "aurora-1"}, 409, "is resolved"),
        ("inc-9/call", {"contact": "aurora-1"}, 404, "no such incident"),
        ("inc-1/call", {}, 422, "contact"),
    ):
        answer = await world.client.post(f"/api/v1/incidents/{path}", headers=token, json=body)
        assert (answer.status, said in await answer.text()) == (status, True), path
    assert await owed(world) == []
    reader = await world.token("read")
    assert (await world.client.get("/api/v1/incidents/inc-1/reachable", headers=reader)).status == 403
