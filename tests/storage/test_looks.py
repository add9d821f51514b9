"""Looks, heartbeats and components: kept in bulk, trimmed by the way, alike on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.domain.findings import Streak, Symptom, Verdict
from monitor.storage import looks
from monitor.storage.engine import Store
from monitor.storage.looks import ComponentChange, LookRow, PingTimes
from monitor.storage.schema import pings

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
UUID = "6f1f6f0e-0000-4000-8000-000000000001"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_look(check: str = "pbx-1001-sip", at: float = 0, verdict: Verdict = Verdict.UP, **more) -> LookRow:
    return LookRow(check=check, at=after(at), verdict=verdict, seconds=0.02, **more)


async def test_a_check_goes_on_where_it_stopped(store: Store) -> None:
    streak = Streak(reported=True, failing=4, failing_since=after(-180), symptom=Symptom.UNREACHABLE)
    await store.write(looks.save_looks, [a_look(verdict=Verdict.DOWN, detail="refused", streak=streak)])
    state = (await store.read(looks.load_check_states))["pbx-1001-sip"]
    assert state.streak == streak
    assert (state.verdict, state.detail, state.since, state.looked_at) == (Verdict.DOWN, "refused", NOW, NOW)


async def test_since_stays_while_the_verdict_does(store: Store) -> None:
    seen = [(0, Verdict.UP), (60, Verdict.UP), (120, Verdict.DOWN), (180, Verdict.DOWN), (240, Verdict.DOWN)]
    await store.write(looks.save_looks, [a_look(at=at, verdict=verdict) for at, verdict in seen[:4]])
    await store.write(looks.save_looks, [a_look(at=at, verdict=verdict) for at, verdict in seen[4:]])
    state = (await store.read(looks.load_check_states))["pbx-1001-sip"]
    assert (state.verdict, state.since, state.looked_at) == (Verdict.DOWN, after(120), after(240))


async def test_a_look_that_comes_late_does_not_overwrite_a_newer_one(store: Store) -> None:
    await store.write(looks.save_looks, [a_look(at=60, verdict=Verdict.DOWN)])
    await store.write(looks.save_looks, [a_look(at=0, verdict=Verdict.UP)])
    state = (await store.read(looks.load_check_states))["pbx-1001-sip"]
    assert (state.verdict, state.looked_at) == (Verdict.DOWN, after(60))


async def test_nothing_seen_is_nothing_saved(store: Store) -> None:
    await store.write(looks.save_looks, [])
    assert await store.read(looks.load_check_states) == {}


async def test_a_check_that_is_configured_no_longer_is_forgotten(store: Store) -> None:
    await store.write(looks.save_looks, [a_look("old"), a_look("kept")])
    assert await store.write(looks.forget_checks, but={"kept", "new"}) == ("old",)
    assert set(await store.read(looks.load_check_states)) == {"kept"}
    assert await store.write(looks.forget_checks, but={"kept"}) == ()


async def test_a_ping_of_an_unknown_heartbeat_is_not_taken(store: Store) -> None:
    assert await store.write(looks.record_ping, UUID, "success", NOW) is False
    assert await store.read(looks.last_ping, UUID) is None


async def test_a_heartbeat_keeps_the_time_it_became_known(store: Store) -> None:
    await store.write(looks.known_heartbeats, [UUID], NOW)
    await store.write(looks.known_heartbeats, [UUID, UUID.replace("1", "2")], after(60))
    assert await store.read(looks.last_ping, UUID) == PingTimes(created_at=NOW)


async def test_pings_move_their_own_times_and_only_forward(store: Store) -> None:
    await store.write(looks.known_heartbeats, [UUID], NOW)
    for kind, at, status, detail in [
        ("start", 10, None, ""),
        ("success", 20, 0, "backed up"),
        ("fail", 80, 3, "disk full"),
        ("log", 90, None, "a line of a log judges nothing"),
        ("success", 15, 0, "late"),
    ]:
        assert await store.write(looks.record_ping, UUID, kind, after(at), status, detail)
    assert await store.read(looks.last_ping, UUID) == PingTimes(
        created_at=NOW,
        last_start=after(10),
        last_success=after(20),
        last_failure=after(80),
        exit_status=3,
        detail="disk full",
    )
    assert await store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(pings))) == 5


async def test_runs_at_the_same_time_are_told_apart_and_each_has_its_duration(store: Store) -> None:
    one, two = UUID.replace("1", "3"), UUID.replace("1", "4")
    await store.write(looks.known_heartbeats, [UUID], NOW)

    async def pinged(kind: str, at: float, run: str | None) -> tuple[datetime | None, float | None]:
        await store.write(looks.record_ping, UUID, kind, after(at), None, "", run)
        known = await store.read(looks.last_ping, UUID)
        assert known is not None
        return known.running_since, known.duration

    assert await pinged("start", 10, one) == (after(10), None)
    assert await pinged("start", 20, two) == (after(20), None)
    assert await pinged("success", 50, one) == (after(20), 40.0), "the second is still at work"
    assert await pinged("fail", 55, two) == (None, 35.0)
    assert await pinged("success", 60, one.replace("3", "5")) == (None, None), "it never said that it began"
    assert await pinged("start", 70, None) == (after(70), None)
    assert await pinged("success", 73, None) == (None, 3.0)
    assert await pinged("success", 80, None) == (None, None)


async def test_an_unknown_kind_of_ping_is_a_bug(store: Store) -> None:
    await store.write(looks.known_heartbeats, [UUID], NOW)
    with pytest.raises(KeyError):
        await store.write(looks.record_ping, UUID, "maybe", NOW)


async def test_a_heartbeat_keeps_its_newest_pings(store: Store) -> None:
    def many(c: sa.Connection) -> None:
        looks.known_heartbeats(c, [UUID], NOW)
        for n in range(900):
            looks.record_ping(c, UUID, "success", after(n))

    await store.write(many)
    kept = await store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(pings)))
    assert looks.KEEP <= kept < looks.KEEP + 400


async def test_a_component_is_recorded_only_when_it_changes(store: Store) -> None:
    told = [
        await store.write(looks.record_component_status, "cloud-eu", status, after(at), "because")
        for at, status in [(0, "operational"), (60, "operational"), (120, "major"), (180, "operational")]
    ]
    assert told == [True, False, True, True]
    assert await store.read(looks.component_history, NOW) == tuple(
        ComponentChange(component="cloud-eu", status=status, at=after(at), because="because")
        for at, status in [(0, "operational"), (120, "major"), (180, "operational")]
    )


async def test_the_history_begins_with_what_each_component_had(store: Store) -> None:
    for component, status, at in [
        ("cloud-eu", "operational", 0),
        ("cloud-eu", "major", 60),
        ("cloud-us", "operational", 70),
        ("cloud-eu", "operational", 200),
    ]:
        await store.write(looks.record_component_status, component, status, after(at))
    history = await store.read(looks.component_history, after(100))
    assert [(change.component, change.status) for change in history] == [
        ("cloud-eu", "major"),
        ("cloud-us", "operational"),
        ("cloud-eu", "operational"),
    ]
