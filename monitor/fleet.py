"""The demo's fleet: small real servers on loopback, one of which breaks; nothing inside the service is faked.

SIP over UDP and TCP · HTTP · TLS · a TCP port · a job that pings its heartbeat · a program that crashes
"""

import asyncio
import contextlib
import ssl
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
from aiohttp import ClientSession, ClientTimeout, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

log = structlog.stdlib.get_logger()

SIP_SYSTEMS = ("1001", "1002", "2001", "3001")
BROKEN = "1001"
BREAKS_AFTER, MENDED_AFTER, CRASHES_AFTER = 6.0, 600.0, 9.0
HEARTBEAT = "5f3a1c1e-0a6b-4f4e-9d3d-2f1f5b7c9e01"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Fleet:
    """The running fleet: its ports by the names the configuration uses, and what can be broken."""

    ports: dict[str, str] = field(default_factory=dict[str, str])
    sip: dict[str, "SipEndpoint"] = field(default_factory=dict[str, "SipEndpoint"])


class SipEndpoint(asyncio.DatagramProtocol):
    """A PBX as its SIP port shows it: answers OPTIONS with 200, unless it is broken and says nothing."""

    def __init__(self) -> None:
        self.broken = False
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass of asyncio's

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer an OPTIONS."""
        reply = answer(data)
        if reply and self._transport and not self.broken:
            self._transport.sendto(reply, addr)


def answer(request: bytes) -> bytes | None:
    """Compose the 200 to an OPTIONS (RFC 3261, section 11.2), or None for anything else."""
    lines = request.decode("utf-8", "replace").split("\r\n")
    if not lines[0].startswith("OPTIONS "):
        return None
    wanted = ("via:", "from:", "call-id:", "cseq:")
    kept = [line for line in lines[1:] if line.lower().startswith(wanted)]
    to = next((f"{line};tag=demo" for line in lines[1:] if line.lower().startswith("to:")), None)
    if to is None:
        return None
    head = ["SIP/2.0 200 OK", *kept, to, "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS", "Server: demo-pbx/5.02"]
    return "\r\n".join([*head, "Content-Length: 0", "", ""]).encode()


@asynccontextmanager
async def fleet(now: datetime) -> AsyncGenerator[Fleet]:
    """Bring the fleet up on free ports of loopback; leaving the context takes it down."""
    running = Fleet()
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        for serial in SIP_SYSTEMS[:-1]:
            transport, endpoint = await loop.create_datagram_endpoint(
                SipEndpoint, local_addr=("127.0.0.1", 0)
            )
            stack.callback(transport.close)
            running.sip[serial] = endpoint
            running.ports[f"DEMO_SIP_{serial}"] = str(transport.get_extra_info("sockname")[1])
        running.ports[f"DEMO_SIP_{SIP_SYSTEMS[-1]}"] = await _listen(stack, _sip_over_tcp)
        running.ports["DEMO_TCP"] = await _listen(stack, _greet)
        running.ports["DEMO_TLS"] = await _listen(stack, _greet, _certificate(now))
        running.ports["DEMO_HTTP"] = await _http(stack)
        yield running


async def _listen(stack: AsyncExitStack, serve: Serve, tls: ssl.SSLContext | None = None) -> str:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    stack.callback(server.close)
    return str(server.sockets[0].getsockname()[1])


async def _sip_over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        request = await reader.readuntil(b"\r\n\r\n")
        if reply := answer(request):
            writer.write(reply)
            await writer.drain()
        await reader.read(1)
    writer.close()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1)
    writer.close()


async def _http(stack: AsyncExitStack) -> str:
    app = web.Application()

    async def pbx(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "calls": 12})

    async def portal(_request: web.Request) -> web.Response:
        return web.Response(text="<title>Portal</title>", content_type="text/html")

    app.add_routes([web.get("/pbx-4001", pbx), web.get("/portal", portal)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return str(runner.addresses[0][1])


def _certificate(now: datetime) -> ssl.SSLContext:
    """Make a certificate for the demo's TLS port, good for ninety days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "demo.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context.load_cert_chain(pem)
    return context


async def script_of_faults(running: Fleet, *, base: str, dsn: str) -> None:
    """Play the demo's script: a job pings, a system breaks, a program crashes, the system is mended, again."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_ping_for_ever(f"{base}/ping/{HEARTBEAT}"), name="demo pings")
        group.create_task(_crash_once(dsn), name="demo crash")
        while True:
            await asyncio.sleep(BREAKS_AFTER)
            running.sip[BROKEN].broken = True
            log.info("demo.broke", system=f"PBX-{BROKEN}")
            await asyncio.sleep(MENDED_AFTER)
            running.sip[BROKEN].broken = False
            log.info("demo.mended", system=f"PBX-{BROKEN}")
            await asyncio.sleep(MENDED_AFTER)


async def _ping_for_ever(url: str) -> None:
    async with ClientSession(timeout=ClientTimeout(total=5)) as http:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with http.post(url, data=b"backup done"):
                    pass
            await asyncio.sleep(10)


async def _crash_once(dsn: str) -> None:
    """Let a program of its own crash and report it through the real Sentry SDK, unmodified."""
    await asyncio.sleep(CRASHES_AFTER)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "monitor.crasher",
        dsn,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
    log.info("demo.crashed", system="PBX-1002")
