"""Crash reports accepted a second, each on the disk before its answer, beside a handler that does nothing.

    python -m tests.benchmarks.crash_intake [SECONDS] [CONNECTIONS]

The server is a process of its own (uvloop), the load another; 64 connections send a Sentry envelope of some
4 KB, a fresh event id each, plain and gzipped. Judge by the ratio to the empty handler; the figures are the
machine's.
"""

import asyncio
import gzip
import json
import sys
import tempfile
import time
import uuid
from pathlib import Path

import uvloop
from aiohttp import web

from monitor.intake.body import Limits
from tests.intake.server import KEY, Running, running

ROUNDS = 3
FRAMES = [
    {
        "function": f"function_{n}",
        "filename": "pbx/core.py",
        "lineno": n,
        "in_app": True,
        "vars": {"n": "x" * 100},
    }
    for n in range(18)
]


def an_envelope(id_: str) -> bytes:
    event = {
        "event_id": id_, "level": "error", "timestamp": "2026-11-22T00:32:01.421073Z", "server_name": "pbx-ACME-01",
        "exception": {"values": [{"type": "ZeroDivisionError", "value": "division by zero", "stacktrace": {"frames": FRAMES}}]},
        "tags": {"pbx.serial": "24141000A1B2"}, "release": "pbx-core@7.2.1", "contexts": {"os": {"name": "Linux"}},
    }  # fmt: skip
    payload = json.dumps(event).encode()
    return b'{"event_id":"%s"}\n{"type":"event","length":%d}\n%s\n' % (id_.encode(), len(payload), payload)


async def serve(folder: str) -> None:
    async with running(f"sqlite:///{folder}/tocsin.db", Limits()) as serving:
        idle = await _idle_server()
        print(serving.url, idle, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(len(await _ids(serving)), flush=True)


async def _idle_server() -> str:
    async def nothing(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b"{}")

    app = web.Application()
    app.router.add_post("/{any:.*}", nothing)
    runner = web.AppRunner(app, auto_decompress=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _ids(serving: Running) -> set[str]:
    def ids(c) -> set[str]:
        return {row[0] for row in c.exec_driver_sql("SELECT id FROM crashes")}

    return await serving.store.read(ids)


async def load(url: str, *, seconds: float, connections: int, packed: bool) -> tuple[float, float, float]:
    """Return answers a second, and the median and 99th percentile of the wait in milliseconds."""
    waits: list[float] = []
    port = int(url.rpartition(":")[2])
    until = time.perf_counter() + seconds
    coding = b"Content-Encoding: gzip\r\n" if packed else b""
    head = b"POST /api/42/envelope/?sentry_key=%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: " % (
        KEY.encode(),
        coding,
    )

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            body = _body(packed)
            began = time.perf_counter()
            writer.write(head + b"%d\r\n\r\n" % len(body) + body)
            answer = await reader.readuntil(b"}")
            waits.append(time.perf_counter() - began)
            assert answer.startswith(b"HTTP/1.1 200"), answer
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    waits.sort()
    return len(waits) / seconds, 1000 * waits[len(waits) // 2], 1000 * waits[len(waits) * 99 // 100]


_TEMPLATE = an_envelope("0" * 32)


def _body(packed: bool) -> bytes:
    body = _TEMPLATE.replace(b"0" * 32, uuid.uuid4().hex.encode())
    return gzip.compress(body, 1) if packed else body


async def main(seconds: float, connections: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.crash_intake", "serve", folder,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        intake, idle = (await server.stdout.readline()).decode().split()
        print(f"{connections} connections, envelope of {len(_TEMPLATE)} bytes; a second, p50 ms, p99 ms")
        taken = 0.0
        for _ in range(ROUNDS):
            for name, url, packed in (
                ("does nothing", idle, False),
                ("durable", intake, False),
                ("durable, gzip", intake, True),
            ):
                rate, median, worst = await load(url, seconds=seconds, connections=connections, packed=packed)
                taken += rate * seconds if url == intake else 0
                print(f"{name:16}{rate:8.0f}{median:9.1f}{worst:9.1f}", flush=True)
        server.stdin.write(b"\n")
        rows = int(await server.stdout.readline())
        print(f"answered 200 to {taken:.0f} fresh events; on record: {rows}")
        await server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(sys.argv[2]))
    else:
        given = [float(arg) for arg in sys.argv[1:]]
        uvloop.run(main(given[0] if given else 5.0, int(given[1]) if len(given) > 1 else 64))
