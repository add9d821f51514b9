"""``POST /api/v1/crashes``, as somebody with curl uses it."""

import gzip

import aiohttp
import pytest

from monitor.domain.crashes import Frame
from tests.intake.server import API, NOW, READER

CRASHES = "/api/v1/crashes"
BEARER = {"Authorization": f"Bearer {API}"}
CRASH = {
    "system": "PBX-1001",
    "process": "pbxcore",
    "version": "5.02",
    "signal": "SIGSEGV",
    "message": "segfault at 45",
    "stack": ["#0  0x000055ee12 sip_parse (/opt/pbx/bin/pbxcore + 0x115c)", {"fn": "route", "line": 7}, "main at pbx.c:3"],
    "at": "2026-11-22T03:00:00+01:00",
}  # fmt: skip


async def test_a_crash_is_on_record_before_it_is_acknowledged(client, intake):
    async with client.post(CRASHES, json=CRASH, headers=BEARER) as answer:
        assert answer.status == 202
        assert answer.content_type == "application/json"
        told = await answer.json()
    (stored,) = await intake.stored()
    assert told == {"id": stored.id}
    assert stored.key == stored.id
    report = stored.report
    assert report.system_hint == {"serial": "PBX-1001"}
    assert (report.process, report.version, report.signal) == ("pbxcore", "5.02", "SIGSEGV")
    assert report.at.isoformat() == "2026-11-22T02:00:00+00:00"
    assert report.frames == (
        Frame(function="sip_parse", module="/opt/pbx/bin/pbxcore", offset=0x115C),
        Frame(function="route", line=7),
        Frame(function="main", file="pbx.c", line=3),
    )
    assert intake.counted("json", "accepted") == 1


async def test_sent_again_with_its_key_it_is_the_same_crash(client, intake):
    headers = {**BEARER, "Idempotency-Key": "boot-17/crash-3"}
    ids = []
    for _ in range(3):
        async with client.post(CRASHES, json=CRASH, headers=headers) as answer:
            assert answer.status == 202
            ids.append((await answer.json())["id"])
    assert len(set(ids)) == 1
    (stored,) = await intake.stored()
    assert stored.key == "boot-17/crash-3"
    assert intake.counted("json", "duplicate") == 2


async def test_sent_again_compressed_it_is_still_the_same_crash(client, intake):
    body = b'{"signal": 11}'
    headers = {**BEARER, "Idempotency-Key": '"k"'}
    async with client.post(CRASHES, data=body, headers=headers) as first:
        id_ = (await first.json())["id"]
    headers["Content-Encoding"] = "gzip"
    async with client.post(CRASHES, data=gzip.compress(body), headers=headers) as again:
        assert (again.status, (await again.json())["id"]) == (202, id_)


async def test_a_key_that_came_with_another_body_is_refused(client, intake):
    headers = {**BEARER, "Idempotency-Key": "k1"}
    async with client.post(CRASHES, json=CRASH, headers=headers) as answer:
        assert answer.status == 202
    async with client.post(CRASHES, json={**CRASH, "message": "other"}, headers=headers) as answer:
        assert answer.status == 422
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["code"] == "key_reused"
    assert len(await intake.stored()) == 1


async def test_without_a_key_every_report_is_a_crash_of_its_own(client, intake):
    for _ in range(2):
        async with client.post(CRASHES, json=CRASH, headers=BEARER) as answer:
            assert answer.status == 202
    assert len(await intake.stored()) == 2


async def test_the_token_may_be_the_password_of_basic_auth(client, intake):
    headers = {"Authorization": aiohttp.encode_basic_auth("anybody", API)}
    async with client.post(CRASHES, json=CRASH, headers=headers) as answer:
        assert answer.status == 202


@pytest.mark.parametrize(
    "headers, status, code",
    [
        pytest.param({}, 401, "unauthorized", id="no token"),
        pytest.param({"Authorization": "Bearer nonsense"}, 401, "unauthorized", id="an unknown token"),
        pytest.param({"Authorization": "Bearer "}, 401, "unauthorized", id="an empty token"),
        pytest.param({"Authorization": "Basic !!!"}, 401, "unauthorized", id="damaged basic auth"),
        pytest.param({"Authorization": "Digest x"}, 401, "unauthorized", id="another scheme"),
        pytest.param(
            {"Authorization": f"Bearer {READER}"}, 403, "scope_missing", id="a token that may only read"
        ),
        pytest.param({**BEARER, "Idempotency-Key": "x" * 256}, 400, "key_malformed", id="a key too long"),
        pytest.param({**BEARER, "Idempotency-Key": ""}, 400, "key_malformed", id="an empty key"),
    ],
)
async def test_who_may_not_send_is_told_so_in_a_problem_document(client, intake, headers, status, code):
    async with client.post(CRASHES, json=CRASH, headers=headers) as answer:
        told = await answer.json(content_type="application/problem+json")
        assert (answer.status, told["status"], told["code"]) == (status, status, code)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert await intake.stored() == []


@pytest.mark.parametrize(
    "body, pointer",
    [
        pytest.param({}, "/", id="nothing said"),
        pytest.param({"message": "  "}, "/", id="only blanks"),
        pytest.param([CRASH], "/", id="a list"),
        pytest.param({"signal": 11, "process": ["x"]}, "/process", id="a list for a word"),
        pytest.param({"signal": 11, "at": "yesterday"}, "/at", id="no time"),
        pytest.param({"signal": 11, "stack": "main"}, "/stack", id="a word for a list"),
        pytest.param({"signal": 11, "tags": {"a": []}}, "/tags/a", id="a list for a tag"),
        pytest.param({"signal": 11, "process": "x" * 501}, "/process", id="a word too long"),
    ],
)
async def test_a_report_that_is_wrong_is_told_where(client, intake, body, pointer):
    async with client.post(CRASHES, json=body, headers=BEARER) as answer:
        told = await answer.json(content_type="application/problem+json")
    assert (answer.status, told["code"]) == (422, "invalid")
    assert any(error["pointer"].startswith(pointer) for error in told["errors"])
    assert await intake.stored() == []


async def test_what_nobody_asked_for_is_kept_small_and_without_secrets(client, intake):
    more = {
        "log_tail": "password=hunter2 " + "x" * 100_000,
        "env": {"A": "1"},
        "uptime": 12,
        "deep": [[[["x"]]]],
    }
    async with client.post(CRASHES, json={**CRASH, **more}, headers=BEARER) as answer:
        assert answer.status == 202
    report = await intake.only()
    assert "hunter2" not in repr(report)
    assert "env" not in report.extra
    assert report.extra["uptime"] == 12
    assert len(repr(report.extra)) < 40_000


async def test_ugly_text_is_made_safe_not_refused(client, intake):
    body = (
        b'{"message": "a\\u0000b \\ud800 \xff \\u202e\\u001b[31m", "process": "p", "signal": 6, "big": '
        + b"9" * 5000
        + b"}"
    )
    async with client.post(CRASHES, data=body, headers=BEARER) as answer:
        assert answer.status == 202
    reports = [stored.report for stored in await intake.stored()]
    assert reports[-1].message == "ab � � [31m"


async def test_a_time_that_lies_ahead_becomes_ours(client, intake):
    async with client.post(CRASHES, json={**CRASH, "at": "2099-01-01T00:00:00Z"}, headers=BEARER) as answer:
        assert answer.status == 202
    assert (await intake.only()).at == NOW


async def test_a_record_that_cannot_be_written_is_503_so_that_it_is_sent_again(client, intake):
    intake.fill_the_disk()
    async with client.post(CRASHES, json=CRASH, headers=BEARER) as answer:
        told = await answer.json(content_type="application/problem+json")
        assert (answer.status, told["code"], "Retry-After" in answer.headers) == (503, "not_recorded", True)
    assert "disk" not in told["detail"]
    assert intake.counted("json", "failed") == 1


async def test_what_nobody_foresaw_is_500_without_a_word_of_it(client, intake):
    intake.broken = KeyError("customer secret")
    async with client.post(CRASHES, json=CRASH, headers=BEARER) as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()
