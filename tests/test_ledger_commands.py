"""The ledger's commands: what they print, what they refuse, and that saying it twice enters it once."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from monitor import cli
from monitor.domain.ledger import Stamp
from monitor.storage import ledger
from monitor.storage.engine import open_store

SITE = """
partners:
  - {id: iris, name: Iris Software, policy: helpdesk, country: US, contract_from: 2024-02-29}
  - {id: owl, name: Owl Press, policy: helpdesk, country: US}
"""


@pytest.fixture
def tocsin(tmp_path, sqlite_url, capsys):
    (tmp_path / "site.yaml").write_text(f"database: {sqlite_url}\n{SITE}")

    def run(*words):
        status = cli.main(["ledger", words[0], "-c", str(tmp_path / "site.yaml"), *words[1:]])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def statement(tocsin, partner="iris"):
    return json.loads(tocsin("statement", partner, "--json")[1])


def test_h5_a_purchase_is_entered_once_and_the_balance_is_told(tocsin):
    status, out, _ = tocsin("purchase", "iris", "40", "--reference", "INV-7")
    assert (status, out.split(": ")[1]) == (0, "entered; iris has 40 incidents\n")
    _, out, _ = tocsin("purchase", "iris", "40", "--reference", "INV-7")
    assert "on record already, nothing entered; iris has 40 incidents" in out
    status, out, err = tocsin("purchase", "iris", "41", "--reference", "INV-7")
    assert (status, out, err) == (1, "", "purchase 'INV-7' is on record already, of 40 incidents\n")


def test_h5_refunds_and_corrections_are_told(tocsin, sqlite_url):
    async def charges():
        async with open_store(sqlite_url) as store:
            stamp = Stamp(id="led_1", partner="iris", at=datetime(2026, 11, 1, tzinfo=UTC))
            await store.write(ledger.charge, stamp, 5, event="apt_1|held")

    asyncio.run(charges())
    assert (
        "iris has 3 incidents owing"
        in tocsin("refund", "iris", "led_1", "--incidents", "2", "--reference", "a")[1]
    )
    assert tocsin("refund", "iris", "led_1", "--incidents", "4", "--reference", "b")[0] == 1
    assert "iris has 0 incidents" in tocsin("refund", "iris", "led_1", "--reference", "c")[1]
    _, out, _ = tocsin("correct", "iris", "--reference", "d", "--because", "typed wrongly", "--", "-2")
    assert "iris has 2 incidents owing" in out
    kinds = [entry["kind"] for year in statement(tocsin)["statements"] for entry in year["entries"]]
    assert sorted(kinds) == ["charge", "correction", "refund", "refund"]


def test_h5_a_statement_is_a_table_by_contract_year_in_the_customers_days(tocsin, sqlite_url):
    async def lives():
        async with open_store(sqlite_url) as store:
            last_second = datetime(2025, 2, 28, 4, 59, 59, tzinfo=UTC)  # of 27 February in New York
            for number, at in enumerate((last_second, datetime(2025, 2, 28, 5, tzinfo=UTC))):
                stamp = Stamp(id=f"led_{number}", partner="iris", at=at, text=f"INV-{number}")
                await store.write(ledger.purchase, stamp, 10 + number, reference=str(number))

    asyncio.run(lives())
    lines = tocsin("statement", "iris")[1].splitlines()
    assert lines[:6] == [
        "Iris Software (iris): 21 incidents",
        "",
        "contract year 2024-02-29 to 2025-02-28",
        "  opening                                                           0",
        "  2025-02-27 purchase   led_0                              +10     10  INV-0",
        "  closing                                                          10",
    ]
    assert "  2025-02-28 purchase   led_1                              +11     21  INV-1" in lines


def test_h5_without_a_contract_the_statement_says_so(tocsin):
    assert "everything (no contract year is known, so nothing expires)" in tocsin("statement", "owl")[1]


def test_an_unknown_partner_is_told_with_what_was_meant(tocsin):
    status, out, err = tocsin("statement", "irs")
    assert (status, out, err) == (1, "", "unknown partner 'irs'; did you mean iris?\n")


@pytest.mark.parametrize("words", [("purchase", "iris", "0", "--reference", "a"), ("purchase", "iris", "3"), ("correct", "iris", "3", "--reference", "a")], ids=["nothing", "no reference", "no reason"])  # fmt: skip
def test_wrong_usage_is_told(tocsin, words):
    assert tocsin(*words)[0] == 2
