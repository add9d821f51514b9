"""A new way of grouping: for a while its crashes go on in the groups that there are."""

from monitor.domain.crashes import GROUPINGS, TRANSITION, Grouping
from tests.acceptance.test_crash_reports import accepted, digested
from tests.factories import a_crash

NEXT = Grouping(
    version="v2", parts=lambda report: ("v2", report.process or "", report.frames[0].function or "")
)


async def test_after_an_upgrade_a_crash_joins_the_group_it_belonged_to_until_that_is_long_gone(world):
    await accepted(world, a_crash("PBX-1", at=world.clock()))
    await digested(world)
    (old,) = await world.rows("crash_groups")
    world.service.digest.groupings = (NEXT, *GROUPINGS)
    world.clock.forward(TRANSITION.total_seconds() - 60)
    await accepted(
        world, a_crash("PBX-1", at=world.clock()), a_crash("PBX-2", at=world.clock(), function="new")
    )
    await digested(world)
    after = {row["id"]: row["count"] for row in await world.rows("crash_groups")}
    assert after.pop(old["id"]) == 2
    assert [(id_[:3], count) for id_, count in after.items()] == [("v2:", 1)], "what nobody knew is new"
    assert len({row["group"] for row in await world.rows("crashes", system="PBX-1")}) == 1
    world.clock.forward(TRANSITION.total_seconds() + 60)
    await accepted(world, a_crash("PBX-1", at=world.clock()))
    await digested(world)
    newest = (await world.rows("crashes"))[-1]
    assert newest["group"].startswith("v2:")
    assert newest["group"] not in after
