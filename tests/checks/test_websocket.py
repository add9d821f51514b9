"""The websocket check against aiohttp's server, and against servers that break the protocol."""

import asyncio
import base64
import contextlib
import hashlib
import re
import struct
from datetime import UTC, datetime

import pytest
from aiohttp import WSMsgType, web

from checks.base import Target, Tools
from checks.websocket import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import an_authority, free_port, served, silent

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def a_check(target, *, timeout=15.0, **options):
    return TYPE.build(
        Target(name="ws", target=target, timeout=timeout),
        TYPE.options.model_validate(options),
        Tools(variables={"KEY": "s3cret"}),
    )


async def looked(port, path="/echo", *, scheme="ws", **options):
    return await a_check(f"{scheme}://127.0.0.1:{port}{path}", **options).observe(NOW)


async def echo(request):
    ws = web.WebSocketResponse(protocols=("sip", "xmpp"))
    await ws.prepare(request)
    await ws.send_str(f"hello {request.headers.get('X-Key', 'nobody')} at {request.path_qs}")
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data.upper())
    return ws


async def closing(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await ws.close(code=4003, message=b"not you")
    return ws


async def page(_request):
    return web.Response(text="no websocket here")


@contextlib.asynccontextmanager
async def a_server(tls=None):
    app = web.Application()
    app.router.add_get("/echo", echo)
    app.router.add_get("/closing", closing)
    app.router.add_get("/page", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


async def test_a_server_upgrades_answers_a_ping_and_says_what_it_should(tmp_path):
    authority = an_authority(tmp_path)
    said = {"send": "register ${KEY}", "expect": "^REGISTER S3CRET$", "subprotocol": "sip"}
    async with a_server() as port, a_server(authority.server()) as tls_port:
        plain = await looked(port, **said)
        secure = await looked(tls_port, scheme="wss", ca_file=authority.file, **said)
        untrusted = await looked(tls_port, scheme="wss")
    assert (plain.verdict, plain.detail) == (Verdict.UP, "said 'REGISTER S3CRET'")
    assert set(plain.phases) == {"resolve", "connect", "upgrade", "ping", "message"}
    assert secure.verdict is Verdict.UP
    assert secure.phases["tls"] > 0
    assert (untrusted.verdict, untrusted.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)


async def test_headers_and_the_query_reach_the_server():
    async with a_server() as port:
        seen = await looked(
            port, "/echo?room=5", headers={"X-Key": "${KEY}"}, expect="hello s3cret at /echo.room=5"
        )
        large = await looked(port, send="x" * 60_000, expect="^X{60000}$".replace("{60000}", "+"))
    assert seen.verdict is Verdict.UP, seen.detail
    assert large.verdict is Verdict.UP, large.detail


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("/page", {}, "did not upgrade the connection: 200 OK"),
        ("/none", {}, "did not upgrade the connection: 404 Not Found"),
        ("/closing", {}, "closed the websocket: 4003 not you"),
        ("/echo", {"subprotocol": "mqtt"}, "agreed to the subprotocol 'none', expected 'mqtt'"),
    ],
)
async def test_what_the_server_refuses_is_told(path, options, said):
    async with a_server() as port:
        seen = await looked(port, path, **options)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == f"127.0.0.1:{port} {said}"


async def test_a_message_that_never_comes_is_named():
    async with a_server() as port:
        seen = await looked(port, expect="^never$", timeout=0.3)
    assert seen.detail == f"no message that matches '^never$' from 127.0.0.1:{port} within 300 ms"
    assert "hello nobody" in seen.values["message"]


def upgrading(frames, *, accept=None):
    async def talk(reader, writer):
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.search(r"Sec-WebSocket-Key: (\S+)", request)[1]
        proof = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + (accept or base64.b64encode(proof)) + b"\r\n\r\n" + frames
        )
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()

    return talk


def answers(data):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        pytest.param(upgrading(b"", accept=b"xyz"), "agreed to an upgrade that is not ours", id="accept"),
        pytest.param(upgrading(b"\x83\x00"), "sent a frame of an unknown kind", id="kind"),
        pytest.param(upgrading(b"\x81\x81maskx"), "sent a frame that breaks the protocol", id="masked"),
        pytest.param(upgrading(b"\xc1\x00"), "sent a frame that breaks the protocol", id="extension"),
        pytest.param(upgrading(b"\x81\x7f" + struct.pack("!Q", 2**40)), "sent a frame too large", id="huge"),
        pytest.param(upgrading(b"\x89\x7e\x01\x00"), "sent a frame too large", id="huge ping"),
        pytest.param(
            upgrading((b"\x01\x7e\x80\x00" + b"x" * 0x8000) * 3), "sent a message without end", id="endless"
        ),
        pytest.param(upgrading(b"\x88\x00"), "closed the websocket: without a reason", id="close"),
        pytest.param(upgrading(b""), "closed the connection: no answer to a ping came", id="hangs up"),
        pytest.param(answers(b"SSH-2.0\r\n"), "answered something that is not HTTP", id="not HTTP"),
        pytest.param(
            answers(b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 200), "sent headers without end", id="headers"
        ),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_told(talk, said):
    async with served(talk) as port:
        seen = await looked(port)
    assert seen.verdict is Verdict.DOWN
    assert seen.detail.startswith(f"127.0.0.1:{port} {said}")


async def test_a_message_in_pieces_with_a_ping_between_is_put_together():
    frames = b"\x01\x03hel" + b"\x89\x01?" + b"\x8a\x00" + b"\x80\x02lo"
    async with served(upgrading(frames)) as port:
        seen = await looked(port, expect="^hello$", ping=False)
    assert (seen.verdict, seen.detail) == (Verdict.UP, "said 'hello'")


async def test_silence_and_a_closed_port_are_unreachable():
    async with served(silent) as port:
        quiet = await looked(port, timeout=0.2)
    closed = free_port()
    gone = await looked(closed, timeout=30)
    assert quiet.detail == f"no answer to the upgrade from 127.0.0.1:{port} within 200 ms"
    assert gone.detail == f"connection refused by 127.0.0.1:{closed}"
    assert {quiet.symptom, gone.symptom} == {Symptom.UNREACHABLE}


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("http://127.0.0.1/", {}, "no websocket"),
        ("ws://", {}, "no websocket"),
        ("ws://a b/", {}, "no websocket"),
        ("ws://user@127.0.0.1/", {}, "no host|not a host"),
        ("ws://169.254.169.254/", {}, "metadata"),
        ("ws://127.0.0.1/", {"headers": {"a b": "x"}}, "no header name"),
        ("ws://127.0.0.1/", {"headers": {"a": "x\r\ny"}}, "control character"),
        ("ws://127.0.0.1/", {"send": "${NONE}"}, "is not set"),
    ],
)
def test_a_websocket_that_cannot_be_is_refused_with_a_sentence(target, options, said):
    with pytest.raises(ValueError, match=said):
        a_check(target, **options)
