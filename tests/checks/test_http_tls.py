"""The ``http`` check over TLS: certificates of every sort, and kept connections."""

import asyncio

import pytest

from monitor.domain.findings import Symptom, Verdict
from tests.checks import far_ends
from tests.checks.far_ends import NOW, answering, free_port, page, served
from tests.checks.http_looks import a_check, look

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


async def test_a_tls_port_that_says_nothing_is_told_from_one_that_does_not_answer(engine):
    async with served(far_ends.silent) as port:
        seen = await a_check(engine, f"https://127.0.0.1:{port}/", timeout=0.5).observe(NOW)
    assert seen.symptom is Symptom.UNREACHABLE
    assert seen.detail == f"127.0.0.1:{port} did not finish the TLS handshake within 500 ms"


async def test_a_trusted_certificate_tells_its_days(engine, authority):
    seen = await look(engine, answering(page()), tls=authority.server(days=90.5), ca_file=authority.file)
    assert (seen.verdict, seen.detail) == (UP, "status 200")
    assert seen.values["certificate_days"] == 90.5
    assert "tls" in seen.phases


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
    "self-signed, not verified": ({"own": True}, {"verify": False}, UP, None, "status 200"),
    "expired, not verified": (
        {"days": -3.5},
        {"verify": False},
        DEGRADED,
        Symptom.CERTIFICATE_EXPIRING,
        "expired 3 days ago",
    ),
    "expiring": ({"days": 20.5}, {}, DEGRADED, Symptom.CERTIFICATE_EXPIRING, "expires in 20 days"),
    "expiring, but tolerated": ({"days": 20.5}, {"certificate": {"warn_days": 7}}, UP, None, "status 200"),
    "expiring too soon": (
        {"days": 1.5},
        {"certificate": {"fail_days": 2}},
        DOWN,
        Symptom.CERTIFICATE_EXPIRING,
        "expires in 1 day (limit 2 days)",
    ),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_certificates(engine, authority, case):
    server, options, verdict, symptom, said = CERTIFICATES[case]
    seen = await look(
        engine, answering(page()), tls=authority.server(**server), ca_file=authority.file, **options
    )
    assert (seen.verdict, seen.symptom) == (verdict, symptom), seen.detail
    assert said in seen.detail
    assert seen.values["certificate_days"] == pytest.approx(server.get("days", 90))


async def test_an_authority_that_is_not_trusted_is_down(engine, authority):
    seen = await look(engine, answering(page()), tls=authority.server())
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert "certificate" in seen.detail


async def test_a_kept_connection_is_used_again_and_remembers_its_certificate(engine, authority):
    connections = 0

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await far_ends.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    async with served(keep, tls=authority.server(days=30.5)) as port:
        check = a_check(engine, f"https://127.0.0.1:{port}/", keep_alive=True, ca_file=authority.file)
        seen = [await check.observe(NOW) for _ in range(3)]
        assert [one.verdict for one in seen] == [UP] * 3
        assert [one.values["certificate_days"] for one in seen] == [30.5] * 3
        assert connections == 1
        fresh = a_check(engine, f"https://127.0.0.1:{port}/", ca_file=authority.file)
        await fresh.observe(NOW)
        await fresh.observe(NOW)
        assert connections == 3


async def test_a_certificate_is_never_anothers(engine, authority):
    """Looks share handles: what one handle remembers must not be said of the next target."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await far_ends.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    async with (
        served(keep, tls=authority.server(days=50.5)) as one,
        served(keep, tls=authority.server(days=70.5)) as two,
    ):
        checks = [
            a_check(engine, f"https://127.0.0.1:{port}/", keep_alive=True, ca_file=authority.file)
            for port in (one, two)
        ]
        dead = a_check(engine, f"https://127.0.0.1:{free_port()}/", keep_alive=True, ca_file=authority.file)
        for _ in range(3):
            days = [(await check.observe(NOW)).values["certificate_days"] for check in checks]
            assert days == [50.5, 70.5]
            assert "certificate_days" not in (await dead.observe(NOW)).values


async def test_a_kept_connection_that_the_target_closed_is_no_failure(engine):
    async with served(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # says it stays, and leaves
    ) as port:
        check = a_check(engine, f"http://127.0.0.1:{port}/", keep_alive=True)
        for _ in range(5):
            seen = await check.observe(NOW)
            assert seen.verdict is UP, seen.detail
