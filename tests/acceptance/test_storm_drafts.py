"""Drafts: what is found is published at once, or only proposed, as the class's policy says; nobody waits for what is theirs alone."""

from pathlib import Path

import pytest

from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.world import a_world

WILDIX = Path(__file__).parents[2] / "config" / "policies" / "wildix.yaml"


@pytest.mark.parametrize("publish", ["draft", "at_once"])
async def test_the_class_says_whether_the_public_hears_of_it_at_once(tmp_path, sqlite_url, publish):
    other = "at_once" if publish == "draft" else "draft"
    mine = WILDIX.read_text().replace("policy: wildix", "policy: mine", 1)
    mine = mine.replace("analyse_now: true}", f"analyse_now: true, publish: {publish}}}", 1)
    (tmp_path / "mine.yaml").write_text(mine)
    fleet = Fleet(systems=12, others=0)
    configured = fleet.configuration(publish=other).replace("policy: wildix", "policy: mine")
    async with a_world(tmp_path, sqlite_url, configuration="policies: [mine.yaml]\n" + configured) as world:
        await fall(world, fleet.checks())
        (problem,) = await world.rows("incidents", is_global=True)
        assert problem["public"] == (publish == "at_once")


async def test_a_partner_whose_four_systems_fail_is_told_at_once_and_the_public_never(tmp_path, sqlite_url):
    fleet = Fleet(systems=60, others=0, partners=15)
    async with a_world(tmp_path, sqlite_url, configuration=fleet.configuration(systems=3, many=20)) as world:
        await fall(world, [check for check in fleet.checks() if int(check.split("-")[2]) % 15 == 3])
        await seconds(world, 8)
        (problem,) = await world.rows("incidents", is_global=True)
        assert (problem["title"], problem["public"]) == ("Partner partner-3: many systems fail", False)
        tickets = await world.rows("tickets")
        assert {ticket["partner"] for ticket in tickets} == {"partner-3"}
        assert problem["title"] not in world.service.pages.get("/").body.decode()
