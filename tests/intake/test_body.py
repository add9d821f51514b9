"""What a body may be: bytes, inflated bytes, time, depth. Everything through a real server."""

import asyncio
import gzip
import io
import json
import time
import zlib
from functools import partial

import brotli
import pytest
import zstandard

from monitor.intake.body import MIB, Memory
from monitor.intake.json_text import parse_json
from tests.intake.server import API

CRASHES = "/api/v1/crashes"
BEARER = {"Authorization": f"Bearer {API}"}
BODY = b'{"signal": 11, "message": "' + b"m" * 500 + b'"}'


def raw_deflate(data: bytes) -> bytes:
    z = zlib.compressobj(wbits=-15)
    return z.compress(data) + z.flush()


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=4),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


async def post(client, data, coding=None, **headers):
    coded = {"Content-Encoding": coding} if coding else {}
    data = io.BytesIO(data) if isinstance(data, bytes) else data
    async with client.post(CRASHES, data=data, headers={**BEARER, **coded, **headers}) as answer:
        return answer.status, (await answer.json(content_type=None)).get("code")


@pytest.mark.parametrize(
    "coding, data",
    [
        *(pytest.param(coding, pack(BODY), id=coding) for coding, pack in CODINGS.items()),
        pytest.param("deflate", raw_deflate(BODY), id="deflate without zlib's frame"),
        pytest.param("GZip", gzip.compress(BODY), id="gzip in capitals"),
        pytest.param("identity", BODY, id="identity"),
        pytest.param(None, BODY, id="none"),
    ],
)
async def test_a_body_comes_in_any_one_coding(client, intake, coding, data):
    assert await post(client, data, coding) == (202, None)
    assert (await intake.only()).message == "m" * 500


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_body_comes_in_pieces_of_one_byte(client, intake, coding):
    async def dribble():
        for byte in CODINGS[coding](BODY):
            yield bytes([byte])

    assert await post(client, dribble(), coding) == (202, None)
    assert (await intake.only()).message == "m" * 500


@pytest.mark.parametrize(
    "coding", ["compress", "gzip, gzip", "zstd, gzip", "gzip, br", "br,identity", "🙈", "x" * 300]
)
async def test_an_unknown_or_combined_coding_is_415(raw, coding):
    head = f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\nContent-Length: {len(BODY)}\r\n"
    status, answer = await raw(head.encode() + f"Content-Encoding: {coding}\r\n\r\n".encode() + BODY)
    assert status == 415
    assert b'"code":"encoding_unsupported"' in answer


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="cut by one byte"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut in half"),
        pytest.param(lambda data: data[:1], id="one byte"),
        pytest.param(lambda data: data + b"x", id="one byte more"),
        pytest.param(lambda data: data + data, id="twice"),
        pytest.param(lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:], id="damaged"),
        pytest.param(lambda data: b"plain text, not packed at all", id="not packed"),
    ],
)
async def test_a_damaged_body_is_400_and_leaves_nothing(client, intake, coding, damage):
    status, code = await post(client, damage(CODINGS[coding](BODY)), coding)
    assert (status, code) == (400, "encoding_damaged")
    assert await intake.stored() == []


async def test_a_packed_body_that_does_not_say_so_is_400(client, intake):
    assert await post(client, gzip.compress(BODY)) == (400, "json_damaged")


@pytest.mark.parametrize("coding", [None, "gzip"])
async def test_no_body_at_all_is_400(client, coding):
    assert await post(client, b"", coding) == (400, "json_damaged")


async def test_more_values_than_can_be_read_at_one_go_are_413(client, intake):
    assert await post(client, b"[" + b"[]," * 100_000 + b"[]]") == (413, "json_too_much")
    assert await post(client, b'{"signal":11,"zz":[' + b"1," * 150_000 + b"1]}") == (202, None)


def filled(size: int) -> bytes:
    empty = b'{"signal":11,"message":""}'
    return empty[:-2] + b"m" * (size - len(empty)) + b'"}'


@pytest.mark.parametrize("size, expected", [(MIB, (202, None)), (MIB + 1, (413, "body_too_large"))])
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_wire_limit_is_exact_with_and_without_a_length(client, size, expected, chunked):
    async def chunks(data: bytes):
        for at in range(0, len(data), 50_000):
            yield data[at : at + 50_000]

    data = filled(size)
    assert await post(client, chunks(data) if chunked else data) == expected


@pytest.mark.parametrize("extra, expected", [(0, (202, None)), (1, (413, "body_too_large"))])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_the_inflated_limit_is_exact(client, intake, coding, extra, expected):
    noise = json.dumps({"signal": 11, "n": [n * 7919 % 100_003 for n in range(150_000)]}).encode()
    data = noise[:-1] + b" " * (4 * MIB + extra - len(noise)) + b"}"
    assert await post(client, CODINGS[coding](data), coding) == expected


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_bomb_is_413_before_it_has_gone_off(client, intake, coding):
    data = CODINGS[coding](b" " * (64 * MIB))
    assert await post(client, data, coding) == (413, "body_too_large")


async def test_what_shrinks_a_lot_but_is_small_is_no_bomb(client, intake):
    assert await post(client, gzip.compress(filled(MIB - 10)), "gzip") == (202, None)


async def test_a_long_honest_body_is_refused_at_once_by_its_length(raw):
    began = time.monotonic()
    status, answer = await raw(
        f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\nContent-Length: 999999999\r\n\r\nx".encode()
    )
    assert status == 413
    assert b"connection: close" in answer.lower()
    assert time.monotonic() - began < 0.5


async def test_who_is_refused_while_still_sending_is_hung_up_on(intake):
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.port)
    writer.write(f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000000\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"401"
    with pytest.raises((ConnectionError, TimeoutError)):
        async with asyncio.timeout(5):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                await asyncio.sleep(0.001)
    writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((b"Content-Length: 500\r\n\r\n", b'{"sig'), id="half a body"),
        pytest.param((b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n{'sig\r\n"), id="half a chunked body"),
        pytest.param(
            (b"Content-Length: 500\r\nContent-Encoding: gzip\r\n\r\n", b"\x1f\x8b"), id="half a packed body"
        ),
        pytest.param((b"Content-Length: 500\r\n\r\n", *[b"x"] * 30), id="a byte now and then"),
    ],
)
async def test_a_body_that_does_not_come_is_408_in_time(raw, intake, pieces):
    began = time.monotonic()
    head = f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\n".encode()
    status, answer = await raw(head + pieces[0], *pieces[1:], pause=0.06)
    assert status == 408
    assert b'"code":"body_too_slow"' in answer
    assert time.monotonic() - began < 3
    assert await intake.stored() == []


async def test_slow_senders_do_not_keep_the_others_waiting(raw, client):
    head = f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\nContent-Length: 500\r\n\r\nx".encode()
    slow = [asyncio.create_task(raw(head)) for _ in range(50)]
    await asyncio.sleep(0.1)
    began = time.monotonic()
    assert await post(client, BODY) == (202, None)
    assert time.monotonic() - began < 0.5
    assert {status for status, _ in await asyncio.gather(*slow)} == {408}


async def test_a_sender_who_goes_away_leaves_nothing_and_breaks_nothing(intake, client):
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", intake.port)
        writer.write(
            f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\nContent-Length: 99\r\n\r\n{{".encode()
        )
        await writer.drain()
        writer.transport.abort()
    assert await post(client, BODY) == (202, None)
    assert len(await intake.stored()) == 1


async def test_damaged_chunks_are_400(raw):
    head = f"POST {CRASHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    status, _ = await raw(head + b'5\r\n{"a"\r\nZZZ\r\n')
    assert status == 400


async def test_the_connection_lives_on_after_a_refusal_that_was_read_to_its_end(intake, client):
    for _ in range(3):
        assert await post(client, b"[]") == (422, "invalid")
    assert await post(client, BODY) == (202, None)


# --- JSON


@pytest.mark.parametrize(
    "deep, fine",
    [
        (b"[" * 100 + b"]" * 100, True),
        (b"[" * 101 + b"]" * 101, False),
        (b'{"a":' * 100 + b"1" + b"}" * 100, True),
        (b'{"a":' * 101 + b"1" + b"}" * 101, False),
        (b"[" * 1024 + b"]" * 1024, False),
        (b"[" * 300_000, False),
        (b'["' + b"[" * 5000 + b'"]', True),
        (b'["' + b'\\"[' * 5000 + b'"]', True),
        (b"[" + b"[]," * 5000 + b"[]]", True),
    ],
)
def test_json_may_be_a_hundred_deep_outside_of_its_strings(deep, fine):
    if fine:
        assert parse_json(deep) is not None
    else:
        with pytest.raises(Exception, match=r"deeper|JSON"):
            parse_json(deep)


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"nul", b"NaN", b"[1e999]", b"{'a':1}", b"\xff\xfe{\x00}\x00", b'{"a":1}x']
)
async def test_what_is_not_json_is_400(client, bad):
    assert await post(client, bad) == (400, "json_damaged")


@pytest.mark.parametrize(
    "raw_, value",
    [
        (rb'"\ud800"', "�"), (rb'"\udc00\ud83d\ude00"', "�😀"), (rb'"\\ud800"', r"\ud800"),
        (b'"\xff"', "�"), (b"1" + b"0" * 200, 1e200), (b'{"a":1,"a":2}', {"a": 2}),
    ],
)  # fmt: skip
def test_json_that_is_only_ugly_is_read(raw_, value):
    assert parse_json(raw_) == value


@pytest.mark.parametrize(
    "hostile",
    [b'"\\"' * 300_000, b"[" * 900_000, b'["' + b"\\" * 900_000, b"\\ud800" * 150_000, b"[]" * 400_000],
    ids=["quotes", "depth", "backslashes", "surrogates", "brackets"],
)
@pytest.mark.timeout(20)  # quadratic reading takes minutes; this is no measurement
def test_hostile_json_is_refused_without_being_walked_twice(hostile):
    with pytest.raises(Exception, match="JSON"):
        parse_json(hostile)


# --- memory


async def test_large_bodies_wait_for_their_share_of_the_memory_but_one_can_always_finish():
    memory = Memory(20, largest=10)
    assert await memory.take(10, "a") == 10
    assert await memory.take(5, "b") == 0, "b has its turn"
    waiting = asyncio.create_task(memory.take(5, "c"))
    assert await memory.take(5, "b") == 0
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await memory.give(0, "b")
    assert await asyncio.wait_for(waiting, 1) == 0
    waiting = asyncio.create_task(memory.take(5, "d"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await memory.give(10, "a")
    assert await asyncio.wait_for(waiting, 1) == 5
