"""Looks in a ring, hours and days in cells, changes and absences: alike on both databases."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.findings import Verdict
from monitor.domain.rollups import LOOK_BYTES, pack_look
from monitor.domain.uptime import tally
from monitor.storage import announcements, history
from monitor.storage.engine import Store
from monitor.storage.history import Changed, Looked
from monitor.storage.schema_history import absences, check_changes, check_results, rollups

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
CHECK = "pbx-1001-sip"


def after(seconds: float = 0, **more: float) -> datetime:
    return NOW + timedelta(seconds=seconds, **more)


def looked(*looks: tuple[float, Verdict, float], check: str = CHECK, **more) -> Looked:
    packed = b"".join(pack_look(after(at), verdict, seconds) for at, verdict, seconds in looks)
    return Looked(check=check, looks=packed, **more)


def every_minute(first: int, last: int, verdict: Verdict = Verdict.UP, **more) -> Looked:
    return looked(*((minute * 60.0, verdict, 0.02) for minute in range(first, last)), **more)


def changed(at: float, state: str, check: str = CHECK, **more) -> Changed:
    return Changed(check=check, at=after(at), state=state, **more)


async def hours(store: Store, check: str = CHECK):
    found = await store.read(history.periods, check, "hour", after(days=-30), after(days=30))
    return {one.start: one.cell for one in found}


async def test_the_ring_keeps_exactly_the_newest_looks_and_no_byte_more(store: Store) -> None:
    for start in range(0, 300, 50):
        await store.write(history.flush, [every_minute(start, start + 50)], keep=120)
    size = await store.read(lambda c: c.scalar(sa.select(sa.func.length(check_results.c.looks))))
    assert size == 120 * LOOK_BYTES
    found = await store.read(history.results, CHECK, limit=500)
    assert [one.at for one in found] == [after(60 * minute) for minute in range(299, 179, -1)]
    assert len(await store.read(history.results, CHECK, limit=5)) == 5
    assert await store.read(history.results, "nobody", limit=5) == ()


async def test_what_a_look_said_is_kept_with_it_where_it_was_not_well(store: Store) -> None:
    at = int(after(60).timestamp() * 1000)
    one = looked((0, Verdict.UP, 0.02), (60, Verdict.DOWN, 5.0), said=((at, "refused"),))
    await store.write(history.flush, [one], keep=10)
    await store.write(history.flush, [looked((120, Verdict.UP, 0.02))], keep=10)
    found = await store.read(history.results, CHECK, limit=10)
    assert [(one.verdict, one.detail) for one in found] == [
        (Verdict.UP, ""),
        (Verdict.DOWN, "refused"),
        (Verdict.UP, ""),
    ]


async def test_an_hour_closes_with_its_states_integrated_and_its_looks_counted(store: Store) -> None:
    await store.write(
        history.put_changes, [changed(0, "up"), changed(600, "down"), changed(900, "up")], after(1000)
    )
    await store.write(history.flush, [every_minute(0, 60)], keep=120)
    assert await hours(store) == {}
    await store.write(history.flush, [every_minute(60, 61)], keep=120)
    cell = (await hours(store))[NOW]
    assert (cell.up, cell.down, cell.unknown, cell.looks) == (3300, 300, 0, 60)
    assert abs(cell.p95 - 0.02) < 0.0002


async def test_flushing_again_after_a_kill_counts_nothing_twice(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up")], NOW)
    for _ in range(2):
        await store.write(history.flush, [every_minute(0, 61)], keep=120)
    first = await hours(store)
    await store.write(history.flush, [every_minute(120, 121)], keep=120)
    assert (await hours(store))[NOW].up == first[NOW].up == 3600


async def test_hours_in_which_nobody_looked_have_their_states_all_the_same(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up")], NOW)
    await store.write(history.flush, [looked((0, Verdict.UP, 0.1))], keep=120)
    await store.write(history.flush, [looked((4 * 3600, Verdict.UP, 0.1))], keep=120)
    found = await hours(store)
    assert [(cell.up, cell.looks) for cell in found.values()] == [(3600, 1), (3600, 0), (3600, 0), (3600, 0)]


async def test_our_own_absence_is_unknown_and_never_up(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up")], NOW)
    await store.write(history.flush, [looked((0, Verdict.UP, 0.1))], keep=120)
    await store.write(history.put_absence, after(1800), after(5400))
    await store.write(history.put_changes, [changed(5460, "up")], after(5460))
    await store.write(history.flush, [looked((5460, Verdict.UP, 0.1), (7200, Verdict.UP, 0.1))], keep=120)
    first, second = (await hours(store)).values()
    assert (first.up, first.unknown) == (1800, 1800)
    assert (second.up, second.unknown) == (3600 - 1860, 1860)


async def test_planned_work_is_counted_as_such_until_it_is_done(store: Store) -> None:
    work = Maintenance(
        id="m1", title="t", body="", starts_at=after(600), ends_at=after(1800), systems=("PBX-1001",)
    )
    await store.write(announcements.plan, work, now=NOW, actor="noc", update_id="u1")
    await store.write(
        announcements.move_maintenance,
        "m1",
        MaintenanceStatus.COMPLETED,
        now=after(1200),
        actor="noc",
        update_id="u2",
    )
    await store.write(history.put_changes, [changed(0, "up"), changed(700, "down")], after(1000))
    await store.write(history.flush, [every_minute(0, 61, system="PBX-1001")], keep=120)
    cell = (await hours(store))[NOW]
    assert (cell.up, cell.maintenance, cell.down) == (600, 600, 2400)


async def test_a_belief_that_is_dated_back_into_a_closed_hour_counts_it_again(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up")], NOW)
    await store.write(history.flush, [every_minute(0, 61)], keep=120)
    await store.write(history.put_changes, [changed(3300, "down")], after(3900))
    cell = (await hours(store))[NOW]
    assert (cell.up, cell.down, cell.looks) == (3300, 300, 60)


async def test_a_day_closes_from_its_changes_and_all_its_looks(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up"), changed(7200, "down")], after(7200))
    for hour in range(18):
        await store.write(history.flush, [looked((hour * 3600, Verdict.UP, 0.1))], keep=120)
    days = await store.read(history.periods, CHECK, "day", after(days=-2), after(days=2))
    assert [one.start for one in days] == [datetime(2026, 11, 26, tzinfo=UTC)]
    cell = days[0].cell
    assert (cell.unknown, cell.up, cell.down, cell.looks) == (8 * 3600, 7200, 14 * 3600, 16)


async def test_what_is_older_than_it_is_kept_goes_and_what_stands_stays(store: Store) -> None:
    old = -500 * 86_400
    await store.write(
        history.put_changes, [changed(old, "up"), changed(old + 60, "down"), changed(old + 120, "up")], NOW
    )
    await store.write(history.put_absence, after(old), after(old + 30))
    await store.write(
        history.flush, [looked((old, Verdict.UP, 0.1), (old + 90_000, Verdict.UP, 0.1))], keep=120
    )
    assert await store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(rollups)))
    await store.write(history.flush, [looked((0, Verdict.UP, 0.1), (90_000, Verdict.UP, 0.1))], keep=120)
    oldest = await store.read(
        lambda c: c.scalar(sa.select(sa.func.min(rollups.c.bucket)).where(rollups.c.step == "day"))
    )
    assert oldest >= 2025 * 12 + 9
    left = await store.read(lambda c: list(c.execute(sa.select(check_changes))))
    assert [(row.at, row.state) for row in left] == [(after(old + 120), "up")]
    await store.write(history.prune, NOW)
    assert await store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(absences))) == 0


async def test_states_of_many_checks_are_read_at_once(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up", f"c{n}") for n in range(1100)], NOW)
    held = await store.read(history.spans_of, [f"c{n}" for n in range(1200)], NOW, after(60))
    assert sum(tally(one, NOW, after(60)).seconds == {"up": 60.0} for one in held.values()) == 1100
    assert tally(held["c1150"], NOW, after(60)).seconds == {"unknown": 60.0}


async def test_a_check_that_is_looked_at_no_more_keeps_its_states_and_loses_its_looks(store: Store) -> None:
    await store.write(history.put_changes, [changed(0, "up")], NOW)
    await store.write(history.flush, [every_minute(0, 61)], keep=120)
    await store.write(history.forget, [CHECK])
    assert await store.read(history.results, CHECK, limit=5) == ()
    assert list(await hours(store)) == [NOW]
