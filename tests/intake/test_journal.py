"""systemd-journal-upload, unmodified, and journals that no systemd would write: the crashes in them, each once."""

import asyncio
import gzip
import io
import itertools
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.crashes import group
from monitor.errors import RefusedError
from monitor.intake.journal_export import FIELDS, VALUE, JournalExport
from tests.intake.journals import MACHINE, a_coredump, an_entry, said
from tests.intake.server import API, READER
from tests.requirements import require

SYSTEMD = Path("/lib/systemd")
WHY = "crashes are read out of the journal that systemd's own uploader sends"
KIND = {"Content-Type": "application/vnd.fdo.journal", "Authorization": f"Bearer {API}"}


def systemd(program: str) -> Path:
    found = shutil.which(program) or SYSTEMD / program
    require(program, WHY, how="apt-get install systemd-journal-remote", found=Path(found).exists())
    return Path(found)


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a journal of 200 lines and 3 crashes, by systemd's own program."""
    folder = tmp_path_factory.mktemp("journal")
    entries = [a_coredump(n) if n in (50, 120, 199) else said(n) for n in range(200)]
    (folder / "export").write_bytes(b"".join(entries))
    command = [systemd("systemd-journal-remote"), "-o", folder / "x.journal", folder / "export"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder / "x.journal"


async def upload(intake, *arguments: str | Path, key: str = API) -> subprocess.CompletedProcess[str]:
    url = intake.url.replace("//", f"//any:{key}@")
    command = [systemd("systemd-journal-upload"), f"--url={url}", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )


async def test_systemds_own_uploader_delivers_every_crash_once(intake, journal, tmp_path):
    state = f"--save-state={tmp_path / 'state'}"
    for _ in range(2):  # with its place kept it begins at the last entry …
        done = await upload(intake, f"--file={journal}", state, "--follow=no")
        assert done.returncode == 0, done.stderr
    (tmp_path / "state").unlink()  # … and without, at the first; we know what we have
    assert (await upload(intake, f"--file={journal}", state, "--follow=no")).returncode == 0
    stored = await intake.stored()
    assert len(stored) == 3
    assert all(each.key.startswith("s=") for each in stored), "the journal's own cursor"
    assert intake.counted("journal", "duplicate") in (3, 4)
    assert intake.counted("journal", "discarded") == 2 * 197


async def test_what_systemd_says_of_a_crash_is_all_there_but_the_command_line(intake, journal, tmp_path):
    await upload(intake, f"--file={journal}", f"--save-state={tmp_path / 'state'}", "--follow=no")
    report = (await intake.stored())[0].report
    assert (report.source, report.process, report.version, report.signal) == (
        "journal",
        "pbxcore",
        "7.2.1",
        "SIGSEGV",
    )
    assert report.at == datetime.fromtimestamp(1_732_000_000, UTC)
    assert report.system_hint == {"machine_id": MACHINE, "host": "pbx-acme-01"}
    assert [frame.function for frame in report.frames] == ["sip_parse_header", None, "__libc_start_main"]
    assert report.frames[1].build_id == "a0c5ff931d7aaab82ec1250d426c50c8e60345d6"
    assert report.frames[2].in_app is False
    assert group(report).title == "SIGSEGV | sip_parse_header | pbxcore@a0c5ff93+0x1300"
    assert report.extra["unit"] == "pbx.service"
    assert "hunter2" not in repr(report)


async def test_the_uploader_prints_why_it_was_refused(intake, journal):
    raw = await upload(intake, journal)
    assert raw.returncode != 0
    assert "415: journal_file" in raw.stderr, "a journal file as it lies there"
    stranger = await upload(intake, f"--file={journal}", "--follow=no", key="nobody")
    assert "code 401" in stranger.stderr
    assert await intake.stored() == []


async def post(client, body: bytes, **headers: str) -> tuple[int, str]:
    async with client.post("/upload", data=io.BytesIO(body), headers={**KIND, **headers}) as answer:
        return answer.status, await answer.text()


async def test_a_crash_is_on_record_before_the_rest_of_the_journal_has_come(client, intake):
    going_on = asyncio.Event()

    async def pieces():
        yield a_coredump(1, __CURSOR="s=1") + b"MESS"
        await going_on.wait()
        yield b"AGE=x\n"

    sending = asyncio.create_task(client.post("/upload", data=pieces(), headers=KIND))
    async with asyncio.timeout(5):
        while not await intake.stored():
            await asyncio.sleep(0.01)
    going_on.set()
    assert (await sending).status == 200


async def test_a_journal_of_a_hundred_mib_is_read_in_a_small_memory_and_its_crash_found(client, intake):
    filler = said(1, BLOB=bytes(1 << 20))

    async def pieces():
        for _ in range(100):
            yield filler
        yield a_coredump(2, __CURSOR="s=2")

    async with client.post("/upload", data=pieces(), headers=KIND) as answer:
        assert answer.status == 200
    assert (await intake.only()).key == "s=2"


@pytest.mark.parametrize(
    "body, headers, status, code",
    [
        pytest.param(b"", {"Content-Type": "text/plain"}, 415, "journal_expected", id="something else"),
        pytest.param(b"LPKSHHRH" + bytes(100), {}, 415, "journal_file", id="a journal file"),
        pytest.param(b"MESSAGE=x", {}, 400, "journal_malformed", id="cut in a line"),
        pytest.param(b"MESSAGE\n" + struct.pack("<Q", 50) + b"x", {}, 400, "journal_malformed", id="cut in a value"),
        pytest.param(b"MESSAGE\n" + struct.pack("<Q", 2**64 - 1) + b"x", {}, 400, "journal_malformed", id="a value without end"),
        pytest.param(b"MESSAGE\n" + struct.pack("<Q", 1) + b"xyz\n", {}, 400, "journal_malformed", id="a lying length"),
        pytest.param(b"A B=x\n\n", {}, 400, "journal_malformed", id="no proper name"),
        pytest.param(b"\xff" * 400, {}, 400, "journal_malformed", id="noise"),
        pytest.param(b"A" * 100_000, {}, 400, "journal_malformed", id="a name without end"),
        pytest.param(gzip.compress(an_entry(BLOB=bytes(50 << 20)), 1), {"Content-Encoding": "gzip"}, 413, "body_too_large", id="a bomb"),
        pytest.param(gzip.compress(said(1))[:-4], {"Content-Encoding": "gzip"}, 400, "encoding_damaged", id="gzip cut short"),
        pytest.param(b"", {"Authorization": "Bearer nobody"}, 401, "unauthorized", id="a stranger"),
        pytest.param(b"", {"Authorization": f"Bearer {READER}"}, 403, "scope_missing", id="a reader"),
    ],
)  # fmt: skip
async def test_what_is_no_journal_is_refused_with_a_reason(client, intake, body, headers, status, code):
    told, text = await post(client, body, **headers)
    assert (told, text.partition(":")[0]) == (status, code)
    assert await intake.stored() == []


async def test_an_uploader_that_falls_silent_is_hung_up_on_and_what_it_sent_stays(intake, raw):
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in KIND.items()).encode() + b"\r\n"
    entry = a_coredump(1, __CURSOR="s=1")
    status, _ = await raw(head + f"{len(entry):x}\r\n".encode() + entry + b"\r\n")
    assert status == 408
    assert (await intake.only()).key == "s=1"


async def test_a_full_disk_is_503_so_that_the_uploader_sends_it_again(client, intake):
    intake.fill_the_disk()
    assert (await post(client, a_coredump(1)))[0] == 503


async def test_a_crash_without_a_cursor_is_known_by_its_content(client, intake):
    for number in (1, 1, 2):
        assert (await post(client, a_coredump(number)))[0] == 200
    assert len(await intake.stored()) == 2


# --- the format itself

LONG = b"x" * (VALUE + 100)
VALUES = st.one_of(st.binary(max_size=40), st.text("abc=é\n", max_size=20), st.none())  # none: a long one
ENTRIES = st.lists(
    st.dictionaries(st.text("ABC_", min_size=1, max_size=8), VALUES, min_size=1, max_size=3), max_size=5
)


def _bytes(value: str | bytes | None) -> bytes:
    return LONG if value is None else value if isinstance(value, bytes) else value.encode()


@settings(deadline=None)
@given(entries=ENTRIES, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_however_it_is_cut_into_pieces_the_same_entries_come_out(entries, cuts):
    written = [{name: LONG if said is None else said for name, said in entry.items()} for entry in entries]
    body = b"".join(an_entry(**entry) for entry in written)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    export = JournalExport()
    found = [entry for start, end in itertools.pairwise(places) for entry in export.feed(body[start:end])]
    found += export.finish()
    assert found == [{name: _bytes(said)[:VALUE] for name, said in entry.items()} for entry in entries]


def test_of_a_line_that_is_too_long_the_beginning_is_kept():
    export = JournalExport()
    found = [entry for _ in range(1) for entry in export.feed(b"A=" + b"x" * (VALUE + 10_000))]
    found += export.feed(b"y" * 1000 + b"\nB=z\n\n")
    assert found == [{"A": b"x" * VALUE, "B": b"z"}]


async def test_no_amount_of_other_fields_hides_a_crash(client, intake):
    clutter = {f"A{n}": "x" for n in range(2 * FIELDS)} | {f"B{n}": bytes(VALUE) for n in range(8)}
    assert (await post(client, an_entry(**clutter)[:-1] + a_coredump(1, COREDUMP=bytes(1 << 20))))[0] == 200
    assert (await intake.only()).signal == "SIGSEGV"


def test_of_an_entry_with_too_many_fields_as_many_are_kept_as_may_be():
    export = JournalExport()
    (entry,) = export.feed(an_entry(**{f"F{n}": "x" for n in range(2 * FIELDS)}))
    assert len(entry) == FIELDS


@given(data=st.binary(max_size=300))
def test_whatever_comes_it_is_read_or_refused(data):
    export = JournalExport()
    try:
        list(export.feed(data))
        list(export.finish())
    except RefusedError as error:
        assert error.status == 400
