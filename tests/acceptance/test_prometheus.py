"""A real Prometheus that lists us as an Alertmanager: its alert opens an incident, its end resolves it."""

import asyncio
from datetime import UTC, datetime

import pytest

from monitor import wiring
from tests.acceptance.test_alerts import RULES, a_token
from tests.acceptance.world import CONFIGURATION, MovableClock, a_world
from tests.alerting_peers import Gauge, a_prometheus, queried, until

ALERTING = """
groups:
  - name: pbx
    rules:
      - alert: TrunksDown
        expr: trunks_down > 0
        labels: {severity: page}
        annotations: {summary: "{{ $value }} trunks of {{ $labels.serial }} are down"}
"""
TO_US = (
    "{{static_configs: [{{targets: ['127.0.0.1:{port}']}}], path_prefix: /alertmanager, "
    "authorization: {{credentials: tok_secret_of_prometheus}}}}"
)


class RealClock(MovableClock):
    """The wall clock: Prometheus has no other."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.mark.timeout(120)
async def test_an_alert_of_a_real_prometheus_opens_an_incident_and_resolves_it(tmp_path, sqlite_url):
    gauge = Gauge()
    (tmp_path / "tocsin").mkdir()
    configuration = CONFIGURATION + RULES
    async with (
        a_world(tmp_path / "tocsin", sqlite_url, clock=RealClock(), configuration=configuration) as world,
        wiring.listening(world.service, "127.0.0.1", 0) as port,
        gauge.served() as target,
        a_prometheus(tmp_path, rules=ALERTING, target=target, sends_to=TO_US.format(port=port)),
    ):
        await a_token(world, "ingest")
        job = asyncio.create_task(world.service.alert_inbox.run())
        gauge.value = 3

        async def opened() -> bool:
            return [one["status"] for one in await world.rows("incidents")] == ["open"]

        await until(opened)
        incident = await world.incident()
        assert (incident["system"], incident["class"]) == ("PBX-1", "critical")
        assert incident["summary"] == "alert TrunksDown: 3 trunks of PBX-1 are down"
        url = f"http://any:tok_secret_of_prometheus@127.0.0.1:{port}/alertmanager"
        (found,) = await queried(url, "alertname=TrunksDown")
        assert found["generatorURL"].startswith("http://")
        again = world.metric("tocsin_alerts_total", source="alertmanager", result="repeated")

        async def repeated() -> bool:
            now = world.metric("tocsin_alerts_total", source="alertmanager", result="repeated")
            return now > again + 1

        await until(repeated)
        gauge.value = 0

        async def resolved() -> bool:
            return (await world.incident())["status"] == "resolved"

        await until(resolved)
        assert await queried(url) == []
        assert len(await world.rows("findings")) == 1
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
