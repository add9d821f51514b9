"""``tls`` with ``starttls``: real servers where there are some, scripted ones that openssl's client agrees with elsewhere."""

import asyncio

import pytest

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.egress import Egress, leaving_by
from checks.starttls import DIALECTS
from checks.tls import TYPE, TlsOptions
from monitor.domain.findings import Symptom, Verdict
from tests.alerts.test_smtp import Postmaster, a_server
from tests.checks.far_ends import NOW, answering, free_port, served, silent
from tests.checks.starttls_servers import AGREEING, REFUSING, scripted
from tests.far_ends.dovecot import a_dovecot
from tests.requirements import require

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


async def looked(engine: CurlEngine | None, target: str, language: str, *, timeout: float = 5.0, **options):
    check = TYPE.build(
        Target(name="door", target=target, timeout=timeout),
        TlsOptions.model_validate({"starttls": language} | options),
        Tools(http=engine),
    )
    return await check.observe(NOW)


def test_every_language_has_a_server_here():
    assert set(DIALECTS) == {*REFUSING, "xmpp-server"} == {*AGREEING, "mysql", "xmpp-server"}


@pytest.mark.parametrize("language", AGREEING)
async def test_tls_is_agreed_on_and_the_certificate_told(language, engine, authority):
    first, lines = AGREEING[language]
    async with served(scripted(first, lines, authority.server(days=30.5))) as port:
        seen = await looked(engine, f"127.0.0.1:{port}", language, ca_file=authority.file)
        late = await looked(
            engine, f"127.0.0.1:{port}", language, ca_file=authority.file, certificate={"warn_days": 40}
        )
        stranger = await looked(engine, f"127.0.0.1:{port}", language)
    assert (seen.verdict, seen.detail) == (UP, "the certificate expires in 30 days"), seen.detail
    assert set(seen.phases) == {"resolve", "connect", "starttls", "tls"}
    assert (seen.values["subject"], seen.values["certificate_days"]) == ("pbx.example", 30.5)
    assert (late.verdict, late.symptom) == (DEGRADED, Symptom.CERTIFICATE_EXPIRING)
    assert (stranger.verdict, stranger.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert "is signed by an authority that is not trusted" in stranger.detail
    assert stranger.values["certificate_days"] == 30.5, "it is told although it was refused"


@pytest.mark.parametrize("language", [name for name in AGREEING if name != "imap"])
async def test_openssls_own_client_agrees_with_these_servers(language, authority):
    # Not imap: it asks for the capabilities first. Dovecot is asked below.
    require("openssl", "a client of STARTTLS that nobody here wrote")
    first, lines = AGREEING[language]
    async with served(scripted(first, lines, authority.server())) as port:
        client = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", language),
            *("-CAfile", authority.file, "-verify_return_error", "-xmpphost", "pbx.example"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(client.communicate(), 20)
    assert b"Verification: OK" in said or b"Verify return code: 0" in said, said.decode()


@pytest.mark.parametrize("language", REFUSING)
async def test_a_server_that_does_not_agree_is_told(language, engine):
    first, lines, said = REFUSING[language]
    async with served(scripted(first, lines)) as port:
        seen = await looked(engine, f"127.0.0.1:{port}", language)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED)
    assert seen.detail == f"127.0.0.1:{port} {said}"


@pytest.mark.parametrize("language", REFUSING)
async def test_what_speaks_another_language_is_told(language, engine):
    async def odd(reader, writer):
        writer.write(b"\x16\x03\x01\x00\x02ab\r\n" * 20)
        await reader.read()

    async with served(odd) as port:
        seen = await looked(engine, f"127.0.0.1:{port}", language)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED), seen.detail
    assert "answered something that is not" in seen.detail


async def test_what_is_slipped_in_before_the_handshake_is_not_believed(engine, authority):
    first, lines = AGREEING["smtp"]
    async with served(
        scripted(first, (lines[0], (b"STARTTLS\r\n", b"220 go\r\n250 injected\r\n")), authority.server())
    ) as port:
        seen = await looked(engine, f"127.0.0.1:{port}", "smtp", ca_file=authority.file)
    assert seen.detail == f"127.0.0.1:{port} said more in the clear after it had agreed to TLS"


async def test_silence_and_a_closed_port_are_unreachable(engine):
    async with served(silent) as port:
        seen = await looked(engine, f"127.0.0.1:{port}", "smtp", timeout=0.5)
    assert (seen.symptom, seen.detail) == (
        Symptom.UNREACHABLE,
        f"no greeting from 127.0.0.1:{port} within 500 ms",
    )
    async with served(scripted(*AGREEING["pop3"])) as port:
        hung = await looked(engine, f"127.0.0.1:{port}", "pop3", timeout=0.8)
    assert (hung.symptom, hung.detail) == (
        Symptom.UNREACHABLE,
        f"127.0.0.1:{port} did not finish the TLS handshake within 800 ms",
    )
    port = free_port()
    seen = await looked(engine, f"127.0.0.1:{port}", "imap")
    assert seen.detail == f"connection refused by 127.0.0.1:{port}"
    async with served(answering(b"")) as port:
        ended = await looked(engine, f"127.0.0.1:{port}", "mysql", timeout=1)
    assert ended.symptom is Symptom.UNREACHABLE


async def test_real_mail_servers_agree(engine, authority, tmp_path):
    async with a_server(Postmaster(), tls_context=authority.server(), require_starttls=True) as port:
        mail = await looked(engine, f"127.0.0.1:{port}", "smtp", ca_file=authority.file)
    async with a_dovecot(tmp_path, pem=authority.pem()) as server:
        box = await looked(engine, server.address, "imap", ca_file=authority.file)
    assert (mail.verdict, box.verdict) == (UP, UP), (mail.detail, box.detail)


async def test_the_rest_of_the_chain_is_judged_if_asked(engine, authority):
    first, lines = AGREEING["pop3"]
    async with served(scripted(first, lines, authority.server(days=90))) as port:
        seen = await looked(
            engine, f"127.0.0.1:{port}", "pop3", ca_file=authority.file, issuer={"warn_days": 500}
        )
    assert (seen.verdict, seen.symptom) == (DEGRADED, Symptom.CERTIFICATE_EXPIRING)
    assert seen.detail.startswith("Tocsin test authority: the certificate expires in ")


async def test_it_leaves_by_the_way_of_its_vantage(engine, authority):
    first, lines = AGREEING["pop3"]
    talk, came = scripted(first, lines, authority.server()), []

    async def noted(reader, writer):
        came.append(writer.get_extra_info("peername")[0])
        await talk(reader, writer)

    async with served(noted) as port:
        with leaving_by(Egress(v4="127.0.0.2")):
            seen = await looked(engine, f"127.0.0.1:{port}", "pop3", ca_file=authority.file)
    assert (seen.verdict, came) == (UP, ["127.0.0.2"]), seen.detail
