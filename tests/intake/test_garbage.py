"""Whatever is sent, wherever it is sent: an answer, never a 5xx, nothing left behind that was not taken."""

import gzip
import io
import json
import random
import zlib

import pytest

from tests.intake.server import API, KEY

ID = "d512c1779476b84e4570975eb2a18cc1"
GOOD_EVENT = json.dumps(
    {"event_id": ID, "message": "boom", "exception": {"values": [{"type": "E", "value": "v"}]}}
).encode()
GOOD_ENVELOPE = b'{"event_id":"%s"}\n{"type":"event","length":%d}\n%s\n' % (
    ID.encode(),
    len(GOOD_EVENT),
    GOOD_EVENT,
)
GOOD_CRASH = b'{"signal":11,"stack":["a",{"fn":"b"}],"tags":{"a":1},"message":"m"}'

NASTY: list[object] = [
    None, True, 0, -1, 10**18, 1e300, "", "x", "\x00", "\u202e", "😀" * 50, "x" * 100_000, [], {}, [[]], [{}], {"": ""},
    {"values": None}, {"values": [None]}, {"values": [[]]}, {"frames": 5}, [[1, 2, 3]], {"a": {"b": {"c": []}}},
    "2026-99-99", "9" * 400, "../../etc/passwd", "'; DROP TABLE crashes; --", "{{ default }}", "<script>alert(1)</script>",
    "%s%n%x", "\r\nSet-Cookie: a=b", ["\x00"] * 300, [None] * 300, -1.5, {"toString": 1, "__proto__": {}},
]  # fmt: skip
EVENT_FIELDS = [
    "event_id", "timestamp", "level", "message", "logentry", "exception", "threads", "stacktrace", "tags", "contexts",
    "user", "server_name", "release", "environment", "fingerprint", "extra", "breadcrumbs", "debug_meta", "sdk",
]  # fmt: skip
CRASH_FIELDS = [
    "system",
    "process",
    "version",
    "signal",
    "exception",
    "message",
    "stack",
    "at",
    "tags",
    "fingerprint",
    "zz",
]


def bytes_of_all_sorts() -> list[bytes]:
    rng = random.Random(7)
    plain = [
        b"",
        b"\x00",
        b"\n",
        b"\n\n\n",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"\xff" * 100,
        b"MDMP\x93\xa7",
        b"--boundary\r\n",
    ]
    plain += [
        b"[" * 5000,
        b'{"a":' * 5000,
        b'"' * 999,
        b"\\" * 999,
        gzip.compress(b"{}"),
        zlib.compress(b"x"),
        b"AAAA" * 50,
    ]
    noise = [rng.randbytes(rng.randrange(1, 400)) for _ in range(60)]
    cut = [
        good[: rng.randrange(len(good))]
        for good in (GOOD_ENVELOPE, GOOD_CRASH, GOOD_EVENT)
        for _ in range(15)
    ]
    flipped = []
    for good in (GOOD_ENVELOPE, GOOD_CRASH, GOOD_EVENT):
        for _ in range(30):
            data = bytearray(good)
            data[rng.randrange(len(data))] = rng.randrange(256)
            flipped.append(bytes(data))
    return plain + noise + cut + flipped


PATHS = {
    "/api/v1/crashes": {"Authorization": f"Bearer {API}"},
    f"/api/42/envelope/?sentry_key={KEY}": {},
    f"/api/42/store/?sentry_key={KEY}": {},
    f"/api/42/minidump/?sentry_key={KEY}": {},
    "/api/42/envelope/": {},
}


async def sent(client, path, data, **headers) -> int:
    async with client.post(path, data=io.BytesIO(data), headers={**PATHS[path], **headers}) as answer:
        text = await answer.text()
        assert "Traceback" not in text
        if answer.status >= 400:
            assert answer.content_type in ("application/json", "application/problem+json")
            json.loads(text)
        return answer.status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", [None, "gzip", "deflate", "br", "zstd"])
async def test_bytes_of_all_sorts_are_answered_and_never_with_5xx(client, intake, path, coding):
    bodies = bytes_of_all_sorts()
    assert len(bodies) > 150
    headers = {"Content-Encoding": coding} if coding else {}
    statuses = [await sent(client, path, body, **headers) for body in bodies]
    assert max(statuses) < 500
    assert len(await intake.stored()) <= sum(status < 300 for status in statuses)
    if coding is None and "key" in path:
        assert await sent(client, path, GOOD_ENVELOPE if "envelope" in path else GOOD_EVENT) == 200


@pytest.mark.parametrize("field", EVENT_FIELDS)
async def test_an_event_with_nonsense_in_a_field_is_still_a_crash(client, field):
    path = f"/api/42/store/?sentry_key={KEY}"
    for value in NASTY:
        event = {"message": "boom", "exception": {"values": [{"type": "E"}]}, field: value}
        if field == "exception":
            event["level"] = "fatal"
        assert await sent(client, path, json.dumps(event).encode()) == 200, value


@pytest.mark.parametrize(
    "field", ["type", "value", "mechanism", "stacktrace", "frames", "instruction_addr", "lineno", "function"]
)
async def test_an_exception_with_nonsense_in_it_is_still_a_crash(client, field):
    for value in NASTY:
        frame = {"function": "f", "in_app": True, field: value}
        exception = {"type": "E", "stacktrace": {"frames": value if field == "frames" else [frame, value]}}
        if field in ("type", "value", "mechanism", "stacktrace"):
            exception[field] = value
        body = json.dumps({"message": "m", "exception": {"values": [exception]}}).encode()
        assert await sent(client, f"/api/42/store/?sentry_key={KEY}", body) == 200, value


@pytest.mark.parametrize("field", CRASH_FIELDS)
async def test_a_report_with_nonsense_in_a_field_is_taken_or_told_what_is_wrong(client, field):
    for value in NASTY:
        body = json.dumps({"signal": 11, field: value}).encode()
        assert await sent(client, "/api/v1/crashes", body) in (202, 422), value
