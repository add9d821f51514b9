"""The transaction's timers and states, by the table of RFC 3261, section 17.1.2; and SIPp as the PBX."""

import asyncio
import contextlib
import pathlib
import socket
from datetime import UTC, datetime

import pytest

from checks.sip_message import Garbage, Response
from checks.sip_transaction import State, Transaction
from monitor.domain.findings import Verdict
from tests.checks import sip_server
from tests.checks.sip_server import a_check, always
from tests.requirements import require

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def answer(
    transaction: Transaction, status: int, *, branch: str | None = None, method: str = "OPTIONS"
) -> Response:
    via = f"SIP/2.0/UDP a;branch={branch or transaction.branch}"
    return Response(status=status, reason="", headers=(("via", via), ("cseq", f"1 {method}")))


def test_timer_e_doubles_from_t1_to_t2():
    transaction = Transaction()
    assert [transaction.transmit() for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]


def test_in_proceeding_timer_e_is_t2():
    transaction = Transaction()
    transaction.transmit()
    transaction.receive(answer(transaction, 100))
    assert transaction.state is State.PROCEEDING
    assert [transaction.transmit() for _ in range(2)] == [4, 4]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "event", ["provisional", "final", "foreign branch", "foreign method", "request", "garbage"]
)
def test_every_event_in_every_state_has_its_one_outcome(state, event):
    transaction = Transaction(state=state)
    message = {
        "provisional": answer(transaction, 180),
        "final": answer(transaction, 404),
        "foreign branch": answer(transaction, 200, branch="z9hG4bKother"),
        "foreign method": answer(transaction, 200, method="INVITE"),
        "request": None,
        "garbage": Garbage("noise"),
    }[event]
    transaction.receive(message)
    moved = {"provisional": State.PROCEEDING, "final": State.COMPLETED}.get(event, state)
    assert transaction.state is (State.COMPLETED if state is State.COMPLETED else moved)
    late = state is State.COMPLETED and event in ("provisional", "final")
    assert transaction.foreign == (late or "foreign" in event or event == "request")
    assert transaction.garbage == ("noise" if event == "garbage" else "")


def test_a_branch_is_unique_and_has_the_cookie():
    branches = {Transaction().branch for _ in range(1000)}
    assert len(branches) == 1000
    assert all(branch.startswith("z9hG4bK") for branch in branches)


def test_a_branch_is_compared_without_case():
    transaction = Transaction()
    assert transaction.owns(answer(transaction, 200, branch=transaction.branch.upper()))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_runs_on_uvloop_as_well(transport):
    require("python:uvloop", "the service runs on it wherever it exists")
    import uvloop

    async def story():
        async with getattr(sip_server, transport)(always("404 Not Found")) as far:
            return await a_check(f"sip:127.0.0.1:{far.port};transport={transport}").observe(NOW)

    async def refused():
        with socket.socket(type=socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        return await a_check(f"sip:127.0.0.1:{port}", timeout=30).observe(NOW)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story()).detail == "answered 404 Not Found"
        assert runner.run(refused()).detail.startswith("connection refused")


def open_files() -> int:
    folder = pathlib.Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_a_look_leaves_no_socket_behind():
    async with sip_server.udp(always()) as far, sip_server.tcp(always()) as stream:
        await a_check(f"sip:127.0.0.1:{far.port}").observe(NOW)
        await a_check(f"sip:127.0.0.1:{stream.port};transport=tcp").observe(NOW)
        await asyncio.sleep(0.01)
        before = open_files()
        for _ in range(20):
            await a_check(f"sip:127.0.0.1:{far.port}").observe(NOW)
            cut = asyncio.create_task(a_check(f"sip:127.0.0.1:{far.port}").observe(NOW))
            await asyncio.sleep(0)
            cut.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cut
        after = open_files()
    assert after == before


SCENARIO = """<?xml version="1.0"?><!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="pbx"><recv request="OPTIONS"/>{first}<send><![CDATA[

SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Server: SIPp
Content-Length: 0

]]></send></scenario>
"""
TRYING = SCENARIO.partition("{first}")[2].partition("</scenario>")[0].replace("{status}", "100 Trying")


@contextlib.asynccontextmanager
async def sipp(folder, status, *, transport="udp", first=""):
    program = require("sipp", "a second implementation judges our SIP", how="apt-get install sip-tester")
    scenario = folder / "pbx.xml"
    scenario.write_text(SCENARIO.format(status=status, first=first))
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(type=kind) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    mode = "u1" if transport == "udp" else "t1"
    command = f"{program} -sf {scenario} -i 127.0.0.1 -p {port} -t {mode} -nostdin -timeout 60"
    process = await asyncio.create_subprocess_exec(
        *command.split(), cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.kill()
        await process.wait()


async def until_it_answers(target: str):
    """Look again until the program has opened its port."""
    for _ in range(200):
        seen = await a_check(target).observe(NOW)
        if seen.verdict is not Verdict.DOWN:
            break
        await asyncio.sleep(0.05)
    return seen


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("status", ["200 OK", "486 Busy Here"])
async def test_sipp_is_seen_alive(tmp_path, transport, status):
    async with sipp(tmp_path, status, transport=transport) as port:
        seen = await until_it_answers(f"sip:desk@127.0.0.1:{port};transport={transport}")
    assert (seen.verdict, seen.detail) == (Verdict.UP, f"answered {status}")
    assert seen.values["server"] == "SIPp"


async def test_sipp_that_says_trying_first_is_waited_for(tmp_path):
    async with sipp(tmp_path, "200 OK", first=TRYING + '<pause milliseconds="50"/>') as port:
        seen = await until_it_answers(f"sip:127.0.0.1:{port}")
    assert (seen.verdict, seen.values["status"]) == (Verdict.UP, 200)
    assert seen.phases["rtt"] < seen.phases["final"]
