"""Forms of a dump that are rarer: events in MessagePack beside it, a form within the form, Mozilla's ``/submit``."""

import gzip
import json
import tracemalloc
from uuid import UUID

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import RefusedError
from monitor.intake.messagepack import read_messagepack
from tests.intake.server import API, BOUND_KEY, KEY, READER
from tests.intake.test_minidumps import DUMP, ID, a_form, kept, plain, post

ZSTD = zstandard.ZstdCompressor()
SUBMIT = f"/submit?sentry_key={KEY}"


def a_file(name: str, content: bytes, boundary: str = "x-1") -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


# events in MessagePack -----------------------------------------------------------------------------------

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(JSON_LIKE, max_size=3))
def test_what_the_real_writer_wrote_is_read_as_it_was(values):
    assert list(read_messagepack(b"".join(map(msgpack.packb, values)))) == values


@pytest.mark.parametrize(
    "value, read",
    [
        pytest.param(b"\xffbytes", "\ufffdbytes", id="bytes"),
        pytest.param({1: "a", None: "b"}, {"1": "a", "None": "b"}, id="keys that are no text"),
        pytest.param(msgpack.ExtType(5, b"abcd"), "\x05abcd", id="an extension of four bytes"),
        pytest.param(msgpack.ExtType(5, b"abc"), "\x05abc", id="an extension of three bytes"),
        pytest.param("x" * 70_000, "x" * 70_000, id="a long text"),
        pytest.param([1] * 70_000, [1] * 70_000, id="a long list"),
    ],
)
def test_what_json_does_not_have_becomes_text(value, read):
    assert list(read_messagepack(msgpack.packb(value))) == [read]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_whatever_the_bytes_are_they_are_read_or_refused(data):
    try:
        list(read_messagepack(data))
    except RefusedError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xdd\xff\xff\xff\xff", id="a list of four thousand million"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="a map of as many"),
        pytest.param(b"\xdb\xff\xff\xff\xff", id="a text of 4 GiB"),
        pytest.param(b"\xdd\xff\xff\xff\xff" * 1_000, id="lists of lists of them"),
        pytest.param(b"\x91" * 100_000, id="a hundred thousand deep"),
        pytest.param(b"\xc1", id="the byte that is never used"),
    ],
)
def test_what_is_only_claimed_takes_no_memory(data):
    tracemalloc.start()
    with pytest.raises(RefusedError):
        list(read_messagepack(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


EVENT = {"release": "pbx@1.2", "tags": {"pbx.serial": "PBX-1001"}, "server_name": "pbx-a", "level": "fatal"}
CRUMB = {"category": "sip", "message": "INVITE sent", "level": "info"}


async def test_sentry_natives_event_and_breadcrumbs_beside_the_dump(client, intake):
    body = a_file("__sentry-event", msgpack.packb(EVENT))
    body += a_file("__sentry-breadcrumb1", msgpack.packb(CRUMB) * 3) + a_file("__sentry-breadcrumb2", b"")
    assert await post(client, body + a_form(("prod", "pbxcore"))) == (200, ID)
    report = await intake.only()
    assert (report.release, report.version, report.process) == ("pbx@1.2", "1.2", "pbxcore")
    assert report.system_hint == {"serial": "PBX-1001", "host": "pbx-a"}
    assert [crumb["message"] for crumb in report.extra["breadcrumbs"]] == ["INVITE sent"] * 3
    assert "attachments" not in report.extra


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 5_000,
        msgpack.packb([1, 2]),
        b"x" * 600_000,
        msgpack.packb(EVENT)[:-3],
    ],
    ids=["nothing", "a claim", "depth", "a list", "too long", "cut"],
)
async def test_an_event_that_cannot_be_read_costs_nothing_but_itself(client, intake, packed):
    assert await post(client, a_file("__sentry-event", packed) + a_form(("prod", "pbxcore"))) == (200, ID)
    report = await intake.only()
    assert (report.process, report.release) == ("pbxcore", None)
    assert plain(await kept(intake)) == DUMP


# a form within the form, and zstd ------------------------------------------------------------------------


async def test_a_form_that_is_sent_as_the_dump_is_looked_into(client, intake):
    inner = a_form(("prod", "electron"), ("ver", "1.0"), boundary="inner-2")
    assert await post(client, a_form(("ver", "2.0"), dump=inner, name="a.dmp")) == (200, ID)
    report = await intake.only()
    assert (report.process, report.version) == ("electron", "2.0"), "what the outer form says goes before"
    assert plain(await kept(intake)) == DUMP


@pytest.mark.parametrize("depth", [2, 50])
async def test_forms_within_forms_are_looked_into_once(client, intake, depth):
    body = a_form(dump=b"MDMP", boundary="innermost")
    for n in range(depth):
        body = a_form(dump=body, boundary=f"n-{n}" if n < depth - 1 else "x-1")
    assert (await post(client, body))[0] == 200
    assert plain(await kept(intake)).startswith(b"--")


async def test_a_dump_that_only_begins_like_a_form_is_taken_as_it_is(client, intake):
    assert (await post(client, a_form(dump=b"--abc\r\nno header at all")))[0] == 200
    assert plain(await kept(intake)) == b"--abc\r\nno header at all"


async def test_a_dump_in_zstd_is_known_by_its_name_and_kept_as_it_was_sent(client, intake):
    packed = ZSTD.compress(DUMP)
    assert await post(client, a_form(dump=packed, name=f"{ID}.dmp.zst")) == (200, ID)
    dump = await kept(intake)
    assert (dump.coding, dump.content) == ("as_sent", packed)


async def test_a_form_in_zstd(client, intake):
    status = await post(client, ZSTD.compress(a_form()), **{"Content-Encoding": "zstd"})
    assert status == (200, ID)


async def test_a_window_that_is_larger_than_http_allows_is_refused(client, intake):
    wide = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    ).compressobj()
    endless = wide.compress(a_form()) + wide.flush()
    status, text = await post(client, endless, **{"Content-Encoding": "zstd"})
    assert (status, json.loads(text)["causes"]) == (400, ["encoding_damaged"])


# /submit -------------------------------------------------------------------------------------------------

ANNOTATIONS = (
    ("ProductName", "Softphone"),
    ("Version", "128.0"),
    ("ReleaseChannel", "beta"),
    ("MozCrashReason", "MOZ_RELEASE_ASSERT(call)"),
    ("CrashTime", "1700000000"),
    ("serial", "PBX-1001"),
    ("Email", "bob@example.com"),
    ("URL", "https://example.com/bob"),
)


async def submitted(client, body: bytes, path: str = SUBMIT, **headers: str) -> tuple[int, str]:
    status, text = await post(client, body, path, **headers)
    return status, text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(a_form(*ANNOTATIONS), id="fields"),
        pytest.param(a_form(("extra", json.dumps(dict(ANNOTATIONS)))), id="one part of JSON"),
    ],
)
@pytest.mark.parametrize("coding", [None, "gzip"])
async def test_mozillas_reporters_are_answered_as_they_know_it(client, intake, body, coding):
    packed = gzip.compress(body) if coding else body
    answer = await submitted(client, packed, **({"Content-Encoding": coding} if coding else {}))
    assert answer == (200, f"CrashID=bp-{ID}\n")
    report = await intake.only()
    assert (report.source, report.process, report.version, report.environment) == (
        "submit",
        "Softphone",
        "128.0",
        "beta",
    )
    assert (report.message, report.at.timestamp()) == ("MOZ_RELEASE_ASSERT(call)", 1_700_000_000)
    assert report.system_hint["serial"] == "PBX-1001"
    assert "bob" not in repr(report)
    assert plain(await kept(intake)) == DUMP
    assert intake.counted("submit", "accepted") == 1


async def test_a_report_without_a_dump_is_one_and_sent_again_the_same(client, intake):
    body = b"".join(
        f'--x-1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in ANNOTATIONS
    )
    first = await submitted(client, body + b"--x-1--\r\n")
    assert first[0] == 200
    assert UUID(first[1].removeprefix("CrashID=bp-").strip())
    assert await submitted(client, body + b"--x-1--\r\n") == first
    (stored,) = await intake.stored()
    assert stored.report.message == "MOZ_RELEASE_ASSERT(call)"


async def test_what_tells_whose_it_is_is_found_behind_a_hundred_annotations(client, intake):
    many = [(f"Telemetry{n}", "x") for n in range(120)]
    assert (await submitted(client, a_form(*many, ("serial", "PBX-1001"))))[0] == 200
    assert (await intake.only()).system_hint == {"serial": "PBX-1001"}


async def test_the_reporters_own_id_is_kept(client, intake):
    own = "936ce666-ff3b-4c7a-9674-367fe2120408"
    assert await submitted(client, a_form(("uuid", own))) == (200, f"CrashID=bp-{own}\n")


@pytest.mark.parametrize(
    "path, headers, status, why",
    [
        pytest.param(f"/submit?sentry_key={BOUND_KEY}", {}, 200, "", id="a DSN's key"),
        pytest.param("/submit", {"Authorization": f"Bearer {API}"}, 200, "", id="a token"),
        pytest.param("/submit", {}, 401, "unauthorized", id="nothing"),
        pytest.param("/submit?sentry_key=nobody", {}, 403, "key_unknown", id="an unknown key"),
        pytest.param("/submit", {"Authorization": f"Bearer {READER}"}, 403, "scope_missing", id="a reader"),
    ],
)
async def test_who_may_send(client, intake, path, headers, status, why):
    told, text = await submitted(client, a_form(), path, **headers)
    assert told == status
    assert text == f"Discarded={why}\n" if why else text.startswith("CrashID=bp-")
    assert len(await intake.stored()) == (status == 200)


@pytest.mark.parametrize(
    "body, headers, status, why",
    [
        pytest.param(b"--x-1--\r\n", {}, 400, "no_annotations", id="no part"),
        pytest.param(b"hello", {}, 400, "multipart_malformed", id="no form"),
        pytest.param(b"", {"Content-Type": "application/octet-stream"}, 400, "no_annotations", id="nothing"),
        pytest.param(gzip.compress(bytes(9 << 20)), {"Content-Encoding": "gzip"}, 413, "body_too_large", id="a bomb"),
    ],
)  # fmt: skip
async def test_what_is_discarded_is_told_why(client, intake, body, headers, status, why):
    assert await submitted(client, body, **headers) == (status, f"Discarded={why}\n")
    assert await intake.stored() == []


async def test_a_full_disk_is_503(client, intake):
    intake.fill_the_disk()
    assert await submitted(client, a_form()) == (503, "Discarded=not_recorded\n")
