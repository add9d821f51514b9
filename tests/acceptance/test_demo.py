"""``tocsin demo`` as a newcomer meets it: a process, its first line, and the whole chain within a minute."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.requirements import require


class Demo:
    """A running demo, and a client that knows its token."""

    def __init__(self, process, said, http):
        self.process, self.said, self.http = process, said, http
        self.base = said["status_page"].rstrip("/")

    async def get(self, path):
        async with self.http.get(f"{self.base}{path}") as answer:
            assert answer.status == 200, (path, answer.status, await answer.text())
            return await (answer.json() if "json" in answer.content_type else answer.text())

    async def items(self, name, **wanted):
        items = (await self.get(f"/api/v1/{name}?limit=500"))["items"]
        return [item for item in items if all(item[key] == value for key, value in wanted.items())]

    async def until(self, what, seconds=60):
        """Ask until there is an answer; return it."""
        deadline = time.monotonic() + seconds
        while not (found := await what()):
            assert time.monotonic() < deadline, f"{what.__name__}: not within {seconds} s"
            await asyncio.sleep(0.2)
        return found

    async def stop(self):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            rest = await self.process.stdout.read()
            status = await self.process.wait()
        assert time.monotonic() - began < 10
        assert rest == b"", "stdout carries one line of JSON and nothing else"
        return status


@asynccontextmanager
async def a_demo(folder: Path):
    command = [
        sys.executable,
        "-m",
        "monitor",
        "demo",
        "--json",
        "--port",
        "0",
        "--data-dir",
        str(folder / "data"),
    ]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=log)
    try:
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        assert line, (folder / "log").read_text()[-3000:]
        said = json.loads(line)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {said['api_token']}"}) as http:
            yield Demo(process, said, http)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.slow
async def test_the_demo_shows_the_whole_chain_within_a_minute_and_doubles_nothing_after_a_restart(tmp_path):
    began = time.monotonic()
    async with a_demo(tmp_path) as demo:
        first = demo.said
        assert set(first) == {
            *("status_page", "noc", "metrics", "noc_user", "noc_password", "api_token", "dsn"),
            *("portal", "portal_user", "portal_password"),
        }

        async def a_critical_incident():
            return await demo.items("incidents", **{"class": "critical"})

        async def an_acknowledged_call():
            return await demo.items("calls", result="acknowledged")

        async def a_crash_of_the_real_sdk():
            return await demo.items("crashes", system="PBX-1002")

        async def a_component_that_is_not_operational():
            summary = await demo.get("/api/v2/summary.json")
            return [part for part in summary["components"] if part["status"] != "operational"]

        async def a_ticket_about_the_crash():
            crashed = await demo.items("incidents", system="PBX-1002")
            return crashed and await demo.items("tickets", incident=crashed[0]["id"])

        (incident,) = await demo.until(a_critical_incident)
        decision = await demo.get(f"/api/v1/incidents/{incident['id']}/decision")
        assert (decision["class"], decision["clause"]) == ("critical", "2.1")
        assert decision["reasons"]
        (call,) = await demo.until(an_acknowledged_call)
        assert call["incident"] == incident["id"]
        assert len(await demo.items("tickets", incident=incident["id"])) == 1
        broken = await demo.until(a_component_that_is_not_operational)
        assert "Cloud platform Europe" in [part["name"] for part in broken]
        page = await demo.get("/")
        assert "Cloud platform Europe" in page
        assert "All systems operational" not in page
        assert await demo.until(a_crash_of_the_real_sdk)
        assert await demo.until(a_ticket_about_the_crash)
        assert time.monotonic() - began < 60

        metrics = await demo.get("/metrics")
        assert 'tocsin_findings_total{class="critical",source="check"} 1.0' in metrics
        before = {name: len(await demo.items(name)) for name in ("incidents", "tickets", "calls")}
        assert await demo.stop() == 0

    async with a_demo(tmp_path) as demo:
        kept = ("noc_user", "noc_password", "api_token", "portal_user", "portal_password")
        assert {name: demo.said[name] for name in kept} == {name: first[name] for name in kept}
        assert demo.said["dsn"].split("@")[0] == first["dsn"].split("@")[0]
        await asyncio.sleep(4)
        after = {name: len(await demo.items(name)) for name in ("tickets", "calls")}
        assert after == {name: before[name] for name in after}
        assert len(await demo.items("incidents", system="PBX-1001")) == 1
        assert await demo.stop() == 0


@pytest.mark.slow
async def test_promtool_accepts_the_metrics(tmp_path):
    promtool = require(
        "promtool", "metrics are named as Prometheus wants it", how="apt-get install prometheus"
    )
    async with a_demo(tmp_path) as demo:
        metrics = await demo.get("/metrics")
        await demo.stop()
    judged = await asyncio.to_thread(
        subprocess.run,
        [promtool, "check", "metrics"],
        input=metrics.encode(),
        capture_output=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
