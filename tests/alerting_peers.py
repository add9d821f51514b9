"""Real Prometheus, Alertmanager and amtool on loopback, each stopped by its own pid; and a target to scrape."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.checks.far_ends import free_port
from tests.requirements import require

PATIENCE = 20.0
_ALERTMANAGER = "route: {receiver: tocsin}\nreceivers: [{name: tocsin}]\n"


@asynccontextmanager
async def _running(url: str, ready: str, *command: str) -> AsyncGenerator[str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession() as session:

            async def answers() -> bool:
                try:
                    async with session.get(url + ready) as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    assert process.returncode is None, f"{command[0]} has ended"
                    return False

            await until(answers)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until(true: Callable[[], object], *, patience: float = PATIENCE) -> None:
    """Wait until something is so; say what it was if it never is."""
    async with asyncio.timeout(patience):
        while True:
            found = true()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def a_prometheus(folder: Path, *, rules: str, target: int, sends_to: str = "") -> AsyncGenerator[str]:
    """Run a Prometheus that scrapes a port every half second; ``sends_to`` is its ``alertmanagers`` list, as YAML."""
    program = require("prometheus", "alerts are sent and queries answered by a real one")
    (folder / "rules.yml").write_text(rules)
    alerting = f"alerting: {{alertmanagers: [{sends_to}]}}\n" if sends_to else ""
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 500ms, evaluation_interval: 500ms}\n"
        f"rule_files: [rules.yml]\n{alerting}"
        "scrape_configs:\n"
        f"  - {{job_name: pbx, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}\n"
    )
    port = free_port()
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
    ]
    async with _running(f"http://127.0.0.1:{port}", "/-/ready", *command) as url:
        yield url


@asynccontextmanager
async def an_alertmanager(folder: Path, configuration: str = _ALERTMANAGER) -> AsyncGenerator[str]:
    """Run an Alertmanager."""
    program = require(
        "prometheus-alertmanager",
        "what it answers is what we answer",
        how="apt-get install prometheus-alertmanager",
    )
    (folder / "alertmanager.yml").write_text(configuration)
    port = free_port()
    command = [
        program,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    async with _running(f"http://127.0.0.1:{port}", "/-/ready", *command) as url:
        yield url


async def amtool(url: str, *arguments: str) -> tuple[int, str, str]:
    """Run amtool against an address (which may hold a token); give its exit code and what it wrote."""
    program = require(
        "amtool", "alerts are added and queried by it", how="apt-get install prometheus-alertmanager"
    )
    process = await asyncio.create_subprocess_exec(
        program,
        f"--alertmanager.url={url}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def queried(url: str, *arguments: str) -> list[dict]:
    """Return what ``amtool alert query`` finds."""
    code, out, err = await amtool(url, "alert", "query", "-o", "json", *arguments)
    assert code == 0, err
    return json.loads(out) or []


class Gauge:
    """A target with one number on it, which may also stop answering."""

    def __init__(self) -> None:
        self.value: float = 0

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[int]:
        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = f'trunks_down{{serial="PBX-1"}} {self.value}\ntrunks_down{{serial="PBX-2"}} 0\n'
        return web.Response(text=text, content_type="text/plain")
