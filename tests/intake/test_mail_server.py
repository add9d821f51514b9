"""The mail listener over real sockets: what it takes, what it refuses and how, and what it outlives."""

import asyncio
import io
import logging
import smtplib
import socket
import time
from contextlib import asynccontextmanager
from email.message import EmailMessage
from ipaddress import ip_network

import aiosmtplib
import pytest
import structlog

from monitor import logs
from monitor.domain.letters import Outcome
from monitor.errors import RefusedError, StorageError
from monitor.intake.mail_parser import Trust
from monitor.intake.mail_protocol import MailLimits
from monitor.intake.mail_server import MailServer
from monitor.metrics import Metrics

US, THEM = "support@tocsin.example", "ann@hill.example"
LOCAL = (ip_network("127.0.0.0/8"),)


class Desk:
    """Takes letters in as the desk does, and can fail like it."""

    def __init__(self):
        self.taken = []
        self.fails = {}
        self.waits = 0.0

    async def __call__(self, letter, recipient):
        await asyncio.sleep(self.waits)
        if recipient in self.fails:
            raise self.fails[recipient]
        self.taken.append((letter, recipient))
        return Outcome.FILED


@asynccontextmanager
async def a_server(desk=None, *, lmtp=True, peers=LOCAL, path=None, **limits):
    desk = desk or Desk()
    server = MailServer(
        take_letter=desk,
        knows_address=lambda address: address.endswith("@tocsin.example"),
        trust=Trust(our_name="mx.tocsin.example"),
        metrics=Metrics(version="1"),
        peers=peers,
        lmtp=lmtp,
        limits=MailLimits(**limits),
    )
    async with server.listening(None if path else "127.0.0.1", 0, path) as port:
        server.port, server.desk = port, desk
        yield server


class Line:
    """A connection on which a test says exactly what it wants."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def says(self, text):
        self.writer.write(text if isinstance(text, bytes) else f"{text}\r\n".encode())
        await self.writer.drain()

    async def hears(self):
        """Return one answer, of however many lines."""
        lines = []
        while True:
            async with asyncio.timeout(10):
                line = (await self.reader.readline()).decode()
            lines.append(line.rstrip())
            if line[3:4] != "-":
                return "\n".join(lines)

    async def asks(self, text):
        await self.says(text)
        return await self.hears()

    async def is_hung_up_on(self):
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@asynccontextmanager
async def a_line(server, *, greeted=True, to=()):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    line = Line(reader, writer)
    try:
        if greeted:
            assert (await line.hears()).startswith("220 ")
            assert (await line.asks("LHLO mta.example" if server.lmtp else "EHLO mta.example")).startswith(
                "250"
            )
        if to:
            assert (await line.asks(f"MAIL FROM:<{THEM}>")).startswith("250")
            for one in to:
                assert (await line.asks(f"RCPT TO:<{one}>")).startswith("250")
            assert (await line.asks("DATA")).startswith("354")
        yield line
    finally:
        writer.close()


def a_mail(text="The gate is stuck.", **headers):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Message-ID"] = (
        THEM,
        US,
        "Gate",
        "<1@hill.example>",
    )
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


BODY = b"From: ann@hill.example\r\nSubject: x\r\n\r\nhello\r\n"


async def test_a_mail_by_smtp_from_a_real_client_is_taken():
    async with a_server(lmtp=False) as server:
        await aiosmtplib.send(
            a_mail("H\u00e9llo \u2713"), hostname="127.0.0.1", port=server.port, start_tls=False
        )
        ((letter, recipient),) = server.desk.taken
        assert (letter.text, letter.subject, letter.envelope_sender, recipient) == (
            "H\u00e9llo \u2713",
            "Gate",
            THEM,
            US,
        )
        assert server.metrics.registry.get_sample_value("tocsin_mails_total", {"result": "filed"}) == 1


async def test_a_mail_by_lmtp_from_a_real_client_is_taken_over_a_socket_in_the_file_system(tmp_path):
    path = tmp_path / "lmtp"
    async with a_server(path=path) as server:

        def send():
            with smtplib.LMTP(str(path)) as client:
                return client.send_message(a_mail())

        assert await asyncio.to_thread(send) == {}
        assert len(server.desk.taken) == 1
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


async def test_every_recipient_gets_an_answer_of_its_own():
    desk = Desk()
    away, refused = "away@tocsin.example", "no@tocsin.example"
    desk.fails = {away: StorageError("the disk is full"), refused: RefusedError(422, "closed", "Not\nhere.")}
    async with a_server(desk) as server, a_line(server, to=[US, away, refused]) as line:
        await line.says(BODY + b".\r\n")
        answers = [await line.hears() for _ in range(3)]
        assert [a[:3] for a in answers] == ["250", "451", "554"]
        assert answers[2] == "554 5.6.0 Not here."
        assert (await line.asks("NOOP")).startswith("250")


async def test_by_smtp_one_recipient_that_has_to_wait_makes_the_mail_come_again():
    desk = Desk()
    desk.fails = {"away@tocsin.example": StorageError("gone")}
    async with a_server(desk, lmtp=False) as server, a_line(server, to=[US, "away@tocsin.example"]) as line:
        assert (await line.asks(BODY + b".\r\n")).startswith("451")
        desk.fails = {}
        assert (await line.asks("MAIL FROM:<>")).startswith("250")


async def test_a_fault_of_ours_makes_the_mail_come_again_and_is_told_by_its_kind_only(capsys):
    desk = Desk()
    desk.fails = {US: KeyError("hunter2")}
    async with a_server(desk) as server, a_line(server, to=[US]) as line:
        assert (await line.asks(BODY + b".\r\n")).startswith("451 4.3.0")
        assert server.metrics.registry.get_sample_value("tocsin_mails_total", {"result": "deferred"}) == 1


async def test_an_unknown_recipient_is_refused_at_once_and_the_others_are_taken():
    async with a_server() as server, a_line(server) as line:
        await line.asks(f"MAIL FROM:<{THEM}>")
        assert await line.asks("RCPT TO:<x@elsewhere.example>") == "550 5.1.1 This is not an address of ours."
        assert (await line.asks("DATA")).startswith("503")
        assert (await line.asks(f"RCPT TO:<{US}>")).startswith("250")


async def test_a_bounce_has_no_sender():
    async with a_server() as server, a_line(server) as line:
        assert (await line.asks("MAIL FROM:<>")).startswith("250")
        await line.asks(f"RCPT TO:<{US}>")
        await line.asks("DATA")
        assert (await line.asks(BODY + b".\r\n")).startswith("250")
        assert server.desk.taken[0][0].envelope_sender is None


@pytest.mark.parametrize(
    "command", ["VRFY ann", "EXPN staff", "AUTH PLAIN AGEAYg==", "STARTTLS", "BDAT 10 LAST"]
)
async def test_what_is_not_done_here_is_refused(command):
    async with a_server() as server, a_line(server) as line:
        assert (await line.asks(command))[0] == "5"
        assert "AUTH" not in await line.asks("LHLO x")


async def test_strangers_are_turned_away():
    async with a_server(peers=(ip_network("192.0.2.0/24"),)) as server, a_line(server, greeted=False) as line:
        assert (await line.hears()).startswith("554 5.7.1")
        assert await line.is_hung_up_on()


async def test_beyond_so_many_connections_one_is_asked_to_come_again():
    async with (
        a_server(connections=2) as server,
        a_line(server),
        a_line(server),
        a_line(server, greeted=False) as line,
    ):
        assert (await line.hears()).startswith("421")
        assert await line.is_hung_up_on()
    async with a_server(connections=1) as server:
        for _ in range(3):  # one that ended makes room
            async with a_line(server):
                pass
            await asyncio.sleep(0.05)


async def test_too_many_recipients_are_for_another_time():
    async with a_server(recipients=2) as server, a_line(server) as line:
        await line.asks(f"MAIL FROM:<{THEM}>")
        answers = [await line.asks(f"RCPT TO:<{n}@tocsin.example>") for n in range(3)]
        assert [a[:3] for a in answers] == ["250", "250", "452"]


@pytest.mark.parametrize(
    "body",
    [
        b"From: a@b.example\r\n\r\nx\n.\r\nMAIL FROM:<evil@x.example>\r\n",
        b"From: a@b.example\r\n\r\nx\r\n.\nMAIL FROM:<evil@x.example>\r\n",
        b"From: a@b.example\r\n\r\nx\n.\nMAIL FROM:<evil@x.example>\r\n",
        b"From: a@b.example\r\n\r\nx\r.\rMAIL FROM:<evil@x.example>\r\n",
        b"From: a@b.example\r\n\r\nx\r\n.\rMAIL FROM:<evil@x.example>\r\n",
        b"From: a@b.example\n\nx\r\n",
    ],
    ids=["LF dot CRLF", "CRLF dot LF", "LF dot LF", "CR dot CR", "CRLF dot CR", "LF in the header"],
)
async def test_nothing_is_smuggled_in_behind_a_false_end(body):
    async with a_server() as server, a_line(server, to=[US]) as line:
        assert (await line.asks(body + b".\r\n")).startswith("554 5.6.0 The message has a bare CR or LF")
        assert server.desk.taken == []
        assert (await line.asks("NOOP")).startswith("250")  # one message, one answer: nothing else was heard


async def test_dots_are_taken_off_as_they_were_put_on():
    async with a_server() as server, a_line(server, to=[US]) as line:
        assert (await line.asks(b"From: a@b.example\r\n\r\n..\r\n...x\r\n.y\r\n.\r\n")).startswith("250")
        assert server.desk.taken[0][0].text == ".\n..x\ny"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"x" * 70_000 + b"\r\n", "554 5.6.0 A line"),
        (b"x" * 70 + b"\r\n" + b"y" * 20_000 + b"\r\n", "554 5.6.0 A line"),
        (b"yyyyyyyyy\r\n" * 20_000, "552 5.3.4"),
        (b"X: " + b"a" * 300 + b"\r\n" + b"Y: a\r\n" * 3_000 + b"\r\nx\r\n", "554 5.6.0 The header"),
    ],
    ids=["one endless line", "a long line", "too large", "a long header"],
)
async def test_what_is_too_much_is_refused_for_every_recipient_and_the_connection_lives(body, answer):
    async with a_server(size=100_000) as server, a_line(server, to=[US, "b@tocsin.example"]) as line:
        await line.says(body + b".\r\n")
        assert [(await line.hears())[: len(answer)] for _ in range(2)] == [answer] * 2
        assert (await line.asks("NOOP")).startswith("250")
        assert server.desk.taken == []


async def test_a_size_that_is_announced_is_refused_before_it_is_sent():
    async with a_server(size=100_000) as server, a_line(server) as line:
        assert (await line.asks(f"MAIL FROM:<{THEM}> SIZE=100001")).startswith("552")


async def test_a_body_that_drips_byte_by_byte_is_cut_off():
    async with a_server(body_seconds=0.6) as server, a_line(server, to=[US]) as line:
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 5:
                await line.says(b"x")
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        assert time.monotonic() - begun < 4
        assert server.desk.taken == []


async def test_a_silent_connection_is_ended():
    async with a_server(idle_seconds=0.3) as server, a_line(server) as line:
        assert await line.is_hung_up_on()


async def test_a_client_that_leaves_in_the_middle_leaves_nothing():
    async with a_server() as server:
        for said in (b"From: a", BODY, BODY + b"."):
            async with a_line(server, to=[US]) as line:
                await line.says(said)
        await asyncio.sleep(0.1)
        assert server.desk.taken == []
        async with a_line(server, to=[US]) as line:
            assert (await line.asks(BODY + b".\r\n")).startswith("250")


async def test_a_mail_that_is_being_taken_when_the_service_stops_is_answered():
    desk = Desk()
    desk.waits = 0.3
    async with a_server(desk) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        line = Line(reader, writer)
        await line.hears()
        for said in ("LHLO x", f"MAIL FROM:<{THEM}>", f"RCPT TO:<{US}>", "DATA"):
            await line.asks(said)
        await line.says(BODY + b".\r\n")
        await asyncio.sleep(0.1)
    assert (await line.hears()).startswith("250")
    assert len(desk.taken) == 1
    writer.close()


@pytest.mark.parametrize(
    "command",
    [
        b"\r\n", b"\x00\xff\xfe\r\n", b"MAIL\r\n", b"MAIL FROM:\r\n", b"MAIL FROM:<\r\n", b"MAIL FROM:<a@b.example> X=1\r\n",
        b"MAIL FROM:<\xff\xfe@b>\r\n", b"RCPT TO:<a>\r\n", b"RCPT\r\n", b"DATA\r\n", b"X" * 20_000 + b"\r\n", b"MAIL FROM:<" + b"(" * 900 + b">\r\n",
        b"MAIL FROM:<" + b"a" * 900 + b"@b.example>\r\n", b"MAIL FROM:<@a,@b:c@d>\r\n", b"HELO x\r\n",
    ],
)  # fmt: skip
async def test_nonsense_is_answered_and_the_server_lives(command):
    async with a_server() as server:
        async with a_line(server) as line:
            assert (await line.asks(command))[:1] in "245"
            assert (await line.asks("RSET")).startswith("250")
        async with a_line(server, to=[US]) as line:
            assert (await line.asks(BODY + b".\r\n")).startswith("250")


async def test_random_bytes_do_no_harm():
    import random

    async with a_server(idle_seconds=1) as server:
        for seed in range(25):
            async with a_line(server, greeted=False) as line:
                dice = random.Random(seed)
                words = [
                    b"LHLO x\r\n",
                    b"MAIL FROM:<a@b.example>\r\n",
                    f"RCPT TO:<{US}>\r\n".encode(),
                    b"DATA\r\n",
                    b".\r\n",
                    b"\r\n",
                ]
                try:
                    await line.says(b"".join(dice.choice([*words, dice.randbytes(20)]) for _ in range(60)))
                except ConnectionError:
                    continue
        async with a_line(server, to=[US]) as line:
            assert (await line.asks(BODY + b".\r\n")).startswith("250")


async def test_nothing_of_a_mail_is_logged_even_at_debug(monkeypatch):
    """Commands, addresses, subjects and bodies stay out, also what a refused client goes on to say."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    logs.set_up(as_json=True, level="DEBUG")
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        desk = Desk()
        async with a_server(desk, size=100_000) as server:
            async with a_line(server, to=["hunter2@tocsin.example"]) as line:
                assert (
                    await line.asks(b"From: hunter2@b.example\r\nSubject: hunter2\r\n\r\nhunter2\r\n.\r\n")
                ).startswith("250")
            desk.fails = {US: ValueError("hunter2")}
            async with a_line(server, to=[US]) as line:
                await line.asks(b"Subject: hunter2\r\n\r\nhunter2\r\n.\r\n")
                await line.asks("HUNTER2 password")
                await line.asks("RCPT TO:<hunter2@elsewhere.example>")
            async with a_line(server, to=[US]) as line:
                await line.asks(b"hunter2\r\n" * 20_000 + b".\r\n")
    finally:
        logging.getLogger().setLevel(logging.WARNING)
        structlog.reset_defaults()
    assert "mail.taken_in" in written.getvalue()
    assert "hunter2" not in written.getvalue().lower()
    assert "hill.example" not in written.getvalue()


async def test_a_port_that_is_taken_is_said_so():
    from monitor.errors import ConfigError

    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = MailServer(
            take_letter=Desk(),
            knows_address=lambda _: True,
            trust=Trust(),
            metrics=Metrics(version="1"),
            peers=LOCAL,
        )
        with pytest.raises(ConfigError, match=r"cannot listen for mail .*mail_in"):
            async with server.listening("127.0.0.1", taken.getsockname()[1], None):
                pass
