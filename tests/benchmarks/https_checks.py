"""What an ``http`` check over TLS costs: a full handshake each, and a kept connection, beside blackbox_exporter.

    python -m tests.benchmarks.https_checks [--quick] [--json]

nginx with a certificate of its own key (P-256, TLS 1.3) on the other core. Ours runs in this process, verifying by the
certificate; the exporter, which makes a full handshake each time, is asked by a bare loop on the other core as fast as
ours went, and its own CPU is counted. Medians of the rounds, in turns.
"""

import subprocess
import tempfile
from pathlib import Path
from statistics import median

import uvloop

from checks.base import Check, Target, Tools
from checks.curl import CurlEngine
from checks.http import TYPE
from checks.http_options import HttpOptions
from monitor.domain.findings import Verdict
from tests.benchmarks import peers
from tests.benchmarks.beside import looping, said
from tests.benchmarks.http_checks import NOW, cpu, many
from tests.benchmarks.report import Goal, Report, by_itself

FULL_GOAL, KEPT_GOAL = 0.8, 0.3
IN_FLIGHT = 16
ASKED = 200  # a second, of the exporter


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for loopback, signed by itself."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        peers.program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


async def ours(url: str, cert: Path, looks: int, *, keep: bool) -> None:
    """Look with the check as it is wired, verifying."""
    async with CurlEngine() as engine:
        options = HttpOptions(keep_alive=keep, ca_file=str(cert))
        checks = [
            TYPE.build(Target(name=f"web-{n}", target=url), options, Tools(http=engine))
            for n in range(IN_FLIGHT)
        ]

        async def look() -> None:
            check: Check = checks.pop()
            seen = await check.observe(NOW)
            assert seen.verdict is Verdict.UP, seen.detail
            checks.append(check)

        await many(look, looks, IN_FLIGHT)


def asked(exporter: peers.Running, target: str, seconds: float) -> float:
    """Return the exporter's CPU-seconds per 1,000 looks."""
    before = peers.cpu_of(exporter.pid)
    probe = f"{exporter.url}/probe?module=https_any&target={target}/{{n}}"
    with looping(peers.OTHER, probe, ASKED, 1.0, seconds) as loop:
        looks = said(loop)["looks"]
    return (peers.cpu_of(exporter.pid) - before) / looks * 1000


def measure(looks: int, rounds: int) -> Report:
    """Take turns on one core."""
    spent: dict[str, list[float]] = {"http check, full handshake": [], "http check, kept connection": []}
    theirs: list[float] = []
    notes = [f"{IN_FLIGHT} in flight for ours, {ASKED} a second for the exporter"]
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name, peers.on(peers.MEASURED):
        cert, key = certificate(Path(name))
        with peers.nginx(tls=(cert, key)) as target:
            for turn in range(rounds + 1):
                for kind, each in spent.items():
                    before = cpu()
                    uvloop.run(ours(f"{target.tls}/", cert, looks, keep="kept" in kind))
                    if turn:  # the first turn only warms up
                        each.append((cpu() - before) / looks * 1000)
            try:
                with peers.blackbox() as exporter:
                    theirs = [asked(exporter, target.tls, 5.0) for _ in range(rounds + 1)][1:]
            except peers.MissingError as error:
                notes.append(f"not run: {error}")
    middle = {kind: median(each) for kind, each in spent.items()}
    rows: list[tuple[str, float, float | None]] = [(kind, each, None) for kind, each in middle.items()]
    goals: list[Goal] = []
    if theirs:
        exporter_ = median(theirs)
        rows = [(kind, each, each / exporter_) for kind, each in middle.items()]
        rows.append(("blackbox_exporter, full handshake", exporter_, 1.0))
        full, kept = middle.values()
        goals = [
            Goal(text="full handshakes, over blackbox_exporter's", figure=full / exporter_, limit=FULL_GOAL),
            Goal(text="kept connections, over blackbox_exporter's", figure=kept / exporter_, limit=KEPT_GOAL),
        ]  # fmt: skip
    return Report(
        name="https_checks",
        title="one http look over TLS",
        columns=("", "CPU-s per 1,000", "/ blackbox"),
        rows=rows,
        goals=goals,
        notes=notes,
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(512, 2) if quick else measure(1_024, 3)


if __name__ == "__main__":
    by_itself(run, __doc__)
