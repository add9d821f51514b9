"""The icmp check against this machine's own kernel, and in network namespaces where it is told not to answer."""

import asyncio
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.base import Target, Tools
from checks.icmp import TYPE, _checksum
from monitor.domain.findings import Symptom, Verdict
from tests.requirements import require

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
LOOK = """
import asyncio
from datetime import UTC, datetime
from checks.base import Target, Tools
from checks.icmp import TYPE
check = TYPE.build(Target(name="x", target="{target}", timeout=0.5), TYPE.options.model_validate({options}), Tools())
seen = asyncio.run(check.observe(datetime.now(UTC)))
print(seen.verdict, seen.symptom, seen.detail, sep="|")
"""


def a_check(target, *, timeout=3.0, **options):
    return TYPE.build(
        Target(name="ping", target=target, timeout=timeout),
        TYPE.options.model_validate({"interval": "10ms", **options}),
        Tools(),
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "[::1]", "localhost"])
async def test_a_host_that_is_there_answers_every_ping(address):
    seen = await a_check(address, ip="auto" if address != "localhost" else "4").observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.UP, None), seen.detail
    assert seen.detail.startswith("answered 3 of 3 pings, ")
    assert (seen.values["sent"], seen.values["received"], seen.values["loss"]) == (3, 3, 0)
    assert 0 < seen.values["rtt_min"] <= seen.values["rtt_mean"] <= seen.values["rtt_max"] < 3
    assert set(seen.phases) == {"resolve", "rtt"}


async def test_large_pings_come_back_whole():
    seen = await a_check("127.0.0.1", size=9000, count=1).observe(NOW)
    assert seen.verdict is Verdict.UP, seen.detail


async def test_many_looks_at_once_do_not_take_each_others_replies():
    looks = [a_check("127.0.0.1", count=5).observe(NOW) for _ in range(50)]
    seen = await asyncio.gather(*looks)
    assert {(each.verdict, each.values["received"]) for each in seen} == {(Verdict.UP, 5)}


async def test_a_slow_round_trip_is_degraded():
    seen = await a_check("127.0.0.1", latency={"warn": 0}).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DEGRADED, Symptom.DEGRADED)


def within_a_namespace(prepare, *, target="127.0.0.1", user="", options=None):
    """Look in a network of its own, set up by a shell line; return verdict, symptom and sentence."""
    require("unshare", "a host that is told not to answer, or does not let us ask")
    require("root", "network namespaces", how="run the suite as root", found=os.geteuid() == 0)
    program = shlex.quote(LOOK.format(target=target, options=options or {}))
    python = f"{user} {sys.executable} -c {program}"
    ran = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{prepare}; {python}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().split("|")


UP = "ip link set lo up"
DEAF = f"{UP}; echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"


def test_a_host_that_is_silent_is_unreachable():
    seen = within_a_namespace(DEAF, options={"count": 2})
    assert seen == ["down", "unreachable", "127.0.0.1 answered no 2 pings within 500 ms"]


def test_no_way_to_the_host_is_said_at_once():
    verdict, symptom, said = within_a_namespace("true")
    assert (verdict, symptom) == ("down", "unreachable")
    assert said == "no route to 127.0.0.1"


def test_where_nobody_may_have_a_ping_socket_root_has_a_raw_one():
    seen = within_a_namespace(f"{UP}; echo 1 0 > /proc/sys/net/ipv4/ping_group_range")
    assert seen[:2] == ["up", "None"], seen


def test_half_of_the_pings_lost_is_degraded():
    require("nft", "a network that loses every other packet", how="apt-get install nftables")
    rule = (
        "nft add table inet f; nft add chain inet f in '{ type filter hook input priority 0; }'; "
        "nft add rule inet f in icmp type echo-request numgen inc mod 2 0 drop"
    )
    seen = within_a_namespace(f"{UP}; {rule}", options={"count": 4, "interval": 0.02})
    assert seen == ["degraded", "degraded", "127.0.0.1 answered 2 of 4 pings: 50 % lost, 0 % may be"]


def test_where_we_may_not_ping_nothing_is_known():
    require("setpriv", "a user who may not ping")
    seen = within_a_namespace(
        f"{UP}; echo 1 0 > /proc/sys/net/ipv4/ping_group_range",
        user="setpriv --bounding-set -net_raw --inh-caps -all",
    )
    assert seen[:2] == ["unknown", "None"], seen
    assert "net.ipv4.ping_group_range" in seen[2]


@pytest.mark.parametrize("target", ["127.0.0.1", "::1"])
def test_a_group_that_may_ping_needs_no_privileges(target):
    require("setpriv", "a user without privileges")
    seen = within_a_namespace(
        f"{UP}; echo 0 0 > /proc/sys/net/ipv4/ping_group_range",
        user="setpriv --bounding-set -net_raw --inh-caps -all",
        target=target,
    )
    assert seen[:2] == ["up", "None"], seen


async def test_a_name_that_is_none_is_unreachable():
    seen = await a_check("no-such-host.invalid").observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "no-such-host.invalid" in seen.detail


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("169.254.169.254", {}, "metadata"),
        ("224.0.0.1", {}, "multicast"),
        ("pbx.example:5060", {}, "a ping has no port"),
        ("127.0.0.1", {"count": 100, "interval": 1}, "leaves no time for 100 pings"),
    ],
)
def test_a_ping_that_cannot_be_is_refused_with_a_sentence(target, options, said):
    with pytest.raises(ValueError, match=said):
        a_check(target, **options)


def test_the_checksum_is_that_of_rfc_1071():
    assert _checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    message = b"\x08\x00\x00\x00odd"
    assert _checksum(message[:2] + _checksum(message).to_bytes(2) + message[4:]) == 0
