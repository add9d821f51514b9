"""The ticket systems that the conformance suite runs over, one after the other."""

from collections.abc import AsyncIterator

import pytest

from tests.alerts.tickets.all_ends import BRIEFLY, ENDS, an_end
from tests.alerts.tickets.ends import End
from tests.far_ends.faults import Wire, a_wire


@pytest.fixture(params=ENDS)
async def end(request: pytest.FixtureRequest) -> AsyncIterator[End]:
    """One ticket system after the other."""
    async with an_end(request.param, request) as opened:
        yield opened


@pytest.fixture
async def wire(end: End) -> AsyncIterator[Wire]:
    """A wire to it that can be told to fail."""
    async with a_wire(end.url) as laid:
        yield laid


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take one variation of each test for those that are gone through briefly; the others get them all."""
    seen: set[str] = set()
    dropped = []
    for item in items:
        call = getattr(item, "callspec", None)
        if call is None or not any(call.params.get("end") == name for name in BRIEFLY):
            continue
        if call.params["end"] == "redmine" and "fault" not in call.params:
            continue  # hostile texts and marks are for a real one
        name = f"{item.parent}{item.originalname}"  # type: ignore[attr-defined] # a function's
        if name in seen:
            dropped.append(item)
        seen.add(name)
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]
