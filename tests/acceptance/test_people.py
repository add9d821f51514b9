"""Stories of licences, people and systems over HTTP: who may do what, and what comes of it when a system breaks."""

import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.storage import audit, people, registry
from monitor.storage.engine import open_store
from monitor.web.accounts import hash_password
from tests.acceptance.world import MovableClock, a_world
from tests.factories import MONDAY_AT_TEN, a_crash, an_id

ANN, BOB, EVE = "+13125550100", "+13125550101", "+13125550199"
NEW = "+13125550177"
CONFIGURATION = f"""
phone: {{driver: sandbox, from: "+13125550000"}}
tickets: {{driver: builtin}}
partners:
  - id: acme
    name: Acme
    policy: wolfram
    country: US
    contacts:
      - {{id: ann, name: Ann Ash, phone: "{ANN}", email: ann@acme.example, languages: [en], licence: L-1}}
      - {{id: bob, name: Bob Birch, phone: "{BOB}", email: bob@acme.example, languages: [en], licence: L-1}}
  - id: evil
    name: Evil
    policy: wolfram
    country: US
    contacts:
      - {{id: eve, name: Eve Elm, phone: "{EVE}", email: eve@evil.example, languages: [en], licence: L-9}}
licences:
  - {{id: L-1, partner: acme, product: Desktop, seats: 3, account_id: W-1, subscription: {{from: 2026-01-01, to: 2026-11-23}}}}
  - {{id: L-9, partner: evil, seats: 1, account_id: W-9, nda: true}}
systems:
  - {{serial: S-1, name: Main, partner: acme, licence: L-1, country: US,
     technical: {{product: Desktop, product_version: "14", operating_system: Linux, hardware: x86}}}}
  - {{serial: S-9, name: Other, partner: evil, country: US}}
on_call: {{engineers: [{{id: nadia, name: Nadia, phone: "+498998765432"}}], fallback: nadia}}
checks_defaults: {{every: 60s, timeout: 5s, down_after: 3, up_after: 2}}
checks:
  - {{name: s-1, type: tcp, system: S-1, target: "127.0.0.1:9", symptom: unreachable, facts: {{impact: severe, workaround: false}}}}
"""
TECHNICAL = {"product": "Desktop", "product_version": "14", "operating_system": "Linux", "hardware": "arm64"}


class Asker:
    """Somebody who asks over HTTP, with a token of their own."""

    def __init__(self, client, secret):
        self.client, self.headers = client, {"Authorization": f"Bearer {secret}"}

    async def __call__(self, method, path, json=None):
        answer = await self.client.request(method, f"/api/v1/{path}", json=json, headers=self.headers)
        return answer.status, await answer.json()

    async def ids(self, path):
        status, body = await self("GET", path)
        assert status == 200
        return [each.get("id") or each.get("serial") for each in body["items"]]


class Town:
    """The service with its people; ``town.ann`` asks as Ann, ``town.us`` as our own program."""

    def __init__(self, world, client):
        self.world, self.client, self.service = world, client, world.service

    async def asker(self, contact=None, scopes=("read", "operate")):
        secret = f"tcs_{an_id()}"
        await self.service.store.write(
            people.create_token,
            id=an_id(),
            name=contact or "us",
            secret=secret,
            scopes=() if contact else scopes,
            now=self.world.clock(),
            contact=contact,
        )
        return Asker(self.client, secret)


@asynccontextmanager
async def a_town(folder, database, **other):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            a_world(folder, database, configuration=CONFIGURATION, **other)
        )
        client = await stack.enter_async_context(TestClient(TestServer(world.service.web)))
        town = Town(world, client)
        town.us = await town.asker()
        town.ann, town.bob, town.eve = [await town.asker(one) for one in ("ann", "bob", "eve")]
        yield town


@pytest.fixture
async def town(tmp_path):  # on both databases: tests/storage/test_registry.py
    async with a_town(tmp_path, f"sqlite:///{tmp_path}/record.db") as made:
        yield made


async def test_e1_everybody_sees_their_own_partner_and_nobody_elses(town):
    assert await town.us.ids("contacts") == ["ann", "bob", "eve"]
    for who in (town.ann, town.bob):
        assert await who.ids("contacts") == ["ann", "bob"]
        assert await who.ids("contacts?partner=evil") == []
        assert await who.ids("systems") == ["S-1"]
        assert await who.ids("licences") == ["L-1"]
        for path in ("contacts/eve", "licences/L-9", "systems/S-9", "contacts/nobody"):
            status, body = await who("GET", path)
            assert (status, body["title"]) == (404, "There is no such thing.")


async def test_p5_nobody_takes_another_persons_address(town):
    people = {each["id"]: each["email"] for each in (await town.us("GET", "contacts"))[1]["items"]}
    for taken in (people["ann"], people["eve"].upper()):
        status, body = await town.bob("PATCH", "contacts/bob", {"email": taken})
        assert (status, body["detail"]) == (409, "this address cannot be registered: ask us to do it")
    again = {"email": people["bob"], "phone": NEW}
    assert (await town.bob("PATCH", "contacts/bob", again))[0] == 200
    assert (await town.us("PATCH", "contacts/bob", {"email": people["ann"]}))[0] == 200


async def test_e1_who_changes_whom(town):
    status, body = await town.ann("PATCH", "contacts/bob", {"phone": NEW, "languages": ["en", "de"]})
    assert (status, body["phone"], body["languages"]) == (200, NEW, ["en", "de"])
    status, body = await town.bob("PATCH", "contacts/ann", {"phone": NEW})
    assert (status, body["detail"]) == (
        403,
        "regular contacts change their own data only (section Contact Procedures)",
    )
    assert (await town.bob("PATCH", "contacts/bob", {"email": "bob@new.example"}))[0] == 200
    for method, body in (("PATCH", {"phone": NEW}), ("DELETE", None)):
        assert (await town.eve(method, "contacts/bob", body))[0] == 404
        assert (await town.eve(method, "contacts/nobody", body))[0] == 404
    _, bob = await town.us("GET", "contacts/bob")
    assert (bob["phone"], bob["email"], bob["role"]) == (NEW, "bob@new.example", "regular")
    rows = await town.service.store.read(audit.list_audit)
    assert [(row.actor, row.action, row.about) for row in rows] == [
        ("token:bob", "contact.update", "bob"),
        ("token:ann", "contact.update", "bob"),
    ]
    assert rows[1].data["changed"]["phone"] == [BOB, NEW]


async def test_e1_seats_are_the_limit(town):
    status, cy = await town.ann("POST", "contacts", {"name": "Cy Cedar", "email": "cy@acme.example"})
    assert (status, cy["licence"], cy["role"], cy["partner"]) == (201, "L-1", "regular", "acme")
    status, body = await town.ann("POST", "contacts", {"name": "Dee Dogwood"})
    assert (status, body["detail"]) == (
        409,
        "licence L-1 has 3 seats, and 3 registered (section Contact Procedures)",
    )
    _, licence = await town.ann("GET", "licences/L-1")
    assert (licence["seats_left"], licence["in_charge"], len(licence["contacts"])) == (0, "ann", 3)
    assert (await town.ann("DELETE", f"contacts/{cy['id']}"))[0] == 200
    assert (await town.ann("POST", "contacts", {"name": "Dee Dogwood"}))[0] == 201


async def test_e1_a_regular_contact_registers_nobody_and_nobody_on_a_strangers_licence(town):
    assert (await town.bob("POST", "contacts", {"name": "X"}))[0] == 403
    assert (await town.ann("POST", "contacts", {"name": "X", "partner": "evil", "licence": "L-9"}))[0] == 404
    assert (await town.ann("POST", "contacts", {"name": "X", "licence": "L-9"}))[0] == 404
    for taken_or_not in ("eve", "nobody"):
        assert (await town.ann("POST", "contacts", {"name": "X", "id": taken_or_not}))[0] == 403
    assert (await town.ann("POST", "licences", {"id": "L-2", "partner": "acme"}))[0] == 403
    assert (await town.ann("PATCH", "licences/L-1", {"seats": 99}))[0] == 403


@pytest.mark.parametrize(
    "number", ["+19005550123", "+881612345678", "+1312555"], ids=["premium", "satellite", "short"]
)
async def test_nobody_registers_a_number_that_is_never_called(town, number):
    status, body = await town.ann("PATCH", "contacts/ann", {"phone": number})
    assert (status, [each["pointer"] for each in body["errors"]]) == (422, ["/phone"])
    assert (await town.ann("POST", "contacts", {"name": "Cy", "phone": number}))[0] == 422


async def test_e1_handing_over_and_leaving(town):
    assert (await town.ann("DELETE", "contacts/ann"))[0] == 409
    assert (await town.bob("POST", "licences/L-1/hand-over", {"to": "bob"}))[0] == 403
    assert (await town.eve("POST", "licences/L-1/hand-over", {"to": "eve"}))[0] == 404
    assert (await town.ann("POST", "licences/L-1/hand-over", {"to": "eve"}))[0] == 404
    status, licence = await town.ann("POST", "licences/L-1/hand-over", {"to": "bob"})
    assert (status, licence["in_charge"]) == (200, "bob")
    assert (await town.ann("PATCH", "contacts/bob", {"phone": NEW}))[0] == 403
    assert (await town.bob("DELETE", "contacts/ann"))[0] == 200
    assert (await town.ann("GET", "contacts"))[0] == 401  # the token ended with its contact
    assert await town.bob.ids("contacts") == ["bob"]


async def test_e2_registering_needs_an_account_and_a_system_its_technical_information(town):
    assert (await town.us("POST", "licences", {"id": "L-2", "partner": "acme", "seats": 2}))[0] == 201
    status, body = await town.us("POST", "contacts", {"partner": "acme", "licence": "L-2", "name": "Dee"})
    assert (status, [each["pointer"] for each in body["errors"]]) == (422, ["/account_id"])
    system = {"serial": "S-2", "host": "s2.acme.example", "technical": {"product": "Desktop"}}
    status, body = await town.ann("POST", "systems", system)
    missing = ["/product_version", "/operating_system", "/hardware"]
    assert (status, [each["pointer"] for each in body["errors"]]) == (422, missing)
    status, made = await town.ann("POST", "systems", system | {"technical": TECHNICAL})
    assert (status, made["licence"], made["partner"], made["technical"]) == (201, "L-1", "acme", TECHNICAL)
    assert await town.ann.ids("systems") == ["S-1", "S-2"]
    status, made = await town.ann(
        "PATCH", "systems/S-1", {"version": "14.2", "technical": {"hardware": "arm64"}}
    )
    assert (status, made["version"], made["technical"]["hardware"]) == (200, "14.2", "arm64")
    assert made["technical"]["product"] == "Desktop"


async def test_e2_whose_systems_nobody_else_changes(town):
    change = {"technical": {"hardware": "a toaster"}}
    assert (await town.bob("PATCH", "systems/S-1", change))[0] == 403
    assert (await town.eve("PATCH", "systems/S-1", change))[0] == 404
    assert (await town.ann("PATCH", "systems/S-9", change))[0] == 404
    for taken in ("S-9", "s_9", "S 9"):  # a crash report that says one of these is still the other's
        assert (await town.ann("POST", "systems", {"serial": taken, "technical": TECHNICAL}))[0] == 409
    status, body = await town.ann("PATCH", "systems/S-1", {"cloud": "eu-1"})
    assert (status, body["detail"]) == (403, "cloud: ask us to change that.")
    assert (await town.us("PATCH", "systems/S-1", {"cloud": "eu-1"}))[1]["cloud"] == "eu-1"


async def test_what_was_changed_is_what_counts_when_a_system_breaks(town):
    await town.ann("PATCH", "contacts/ann", {"phone": NEW})
    town.world.answers(NEW)
    await town.world.fails("s-1")
    await town.world.deliver()
    town.world.only_called(NEW)


async def test_e2_a_crash_of_a_system_that_was_registered_opens_an_incident(town):
    await town.ann("POST", "systems", {"serial": "S-2", "technical": TECHNICAL})
    await town.service.digest.accept(a_crash("S-2", at=town.world.clock()), token="tok")
    await town.service.digest.digest()
    assert (await town.world.incident(system="S-2"))["partner"] == "acme"


async def test_e4_out_of_hours_who_is_always_reachable_is_called_first(town):
    town.world.clock.now = MONDAY_AT_TEN  # four at night in Chicago
    await town.ann("PATCH", "contacts/bob", {"always_reachable": True})
    town.world.answers(BOB)
    await town.world.fails("s-1")
    await town.world.deliver()
    town.world.only_called(BOB)


async def test_p10_h6_p9_standing_is_shown_with_its_dates(town):
    _, licence = await town.us("GET", "licences/L-1")
    assert licence["standing"] == [
        {"name": "subscription", "holds": True, "from": "2026-01-01", "to": "2026-11-23"}
    ]
    town.world.clock.now = MONDAY_AT_TEN + timedelta(
        hours=19
    )  # four on Tuesday in Rome, ten on Monday evening in Chicago
    assert (await town.us("GET", "licences/L-1"))[1]["standing"][0]["holds"] is True
    town.world.clock.now = MONDAY_AT_TEN + timedelta(hours=21, minutes=1)
    assert (await town.us("GET", "licences/L-1"))[1]["standing"][0]["holds"] is False
    _, theirs = await town.eve("GET", "licences/L-9")
    assert theirs["standing"] == [{"name": "nda", "holds": True, "from": None, "to": None}]


async def test_a_contract_of_the_configuration_is_changed_there_and_one_on_record_here(town):
    status, body = await town.us("PATCH", "licences/L-1", {"seats": 9})
    assert (status, body["detail"]) == (409, "licence L-1 stands in the configuration: change it there")
    new = {
        "id": "L-2",
        "partner": "acme",
        "seats": 2,
        "account_id": "W-2",
        "subscription": {"to": "2027-01-31"},
    }
    assert (await town.us("POST", "licences", new))[1]["source"] == "registered"
    for name in ("Flo", "Gus"):
        assert (await town.us("POST", "contacts", {"partner": "acme", "licence": "L-2", "name": name}))[
            0
        ] == 201
    assert (await town.us("PATCH", "licences/L-2", {"seats": 1}))[0] == 409
    status, changed = await town.us("PATCH", "licences/L-2", {"nda": True, "subscription": None})
    assert [each["name"] for each in changed["standing"]] == ["nda"]
    status, body = await town.us(
        "POST", "licences", {"id": "L-3", "partner": "acme", "standing": {"gold": True}}
    )
    assert "knows no standing 'gold'" in body["detail"]


async def test_what_is_registered_outlives_a_restart_and_a_reload(tmp_path, database_url):
    async with a_town(tmp_path, database_url) as town:
        await town.ann("PATCH", "contacts/bob", {"phone": NEW})
        assert await town.service.reload() == ()
        assert (await town.us("GET", "contacts/bob"))[1]["phone"] == NEW
    clock = MovableClock(now=MONDAY_AT_TEN + timedelta(days=1))
    async with a_world(tmp_path, database_url, configuration=CONFIGURATION, clock=clock) as world:
        assert world.service.world.in_force.inventory.person("bob")[1].phone == NEW
        assert world.service.world.configured.inventory.person("bob")[1].phone == BOB


async def test_another_process_changes_it_and_the_next_round_sees_it(tmp_path, database_url):
    async with a_town(tmp_path, database_url) as town:
        before = town.service.world.in_force
        await town.service.rounds.once()
        assert town.service.world.in_force is before
        ground = registry.Ground(
            inventory=town.service.world.configured.inventory,
            policies=town.service.world.in_force.policies,
            viewer=people_of_ours(),
            now=town.world.clock(),
        )
        async with open_store(database_url, beside=True) as another:
            await another.write(registry.amend, ground, "bob", {"phone": NEW})
        assert town.service.world.in_force.inventory.person("bob")[1].phone == BOB
        await town.service.rounds.once()
        assert town.service.world.in_force.inventory.person("bob")[1].phone == NEW


def people_of_ours():
    from monitor.domain.access import Viewer

    return Viewer(name="nora", staff=True)


# -- E6: customers' own maintenance


def work(town, *, ahead, **other):
    starts = town.world.clock() + ahead
    return {
        "title": "New disks",
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=2)).isoformat(),
        "systems": ["S-1"],
    } | other


@pytest.mark.parametrize(
    ("ahead", "late"),
    [(timedelta(hours=72), False), (timedelta(hours=72, seconds=-1), True), (timedelta(minutes=5), True)],
    ids=["exactly 72 hours", "a second less", "five minutes"],
)
async def test_e6_a_late_notice_is_accepted_flagged_and_shown(town, ahead, late):
    status, made = await town.bob("POST", "maintenance", work(town, ahead=ahead))
    assert (status, made["late"], made["partner"], made["public"]) == (201, late, "acme", False)
    assert (await town.us("GET", f"maintenance?late={str(late).lower()}"))[1]["items"][0]["id"] == made["id"]
    assert "New disks" not in await (await town.client.get("/")).text()
    assert "New disks" not in await (await town.client.get("/api/v2/scheduled-maintenances.json")).text()


async def test_e6_an_announced_window_holds_what_a_finding_on_that_system_owes(town):
    _, made = await town.ann("POST", "maintenance", work(town, ahead=timedelta(minutes=1)))
    await town.world.passes_time(minutes=2)
    await town.world.fails("s-1")
    await town.world.deliver()
    town.world.only_called()
    assert (await town.world.incident(system="S-1"))["held_by"] == made["id"]
    town.world.answers(ANN)
    assert (await town.bob("POST", f"maintenance/{made['id']}/complete"))[0] == 200
    await town.world.deliver()
    town.world.only_called(ANN)


async def test_e6_nobody_announces_work_on_what_is_not_theirs(town):
    _, made = await town.ann("POST", "maintenance", work(town, ahead=timedelta(days=4)))
    assert await town.eve.ids("maintenance") == []
    assert (await town.eve("GET", f"maintenance/{made['id']}"))[0] == 404
    assert (await town.eve("POST", f"maintenance/{made['id']}/cancel"))[0] == 404
    for systems in (["S-1"], ["nothing"]):
        status, body = await town.eve(
            "POST", "maintenance", work(town, ahead=timedelta(days=4), systems=systems)
        )
        assert (status, body["errors"]) == (
            422,
            [{"pointer": "/systems/0", "detail": "There is nothing of this name"}],
        )
    assert (await town.eve("POST", "maintenance", work(town, ahead=timedelta(days=4), partner="acme")))[
        0
    ] == 404
    assert (await town.ann("POST", f"maintenance/{made['id']}/cancel"))[1]["status"] == "cancelled"


async def test_e6_major_work_is_told_in_full(town):
    major = work(town, ahead=timedelta(days=4), major=True)
    assert (await town.ann("POST", "maintenance", major))[0] == 422
    status, made = await town.ann("POST", "maintenance", major | {"body": "A new kernel on every node."})
    assert (status, made["major"], made["late"]) == (201, True, False)


async def test_e6_what_a_customer_told_us_by_phone_is_entered_for_them(town):
    status, made = await town.us("POST", "maintenance", work(town, ahead=timedelta(hours=1), partner="acme"))
    assert (status, made["partner"], made["late"], made["announced_by"]) == (201, "acme", True, "token:us")
    assert await town.bob.ids("maintenance") == [made["id"]]


async def test_h6_e6_the_noc_sees_contracts_technical_information_and_late_notices(town):
    await town.service.store.write(
        people.create_user,
        id="u",
        name="nora",
        password_hash=hash_password("correct horse battery"),
        role=people.Role.NOC,
        now=town.world.clock(),
    )
    await town.client.post("/noc/login", data={"user": "nora", "password": "correct horse battery"})
    await town.ann("PATCH", "contacts/bob", {"always_reachable": True})
    await town.ann("POST", "maintenance", work(town, ahead=timedelta(hours=1), title="<b>disks</b>"))
    page = await (await town.client.get("/noc/systems/S-1")).text()
    assert "subscription: valid, from 2026-01-01 until 2026-11-23" in page
    assert "2 registered on 3 seats" in page
    assert "always reachable" in page
    assert "Linux" in page
    page = await (await town.client.get("/noc/maintenance")).text()
    assert "announced late" in page
    assert "acme's own work, announced" in page
    assert "us and acme" in page
    assert "<b>disks" not in page
    form = await (await town.client.get("/noc/maintenance/new")).text()
    told = {
        "csrf": re.search(r'name="csrf" value="([^"]+)"', form)[1],
        "title": "Told by phone",
        "zone": "UTC",
        "starts_at": "2026-12-24T10:00",
        "ends_at": "2026-12-24T12:00",
        "systems": "S-1",
    }
    answer = await town.client.post("/noc/maintenance", data=told | {"partner": "acmee"})
    assert (answer.status, "There is nothing of this name" in await answer.text()) == (422, True)
    answer = await town.client.post("/noc/maintenance", data=told | {"partner": "acme", "major": "on"})
    assert (answer.status, "Major work is told in full" in await answer.text()) == (422, True)
    await town.client.post("/noc/maintenance", data=told | {"partner": "acme", "public": "on"})
    _, listed = await town.bob("GET", "maintenance")
    assert [(each["title"], each["late"], each["public"]) for each in listed["items"]] == [
        ("Told by phone", False, False),
        ("<b>disks</b>", True, False),
    ]
