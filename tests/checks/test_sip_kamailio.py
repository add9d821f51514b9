"""The sip check against Kamailio: registration and digest, old and new algorithms, UDP, TCP and TLS."""

import asyncio
from datetime import UTC, datetime

import pytest
import uvloop

from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import an_authority, served
from tests.checks.sip_server import a_check
from tests.far_ends.kamailio import PASSWORD, a_pbx
from tests.requirements import require

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
US = {"username": "tocsin", "password": PASSWORD}
NOWHERE = "127.0.0.1:9"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return an_authority(tmp_path_factory.mktemp("certificates"))


def target(pbx, transport="udp", user="tocsin@"):
    port = pbx.tls_port if transport == "tls" else pbx.port
    return f"sip:{user}127.0.0.1:{port};transport={transport}"


async def registered(pbx, transport="udp", **options):
    """Look once by REGISTER."""
    return await a_check(target(pbx, transport), method="REGISTER", **{**US, **options}).observe(NOW)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_registrar_takes_our_password_over_every_transport(tmp_path, authority, algorithm):
    trust = {"ca_file": authority.file}
    async with a_pbx(tmp_path / "p", behind=NOWHERE, algorithm=algorithm, pem=authority.pem()) as pbx:
        looks = [await registered(pbx, transport, **trust) for transport in ("udp", "tcp", "tls")]
    for seen in looks:
        assert (seen.verdict, seen.detail) == (Verdict.UP, "answered 200 OK")
        assert seen.values["digest"] == algorithm
        assert seen.values["bindings"] == 0, (
            "a look leaves no binding behind, by which a call could go astray"
        )
    assert [seen.values["sent"] for seen in looks[1:]] == [2, 2]
    assert set(looks[2].phases) == {"resolve", "connect", "tls", "rtt", "final"}


async def test_a_binding_is_made_and_taken_away_when_that_is_asked_for(tmp_path):
    async with a_pbx(tmp_path / "p", behind=NOWHERE) as pbx:
        bound = await registered(pbx, bind=True, bindings=1)
        after = await registered(pbx, bindings=1)
    assert (bound.verdict, bound.values["bindings"]) == (Verdict.UP, 1)
    assert (after.verdict, after.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert after.detail == f"no phones are registered for sip:tocsin@{pbx.address}, expected 1"


@pytest.mark.parametrize(
    ("login", "said"),
    [
        pytest.param({"password": "wrong"}, "401 Unauthorized", id="a wrong password"),
        pytest.param({"username": "somebody"}, "403 Forbidden", id="not allowed"),
    ],
)
async def test_a_login_that_is_refused_is_said_so_and_never_shown(tmp_path, login, said):
    async with a_pbx(tmp_path / "p", behind=NOWHERE) as pbx:
        seen = await registered(pbx, "tcp", **login)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == f"did not accept the password of {login.get('username', 'tocsin')!r}: {said}"
    assert seen.values["sent"] == 2, "one password is tried once"


async def test_without_a_password_a_challenge_is_what_the_operator_says_it_is(tmp_path):
    async with a_pbx(tmp_path / "p", behind=NOWHERE) as pbx:
        plain = await a_check(target(pbx), method="REGISTER").observe(NOW)
        alive = await a_check(target(pbx), method="REGISTER", healthy=["2xx", 401]).observe(NOW)
        pinged = await a_check(target(pbx, user="")).observe(NOW)
        known = await a_check(target(pbx, user=""), healthy=["2xx"], **US).observe(NOW)
    assert (plain.verdict, plain.detail) == (Verdict.DOWN, "answered 401 Unauthorized, expected 200-299")
    assert (alive.verdict, alive.detail) == (Verdict.UP, "answered 401 Unauthorized")
    assert (pinged.verdict, pinged.detail) == (Verdict.UP, "answered 407 Proxy Authentication Required")
    assert (known.verdict, known.detail) == (Verdict.UP, "answered 200 OK")


async def test_a_certificate_that_is_not_trusted_is_no_healthy_pbx(tmp_path, authority):
    async with a_pbx(tmp_path / "p", behind=NOWHERE, pem=authority.pem(name="pbx.example")) as pbx:
        unknown = await registered(pbx, "tls", server_name="pbx.example")
        other = await registered(pbx, "tls", ca_file=authority.file)
        right = await registered(pbx, "tls", ca_file=authority.file, server_name="pbx.example")
        anyhow = await registered(pbx, "tls", verify=False)
    place = f"127.0.0.1:{pbx.tls_port} (TLS)"
    assert unknown.detail == f"the certificate of {place} is signed by an authority that is not trusted"
    assert other.detail == f"the certificate of {place} is for another name than 127.0.0.1"
    assert {unknown.symptom, other.symptom} == {Symptom.UNREACHABLE}
    assert (right.verdict, anyhow.verdict) == (Verdict.UP, Verdict.UP)


async def test_tls_to_a_port_that_speaks_none_is_said_so(tmp_path):
    async with a_pbx(tmp_path / "p", behind=NOWHERE) as pbx:
        seen = await a_check(f"sip:127.0.0.1:{pbx.port};transport=tls", timeout=0.5).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "TLS" in seen.detail


async def test_tls_and_digest_work_on_uvloop_as_well(tmp_path, authority):
    require("python:uvloop", "the service runs on it wherever it exists")

    def on_uvloop(pbx):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(registered(pbx, "tls", ca_file=authority.file))

    async with a_pbx(tmp_path / "p", behind=NOWHERE, pem=authority.pem()) as pbx:
        seen = await asyncio.to_thread(on_uvloop, pbx)
    assert (seen.verdict, seen.detail) == (Verdict.UP, "answered 200 OK")


async def hangs_up(reader, writer):
    await reader.read(1)


async def test_a_far_end_that_hangs_up_in_the_handshake_is_said_so():
    async with served(hangs_up) as port:
        seen = await a_check(f"sip:127.0.0.1:{port};transport=tls", timeout=2).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "connection" in seen.detail
