"""The smtp check against aiosmtpd and the imap check against Dovecot; and against far ends that talk nonsense."""

import asyncio
from datetime import UTC, datetime

import pytest

from checks import imap, smtp
from checks.base import Target, Tools
from monitor.domain.findings import Symptom, Verdict
from tests.alerts.test_smtp import Postmaster, a_server
from tests.checks.far_ends import an_authority, free_port, served, silent
from tests.far_ends.dovecot import a_dovecot

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
TYPES = {"smtp": smtp.TYPE, "imap": imap.TYPE}
KNOWN = {"username": "noc", "password": "secret"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return an_authority(tmp_path_factory.mktemp("certificates"))


def a_check(kind, target, *, timeout=15.0, **options):
    made = TYPES[kind]
    return made.build(
        Target(name=kind, target=target, timeout=timeout), made.options.model_validate(options), Tools()
    )


async def looked(kind, port, **options):
    return await a_check(kind, f"127.0.0.1:{port}", **options).observe(NOW)


async def test_a_mail_server_greets_secures_logs_us_in_and_would_take_a_mail(authority):
    postmaster = Postmaster()
    async with a_server(postmaster, tls_context=authority.server(), require_starttls=True) as port:
        seen = await looked(
            "smtp", port, ca_file=authority.file, **KNOWN, **{"from": "noc@a.test", "to": "desk@b.test"}
        )
    assert (seen.verdict, seen.detail) == (Verdict.UP, "takes mail for desk@b.test")
    assert set(seen.phases) == {"resolve", "connect", "greeting", "tls", "login", "envelope"}
    assert postmaster.user == "noc"
    assert postmaster.taken == [], "no mail is ever sent"


async def test_tls_from_the_first_byte(authority):
    async with a_server(Postmaster(), tls=authority.server()) as port:
        seen = await looked("smtp", port, security="tls", ca_file=authority.file)
    assert seen.verdict is Verdict.UP
    assert seen.detail.startswith("greets with 220 mx.test")
    assert "tls" in seen.phases


async def test_without_tls_if_that_is_asked_for():
    async with a_server(Postmaster()) as port:
        plain = await looked("smtp", port, security="none", greeting="^mx[.]test")
        other = await looked("smtp", port, security="none", greeting="^mx[.]example")
        secure = await looked("smtp", port)
    assert plain.verdict is Verdict.UP
    assert (other.symptom, "expected something that matches '^mx[.]example'" in other.detail) == (
        Symptom.DEGRADED,
        True,
    )
    assert secure.detail == f"127.0.0.1:{port} does not offer STARTTLS"


@pytest.mark.parametrize(
    ("answers", "options", "said"),
    [
        pytest.param({}, {"password": "wrong"}, "refused the login of 'noc': 535", id="password"),
        pytest.param(
            {"rcpt": "550 No such user"}, {}, "does not take mail for desk@b.test: 550", id="recipient"
        ),
        pytest.param({"mail": "451 Later"}, {}, "answered MAIL with 451 Later", id="sender"),
    ],
)
async def test_a_refusal_is_told_with_the_servers_own_words(authority, answers, options, said):
    async with a_server(Postmaster(**answers), tls_context=authority.server()) as port:
        seen = await looked("smtp", port, ca_file=authority.file, **{**KNOWN, "to": "desk@b.test", **options})
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail.startswith(f"127.0.0.1:{port} {said}")
    assert "secret" not in repr(seen)
    assert "wrong" not in repr(seen)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mailbox_server_secures_logs_us_in_and_opens_the_mailbox(tmp_path, authority, security):
    async with a_dovecot(tmp_path, pem=authority.pem()) as server:
        port = server.tls_port if security == "tls" else server.port
        login = {"username": "noc", "password": server.password}
        trust = {"ca_file": authority.file, "security": security}
        opened = await looked("imap", port, **login, **trust, mailbox="INBOX", greeting="of the test")
        again = await looked("imap", port, **login, **trust, mailbox="INBOX")
        missing = await looked("imap", port, **login, **trust, mailbox='No "such"')
        refused = await looked("imap", port, **{**login, "password": "wrong"}, **trust, timeout=9)
        untrusted = await looked("imap", port, security=security)
    assert (opened.verdict, opened.detail) == (Verdict.UP, "opened INBOX: 2 messages")
    assert again.values["messages"] == 2
    assert {"greeting", "tls", "login", "mailbox"} <= set(opened.phases)
    assert missing.detail.startswith(f"127.0.0.1:{port} did not open the mailbox 'No \"such\"'")
    assert refused.detail.startswith(f"127.0.0.1:{port} refused the login of 'noc': ")
    assert (refused.symptom, untrusted.symptom) == (Symptom.DEGRADED, Symptom.UNREACHABLE)
    assert untrusted.detail.endswith("is signed by an authority that is not trusted")


def says(data, *, then=b""):
    async def talk(reader, writer):
        writer.write(data)
        await writer.drain()
        await reader.readline()
        writer.write(then)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("kind", "talk", "said"),
    [
        pytest.param(
            "smtp", says(b"SSH-2.0-x\r\n"), "answered something that is not SMTP", id="smtp: not SMTP"
        ),
        pytest.param(
            "imap", says(b"SSH-2.0-x\r\n"), "answered something that is not IMAP", id="imap: not IMAP"
        ),
        pytest.param("smtp", says(b"554 No\r\n"), "greets with 554 No", id="smtp: refuses"),
        pytest.param("imap", says(b"* BYE Full\r\n"), "will not talk to us: Full", id="imap: refuses"),
        pytest.param(
            "smtp", says(b"220-" + b"x" * 90_000), "sent a line without end", id="smtp: endless line"
        ),
        pytest.param("smtp", says(b"220-x\r\n" * 9000), "talks without end", id="smtp: endless reply"),
        pytest.param(
            "imap", says(b"* OK x\r\n", then=b"* x\r\n" * 9000), "talks without end", id="imap: endless reply"
        ),
        pytest.param("smtp", says(b"220 x\r\n"), "closed the connection: no EHLO came", id="smtp: hangs up"),
        pytest.param(
            "imap",
            says(b"* OK x\r\n", then=b"a OK go\r\n* injected\r\n"),
            "said more in the clear after it had agreed to TLS",
            id="imap: somebody in the middle",
        ),
    ],
)
async def test_what_is_no_mail_server_is_told(kind, talk, said):
    async with served(talk) as port:
        seen = await looked(kind, port)
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, f"127.0.0.1:{port} {said}")


@pytest.mark.parametrize("kind", TYPES)
async def test_silence_names_what_was_missed(kind):
    async with served(silent) as port:
        greeting = await looked(kind, port, timeout=0.2)
        handshake = await looked(kind, port, timeout=0.2, security="tls")
    place = f"127.0.0.1:{port}"
    assert greeting.detail == f"no greeting from {place} within 200 ms"
    assert handshake.detail == f"{place} did not finish the TLS handshake within 200 ms"
    assert {greeting.symptom, handshake.symptom} == {Symptom.UNREACHABLE}


@pytest.mark.parametrize("kind", TYPES)
async def test_a_closed_port_is_seen_at_once(kind):
    port = free_port()
    seen = await looked(kind, port, timeout=30)
    assert (seen.symptom, seen.detail) == (
        Symptom.UNREACHABLE,
        f"connection refused by 127.0.0.1:{port}",
    )


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"username": "noc"}, "one without the other"),
        ({**KNOWN, "security": "none"}, "only under TLS"),
        ({**KNOWN, "password": "a\r\nb"}, "control character"),
        ({"username": "a\r\nb", "password": "x"}, "pattern"),
        ({"greeting": "("}, "no regular expression"),
        ({"security": "maybe"}, "starttls"),
    ],
)
def test_options_that_cannot_be_are_refused_with_a_sentence(kind, options, said):
    with pytest.raises(ValueError, match=said):
        a_check(kind, "127.0.0.1", **options)


def test_a_mailbox_needs_a_login_and_the_ports_are_the_usual_ones():
    with pytest.raises(ValueError, match="logged in"):
        a_check("imap", "127.0.0.1", mailbox="INBOX")
    assert a_check("imap", "127.0.0.1")._server.port == 143
    assert a_check("imap", "127.0.0.1", security="tls")._server.port == 993
    assert a_check("smtp", "127.0.0.1")._server.port == 25
    assert a_check("smtp", "127.0.0.1", security="tls")._server.port == 465
