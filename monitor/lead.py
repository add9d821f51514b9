"""What the support lead's commands do, behind :mod:`monitor.cli_lead`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor import asked_differences
from monitor.asked_differences import told as told_diff
from monitor.clock import system_clock
from monitor.commands import configuration
from monitor.domain.policy import Policy
from monitor.settings import shipped
from monitor.settings.policies import load_policies

__all__ = ["told_diff"]


def policies(path: Path | None) -> Mapping[str, Policy]:
    """Return the policies a configuration has in force; without one the shipped."""
    return configuration(path).in_force.policies if path else load_policies([shipped("policies")])


def policy_diff(old: str, new: str, path: Path | None) -> dict[str, Any]:
    """Return what differs between two editions of a policy."""
    known = policies(path)
    return asked_differences.diff(
        asked_differences.chosen(old, known), asked_differences.chosen(new, known), system_clock()
    )
