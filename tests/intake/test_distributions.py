"""What the distributions' own reporters write: apport's files with a real core in them, ABRT's uReports of each kind."""

import base64
import gzip
import io
import json

import pytest

from monitor.domain.crashes import group
from monitor.dumps import Reading, read_apart
from monitor.storage import dumps
from tests.dumps.real import build, core_of
from tests.intake.server import API

PATH = "/api/v1/crashes"
BEARER = {"Authorization": f"Bearer {API}"}

APPORT = """ProblemType: Crash
Architecture: amd64
Date: Tue Jun 11 14:39:28 2024
DistroRelease: Ubuntu 22.04
ExecutablePath: /opt/pbx/bin/pbxcore
Package: pbx 7.2.1-1
ProcCmdline: pbxcore --password hunter2
ProcEnviron:
 SHELL=/bin/bash
 API_TOKEN=hunter2
Signal: 11
StacktraceTop:
 sip_parse_header (hdr=0x45, secret=0x7ffd "hunter2") at pbxcore.c:5
 route_call (c=0x0) at route.c:19
 ?? () from /usr/lib/libpbx.so.1
 __libc_start_call_main () from /lib/x86_64-linux-gnu/libc.so.6
Title: pbxcore crashed with SIGSEGV in sip_parse_header()
Serial: PBX-1001
Uname: Linux 6.5.0-35-generic x86_64
"""


def packages(*names: str) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "version": "7.2.1",
            "release": "1.fc40",
            **({"package_role": "affected"} if not n else {}),
        }
        for n, name in enumerate(names)
    ]


def a_ureport(**problem: object) -> dict[str, object]:
    return {
        "ureport_version": 2,
        "reason": "Program /opt/pbx/bin/pbxcore was terminated by signal 6",
        "reporter": {"name": "satyr", "version": "0.43"},
        "os": {"name": "fedora", "version": "40", "architecture": "x86_64"},
        "packages": packages("pbx", "glibc"),
        "auth": {"hostname": "pbx-acme-01", "machineid": "a" * 32},
        "problem": {"component": "pbx", "user": {"root": False, "local": True}, **problem},
    }


async def post(client, body: bytes, path: str = PATH, **headers: str) -> tuple[int, dict[str, object]]:
    async with client.post(path, data=io.BytesIO(body), headers={**BEARER, **headers}) as answer:
        return answer.status, json.loads(await answer.text())


async def test_a_crash_file_of_apports_is_a_report_without_what_is_private(client, intake):
    status, _ = await post(client, APPORT.encode(), **{"Content-Type": "text/plain"})
    report = await intake.only()
    assert status == 202
    assert (report.source, report.process, report.version, report.signal) == (
        "apport",
        "pbxcore",
        "7.2.1-1",
        "SIGSEGV",
    )
    assert report.system_hint == {"serial": "PBX-1001"}
    assert group(report).title == "SIGSEGV | sip_parse_header | route_call | libpbx.so.1 ??"
    assert report.frames[0].line == 5
    assert report.message == "pbxcore crashed with SIGSEGV in sip_parse_header()"
    assert report.extra["DistroRelease"] == "Ubuntu 22.04"
    assert "hunter2" not in repr(group(report))
    assert "API_TOKEN" not in repr(report)
    assert intake.counted("apport", "accepted") == 1


async def test_the_core_in_a_crash_file_is_kept_and_can_be_read(client, intake, tmp_path):
    core = core_of(build(tmp_path), "segv", tmp_path / "core").read_bytes()
    packed = gzip.compress(core, 1)
    pieces = [packed[:10], *(packed[at : at + 100_000] for at in range(10, len(packed), 100_000))]
    text = (
        APPORT + "CoreDump: base64\n" + "".join(f" {base64.b64encode(piece).decode()}\n" for piece in pieces)
    )
    assert (await post(client, (text + "UserGroups: adm\n").encode(), **{"Content-Type": "text/plain"}))[
        0
    ] == 202
    (stored,) = await intake.stored()
    kept = await intake.store.read(dumps.find_dump, stored.id)
    assert gzip.decompress(kept.content) == core
    facts = await read_apart(kept, Reading())
    assert (facts.kind, facts.signal, facts.trouble) == ("core", "SIGSEGV", "")


async def test_a_core_that_is_damaged_costs_the_core(client, intake):
    text = APPORT + "CoreDump: base64\n H4sICAA=\n not base64 at all!\n"
    assert (await post(client, text.encode()))[0] == 202
    (stored,) = await intake.stored()
    assert await intake.store.read(dumps.find_dump, stored.id) is None


async def test_an_exception_of_a_python_program_by_apport(client, intake):
    text = """ProblemType: Crash
ExecutablePath: /usr/bin/pbx-admin
Traceback:
 Traceback (most recent call last):
   File "/usr/bin/pbx-admin", line 12, in <module>
     main()
   File "/usr/lib/pbx/admin.py", line 40, in main
     dial(0)
   File "/usr/lib/pbx/admin.py", line 7, in dial
     return 1 / n
 ZeroDivisionError: division by zero
"""
    assert (await post(client, text.encode()))[0] == 202
    report = await intake.only()
    assert (report.exception, report.message) == ("ZeroDivisionError", "division by zero")
    assert group(report).title == "ZeroDivisionError | dial | main | pbx-admin <module>"


CORE = [
    {"address": 1, "build_id": "c1" * 20, "build_id_offset": 220249, "function_name": "raise", "file_name": "/lib64/libc.so.6"},
    {"address": 2, "build_id": "c1" * 20, "build_id_offset": 226152, "function_name": "abort", "file_name": "/lib64/libc.so.6"},
    {"address": 3, "build_id": "d2" * 20, "build_id_offset": 143475, "file_name": "/opt/pbx/bin/pbxcore"},
    {"address": 4, "build_id": "d2" * 20, "build_id_offset": 88658, "function_name": "session_start", "file_name": "/opt/pbx/bin/pbxcore"},
]  # fmt: skip


@pytest.mark.parametrize(
    "problem, title",
    [
        pytest.param(
            {"type": "core", "signal": 6, "executable": "/opt/pbx/bin/pbxcore",
             "stacktrace": [{"frames": []}, {"crash_thread": True, "frames": CORE}]},
            "SIGABRT | pbxcore@d2d2d2d2+0x23073 | session_start", id="core",
        ),
        pytest.param(
            {"type": "python", "exception_name": "TypeError", "stacktrace": [
                {"file_name": "/usr/lib/pbx/db.py", "file_line": 947, "function_name": "check", "line_contents": "x = secret"},
                {"file_name": "/usr/lib/pbx/a.py", "file_line": 7, "function_name": "main"}]},
            "TypeError | check | main", id="python",
        ),
        pytest.param(
            {"type": "ruby", "exception_name": "Wrap::MyException", "stacktrace": [
                {"file_name": "/usr/lib/a.rb", "file_line": 13, "function_name": "func?"},
                {"file_name": "/usr/lib/a.rb", "file_line": 30, "special_function": "class:WillClass"}]},
            "Wrap::MyException | func? | class:WillClass", id="ruby",
        ),
        pytest.param(
            {"type": "java", "threads": [{"name": "main", "frames": [
                {"name": "java.lang.OutOfMemoryError", "is_exception": True, "message": "GC overhead"},
                {"name": "org.pbx.Route.call", "file_name": "Route.java", "file_line": 964}]}]},
            "java.lang.OutOfMemoryError | org.pbx.Route.call", id="java",
        ),
        pytest.param(
            {"type": "kerneloops", "version": "3.12", "frames": [
                {"function_name": "cfg80211_roamed", "module_name": "cfg80211", "reliable": True},
                {"function_name": "noise", "reliable": False}, {"function_name": "kthread", "reliable": True}]},
            "kernel oops | cfg80211_roamed | kthread", id="kernel",
        ),
    ],
)  # fmt: skip
async def test_a_ureport_of_each_kind_has_its_signature(client, intake, problem, title):
    status, _ = await post(client, json.dumps(a_ureport(**problem)).encode())
    report = await intake.only()
    assert status == 202
    assert group(report).title == title
    assert (report.source, report.version) == ("abrt", "7.2.1-1.fc40")
    assert report.system_hint == {"machine_id": "a" * 32, "host": "pbx-acme-01"}
    assert "secret" not in repr(report), "lines of source are not read"


async def test_the_address_says_whose_crash_it_is_where_the_format_has_no_word_for_it(client, intake):
    body = json.dumps(a_ureport(type="core", signal=11)).encode()
    assert (await post(client, body, f"{PATH}?system=PBX-1001"))[0] == 202
    assert (await intake.only()).system_hint["serial"] == "PBX-1001"


async def test_a_report_sent_again_under_its_key_is_one(client, intake):
    answers = [await post(client, APPORT.encode(), **{"Idempotency-Key": "a/1.crash"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(await intake.stored()) == 1
    status, problem = await post(client, APPORT.encode() + b"Tags: x\n", **{"Idempotency-Key": "a/1.crash"})
    assert (status, problem["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"ProblemType:", id="nothing more"),
        pytest.param(b"ProblemType: Crash\n" + b"\n" * 900_000, id="a million empty lines"),
        pytest.param(b"ProblemType: Crash\nTitle:" + b" x\n" * 200_000, id="a title of many lines"),
        pytest.param(b"ProblemType: Crash\nStacktraceTop:\n" + b" " + b"(" * 900_000 + b"\n", id="brackets"),
        pytest.param(b"ProblemType: Crash\nCoreDump: base64\n" + b" \n" * 400_000, id="an empty core of many lines"),
        pytest.param(b"ProblemType: \xff\xfe\x00\n\x00:\n : \n", id="noise"),
        pytest.param(json.dumps({"ureport_version": 2, "problem": {"stacktrace": [None, [], {"frames": [1, {}]}]}}).encode(), id="nonsense in a uReport"),
        pytest.param(json.dumps({"ureport_version": None, "problem": {"frames": {"a": 1}, "signal": "x"}, "packages": 7, "os": [], "auth": 5}).encode(), id="other types in a uReport"),
    ],
)  # fmt: skip
async def test_nonsense_is_taken_quickly_for_it_may_be_all_there_is(client, body):
    assert (await post(client, body))[0] == 202
