"""What a ``sip`` check costs: an OPTIONS ping over UDP, beside raw sockets that send and read a datagram and judge nothing.

    python -m tests.benchmarks.sip_checks [--quick] [--json]

A socket of its own for each look, ours and theirs, on one core; the PBX, which answers 200 to everything, on the other.
CPU of this process only; medians of the rounds, in turns.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from statistics import median

import uvloop

from checks.base import Check, Target, Tools
from checks.sip import TYPE, SipOptions
from monitor.domain.findings import Verdict
from tests.benchmarks import peers
from tests.benchmarks.http_checks import NOW, cpu, many
from tests.benchmarks.report import Goal, Report

IN_FLIGHT = 32
OVER_RAW = 5.0
_ASKED = (
    b"OPTIONS sip:ping@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:ping@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
_ECHOED = ("via", "from", "to", "call-id", "cseq")


def answering() -> None:
    """Answer every request with 200 for ever; this is ``python -m tests.benchmarks.sip_checks far-end``."""
    pbx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    pbx.bind(("127.0.0.1", 0))
    print(pbx.getsockname()[1], flush=True)
    while True:
        asked, sender = pbx.recvfrom(65_535)
        echoed = [
            line
            for line in asked.decode().split("\r\n")
            if line.partition(":")[0].lower() in _ECHOED
        ]  # fmt: skip
        pbx.sendto(
            "\r\n".join(("SIP/2.0 200 OK", *echoed, "Server: far end", "Content-Length: 0", "", "")).encode(),
            sender,
        )


@contextlib.contextmanager
def far_end() -> Iterator[int]:
    command = peers.pinned(peers.OTHER, peers.ours("tests.benchmarks.sip_checks", "far-end"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=peers.ROOT) as process:
        assert process.stdout is not None, "it was asked for"
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def ours(port: int, looks: int) -> None:
    """Look with the check as it is wired."""
    checks = [
        TYPE.build(Target(name=f"pbx-{n}", target=f"sip:ping@127.0.0.1:{port}"), SipOptions(), Tools())
        for n in range(IN_FLIGHT)
    ]

    async def look() -> None:
        check: Check = checks.pop()
        seen = await check.observe(NOW)
        assert seen.verdict is Verdict.UP, seen.detail
        checks.append(check)

    await many(look, looks, IN_FLIGHT)


async def raw(port: int, looks: int) -> None:
    """Send a datagram and wait for one."""
    loop = asyncio.get_running_loop()

    async def look() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
            line.connect(("127.0.0.1", port))
            line.send(_ASKED)
            assert await loop.sock_recv(line, 65_535)

    await many(look, looks, IN_FLIGHT)


def measure(looks: int, rounds: int) -> Report:
    """Take turns on one core."""
    programs: dict[str, Callable[[int, int], Awaitable[None]]] = {
        "sip check, OPTIONS": ours,
        "raw sockets": raw,
    }
    spent: dict[str, list[float]] = {name: [] for name in programs}
    with far_end() as port, peers.on(peers.MEASURED):
        for turn in range(rounds + 1):
            for name, program in programs.items():
                before = cpu()
                uvloop.run(program(port, looks))  # type: ignore[arg-type] # any awaitable of a coroutine function
                if turn:  # the first turn only warms up
                    spent[name].append((cpu() - before) / looks * 1000)
    middle = {name: median(each) for name, each in spent.items()}
    mine, theirs = middle.values()
    return Report(
        name="sip_checks",
        title=f"one OPTIONS ping over UDP, {IN_FLIGHT} in flight",
        columns=("", "CPU-s per 1,000", "ours / this"),
        rows=[(name, each, mine / each) for name, each in middle.items()],
        goals=[Goal(text="CPU over raw sockets'", figure=mine / theirs, limit=OVER_RAW)],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(1_024, 3) if quick else measure(4_096, 5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("far_end", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.far_end:
        answering()
        return
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
