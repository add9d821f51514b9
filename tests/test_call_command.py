"""``tocsin call test``: one real call by the configured phone, told line by line."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from monitor.cli import main
from tests.far_ends.sipp import answers, busy, free_port, phones
from tests.requirements import require

ROOT = Path(__file__).parents[1]
GIULIA, MARCO = "+390461234567", "+390461234568"
CONFIGURATION = """
partners:
  - id: aurora
    name: Aurora
    policy: wildix
    tier: gold
    country: IT
    contacts: [{{id: giulia, name: Giulia, phone: "{giulia}"}}, {{id: marco, name: Marco, phone: "{marco}"}}]
phone: {phone}
"""


@pytest.fixture(autouse=True)
def no_log_of_ours_stays() -> Iterator[None]:
    """The command sets up logging for the whole process; the next test has its own stderr."""
    before = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before


def configured(folder: Path, phone: str) -> Path:
    path = folder / "tocsin.yaml"
    path.write_text(CONFIGURATION.format(giulia=GIULIA, marco=MARCO, phone=phone))
    return path


async def command(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "call", "test", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_real_call_is_told_line_by_line_and_only_key_1_is_success(tmp_path: Path) -> None:
    require("python:baresip", "a SIP user agent", how="pip install 'tocsin[sip]'")
    require("espeak-ng", "speech on real calls")
    first = free_port(pairs=10)
    async with phones(tmp_path / "phones", {GIULIA: answers("1"), MARCO: busy()}) as far_end:
        lines = f'[{{name: pbx, domain: "{far_end.address}", user: tocsin, register: false}}]'
        speech = '{command: [espeak-ng, -v, "{voice}", -s, "450", --stdin, --stdout]}'
        path = configured(
            tmp_path,
            f"{{driver: sip, sip: {{lines: {lines}, rtp_ports: {first}-{first + 19}, speech: {speech}}}}}",
        )
        status, said, _ = await command(GIULIA, "-c", str(path))
        assert (status, [line.split("  ")[-1].split(":")[0] for line in said.splitlines()]) == (
            0,
            [
                f"calling {GIULIA}, dialled by line pbx, known at the far end as {next(iter(far_end.calls()))}",
                "ringing",
                "answered",
                "key 1 pressed",
            ],
        )
        status, said, complained = await command(MARCO, "--json", "-c", str(path))
        assert said, complained
        told = json.loads(said)
        assert (status, told["acknowledged"], told["events"][-1]["state"]) == (1, False, "busy")
        assert complained == ""
        assert far_end.invited() == [GIULIA, MARCO]


@pytest.mark.parametrize(
    ("phone", "arguments", "words"),
    [
        pytest.param("{driver: sandbox}", ["+393471234567"], "nobody's number", id="a number of nobody"),
        pytest.param(
            "{driver: sandbox}", ["+39899123456", "--anyway"], "never dialled", id="premium rate, anyway"
        ),
        pytest.param(
            "{driver: sandbox}", ["+4790123456", "--anyway"], "NO is not among", id="a country, anyway"
        ),
        pytest.param("{driver: sandbox}", ["0461234567"], "begin with +", id="no international number"),
        pytest.param("{driver: none}", [GIULIA], "nothing to try", id="no phone"),
    ],
)
def test_what_may_not_be_called_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], phone: str, arguments: list[str], words: str
) -> None:
    path = configured(tmp_path, phone)
    assert main(["call", "test", *arguments, "-c", str(path)]) == 1
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""


def test_the_sandbox_can_be_tried_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configured(tmp_path, "{driver: sandbox}")
    assert main(["call", "test", "+39 347 1234567", "--anyway", "-c", str(path)]) == 0
    assert "key 1 pressed" in capsys.readouterr().out
