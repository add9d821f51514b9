"""What people read and say of groups of crashes, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.crash_fixes import Fix
from monitor.domain.crashes import CrashGroup
from monitor.errors import NotFoundError
from monitor.storage import crash_fixes, crash_groups, crash_losses, crashes
from monitor.storage.crash_fixes import Regression
from monitor.storage.lists import Wanted
from tests.storage.test_crashes import a_crash, digested

NOW = datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC)
GROUP = CrashGroup(id="v1:g", title="S | f", grouped_by=("kind: crash",))


def a_fix(version: str, **changes) -> Fix:
    return Fix(**{"group": "v1:g", "version": version, "said_by": "nora", "said_at": NOW} | changes)


async def test_the_newest_word_is_in_force_until_it_is_taken_back(store):
    with pytest.raises(NotFoundError):
        await store.write(crash_fixes.say, a_fix("5.03"))
    await store.write(crashes.bump_group, GROUP, at=NOW)
    await store.write(crash_fixes.say, a_fix("5.03"))
    await store.write(crash_fixes.say, a_fix("5.04", note="really"))
    assert await store.read(crash_fixes.in_force, ["v1:g", "v1:x"]) == {"v1:g": a_fix("5.04", note="really")}
    back = Regression(group="v1:g", version="5.05", system="PBX-1")
    assert await store.write(crash_fixes.regress, back, NOW)
    assert not await store.write(crash_fixes.regress, back, NOW), "it is open already"
    newest, first = await store.read(crash_fixes.history, "v1:g")
    assert (newest.version, newest.regressed_in, newest.regressed_on, newest.regressed_at) == (
        "5.04",
        "5.05",
        "PBX-1",
        NOW,
    )
    assert (first.version, first.regressed_at) == ("5.03", None)
    assert await store.write(crash_fixes.withdraw, "v1:g", NOW)
    assert not await store.write(crash_fixes.withdraw, "v1:g", NOW)
    assert await store.read(crash_fixes.in_force, ["v1:g"]) == {}


async def test_a_group_is_spread_over_versions_systems_and_days(store):
    await store.write(crashes.bump_group, GROUP, at=NOW, count=4)
    rows = [
        a_crash(f"k{n}", received_at=NOW - timedelta(days=days), system=system, group="v1:g", version=version)
        for n, (days, system, version) in enumerate(
            [(0, "PBX-1", "5.02"), (0.99, "PBX-2", "5.02"), (1, "PBX-2", None), (29.9, None, "5.01"), (31, "PBX-9", "4")]
        )
    ]  # fmt: skip
    await store.write(crashes.insert_crashes, rows)
    await store.write(crashes.mark_digested, [digested("k0", outcome="fixed")], NOW)
    found = await store.read(crash_groups.spread, "v1:g", NOW)
    assert [(s.name, s.reports, s.systems) for s in found.versions] == [
        ("5.02", 2, 2),
        ("", 1, 1),
        ("5.01", 1, 0),
    ]
    assert [(s.name, s.reports) for s in found.systems] == [("PBX-2", 2), ("PBX-1", 1)]
    assert (found.unmapped, found.quiet, found.days) == (1, 1, {0: 2, 1: 1, 29: 1})
    last = await store.read(crash_groups.last_report, "v1:g")
    assert last is not None
    assert last.key == "k0"
    group = await store.read(crash_groups.find_group, "v1:g")
    assert (group.title, group.grouped_by, group.count) == ("S | f", ("kind: crash",), 4)


async def test_losses_add_up_by_credential_and_reason(store):
    for token in ("a", "b", "a"):
        await store.write(crash_losses.note, token, {"x": 2, "y": 1}, NOW)
    found = (await store.read(crash_losses.list_losses, Wanted(equal={"token": "a"}))).items
    assert {(each.reason, each.count) for each in found} == {("x", 4), ("y", 2)}


async def test_what_an_older_grouping_knows_is_adopted_while_it_is_alive(store):
    await store.write(crashes.bump_group, GROUP, at=NOW)
    older = {"v2:a": ("v1:g",), "v2:b": ("v1:none",)}
    assert await store.read(crash_groups.adopting, older, NOW) == {"v2:a": "v1:g"}
    assert await store.read(crash_groups.adopting, older, NOW + timedelta(seconds=1)) == {}
    await store.write(crashes.bump_group, CrashGroup(id="v2:a", title="", grouped_by=()), at=NOW)
    assert await store.read(crash_groups.adopting, older, NOW) == {}
