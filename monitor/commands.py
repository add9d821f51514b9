"""What the commands that only ask do, behind :mod:`monitor.cli`: decisions, deadlines, configurations.

They import nothing of the running service, so that they answer at once. The rest is :mod:`monitor.operating`.
"""

import os
from pathlib import Path
from typing import Any

from checks.registry import load_check_types, options_of
from monitor import asked, asked_policies, asked_requests, configured
from monitor.asked import told, told_due
from monitor.asked_policies import told as told_coverage
from monitor.asked_requests import told as told_request
from monitor.clock import system_clock
from monitor.configured import Configured
from monitor.domain.clocks import RESPONSE
from monitor.errors import ConfigError
from monitor.needed import missing
from monitor.settings import json_schema, shipped
from monitor.settings.policies import load_policies
from monitor.settings.policy_models import PolicyIn

__all__ = ["told", "told_coverage", "told_due", "told_request"]

DEMO_PORTS = ("SIP_1001", "SIP_1002", "SIP_2001", "SIP_3001", "HTTP", "TLS", "TCP")
NOWHERE = {f"DEMO_{name}": "9" for name in DEMO_PORTS}
"""What fills the demo configuration when nothing is running: the discard port."""


def configuration(path: Path) -> Configured:
    """Read a configuration, or raise ConfigError with everything that is wrong with it."""
    return configured.read(path, types=load_check_types(), now=system_clock())


def configuration_or_demo(path: Path | None) -> Configured:
    """Read a configuration; without one, the shipped demo's, over a fleet that is not running."""
    if path is not None:
        return configuration(path)
    return configured.read(
        shipped("demo", "tocsin.yaml"),
        types=load_check_types(),
        now=system_clock(),
        environ={**os.environ, **NOWHERE},
    )


def configuration_here(path: Path | None) -> Path:
    """Return the configuration's path: the one given, else ``tocsin.yaml`` in this folder."""
    if path is not None:
        return path
    here = Path("tocsin.yaml")
    if here.exists():
        return here
    raise ConfigError(["no configuration: give one with -c FILE, or put tocsin.yaml into this folder"])


def explain(text: str, path: Path | None, at: str | None) -> dict[str, Any]:
    """Return the decision for a finding."""
    given = configuration_or_demo(path)
    now = asked.instant(at, None, system_clock())
    return asked.explain(given.in_force, asked.read_finding(text), now)


def due(
    policy: str,
    cls: str,
    plan: str | None,
    calendar: str | None,
    at: str | None,
    path: Path | None,
    clock: str = RESPONSE,
) -> dict[str, Any]:
    """Return when a promise falls due."""
    policies = configuration(path).in_force.policies if path else load_policies([shipped("policies")])
    return asked.due(policies, policy, cls, plan, calendar, at, system_clock(), clock=clock)


def request_check(text: str, path: Path | None) -> dict[str, Any]:
    """Return the judgement of an incoming request, without filing it."""
    given = configuration_or_demo(path)
    return asked_requests.check(given.in_force, asked_requests.read_request(text), system_clock())


def policy_coverage(name: str | None, path: Path | None) -> dict[str, Any]:
    """Return every clause that the policies cite, what cites it, and the tests that prove it."""
    own = configuration(path).settings.policies if path else ()
    return asked_policies.covered([shipped("policies"), *own], name)


def config_check(path: Path) -> str:
    """Say that a configuration is good, what is in it, and what is not installed here that it needs; ConfigError otherwise."""
    given = configuration(path)
    if needed := missing(given.settings):
        raise ConfigError([f"{path}: {problem}" for problem in needed])
    inventory = given.settings.inventory
    return (
        f"{path}: ok: {len(inventory.partners)} partners, {len(inventory.systems)} systems, "
        f"{len(given.settings.checks)} checks, {len(inventory.components)} components, "
        f"policies {', '.join(sorted(given.in_force.policies))}"
    )


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of policy files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyIn.model_json_schema(by_alias=True),
    }


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration."""
    return json_schema(options_of(load_check_types()))
