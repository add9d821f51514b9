"""What a configuration and its policies say against each other is refused, with its place."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.registry import load_check_types
from monitor import configured
from monitor.errors import ConfigError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BASE = """
partners: [{id: a, name: A, policy: wildix, tier: gold, country: IT}]
systems: [{serial: S, name: n, partner: a}]
checks:
  - {name: x, type: tcp, system: S, target: "127.0.0.1:1", facts: {FACTS}}
"""


def read(path: Path, facts: str) -> configured.Configured:
    (path / "tocsin.yaml").write_text(BASE.replace("{FACTS}", "{" + facts + "}"))
    return configured.read(path, types=load_check_types(), now=NOW)


def test_a_fact_that_no_policy_knows_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, "impct: severe")
    (problem,) = refused.value.problems
    assert problem.startswith(f"{tmp_path}/tocsin.yaml:5:5: checks.x.facts.impct: ")
    assert problem.endswith("did you mean 'impact'?")


def test_the_four_facts_are_known(tmp_path: Path) -> None:
    made = read(tmp_path, "operator_caused: false, workaround: false, impact: severe, planned: null")
    assert made.settings.checks[0].facts["impact"] == "severe"


def test_an_address_for_mail_with_a_policy_that_nobody_knows_is_refused_with_a_suggestion(
    tmp_path: Path,
) -> None:
    more = "mail_in: {addresses: [{address: help@example.org, policy: helpdek}, {address: a@example.org, policy: plm}]}\n"
    (tmp_path / "tocsin.yaml").write_text(BASE.replace("{FACTS}", "{}") + more)
    with pytest.raises(ConfigError) as refused:
        configured.read(tmp_path, types=load_check_types(), now=NOW)
    (problem,) = refused.value.problems
    assert problem.startswith(
        f"{tmp_path}/tocsin.yaml:6:22: mail_in.addresses: help@example.org: unknown policy 'helpdek'"
    )
    assert problem.endswith("did you mean 'helpdesk'?")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("192.0.2.53", "is not host:port (a port is a number from 1 to 65535)"),
        ("169.254.169.254:80", "is a link-local or cloud metadata address, which is never looked at"),
        ("https://", "host"),
    ],
)
def test_an_anchor_that_nothing_can_look_at_is_refused_with_its_place(
    tmp_path: Path, target: str, said: str
) -> None:
    more = f"anchors: {{targets: [{target!r}]}}\n"
    (tmp_path / "tocsin.yaml").write_text(BASE.replace("{FACTS}", "{}") + more)
    with pytest.raises(ConfigError) as refused:
        configured.read(tmp_path, types=load_check_types(), now=NOW)
    (problem,) = refused.value.problems
    assert problem.startswith(f"{tmp_path}/tocsin.yaml:6:20: anchors.targets: ")
    assert said in problem


def test_a_second_look_of_a_class_that_no_policy_has_or_by_a_check_that_stays_is_refused(
    tmp_path: Path,
) -> None:
    text = BASE.replace("{FACTS}", "{}") + (
        "  - {name: p, type: plugin, system: S, command: [/bin/true], second_look: true}\n"
        "second_look: {classes: [critcal]}\n"
    )
    (tmp_path / "tocsin.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        configured.read(tmp_path, types=load_check_types(), now=NOW)
    unknown, stays = refused.value.problems
    assert "second_look.classes: no policy has a class 'critcal'; known are " in unknown
    assert unknown.endswith("did you mean 'critical'?")
    assert stays.endswith(
        ":6:5: checks.p.second_look: not for type plugin: a plugin is a program of its own and chooses its way out"
    )
