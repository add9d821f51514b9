"""The alert rules that are shipped: Prometheus reads them, they name real series, and they ring when they should."""

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from monitor.metrics import Metrics
from monitor.settings import yaml12
from tests.requirements import require

RULES = Path(__file__).parents[2] / "config" / "prometheus" / "rules.yml"
HOW = "apt-get install prometheus"

STORY = """
rule_files: [%s]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="tocsin"}', values: "%s"}
      - {series: tocsin_engine_last_cycle_timestamp_seconds, values: "%s"}
      - {series: tocsin_checks_overdue, values: "%s"}
      - {series: tocsin_outbox_oldest_seconds, values: "%s"}
      - {series: 'tocsin_clock_breaches_total{class="critical",clock="response"}', values: "%s"}
      - {series: tocsin_config_last_reload_successful, values: "%s"}
      - {series: 'tocsin_phone_lines{state="down"}', values: "%s"}
      - {series: 'tocsin_provider_up{provider="phone"}', values: "%s"}
      - {series: tocsin_outbox_ambiguous, values: "%s"}
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{alertstate="firing"})
        eval_time: 15m
        exp_samples: [%s]
"""
WELL = ("1x20", "0+60x20", "0x20", "0x20", "0x20", "1x20", "0x20", "1x20", "0x20")


def series_of(metric: Metric) -> set[str]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric.type, ("",))
    return {metric.name + suffix for suffix in suffixes}


def test_every_series_in_a_rule_exists():
    known = set().union(*(series_of(metric) for metric in Metrics(version="0").registry.collect()))
    named = {name for rule in rules() for name in re.findall(r"\btocsin_\w+", rule["expr"])}
    assert named
    assert named - known == set()


def test_every_alert_says_what_is_the_matter_and_what_to_look_at():
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_promtool_reads_the_rules():
    promtool = require("promtool", "the shipped alert rules are read by Prometheus itself", how=HOW)
    done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize(
    ("place", "values", "rings"),
    [
        pytest.param(0, "1x20", None, id="all is well"),
        pytest.param(0, "1x4 0x15", "TocsinDown", id="the service is gone"),
        pytest.param(0, "_x20", "TocsinDown", id="nobody scrapes it at all"),
        pytest.param(1, "0+60x4 240x15", "TocsinEngineStuck", id="the engine stands still"),
        pytest.param(2, "0x4 3x15", "TocsinChecksOverdue", id="checks are not looked at"),
        pytest.param(3, "0x4 100+100x15", "TocsinContactsStuck", id="a contact waits"),
        pytest.param(4, "0x9 1x10", "TocsinPromiseBroken", id="a further promise is broken"),
        pytest.param(4, "_x9 1x10", "TocsinPromiseBroken", id="the first promise is broken"),
        pytest.param(5, "1x4 0x15", "TocsinConfigurationRefused", id="a configuration is refused"),
        pytest.param(6, "0x4 1x15", "TocsinPhoneLineDown", id="a telephone line is down"),
        pytest.param(7, "1x4 0x15", "TocsinProviderAway", id="a provider is away"),
        pytest.param(8, "0x4 2x15", "TocsinContactInDoubt", id="contacts are in doubt"),
    ],
)
def test_an_alert_rings(tmp_path, place, values, rings):
    promtool = require("promtool", "the shipped alert rules ring when they should", how=HOW)
    given = [*WELL[:place], values, *WELL[place + 1 :]]
    expected = f"{{labels: '{{alertname=\"{rings}\"}}', value: 1}}" if rings else ""
    (tmp_path / "story.yml").write_text(STORY % (RULES, *given, expected))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "story.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def rules():
    return [rule for group in yaml12.load_file(RULES).data["groups"] for rule in group["rules"]]
