"""A case that only its requester may see does not exist for anybody else, by any route there is (mission P5)."""

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.casework import Reply
from monitor.desk import FollowUp
from monitor.storage import people
from monitor.storage.people import Role
from tests.acceptance.desks import DESK, PLM_FIELDS, TUESDAY_AT_TEN, a_file, a_filing
from tests.acceptance.world import MovableClock, a_world

MARKS = ("Xylophone", "Quetzal", "Zyzzyva", "Wombatoid", "Jabberwock", "Ocarina")
"""Words that stand in the case and nowhere else: title, description, message, file's name, file, internal note."""

CHAIN = """
  - id: nordic
    name: Nordic Resale
    policy: plm
    country: DK
    contacts:
      - {id: nils, name: Nils Dahl, phone: "+4532123459", email: nils@nordic.example, languages: [da]}
"""
WITH_A_CHAIN = DESK.replace("\n  - id: hush\n", CHAIN + "  - id: hush\n", 1).replace(
    "    name: Fjord Design\n", "    name: Fjord Design\n    assigned_to: nordic\n", 1
)
WITH_A_COLLEAGUE = WITH_A_CHAIN.replace(
    "      - {id: bo,",
    '      - {id: carl, name: Carl Juhl, phone: "+4532123458", email: carl@fjord.example, languages: [da], role: regular}\n'
    "      - {id: bo,",
    1,
)
STRANGERS = {
    "a colleague": "carl",
    "the superuser": "bo",
    "the partner up the chain": "nils",
    "somebody of another partner": "giulia",
}


@dataclass
class Stranger:
    """Somebody who asks: by session, by token, or as nobody."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""


@asynccontextmanager
async def a_case(tmp_path, database_url):
    """File a case of Astrid's with marks everywhere in it, and serve it."""
    clock = MovableClock(TUESDAY_AT_TEN)
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_A_COLLEAGUE) as world:
        desk, casework = world.service.desk, world.service.casework
        filed = await desk.file(
            a_filing(
                contact="astrid",
                fields=PLM_FIELDS | {"subject": MARKS[0], "description": f"{MARKS[1]} in the sketch"},
                text=f"{MARKS[2]} all over",
                symptom="question",
                attachments=(a_file(name=f"{MARKS[3]}.txt", content=MARKS[4].encode()),),
            )
        )
        await casework.reply(
            filed.id, Reply(text=f"{MARKS[5]}: mind the account", internal=True), actor="nadia"
        )
        await desk.follow_up(filed.id, FollowUp(text=f"{MARKS[2]} again", author="Astrid", contact="astrid"))
        async with TestClient(TestServer(world.service.web)) as client:
            yield world, client, filed


async def by_session(world, name, *, role=Role.PARTNER_ADMIN, contact=None):
    user = await world.service.store.write(
        people.create_user,
        id=f"usr_{name}",
        name=name,
        password_hash="x",
        role=role,
        now=world.clock(),
        contact=contact,
    )
    secret = f"session-{name}"
    await world.service.store.write(
        people.open_session,
        user=user.id,
        secret=secret,
        csrf=f"csrf-{name}",
        now=world.clock(),
        lasts=timedelta(hours=12),
    )
    headers = {"Sec-Fetch-Site": "same-origin"}
    return Stranger(name=name, headers=headers, cookies={"tocsin": secret}, csrf=f"csrf-{name}")


async def by_token(world, name, *, scopes=(), contact=None):
    await world.service.store.write(
        people.create_token,
        id=f"tok_{name}",
        name=name,
        secret=f"tok_{name}_secret",
        scopes=scopes,
        now=world.clock(),
        contact=contact,
    )
    return Stranger(name=name, headers={"Authorization": f"Bearer tok_{name}_secret"})


async def strangers(world):
    """Return everybody for whom the case must not exist."""
    found = [Stranger(name="an anonymous visitor")]
    for who, contact in STRANGERS.items():
        found.append(await by_session(world, who.replace(" ", "-"), contact=contact))
        found.append(await by_token(world, f"{contact}-program", contact=contact))
    found.append(await by_session(world, "a-viewer-of-ours", role=Role.VIEWER))
    found.append(await by_token(world, "reader", scopes=("read",)))
    found.append(await by_token(world, "sender", scopes=("ingest",)))
    return found


async def ids_of(world, filed):
    """Return every id that stands for a part of the case, by the name it has in a path."""
    (attachment,) = await world.rows("attachments")
    return {
        "id": (filed.id, filed.reference),
        "attachment": (attachment["id"],),
        "credential": ("sec_1",),
        "duty": ("call_within_15_minutes",),
        "appointment": ("apt_1",),
        "name": (filed.id,),
        "serial": (filed.id,),
        "partner": ("fjord",),
    }


def paths(canonical, ids):
    """Return the paths of a route with the case's ids put in."""
    names = re.findall(r"\{([a-z_]+)(?::[^}]*)?\}", canonical)
    if not names:
        return [canonical]
    found = []
    for chosen in ids["id"] if "id" in names else (filed_for(names[0], ids),):
        path = canonical
        for name in names:
            value = chosen if name == "id" else filed_for(name, ids)
            path = re.sub(rf"\{{{name}(?::[^}}]*)?\}}", value, path)
        found.append(path)
    return found


def filed_for(name, ids):
    return ids.get(name, ids["id"])[0]


def routes(world):
    skipped = (
        "/noc/live",
        "/static",
        "/noc/logout",
        "/portal/logout",
    )  # after a log-out nobody would be asking
    for route in world.service.web.router.routes():
        if route.resource is None or route.method == "HEAD":
            continue
        canonical = route.resource.canonical
        if not canonical.startswith(skipped):
            yield route.method, canonical


async def ask(client, who, method, path):
    body = {"json": BODIES} if method in ("POST", "PATCH", "PUT") and path.startswith("/api") else {}
    if method == "POST" and not path.startswith("/api"):
        body = {"data": {"csrf": who.csrf, "text": "x", "reason": "x", "back": "/"}}
    answer = await client.request(
        method, path, headers=who.headers, cookies=who.cookies, allow_redirects=False, **body
    )
    return answer.status, await answer.read()


BODIES = {"text": "x", "reason": "x"}


@pytest.mark.sampled(2, turns=True)  # test_portal_for_nobody_else.py walks all routes each time
async def test_p5_nobody_else_finds_the_case_by_any_route(tmp_path):
    async with a_case(tmp_path, f"sqlite:///{tmp_path}/record.db") as (world, client, filed):
        ids = await ids_of(world, filed)
        tried = 0
        for who in await strangers(world):
            for method, canonical in routes(world):
                for path in paths(canonical, ids):
                    status, body = await ask(client, who, method, path)
                    tried += 1
                    assert not [mark for mark in MARKS if mark.encode() in body], (who.name, method, path)
                    if "requests/{id}" in canonical:
                        expected = (404, 422) if method != "GET" else (404,)
                        if method == "GET" and not who.cookies and canonical.startswith(("/noc", "/portal")):
                            expected = (303,)  # to the log-in, whatever is asked for
                        assert status in expected, (who.name, method, path, status)
        assert tried > 500


async def test_p5_no_filter_and_no_search_finds_it(tmp_path, database_url):
    questions = ["contact=astrid", "partner=fjord", "status=open", "class=question", "channel=portal"]
    questions += [f"q={mark}" for mark in MARKS]
    async with a_case(tmp_path, database_url) as (world, client, _):
        for who in await strangers(world):
            for question in questions:
                answer = await client.get(
                    f"/api/v1/requests?{question}", headers=who.headers, cookies=who.cookies
                )
                if answer.status == 200:
                    assert (await answer.json())["items"] == [], (who.name, question)
                else:
                    assert answer.status in (401, 403), (who.name, answer.status)


async def test_p5_what_is_not_yours_is_answered_like_what_is_not_there(tmp_path):
    async with a_case(tmp_path, f"sqlite:///{tmp_path}/record.db") as (world, client, filed):
        for who in await strangers(world):
            there = await ask(client, who, "GET", f"/api/v1/requests/{filed.id}")
            nowhere = await ask(client, who, "GET", "/api/v1/requests/req_nothing")
            assert there == nowhere, who.name


async def test_p5_the_requester_and_whom_they_copied_do_find_it(tmp_path, database_url):
    async with a_case(tmp_path, database_url) as (world, client, filed):
        own = await by_session(world, "astrid", contact="astrid")
        status, body = await ask(client, own, "GET", f"/api/v1/requests/{filed.reference}")
        assert (status, MARKS[0].encode() in body) == (200, True)
        status, body = await ask(client, own, "GET", f"/api/v1/requests/{filed.id}/messages")
        assert MARKS[2].encode() in body
        assert MARKS[5].encode() not in body, "a note among our own people is theirs alone"
        ours = await by_session(world, "nadia", role=Role.NOC)
        status, body = await ask(client, ours, "GET", f"/api/v1/requests/{filed.id}/messages")
        assert MARKS[5].encode() in body


async def test_p5_a_colleague_who_takes_the_requesters_address_still_finds_nothing(tmp_path, database_url):
    """Addresses can be changed by whoever owns them; who takes part is known by id."""
    async with a_case(tmp_path, database_url) as (world, client, filed):
        taken = (
            world.path.read_text()
            .replace("carl@fjord.example", "astrid@fjord.example")
            .replace(
                "email: astrid@fjord.example, languages: [da, en]",
                "email: gone@fjord.example, languages: [da, en]",
            )
        )
        world.path.write_text(taken)
        assert await world.service.reload() == ()
        carl = await by_session(world, "carl", contact="carl")
        assert (await ask(client, carl, "GET", f"/api/v1/requests/{filed.id}"))[0] == 404


async def test_p5_a_ticket_of_ours_tells_nothing_of_a_case_that_was_written_on_it(tmp_path, database_url):
    async with a_case(tmp_path, database_url) as (world, _, _):
        await world.fails("pbx-1-sip")
        await world.deliver()
        (ticket,) = await world.rows("tickets")
        mail = a_filing(
            contact="giulia", text="We have cut the power.", existing_ticket=ticket["reference"], policy="plm",
            fields=PLM_FIELDS | {"subject": MARKS[0]}, name=MARKS[1],
        )  # fmt: skip
        filed = await world.service.desk.file(mail)
        assert filed.reference
        told = [*await world.rows("ticket_notes"), *await world.rows("events", incident=ticket["incident"])]
        assert "ticket.answered" in await world.events(ticket["incident"])
        assert not [mark for mark in (filed.reference, MARKS[0], MARKS[1]) if mark in repr(told)]
