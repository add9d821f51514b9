"""Bodies: good ones of every kind, three hundred that mean harm, and as many as are asked for that are grown from them.

Everything follows from a seed, so that what went wrong is made again by its number.
"""

import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

import brotli
import msgpack
import zstandard

from tests.hostile.service import API, KEY
from tests.intake.journals import a_coredump, an_entry, said
from tests.intake.test_distributions import APPORT, a_ureport
from tests.intake.test_garbage import GOOD_ENVELOPE, GOOD_EVENT, NASTY, bytes_of_all_sorts

MIB = 1 << 20
BEARER = {"Authorization": f"Bearer {API}"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x-1"}
HOSTILE = 300


@dataclass(frozen=True)
class Body:
    """One body on its way; ``name`` says how it was made."""

    name: str
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """An address, how one may send to it, and good bodies of its kind."""

    name: str
    path: str
    headers: dict[str, str]
    good: tuple[bytes, ...]
    crash: bool = True


def an_event(**fields: object) -> dict[str, object]:
    """Make an event as rich as real ones are."""
    frames = [
        {
            "function": f"f{n}",
            "filename": "a.c",
            "lineno": n,
            "in_app": n > 2,
            "instruction_addr": hex(n * 64),
        }
        for n in range(12)
    ]
    error = {
        "type": "E",
        "value": "boom at 0x45",
        "stacktrace": {"frames": frames},
        "mechanism": {"handled": False},
    }
    return {
        "event_id": "d512c1779476b84e4570975eb2a18cc1",
        "timestamp": "2026-11-22T00:32:01.421073Z",
        "level": "fatal",
        "release": "pbx-core@7.2.1",
        "exception": {"values": [error]},
        "tags": {"serial": "PBX-1"},
        "breadcrumbs": {"values": [{"message": "INVITE", "level": "info"}] * 5},
        "contexts": {"os": {"name": "Linux"}},
        "extra": {"sys.argv": ["pbxcore"]},
        "debug_meta": {"images": [{"image_addr": "0x0", "code_file": "pbxcore", "code_id": "abcd"}]},
        **fields,
    }


def an_envelope(*items: tuple[dict[str, object], bytes]) -> bytes:
    """Write an envelope."""
    lines = [b'{"event_id":"d512c1779476b84e4570975eb2a18cc1"}']
    for header, payload in items:
        lines += [json.dumps({**header, "length": len(payload)}).encode(), payload]
    return b"\n".join(lines) + b"\n"


DUMP = b"MDMP\x93\xa7\x00\x00" + struct.pack("<II", 1, 32) + bytes(range(256)) * 8


def a_form(*parts: tuple[str, str | None, bytes], boundary: str = "x-1") -> bytes:
    """Write a form of fields and (with a file's name) files."""
    written = b""
    for name, file, content in parts:
        head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
        written += f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return written + f"--{boundary}--\r\n".encode()


def a_dump_form() -> bytes:
    """Write what Crashpad sends, with an event in MessagePack beside it."""
    packed = msgpack.packb({"release": "pbx@1.2", "tags": {"serial": "PBX-1"}, "level": "fatal"})
    return a_form(
        ("prod", None, b"pbxcore"),
        ("sentry[tags][a]", None, b"b"),
        ("sentry", None, b'{"release":"pbx@1.2"}'),
        ("__sentry-event", "__sentry-event", packed),
        ("upload_file_minidump", f"{UUID(int=5)}.dmp", DUMP),
    )


def alerts() -> list[dict[str, object]]:
    """Make alerts as Prometheus sends them."""
    now = datetime.now(UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=4)).isoformat()}
    labels = {"alertname": "PbxDown", "serial": "PBX-1", "severity": "page"}
    return [{"labels": labels, "annotations": {"summary": "No trunk"}, **times}]


def _webhook() -> dict[str, object]:
    (alert,) = alerts()
    one = {**alert, "status": "firing", "fingerprint": "abc", "generatorURL": "http://a/b"}
    return {
        "version": "4",
        "status": "firing",
        "groupKey": "{}",
        "receiver": "t",
        "alerts": [one],
        "commonLabels": {},
    }


def _written(value: object) -> bytes:
    return json.dumps(value).encode()


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Return every address at which a crash or an alert comes in."""
    attachment = ({"type": "attachment", "attachment_type": "event.minidump", "filename": "m.dmp"}, DUMP)
    lost = {
        "timestamp": 1,
        "discarded_events": [{"reason": "network_error", "category": "error", "quantity": 3}],
    }
    full = an_envelope(
        ({"type": "event"}, _written(an_event())), attachment, ({"type": "client_report"}, _written(lost))
    )
    event = {
        "routing_key": API, "event_action": "trigger", "dedup_key": "k",
        "payload": {"summary": "s", "source": "a", "severity": "critical", "custom_details": {"serial": "PBX-1"}},
    }  # fmt: skip
    cloud = {
        "specversion": "1.0",
        "id": "1",
        "source": "/a",
        "type": "alert",
        "data": {"serial": "PBX-1", "summary": "s"},
    }
    report = {
        "system": "PBX-1", "process": "pbxcore", "version": "5.02", "signal": 11, "message": "segfault at 45", "tags": {"a": 1},
        "stack": ["#0  0x000055ee sip_parse (/opt/pbx/bin/pbxcore + 0x115c)", {"function": "f", "file": "a.c", "line": 1}],
    }  # fmt: skip
    journal = said(1) + a_coredump(2) + an_entry(A="b", BLOB=b"\x00\n" * 9)
    key = f"?sentry_key={KEY}"
    crash = "/api/v1/crashes"
    return (
        Endpoint("envelope", f"/api/1/envelope/{key}", {}, (full, GOOD_ENVELOPE)),
        Endpoint("store", f"/api/1/store/{key}", {}, (_written(an_event()), GOOD_EVENT)),
        Endpoint("minidump form", f"/api/1/minidump/{key}", FORM, (a_dump_form(),)),
        Endpoint("minidump alone", f"/api/1/minidump/{key}", {"Content-Type": "application/octet-stream"}, (DUMP,)),
        Endpoint("journal", "/upload", {**BEARER, "Content-Type": "application/vnd.fdo.journal"}, (journal,)),
        Endpoint("json", crash, {**BEARER, **JSON}, (_written(report),)),
        Endpoint("apport", crash, {**BEARER, "Content-Type": "text/plain"}, (APPORT.encode(),)),
        Endpoint("abrt", crash, {**BEARER, **JSON}, (_written(a_ureport(type="core", signal=6)),)),
        Endpoint("submit", f"/submit{key}", FORM, (a_dump_form(),)),
        Endpoint("alertmanager", "/alertmanager/api/v2/alerts", {**BEARER, **JSON}, (_written(alerts()),), crash=False),
        Endpoint("webhook", "/api/v1/alertmanager/webhook", {**BEARER, **JSON}, (_written(_webhook()),), crash=False),
        Endpoint("events", "/api/v1/alerts/enqueue", JSON, (_written(event),), crash=False),
        Endpoint("cloudevents", "/api/v1/alerts/cloudevents", {**BEARER, "Content-Type": "application/cloudevents+json"},
                 (_written(cloud),), crash=False),
    )  # fmt: skip


# three hundred that mean harm ----------------------------------------------------------------------------


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": lambda data: zlib.compress(data, 1),
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": zstandard.ZstdCompressor().compress,
}
BAITS = (
    "=" * 8_000, "'" * 8_000, '="' * 4_000, "a@" * 4_000, "a." * 4_000 + "@", "<" * 8_000, "(" * 8_000, "0" * 8_000, "1." * 4_000,
    "password=" * 900, "://a:" * 1_500, "-----BEGIN A-----" * 500, "eyJ" * 2_700, "sip:a:" * 1_300, "a:" * 4_000, "{lambda(" * 1_000,
    "::h0123456789abcdef" * 400, " " * 8_000, "\\" * 8_000, "/" * 8_000, "Bearer " * 1_100, "token" * 1_600, "aaaa-" * 1_600,
)  # fmt: skip


def hostile(endpoint: Endpoint) -> list[Body]:
    """Return three hundred bodies that mean harm, the same ones each time."""
    made = [*_heavy(endpoint), *_baited(endpoint), *_bombs(endpoint)]
    made += [Body(f"garbage {n}", data) for n, data in enumerate(bytes_of_all_sorts())]
    rng = random.Random(11)
    while len(made) < HOSTILE:
        made.append(grown(endpoint, rng, f"grown {len(made)}"))
    return made[:HOSTILE]


def _bombs(endpoint: Endpoint) -> Iterator[Body]:
    for coding, pack in CODINGS.items():
        for fill in (b"\0", b" ", b"[", b"{}\n"):
            packed = pack(fill * (48 * MIB // len(fill)))
            yield Body(f"a bomb of {fill!r} in {coding}", packed, {"Content-Encoding": coding})
        good = pack(endpoint.good[0])
        yield Body(f"{coding} cut short", good[:-1], {"Content-Encoding": coding})
        yield Body(f"{coding} and a byte", good + b"x", {"Content-Encoding": coding})


def _heavy(endpoint: Endpoint) -> Iterator[Body]:
    """Yield what is within the bounds and as much work as can be made of them."""
    shapes: dict[str, bytes] = {
        "deep lists": b"[" * 90 + b"]" * 90,
        "a million lists": b"[" + b"[]," * 330_000 + b"[]]",
        "a hundred thousand names": _written({f"k{n}": n for n in range(60_000)}),
        "half a million numbers": b"[" + b"1," * 500_000 + b"1]",
        "a megabyte of text": _written("x" * 1_000_000),
        "a megabyte of escapes": b'"' + b"\\u0041" * 160_000 + b'"',
        "lone surrogates": b'"' + b"\\ud800" * 160_000 + b'"',
        "digits": b"9" * 900_000,
        "not UTF-8": b'"' + b"\xff" * 900_000 + b'"',
        "lines": b"{}\n" * 300_000,
        "newlines": b"\n" * 900_000,
        "boundaries": b"--x-1\r\n" * 120_000,
        "half boundaries": b"\n--x-" * 170_000,
        "MessagePack of nothing": a_form(("__sentry-event", "__sentry-event", b"\x91" * 500_000), ("prod", None, b"a")),
        "MessagePack of much": a_form(("__sentry-event", "__sentry-event", b"\xdd\0\x07\0\0" + b"\x01" * 458_752), ("prod", None, b"a")),
        "five hundred parts": a_form(*[(f"n{n}", None, b"v" * 1_000) for n in range(500)]),
        "forms in forms": a_form(("upload_file_minidump", "a.dmp", a_form(*[("a", None, b"b")] * 500, boundary="in"))),
        "key without end": b"A" * 900_000,
        "values of the journal": b"MESSAGE\n" + struct.pack("<Q", 800_000) + b"x" * 800_000 + b"\n\n",
        "entries of the journal": an_entry(A="b") * 60_000,
        "crashes of the journal": a_coredump(1) * 60,
        "lines of apport": b"ProblemType: Crash\n" + b"A: b\n" * 150_000,
        "continuations of apport": b"ProblemType: Crash\nStacktraceTop:\n" + b" f () at a.c:1\n" * 60_000,
        "a core of apport": b"ProblemType: Crash\nCoreDump: base64\n" + b" H4sIAAAA\n" * 80_000,
        "items of an envelope": b"{}\n" + b'{"type":"event","length":2}\n{}\n' * 99,
        "crashes of an envelope": an_envelope(*[({"type": "event"}, _written(an_event(event_id=f"{n:032x}"))) for n in range(90)]),
        "client reports": an_envelope(*[({"type": "client_report"}, _written({"discarded_events": [{"reason": f"r{n}-{m}", "category": "error", "quantity": 10**9} for m in range(100)]})) for n in range(90)]),
        "frames": _written(an_event(exception={"values": [{"type": "E", "stacktrace": {"frames": [{"function": "a<" * 250, "instruction_addr": "0x1"}] * 9_000}}]})),
        "images": _written(an_event(debug_meta={"images": [{"image_addr": hex(n)} for n in range(9_000)]})),
        "tags": _written(an_event(tags=[[f"t{n}", "v"] for n in range(30_000)])),
        "fingerprints": _written(an_event(fingerprint=["{{ default }}"] * 90_000)),
        "a stack of lines": _written({"signal": 11, "stack": ["#0 0x1 in " + "a" * 480] * 1_000}),
        "alerts": _written(alerts() * 4_000),
        "labels": _written([{**alerts()[0], "labels": {f"l{n}": "v" * 40 for n in range(9_000)}}]),
    }  # fmt: skip
    for name, data in shapes.items():
        yield Body(name, data)
        yield Body(f"{name} around", _around(endpoint.good[0], data))


def _around(good: bytes, data: bytes) -> bytes:
    """Put something large into the middle of what is good, where a text stands."""
    middle = good.find(b'"', len(good) // 2) + 1 or len(good) // 2
    return good[:middle] + data.replace(b'"', b"'") + good[middle:]


def _baited(endpoint: Endpoint) -> Iterator[Body]:
    """Yield good bodies of which every text is bait for a pattern that tries for ever."""
    for number, bait in enumerate(BAITS):
        good = endpoint.good[0]
        try:
            yield Body(f"bait {number}", _written(_baits(json.loads(good), bait)))
        except ValueError:
            yield Body(
                f"bait {number}", good.replace(b"pbxcore", bait.encode()).replace(b"sip_parse", bait.encode())
            )


def _baits(value: object, bait: str, name: str = "") -> object:
    if isinstance(value, dict):
        return {key: _baits(part, bait, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_baits(part, bait) for part in value]
    named = name in ("event_id", "routing_key", "event_action", "specversion", "level", "signal", "type")
    return bait if isinstance(value, str) and not named else value


# as many as are asked for --------------------------------------------------------------------------------


def generated(endpoint: Endpoint, count: int, seed: int) -> Iterator[Body]:
    """Yield bodies grown from the good ones; each by its number and the seed."""
    for number in range(count):
        rng = random.Random(f"{seed} {endpoint.name} {number}")
        yield grown(endpoint, rng, f"{endpoint.name} {seed} {number}")


def grown(endpoint: Endpoint, rng: random.Random, name: str) -> Body:
    """Return a good body that something was done to, once or several times."""
    data = rng.choice(endpoint.good)
    if rng.random() < 0.6:
        data = _changed_values(data, rng)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        data = rng.choice(CHANGES)(data, rng)
    headers: dict[str, str] = {}
    if rng.random() < 0.25:
        coding = rng.choice(list(CODINGS))
        data, headers = CODINGS[coding](data), {"Content-Encoding": coding}
        if rng.random() < 0.3:
            data = rng.choice(CHANGES)(data, rng)
    if rng.random() < 0.03:
        headers["Content-Type"] = rng.choice(("text/plain", "multipart/form-data", "application/x-dmp", "x"))
    return Body(name, data[: 4 * MIB], headers)


def _changed_values(data: bytes, rng: random.Random) -> bytes:
    """Change values in what is JSON, and in the lines that are."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        lines[number] = _written(_with_nonsense(value, rng, rng.choice((0.02, 0.1, 0.4))))
    return b"\n".join(lines)


def _with_nonsense(value: object, rng: random.Random, share: float) -> object:
    if rng.random() < share:
        return rng.choice(NASTY)
    if isinstance(value, dict):
        kept = {
            key: _with_nonsense(part, rng, share) for key, part in value.items() if rng.random() > share / 3
        }
        return kept | ({rng.choice(list(value)): rng.choice(NASTY)} if value and rng.random() < share else {})
    if isinstance(value, list):
        return [_with_nonsense(part, rng, share) for part in value] * rng.choice((1, 1, 1, 1, 0, 2, 40))
    return value


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 20)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _without(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randrange(60) :]


def _again(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return (
        data[:start] + data[start : start + rng.randrange(400)] * rng.choice((2, 2, 30, 300)) + data[start:]
    )


def _with_more(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    more = rng.choice(
        (
            b"\n",
            b"\r\n",
            b"\0",
            b'"',
            b"{}",
            b"[",
            b"--x-1\r\n",
            b"\xff\xff\xff\xff",
            rng.randbytes(40),
            b"9" * 400,
        )
    )
    return data[:start] + more + data[start:]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flipped, _cut, _without, _again, _with_more)
