"""The scheduler: days of simulated time in seconds, and the things that go wrong."""

import asyncio
import collections
import contextlib
import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor import pace
from monitor.domain.findings import Observation, Streak, Symptom, Thresholds, Verdict, detect
from monitor.errors import NotFoundError
from monitor.look import GRACE, manner
from monitor.metrics import Metrics
from monitor.scheduler import TICK, Job, Scheduler
from tests.simloop import SimClock, run_simulated

DAY = 86_400


class Target:
    """A far end of the test's making: ``answer(n, at)`` says what look n (from 1) sees, or waits, or raises."""

    def __init__(self, name: str, answer=None, takes: float = 0.0) -> None:
        self.name, self.answer, self.takes = name, answer, takes
        self.looks: list[float] = []

    async def observe(self, now: datetime) -> Observation:
        self.looks.append(asyncio.get_running_loop().time())
        if self.takes:
            await asyncio.sleep(self.takes)
        verdict = self.answer(len(self.looks), now) if self.answer else Verdict.UP
        return Observation(check=self.name, at=now, verdict=verdict, detail=verdict.value)


def a_job(check: Target, *, every=60.0, timeout=10.0, retry_every=None, label="tcp", host="", **kw) -> Job:
    return Job(
        name=check.name,
        check=check,
        manner=manner(
            every=every,
            timeout=timeout,
            retry_every=pace.retry_after(every) if retry_every is None else retry_every,
            type=label,
            **kw,
        ),
        host=host,
    )


class Ledger:
    """What the scheduler told."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, str, Observation]] = []

    async def __call__(self, job: Job, seen: Observation) -> None:
        self.rows.append((asyncio.get_running_loop().time(), job.name, seen))

    def of(self, name: str) -> list[Observation]:
        return [seen for _, row, seen in self.rows if row == name]


def a_scheduler(clock, *, on_look=None, metrics=None, **kw) -> Scheduler:
    return Scheduler(
        clock=clock, on_look=on_look or Ledger(), metrics=metrics or Metrics(version="test"), **kw
    )


@contextlib.asynccontextmanager
async def running(scheduler: Scheduler):
    task = asyncio.create_task(scheduler.run(), name="the scheduler under test")
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def gaps(looks: list[float]) -> list[float]:
    return [round(b - a, 3) for a, b in itertools.pairwise(looks)]


def sample(metrics: Metrics, name: str, **labels) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_a_day_of_a_hundred_targets_has_exactly_its_looks_and_no_drift():
    targets = [Target(f"pbx-{i}", takes=(i % 4 == 0) * i / 50) for i in range(100)]
    metrics = Metrics(version="test")

    async def story(clock):
        scheduler = a_scheduler(clock, metrics=metrics)
        scheduler.replace([a_job(target) for target in targets])
        async with running(scheduler):
            await asyncio.sleep(DAY - TICK)
            return scheduler.stats

    stats = run_simulated(story)
    for target in targets:
        share = pace.share(target.name)
        early = share * 60 - share * 30 >= 15  # its grid began well after its first look
        assert len(target.looks) == 1440 + early
        assert target.looks[0] == pytest.approx(share * 30, abs=TICK)
        for n, look in enumerate(target.looks[1:], start=not early):
            assert look == pytest.approx(share * 60 + n * 60, abs=TICK), (
                "every look of the day is on the grid"
            )
    looks = sum(len(target.looks) for target in targets)
    assert (stats.looks, stats.skipped, stats.raised, stats.cut) == (looks - stats.in_flight, 0, 0, 0)
    assert sample(metrics, "tocsin_checks_total", type="tcp", result="up") == stats.looks
    assert sample(metrics, "tocsin_check_lag_seconds_count") == looks
    assert sample(metrics, "tocsin_check_duration_seconds_count", type="tcp") == stats.looks


def test_every_target_is_looked_at_within_half_a_minute_of_a_start_and_evenly():
    targets = [Target(f"pbx-{i}") for i in range(2000)]

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(target, every=3600) for target in targets])
        async with running(scheduler):
            await asyncio.sleep(30)

    run_simulated(story)
    assert all(len(target.looks) == 1 for target in targets)
    seconds = collections.Counter(int(target.looks[0]) for target in targets)
    assert len(seconds) == 30
    assert max(seconds.values()) < 2 * 2000 / 30


def test_a_flapping_target_is_retried_and_stays_on_its_grid():
    flapping = Target("flapping", lambda n, _: Verdict.DOWN if n % 2 else Verdict.UP)

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(flapping)])
        async with running(scheduler):
            await asyncio.sleep(DAY - TICK)

    run_simulated(story)
    phase = pace.share("flapping") * 60
    on_grid = [
        look for look in flapping.looks if abs((look - phase) / 60 - round((look - phase) / 60)) < 1e-4
    ]
    retried = [
        look
        for look in flapping.looks
        if abs((look - phase - 15) / 60 - round((look - phase - 15) / 60)) < 1e-4
    ]
    assert len(on_grid) >= 1439
    assert len(retried) >= 1438, "one repetition after each failure"
    assert len(on_grid) + len(retried) >= len(flapping.looks) - 2


def test_three_failures_in_a_row_are_known_after_half_an_interval_and_then_the_pace_is_normal():
    target = Target("dying", lambda n, _: Verdict.UP if n <= 3 else Verdict.DOWN)
    ledger = Ledger()

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(600)

    run_simulated(story)
    assert gaps(target.looks)[3:8] == [15, 15, 30, 60, 60]
    streak, turns = Streak(), []
    for seen in ledger.of("dying"):
        streak, turn = detect(streak, seen, Thresholds())
        turns += [turn] if turn else []
    assert [turn.at - turn.since for turn in turns] == [timedelta(seconds=30)]


def test_a_recovery_brings_the_repetitions_back():
    target = Target("relapsing", lambda n, _: Verdict.UP if n in (1, 6, 7) else Verdict.DOWN)

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(900)

    run_simulated(story)
    assert gaps(target.looks)[1:10] == [15, 15, 30, 60, 60, 60, 15, 15, 30]


def test_looks_that_are_not_believed_are_not_repeated_soon_and_the_first_that_is_has_its_repetitions():
    target = Target("hidden", lambda *_: Verdict.DOWN)

    async def believed(_job, seen):
        return Verdict.UNKNOWN if len(target.looks) <= 6 else seen.verdict

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=believed)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(900)

    run_simulated(story)
    assert gaps(target.looks)[1:10] == [60, 60, 60, 60, 60, 15, 15, 30, 60]


def test_dead_targets_with_long_timeouts_delay_nobody():
    dead = [Target(f"dead-{i}", lambda *_: Verdict.DOWN, takes=9.0) for i in range(100)]
    well = [Target(f"well-{i}", takes=0.01) for i in range(100)]
    ledger, metrics = Ledger(), Metrics(version="test")

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=ledger, metrics=metrics, concurrency=8)
        scheduler.replace([a_job(target, every=30) for target in dead + well])
        async with running(scheduler):
            await asyncio.sleep(3600)
            return scheduler.stats

    stats = run_simulated(story)
    for target in well:
        known = [look for look in target.looks if look > 200]  # by then each of the dead has failed once
        assert gaps(known) == pytest.approx([30] * (len(known) - 1), abs=2 * TICK)
    assert stats.skipped > 0
    assert stats.waiting > 0
    assert all(len(target.looks) >= 15 for target in dead), "the dead take turns, none is forgotten"


def test_a_hanging_check_is_cut_down_at_its_limit_and_says_so():
    target, ledger = Target("hanging", takes=1e6), Ledger()

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(target, timeout=10, symptom=Symptom.PORTAL_UNREACHABLE)])
        async with running(scheduler):
            await asyncio.sleep(60)
            return scheduler.stats

    stats = run_simulated(story)
    seen = ledger.of("hanging")[0]
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.PORTAL_UNREACHABLE)
    assert seen.detail == "no verdict within 11 s"
    assert seen.seconds == 10 + GRACE
    assert stats.cut >= 1


def _raise(error):
    def answer(*_):
        raise error

    return answer


@pytest.mark.parametrize(
    "error", [ValueError("bug"), TimeoutError(), asyncio.CancelledError(), OSError(24, "files")]
)
def test_a_check_that_raises_is_unknown_and_stops_nobody(error):
    broken, fine, ledger = Target("broken", _raise(error)), Target("fine"), Ledger()

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(broken), a_job(fine)])
        async with running(scheduler):
            await asyncio.sleep(300)
            return scheduler.stats

    with capture_logs() as logged:
        stats = run_simulated(story)
    assert {(line["event"], line["check"]) for line in logged} == {("check.raised", "broken")}
    assert {seen.verdict for seen in ledger.of("broken")} == {Verdict.UNKNOWN}
    assert "the check itself failed" in ledger.of("broken")[0].detail
    assert stats.raised == len(broken.looks) >= 5
    assert len(fine.looks) >= 5
    assert min(gaps(broken.looks)) >= 15, "unknown is no failure to be confirmed"


def test_recording_that_raises_stops_nobody():
    target = Target("fine")

    async def refuse(job, seen):
        raise OSError("disk full")

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=refuse)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(300)
            return scheduler.stats

    with capture_logs() as logged:
        assert run_simulated(story).raised == len(target.looks) >= 5
    assert {line["event"] for line in logged} == {"look.unrecorded"}


def test_a_wall_clock_that_jumps_changes_no_pace():
    target, ledger = Target("steady"), Ledger()

    async def story(clock: SimClock):
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(300)
            clock.jump(timedelta(days=3))
            await asyncio.sleep(300)
            clock.jump(timedelta(days=-6))
            await asyncio.sleep(300)
            return scheduler.overdue()

    assert run_simulated(story) == []
    assert set(gaps(target.looks)[1:]) == {60.0}
    assert ledger.of("steady")[-1].at < ledger.of("steady")[0].at, "observations are dated by the wall clock"


def test_a_look_cut_after_the_loop_was_held_up_is_unknown_not_down():
    hanging, ledger = Target("hanging", takes=1e6), Ledger()

    async def story(clock):
        loop = asyncio.get_running_loop()
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(hanging, every=600)])
        async with running(scheduler):
            while not hanging.looks:
                await asyncio.sleep(1)
            loop.advance(120)  # as after SIGSTOP and SIGCONT
            await asyncio.sleep(1)

    run_simulated(story)
    (seen,) = ledger.of("hanging")
    assert seen.verdict is Verdict.UNKNOWN
    assert seen.detail.startswith("this monitor itself was held up for 1")


def test_after_a_suspension_missed_looks_are_skipped_not_made_up_for():
    target = Target("steady")

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(target)])
        async with running(scheduler):
            await asyncio.sleep(200)
            asyncio.get_running_loop().advance(3600)
            await asyncio.sleep(200)
            return scheduler.stats

    stats = run_simulated(story)
    assert len(target.looks) <= 10
    assert stats.skipped >= 58


def test_what_was_not_looked_at_for_two_intervals_is_told_once_as_unknown():
    stuck, ledger, metrics = Target("stuck"), Ledger(), Metrics(version="test")

    async def story(clock):
        gate = asyncio.Event()

        async def on_look(job, seen):
            if seen.verdict is Verdict.UP:
                await gate.wait()
            await ledger(job, seen)

        scheduler = a_scheduler(clock, on_look=on_look, metrics=metrics)
        scheduler.replace([a_job(stuck)])
        async with running(scheduler):
            await asyncio.sleep(30 + 131 + 6)
            first = scheduler.overdue(), sample(metrics, "tocsin_checks_overdue")
            await asyncio.sleep(600)
            told = list(ledger.of("stuck"))
            gate.set()
            await asyncio.sleep(120)
            return first, told, scheduler.overdue(), sample(metrics, "tocsin_checks_overdue")

    first, told, after, gauge = run_simulated(story)
    assert first == (["stuck"], 1.0)
    assert [seen.verdict for seen in told] == [Verdict.UNKNOWN]
    assert told[0].detail.startswith("not looked at for 13")
    assert (after, gauge) == ([], 0.0)


def test_without_places_the_rest_wait_their_turn_and_the_lag_is_measured():
    targets, metrics = [Target(f"t-{i}", takes=5.0) for i in range(20)], Metrics(version="test")

    async def story(clock):
        scheduler = a_scheduler(clock, metrics=metrics, concurrency=1)
        scheduler.replace([a_job(target, every=10) for target in targets])
        async with running(scheduler):
            await asyncio.sleep(60)
            overdue = scheduler.overdue()
            await asyncio.sleep(3540)
            return scheduler.stats, overdue

    stats, overdue = run_simulated(story)
    counts = [len(target.looks) for target in targets]
    assert max(counts) - min(counts) <= 2, "in turn"
    assert sum(counts) == 720
    assert stats.in_flight == 1
    assert overdue, "who waits for two intervals is overdue"
    assert sample(metrics, "tocsin_check_lag_seconds_bucket", le="5.0") < 10


def test_a_reload_leaves_unchanged_jobs_in_their_place():
    kept, gone, new = Target("kept"), Target("gone"), Target("new")

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(kept), a_job(gone)])
        async with running(scheduler):
            for _ in range(50):
                await asyncio.sleep(7)
                scheduler.replace([a_job(kept), a_job(gone)])
            before = len(gone.looks)
            scheduler.replace([a_job(kept), a_job(new)])
            await asyncio.sleep(300)
            return before, scheduler.stats.jobs

    before, jobs = run_simulated(story)
    assert set(gaps(kept.looks)[1:]) == {60.0}
    assert (len(gone.looks), jobs) == (before, 2)
    assert len(new.looks) >= 5


def test_a_changed_job_drops_the_look_in_flight_and_repeats_it():
    old, new, ledger = Target("pbx", lambda *_: Verdict.DOWN, takes=5.0), Target("pbx"), Ledger()

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=ledger)
        scheduler.replace([a_job(old)])
        async with running(scheduler):
            while not old.looks:
                await asyncio.sleep(1)
            scheduler.replace([a_job(new)])
            await asyncio.sleep(10)

    run_simulated(story)
    assert [seen.verdict for seen in ledger.of("pbx")] == [Verdict.UP]
    assert new.looks[0] == pytest.approx(old.looks[0] + 5)


def test_a_changed_interval_takes_effect_soon():
    target = Target("pbx")

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(target, every=36_000)])
        async with running(scheduler):
            await asyncio.sleep(100)
            scheduler.replace([a_job(target, every=10)])
            await asyncio.sleep(100)

    run_simulated(story)
    assert 10 <= len(target.looks) <= 12


def test_a_look_can_be_asked_for_now():
    target = Target("pbx", takes=2.0)

    async def story(clock):
        scheduler = a_scheduler(clock)
        scheduler.replace([a_job(target, every=3600)])
        async with running(scheduler):
            await asyncio.sleep(100)
            for _ in range(2):
                scheduler.look_now("pbx")
                await asyncio.sleep(1)
            await asyncio.sleep(10)
            with pytest.raises(NotFoundError, match="no check named 'pbk'"):
                scheduler.look_now("pbk")
            await asyncio.sleep(3600)

    run_simulated(story)
    assert target.looks[1:3] == pytest.approx([100, 102]), "at once, and once more for who asked meanwhile"
    assert len(target.looks) in (4, 5)


def test_two_jobs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        a_scheduler(None).replace([a_job(Target("a")), a_job(Target("a"))])


def test_a_pace_of_nothing_is_refused():
    with pytest.raises(ValueError, match="longer than nothing"):
        a_job(Target("a"), every=0.0, retry_every=1.0)


def test_stopping_cuts_looks_but_lets_what_has_a_verdict_be_recorded():
    looking, recording, recorded = Target("looking", takes=1e6), Target("recording"), []

    async def on_look(job, seen):
        await asyncio.sleep(2)
        recorded.append(job.name)

    async def story(clock):
        scheduler = a_scheduler(clock, on_look=on_look)
        scheduler.replace([a_job(looking, every=3, timeout=1e5), a_job(recording, every=3, timeout=1e5)])
        async with running(scheduler) as task:
            while not (looking.looks and recording.looks):
                await asyncio.sleep(0.01)
            recorded.clear()
            await asyncio.sleep(0.01)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return len(asyncio.all_tasks()), scheduler.stats.in_flight

    assert run_simulated(story) == (1, 0), "only the story is left"
    assert recorded in (["recording"], [])


async def test_it_runs_on_a_real_loop_too():
    fast = [Target(f"fast-{i}") for i in range(50)]
    clock, done = SimClock(asyncio.get_running_loop(), datetime(2026, 11, 23)), asyncio.Event()

    async def on_look(job, seen):
        if all(len(target.looks) >= 3 for target in fast):
            done.set()

    scheduler = a_scheduler(clock, on_look=on_look)
    scheduler.replace([a_job(target, every=0.05) for target in fast])
    async with running(scheduler), asyncio.timeout(30):
        await done.wait()
    assert scheduler.stats.in_flight == 0


TIMES = st.floats(0, 1e6, allow_nan=False)


@given(st.text(), st.floats(0.5, 1e5), TIMES, st.floats(0, 1e5), st.floats(0, 1e5))
def test_the_next_look_is_on_the_grid_later_and_within_an_interval_and_a_quarter(
    name, every, start, waited, took
):
    phase = pace.phase(name, every, start)
    due = start + waited
    now = due + took
    following = pace.next_due(phase, every, due, now)
    assert following > now - 1e-6
    assert following - max(now, due) <= 1.25 * every + 1e-6
    steps = (following - phase) / every
    assert abs(steps - round(steps)) < 1e-3


@given(st.text(), st.floats(0.5, 1e5), TIMES)
def test_the_first_look_is_within_the_interval_and_half_a_minute(name, every, now):
    first = pace.first_due(name, every, now)
    assert now <= first <= now + min(every, 30)


@pytest.mark.parametrize(("every", "retry"), [(60, 15), (5, 1.25), (2, 1), (0.5, 0.5), (3600, 900)])
def test_a_failed_look_is_repeated_after_a_quarter_of_the_interval(every, retry):
    assert pace.retry_after(every) == retry


def test_one_host_is_never_asked_by_more_than_its_share_and_holds_up_nobody_else():
    """A hundred checks of a dead host, two places at it; ten of others are on time all the while."""
    flying = most = 0

    class Slow(Target):
        async def observe(self, now: datetime) -> Observation:
            nonlocal flying, most
            flying, most = flying + 1, max(most, flying + 1)
            try:
                return await super().observe(now)
            finally:
                flying -= 1

    async def story(clock: SimClock) -> None:
        metrics = Metrics(version="test")
        slow = [Slow(f"slow-{n}", lambda *_: Verdict.DOWN, takes=1.5) for n in range(100)]
        well = [Target(f"well-{n}") for n in range(10)]
        scheduler = a_scheduler(clock, metrics=metrics, per_host=2)
        scheduler.replace(
            [a_job(one, host="pbx.example") for one in slow]
            + [a_job(one, host=f"{one.name}.example") for one in well]
        )
        async with running(scheduler):
            await asyncio.sleep(600)
            assert most == 2
            assert scheduler.stats.waiting > 0
            assert all(len(one.looks) >= 10 for one in well)
            assert all(max(gaps(one.looks)[1:]) <= 61 for one in well)
            assert all(len(one.looks) >= 6 for one in slow), "in turn: none is left out"
            scheduler.look_now("slow-50")
            scheduler.replace([a_job(one, host="pbx.example") for one in slow[:10]])
            await asyncio.sleep(200)
            assert most == 2
            assert all(len(one.looks) >= 9 for one in slow[:10]), "what was taken out holds no place"

    run_simulated(story)


def test_of_those_who_wait_at_a_host_the_overdue_are_told():
    async def story(clock: SimClock) -> None:
        ledger = Ledger()
        hangs = Target("hangs", takes=1e6)
        waits = Target("waits")
        scheduler = a_scheduler(clock, on_look=ledger, per_host=1)
        scheduler.replace([a_job(hangs, timeout=1e5, host="x"), a_job(waits, host="x")])
        async with running(scheduler):
            await asyncio.sleep(20)
            scheduler.look_now("hangs")
            await asyncio.sleep(400)
            told = [seen.verdict for seen in ledger.of("waits")]
            assert told[-1] is Verdict.UNKNOWN
            assert "waits" in scheduler.overdue()

    run_simulated(story)
