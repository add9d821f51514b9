"""What every check type promises, over the whole table."""

import asyncio
import datetime as dt
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from checks.base import LastPing, Options, Target, Tools
from checks.curl import CurlEngine
from checks.registry import CHECK_TYPES
from monitor.domain.findings import Verdict
from tests.checks.far_ends import free_port, listening, served

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
DOCS = Path(__file__).parents[2] / "docs" / "checks"
LONG_AGO = LastPing(created_at=NOW - dt.timedelta(days=30), last_success=NOW - dt.timedelta(days=29))

TARGETS = {
    "http": "http://127.0.0.1:{port}/",
    "tcp": "127.0.0.1:{port}",
    "tls": "127.0.0.1:{port}",
    "sip": "sip:127.0.0.1:{port};transport=tcp",
    "sip-call": "sip:4000@127.0.0.1:{port};transport=tcp",
    "dns": "127.0.0.1:{port}",
    "icmp": "no-such-host.invalid",
    "smtp": "127.0.0.1:{port}",
    "imap": "127.0.0.1:{port}",
    "ntp": "127.0.0.1:{port}",
    "websocket": "ws://127.0.0.1:{port}/",
    "grpc": "127.0.0.1:{port}",
    "promql": "http://127.0.0.1:{port}",
    "plugin": "",
    "passive": "",
    "snmp": "127.0.0.1:{port}",
    "sql": "postgresql://probe@127.0.0.1:{port}/postgres",
    "heartbeat": "",
}
"""Where each type would look, so that nothing is there; empty for a type that contacts nothing."""

NEEDED: dict[str, dict[str, Any]] = {
    "sql": {"query": "SELECT 1"},
    "dns": {"query": "www.example.test", "transport": "tcp"},
    "promql": {"query": "up", "critical": "> 1"},
    "passive": {"fresh_for": "5m"},
    "plugin": {"command": ["/bin/sh", "-c", "echo it is down; exit 2"]},
    "heartbeat": {"uuid": "0b9a4c1e-2f1d-4f0e-9a63-0d2f8f2f4d11", "period": "1h"},
}
"""The options that have no default."""

LASTING: dict[str, dict[str, Any]] = {
    "tcp": {"expect": "never said"},
    "icmp": {"count": 9, "interval": 5},
    "plugin": {"command": ["/bin/sleep", "60"]},
}
"""The options with which a look goes on although something is there."""

THERE = {"icmp": "127.0.0.1"}
"""Where something is there, for a type whose target has no port."""

ASKS_ANOTHER = {"promql", "passive"}
"""Types whose target is asked about something else: that it is dead says nothing of that."""

every_type = pytest.mark.parametrize("name", CHECK_TYPES)


@asynccontextmanager
async def deaf(port: int) -> AsyncIterator[None]:
    """Hold the port for datagrams, too, and answer none."""
    with socket.socket(type=socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", port))
        yield


def a_target(name: str, target: str, *, timeout: float = 2.0) -> Target:
    return Target(name=f"a-{name}", target=target, timeout=timeout)


def some_options(name: str) -> Options:
    """Return options with only what has no default."""
    return CHECK_TYPES[name].options.model_validate(NEEDED.get(name, {}))


async def last_ping(_uuid: str) -> LastPing:
    return LONG_AGO


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield every key of the model as it is written in the configuration."""
    for name, field in model.model_fields.items():
        yield field.alias or name


@every_type
def test_a_conformance_target_is_known(name):
    assert name in TARGETS, "say in TARGETS where this type looks"


@every_type
def test_its_page_has_its_heading_and_one_for_every_option(name):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^##+ `([^`]+)`", page, re.MULTILINE))
    assert re.search(rf"^# `{name}`", page, re.MULTILINE)
    assert set(keys(CHECK_TYPES[name].options)) - headings == set()


@every_type
def test_every_option_says_what_it_is(name):
    properties = CHECK_TYPES[name].options.model_json_schema()["properties"]
    assert not [key for key, about in properties.items() if not about.get("description")]


@every_type
def test_a_key_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="surely_not_a_key"):
        CHECK_TYPES[name].options.model_validate(NEEDED.get(name, {}) | {"surely_not_a_key": 1})


@pytest.mark.parametrize("name", [name for name in CHECK_TYPES if TARGETS.get(name) != ""])
@pytest.mark.parametrize("target", ["", "no target at all", "\x00", "javascript:alert(1)"])
def test_a_bad_target_is_refused_with_a_sentence(name, target):
    options = some_options(name)
    with pytest.raises(ValueError, match=r"\w+ \w+ ?\w*") as refusal:
        CHECK_TYPES[name].build(a_target(name, target), options, Tools(last_ping=last_ping))
    assert "Traceback" not in str(refusal.value)


@every_type
async def test_a_dead_target_is_down_with_a_symptom_and_a_sentence(name):
    async with CurlEngine() as engine:
        target = a_target(name, TARGETS[name].format(port=free_port()))
        tools = Tools(http=engine, last_ping=last_ping)
        seen = await CHECK_TYPES[name].build(target, some_options(name), tools).observe(NOW)
    if name in ASKS_ANOTHER:
        assert (seen.verdict, seen.symptom) == (Verdict.UNKNOWN, None), seen.detail
    else:
        assert seen.verdict is Verdict.DOWN, seen.detail
        assert seen.symptom is not None
    assert (seen.check, seen.at) == (f"a-{name}", NOW)
    assert seen.detail
    assert seen.detail.isprintable()


@every_type
async def test_a_look_that_is_cancelled_ends_as_cancelled(name):
    async def never(_uuid: str) -> LastPing:
        await asyncio.Event().wait()
        raise AssertionError

    async with CurlEngine() as engine, served(listening) as port, deaf(port):
        target = a_target(name, THERE.get(name, TARGETS[name]).format(port=port), timeout=60)
        given = NEEDED.get(name, {}) | LASTING.get(name, {})
        options = CHECK_TYPES[name].options.model_validate(given)
        check = CHECK_TYPES[name].build(
            target, options, Tools(http=engine, last_ping=never, last_result=never)
        )
        task = asyncio.create_task(check.observe(NOW))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.in_flight == 0
