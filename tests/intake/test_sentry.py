"""The Sentry endpoints, fed with what was captured from real clients, byte by byte."""

import base64
import gzip
import io
import json
import zlib

import pytest

from monitor.domain.crashes import Frame, signature
from monitor.storage import crash_losses
from monitor.storage.lists import Wanted
from tests.intake.server import BOUND_KEY, KEY, NOW

ID = "d512c1779476b84e4570975eb2a18cc1"
DASHED = "604ad136-05e5-4a06-3c65-3359b1c480c7"
ENVELOPE = "/api/42/envelope/"
STORE = "/api/42/store/"
AUTH = f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=sentry.python/2.75.0"
EVENT = {"message": "boom", "level": "error", "event_id": ID}


def envelope(*items: tuple[dict, object], **header) -> bytes:
    lines = [json.dumps(header).encode()]
    for told, payload in items:
        lines += [
            json.dumps(told).encode(),
            payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        ]
    return b"\n".join(lines) + b"\n"


def event(**fields) -> bytes:
    return envelope(({"type": "event"}, {**EVENT, **fields}))


async def post(client, path, data, **headers):
    async with client.post(path, data=io.BytesIO(data), headers={"X-Sentry-Auth": AUTH, **headers}) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers


# --- captured shapes


async def test_what_sentry_node_sends_chunked_without_length_or_type_is_read(raw, intake):
    body = (
        b'{"event_id":"%s","sent_at":"2026-11-22T00:32:03.957Z","sdk":{"name":"sentry.javascript.node"}}\n'
        b'{"type":"event"}\n'
        b'{"exception":{"values":[{"type":"TypeError","value":"x is not a function","mechanism":'
        b'{"type":"auto.node.onuncaughtexception","handled":false},"stacktrace":{"frames":['
        b'{"filename":"node:internal/main","function":"run","in_app":false},'
        b'{"filename":"/app/pbx.js","function":"dial","lineno":7,"in_app":true}]}}]},'
        b'"timestamp":1763771525.343,"level":"fatal","platform":"node","server_name":"pbx-1"}' % ID.encode()
    )
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
    status, answer = await raw(
        f"POST {ENVELOPE}?sentry_version=7&sentry_key={KEY}&sentry_client=sentry.javascript.node%2F11.12.0 HTTP/1.1\r\n"
        "user-agent: sentry.javascript.node/11.12.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
        chunks,
        pause=0.01,
    )
    assert status == 200
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"id": ID}
    report = await intake.only()
    assert (report.exception, report.level, report.extra["handled"]) == ("TypeError", "fatal", False)
    assert report.at.isoformat() == "2025-11-22T00:32:05.343000+00:00"
    assert report.frames == (
        Frame(function="dial", file="/app/pbx.js", line=7, in_app=True),
        Frame(function="run", file="node:internal/main", in_app=False),
    )


async def test_what_sentry_node_sends_first_a_session_is_taken_counted_and_declined(client, intake):
    data = b'{"sent_at":"2026-11-22T00:32:03.957Z"}\n{"type":"session"}\n{"sid":"x","status":"ok"}'
    status, told, headers = await post(client, ENVELOPE, data)
    assert (status, told) == (200, {})
    assert (
        headers["X-Sentry-Rate-Limits"]
        == "86400:transaction;span;profile;replay;log_item;session:organization"
    )
    assert intake.counted("sentry", "discarded") == 1
    assert await intake.stored() == []


async def test_what_sentry_native_sends_a_dashed_id_the_dsn_inside_and_a_minidump_is_read(client, intake):
    native = {
        "event_id": DASHED, "level": "fatal", "platform": "native", "timestamp": "2026-11-22T00:32:01.421073Z",
        "exception": {"values": [{
            "type": "SIGSEGV", "value": "Segfault",
            "mechanism": {"type": "signalhandler", "handled": False, "meta": {"signal": {"name": "SIGSEGV", "number": 11}}},
            "stacktrace": {"frames": [{"instruction_addr": "0x7f0000002000"}, {"instruction_addr": "0x55000000115c"}]},
        }]},
        "debug_meta": {"images": [
            {"type": "elf", "code_file": "/opt/pbx/bin/pbxcore", "code_id": "aabbccddeeff", "image_addr": "0x550000000000"},
            {"type": "elf", "code_file": "/lib/libc.so.6", "code_id": "1122334455", "image_addr": 139637976727552},
        ]},
    }  # fmt: skip
    data = envelope(
        ({"type": "event", "length": len(json.dumps(native))}, native),
        (
            {
                "type": "attachment",
                "length": 838_752,
                "attachment_type": "event.minidump",
                "filename": "minidump.dmp",
            },
            b"MDMP\n" + b"\x93" * 838_747,
        ),
        ({"type": "attachment", "length": 3, "content_type": "", "filename": "a.log"}, b"a\r\n"),
        dsn=f"http://{KEY}@host/42",
        event_id=DASHED,
    )
    async with client.post(
        ENVELOPE, data=gzip.compress(data), headers={"Content-Encoding": "gzip"}
    ) as answer:
        assert (answer.status, await answer.json()) == (200, {"id": DASHED.replace("-", "")})
    report = await intake.only()
    assert report.signal == "SIGSEGV"
    assert report.extra["attachments"] == ["minidump.dmp", "a.log"]
    assert signature(report) == "SIGSEGV | pbxcore@aabbccdd+0x115c | libc.so.6@11223344+0x2000"


@pytest.mark.parametrize(
    "pack, coding",
    [
        pytest.param(lambda data: data, None, id="as it is"),
        pytest.param(zlib.compress, "deflate", id="deflate"),
        pytest.param(lambda data: base64.b64encode(zlib.compress(data)), None, id="base64 of zlib, unsaid"),
    ],
)
async def test_what_raven_sends_to_store_is_read(client, intake, pack, coding):
    old = {
        "event_id": ID, "message": "trunk lost", "level": 40, "timestamp": "2026-11-22T00:32:01", "server_name": "pbx-1",
        "sentry.interfaces.Exception": {"values": [{"type": "IOError", "value": "no route"}]}, "tags": [["serial", "A1"]],
    }  # fmt: skip
    headers = {"Content-Encoding": coding} if coding else {}
    auth = f"Sentry sentry_timestamp=1.5, sentry_client=raven-python/6.10.0, sentry_version=7, sentry_key={KEY}, sentry_secret=s"
    status, told, _ = await post(
        client, STORE, pack(json.dumps(old).encode()), **headers, **{"X-Sentry-Auth": auth}
    )
    assert (status, told) == (200, {"id": ID})
    report = await intake.only()
    assert (report.exception, report.message, report.system_hint["serial"]) == ("IOError", "no route", "A1")


async def test_a_client_says_how_many_crashes_it_threw_away(client, intake):
    lost = {"discarded_events": [{"reason": "network_error", "category": "error", "quantity": 3}]}
    status, _, _ = await post(client, ENVELOPE, envelope(({"type": "client_report"}, lost)))
    assert status == 200
    assert intake.counted("sentry", "lost_by_client") == 3
    (noted,) = (await intake.store.read(crash_losses.list_losses, Wanted())).items
    assert (noted.token, noted.reason, noted.count) == ("t-dsn", "network_error", 3)


# --- who may


@pytest.mark.parametrize(
    "path, headers, status",
    [
        pytest.param(ENVELOPE, {"X-Sentry-Auth": AUTH}, 200, id="header"),
        pytest.param(
            ENVELOPE, {"X-Sentry-Auth": f"sentry sentry_key={KEY}"}, 200, id="header in small letters"
        ),
        pytest.param(ENVELOPE, {"Authorization": AUTH}, 200, id="authorization"),
        pytest.param(f"{ENVELOPE}?sentry_key={KEY}", {}, 200, id="query"),
        pytest.param(f"{ENVELOPE}?sentry_key={KEY}", {"X-Sentry-Auth": AUTH}, 200, id="both"),
        pytest.param("/api/42/envelope", {"X-Sentry-Auth": AUTH}, 200, id="no slash"),
        pytest.param("/api/pbx-core/envelope/", {"X-Sentry-Auth": AUTH}, 200, id="a project in words"),
        pytest.param(f"{ENVELOPE}?sentry_key={BOUND_KEY}", {"X-Sentry-Auth": AUTH}, 403, id="two keys"),
        pytest.param(ENVELOPE, {}, 403, id="none"),
        pytest.param(ENVELOPE, {"X-Sentry-Auth": "Sentry sentry_key=unknown"}, 403, id="unknown"),
        pytest.param(ENVELOPE, {"X-Sentry-Auth": "Sentry sentry_key=" + "x" * 5000}, 403, id="endless"),
        pytest.param(ENVELOPE, {"X-Sentry-Auth": "nonsense"}, 403, id="nonsense"),
        pytest.param(STORE, {"X-Sentry-Auth": AUTH}, 400, id="an envelope to store"),
    ],
)
async def test_a_known_key_may_send_wherever_it_stands(client, intake, path, headers, status):
    async with client.post(path, data=event(), headers=headers) as answer:
        told = await answer.json()
    assert answer.status == status
    assert len(await intake.stored()) == (status == 200)
    if status != 200:
        assert set(told) == {"detail", "causes"}
        assert answer.headers["X-Sentry-Error"]


async def test_a_key_inside_that_differs_from_the_one_outside_is_refused(client, intake):
    data = envelope(({"type": "event"}, EVENT), dsn=f"http://{BOUND_KEY}@h/1")
    assert (await post(client, ENVELOPE, data))[0] == 403
    assert await intake.stored() == []


@pytest.mark.parametrize("path", [ENVELOPE, STORE, "/api/42/envelope", "/api/42/store"])
async def test_a_browser_may_ask_first(client, path):
    async with client.options(path, headers={"Origin": "https://app.example"}) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "X-Sentry-Auth" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("auth, status", [(AUTH, 200), ("Sentry sentry_key=x", 403)])
async def test_a_browser_may_read_the_answer_whatever_it_is(client, auth, status):
    told = await post(client, ENVELOPE, event(), **{"X-Sentry-Auth": auth})
    assert (told[0], told[2]["Access-Control-Allow-Origin"]) == (status, "*")
    assert "X-Sentry-Rate-Limits" in told[2]["Access-Control-Expose-Headers"]


# --- once, and on record


async def test_the_same_event_twice_is_one_crash(client, intake):
    for body in (event(), event(message="changed on the way")):
        assert (await post(client, ENVELOPE, body))[:2] == (200, {"id": ID})
    assert len(await intake.stored()) == 1
    assert intake.counted("sentry", "duplicate") == 1


async def test_an_event_without_an_id_is_known_by_its_content(client, intake):
    data = envelope(({"type": "event"}, {"message": "boom"}))
    ids = [(await post(client, ENVELOPE, data))[1]["id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 32
    assert len(await intake.stored()) == 1


async def test_several_events_in_one_envelope_are_all_kept(client, intake):
    events = [({"type": "event"}, {"message": f"m{n}"}) for n in range(3)]
    assert (await post(client, ENVELOPE, envelope(*events, event_id=ID)))[1] == {"id": ID}
    assert {stored.report.message for stored in await intake.stored()} == {"m0", "m1", "m2"}


async def test_a_record_that_cannot_be_written_is_503_and_nothing_else_ever_is(client, intake):
    intake.fill_the_disk()
    status, told, headers = await post(client, ENVELOPE, event())
    assert (status, told["causes"], "Retry-After" in headers) == (503, ["not_recorded"], True)
    assert (await post(client, ENVELOPE, envelope(({"type": "session"}, {}))))[0] == 200


# --- events of every shape


@pytest.mark.parametrize(
    "fields, expected",
    [
        pytest.param({"tags": {"pbx.serial": "A"}}, {"serial": "A"}, id="serial by tag"),
        pytest.param({"tags": [["serial", "A"]]}, {"serial": "A"}, id="serial by a pair"),
        pytest.param({"contexts": {"licence": {"key": "L"}}}, {"licence": "L"}, id="licence by context"),
        pytest.param({"user": {"id": "m-1"}}, {"machine_id": "m-1"}, id="installation by user"),
        pytest.param({"server_name": "pbx.x.net"}, {"host": "pbx.x.net"}, id="host"),
        pytest.param({"tags": {"pbx.serial": ["A"]}, "server_name": {}, "user": 5}, {}, id="wrong types"),
    ],
)
async def test_an_event_says_whose_it_is_in_one_of_several_places(client, intake, fields, expected):
    await post(client, ENVELOPE, event(**fields))
    assert (await intake.only()).system_hint == expected


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"message": None, "logentry": {"message": "%s lost", "formatted": "trunk lost"}}, "trunk lost"),
        ({"message": {"message": "m"}}, "m"),
        ({"logentry": {"message": "trunk %s lost, {} left, %d", "params": ["3", 5]}}, "trunk 3 lost, 5 left, %d"),
        ({"logentry": {"message": "%(name)s and {name}", "params": {"name": "a"}}}, "a and a"),
        ({"logentry": {"message": "100 % {", "params": [1]}}, "100 % {"),
        ({"exception": {"type": "E", "value": "v"}}, "v"),
        ({"exception": [{"type": "A", "value": "a"}, {"type": "B", "value": "b"}]}, "b"),
        ({"exception": {"values": [None, 5, {"type": "E", "value": 7}]}}, "7"),
        ({"threads": {"values": [{"crashed": True, "stacktrace": {"frames": [{"function": "f"}]}}]}, "level": "info"}, "boom"),
    ],
)  # fmt: skip
async def test_an_event_says_what_happened_in_one_of_several_shapes(client, intake, fields, message):
    await post(client, ENVELOPE, event(**fields))
    assert (await intake.only()).message == message


@pytest.mark.parametrize(
    "fingerprint, kept", [(["default"], ()), (["{{ default }}", "trunk", 7], ("{{ default }}", "trunk", "7")), ("x", ()),
                          ([], ()), (["x"] * 50, ("x",) * 20), ([None, {}], ())],
)  # fmt: skip
async def test_a_fingerprint_is_kept_within_reason(client, intake, fingerprint, kept):
    await post(client, ENVELOPE, event(fingerprint=fingerprint))
    assert (await intake.only()).fingerprint == kept


async def test_a_thousand_of_everything_is_cut_not_refused(client, intake):
    many = {f"k{n}": "v" * 300 for n in range(1000)}
    frames = [{"function": f"f{n}", "in_app": True} for n in range(1000)]
    status, *_ = await post(
        client, ENVELOPE,
        event(tags=many, extra=many, contexts={"a": many}, message="m" * 100_000, breadcrumbs=[many],
              exception={"values": [{"type": "T" * 5000, "value": "v" * 50_000, "stacktrace": {"frames": frames}}] * 3}),
    )  # fmt: skip
    assert status == 200
    report = await intake.only()
    assert len(report.tags) == 50
    assert len(report.frames) == 64
    assert report.frames[0].function == "f999"
    assert len(repr(report)) < 70_000


async def test_a_clock_that_runs_ahead_is_not_believed(client, intake):
    await post(client, ENVELOPE, event(timestamp="2031-01-01T00:00:00Z"))
    assert (await intake.only()).at == NOW
