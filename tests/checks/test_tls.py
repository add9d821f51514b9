"""The ``tls`` check against real handshakes."""

import asyncio
import ssl
from typing import Any

import pytest

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.tls import TYPE, TlsOptions
from monitor.domain.findings import Observation, Symptom, Verdict
from tests.checks import far_ends
from tests.checks.far_ends import NOW, free_port, served

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


def a_check(engine: CurlEngine | None, target: str, *, timeout: float = 5.0, **options: Any):
    return TYPE.build(
        Target(name="door", target=target, timeout=timeout),
        TlsOptions.model_validate(options),
        Tools(http=engine),
    )


async def read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def look(engine: CurlEngine, tls: ssl.SSLContext, **options: Any) -> Observation:
    async with served(read_on, tls=tls) as port:
        return await a_check(engine, f"127.0.0.1:{port}", **options).observe(NOW)


async def test_a_trusted_handshake_tells_the_certificate(engine, authority):
    seen = await look(engine, authority.server(days=90.5), ca_file=authority.file)
    assert (seen.verdict, seen.symptom) == (UP, None)
    assert seen.detail == "the certificate expires in 90 days"
    assert seen.values == {
        "ip": "127.0.0.1",
        "subject": "pbx.example",
        "issuer": "Tocsin test authority",
        "certificate_days": 90.5,
        "issuer_days": 400.0,
    }
    assert set(seen.phases) == {"resolve", "connect", "tls"}


async def test_no_byte_is_said_and_the_connection_is_closed(engine, authority):
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())

    async with served(listen, tls=authority.server()) as port:
        await a_check(engine, f"127.0.0.1:{port}", ca_file=authority.file).observe(NOW)
        assert await heard == b""


async def test_another_name_can_be_asked_for(engine, authority):
    asked: list[str | None] = []
    tls = authority.server(name="sip.example")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    seen = await look(engine, tls, ca_file=authority.file, server_name="sip.example")
    assert seen.verdict is UP, seen.detail
    assert asked == ["sip.example"]


CERTIFICATES = {
    "expired": (
        {"days": -3.5},
        {},
        DOWN,
        Symptom.UNREACHABLE,
        "has expired; the certificate expired 3 days ago",
    ),
    "for another name": ({"name": "other.example"}, {}, DOWN, Symptom.UNREACHABLE, "is for another"),
    "self-signed": ({"own": True}, {}, DOWN, Symptom.UNREACHABLE, "is self-signed"),
    "self-signed, not verified": ({"own": True}, {"verify": False}, UP, None, "expires in 90 days"),
    "expired, not verified": (
        {"days": -0.5},
        {"verify": False},
        DEGRADED,
        Symptom.CERTIFICATE_EXPIRING,
        "expired less than a day ago",
    ),
    "expiring": ({"days": 20.5}, {}, DEGRADED, Symptom.CERTIFICATE_EXPIRING, "expires in 20 days"),
    "expiring too soon": (
        {"days": 1.5},
        {"certificate": {"fail_days": 7}},
        DOWN,
        Symptom.CERTIFICATE_EXPIRING,
        "expires in 1 day (limit 7 days)",
    ),
    "an old protocol": (
        {"newest": ssl.TLSVersion.TLSv1_2},
        {"minimum": "1.3"},
        DOWN,
        Symptom.UNREACHABLE,
        "TLS 1.3 or newer was offered",
    ),
    "a protocol that will do": ({"newest": ssl.TLSVersion.TLSv1_2}, {}, UP, None, "expires in"),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_certificates(engine, authority, case):
    server, options, verdict, symptom, said = CERTIFICATES[case]
    seen = await look(engine, authority.server(**{"days": 90.5} | server), ca_file=authority.file, **options)
    assert (seen.verdict, seen.symptom) == (verdict, symptom), seen.detail
    assert said in seen.detail


SILENT = {
    "says nothing": (far_ends.silent, "did not finish the TLS handshake within 500 ms"),
    "speaks another protocol": (far_ends.dribbling, "TLS handshake"),
}


@pytest.mark.parametrize("case", SILENT)
async def test_a_port_that_is_not_tls_is_down(engine, case):
    talk, said = SILENT[case]
    async with served(talk) as port:
        seen = await a_check(engine, f"127.0.0.1:{port}", timeout=0.5).observe(NOW)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert said in seen.detail
    assert engine.in_flight == 0


async def test_a_closed_port_is_refused(engine):
    port = free_port()
    seen = await a_check(engine, f"127.0.0.1:{port}").observe(NOW)
    assert seen.detail == f"connection refused by 127.0.0.1:{port}"


async def test_without_an_engine_nothing_is_known():
    assert (await a_check(None, "127.0.0.1:1").observe(NOW)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("target", ["https://a.example/", "a:b", "169.254.169.254:443", ""])
def test_a_bad_target_is_refused_with_a_sentence(target):
    with pytest.raises(ValueError, match=r"is not|is a|never"):
        a_check(None, target)
