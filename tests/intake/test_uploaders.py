"""Uploaders as they are shipped: Breakpad's own, Debian Chromium's Crashpad handler, sentry-cli. None is changed."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from monitor.domain.crashes import group
from monitor.storage import dumps
from tests.dumps.real import Crasher, crasher
from tests.intake.server import KEY
from tests.node_packages import node_package
from tests.requirements import require

WHY = "crash reports are sent with it"
CHROMIUM = Path("/usr/lib/chromium/chrome_crashpad_handler")


@pytest.fixture(scope="session")
def breakpads_uploader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile Breakpad's minidump_upload from the source that npm's minidump carries."""
    compiler = require("g++", WHY)
    source = node_package("minidump", WHY) / "deps" / "breakpad" / "src"
    folder = tmp_path_factory.mktemp("breakpad")
    (folder / "config.h").touch()
    parts = (
        "tools/linux/symupload/minidump_upload.cc",
        "common/linux/http_upload.cc",
        "common/path_helper.cc",
    )
    program = folder / "minidump_upload"
    command = [compiler, "-std=c++17", "-O0", f"-I{folder}", f"-I{source}", *parts, "-ldl", "-o", program]
    subprocess.run(command, cwd=source, check=True, timeout=100)
    return program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Crasher:
    return crasher(tmp_path_factory.mktemp("crasher"))


async def test_breakpads_own_uploader_uploads_and_hears_the_id(intake, program, breakpads_uploader, tmp_path):
    dump = await asyncio.to_thread(program.dies, "segv", tmp_path / "db")
    command = [breakpads_uploader, "-p", "pbxcore", "-v", "7.2.1", dump]
    url = f"{intake.url}/api/42/minidump/?sentry_key={KEY}"
    done = await asyncio.to_thread(
        subprocess.run, [*command, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "Successfully sent" in done.stdout) == (0, True), done.stdout + done.stderr
    (stored,) = await intake.stored()
    assert (stored.report.process, stored.report.version) == ("pbxcore", "7.2.1")
    kept = await intake.store.read(dumps.find_dump, stored.id)
    assert kept is not None
    assert kept.size == dump.stat().st_size
    assert str(UUID(hex=stored.key)) in (dump.stem, done.stdout.partition("ID: ")[2].strip() or dump.stem)


async def test_breakpads_uploader_is_told_when_nobody_knows_its_key(
    intake, program, breakpads_uploader, tmp_path
):
    dump = await asyncio.to_thread(program.dies, "abort", tmp_path / "db")
    command = [
        breakpads_uploader,
        "-p",
        "a",
        "-v",
        "1",
        dump,
        f"{intake.url}/api/42/minidump/?sentry_key=nobody",
    ]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Successfully sent" not in done.stdout
    assert await intake.stored() == []


async def test_chromiums_crashpad_handler_of_debian_uploads(intake, program, tmp_path):
    require("chromium", WHY, found=CHROMIUM.exists())
    debian = replace(program, handler=CHROMIUM)
    extra = ("--annotation=prod=pbxcore", "--annotation=ver=7.2.1", "--annotation=serial=PBX-1001")
    url = f"{intake.url}/api/42/minidump/?sentry_key={KEY}"
    dump = await asyncio.to_thread(debian.dies, "segv", tmp_path / "db", url=url, extra=extra)
    (stored,) = await intake.stored()
    assert dump.parent.name == "completed", "the handler takes it as delivered"
    assert str(UUID(hex=stored.key)) == dump.stem
    report = stored.report
    assert (report.process, report.version, report.system_hint["serial"]) == ("pbxcore", "7.2.1", "PBX-1001")


SCRIPT = """#!/bin/bash
eval "$({cli} bash-hook)"
dial_trunk() {{ false; }}
dial_trunk
"""


async def test_sentry_cli_sends_an_event_an_envelope_and_a_failing_script(intake, tmp_path):
    node_package("@sentry/cli", WHY)
    cli = node_package("@sentry/cli", WHY).parent / "cli-linux-x64" / "bin" / "sentry-cli"
    require("sentry-cli", WHY, how="a network with an npm registry", found=cli.exists())
    cli.chmod(0o755)
    environment = {"SENTRY_DSN": intake.dsn(), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    (tmp_path / "envelope").write_bytes(b'{}\n{"type":"event"}\n{"message":"by hand","level":"fatal"}\n')
    (tmp_path / "script").write_text(SCRIPT.format(cli=cli))
    runs = (
        [cli, "send-event", "-m", "trunk %s lost", "-a", "3", "-l", "fatal", "-r", "pbx@7.2.1", "-t", "serial:PBX-1001"],
        [cli, "send-envelope", tmp_path / "envelope"],
        ["/bin/bash", tmp_path / "script"],
    )  # fmt: skip
    told = [
        await asyncio.to_thread(
            subprocess.run,
            run,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for run in runs
    ]
    reports = [stored.report for stored in await intake.stored()]
    assert len(reports) == 3, [done.stdout + done.stderr for done in told]
    event, envelope, script = reports
    assert (event.message, event.version, event.system_hint["serial"]) == (
        "trunk 3 lost",
        "7.2.1",
        "PBX-1001",
    )
    assert envelope.message == "by hand"
    assert "dial_trunk" in group(script).title + script.message + str(script.frames)
