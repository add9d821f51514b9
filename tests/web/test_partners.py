"""The partners browser: found by name, person, mail or number; one partner with who may be called now, and whom it serves."""

import html
import re
from dataclasses import replace

from monitor.domain.inventory import Partner
from monitor.storage.people import Role
from monitor.web.parts import PARTS
from tests.web.seeds import an_incident


async def text_of(world, path, status=200):
    answer = await world.client.get(path)
    text = await answer.text()
    assert answer.status == status, text
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


async def test_partners_are_found_by_name_person_mail_or_number_and_by_filter(world):
    await world.log_in(role=Role.VIEWER)
    aurora = world.inventory.partners["aurora"]
    person = aurora.contacts[0]
    for wanted in (aurora.name[:4], person.name, person.email, person.phone):
        assert aurora.name in await text_of(world, f"/noc/partners?q={wanted.replace('+', '%2B')}")
    assert "No partner fits" in await text_of(world, "/noc/partners?q=nobody-of-this-name")
    assert aurora.name in await text_of(world, f"/noc/partners?policy={aurora.policy}")
    assert "No partner fits" in await text_of(world, "/noc/partners?country=XX")
    await text_of(world, "/noc/partners?polcy=wildix", 422)


async def test_one_partner_says_who_may_be_called_now_and_why_and_links_what_is_theirs(world):
    await world.seed(an_incident)
    await world.log_in(role=Role.VIEWER)
    said = await text_of(world, "/noc/partners/aurora")
    assert "may be called" in said
    assert "Calls drop on PBX-1001" in said
    assert "PBX-1001" in said
    await text_of(world, "/noc/partners/nobody", 404)


async def test_many_partners_come_in_pages_and_whom_one_serves_is_listed(world):
    served = {
        f"p-{n:03}": Partner(id=f"p-{n:03}", name=f"Partner {n:03}", policy="wildix", assigned_to="aurora")
        for n in range(150)
    }
    world.configured = replace(world.configured, partners=dict(world.configured.partners) | served)
    await world.app[PARTS].registering.refresh()
    await world.log_in(role=Role.VIEWER)
    assert "Partner 090" in await text_of(world, "/noc/partners?assigned_to=aurora")
    assert re.search(r"101 to (\d+) of \1", await text_of(world, "/noc/partners?assigned_to=aurora&page=2"))
    assert "Partner 000" in await text_of(world, "/noc/partners/aurora")
    assert "Served through" in await text_of(world, "/noc/partners/p-000")
