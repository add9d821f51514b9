"""The ``http`` check against real servers: what each kind of answer, and of no answer, is called."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.http import TYPE, HttpCheck, read_url
from checks.http_options import HttpOptions
from monitor.domain.findings import Observation, Symptom, Verdict
from tests.checks import far_ends
from tests.checks.far_ends import NOW, Authority, answering, free_port, page, served

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


@pytest.fixture
async def engine() -> AsyncIterator[CurlEngine]:
    async with CurlEngine() as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return far_ends.an_authority(tmp_path_factory.mktemp("certificates"))


def a_check(
    engine: CurlEngine | None,
    target: str,
    *,
    timeout: float = 5.0,
    symptom: Symptom | None = None,
    variables: dict[str, str] | None = None,
    **options: Any,
) -> HttpCheck:
    made = Target(name="web", target=target, timeout=timeout, symptom=symptom)
    check = TYPE.build(
        made, HttpOptions.model_validate(options), Tools(http=engine, variables=variables or {})
    )
    assert isinstance(check, HttpCheck)
    return check


async def look(
    engine: CurlEngine, talk: far_ends.Talk, *, tls=None, host="127.0.0.1", **more: Any
) -> Observation:
    async with served(talk, tls=tls) as port:
        scheme = "http" if tls is None else "https"
        return await a_check(engine, f"{scheme}://{host}:{port}/", **more).observe(NOW)


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


STATUSES = {
    "a 503": ("503 Gone fishing", {}, DOWN, "status was 503, expected 200-399"),
    "a redirect not followed": ("302 Found", {}, UP, "status 302"),
    "a 404 that is expected": ("404 Not Found", {"status": [404]}, UP, "status 404"),
    "a 200 that is not": (
        "200 OK",
        {"status": ["3xx", 418]},
        DOWN,
        "status was 200, expected 300-399 or 418",
    ),
}


@pytest.mark.parametrize("case", STATUSES)
async def test_statuses(engine, case):
    status, options, verdict, said = STATUSES[case]
    seen = await look(engine, answering(page(status=status)), **options)
    assert (seen.verdict, seen.detail) == (verdict, said)
    assert seen.symptom is (None if verdict is UP else Symptom.DEGRADED)


DOCUMENT = {"status": "failing", "queue": [{"depth": 12, "open": True}], "odd name": None}
BODIES = {
    "holds the text": ({"body": {"contains": "failing"}}, None),
    "lacks the text": ({"body": {"contains": "fine"}}, "the body does not contain 'fine'"),
    "holds what it must not": ({"body": {"not_contains": "fail"}}, "the body contains 'fail'"),
    "matches": ({"body": {"matches": '"depth": ?1[0-9]'}}, None),
    "does not match": ({"body": {"matches": "^<html"}}, "the body does not match '^<html'"),
    "JSON equal": ({"json": [{"path": "$.status", "value": "failing"}]}, None),
    "JSON not equal": (
        {"json": [{"path": "$.status", "value": "ok"}]},
        """JSON $.status was "failing", expected == "ok\"""",
    ),
    "JSON number in bounds": ({"json": [{"path": "queue[0].depth", "op": "<", "value": 13}]}, None),
    "JSON number out of bounds": (
        {"json": [{"path": "queue[0].depth", "op": ">=", "value": 13}]},
        "JSON queue[0].depth was 12, expected >= 13",
    ),
    "JSON missing": (
        {"json": [{"path": "queue[1].depth", "op": "exists"}]},
        "JSON queue[1].depth is missing",
    ),
    "JSON null is there": ({"json": [{"path": '$["odd name"]', "op": "exists"}]}, None),
    "JSON true is not 1": (
        {"json": [{"path": "queue[0].open", "value": 1}]},
        "JSON queue[0].open was true, expected == 1",
    ),
    "JSON contains": ({"json": [{"path": "status", "op": "contains", "value": "fail"}]}, None),
    "several things wrong": (
        {"json": [{"path": "a", "op": "exists"}, {"path": "b", "op": "exists"}], "status": 201},
        "status was 200, expected 201; JSON a is missing; JSON b is missing",
    ),
    "longer than what is read": (
        {"json": [{"path": "status", "op": "exists"}], "max_bytes": 10},
        "the body is longer than 10 bytes and was not read as JSON",
    ),
}


@pytest.mark.parametrize("case", BODIES)
async def test_bodies(engine, case):
    options, said = BODIES[case]
    seen = await look(engine, answering(page(json.dumps(DOCUMENT).encode())), **options)
    assert (seen.verdict, seen.detail) == ((UP, "status 200") if said is None else (DOWN, said))
    assert seen.symptom is (None if said is None else Symptom.DEGRADED)


async def test_a_body_that_is_not_json_is_degraded(engine):
    seen = await look(engine, answering(page(b"<html>")), json=[{"path": "a", "op": "exists"}])
    assert seen.detail == "the body is not JSON"


async def test_a_compressed_body_is_unpacked_only_when_asked(engine):
    packed = answering(page(gzip.compress(b"all is well"), headers="Content-Encoding: gzip\r\n"))
    rule = {"contains": "all is well"}
    assert (await look(engine, packed, body=rule)).verdict is DOWN
    assert (await look(engine, packed, body=rule, compressed=True)).verdict is UP


HEADERS = {
    "equal": ({"X-Node": "a1"}, None),
    "other": ({"X-Node": "b1"}, "the header X-Node was 'a1', expected 'b1'"),
    "missing": ({"X-None": "a"}, "the header X-None is missing"),
    "matches": ({"x-node": {"matches": "^[ab][0-9]$"}}, None),
    "does not match": ({"x-node": {"matches": "^c"}}, "the header x-node does not match '^c'"),
}


@pytest.mark.parametrize("case", HEADERS)
async def test_headers(engine, case):
    rules, said = HEADERS[case]
    seen = await look(engine, answering(page(headers="X-Node: a1\r\n")), header=rules)
    assert (seen.verdict, seen.detail) == ((UP, "status 200") if said is None else (DOWN, said))


async def test_a_late_answer_is_degraded_and_a_very_late_one_down(engine):
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await answering(page())(reader, writer)

    warned = await look(engine, late, latency={"warn": "50ms"})
    assert (warned.verdict, warned.symptom) == (DEGRADED, Symptom.DEGRADED)
    assert "expected within 50 ms" in warned.detail
    failed = await look(engine, late, latency={"warn": 0.01, "fail": 0.05})
    assert (failed.verdict, failed.symptom) == (DOWN, Symptom.DEGRADED)
    assert "the limit is 50 ms" in failed.detail


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


BAD_TARGETS = {
    "no scheme": ("127.0.0.1:80", "is no URL as http"),
    "another scheme": ("file:///etc/passwd", "is no URL as http"),
    "credentials": ("http://user:pw@127.0.0.1/", "into headers"),
    "a port that is none": ("http://127.0.0.1:99999/", "is no URL"),
    "metadata": ("http://169.254.169.254/", "never looked at"),
    "metadata, mapped": ("http://[::ffff:169.254.169.254]/", "never looked at"),
    "no host": ("http:///x", "is not a host name"),
    "a line break": ("http://127.0.0.1/a\r\nX: y", "is no URL"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_a_bad_target_is_refused_with_a_sentence(case):
    target, said = BAD_TARGETS[case]
    with pytest.raises(ValueError, match=said) as refusal:
        a_check(None, target)
    assert "pw" not in str(refusal.value)


def test_urls_are_made_plain():
    assert read_url("http://EXÄMPLE.com/ä?q=ö").url == "http://xn--exmple-cua.com/%C3%A4?q=%C3%B6"
    assert read_url("https://[2001:db8::1]").url == "https://[2001:db8::1]/"
    assert read_url("http://a.example/a%20b?c=%26").url == "http://a.example/a%20b?c=%26"


BAD_OPTIONS = {
    "a key that is none": {"metod": "GET"},
    "a status that is none": {"status": "abc"},
    "a pattern that is none": {"body": {"matches": "("}},
    "a path that is none": {"json": [{"path": "a..b", "op": "exists"}]},
    "a rule without a value": {"json": [{"path": "a"}]},
    "a header that is none": {"headers": {"a b": "c"}},
    "too many redirects": {"follow_redirects": 9},
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_are_refused(case):
    with pytest.raises(ValidationError):
        HttpOptions.model_validate(BAD_OPTIONS[case])


def test_a_secret_is_shown_nowhere():
    options = HttpOptions.model_validate({"headers": {"X-Key": "s3cret"}, "send": "s3cret"})
    assert "s3cret" not in repr(options) + options.model_dump_json()


def test_a_header_value_with_a_line_break_or_an_unknown_variable_is_refused():
    with pytest.raises(ValueError, match="control character"):
        a_check(None, "http://127.0.0.1/", headers={"X-Key": "a\r\nb: c"})
    with pytest.raises(ValueError, match=r"\$\{NOPE\} is not set"):
        a_check(None, "http://127.0.0.1/", headers={"X-Key": "${NOPE}"})


def test_a_missing_file_of_authorities_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="is not a file"):
        a_check(None, "https://127.0.0.1/", ca_file=str(tmp_path / "none.pem"))


async def test_the_look_ends_before_its_callers_hard_limit(engine):
    """The caller cancels at the target's timeout: the sentence must be there by then."""
    async with served(far_ends.silent) as port, asyncio.timeout(0.5):
        began = time.monotonic()
        seen = await a_check(engine, f"http://127.0.0.1:{port}/", timeout=0.5).observe(NOW)
    assert seen.detail == f"no answer from 127.0.0.1:{port} within 500 ms"
    assert seen.seconds <= time.monotonic() - began
