"""Fixtures for every test, and the list of what was skipped for want of something."""

import gc
import logging
import os
import signal
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
import structlog
from xdist.remote import Producer

from alerts import registry as channels_registry
from checks import registry as checks_registry
from monitor.domain.policy import Policy
from monitor.settings import policies
from monitor.settings.shipped import shipped
from tests import memory, sampling, scheduling
from tests.browser import chromium
from tests.databases import (
    blank_database_url,
    compose_once,
    database_url,
    dialect,
    migrate_once,
    postgres,
    postgres_template,
    postgresql_url,
    sqlite_template,
    sqlite_url,
    store,
)
from tests.requirements import MARK
from tests.ticket_systems import running_redmine, tracker

__all__ = [
    "blank_database_url",
    "chromium",
    "database_url",
    "dialect",
    "postgres",
    "postgres_template",
    "postgresql_url",
    "running_redmine",
    "sqlite_template",
    "sqlite_url",
    "store",
    "tracker",
]


@pytest.fixture(autouse=True, scope="session")
def done_once() -> None:
    """Do once in a process what every assembled service would do again.

    That is reading what pip installed, composing statements, and migrating. An error that is
    logged is written as Python writes it: structlog's own way, with every variable in colour, takes seconds.
    """
    structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback
    compose_once()
    migrate_once()
    for registry in (checks_registry, channels_registry):
        registry.entry_points = cache(registry.entry_points)  # type: ignore[attr-defined]


def _once_where_shipped(read: Callable[[Path], Policy]) -> Callable[[Path], Policy]:
    once, folder = cache(read), shipped("policies")
    return lambda path: once(path) if path.parent == folder else read(path)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Generator[None]:
    """Undo what a command that ran in here has set up: it writes to a stderr that is closed by now."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:], root.level = before


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the long run ask for everything."""
    parser.addoption(
        "--everything", action="store_true", help="run what is sampled otherwise (tests/sampling.py)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Decide whether this run is a sample; keep event loops from handling Ctrl-C by themselves.

    A loop that finds Python's own handler puts one of its own in its place for every fixture and test, and writes down
    what the last one returned (the whole service) to compare the two: a third of the suite's time.
    """
    sampling.configure(config)
    if place := memory.folder():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)  # where pytest makes ``tmp_path``
    policies.load_policy = _once_where_shipped(policies.load_policy)  # before a module of tests reads them
    signal.signal(signal.SIGINT, _interrupted)


def pytest_report_header() -> str | None:
    """Say which sample of the long runs this is."""
    return sampling.told()


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and never walk ten thousand tests for it: a fifth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many workers ``-n auto`` gives: two for each core, because every other test waits for a peer."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> scheduling.Shared:
    """Share the tests out by file, in the order they were collected in."""
    config.option.loadscopereorder = False
    return scheduling.Shared(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long; leave to the long run what only repeats; give long harnesses the time they take."""
    items.sort(key=lambda item: scheduling.turn(item.nodeid))
    for item in items:
        if item.get_closest_marker("slow") or item.nodeid.startswith(("tests/crash/", "tests/power/")):
            item.add_marker(pytest.mark.timeout(400))
    if left := sampling.left_out(items):
        config.hook.pytest_deselected(items=left)
        gone = set(left)
        items[:] = [item for item in items if item not in gone]


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
