"""What a customer keeps up and accounts for in the portal: production systems by role, and the ledger of any period."""

import csv
import io
import re
from datetime import timedelta

from monitor.domain.ledger import Stamp
from monitor.storage import ledger
from monitor.storage.people import Role
from tests.acceptance.test_people import CONFIGURATION as ACME
from tests.acceptance.test_people import TECHNICAL
from tests.acceptance.test_portal import a_portal
from tests.factories import an_id


def plain(visitor):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", visitor.text))


async def test_e2_whoever_is_in_charge_registers_a_system_with_what_the_policy_asks_and_keeps_it_up(
    tmp_path, sqlite_url
):
    async with a_portal(tmp_path, sqlite_url, configuration=ACME) as world:
        ann = await (await world.visitor("ann")).get("/portal/systems")
        assert 'href="/portal/systems/new"' in ann.text
        await ann.get("/portal/systems/new")
        assert ann.asked() == ["serial", "name", "host", "version", *TECHNICAL]
        await ann.post("/portal/systems", {"serial": "S-2", "name": "Spare", "product": "Desktop"})
        assert ann.status == 422
        assert ann.fault("hardware") == "This is needed here (section Contact Procedures)."
        assert ann.typed("name") == "Spare"
        await ann.post("/portal/systems", {"serial": "S-2", "name": "Spare", **TECHNICAL})
        assert (ann.status, ann.path) == (200, "/portal/systems/S-2")
        assert "The system is registered." in ann.text
        assert "arm64" in ann.text
        await ann.get("/portal/systems/S-2/edit")
        await ann.post("/portal/systems/S-2", {"name": "Spare", **TECHNICAL, "hardware": "riscv"})
        assert "riscv" in ann.text
        await ann.get("/portal/systems/new")
        await ann.post("/portal/systems", {"serial": "S-9", "name": "Mine now", **TECHNICAL})
        assert ann.status == 422
        assert "Evil" not in ann.text


async def test_e2_who_may_not_change_systems_is_told_so_with_the_clause_and_another_finds_none(
    tmp_path, sqlite_url
):
    async with a_portal(tmp_path, sqlite_url, configuration=ACME) as world:
        bob = await (await world.visitor("bob")).get("/portal/systems/new")
        assert (
            "You cannot register a system here. Regular contacts do not change systems (section Contact Procedures)"
            in plain(bob)
        )
        hidden = (await bob.get("/portal/news")).hidden()
        await bob.post("/portal/systems/S-1", {"name": "Mine"}, **hidden)
        assert bob.status == 422
        eve = await world.visitor("eve")
        hidden = (await eve.get("/portal/news")).hidden()
        for path in ("/portal/systems/S-1/edit", "/portal/systems/S-1"):
            assert (await eve.get(path)).status == 404
        assert (await eve.post("/portal/systems/S-1", {"name": "Mine"}, **hidden)).status == 404
        assert world.service.world.in_force.inventory.systems["S-1"].name == "Main"


async def test_a_partner_contact_keeps_no_systems_up(tmp_path, sqlite_url):
    async with a_portal(tmp_path, sqlite_url, configuration=ACME) as world:
        ann = await (await world.visitor("ann", role=Role.PARTNER_CONTACT)).get("/portal/systems")
        assert 'href="/portal/systems/new"' not in ann.text
        assert (await ann.get("/portal/systems/new")).status in (403, 404)
        assert (await ann.get("/portal/systems/S-1/edit")).status == 404


async def test_h5_a_statement_of_any_period_adds_up_to_the_balance_line_by_line_and_as_a_file(
    tmp_path, sqlite_url
):
    async with a_portal(tmp_path, sqlite_url) as world:
        start = world.clock()
        for day, incidents, text in ((0, 10, "Invoice 1"), (1, 5, "=Invoice 2"), (40, 3, "Invoice 3")):
            stamp = Stamp(id=an_id(), partner="museum", at=start + timedelta(days=day), text=text)
            await world.service.store.write(ledger.purchase, stamp, incidents, reference=an_id())
        world.clock.now = start + timedelta(days=50)
        mia = await (await world.visitor("mia")).get("/portal/ledger")
        assert "18 left" in plain(mia)
        rows = re.findall(r'<td class="num">([^<]*)</td><td class="num">(?:<strong>)?(\d+)', mia.text)
        assert rows == [("+10", "10"), ("+5", "15"), ("+3", "18"), ("+18", "18")]
        first = (start + timedelta(days=1)).date()
        await mia.get(f"/portal/ledger?from={first}&to={first}")
        rows = re.findall(r'<td class="num">([^<]*)</td><td class="num">(?:<strong>)?(\d+)', mia.text)
        assert rows == [("+5", "15"), ("+5", "15")]
        assert '<td class="num">10</td>' in mia.text
        await mia.get(f"/portal/ledger.csv?from={first}&to={first}")
        told = list(csv.reader(io.StringIO(mia.text.lstrip("\ufeff"))))
        assert [row[5] for row in told] == ["balance", "10", "15"]
        assert told[2][2] == "'=Invoice 2", "no cell is a formula"
        assert (await mia.get("/portal/ledger?from=tomorrow")).status == 422
        giulia = await world.visitor("giulia")
        for path in ("/portal/ledger", "/portal/ledger.csv"):
            assert (await giulia.get(path)).status == 404
