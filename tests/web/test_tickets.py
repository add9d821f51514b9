"""Tickets over REST and in the console: read with what was written in them, written in, followed, synced."""

import base64
import json

import pytest

from monitor.storage import schema as t
from tests.web.seeds import NOW, a_ticket, an_incident

V1 = "/api/v1/tickets"
REMOTE = {"driver": "request-tracker", "reference": "17", "remote_status": "open", "synced_at": NOW}
EVIL = "<script>alert(1)</script>"


def tickets(connection):
    incident = an_incident(connection)
    a_ticket(connection, incident or "inc-1", "tic-open", **REMOTE)
    a_ticket(connection, incident or "inc-1", "tic-closed", **{**REMOTE, "reference": "16", "status": "closed", "closed_at": NOW})  # fmt: skip
    a_ticket(connection, incident or "inc-1", "tic-ours")
    rows = [("tocsin", "We look.", "sent"), (EVIL, EVIL, "public"), ("Anna", "cross", "internal")]
    for number, (author, text, kind) in enumerate(rows):
        connection.execute(
            t.ticket_notes.insert().values(
                ticket="tic-open", at=NOW, author=author, text=text, kind=kind, remote_id=str(number)
            )
        )


@pytest.fixture
async def api(world):
    await world.seed(tickets)
    headers = await world.token("read", "operate")

    async def call(method, path, **body):
        answer = await world.client.request(method, f"{V1}{path}", headers=headers, json=body or None)
        return answer.status, await answer.json(content_type=None)

    return call


def outbox(connection):
    return [
        (row.kind, json.loads(row.payload))
        for row in connection.execute(t.outbox.select().order_by(t.outbox.c.seq))
    ]


async def test_a_ticket_is_read_with_what_was_written_in_it(api):
    status, found = await api("GET", "/tic-open")
    assert status == 200
    assert {"id", "incident", "driver", "reference", "status", "subject"} <= set(found)
    assert (found["remote_status"], found["gone_at"]) == ("open", None)
    assert [note["kind"] for note in found["notes"]] == [None, "sent", "public", "internal"]
    assert (await api("GET", "/nobody"))[0] == 404


async def test_a_note_and_a_file_are_owed_through_the_outbox(world, api):
    assert (await api("POST", "/tic-open/notes", text="It is the carrier."))[0] == 202
    content = base64.b64encode(b"signal 11").decode()
    assert (await api("POST", "/tic-open/files", name="crash.txt", content=content))[0] == 202
    (note, said), (file, sent) = await world.store.read(outbox)
    assert (note, said["ticket"], said["text"]) == ("ticket.comment", "tic-open", "It is the carrier.")
    assert (file, sent["name"], sent["content"]) == ("ticket.attach", "crash.txt", content)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        pytest.param("/tic-closed/notes", {"text": "hello?"}, 409, "closed and takes no reply", id="W10"),
        pytest.param("/tic-open/follow-up", {"why": "?"}, 409, "is open: write in it", id="an open one"),
        pytest.param("/tic-ours/sync", {}, 409, "nothing to be read elsewhere", id="one of our own"),
        pytest.param(
            "/tic-ours/files", {"name": "a", "content": "YQ=="}, 409, "take no files", id="no place"
        ),
        pytest.param("/tic-open/files", {"name": "a", "content": "%"}, 422, "no base64", id="no base64"),
        pytest.param("/nobody/notes", {"text": "?"}, 404, "no ticket", id="none"),
    ],
)
async def test_what_cannot_be_is_said_in_a_sentence_and_owes_nothing(world, api, path, body, status, said):
    answered, problem = await api("POST", path, **body)
    assert answered == status
    assert said in json.dumps(problem)
    assert await world.store.read(outbox) == []


async def test_a_closed_ticket_is_followed_by_a_new_one_once(world, api):
    for _ in range(2):
        assert (await api("POST", "/tic-closed/follow-up", why="still down"))[0] == 202
    ((kind, payload),) = await world.store.read(outbox)
    assert (kind, payload["follows"], payload["mark"]) == ("ticket.open", "tic-closed", "tic-closed+2")


async def test_a_reader_writes_nothing(world):
    await world.seed(tickets)
    headers = await world.token("read")
    for path in ("notes", "files", "follow-up", "sync"):
        answer = await world.client.post(f"{V1}/tic-open/{path}", headers=headers, json={"text": "?"})
        assert answer.status == 403, path


async def test_the_console_shows_both_sides_and_takes_what_is_written(world):
    await world.seed(tickets)
    csrf = await world.log_in()
    for page in ("/noc/tickets/tic-open", "/noc/incidents/inc-1"):
        source = await (await world.client.get(page)).text()
        assert EVIL not in source
        assert "sent by us" in source
        assert "the partner does not see it" in source
    form = {"csrf": csrf, "text": "It is the carrier.", "back": "/noc/incidents/inc-1"}
    answer = await world.client.post("/noc/tickets/tic-open/notes", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/noc/incidents/inc-1")
    answer = await world.client.post("/noc/tickets/tic-open/sync", data=form, allow_redirects=False)
    assert answer.status == 303
    answer = await world.client.post("/noc/tickets/tic-closed/notes", data=form)
    assert answer.status == 409
    assert "closed and takes no reply" in await answer.text()
    assert [kind for kind, _ in await world.store.read(outbox)] == ["ticket.comment"]


async def test_the_board_says_what_others_closed_while_the_incident_goes_on(world):
    await world.seed(tickets)
    await world.log_in()
    source = await (await world.client.get("/noc/")).text()
    assert "Tickets were closed by others" in source
    assert "Ticket 16: closed or removed in their own system" in source
