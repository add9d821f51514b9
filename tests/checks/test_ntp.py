"""The ntp check against chronyd, and against servers whose clocks and answers are wrong."""

import datetime as dt
import struct

import pytest

from checks.base import Target, Tools
from checks.ntp import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks import sip_server
from tests.checks.far_ends import free_port
from tests.far_ends.chrony import a_chronyd

EPOCH = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)


def clock():
    return dt.datetime.now(dt.UTC)


def a_check(target, *, timeout=15.0, **options):
    return TYPE.build(
        Target(name="time", target=target, timeout=timeout), TYPE.options.model_validate(options), Tools()
    )


async def asked(port, now=None, **options):
    return await a_check(f"127.0.0.1:{port}", **options).observe(now or clock())


async def test_a_time_server_that_agrees_with_us_is_up(tmp_path):
    async with a_chronyd(tmp_path, "local stratum 5") as port:
        seen = await asked(port, offset="500ms")
        late = await asked(port, now=clock() - dt.timedelta(hours=1))
        far = await asked(port, stratum=4)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["stratum"] == 5
    assert abs(seen.values["offset"]) < 0.5
    assert set(seen.phases) == {"resolve", "rtt"}
    assert (late.verdict, late.symptom) == (Verdict.DEGRADED, Symptom.DEGRADED)
    assert late.detail == "1 h ahead of our clock, 1 s may be: one of the two is wrong"
    assert (far.verdict, far.detail) == (Verdict.DOWN, "stratum 5, expected 4 at most")


async def test_a_server_whose_own_clock_is_not_set_is_no_time_server(tmp_path):
    async with a_chronyd(tmp_path) as port:
        seen = await asked(port)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED), seen.detail
    assert seen.values["leap"] == 3


def stamp(moment):
    return struct.pack("!Q", round((moment - EPOCH).total_seconds() * 2**32) % 2**64)


def answering(*, first=0x24, stratum=2, reference=b"\x0a\0\0\1", ahead=0.0, cookie=None, at=None):
    def script(request, _):
        now = (at or clock()) + dt.timedelta(seconds=ahead)
        head = struct.pack("!BBbbII4s", first, stratum, 6, -20, 1 << 15, 1 << 14, reference)
        return [head + stamp(now) + (cookie or request[40:48]) + stamp(now) + stamp(now)]

    return script


@pytest.mark.parametrize("ahead", [-5.0, -0.25, 0.25, 5.0])
async def test_the_offset_is_how_far_its_clock_is_ahead(ahead):
    async with sip_server.udp(answering(ahead=ahead)) as far:
        seen = await asked(far.port, offset=10)
    assert seen.verdict is Verdict.UP
    assert seen.values["offset"] == pytest.approx(ahead, abs=0.2)
    assert seen.values["root_delay"] == 0.5
    assert ("ahead" if ahead > 0 else "behind") in seen.detail


async def test_the_next_era_begins_without_an_outage():
    """The 32 bits of seconds begin anew on 2036-02-07."""
    turn = EPOCH + dt.timedelta(seconds=2**32)
    async with sip_server.udp(answering(at=turn + dt.timedelta(seconds=1))) as far:
        seen = await asked(far.port, now=turn - dt.timedelta(seconds=1), offset=10)
    assert seen.values["offset"] == pytest.approx(2, abs=0.5)
    assert seen.verdict is Verdict.UP


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(answering(stratum=0, reference=b"RATE"), "turns us away: RATE", id="kiss of death"),
        pytest.param(answering(first=0xE4), "says that its own clock is not set", id="alarm"),
        pytest.param(answering(stratum=16), "says that its own clock is not set", id="stratum 16"),
    ],
)
async def test_what_is_no_use_as_a_time_server_is_told(script, said):
    async with sip_server.udp(script) as far:
        seen = await asked(far.port)
    assert (seen.symptom, seen.detail) == (Symptom.DEGRADED, f"127.0.0.1:{far.port} {said}")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(answering(cookie=b"somebody"), id="an answer to somebody else"),
        pytest.param(answering(first=0x23), id="no server"),
        pytest.param(lambda *_: [b"", b"short"], id="noise"),
        pytest.param(sip_server.silence, id="silence"),
    ],
)
async def test_what_is_no_answer_to_us_is_not_believed(script):
    async with sip_server.udp(script) as far:
        seen = await asked(far.port, timeout=0.2)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"no answer from 127.0.0.1:{far.port} within 200 ms"


async def test_our_own_time_is_not_told():
    async with sip_server.udp(answering()) as far:
        await asked(far.port)
        await asked(far.port)
    first, second = far.requests
    assert first[:40] == second[:40] == b"\x23".ljust(40, b"\0")
    assert first[40:] != second[40:]


async def test_a_closed_port_is_seen_at_once():
    port = free_port()
    seen = await asked(port, timeout=30)
    assert (seen.symptom, seen.detail) == (
        Symptom.UNREACHABLE,
        f"connection refused by 127.0.0.1:{port}",
    )
