"""What the last ping means: a table over (last ping, options, now), and the check around it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from checks.base import LastPing, Target, Tools
from checks.durations import spell
from checks.heartbeat import TYPE, HeartbeatOptions, judge
from monitor.domain.findings import Symptom, Verdict

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def the_last(**kw) -> LastPing:
    return LastPing(**({"created_at": ago(10_000)} | kw))


def options(**kw) -> HeartbeatOptions:
    return HeartbeatOptions.model_validate({"uuid": UUID, "period": "5m", "grace": "1m"} | kw)


PROMISE = "(period 5 min, grace 1 min)"


@pytest.mark.parametrize(
    ("last", "more", "detail"),
    [
        pytest.param(the_last(last_success=ago(2)), {}, "last ping 2 min ago", id="on time"),
        pytest.param(the_last(last_success=ago(5)), {}, "last ping 5 min ago", id="just due"),
        pytest.param(
            the_last(last_success=ago(5.5)),
            {},
            f"late: no ping for 5 min 30 s {PROMISE}",
            id="late within grace",
        ),
        pytest.param(
            the_last(last_success=ago(6)), {}, f"late: no ping for 6 min {PROMISE}", id="last of the grace"
        ),
        pytest.param(LastPing(created_at=ago(3)), {}, f"waiting for its first ping {PROMISE}", id="new"),
        pytest.param(
            LastPing(created_at=ago(5.5)),
            {},
            f"late: never pinged in the 5 min 30 s since it was set up {PROMISE}",
            id="new and late",
        ),
        pytest.param(
            the_last(last_success=ago(1), last_failure=ago(2), exit_status=0),
            {},
            "last ping 1 min ago",
            id="mended",
        ),
        pytest.param(
            the_last(last_success=ago(4), last_start=ago(3)), {"max_run": "3m"}, "running", id="running"
        ),
        pytest.param(
            the_last(last_success=ago(4), last_start=ago(3)), {}, "running", id="running, unbounded"
        ),
        pytest.param(
            the_last(last_success=ago(1), last_start=ago(50)),
            {"max_run": "3m"},
            "last ping 1 min ago",
            id="ended",
        ),
        pytest.param(the_last(last_success=ago(-60)), {}, "last ping 0 s ago", id="clock set back"),
    ],
)
def test_up(last, more, detail):
    seen = judge(last, options(**more), NOW, check="backup")
    assert (seen.verdict, seen.symptom, seen.detail) == (Verdict.UP, None, detail)
    assert (seen.check, seen.at) == ("backup", NOW)


@pytest.mark.parametrize(
    ("last", "more", "detail"),
    [
        pytest.param(the_last(last_success=ago(12)), {}, f"no ping for 12 min {PROMISE}", id="silent"),
        pytest.param(
            LastPing(created_at=ago(12)),
            {},
            f"never pinged in the 12 min since it was set up {PROMISE}",
            id="never pinged",
        ),
        pytest.param(
            the_last(last_success=ago(2), last_failure=ago(1)), {}, "the last run failed", id="/fail"
        ),
        pytest.param(
            the_last(last_success=ago(2), last_failure=ago(1), exit_status=3, detail="disk\nfull "),
            {},
            "the last run failed with exit status 3: disk full",
            id="exit status",
        ),
        pytest.param(the_last(last_failure=ago(1)), {}, "the last run failed", id="failed first time"),
        pytest.param(
            the_last(last_success=ago(1), last_failure=ago(1)), {}, "the last run failed", id="same instant"
        ),
        pytest.param(
            the_last(last_failure=ago(3), last_start=ago(1)),
            {},
            "the last run failed",
            id="started again, not yet good",
        ),
        pytest.param(
            the_last(last_success=ago(4), last_start=ago(3.5)),
            {"max_run": "3m"},
            "started 3 min 30 s ago and has not ended (at most 3 min)",
            id="runs too long",
        ),
        pytest.param(
            the_last(last_success=ago(12), last_start=ago(2)),
            {},
            f"no ping for 12 min {PROMISE}",
            id="a start is no success",
        ),
        pytest.param(
            LastPing(created_at=ago(2), last_start=ago(1.5)),
            {"max_run": 60},
            "started 1 min 30 s ago and has not ended (at most 1 min)",
            id="first run hangs",
        ),
    ],
)
def test_down(last, more, detail):
    seen = judge(last, options(**more), NOW)
    assert (seen.verdict, seen.symptom, seen.detail) == (Verdict.DOWN, Symptom.OTHER, detail)


MOMENTS = st.none() | st.integers(0, 100_000).map(lambda s: NOW - timedelta(seconds=s))


@given(MOMENTS, MOMENTS, MOMENTS, st.integers(0, 100_000))
def test_silence_alone_never_heals(success, failure, start, later):
    last = the_last(last_success=success, last_failure=failure, last_start=start)
    if judge(last, options(max_run="2m"), NOW).verdict is Verdict.DOWN:
        after = judge(last, options(max_run="2m"), NOW + timedelta(seconds=later))
        assert after.verdict is Verdict.DOWN


async def test_the_check_reads_its_own_ping_and_uses_the_operators_symptom():
    asked = []

    async def last_ping(uuid: str) -> LastPing:
        asked.append(uuid)
        return the_last(last_success=ago(12))

    target = Target(name="backup", target="", symptom=Symptom.DEGRADED)
    seen = await TYPE.build(target, options(), Tools(last_ping=last_ping)).observe(NOW)
    assert asked == [UUID]
    assert (seen.check, seen.verdict, seen.symptom) == ("backup", Verdict.DOWN, Symptom.DEGRADED)
    assert seen.values["silent"] == 720


async def test_without_a_record_of_pings_nothing_is_known():
    seen = await TYPE.build(Target(name="backup", target=""), options(), Tools()).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.UNKNOWN, None)
    assert "no record of pings here" in seen.detail


@pytest.mark.parametrize(
    "bad",
    [
        {"uuid": "x"},
        {"period": 0},
        {"period": "5 parsecs"},
        {"grace": -1},
        {"max_run": "0s"},
        {"perod": "5m"},
    ],
)
def test_bad_options_are_refused(bad):
    with pytest.raises(ValidationError):
        options(**bad)


def test_durations_are_numbers_of_seconds_or_texts():
    assert (options(period=300).period, options(period="1h30m").period) == (300, 5400)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "0 s"),
        (0.25, "250 ms"),
        (59.6, "1 min"),
        (3900, "1 h 5 min"),
        (3601, "1 h"),
        (172_800, "2 d"),
        (97_200, "1 d 3 h"),
    ],
)
def test_a_duration_is_said_in_at_most_two_units(length, said):
    assert spell(length) == said


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def by_cron(**kw) -> HeartbeatOptions:
    return HeartbeatOptions.model_validate(
        {"uuid": UUID, "cron": "30 2 * * *", "zone": "Europe/Rome", "grace": "1h"} | kw
    )


@pytest.mark.parametrize(
    ("now", "last", "more", "verdict", "detail"),
    [
        pytest.param(
            "2026-11-24T02:29+01:00",
            {"last_success": at("2026-11-23T02:31+01:00")},
            {},
            Verdict.UP,
            "last ping 23 h 58 min ago",
            id="not due yet",
        ),
        pytest.param(
            "2026-11-24T03:30+01:00",
            {"last_success": at("2026-11-23T02:31+01:00")},
            {},
            Verdict.UP,
            "late: no ping for 1 d (expected at 2026-11-24 02:30 Europe/Rome, grace 1 h)",
            id="late within grace",
        ),
        pytest.param(
            "2026-11-24T03:31+01:00",
            {"last_success": at("2026-11-23T02:31+01:00")},
            {},
            Verdict.DOWN,
            "no ping for 1 d 1 h (expected at 2026-11-24 02:30 Europe/Rome, grace 1 h)",
            id="missed",
        ),
        pytest.param(
            "2026-11-24T05:00+01:00",
            {"last_success": at("2026-11-23T02:31+01:00"), "last_start": at("2026-11-24T02:30+01:00")},
            {"max_run": "3h"},
            Verdict.UP,
            "running",
            id="at work for longer than the grace",
        ),
        pytest.param(
            "2026-11-24T05:31+01:00",
            {"last_success": at("2026-11-23T02:31+01:00"), "last_start": at("2026-11-24T02:30+01:00")},
            {"max_run": "3h"},
            Verdict.DOWN,
            "started 3 h 1 min ago and has not ended (at most 3 h)",
            id="at work for too long",
        ),
        pytest.param(
            "2026-11-23T09:00+01:00",
            {"last_success": at("2026-11-20T02:31+01:00")},
            {"cron": "30 2 * * TUE-FRI"},
            Verdict.UP,
            "last ping 3 d 6 h ago",
            id="over a weekend",
        ),
        pytest.param(
            "2026-03-29T04:05+02:00",
            {"last_success": at("2026-03-28T02:31+01:00")},
            {"grace": "1h"},
            Verdict.DOWN,
            "no ping for 1 d (expected at 2026-03-29 03:00 Europe/Rome, grace 1 h)",
            id="the hour that summer time takes: right after it",
        ),
        pytest.param(
            "2026-10-25T02:45+01:00",
            {"last_success": at("2026-10-25T02:31+02:00")},
            {"grace": "0"},
            Verdict.UP,
            "last ping 1 h 14 min ago",
            id="the hour that comes twice: once is enough",
        ),
    ],
)
def test_by_cron(now, last, more, verdict, detail):
    seen = judge(the_last(**last), by_cron(**more), at(now))
    assert (seen.verdict, seen.detail) == (verdict, detail)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"period": "5m", "cron": "* * * * *"}, "period, or cron"),
        ({}, "period, or cron"),
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "61 * * * *"}, "Bad minute"),
        ({"cron": "0 0 30 2 *"}, "no cron expression"),
        ({"cron": "0 0 * * *", "zone": "Europe/Roma"}, "is no time zone"),
        ({"cron": "0 0 * * *", "zone": "EST"}, "does not say whether it knows summer time"),
        ({"cron": "0 0 * * *", "zone": "../../etc/passwd"}, "is no time zone"),
    ],
    ids=str,
)
def test_a_rhythm_that_cannot_be_is_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        HeartbeatOptions.model_validate({"uuid": UUID} | options)


def test_a_run_that_is_at_work_beside_one_that_ended_is_watched():
    last = the_last(last_start=ago(20), last_success=ago(2), running_since=ago(20), duration=61.0)
    seen = judge(last, options(max_run="30m"), NOW)
    assert (seen.verdict, seen.detail) == (Verdict.UP, "running")
    assert seen.values["duration"] == 61.0
    late = judge(last, options(max_run="10m"), NOW)
    assert late.detail == "started 20 min ago and has not ended (at most 10 min)"


def test_how_long_the_last_run_took_is_told():
    last = the_last(last_success=ago(2), duration=190.0)
    assert judge(last, options(), NOW).detail == "last ping 2 min ago, took 3 min 10 s"
