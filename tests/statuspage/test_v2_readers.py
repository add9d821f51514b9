"""Programs that nobody here wrote read our API v2, unmodified, each in an environment of its own (the long run).

Four of PyPI; two of the npm registry are in ``test_browser.py``. Each is shown a page with everything on it that there can be.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.requirements import require
from tests.statuspage import seeds
from tests.statuspage.test_browser import served

READERS = Path(__file__).parent / "readers"
CACHE = Path(__file__).parents[2] / ".tools" / "readers"
WIDELY = 97  # of so many whole runs of the suite one has these: they want a network
OPEN = {
    "Nothing was said",
    "Calls through the European cloud fail",
    "investigating: <script>alert(1)</script>",
    "identified: quote \" and ' and \\ and two lines",
    "monitoring: emoji 🔔 and 漢字 and עברית",
}


async def output(*command):
    """Return what a program prints on its last line."""
    asked = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complaints = await asked.communicate()
    assert asked.returncode == 0, complaints.decode()[-2000:]
    return said.decode().splitlines()[-1] if said.strip() else ""


async def reading(package, program, url):
    """Let a program of a package read the page, in an environment that has nothing else."""
    place = CACHE / package
    python = place / "bin" / "python"
    if not (place / "made").exists():
        shutil.rmtree(place, ignore_errors=True)
        try:
            await output(sys.executable, "-m", "venv", str(place))
            await output(str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", package)
            (place / "made").touch()
        except AssertionError:
            require(package, "it reads our API", how="a network with PyPI", found=False)
    return json.loads(await output(str(python), str(READERS / program), url))


@pytest.fixture
async def page(monkeypatch):
    monkeypatch.setitem(seeds.STATES, "full", seeds.full)
    async with served("full") as url:
        yield url


@pytest.mark.sampled(WIDELY)
async def test_the_eight_tests_that_discordstatus_ships_pass_against_our_page(page):
    told = await reading("DiscordStatus==0.0.2", "by_discordstatus.py", page)
    assert told["passed"] == 8
    assert set(told["open"]) == OPEN


@pytest.mark.sampled(WIDELY)
async def test_statuscheck_knows_every_word_of_ours(page):
    told = await reading("statuscheck==3.11.0", "by_statuscheck.py", page)
    assert told["status"] == "Major outage"
    assert told["components"] == 16
    assert set(told["open"]) >= OPEN


@pytest.mark.sampled(WIDELY)
async def test_the_prometheus_exporter_makes_series_of_what_is_open_and_planned(page):
    told = await reading("statuspage-prometheus-exporter==2.6.0", "by_exporter.py", page)
    of = [line.partition("{")[0] for line in told["metrics"]]
    assert of.count("statuspage_incident_info") == len(OPEN)
    assert of.count("statuspage_maintenance_info") == 5
    assert of.count("statuspage_component_status") == 16


@pytest.mark.sampled(WIDELY)
async def test_the_models_made_from_atlassian_s_openapi_take_every_value(page):
    told = await reading("atlassian-statuspage==1.0.2", "by_atlassian.py", page)
    assert told["values"] > 2000
    assert told["refused"] == ["operational-ish", "perhaps"]
