"""What watches us: alive, ready with reasons, and metrics Prometheus can read."""

import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from tests.requirements import require


async def test_alive_and_ready_are_plain_text(world):
    for path in ("/livez", "/healthz", "/readyz"):
        answer = await world.client.get(path)
        assert (answer.status, await answer.text(), answer.content_type) == (200, "ok\n", "text/plain")
    assert "storage" in await (await world.client.get("/readyz?verbose")).text()


async def test_not_ready_says_every_reason(world):
    world.reasons = ["the database is locked", "the engine has not gone round for 90 s"]
    answer = await world.client.get("/readyz")
    assert answer.status == 503
    assert await answer.text() == (
        "not ready: the database is locked\nnot ready: the engine has not gone round for 90 s\n"
    )
    assert (await world.client.get("/livez")).status == 200


async def test_metrics_in_both_formats_and_gzip(world):
    world.metrics.checks.labels("http", "up").inc()
    answer = await world.client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert answer.content_type == "text/plain"
    names = {family.name for family in classic(await answer.text())}
    assert {"tocsin_checks", "tocsin_build_info", "tocsin_outbox_oldest_seconds"} <= names
    modern = await world.client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
    )
    assert modern.content_type == "application/openmetrics-text"
    assert {family.name for family in openmetrics(await modern.text())} >= {"tocsin_checks"}
    packed = await world.client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "tocsin_checks_total" in await packed.text()


async def test_metrics_behind_a_token_open_with_it_only(world):
    from dataclasses import replace

    from monitor.web.parts import PARTS

    world.app._state[PARTS] = replace(world.app[PARTS], metrics_token="scrape-me")
    assert (await world.client.get("/metrics")).status == 401
    wrong = await world.client.get("/metrics", headers={"Authorization": "Bearer scrape-mé"})
    assert wrong.status == 401
    right = await world.client.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert right.status == 200


async def test_promtool_has_nothing_to_say_about_the_metrics(world):
    promtool = require("promtool", "the metrics are linted by Prometheus's own tool", how="apt-get install prometheus")  # fmt: skip
    world.metrics.checks.labels("http", "up").inc()
    world.metrics.attempts.labels("phone", "acknowledged").inc()
    text = await (await world.client.get("/metrics")).read()
    run = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr.decode()) == (0, "")
