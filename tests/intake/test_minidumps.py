"""Minidumps as their real uploaders send them, and as nobody should: kept with their report before the answer."""

import asyncio
import gzip
import io
import json
import lzma
import subprocess
import zlib
from functools import partial
from hashlib import sha256
from uuid import UUID

import aiohttp
import pytest

from monitor.storage import dumps
from tests.dumps.real import crasher
from tests.intake.server import BOUND_KEY, KEY
from tests.requirements import require

PATH = f"/api/42/minidump/?sentry_key={KEY}"
DUMP = b"MDMP\x93\xa7" + bytes(range(256)) * 40
ID = "1eec91e7-5a34-4d6a-8d3a-0c1b2a394857"


def a_form(
    *fields: tuple[str, str], dump: bytes = DUMP, name: str = f"{ID}.dmp", boundary: str = "x-1"
) -> bytes:
    """Write a form as Crashpad does: no Content-Type on any part, the dump last."""
    lines = b""
    for field, value in fields:
        lines += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    head = f'Content-Disposition: form-data; name="upload_file_minidump"; filename="{name}"'
    return lines + f"--{boundary}\r\n{head}\r\n\r\n".encode() + dump + f"\r\n--{boundary}--\r\n".encode()


async def post(client, body: bytes, path=PATH, **headers) -> tuple[int, str]:
    headers.setdefault("Content-Type", "multipart/form-data; boundary=x-1")
    async with client.post(path, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, await answer.text()


async def kept(intake) -> dumps.KeptDump:
    (stored,) = await intake.stored()
    found = await intake.store.read(dumps.find_dump, stored.id)
    assert found is not None
    return found


def plain(dump: dumps.KeptDump) -> bytes:
    return zlib.decompress(dump.content) if dump.coding == "zlib" else dump.content


async def test_crashpads_own_handler_uploads_and_hears_the_id(intake, tmp_path):
    program = crasher(tmp_path)
    extra = (
        "--annotation=sentry[tags][pbx.serial]=24141000A1B2",
        "--annotation=prod=pbx-core",
        "--annotation=ver=7.2.1",
    )
    dump = await asyncio.to_thread(
        program.dies, "segv", tmp_path / "db", url=f"{intake.url}{PATH}", extra=extra
    )  # fmt: skip
    (stored,) = await intake.stored()
    assert dump.parent.name == "completed", "the handler takes it as delivered"
    assert str(UUID(hex=stored.key)) == dump.stem
    assert dump.with_suffix(".meta").read_bytes().endswith(dump.stem.encode()), "it heard our id"
    report = stored.report
    assert (report.source, report.process, report.version) == ("minidump", "pbx-core", "7.2.1")
    assert report.system_hint["serial"] == "24141000A1B2"
    assert report.system_hint["machine_id"], "the installation's guid"
    assert plain(await kept(intake)) == dump.read_bytes()


async def test_curl_sends_a_form(intake, tmp_path):
    curl = require("curl", "crash dumps are sent with curl, too")
    (tmp_path / "a.dmp").write_bytes(DUMP)
    command = [
        curl,
        "-sS",
        "-F",
        "sentry[release]=pbx@7.2.1",
        "-F",
        "serial=PBX-1001",
        "-F",
        f"upload_file_minidump=@{tmp_path}/a.dmp",
        f"{intake.url}{PATH}",
    ]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    report = await intake.only()
    assert UUID(done.stdout)
    assert (report.release, report.version, report.system_hint["serial"]) == (
        "pbx@7.2.1",
        "7.2.1",
        "PBX-1001",
    )
    assert plain(await kept(intake)) == DUMP


async def test_a_file_part_of_breakpads_with_a_content_type(client, intake):
    form = aiohttp.FormData()
    form.add_field("prod", "pbx")
    form.add_field("ver", "7.2.1")
    form.add_field("upload_file_minidump", DUMP, filename="x.dmp", content_type="application/octet-stream")
    async with client.post(PATH, data=form, headers={"User-Agent": "Breakpad/1.0 (Linux)"}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert UUID(await answer.text()).hex == sha256(DUMP).hexdigest()[:32], (
            "no id in its name: known by its bytes"
        )
    report = await intake.only()
    assert (report.process, report.version, report.level) == ("pbx", "7.2.1", "fatal")


@pytest.mark.parametrize(
    "body, kind, coding",
    [
        pytest.param(DUMP, "application/octet-stream", "zlib", id="octet-stream"),
        pytest.param(DUMP, "application/x-dmp", "zlib", id="x-dmp"),
        pytest.param(gzip.compress(DUMP), "application/octet-stream", "as_sent", id="gzip inside"),
    ],
)
async def test_the_body_may_be_the_dump_alone(client, intake, body, kind, coding):
    status, text = await post(client, body, **{"Content-Type": kind})
    assert (status, len(text)) == (200, 36)
    dump = await kept(intake)
    assert (dump.coding, dump.digest, dump.size) == (coding, sha256(body).hexdigest(), len(body))
    assert plain(dump) == body


@pytest.mark.parametrize("squeeze", [partial(gzip.compress, mtime=0), lzma.compress], ids=["gzip", "xz"])
async def test_a_file_that_is_compressed_itself_is_kept_as_it_was_sent(client, intake, squeeze):
    status, text = await post(client, a_form(dump=squeeze(DUMP), name=f"{ID}.dmp.gz"))
    assert (status, text) == (200, ID)
    dump = await kept(intake)
    assert (dump.coding, dump.content) == ("as_sent", squeeze(DUMP))


async def test_gzip_over_a_chunked_form_as_crashpad_sends_it(client, intake):
    body = gzip.compress(a_form(("guid", "abc-1"), ("prod", "pbx"), ("sentry[tags][pbx.serial]", "PBX-1001")))

    async def pieces():
        for at in range(0, len(body), 100):
            yield body[at : at + 100]

    headers = {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=x-1"}
    async with client.post(PATH, data=pieces(), headers=headers) as answer:
        assert (answer.status, await answer.text()) == (200, ID)
    report = await intake.only()
    assert report.system_hint == {"serial": "PBX-1001", "machine_id": "abc-1"}
    assert report.tags["prod"] == "pbx"


async def test_the_name_of_the_file_is_the_key_so_that_sent_again_it_is_one(client, intake):
    answers = {await post(client, a_form(("try", str(n)))) for n in range(3)}
    assert answers == {(200, ID)}
    (stored,) = await intake.stored()
    assert stored.key == UUID(ID).hex
    assert (intake.counted("minidump", "accepted"), intake.counted("minidump", "duplicate")) == (1, 2)


async def test_a_dsn_of_one_system_outranks_what_the_form_says(client, intake):
    path = f"/api/42/minidump/?sentry_key={BOUND_KEY}"
    assert (await post(client, a_form(("serial", "PBX-9")), path))[0] == 200
    assert (await intake.only()).token_system == "PBX-1002"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("sentry", '{"release":"pbx@1.2","tags":{"a":"b"}}')], id="JSON"),
        pytest.param([("sentry__1", '{"release":"pbx@1.2",'), ("sentry__2", '"tags":{"a":"b"}}')], id="JSON in pieces"),
        pytest.param([("sentry[release]", "pbx@1.2"), ("sentry[tags][a]", "b")], id="brackets"),
        pytest.param([("sentry", "{damaged"), ("sentry[release]", "pbx@1.2"), ("sentry[tags][a]", "b")], id="damaged JSON beside brackets"),
    ],
)  # fmt: skip
async def test_the_event_is_read_in_every_spelling(client, intake, fields):
    assert (await post(client, a_form(*fields)))[0] == 200
    report = await intake.only()
    assert (report.release, report.tags["a"]) == ("pbx@1.2", "b")


async def test_other_files_are_named_and_not_kept(client, intake):
    log = b'--x-1\r\nContent-Disposition: form-data; name="log"; filename="pbx.log"\r\n\r\nlast line\r\n'
    assert (await post(client, log + a_form()))[0] == 200
    assert (await intake.only()).extra["attachments"] == ["pbx.log"]
    assert plain(await kept(intake)) == DUMP


async def test_a_form_without_a_content_type_is_seen_to_be_one(client, intake):
    assert (await post(client, a_form(), **{"Content-Type": "text/plain"}))[0] == 200
    assert plain(await kept(intake)) == DUMP


async def test_a_form_that_breaks_off_in_the_dump_is_kept_as_far_as_it_goes(client, intake):
    assert (await post(client, a_form(("prod", "pbx"))[:-100]))[0] == 200
    assert DUMP.startswith(plain(await kept(intake)))


@pytest.mark.parametrize(
    "dump", [b"this is no dump", b"\x00", DUMP[:5]], ids=["words", "a zero", "five bytes"]
)
async def test_what_is_no_dump_is_taken_all_the_same_for_it_comes_once(client, intake, dump):
    assert await post(client, a_form(("prod", "pbx"), dump=dump)) == (200, ID)
    assert plain(await kept(intake)) == dump


async def test_a_dump_that_is_too_large_is_a_report_without_it(client, intake):
    assert (await post(client, a_form(("prod", "pbx"), dump=DUMP + bytes(1 << 20))))[0] == 200
    (stored,) = await intake.stored()
    assert "more than are kept" in stored.report.extra["dump"]["trouble"]
    assert await intake.store.read(dumps.find_dump, stored.id) is None


@pytest.mark.parametrize(
    "body, headers, status, code",
    [
        pytest.param(b"", {}, 400, "multipart_malformed", id="nothing"),
        pytest.param(b"", {"Content-Type": "application/octet-stream"}, 400, "dump_missing", id="an empty dump"),
        pytest.param(a_form(dump=b""), {}, 400, "dump_missing", id="an empty file"),
        pytest.param(b'--x-1\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x-1--', {}, 400, "dump_missing", id="no file"),
        pytest.param(a_form(boundary="other"), {}, 400, "multipart_malformed", id="another boundary than it says"),
        pytest.param(b"--x-1\r\n" * 600, {}, 400, "multipart_malformed", id="six hundred parts"),
        pytest.param(gzip.compress(a_form())[:-9], {"Content-Encoding": "gzip"}, 400, "encoding_damaged", id="gzip cut short"),
        pytest.param(gzip.compress(bytes(9 << 20)), {"Content-Encoding": "gzip"}, 413, "body_too_large", id="a bomb"),
        pytest.param(a_form(), {"Content-Encoding": "compress"}, 415, "encoding_unsupported", id="another coding"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused_and_leaves_nothing_behind(
    client, intake, body, headers, status, code
):
    told, text = await post(client, body, **headers)
    assert (told, json.loads(text)["causes"]) == (status, [code])
    assert await intake.stored() == []


async def test_without_a_known_key_nothing_is_taken(client, intake):
    told = [
        await post(client, a_form(), path)
        for path in ("/api/42/minidump/", "/api/42/minidump/?sentry_key=nobody")
    ]
    assert {status for status, _ in told} == {403}
    assert await intake.stored() == []


async def test_a_full_disk_is_503_and_the_only_5xx(client, intake):
    intake.fill_the_disk()
    status, text = await post(client, a_form())
    assert (status, json.loads(text)["causes"]) == (503, ["not_recorded"])


async def test_an_envelope_with_a_dump_and_nothing_else_is_a_crash(client, intake):
    head = b'{"type":"attachment","attachment_type":"event.minidump","filename":"m.dmp","length":%d}\n' % len(
        DUMP
    )
    async with client.post(f"/api/42/envelope/?sentry_key={KEY}", data=b"{}\n" + head + DUMP) as answer:
        assert (answer.status, (await answer.json())["id"]) == (200, sha256(DUMP).hexdigest()[:32])
    assert plain(await kept(intake)) == DUMP


async def test_no_more_dumps_of_a_system_wait_than_are_worth_reading(client, intake):
    for n in range(dumps.WAITING + 2):
        assert (await post(client, a_form(name=f"{UUID(int=n)}.dmp")))[0] == 200
    stored = await intake.stored()
    found = [await intake.store.read(dumps.find_dump, each.id) for each in stored]
    assert len(stored) == dumps.WAITING + 2, "every report is on record"
    assert [each is not None for each in found] == [True] * dumps.WAITING + [False] * 2
