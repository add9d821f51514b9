"""Two engines on one PostgreSQL, as real processes; the whole of it is ``python -m tests.soak together``."""

import pytest

from tests.crash.harness import lives
from tests.crash.together import together


@pytest.mark.slow
@pytest.mark.sampled(2, turns=True)
@pytest.mark.parametrize("point", ["ticket.before_open", "call.before_place"])
def test_an_engine_that_was_stopped_for_longer_than_its_lease_sends_nothing_that_another_has_sent(
    point, harness_on_postgresql
):
    first = harness_on_postgresql.server

    async def played():
        async with lives(server=first.server, beside=first, warm=False) as second:
            return await together(point, first, second)

    assert harness_on_postgresql.do(played()) == []
