"""The ``http`` check's judgement: statuses, bodies, JSON, headers and lateness."""

import asyncio
import gzip
import json

import pytest

from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import answering, page
from tests.checks.http_looks import look

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


STATUSES = {
    "a 503": ("503 Gone fishing", {}, DOWN, "status was 503, expected 200-399"),
    "a redirect not followed": ("302 Found", {}, UP, "status 302"),
    "a 404 that is expected": ("404 Not Found", {"status": [404]}, UP, "status 404"),
    "a 200 that is not": (
        "200 OK",
        {"status": ["3xx", 418]},
        DOWN,
        "status was 200, expected 300-399 or 418",
    ),
}


@pytest.mark.parametrize("case", STATUSES)
async def test_statuses(engine, case):
    status, options, verdict, said = STATUSES[case]
    seen = await look(engine, answering(page(status=status)), **options)
    assert (seen.verdict, seen.detail) == (verdict, said)
    assert seen.symptom is (None if verdict is UP else Symptom.DEGRADED)


DOCUMENT = {"status": "failing", "queue": [{"depth": 12, "open": True}], "odd name": None}
BODIES = {
    "holds the text": ({"body": {"contains": "failing"}}, None),
    "lacks the text": ({"body": {"contains": "fine"}}, "the body does not contain 'fine'"),
    "holds what it must not": ({"body": {"not_contains": "fail"}}, "the body contains 'fail'"),
    "matches": ({"body": {"matches": '"depth": ?1[0-9]'}}, None),
    "does not match": ({"body": {"matches": "^<html"}}, "the body does not match '^<html'"),
    "JSON equal": ({"json": [{"path": "$.status", "value": "failing"}]}, None),
    "JSON not equal": (
        {"json": [{"path": "$.status", "value": "ok"}]},
        """JSON $.status was "failing", expected == "ok\"""",
    ),
    "JSON number in bounds": ({"json": [{"path": "queue[0].depth", "op": "<", "value": 13}]}, None),
    "JSON number out of bounds": (
        {"json": [{"path": "queue[0].depth", "op": ">=", "value": 13}]},
        "JSON queue[0].depth was 12, expected >= 13",
    ),
    "JSON missing": (
        {"json": [{"path": "queue[1].depth", "op": "exists"}]},
        "JSON queue[1].depth is missing",
    ),
    "JSON null is there": ({"json": [{"path": '$["odd name"]', "op": "exists"}]}, None),
    "JSON true is not 1": (
        {"json": [{"path": "queue[0].open", "value": 1}]},
        "JSON queue[0].open was true, expected == 1",
    ),
    "JSON contains": ({"json": [{"path": "status", "op": "contains", "value": "fail"}]}, None),
    "several things wrong": (
        {"json": [{"path": "a", "op": "exists"}, {"path": "b", "op": "exists"}], "status": 201},
        "status was 200, expected 201; JSON a is missing; JSON b is missing",
    ),
    "longer than what is read": (
        {"json": [{"path": "status", "op": "exists"}], "max_bytes": 10},
        "the body is longer than 10 bytes and was not read as JSON",
    ),
}


@pytest.mark.parametrize("case", BODIES)
async def test_bodies(engine, case):
    options, said = BODIES[case]
    seen = await look(engine, answering(page(json.dumps(DOCUMENT).encode())), **options)
    assert (seen.verdict, seen.detail) == ((UP, "status 200") if said is None else (DOWN, said))
    assert seen.symptom is (None if said is None else Symptom.DEGRADED)


async def test_a_body_that_is_not_json_is_degraded(engine):
    seen = await look(engine, answering(page(b"<html>")), json=[{"path": "a", "op": "exists"}])
    assert seen.detail == "the body is not JSON"


async def test_a_compressed_body_is_unpacked_only_when_asked(engine):
    packed = answering(page(gzip.compress(b"all is well"), headers="Content-Encoding: gzip\r\n"))
    rule = {"contains": "all is well"}
    assert (await look(engine, packed, body=rule)).verdict is DOWN
    assert (await look(engine, packed, body=rule, compressed=True)).verdict is UP


HEADERS = {
    "equal": ({"X-Node": "a1"}, None),
    "other": ({"X-Node": "b1"}, "the header X-Node was 'a1', expected 'b1'"),
    "missing": ({"X-None": "a"}, "the header X-None is missing"),
    "matches": ({"x-node": {"matches": "^[ab][0-9]$"}}, None),
    "does not match": ({"x-node": {"matches": "^c"}}, "the header x-node does not match '^c'"),
}


@pytest.mark.parametrize("case", HEADERS)
async def test_headers(engine, case):
    rules, said = HEADERS[case]
    seen = await look(engine, answering(page(headers="X-Node: a1\r\n")), header=rules)
    assert (seen.verdict, seen.detail) == ((UP, "status 200") if said is None else (DOWN, said))


async def test_a_late_answer_is_degraded_and_a_very_late_one_down(engine):
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await answering(page())(reader, writer)

    warned = await look(engine, late, latency={"warn": "50ms"})
    assert (warned.verdict, warned.symptom) == (DEGRADED, Symptom.DEGRADED)
    assert "expected within 50 ms" in warned.detail
    failed = await look(engine, late, latency={"warn": 0.01, "fail": 0.05})
    assert (failed.verdict, failed.symptom) == (DOWN, Symptom.DEGRADED)
    assert "the limit is 50 ms" in failed.detail
