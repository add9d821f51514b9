"""What was, kept as it happens: beliefs dated rightly, looks in batches, kills and absences."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.findings import Observation, Streak, Symptom, Thresholds, Verdict, detect
from monitor.domain.uptime import State, spans, tally
from monitor.history import FLUSH_AFTER, History, belief
from monitor.storage import history
from monitor.storage.engine import Store
from monitor.storage.looks import LookRow, load_check_states
from monitor.world import InForce, Watched, World

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN
LIMITS = Thresholds(down_after=3, up_after=2)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def rows_of(verdicts, check="c", every=60, first=0):
    """The looks of a check as the pipeline hands them on."""
    streak, rows = Streak(), []
    for n, verdict in enumerate(verdicts):
        at = after((first + n) * every)
        streak, _ = detect(
            streak, Observation(check=check, at=at, verdict=verdict, symptom=Symptom.UNREACHABLE), LIMITS
        )
        rows.append(LookRow(check=check, at=at, verdict=verdict, seconds=0.02, detail="said", streak=streak))
    return rows


def believed_of(rows):
    known, changes = ("unknown", datetime(1970, 1, 1, tzinfo=UTC)), {}
    for row in rows:
        new = belief(row, known)
        if new is not None:
            assert new[1] >= known[1]
            if new[0] != known[0]:
                changes[new[1]] = new[0]
            known = new
    return sorted(changes.items())


def oracle(verdicts):
    """What is true in each minute, with everything known that came later."""
    states, stands, n = [], False, 0
    while n < len(verdicts):
        bad = verdicts[n] is DOWN
        run = n
        while run < len(verdicts) and (verdicts[run] is DOWN) is bad:
            run += 1
        if bad is not stands and run - n >= (LIMITS.down_after if bad else LIMITS.up_after):
            stands = bad
        elif bad and not states:
            states += ["unknown"] * (run - n)  # it failed from the first look on, and was not believed
            n = run
            continue
        states += ["down" if stands else "up"] * (run - n)
        n = run
    return states


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([UP, UP, DOWN]), min_size=1, max_size=40))
def test_beliefs_are_dated_back_to_the_look_with_which_they_began(verdicts):
    end = after(60 * len(verdicts))
    held = spans(believed_of(rows_of(verdicts)), start=NOW, end=end, known_until=end)
    every = oracle(verdicts)
    assert tally(held, NOW, end).seconds == {state: 60.0 * every.count(state) for state in set(every)}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([UP, UP, DOWN, UNKNOWN]), min_size=1, max_size=40))
def test_what_could_not_say_is_unknown_until_a_look_says_something(verdicts):
    end = after(60 * len(verdicts))
    held = spans(believed_of(rows_of(verdicts)), start=NOW, end=end, known_until=end)
    for n, verdict in enumerate(verdicts):
        within = tally(held, after(60 * n), after(60 * n + 60)).seconds
        if verdict is UNKNOWN:
            assert set(within) == {"unknown"}
        if verdict is UP:
            assert State.UNKNOWN not in within


def test_slow_and_flapping_are_degraded_and_a_certificate_that_expires_is_no_outage():
    down = rows_of([UP, DOWN, DOWN, DOWN])[-1]
    known = ("up", NOW)
    slow = replace(down, streak=replace(down.streak, symptom=Symptom.DEGRADED))
    flaps = replace(down, streak=replace(down.streak, flaps=replace(down.streak.flaps, since=NOW)))
    expiring = replace(down, streak=replace(down.streak, symptom=Symptom.CERTIFICATE_EXPIRING))
    assert belief(down, known) == ("down", after(60))
    assert belief(slow, known) == ("degraded", after(60))
    assert belief(flaps, ("down", after(60))) == ("degraded", down.at)
    assert belief(expiring, known) is None


# ── on record ───────────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def a_world(*names):
    checks = {
        name: Watched(
            name=name, type="tcp", system="S", component=None, symptom=None, thresholds=LIMITS, facts={}
        )
        for name in names
    }
    return World(in_force=InForce(checks=checks))


async def a_history(store, clock, *names, **more):
    made = History(world=a_world(*(names or ("c",))), store=store, clock=clock, **more)
    await made.resume()
    return made


async def states(store, until, check="c"):
    held = await store.read(history.spans_of, [check], NOW, until)
    return {str(state): seconds for state, seconds in tally(held[check], NOW, until).seconds.items()}


async def test_a_change_is_on_record_with_its_look_and_looks_follow_in_a_batch(store: Store) -> None:
    clock = Clock()
    kept = await a_history(store, clock)
    for row in rows_of([UP, UP, DOWN, DOWN, DOWN]):
        clock.now = row.at
        await kept.save([row])
        await kept.once(clock.now)
        kept.alive = clock.now + timedelta(minutes=1)  # the rounds go every second in between
    assert (await store.read(load_check_states))["c"].looked_at == after(240)
    assert await states(store, after(240)) == {"up": 120.0, "down": 120.0}
    assert await store.read(history.results, "c", limit=9) == ()
    await kept.once(after(0) + FLUSH_AFTER)
    found = await store.read(history.results, "c", limit=9)
    assert [one.verdict for one in found] == [DOWN, DOWN, DOWN, UP, UP]
    assert [one.detail for one in found] == ["said", "said", "said", "", ""]


async def test_whoever_asks_for_the_last_looks_gets_those_in_memory_too(store: Store) -> None:
    kept = await a_history(store, Clock())
    await kept.save(rows_of([UP] * 7))
    assert len(await kept.recent("c", 100)) == 7
    assert len(await kept.recent("c", 3)) == 3


async def test_after_a_kill_states_stand_and_the_time_without_us_is_unknown(store: Store) -> None:
    clock = Clock()
    before = await a_history(store, clock)
    await before.save(rows_of([UP]))  # killed: its looks in memory are gone
    clock.now = after(3600)
    again = await a_history(store, clock)
    clock.now = after(3660)
    again.alive = clock.now
    await again.save(rows_of([UP], first=61))
    assert await states(store, after(3720)) == {"unknown": 3660.0, "up": 60.0}
    assert await store.read(history.absences_in, NOW, after(9999)) == ((NOW, after(3600)),)


async def test_a_short_restart_is_no_absence(store: Store) -> None:
    clock = Clock()
    before = await a_history(store, clock)
    await before.save(rows_of([UP]))
    await before.stop()
    clock.now = after(10)
    again = await a_history(store, clock)
    assert await store.read(history.absences_in, NOW, after(9999)) == ()
    assert again.believed.get("c")[0] == "up"
    assert await states(store, after(60)) == {"up": 60.0}


async def test_a_service_that_stood_still_did_not_look_either(store: Store) -> None:
    clock = Clock()
    kept = await a_history(store, clock)
    await kept.save(rows_of([UP]))
    clock.now = after(1800)
    await kept.save([])
    assert await states(store, after(1800)) == {"unknown": 1800.0}


async def test_what_fails_from_before_an_absence_is_down_from_the_look_that_saw_it_again(
    store: Store,
) -> None:
    clock = Clock()
    kept = await a_history(store, clock)
    rows = rows_of([UP, DOWN, DOWN, DOWN, DOWN])
    await kept.save(rows[:4])
    clock.now = after(200)
    kept.alive = after(200)
    clock.now = after(230)
    await kept.save([])
    await kept.save(rows[4:])
    assert await states(store, after(300)) == {"up": 60.0, "down": 200.0, "unknown": 40.0}


async def test_looks_that_cannot_be_written_are_kept_in_bounds_and_written_later(store: Store) -> None:
    kept = await a_history(store, Clock(), results=5)
    await kept.save(rows_of([UP] * 20))
    good, kept.store = kept.store, None
    for _ in range(3):
        try:
            await kept.once(after(0) + FLUSH_AFTER)
        except AttributeError:
            continue
    assert len(kept.pending["c"]) == 5 * 12
    kept.store = good
    await kept.stop()
    assert len(await kept.recent("c", 100)) == 5


def test_room_is_shared_by_all_checks():
    few = History(world=a_world("a", "b"), store=None, clock=Clock(), results=120, room=12 * 2 * 50)
    assert few.keep == 50
    assert History(world=a_world("a"), store=None, clock=Clock(), results=120, room=1).keep == 1
    assert History(world=a_world("a"), store=None, clock=Clock()).keep == 120
