"""The ledger on record: once per event whoever tells it, never more back than was charged, the year's end exact."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.domain.ledger import Account, Kind, Stamp, statements
from monitor.domain.request_rules import Prepaid
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import ledger, schema_ledger
from monitor.storage.engine import open_store
from monitor.storage.ledger import Terms
from tests.domain.test_contract_years import a_contract
from tests.factories import an_id

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
PREPAID = Prepaid(clause="6", rollover=15, months=12)
CONTRACT = a_contract("2025-03-01", zone="America/New_York")
TERMS = Terms(contract=CONTRACT, prepaid=PREPAID)
SECOND = CONTRACT.begins(1)


def a_stamp(partner="iris", at=NOON, **other):
    return Stamp(id=f"led_{an_id()}", partner=partner, at=at, **other)


async def buys(store, incidents, *, at=NOON, partner="iris", reference=None):
    return await store.write(ledger.purchase, a_stamp(partner, at), incidents, reference=reference or an_id())


async def charged(store, incidents, event, *, at=NOON, partner="iris"):
    return await store.write(ledger.charge, a_stamp(partner, at), incidents, event=event)


async def has(store, partner="iris"):
    return await store.read(ledger.balance, partner)


async def roll(store, now, partner="iris"):
    return await store.write(ledger.roll_over, partner, TERMS, now, an_id)


async def test_h5_the_balance_is_the_sum_of_the_lines(store):
    await buys(store, 20)
    await charged(store, 3, "R-1|turned-over")
    await buys(store, 7, partner="owl")
    assert (await has(store), await has(store, "owl"), await has(store, "nobody")) == (17, 7, 0)
    assert await store.read(ledger.unsound) == []


async def test_h4_an_event_is_charged_once_however_often_it_is_told(store):
    first = await charged(store, 1, "R-1|turned-over")
    again = await charged(store, 2, "R-1|turned-over", at=NOON + timedelta(days=1))
    assert (first.new, again.new, again.entry) == (True, False, first.entry)
    assert await has(store) == -1


async def test_h4_an_event_is_charged_once_whoever_tells_it_at_the_same_time(database_url):
    async with open_store(database_url) as store:
        told = await asyncio.gather(*(charged(store, 2, f"A-{n % 5}|held") for n in range(60)))
        assert sum(posted.new for posted in told) == 5
        assert await has(store) == -10
        assert await store.read(ledger.unsound) == []


async def test_h4_two_services_over_one_record_charge_an_event_once(postgresql_url):
    async with open_store(postgresql_url) as one, open_store(postgresql_url) as other:
        told = await asyncio.gather(
            *(charged(store, 2, f"A-{n}|held") for n in range(20) for store in (one, other))
        )
        assert sum(posted.new for posted in told) == 20
        assert await has(one) == -40


async def test_h4_what_costs_nothing_is_not_entered(store):
    assert await charged(store, 0, "R-9|emergency") is None
    assert await store.read(ledger.of_partner, "iris") == ()


async def test_h5_a_purchase_is_entered_once_per_reference_and_another_number_is_refused(store):
    first = await buys(store, 20, reference="INV-7")
    again = await buys(store, 20, reference="INV-7")
    assert (again.new, again.entry) == (False, first.entry)
    with pytest.raises(ConflictError, match="'INV-7' is on record already, of 20 incidents"):
        await buys(store, 30, reference="INV-7")
    await buys(store, 30, reference="INV-7", partner="owl")  # another customer's invoice
    assert (await has(store), await has(store, "owl")) == (20, 30)


async def test_h5_a_purchase_of_nothing_is_refused_and_leaves_nothing(store):
    with pytest.raises(ConflictError, match="one incident or more"):
        await buys(store, 0)
    assert await store.read(ledger.of_partner, "iris") == ()


async def give_back(store, charge, incidents, reference, partner="iris"):
    return await store.write(ledger.refund, a_stamp(partner), charge, incidents, reference=reference)


async def test_h5_refunds_never_exceed_the_charge(store):
    charge = (await charged(store, 5, "A-1|held")).entry
    await give_back(store, charge.id, 2, "a")
    with pytest.raises(ConflictError, match="between 1 and 3"):
        await give_back(store, charge.id, 4, "b")
    rest = await give_back(store, charge.id, None, "c")
    assert (rest.entry.into(Account.BALANCE), rest.entry.of) == (3, charge.id)
    with pytest.raises(ConflictError, match="refunded in full already"):
        await give_back(store, charge.id, 1, "d")
    assert await has(store) == 0


async def test_h5_a_refund_told_again_is_the_same_refund(store):
    charge = (await charged(store, 5, "A-1|held")).entry
    first = await give_back(store, charge.id, 5, "a")
    again = await give_back(store, charge.id, 5, "a")
    assert (again.new, again.entry) == (False, first.entry)
    with pytest.raises(ConflictError, match="'a' is on record already, of 5 incidents"):
        await give_back(store, charge.id, 2, "a")
    assert await has(store) == 0


async def test_h5_refunds_told_at_the_same_time_never_exceed_the_charge(database_url):
    async with open_store(database_url) as one:
        charge = (await charged(one, 5, "A-1|held")).entry
        told = await asyncio.gather(
            *(give_back(one, charge.id, 2, f"r{n}") for n in range(12)), return_exceptions=True
        )
        assert sum(isinstance(each, ledger.Posted) for each in told) == 2
        assert all(isinstance(each, ledger.Posted | ConflictError) for each in told)
        assert await has(one) == -1


async def test_h5_another_partners_charge_or_no_charge_is_not_refunded(store):
    charge = (await charged(store, 5, "A-1|held")).entry
    bought = (await buys(store, 5)).entry
    with pytest.raises(NotFoundError):
        await give_back(store, charge.id, 1, "a", partner="owl")
    with pytest.raises(NotFoundError):
        await give_back(store, "led_none", 1, "a")
    with pytest.raises(ConflictError, match="only a charge"):
        await give_back(store, bought.id, 1, "a")


async def test_h5_a_correction_needs_a_reason_and_is_entered_once(store):
    with pytest.raises(ConflictError, match="reason"):
        await store.write(ledger.correct, a_stamp(), -2, reference="1")
    for _ in range(2):
        await store.write(ledger.correct, a_stamp(text="typed 12 for 10"), -2, reference="1")
    assert await has(store) == -2


# the year's end ------------------------------------------------------------------------------------------


async def test_h5_at_the_anniversary_fifteen_go_on_and_the_rest_expires(store):
    await buys(store, 30)
    await charged(store, 8, "R-1|turned-over", at=SECOND - timedelta(microseconds=1))
    assert await roll(store, SECOND - timedelta(microseconds=1)) == []
    (entry,) = await roll(store, SECOND)
    assert (entry.at, entry.text) == (SECOND, "15 of 22 unused rolled over, 7 expired (section 6)")
    assert await has(store) == 15
    assert await roll(store, SECOND + timedelta(days=90)) == []


async def test_h5_a_purchase_at_the_very_moment_belongs_to_the_new_year(store):
    await buys(store, 10, at=SECOND - timedelta(microseconds=1))
    await buys(store, 20, at=SECOND)
    await roll(store, SECOND)
    assert await has(store) == 30


async def test_h5_years_missed_while_we_were_away_are_closed_each_by_its_own_balance(store):
    await buys(store, 40, at=CONTRACT.begins(0) + timedelta(days=1))
    await buys(store, 9, at=CONTRACT.begins(1) + timedelta(days=5))
    await charged(store, 2, "R-1|turned-over", at=CONTRACT.begins(2) + timedelta(days=5))
    made = await roll(store, CONTRACT.begins(3) + timedelta(hours=7))
    assert [(entry.at, entry.into(Account.EXPIRED)) for entry in made] == [
        (CONTRACT.begins(1), 25),
        (CONTRACT.begins(2), 9),
        (CONTRACT.begins(3), 0),
    ]
    assert await has(store) == 13
    closings = [
        s.closing
        for s in statements("iris", await store.read(ledger.of_partner, "iris"), CONTRACT, CONTRACT.begins(3))
    ]
    assert closings == [15, 15, 13, 13]


async def test_h5_what_comes_late_is_entered_in_the_year_that_is_open(store):
    await buys(store, 30)
    await roll(store, SECOND + timedelta(seconds=1))
    late = await charged(store, 4, "A-1|held", at=SECOND - timedelta(hours=1))
    assert late.entry.at == SECOND
    assert await roll(store, SECOND + timedelta(days=1)) == []
    assert await has(store) == 11


async def test_h5_a_charge_of_last_year_given_back_this_year_counts_this_year(store):
    await buys(store, 30)
    charge = (await charged(store, 10, "A-1|held")).entry
    await roll(store, SECOND)
    await store.write(ledger.refund, a_stamp(at=SECOND + timedelta(days=2)), charge.id, None, reference="a")
    assert await has(store) == 25


async def test_h5_a_ledger_that_was_never_used_has_nothing_to_close(store):
    assert await roll(store, SECOND + timedelta(days=4_000)) == []


async def test_h5_a_debt_is_carried_whole(store):
    await charged(store, 4, "A-1|held")
    (entry,) = await roll(store, SECOND)
    assert entry.text.endswith("; 4 owing (section 6)")
    assert (await has(store), entry.lines) == (-4, ())
    assert await roll(store, SECOND) == []
    assert await store.read(ledger.unsound) == []


async def test_h5_a_year_is_closed_once_whoever_closes_it_at_the_same_time(database_url):
    async with open_store(database_url) as store:
        await buys(store, 100, at=CONTRACT.begins(0) + timedelta(days=1))
        until = CONTRACT.begins(4)
        made = await asyncio.gather(*(roll(store, until) for _ in range(8)))
        assert sorted(entry.at for entries in made for entry in entries) == [
            CONTRACT.begins(n) for n in (1, 2, 3, 4)
        ]
        assert await has(store) == 15


async def test_h5_years_are_closed_exactly_while_others_charge(database_url):
    """The kind of moment that a stored balance loses: charges on both sides of midnight while the year is closed."""
    before, after = SECOND - timedelta(seconds=1), SECOND + timedelta(seconds=1)
    async with open_store(database_url) as store:
        await buys(store, 100)
        await asyncio.gather(
            *(charged(store, 1, f"R-{n}|b", at=before) for n in range(20)),
            *(roll(store, after) for _ in range(3)),
            *(charged(store, 1, f"R-{n}|a", at=after) for n in range(20)),
        )
        entries = await store.read(ledger.of_partner, "iris")
        (closing,) = (entry for entry in entries if entry.kind is Kind.ROLLOVER)
        unused = sum(entry.into(Account.BALANCE) for entry in entries if entry.at < SECOND)
        assert closing.into(Account.EXPIRED) == unused - 15
        in_new_year = sum(e.into(Account.BALANCE) for e in entries if e.at >= SECOND and e is not closing)
        assert await has(store) == 15 + in_new_year


async def test_h5_when_the_contracts_day_is_moved_no_year_is_closed_twice(store):
    await buys(store, 40)
    await roll(store, SECOND)
    moved = a_contract("2025-06-01", zone="America/New_York")
    made = await store.write(
        ledger.roll_over, "iris", Terms(contract=moved, prepaid=PREPAID), SECOND + timedelta(days=200), an_id
    )
    assert [entry.dedup for entry in made] == ["iris|rollover|2026-06-01"]
    assert moved.day(1) == date(2026, 6, 1)


async def test_an_entry_that_does_not_add_up_is_found(store):
    await buys(store, 5)

    def bend(c: sa.Connection) -> None:
        lines = schema_ledger.ledger_lines
        c.execute(sa.update(lines).where(lines.c.account == "balance").values(amount=6))

    await store.write(bend)
    assert len(await store.read(ledger.unsound)) == 1


async def test_an_event_of_one_partner_is_never_entered_for_another(store):
    await charged(store, 1, "R-1|turned-over")
    with pytest.raises(ConflictError, match="another partner"):
        await charged(store, 1, "R-1|turned-over", partner="owl")
