"""Mails against a real SMTP server (aiosmtpd) that takes, refuses, stalls and drops."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from alerts.base import CalendarEntry, MailText
from alerts.cleaning import clean
from alerts.smtp import MailServer, Security, SmtpMail, compose
from monitor.errors import DeliveryError

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Postmaster:
    """The server's mind: what it answers at each step, and what it took."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.taken: list[EmailMessage] = []
        self.user: str | None = None
        self.session: SMTP | None = None

    async def handle_MAIL(self, server, session, envelope, address, options) -> str:
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, server, session, envelope) -> str:
        self.taken.append(message_from_bytes(envelope.content, policy=policy.SMTP))
        match self.answers.get("data", "250 OK queued as 1"):
            case "stall":
                await asyncio.sleep(30)
            case "drop":
                server.transport.abort()
            case answer:
                return answer
        return "250 too late"

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.user = data.login.decode()
        return AuthResult(success=data.password == b"secret", handled=False)


@asynccontextmanager
async def a_server(
    postmaster: Postmaster, *, tls: ssl.SSLContext | None = None, **options
) -> AsyncIterator[int]:
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(
            SMTP(postmaster, hostname="mx.test", authenticator=postmaster.authenticate, **options)
        )
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for open_session in sessions:
            if open_session._handler_coroutine is not None:
                open_session._handler_coroutine.cancel()
            if open_session.transport is not None:
                open_session.transport.abort()
        await asyncio.sleep(0)


def a_driver(port: int, **settings) -> SmtpMail:
    values = {"sender": "tocsin@noc.example", "security": Security.NONE, "timeout": 1.0}
    return SmtpMail(MailServer(host="127.0.0.1", port=port, **{**values, **settings}), clock=lambda: NOW)


def a_mail(**changes) -> MailText:
    values = {
        "message_id": "<01J.1@noc.example>",
        "to": "partner@aurora.example",
        "subject": "PBX-1001: è caduta la linea",
        "body": "Buongiorno,\n.un punto\nperché",
        "language": "it",
    }
    return MailText(**{**values, **changes})


async def failure(postmaster: Postmaster, mail: MailText | None = None, **settings) -> DeliveryError:
    async with a_server(postmaster) as port:
        with pytest.raises(DeliveryError) as failed:
            await a_driver(port, **settings).send(mail or a_mail())
    return failed.value


async def test_a_mail_arrives_as_it_was_written_and_says_that_a_machine_wrote_it() -> None:
    postmaster = Postmaster()
    async with a_server(postmaster) as port:
        answer = await a_driver(port).send(a_mail(in_reply_to="<01J.0@noc.example>"))
    (mail,) = postmaster.taken
    assert answer == "250 OK queued as 1"
    assert mail["Message-ID"] == "<01J.1@noc.example>"
    assert mail["In-Reply-To"] == mail["References"] == "<01J.0@noc.example>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["Subject"] == "PBX-1001: è caduta la linea"
    assert mail["Date"] == "Sun, 22 Nov 2026 03:00:00 +0000"
    assert mail["Content-Language"] == "it"
    assert mail.get_content().replace("\r\n", "\n") == "Buongiorno,\n.un punto\nperché\n"


async def test_a_retry_carries_the_same_message_id() -> None:
    postmaster = Postmaster()
    async with a_server(postmaster) as port:
        for _ in range(2):
            await a_driver(port).send(a_mail())
    assert {mail["Message-ID"] for mail in postmaster.taken} == {"<01J.1@noc.example>"}


@pytest.mark.parametrize("step", ["rcpt", "data"])
@pytest.mark.parametrize(("answer", "permanent"), [("450 not now", False), ("550 not you", True)])
async def test_4xx_is_for_now_and_5xx_for_good(step: str, answer: str, permanent: bool) -> None:
    error = await failure(Postmaster(**{step: answer}))
    assert (error.permanent, error.ambiguous) == (permanent, False)
    assert answer[4:] in str(error)


@pytest.mark.parametrize("what", ["stall", "drop"])
async def test_a_server_lost_while_it_takes_the_mail_may_have_it(what: str) -> None:
    postmaster = Postmaster(data=what)
    error = await failure(postmaster)
    assert (error.permanent, error.ambiguous) == (False, True)
    assert len(postmaster.taken) == 1


async def test_a_server_that_is_not_there_has_nothing() -> None:
    async with a_server(Postmaster()) as port:
        pass
    with pytest.raises(DeliveryError) as failed:
        await a_driver(port).send(a_mail())
    assert (failed.value.permanent, failed.value.ambiguous) == (False, False)


async def test_a_server_that_says_nothing_has_nothing() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        with pytest.raises(DeliveryError) as failed:
            await a_driver(server.sockets[0].getsockname()[1], timeout=0.2).send(a_mail())
        await asyncio.sleep(0.01)
    assert (failed.value.permanent, failed.value.ambiguous) == (False, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "partner@aurora.example\r\nBcc: all@example.org"},
        {"to": "a@b, c@d"},
        {"to": "Partner <partner@aurora.example>"},
        {"to": ""},
        {"message_id": "01J"},
        {"message_id": "<01J@x>\r\nX: y"},
        {"reply_to": "a@b\r\nBcc: all@example.org"},
        {"reply_to": "a@b, c@d"},
        {"calendar": CalendarEntry(content=b"BEGIN:VCALENDAR\r\n", method="REQUEST; x=y")},
        {"calendar": CalendarEntry(content=b"BEGIN:VCALENDAR\xff\r\n", method="REQUEST")},
        {"calendar": CalendarEntry(content=b"<html>", method="REQUEST")},
        {"calendar": CalendarEntry(content=b"BEGIN:VCALENDAR" + b"x" * 64_000, method="REQUEST")},
    ],
)
async def test_an_address_or_calendar_with_anything_strange_in_it_is_refused(changes: dict) -> None:
    postmaster = Postmaster()
    error = await failure(postmaster, a_mail(**changes))
    assert error.permanent
    assert postmaster.taken == []


INVITE = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    + "SUMMARY:Términ\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()
)


async def test_an_appointment_arrives_beside_the_text_and_as_a_file() -> None:
    postmaster = Postmaster()
    async with a_server(postmaster) as port:
        entry = CalendarEntry(content=INVITE, method="REQUEST")
        await a_driver(port).send(a_mail(calendar=entry, reply_to="support+R-00012.k3y@noc.example"))
    (mail,) = postmaster.taken
    assert mail["Reply-To"] == "support+R-00012.k3y@noc.example"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("Buongiorno,")
    shown, attached = [
        part for part in mail.walk() if "calendar" in part.get_content_type() or part.get_filename()
    ]
    assert shown.get_content_type() == "text/calendar"
    assert shown.get_param("method") == "REQUEST"
    assert shown.get_content().encode() == INVITE
    assert (attached.get_content_type(), attached.get_filename()) == ("application/ics", "invite.ics")
    assert attached.get_content() == INVITE


async def test_a_thread_is_named_by_ids_as_long_as_mail_programs_make_them() -> None:
    postmaster = Postmaster()
    long = f"<{'A' * 60}.{'b' * 100}@{'c' * 60}.prod.example>"
    async with a_server(postmaster) as port:
        await a_driver(port).send(a_mail(in_reply_to=long, references=("<first@x>", "<second>", long)))
    (mail,) = postmaster.taken
    assert mail["In-Reply-To"].strip() == long
    assert mail["References"].split() == ["<first@x>", "<second>", long]


@pytest.mark.parametrize("subject", ["[R-00012] " + "plain words " * 10, "[R-00012] perché " + "così " * 25])
async def test_a_long_subject_begins_where_it_is_named(subject: str) -> None:
    wire = compose(a_mail(subject=subject), sender="tocsin@noc.example", now=NOW)
    (line,) = [line for line in wire.split(b"\r\n") if line.startswith(b"Subject:")]
    assert line.removeprefix(b"Subject: ").strip()
    assert message_from_bytes(wire, policy=policy.SMTP)["Subject"].strip() == clean(subject, 150)


async def test_a_long_thread_keeps_its_beginning_and_its_end() -> None:
    ids = tuple(f"<{number}@x>" for number in range(100))
    wire = compose(a_mail(references=ids, in_reply_to="<100@x>"), sender="tocsin@noc.example", now=NOW)
    named = message_from_bytes(wire, policy=policy.SMTP)["References"].split()
    assert named == ["<0@x>", *(f"<{number}@x>" for number in range(81, 101))]


@pytest.mark.parametrize(
    "strange", ["<a b@c>", "<a@b>\r\nBcc: all@example.org", "a@b", "<>", "<é@x>", f"<{'x' * 300}@y>"]
)
async def test_an_id_of_a_stranger_that_cannot_be_written_is_left_out(strange: str) -> None:
    wire = compose(
        a_mail(in_reply_to=strange, references=("<good@x>", strange)), sender="tocsin@noc.example", now=NOW
    )
    mail = message_from_bytes(wire, policy=policy.SMTP)
    assert "In-Reply-To" not in mail
    assert "Bcc" not in mail
    assert mail["References"] == "<good@x>"


async def test_what_a_person_wrote_does_not_say_that_a_machine_did() -> None:
    wire = compose(a_mail(automatic=False), sender="tocsin@noc.example", now=NOW)
    assert "Auto-Submitted" not in message_from_bytes(wire, policy=policy.SMTP)


@given(subject=st.text(max_size=300), body=st.text(max_size=600), language=st.text(max_size=10))
def test_no_words_can_add_a_header(subject: str, body: str, language: str) -> None:
    nasty = f"{subject}\r\nBcc: all@example.org\r\n\r\n{subject}"
    wire = compose(a_mail(subject=nasty, body=body, language=language), sender="tocsin@noc.example", now=NOW)
    mail = message_from_bytes(wire, policy=policy.SMTP)
    assert "Bcc" not in mail
    assert len(mail["Subject"]) <= 150
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))


async def test_over_starttls_a_mail_is_sent_after_logging_in(certificate) -> None:
    postmaster = Postmaster()
    async with a_server(postmaster, tls_context=certificate.server, require_starttls=True) as port:
        settings = {
            "security": Security.STARTTLS,
            "trust": certificate.client,
            "user": "noc",
            "password": "secret",
        }
        await a_driver(port, **settings).send(a_mail())
    assert (postmaster.user, len(postmaster.taken)) == ("noc", 1)


async def test_over_tls_a_mail_is_sent(certificate) -> None:
    postmaster = Postmaster()
    async with a_server(postmaster, tls=certificate.server) as port:
        await a_driver(port, security=Security.TLS, trust=certificate.client).send(a_mail())
    assert len(postmaster.taken) == 1


async def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    postmaster = Postmaster()
    error = await failure(postmaster, security=Security.STARTTLS, user="noc", password="secret")
    assert not error.ambiguous
    assert (postmaster.user, postmaster.taken) == (None, [])
    assert "secret" not in str(error)


async def test_a_server_nobody_vouches_for_gets_neither_password_nor_mail(certificate) -> None:
    postmaster = Postmaster()
    async with a_server(postmaster, tls_context=certificate.server) as port:
        with pytest.raises(DeliveryError) as failed:
            await a_driver(port, security=Security.STARTTLS, user="noc", password="secret").send(a_mail())
    assert not failed.value.ambiguous
    assert (postmaster.user, postmaster.taken) == (None, [])


async def test_a_sender_that_is_not_had_is_ours_to_mend_and_gives_no_mail_up() -> None:
    async with a_server(Postmaster(mail="553 not from there")) as port:
        with pytest.raises(DeliveryError) as failed:
            await a_driver(port).send(a_mail())
    assert (failed.value.refused, failed.value.permanent, failed.value.away) == (True, False, False)


async def test_a_wrong_password_is_ours_to_mend_gives_no_mail_up_and_is_not_shown(certificate) -> None:
    postmaster = Postmaster()
    async with a_server(postmaster, tls_context=certificate.server, require_starttls=True) as port:
        settings = {
            "security": Security.STARTTLS,
            "trust": certificate.client,
            "user": "noc",
            "password": "wrong!",
        }
        with pytest.raises(DeliveryError) as failed:
            await a_driver(port, **settings).send(a_mail())
    assert (failed.value.refused, failed.value.permanent, failed.value.away) == (True, False, False)
    assert "wrong!" not in str(failed.value)


def test_secrets_do_not_show_themselves() -> None:
    assert "geheim" not in repr(MailServer(host="mx", sender="a@b", password="geheim"))
