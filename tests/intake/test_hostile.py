"""A sample of what ``python -m tests.soak hostile`` sends: every address, every kind of harm, against the whole service."""

import pytest
import pytest_asyncio

from tests.hostile.bodies import HOSTILE, endpoints, generated, hostile
from tests.hostile.run import attacked, served

ONE_IN = 20
GENERATED = 25


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory):
    async with served(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("number", range(len(endpoints())), ids=[each.name for each in endpoints()])
async def test_no_body_is_answered_with_5xx_or_stops_the_loop_and_afterwards_all_is_well(service, number):
    endpoint = endpoints()[number]
    bodies = hostile(endpoint)
    assert len(bodies) == HOSTILE
    some = [*bodies[number % ONE_IN :: ONE_IN], *generated(endpoint, GENERATED, seed=number)]
    outcome = await attacked(service, endpoint, some)
    assert outcome.wrong == []
    assert outcome.statuses.total() == len(some)
