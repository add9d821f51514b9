"""The ``http`` check against real servers: kind ones, nasty ones, and what is asked of them."""

import asyncio
import time

import pytest

from checks.curl import CurlEngine
from monitor.domain.findings import Symptom, Verdict
from tests.checks import far_ends
from tests.checks.far_ends import NOW, answering, free_port, page, served
from tests.checks.http_looks import a_check, look

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


async def test_a_page_that_answers_is_up_with_its_phases(engine):
    seen = await look(engine, answering(page(b"hello")))
    assert (seen.verdict, seen.symptom, seen.detail) == (UP, None, "status 200")
    assert seen.values == {"status": 200, "size": 5, "ip": "127.0.0.1"}
    assert set(seen.phases) == {"connect", "processing", "transfer"}
    assert seen.seconds > 0


async def test_a_name_is_resolved_and_the_address_told(engine):
    seen = await look(engine, answering(page()), host="localhost")
    assert seen.verdict is UP
    assert seen.values["ip"] == "127.0.0.1"
    assert "resolve" in seen.phases


async def test_a_closed_port_is_refused_and_unreachable(engine):
    port = free_port()
    seen = await a_check(engine, f"http://127.0.0.1:{port}/").observe(NOW)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"connection refused by 127.0.0.1:{port}"


async def test_the_operators_symptom_stands_for_down(engine):
    seen = await a_check(
        engine, f"http://127.0.0.1:{free_port()}/", symptom=Symptom.PORTAL_UNREACHABLE
    ).observe(NOW)
    assert seen.symptom is Symptom.PORTAL_UNREACHABLE


async def test_a_name_that_does_not_exist_is_down(engine):
    seen = await a_check(engine, "http://no-such-host.invalid/").observe(NOW)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert "no-such-host.invalid" in seen.detail


async def test_a_name_that_is_a_metadata_service_is_not_looked_at(engine):
    seen = await a_check(engine, "http://0xa9fea9fe/latest/meta-data/").observe(NOW)
    assert seen.verdict is DOWN
    assert seen.detail.startswith("0xa9fea9fe is 169.254.169.254, which is a link-local or cloud metadata")


NASTY = {
    "accepts and says nothing": (far_ends.silent, {}, DOWN, Symptom.UNREACHABLE, "no answer from 127.0.0.1:"),
    "one byte at a time": (far_ends.dribbling, {}, DOWN, Symptom.UNREACHABLE, "within 1 s"),
    "headers without end": (far_ends.endless_headers, {}, DOWN, Symptom.DEGRADED, "sent headers without end"),
    "a body without end": (far_ends.endless_body, {}, UP, None, "status 200"),
    "a reset in the body": (
        far_ends.reset_in_body,
        {},
        DOWN,
        Symptom.DEGRADED,
        "connection during its answer",
    ),
    "too short a body": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi"),
        {},
        DOWN,
        Symptom.DEGRADED,
        "before the announced length",
    ),
    "not HTTP": (answering(b"220 mail.example ESMTP\r\n"), {}, DOWN, Symptom.DEGRADED, "not HTTP"),
    "closes at once": (answering(b""), {}, DOWN, Symptom.UNREACHABLE, "closed the connection without"),
    "a gzip bomb": (answering(far_ends.gzip_bomb()), {"compressed": True}, UP, None, "status 200"),
    "a gzip bomb left packed": (answering(far_ends.gzip_bomb()), {}, UP, None, "status 200"),
    "broken gzip": (
        answering(page(b"not gzip", headers="Content-Encoding: gzip\r\n")),
        {"compressed": True},
        DOWN,
        Symptom.DEGRADED,
        "cannot be decompressed",
    ),
    "a redirect loop": (
        answering(page(status="302 Found", headers="Location: /\r\n")),
        {"follow_redirects": 3},
        DOWN,
        Symptom.DEGRADED,
        "more than 3 redirects",
    ),
    "a redirect to metadata": (
        answering(page(status="302 Found", headers="Location: http://169.254.169.254/\r\n")),
        {"follow_redirects": 1},
        DOWN,
        Symptom.UNREACHABLE,
        "never looked at",
    ),
    "a redirect to a file": (
        answering(page(status="302 Found", headers="Location: file:///etc/passwd\r\n")),
        {"follow_redirects": 1},
        DOWN,
        Symptom.DEGRADED,
        "not followed",
    ),
    "control characters in its status line": (
        answering(b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n"),
        {},
        DOWN,
        Symptom.DEGRADED,
        "status was 500, expected 200-399",
    ),
}


@pytest.mark.parametrize("case", NASTY)
async def test_nasty_servers_get_the_right_verdict_within_the_timeout(engine, case):
    talk, options, verdict, symptom, said = NASTY[case]
    seen = await look(engine, talk, timeout=1.0, **options)
    assert (seen.verdict, seen.symptom) == (verdict, symptom), seen.detail
    assert said in seen.detail
    assert seen.detail.isprintable()
    assert seen.values["size"] <= 64 * 1024
    assert engine.in_flight == 0


async def test_the_request_carries_its_method_headers_and_body(engine):
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await request_with_body(reader))
        writer.write(page())
        await writer.drain()

    seen = await look(
        engine,
        listen,
        headers={"Authorization": "Bearer ${TOKEN}", "Content-Type": "application/json"},
        send='{"probe": true}',
        variables={"TOKEN": "s3cret"},
    )
    assert seen.verdict is UP
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Authorization: Bearer s3cret" in head
    assert b"User-Agent: Tocsin" in head
    assert b"Expect" not in head
    assert body == b'{"probe": true}'


async def request_with_body(reader: asyncio.StreamReader) -> bytes:
    head = await far_ends.request(reader)
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    return head + await reader.readexactly(length)


async def test_a_head_request_reads_no_body(engine):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
    seen = await look(engine, answering(head), method="HEAD")
    assert (seen.verdict, seen.values["size"]) == (UP, 0)


async def test_a_redirect_is_followed_without_our_headers_to_another_origin(engine):
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await far_ends.request(reader))
        writer.write(page(b"here"))
        await writer.drain()

    async with served(listen) as elsewhere:
        away = answering(page(status="302 Found", headers=f"Location: http://127.0.0.1:{elsewhere}/x\r\n"))
        seen = await look(
            engine, away, follow_redirects=1, headers={"X-Key": "s3cret"}, body={"contains": "here"}
        )
    assert seen.verdict is UP
    assert b"GET /x" in asked[0]
    assert b"s3cret" not in asked[0]


async def test_hanging_targets_do_not_delay_good_ones(engine):
    """The good looks are all back while every hanging one still hangs: an order, not a time."""
    async with served(far_ends.silent) as hole, served(answering(page())) as port:
        stuck = [a_check(engine, f"http://127.0.0.1:{hole}/{n}", timeout=60) for n in range(200)]
        good = [a_check(engine, f"http://127.0.0.1:{port}/{n}", timeout=30) for n in range(200)]
        hanging = [asyncio.create_task(check.observe(NOW)) for check in stuck]
        async with asyncio.timeout(30):
            seen = await asyncio.gather(*(check.observe(NOW) for check in good))
        assert {one.verdict for one in seen} == {UP}
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert engine.in_flight == 0


async def test_without_an_engine_nothing_is_known():
    seen = await a_check(None, "http://127.0.0.1:1/").observe(NOW)
    assert seen.verdict is Verdict.UNKNOWN


async def test_a_closed_engine_learns_nothing_about_the_target():
    async with CurlEngine() as engine:
        check = a_check(engine, "http://127.0.0.1:1/")
    assert (await check.observe(NOW)).verdict is Verdict.UNKNOWN


async def test_the_look_ends_before_its_callers_hard_limit(engine):
    """The caller cancels at the target's timeout: the sentence must be there by then."""
    async with served(far_ends.silent) as port, asyncio.timeout(0.5):
        began = time.monotonic()
        seen = await a_check(engine, f"http://127.0.0.1:{port}/", timeout=0.5).observe(NOW)
    assert seen.detail == f"no answer from 127.0.0.1:{port} within 500 ms"
    assert seen.seconds <= time.monotonic() - began
