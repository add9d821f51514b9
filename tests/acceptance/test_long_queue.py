"""P2: a country's queue is long, and who agreed to English is served elsewhere; the case says why."""

import pytest

from tests.acceptance.desks import DESK, PLM_FIELDS, TUESDAY_AT_TEN, a_filing
from tests.acceptance.world import MovableClock, a_world

HERE = "support@plmgroup.dk"


async def queues(world, **fields):
    asked = {name: value for name, value in {**PLM_FIELDS, **fields}.items() if value is not None}
    done = await world.service.desk.file(a_filing(contact="bo", fields=asked))
    (row,) = await world.rows("requests", id=done.id)
    (event,) = await world.rows("events", request=done.id)
    return row["queue"], event["text"]


@pytest.mark.parametrize(
    ("english", "queue", "why"),
    [
        (True, "global", "more than 10; sent to global, as the requester agreed (section 2)"),
        (False, HERE, "more than 10; it stays there: english_ok: no (section 2)"),
    ],
    ids=["agreed", "refused"],
)
async def test_p2_the_twelfth_goes_to_global_support_if_they_agreed(
    tmp_path, database_url, english, queue, why
):
    clock = MovableClock(now=TUESDAY_AT_TEN)
    async with a_world(tmp_path, database_url, configuration=DESK, clock=clock) as world:
        for _ in range(11):
            assert (await queues(world, english_ok=True))[0] == HERE
        found, said = await queues(world, english_ok=english)
        assert found == queue
        assert said.endswith(why)
