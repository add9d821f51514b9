"""An unmodified @sentry/node against the intake: chunked, no Content-Type, key in the query."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.node_packages import node_package
from tests.requirements import require

HERE = Path(__file__).parent
WHY = "crashes of Node programs are tested with the real SDK"


@pytest.fixture(scope="session")
def sentry_node() -> str:
    """Install the pinned SDK into the cache once; give the address of its module."""
    require("node", WHY)
    module = node_package("@sentry/node", WHY)
    return (module / json.loads((module / "package.json").read_text())["main"]).resolve().as_uri()


async def test_a_node_programs_exceptions_are_on_record(sentry_node, intake):
    process = await asyncio.create_subprocess_exec(
        "node", HERE / "crash.mjs", sentry_node, intake.dsn(), stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    small, large = sorted(
        (s.report for s in await intake.stored()), key=lambda report: report.message, reverse=True
    )
    assert (small.exception, small.message) == ("TypeError", "trunk is not a function")
    assert small.frames[0].function == "dialTrunk"
    assert small.frames[0].in_app is True
    assert (small.release, small.version, small.environment) == ("portal@3.1.4", "3.1.4", "production")
    assert small.system_hint == {"serial": "PBX-1001", "host": "pbx-node-01"}
    assert large.exception == "RangeError"
