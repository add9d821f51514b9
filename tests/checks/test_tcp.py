"""The ``tcp`` check against real sockets."""

import asyncio
from typing import Any

import pytest

from checks.base import Target, Tools
from checks.tcp import TYPE, TcpOptions
from monitor.domain.findings import Observation, Symptom, Verdict
from tests.checks import far_ends
from tests.checks.far_ends import NOW, free_port, served


def a_check(target: str, *, timeout: float = 5.0, symptom: Symptom | None = None, **options: Any):
    made = Target(name="port", target=target, timeout=timeout, symptom=symptom)
    return TYPE.build(made, TcpOptions.model_validate(options), Tools())


async def look(talk: far_ends.Talk, **more: Any) -> Observation:
    async with served(talk) as port:
        return await a_check(f"127.0.0.1:{port}", **more).observe(NOW)


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()
    assert await reader.readline() == b"QUIT\r\n"
    for piece in (b"221 by", b"e\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    far_ends.reset(writer)


async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x00\x1b[31mx" * 1000)
        await writer.drain()


async def test_a_port_that_accepts_is_up():
    seen = await look(far_ends.silent)
    assert (seen.verdict, seen.symptom) == (Verdict.UP, None)
    assert seen.detail.startswith("connected to 127.0.0.1:")
    assert set(seen.phases) == {"resolve", "connect"}
    assert seen.values == {"ip": "127.0.0.1"}


async def test_a_name_is_resolved_and_the_other_family_tried():
    async with served(far_ends.silent) as port:
        seen = await a_check(f"localhost:{port}").observe(NOW)
    assert (seen.verdict, seen.detail) == (Verdict.UP, f"connected to localhost (127.0.0.1:{port})")


async def test_a_text_is_answered_with_a_text_in_pieces():
    seen = await look(smtp, send="QUIT\r\n", expect="(?s)^220 .*221 bye")
    assert seen.verdict is Verdict.UP, seen.detail
    assert "processing" in seen.phases


WRONG = {
    "silent": (far_ends.silent, {"expect": "x"}, Symptom.UNREACHABLE, "no answer from 127.0.0.1:"),
    "hangs up": (hang_up, {"expect": "x"}, Symptom.DEGRADED, "closed the connection without an answer"),
    "resets": (reset, {"send": "a\n", "expect": "x"}, Symptom.UNREACHABLE, "reset the connection"),
    "says something else": (
        smtp,
        {"expect": "^554"},
        Symptom.DEGRADED,
        "answered '220 mail.example ESMTP', expected something that matches '^554' within 1 s",
    ),
    "talks without end": (chatter, {"expect": "never"}, Symptom.DEGRADED, "answered '[31mx"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_told_apart(case):
    talk, options, symptom, said = WRONG[case]
    seen = await look(talk, timeout=1.0, **options)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, symptom), seen.detail
    assert said in seen.detail
    assert seen.detail.isprintable()


async def test_a_closed_port_is_refused():
    port = free_port()
    seen = await a_check(f"127.0.0.1:{port}").observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"connection refused by 127.0.0.1:{port}"


async def test_a_name_that_does_not_exist_is_down():
    seen = await a_check("no-such-host.invalid:80", symptom=Symptom.INTERNET_CONNECTIVITY).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.INTERNET_CONNECTIVITY)


async def test_a_late_look_is_degraded():
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"hello")
        await writer.drain()

    seen = await look(late, expect="hello", latency={"warn": 0.05})
    assert (seen.verdict, seen.symptom) == (Verdict.DEGRADED, Symptom.DEGRADED)


async def test_a_cancelled_look_hangs_up():
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"hi"
        gone.set()

    async with served(talk) as port:
        task = asyncio.create_task(a_check(f"127.0.0.1:{port}", send="hi", expect="x").observe(NOW))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()


def test_a_metadata_address_is_refused():
    with pytest.raises(ValueError, match="never looked at"):
        a_check("169.254.169.254:80")
