"""The ledger balances after random operations of several processes, with retries and kills in between.

A sample of the long run, which is ``python -m tests.soak ledger``.
"""

import pytest

from tests.crash.fire import books
from tests.crash.mutants import LEDGER, mutant


@pytest.mark.slow
async def test_h5_the_ledger_balances_after_random_operations_with_kills_and_retries(database_url):
    found = await books(database_url, operations=200, seed=7, workers=3)
    assert found["problems"] == []
    assert found["killed"] > 0
    assert found["rollovers"] > 0


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", [name for name, database in LEDGER.items() if database == "sqlite"])
async def test_h5_the_harness_catches_a_bug_that_is_put_into_the_ledger(name, tmp_path):
    found = await books(
        f"sqlite:///{tmp_path / 'books.db'}", operations=120, seed=7, workers=2, tree=mutant(name, tmp_path)
    )
    assert found["problems"]
