"""What became of a request: the table, and the same over real sockets that misbehave."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outcomes import LONGEST_ANSWER, Answer, Patience, Request, find, judge_status, retry_after, send
from monitor.errors import DeliveryError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Patience(connect=1.0, total=1.0)
JSON = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"


@asynccontextmanager
async def a_far_end(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def answering(payload: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(payload)
        await writer.drain()
        await asyncio.sleep(0.05)

    return serve


async def closing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def a_post(url: str, **changes) -> Request:
    return Request(**{"method": "POST", "url": f"{url}/calls?secret=1", "form": [("To", "+39")], **changes})


async def failure(request: Request, patience: Patience = QUICK) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        (await send(request, patience=patience)).document()
    return caught.value


def a_closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_an_answer_that_can_be_read_is_the_only_success() -> None:
    async with a_far_end(answering(JSON + b'{"sid": "CA"}')) as url:
        answer = await send(a_post(url), patience=QUICK)
    assert (answer.status, answer.document()) == (201, {"sid": "CA"})


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(closing, id="closed without a word"),
        pytest.param(silent, id="no answer in time"),
        pytest.param(answering(JSON + b'{"sid"'), id="cut in the middle"),
        pytest.param(answering(JSON[:-4]), id="cut in the headers"),
        pytest.param(answering(JSON + b"created! yes!"), id="2xx that is not JSON"),
        pytest.param(answering(JSON + b"[1, 2, 3, 4 ]"), id="2xx that is no object"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LONGEST_ANSWER + 1)), id="2xx without end"
        ),
        pytest.param(answering(b"\x00\x01 not http\r\n\r\n"), id="not HTTP"),
        pytest.param(answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), id="502"),
        pytest.param(
            answering(b"HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), id="303"
        ),
    ],
)
async def test_once_a_byte_has_left_everything_but_a_clear_answer_is_ambiguous(serve: Serve) -> None:
    async with a_far_end(serve) as url:
        error = await failure(a_post(url))
    assert (error.ambiguous, error.permanent) == (True, False)


async def test_a_question_that_changes_nothing_is_never_ambiguous() -> None:
    for serve in (closing, silent, answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")):
        async with a_far_end(serve) as url:
            error = await failure(Request(method="GET", url=url, safe=True))
        assert (error.ambiguous, error.permanent) == (False, False)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://no-such-host.invalid/", id="no such name"),
        pytest.param("http://127.0.0.1:{closed}/", id="connection refused"),
        pytest.param("https://127.0.0.1:{plain}/", id="TLS to a plain port"),
    ],
)
async def test_what_fails_before_a_byte_leaves_was_not_executed(url: str) -> None:
    async with a_far_end(answering(b"hello\r\n")) as plain:
        address = url.format(closed=a_closed_port(), plain=plain.rpartition(":")[2])
        error = await failure(a_post(address))
    assert (error.ambiguous, error.permanent) == (False, False)


async def test_an_address_that_is_none_is_permanent() -> None:
    error = await failure(Request(method="POST", url="http://[not-an-address/"))
    assert (error.ambiguous, error.permanent) == (False, True)


async def test_a_connect_that_takes_too_long_was_not_executed() -> None:
    with socket.socket() as listener:  # A full backlog: the kernel leaves further SYNs unanswered.
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        error = await failure(a_post(f"http://127.0.0.1:{port}"), Patience(connect=0.3, total=5.0))
        for filler in fillers:
            filler.close()
    assert (error.ambiguous, error.permanent) == (False, False)


async def test_redirects_are_not_followed_and_each_request_has_its_own_connection() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 307 Elsewhere\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with a_far_end(serve) as url:
        error = await failure(a_post(url))
    assert (error.permanent, error.ambiguous) == (True, False)
    assert len(seen) == 1
    assert b"Connection: close" in seen[0]


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{a_closed_port()}")
    monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{a_closed_port()}")
    async with a_far_end(answering(JSON + b'{"sid": "CA"}')) as url:
        assert (await send(a_post(url), patience=QUICK)).status == 201


async def test_the_message_says_what_the_provider_said_and_never_the_query() -> None:
    body = b'{"code": 21211, "message": "not a number\\u001b[31m"}'
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with a_far_end(answering(head + body)) as url:
        error = await failure(a_post(url, meanings={400: "The number is wrong"}))
    assert str(error).startswith(
        "The number is wrong: POST http://127.0.0.1/calls answered 400: 21211 not a number"
    )
    assert "secret" not in str(error)
    assert "\x1b" not in str(error)


async def test_an_absence_is_an_answer_where_it_was_asked_for() -> None:
    gone = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    async with a_far_end(gone) as url:
        assert await find(Request(method="GET", url=url, safe=True), patience=QUICK) is None


@pytest.mark.parametrize(
    ("status", "permanent", "ambiguous"),
    [
        *((status, True, False) for status in (301, 400, 401, 403, 404, 405, 410, 413, 415, 422)),
        *((status, False, False) for status in (425, 429)),
        *((status, False, True) for status in (302, 303, 408, 409, 500, 502, 503, 504, 599)),
    ],
)
def test_each_status_has_its_meaning(status: int, permanent: bool, ambiguous: bool) -> None:
    error = judge_status(Request(method="POST", url="http://x/"), status, {})
    assert error is not None
    assert (error.permanent, error.ambiguous) == (permanent, ambiguous)


@given(status=st.integers(100, 999), body=st.binary(max_size=400))
def test_no_answer_is_ever_both_permanent_and_ambiguous(status: int, body: bytes) -> None:
    error = judge_status(Request(method="POST", url="http://x/"), status, {}, body)
    assert (error is None) == (200 <= status < 300)
    assert error is None or not (error.permanent and error.ambiguous)


@given(body=st.binary(max_size=400))
def test_any_body_is_read_or_refused_as_ambiguous(body: bytes) -> None:
    try:
        Answer(status=200, body=body).document()
    except DeliveryError as error:
        assert error.ambiguous


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "99999999999"}, 3600.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_by_the_far_ends_own_clock(headers: dict, seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b'{"code": 21211, "message": "no number"}', ": 21211 no number", id="code and message"),
        pytest.param(b'{"errors": ["Subject cannot be blank"]}', ": Subject cannot be blank", id="a list"),
        pytest.param(
            b'{"errorMessages": [], "errors": {"project": "is required"}}', ": is required", id="by field"
        ),
        pytest.param(
            b'{"error": {"message": "No Record found", "detail": "ACL"}, "status": "failure"}',
            ": message: No Record found detail: ACL",
            id="an object",
        ),
        pytest.param(
            b'{"error": "RecordInvalid", "details": {"base": [{"description": "Status: closed"}]}}',
            ": RecordInvalid Status: closed",
            id="deep",
        ),
        pytest.param(b'{"status": 1}', "", id="nothing said"),
        pytest.param(b'{"errors": [[[[[["too deep"]]]]]]}', "", id="bottomless"),
        pytest.param(b"<html>", "", id="a page"),
    ],
)
def test_the_reason_of_a_refusal_is_passed_on_wherever_it_stands(body: bytes, told: str) -> None:
    refusal = judge_status(a_post("http://x"), 422, {}, body)
    assert str(refusal) == f"POST http://x/calls answered 422{told}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_a_request_whose_connection_was_cut_is_never_sent_again_by_itself(method: str) -> None:
    arrived = []

    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with a_far_end(cutting) as url:
        assert (await failure(a_post(url, method=method))).ambiguous
    assert len(arrived) == 1
