"""Prepaid incidents over the years of a contract, kept by the running service."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.ledger import Account, Stamp
from monitor.domain.request_life import Outcome
from monitor.settings import shipped
from monitor.storage import ledger
from monitor.storage.engine import StorageUnavailableError
from tests.acceptance.desks import a_filing
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


class Unlucky:
    """A record that one partner's ledger cannot be written in, for a while."""

    def __init__(self, store, partner):
        self.store, self.partner = store, partner

    async def read(self, fn, *args, **kw):
        return await self.store.read(fn, *args, **kw)

    async def write(self, fn, partner, *args, **kw):
        if partner == self.partner:
            raise StorageUnavailableError("the database is locked")
        return await self.store.write(fn, partner, *args, **kw)


async def test_h5_a_ledger_that_cannot_be_closed_now_holds_up_nobody_elses_and_is_tried_again(
    tmp_path, sqlite_url
):
    clock = MovableClock(now=BOUGHT)
    site = SITE.replace(
        "policy: helpdesk, country: US}", "policy: helpdesk, country: US, contract_from: 2025-02-28}"
    )
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=site) as world:
        await buys(world, "iris", 40)
        await buys(world, "owl", 40)
        ends, clock.now = world.service.rounds.year_ends, MIDNIGHT
        ends.store = Unlucky(world.service.store, "iris")
        await world.service.rounds.once()
        assert (await has(world, "iris"), await has(world, "owl")) == (40, 15)
        assert world.service.rounds.last == MIDNIGHT  # the other rounds went on
        ends.store = world.service.store
        clock.forward(60)
        await world.service.rounds.once()
        assert await expired(world, "iris") == [(MIDNIGHT, 25)]


STRICT = "policies: [strict.yaml]" + SITE.replace(
    "country: US}", "country: US, contacts: [{id: otto, name: Otto Reed, email: otto@owl.example}]}"
)


@pytest.fixture
async def strict(tmp_path, sqlite_url):
    """The help desk, if its document refused to serve on credit."""
    text = shipped("policies", "helpdesk.yaml").read_text(encoding="utf-8")
    words = "without_credit: refused\n    refusal: order incidents at shop.example"
    (tmp_path / "strict.yaml").write_text(text.replace("without_credit: served", words))
    clock = MovableClock(now=BOUGHT)
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=STRICT) as world:
        yield world


def asks(priority="ticket"):
    return a_filing(contact="otto", fields={"message": "It is slow.", "subject": "Slow"}, priority=priority)


async def test_h5_where_the_policy_serves_nobody_on_credit_a_request_is_refused_until_incidents_are_bought(
    strict,
):
    desk = strict.service.desk
    refused = await desk.file(asks())
    assert refused.id is None
    assert refused.judgement.objections == (
        "1 needed, 0 left: order incidents at shop.example (section Service & Support Incidents)",
    )
    await buys(strict, "owl", 1)
    assert (await desk.file(asks())).id is not None
    assert (await desk.file(asks("appointment"))).id is None  # needs two
    assert (await desk.file(asks("emergency"))).id is not None  # costs nothing


async def test_h5_as_the_document_is_read_nobody_is_refused_for_want_of_incidents(tmp_path, sqlite_url):
    clock = MovableClock(now=BOUGHT)
    site = STRICT.replace("policies: [strict.yaml]", "")
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=site) as world:
        filed = await world.service.desk.file(asks())
        await world.service.casework.triage(filed.id, Outcome.TICKET, actor="nadia")
        assert await has(world, "owl") == -1
