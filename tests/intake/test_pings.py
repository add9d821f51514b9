"""Heartbeats, as cron jobs send them."""

import gzip

import pytest

from tests.intake.server import UUID

PING = f"/ping/{UUID}"


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize(
    "what, kind, exit_status",
    [("", "success", None), ("/start", "start", None), ("/fail", "fail", None), ("/log", "log", None),
     ("/0", "success", 0), ("/1", "fail", 1), ("/255", "fail", 255)],
)  # fmt: skip
async def test_a_heartbeat_is_taken_by_every_method(client, intake, method, what, kind, exit_status):
    async with client.request(method, PING + what) as answer:
        assert (answer.status, await answer.text()) == (200, "" if method == "HEAD" else "OK")
    assert intake.pings == [(UUID, kind, exit_status, "")]


@pytest.mark.parametrize(
    "path",
    ["/ping/00000000-0000-0000-0000-000000000000", "/ping/nonsense", f"{PING}/nonsense", f"{PING}/256", f"{PING}/-1",
     f"{PING}/99999999999999999999", f"{PING}/²", "/ping/..%2f..%2fetc"],
)  # fmt: skip
async def test_an_address_nobody_gave_out_is_not_found(client, intake, path):
    async with client.get(path) as answer:
        assert (answer.status, await answer.text()) == (404, "not found")
    assert intake.pings == []


@pytest.mark.parametrize(
    ("rid", "run"),
    [(UUID.upper(), UUID), ("nonsense", None), ("", None)],
    ids=["a run", "no UUID", "empty"],
)
async def test_a_run_is_named_and_a_bad_name_costs_no_heartbeat(client, intake, rid, run):
    async with client.get(f"{PING}/start?rid={rid}") as answer:
        assert answer.status == 200
    assert intake.runs == [run]


@pytest.mark.parametrize("form", [UUID.upper(), UUID.replace("-", "")])
async def test_an_address_may_be_spelt_otherwise(client, intake, form):
    async with client.get(f"/ping/{form}") as answer:
        assert answer.status == 200
    assert intake.pings[0][0] == UUID


async def test_the_first_ten_kilobytes_of_the_output_are_kept(client, intake):
    for data in ("backup failed\nno space", "x" * 50_000):
        async with client.post(f"{PING}/fail", data=data) as answer:
            assert answer.status == 200
    assert [ping[3] for ping in intake.pings] == ["backup failed\nno space", "x" * 10_000]


async def test_the_output_may_be_packed_and_ugly(client, intake):
    data = gzip.compress(b"a\x00b\xff\x1b[31m")
    async with client.post(PING, data=data, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 200
    assert intake.pings[0][3] == "ab�[31m"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((b"Content-Length: 900000\r\n\r\nxx",), id="too long by its length"),
        pytest.param((b"Content-Length: 500\r\n\r\n", b"half"), id="half a body"),
        pytest.param((b"Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nabcd",), id="damaged"),
        pytest.param((b"Content-Length: 4\r\nContent-Encoding: zstd\r\n\r\nabcd",), id="an unknown coding"),
    ],
)
async def test_a_heartbeat_counts_whatever_its_body(raw, intake, sent):
    status, answer = await raw(f"POST {PING}/start HTTP/1.1\r\nHost: x\r\n".encode() + sent[0], *sent[1:])
    assert status == 200
    assert answer.endswith(b"OK")
    ((_, kind, _, detail),) = intake.pings
    assert kind == "start"
    assert detail.startswith("(")


async def test_a_record_that_cannot_be_written_is_said_so_that_the_sender_tries_again(client, intake):
    intake.fill_the_disk()
    async with client.get(PING) as answer:
        assert answer.status == 503
        assert "Retry-After" in answer.headers or "X-Error" in answer.headers
