"""Prepaid incidents over the years of a contract, kept by the running service."""

from datetime import UTC, datetime, timedelta

from monitor.domain.ledger import Account, Stamp
from monitor.storage import ledger
from tests.acceptance.world import MovableClock, a_world
from tests.factories import an_id

SITE = """
service: {name: Tocsin, zone: America/New_York}
phone: {driver: sandbox, from: "+390461171511"}
partners:
  - {id: iris, name: Iris Software, policy: helpdesk, country: US, contract_from: 2024-02-29}
  - {id: owl, name: Owl Press, policy: helpdesk, country: US}
"""
BOUGHT = datetime(2026, 1, 10, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 28, 5, tzinfo=UTC)
"""28 February in New York."""


async def buys(world, partner, incidents):
    stamp = Stamp(id=f"led_{an_id()}", partner=partner, at=world.clock())
    await world.service.store.write(ledger.purchase, stamp, incidents, reference=an_id())


async def has(world, partner):
    return await world.service.store.read(ledger.balance, partner)


async def expired(world, partner):
    entries = await world.service.store.read(ledger.of_partner, partner)
    return [(entry.at, entry.into(Account.EXPIRED)) for entry in entries if entry.kind == "rollover"]


async def test_h5_the_year_ends_to_the_second_by_itself(tmp_path, database_url):
    clock = MovableClock(now=BOUGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=SITE) as world:
        await buys(world, "iris", 40)
        await buys(world, "owl", 40)
        await world.service.rounds.once()
        clock.now = MIDNIGHT - timedelta(seconds=1)
        await world.service.rounds.once()
        assert await has(world, "iris") == 40
        clock.now = MIDNIGHT
        for _ in range(3):
            await world.service.rounds.once()
        assert (await has(world, "iris"), await has(world, "owl")) == (15, 40)
        assert await expired(world, "iris") == [(MIDNIGHT, 25)]


async def test_h5_years_that_ended_while_the_service_was_down_are_closed_when_it_is_back(
    tmp_path, database_url
):
    clock = MovableClock(now=BOUGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=SITE) as world:
        await buys(world, "iris", 40)
    clock.now = datetime(2028, 6, 1, tzinfo=UTC)
    async with a_world(tmp_path, database_url, clock=clock, configuration=SITE) as world:
        await world.service.rounds.once()
        assert await expired(world, "iris") == [
            (MIDNIGHT, 25),
            (datetime(2027, 2, 28, 5, tzinfo=UTC), 0),
            (datetime(2028, 2, 29, 5, tzinfo=UTC), 0),
        ]
        assert await has(world, "iris") == 15


async def test_h5_a_contract_that_is_configured_later_counts_from_then_on(tmp_path, database_url):
    clock = MovableClock(now=BOUGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=SITE) as world:
        await buys(world, "owl", 40)
        await world.service.rounds.once()
        world.path.write_text(
            SITE.replace(
                "policy: helpdesk, country: US}", "policy: helpdesk, country: US, contract_from: 2025-02-01}"
            )
        )
        clock.now = MIDNIGHT
        assert await world.service.reload() == ()
        await world.service.rounds.once()
        assert await expired(world, "owl") == [(datetime(2026, 2, 1, 5, tzinfo=UTC), 25)]
