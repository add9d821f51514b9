"""Fixtures for every test, and the list of what was skipped for want of something."""

import pytest

from tests.databases import (
    blank_database_url,
    database_url,
    dialect,
    postgres,
    postgres_template,
    postgresql_url,
    sqlite_template,
    sqlite_url,
    store,
)
from tests.requirements import MARK

__all__ = [
    "blank_database_url",
    "database_url",
    "dialect",
    "postgres",
    "postgres_template",
    "postgresql_url",
    "sqlite_template",
    "sqlite_url",
    "store",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was not tested here, why that matters and how to get what is missing; each once."""
    reasons = [
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    missing = [reason.partition(MARK)[2] for reason in reasons if MARK in reason]
    for line in sorted(set(missing)):
        terminalreporter.write_line(f"skipped: {line} ({missing.count(line)} tests)", yellow=True)
