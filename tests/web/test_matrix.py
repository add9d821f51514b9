"""Every route x everybody x own, foreign and made-up things, tried on the whole service; and forms from elsewhere.

    the router's own list -> each as everybody (tests.web.who_may.EVERYBODY) -> what came -> what the table says

What is expected is the hand-written table ``tests.web.who_may``, never the rules of the service.
"""

import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.storage import people, schema
from monitor.storage.people import Role, Scope
from monitor.web import actions
from monitor.web.accounts import Passwords
from tests.acceptance.test_people import CONFIGURATION, TECHNICAL, work
from tests.acceptance.world import a_world
from tests.web.conftest import QUICK
from tests.web.who_may import AUDIENCES, EVERYBODY, rows

STREAM = ("GET", "/noc/live")  # never ends: its doors are tried, its inside is tests/web/test_live.py
OTHERS_ROUTES = re.compile(
    r"^(?!/(api/v1|noc|portal|ack|oncall|livez|readyz|healthz|metrics|api/docs|api/openapi))"
)
"""The status page, its feeds and what comes in have doors of their own (tests/statuspage, tests/web/test_intake...)."""
BOB = re.search(r"\n.*id: bob,.*", CONFIGURATION)[0]
WITH_BEN = (
    CONFIGURATION.replace(BOB, BOB + BOB.replace("bob", "ben").replace("0101", "0111"))
    + '  - {name: s-9, type: tcp, system: S-9, target: "127.0.0.1:9", symptom: unreachable}\n'
)
CONTACT = {"partner-contact": "bob", "partner-admin": "ann", "partner's token": "ann"}
KINDS = [each for each in AUDIENCES if each not in ("everybody", "doors of their own")]
LAST = ("DELETE /api/v1/contacts/{id}", "POST /portal/contacts/{id}/remove")
BODIES = {
    ("PATCH", "/api/v1/contacts/{id}"): {"name": "Another Name"},
    ("PATCH", "/api/v1/systems/{serial}"): {"name": "Another Name"},
    ("POST", "/api/v1/licences/{id}/hand-over"): {"to": "ann"},
    ("POST", "/api/v1/requests/{id}/attachments"): b"trace",
    ("POST", "/api/v1/requests/{id}/messages"): {"text": "And then?"},
    ("POST", "/api/v1/maintenance/{id}/move"): {"starts_at": "2027-01-04T10:00:00Z", "ends_at": "2027-01-04T11:00:00Z"},
}  # fmt: skip
"""What is well formed, where else it would be refused before anything is looked up."""
FORMS = {"licence": "L-1"}
LOGOUT = ("/noc/logout", "/portal/logout")


@dataclass
class Somebody:
    """Who asks, and with what."""

    name: str
    headers: dict = field(default_factory=dict)
    cookies: dict = field(default_factory=dict)
    csrf: str = ""


@dataclass
class Town:
    """The service with its people and things: acme's (Ann's and Bob's) and evil's (Eve's)."""

    world: object
    client: TestClient
    everybody: dict
    things: dict

    async def again(self, name):
        """Give somebody whose session may have ended a fresh one, and put back who was removed."""
        if name in list(Role):
            await session(self.world, name)

    async def ask(self, who, method, path, **more):
        body = {}
        if method in ("POST", "PATCH", "PUT"):
            body = {"data": {"csrf": who.csrf, **more.pop("form", {})}}
            if path.startswith("/api"):
                sent = more.pop("body", {})
                body = {"data": sent} if isinstance(sent, bytes) else {"json": sent}
        headers = more.pop("headers", {"Sec-Fetch-Site": "same-origin"} if who.cookies else {})
        return await self.client.request(
            method, path, headers={**who.headers, **headers}, cookies=who.cookies, allow_redirects=False, **body
        )  # fmt: skip


async def session(world, role):
    """Make sure that a role has a user and a session."""

    def make(connection):
        u, s = schema.users, schema.sessions
        contact = CONTACT.get(role)
        if connection.execute(u.update().where(u.c.id == role).values(disabled_at=None)).rowcount == 0:
            people.create_user(
                connection, id=role, name=role, password_hash="!", role=Role(role), now=world.clock(), contact=contact
            )  # fmt: skip
        connection.execute(s.delete().where(s.c.user == role))
        people.open_session(
            connection, user=role, secret=f"s-{role}", csrf=f"csrf-{role}", now=world.clock(), lasts=timedelta(hours=9)
        )  # fmt: skip

    await world.service.store.write(make)
    return Somebody(role, cookies={"tocsin": f"s-{role}"}, csrf=f"csrf-{role}")


def _becomes(connection, role, contact):
    connection.execute(schema.users.update().where(schema.users.c.id == role).values(contact=contact))


async def token(world, name, **kw):
    await world.service.store.write(
        people.create_token, id=name[:40], name=name, secret=f"tok-{name}", now=world.clock(), **kw
    )
    return Somebody(name, headers={"Authorization": f"Bearer tok-{name}"})


async def assemble(world):
    found = {"nobody": Somebody("nobody")}
    for role in Role:
        found[role] = await session(world, role)
    for scope in Scope:
        found[f"token {scope}"] = await token(world, f"token {scope}", scopes=[scope])
    found["partner's token"] = await token(world, "partner's token", scopes=[], contact="ann")
    assert tuple(found) == EVERYBODY
    return found


@asynccontextmanager
async def a_town(folder):
    async with a_world(folder, f"sqlite:///{folder}/record.db", configuration=WITH_BEN) as world:
        world.service.web[actions.PASSWORDS].close()
        world.service.web[actions.PASSWORDS] = Passwords(
            QUICK
        )  # else each log-in hashes for a third of a second
        jar = aiohttp.DummyCookieJar()
        async with TestClient(TestServer(world.service.web), cookie_jar=jar) as client:
            town = Town(world, client, await assemble(world), {})
            await fill(town)
            yield town


async def fill(town):
    """Put one thing of each kind on record for each of the two partners, by the ways there are."""
    operate = town.everybody["token operate"]

    async def made(path, body):
        answer = await town.client.post(f"/api/v1/{path}", json=body, headers=operate.headers)
        assert answer.status == 201, (path, await answer.text())
        return await answer.json()

    for whose, partner, asker, serial, licence in (
        ("own", "acme", "ann", "S-2", "L-1"),
        ("foreign", "evil", "eve", "S-8", "L-9"),
    ):
        await made("systems", {"serial": serial, "partner": partner, "licence": licence, "technical": TECHNICAL, "host": "h.example"})  # fmt: skip
        body = work(town, ahead=timedelta(days=5), partner=partner, systems=[serial])
        window = await made("maintenance", body)
        series = await made("maintenance", body | {"repeat": {"rule": "FREQ=WEEKLY"}})
        await town.world.service.store.write(
            people.create_user, id=f"u-{partner}", name=f"u-{partner}", password_hash="!", role=Role.PARTNER_CONTACT,
            now=town.world.clock(), contact="ben" if whose == "own" else "eve",
        )  # fmt: skip
        requests = {}
        for contact in ("ann", "bob") if whose == "own" else ("eve",):
            call = {"channel": "phone", "partner": partner, "contact": contact, "text": "It is down."}
            requests[contact] = (await made("requests", call))["id"]
        attachments = {}
        for contact, id_ in requests.items():
            answer = await town.client.post(
                f"/api/v1/requests/{id_}/attachments?name=a.txt", data=b"trace", headers=operate.headers
            )
            assert answer.status == 201, await answer.text()
            listed = await town.client.get(f"/api/v1/requests/{id_}/attachments", headers=operate.headers)
            attachments[contact] = (await listed.json())["items"][0]["id"]
        town.things[whose] = {
            "systems": serial,
            "licences": licence,
            "maintenance": window["id"],
            "maintenance-series": series["series"],
            "ledger": partner,
            "requests": requests,
            "attachments": attachments,
            "contacts": {"ann": "ann", "bob": "bob", "eve": "eve"},
            "users": dict.fromkeys(requests, f"u-{partner}"),
            "asker": asker,
        }
    for check, whose in (("s-1", "own"), ("s-9", "foreign")):
        await town.world.fails(check)
        town.things[whose]["cases"] = (await town.world.rows("incidents"))[-1]["id"]


def path_of(town, route, who, whose):
    """Return a route's path with somebody's own, a foreign, or a made-up thing in it."""
    path = route[1]
    if "{" not in path:
        return path
    if route == ("POST", "/api/v1/requests/{id}/attachments"):
        path += "?name=b.txt"
    if whose == "nothing":
        return re.sub(r"\{[a-z_]+\}", "nothing", path)
    if whose == "colleague":
        return path.replace("{id}", "ann")
    things = town.things[whose]
    asker = CONTACT.get(who, things["asker"]) if whose == "own" else things["asker"]
    kind = next((part for part in path.split("/") if part in things), None)
    found = things.get(kind, things["cases"])
    found = found[asker] if isinstance(found, dict) else found
    path = path.replace("{id}", found).replace("{serial}", things["systems"])
    path = path.replace("{attachment}", things["attachments"][asker])
    return re.sub(r"\{[a-z_]+\}", "nothing", path)


async def outcome(answer):
    """Say in a word what came: in, or which way out."""
    if answer.status == 303 and "/login?next" in answer.headers["Location"]:
        return "login"
    if answer.status >= 500 and not str(answer.url).endswith("/readyz"):
        return f"broken ({answer.status})"
    if answer.status in (401, 403, 404):
        text = await answer.text()
        if answer.status == 401:
            return "who" if "Who are you?" in text or "/login" not in str(answer.url) else "in"
        if answer.status == 403:
            return "refused" if "You may not do that." in text and "(section " not in text else "in"
        return "hidden" if "There is no such thing" in text else "in"
    return "in"


def expected(route, audience, who, whose):
    """Say what the table expects: any of these words."""
    method, path = route
    rule = AUDIENCES[audience]
    is_page, one = path.startswith(("/noc", "/portal")), "{" in path
    if audience == "doors of their own":
        return {"in", "who", "refused", "hidden"}
    if audience == "everybody":
        return {"in"} if not one else {"in", "hidden", "who"}
    if who in rule.who and not (is_page and who.startswith("token")):
        if whose == "colleague":
            return {"hidden"} if "themselves" in audience else {"in"}
        theirs = rule.own and who in CONTACT and one
        return {"hidden"} if theirs and whose != "own" else {"in"}
    if who == "nobody" or (is_page and who.startswith(("token", "partner's token"))):
        fragment = path in ("/noc/board", "/noc/wall/board", "/noc/live")
        if is_page and method == "GET" and not fragment:
            return {"login"}
        return {"hidden"} if rule.hidden and one else {"who"}
    return {"hidden"} if rule.hidden and one else {"refused"}


UNSEEDED = re.compile(r"/portal/ledger|/portal/link$|/portal/news|appointment.ics|\{(appointment|credential|duty|report|channel|group|name)\}|tickets/|alerts/|outbox/|deliveries/|announcements/|problems/|overrides/|displays/|series/|crash|ack/|checks/|components/|policies/|partners/|static/")  # fmt: skip
"""Where nothing of the kind is on record: who gets in is told that there is none."""


def cases_of(route, name):
    """Return whose things are asked for: of a partner's people also foreign ones, made-up ones, and a colleague's."""
    if name not in CONTACT or "{" not in route[1] or route[1].startswith("/noc"):
        return ("own",)
    colleague = ("colleague",) if name == "partner-contact" and "/contacts/{id}" in route[1] else ()
    return ("foreign", "nothing", *colleague, "own")


async def observe(town, routes):
    """Ask for every route as everybody; return what came."""
    seen = {}
    for route in sorted(routes, key=lambda each: (f"{each[0]} {each[1]}" in LAST, each)):
        if f"{route[0]} {route[1]}" == LAST[1]:  # Bob has removed himself: Ben does it by the page
            await town.world.service.store.write(_becomes, "partner-contact", "ben")
            town.things["own"]["contacts"]["bob"] = "ben"
            await town.again("partner-contact")
        for name, who in town.everybody.items():
            for whose in cases_of(route, name):
                path = path_of(town, route, name, whose)
                answer = await town.ask(who, route[0], path, body=BODIES.get(route, {}), form=FORMS)
                seen[route, name, whose] = await outcome(answer)
                if route[1] in LOGOUT:
                    await town.again(name)
    return seen


def differences(seen, table):
    """Return where what came is not what a table says, a line each."""
    found = [f"{method} {path} has no line in tests/web/who_may.py" for method, path in {r for r, *_ in seen} - set(table)]  # fmt: skip
    for (route, who, whose), came in seen.items():
        wanted = expected(route, table[route], who, whose) if route in table else {came}
        if "in" in wanted and whose == "own" and UNSEEDED.search(route[1]):
            wanted = wanted | {"hidden"}
        if came not in wanted:
            found.append(
                f"{route[0]} {route[1]} as {who}, {whose}: {came}, not {' or '.join(sorted(wanted))}"
            )
    return found


def routes_of(app):
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource and not OTHERS_ROUTES.match(route.resource.canonical)
    }


@pytest.mark.timeout(400)
async def test_every_route_lets_in_whom_the_table_names_and_nobody_else(tmp_path):
    table = rows()
    async with a_town(tmp_path) as town:
        routes = routes_of(town.world.service.web)
        assert not (gone := set(table) - routes), f"lines of tests/web/who_may.py without a route: {gone}"
        seen = await observe(town, routes - {STREAM})
    assert differences(seen, table) == []
    assert len(seen) > 3000
    tried = Counter(seen.values())
    assert min(tried[each] for each in ("in", "login", "who", "refused", "hidden")) > 100, tried
    # and it can fail: with any one line under another audience, that route is named, and no other
    for number, (route, audience) in enumerate(sorted(table.items())):
        if route == STREAM or audience in ("everybody", "doors of their own"):
            continue
        other = KINDS[(KINDS.index(audience) + 1 + number % 3) % len(KINDS)]
        told = differences(seen, table | {route: other})
        people_differ = (AUDIENCES[other].who ^ AUDIENCES[audience].who) & set(Role)
        if people_differ and not UNSEEDED.search(route[1]):
            assert told, (route, audience, other)
        assert all(line.startswith(f"{route[0]} {route[1]} ") for line in told)


# forms from elsewhere ----------------------------------------------------------------------------------------

ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
)
NO_SESSION = ("/ack/", "/portal/link")
"""What a link of ours opens: the link is the right, no session is behind it that another page could use."""


def changing(app):
    """Return every route by which a browser that has a session could be made to change something."""
    found = [route for route in routes_of(app) if route[0] in ("POST", "PATCH", "DELETE", "PUT")]
    kept = {route for route, audience in rows().items() if audience == "doors of their own"}
    return sorted(r for r in found if r not in kept and not r[1].startswith(NO_SESSION))


@pytest.mark.timeout(400)
async def test_no_page_of_somebody_else_changes_anything_by_any_route(tmp_path):
    async with a_town(tmp_path) as town:
        admin, ann = town.everybody["admin"], town.everybody["partner-admin"]
        old = ann.csrf, admin.csrf
        for who in (admin, ann):  # a new log-in: what the forms of the one before carry is old
            await town.world.service.store.write(_new_csrf, who)
        came, tried, table = [], 0, rows()
        for route in changing(town.world.service.web):
            portal = route[1].startswith("/portal")
            who, other = (ann, admin) if portal else (admin, ann)
            path = path_of(town, route, "partner-admin" if portal else "admin", "own")
            form = FORMS | {"csrf": who.csrf}
            tries = [(headers, form) for headers in ELSEWHERE]
            if route[1].startswith("/api"):
                tries.append(({}, form))  # no word of a browser, and no token either
            elif table[route] != "everybody":  # what a log-in or a link opens has no session yet
                wrong = ("", "wrong", other.csrf, old[0] if portal else old[1])
                tries += [({"Sec-Fetch-Site": "same-origin"}, FORMS | {"csrf": each}) for each in wrong]
                tries.append(({"Sec-Fetch-Site": "same-origin"}, FORMS))
            for headers, data in tries:
                body = {"json": {}} if route[1].startswith("/api") else {"data": data}
                answer = await town.client.request(
                    route[0], path, headers=headers, cookies=who.cookies, allow_redirects=False, **body
                )
                tried += 1
                if answer.status != 403:
                    came.append((route, headers, data.get("csrf", "no token"), answer.status))
        assert came == []
        assert tried > 1000
        mine = await town.ask(
            ann, "POST", f"/portal/contacts/{'ann'}", form={"name": "Ann Ash", "email": "a@b.example"}
        )
        assert mine.status in (303, 422), "from our own page, with its token, it is taken"


def _new_csrf(connection, who):
    who.csrf = f"new-{who.name}"
    s = schema.sessions
    connection.execute(s.update().where(s.c.user == who.name).values(csrf=who.csrf))
