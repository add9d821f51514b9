"""``tcp`` with a dialogue, against servers that talk, are silent, or turn to TLS."""

import pytest

from checks.base import Target, Tools
from checks.tcp import TYPE, TcpOptions
from monitor.domain.findings import Symptom, Verdict
from tests.alerts.test_smtp import Postmaster, a_server
from tests.checks.far_ends import NOW, served
from tests.checks.starttls_servers import AGREEING, scripted

UP, DOWN = Verdict.UP, Verdict.DOWN
SMTP = [
    {"expect": "^220 "},
    {"send": "EHLO ${NAME}\r\n"},
    {"expect": "250[- ]STARTTLS"},
    {"send": "STARTTLS\r\n"},
    {"expect": "^220 "},
    {"starttls": True},
]


async def looked(port, *, timeout=5.0, **options):
    check = TYPE.build(
        Target(name="door", target=f"127.0.0.1:{port}", timeout=timeout),
        TcpOptions.model_validate(options),
        Tools(variables={"NAME": "probe.example"}),
    )
    return await check.observe(NOW)


async def test_a_whole_conversation_with_a_mail_server_turns_to_tls(authority):
    more = [{"send": "EHLO a\r\n"}, {"expect": "250 "}, {"send": "QUIT\r\n"}, {"expect": "^221 "}]
    async with a_server(Postmaster(), tls_context=authority.server(), require_starttls=True) as port:
        seen = await looked(port, dialogue=[*SMTP, *more], ca_file=authority.file)
    assert (seen.verdict, seen.detail) == (UP, f"connected to 127.0.0.1:{port}"), seen.detail
    assert set(seen.phases) == {"resolve", "connect", "processing", "tls"}


async def test_what_is_missed_is_told_with_its_part():
    first, lines = AGREEING["pop3"]
    async with served(scripted(first, lines)) as port:
        silent = await looked(port, dialogue=[{"expect": "OK"}, {"expect": "more"}], timeout=0.4)
        stranger = await looked(port, dialogue=SMTP, timeout=0.4)
    assert silent.detail == f"no answer (part 2) from 127.0.0.1:{port} within 400 ms"
    assert stranger.verdict is DOWN


async def test_a_wrong_answer_is_told(authority):
    async def hangs_up(reader, writer):
        writer.write(b"220 hello\r\n554 go away\r\n")
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with served(hangs_up) as port:
        seen = await looked(
            port, dialogue=[{"expect": "^220 "}, {"send": "${NAME}\r\n"}, {"expect": "^250 "}]
        )
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED)
    assert seen.detail == (
        f"127.0.0.1:{port} answered '554 go away', expected something that matches '^250' (part 3)"
    )


async def test_tls_from_the_first_byte(authority):
    async def talks(reader, writer):
        writer.write(b"hello\r\n")
        await reader.read()

    async with served(talks, tls=authority.server()) as port:
        seen = await looked(port, security="tls", ca_file=authority.file, expect="^hello")
        bare = await looked(port, security="tls", ca_file=authority.file)
        stranger = await looked(port, security="tls")
    assert (seen.verdict, bare.verdict, stranger.verdict) == (UP, UP, DOWN)
    assert "not trusted" in stranger.detail


REFUSED = {
    "two ways": ({"send": "x", "dialogue": [{"send": "y"}]}, "belong into it"),
    "two things": ({"dialogue": [{"send": "x", "expect": "y"}]}, "one of expect, send and starttls"),
    "nothing": ({"dialogue": [{}]}, "one of expect, send and starttls"),
    "no pattern": ({"dialogue": [{"expect": "("}]}, "no regular expression"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_dialogue_that_cannot_be_is_refused(case):
    options, said = REFUSED[case]
    with pytest.raises(ValueError, match=r".") as refusal:
        TcpOptions.model_validate(options)
    assert said in str(refusal.value)
