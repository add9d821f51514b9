"""Queries to a real Prometheus, and answers that no Prometheus should give."""

import asyncio
import datetime as dt
import json

import pytest

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.promql import TYPE, PromqlOptions
from checks.promql_answer import Series
from monitor.domain.findings import Symptom, Verdict
from tests.alerting_peers import Gauge, a_prometheus, until
from tests.checks.far_ends import answering, free_port, page, served, silent

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


async def ask(url, query="trunks_down", *, timeout=5.0, symptom=None, serial="PBX-1", **options):
    given = {"critical": "> 2", **options}
    about = Target(name="a", target=url, timeout=timeout, symptom=symptom, serial=serial, host="pbx1.example")
    async with CurlEngine() as engine:
        check = TYPE.build(about, PromqlOptions.model_validate({"query": query, **given}), Tools(http=engine))
        return await check.observe(NOW)


@pytest.mark.timeout(120)
async def test_a_real_prometheus_is_asked_and_its_values_judged(tmp_path):
    gauge = Gauge()
    async with gauge.served() as target, a_prometheus(tmp_path, rules="groups: []\n", target=target) as url:

        async def scraped():
            return (await ask(url)).verdict is Verdict.UP

        await until(scraped)
        seen = await ask(url)
        assert (seen.verdict, seen.values) == (Verdict.UP, {"value": 0.0, "series": 2})
        assert seen.detail.startswith("trunks_down{")
        assert seen.detail.endswith("is 0 and 1 more")

        gauge.value = 3

        async def beyond():
            return (await ask(url)).verdict is Verdict.DOWN

        await until(beyond)
        seen = await ask(url, "sum by (serial) (trunks_down)", symptom=Symptom.CALL_DROPS)
        assert (seen.symptom, seen.detail) == (Symptom.CALL_DROPS, '{serial="PBX-1"} is 3 (> 2)')
        seen = await ask(url, "sum by (serial) (trunks_down)", critical="> 5", warning="> 1")
        assert (seen.verdict, seen.symptom) == (Verdict.DEGRADED, Symptom.DEGRADED)
        seen = await ask(url, "sum by (serial) (trunks_down)", critical=">= 0")
        assert seen.detail == '{serial="PBX-1"} is 3 (>= 0), and 1 more series'
        seen = await ask(url, "sum by (serial) (trunks_down)", critical="<= 3")
        assert seen.detail.startswith('{serial="PBX-2"} is 0')

        seen = await ask(url, 'trunks_down{serial="$serial"}', serial="PBX-2")
        assert (seen.verdict, seen.values["series"]) == (Verdict.UP, 1)
        seen = await ask(url, 'trunks_down{serial="$serial"}', serial='x"} or vector(9) or up{a="')
        assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, "the query gives no data")
        assert (await ask(url, "scalar(sum(trunks_down))")).detail == "the value is 3 (> 2)"

        for said, verdict in (("unknown", Verdict.UNKNOWN), ("up", Verdict.UP), ("degraded", Verdict.DEGRADED), ("down", Verdict.DOWN)):  # fmt: skip
            seen = await ask(url, "no_such_metric", no_data=said)
            assert (seen.verdict, seen.detail) == (verdict, "the query gives no data")
        assert (await ask(url, "0/0 * trunks_down")).detail == "the query gives only NaN"
        assert (await ask(url, "1/0 * sum(trunks_down)")).detail == "the value is inf (> 2)"

        for query, said in (
            ("sum(", "refused the query"),
            ("trunks_down[5m]", "gave a matrix"),
            ('"text"', "gave a string"),
        ):
            seen = await ask(url, query)
            assert (seen.verdict, said in seen.detail) == (Verdict.UNKNOWN, True), seen.detail
        assert (await ask(f"{url}/nowhere")).verdict is Verdict.UNKNOWN


def said(body, status="200 OK"):
    return answering(page(body if isinstance(body, bytes) else json.dumps(body).encode(), status=status))


def a_result(*series):
    return {"status": "success", "data": {"resultType": "vector", "result": list(series)}}


ODD = {
    "no JSON": said(b"<html>"),
    "a list": said([]),
    "no status": said({"data": 1}),
    "an error with a status": said({"status": "error", "error": "out of memory"}, "503 Away"),
    "no data": said({"status": "success"}),
    "data that is none": said({"status": "success", "data": {"resultType": "vector", "result": 7}}),
    "a series that is none": said(a_result(7)),
    "a value that is none": said(a_result({"metric": {}, "value": [1, "many"]})),
    "a value that is missing": said(a_result({"metric": {}, "value": [1]})),
    "labels that are none": said(a_result({"metric": [], "value": [1, "9"]})),
    "a redirect": answering(page(b"", status="302 Found", headers="Location: http://169.254.169.254/\r\n")),
    "far too much": said(b'{"status": "success", "x": "' + b"x" * 5_000_000),
    "silence": silent,
}


async def test_whatever_is_no_answer_is_unknown_and_never_down():
    async def one(name, talk):
        async with served(talk) as port:
            seen = await ask(f"http://127.0.0.1:{port}", timeout=2.0)
            assert (seen.verdict, seen.symptom) == (Verdict.UNKNOWN, None), name
            assert seen.detail, name

    await asyncio.gather(*(one(name, talk) for name, talk in ODD.items()))


async def test_a_prometheus_that_is_not_there_is_unknown():
    seen = await ask(f"http://127.0.0.1:{free_port()}")
    assert (seen.verdict, "connection refused" in seen.detail) == (Verdict.UNKNOWN, True)


async def test_headers_are_sent_and_never_shown():
    got = []

    async def talk(reader, writer):
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(page(json.dumps(a_result({"metric": {}, "value": [1, "0"]})).encode()))
        await writer.drain()

    async with served(talk) as port:
        options = {"headers": {"X-Scope-OrgID": "secret-tenant"}}
        seen = await ask(f"http://127.0.0.1:{port}/prefix/", **options)
    assert seen.verdict is Verdict.UP
    assert b"POST /prefix/api/v1/query HTTP/1.1" in got[0]
    assert b"X-Scope-OrgID: secret-tenant" in got[0]
    given = PromqlOptions.model_validate({"query": "up", "critical": "> 1", **options})
    assert "secret-tenant" not in repr(given)


def test_labels_of_others_are_made_safe_and_short():
    labels = {f"label{n}": "\x1b[31m" + "x" * 500 for n in range(30)}
    name = Series(labels=labels, value=1).name
    assert name.isprintable()
    assert len(name) <= 200


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"query": "up"}, "needs a threshold"),
        ({"query": "", "critical": "> 1"}, "at least 1 character"),
        ({"query": "up", "critical": "5"}, "no threshold"),
        ({"query": "up", "warning": "> five"}, "no threshold"),
        ({"query": "up", "warning": "=~ 5"}, "no threshold"),
    ],
)
def test_options_that_are_wrong_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        PromqlOptions.model_validate(given)


def test_forbidden_addresses_and_systems_without_a_value_are_refused():
    options = PromqlOptions.model_validate({"query": "up", "critical": "> 1"})
    with pytest.raises(ValueError, match="metadata"):
        TYPE.build(Target(name="a", target="http://169.254.169.254/"), options, Tools())
    asks = PromqlOptions.model_validate({"query": "up{s='$serial'}", "critical": "> 1"})
    with pytest.raises(ValueError, match="serial"):
        TYPE.build(Target(name="a", target="http://127.0.0.1:9090"), asks, Tools())
