"""The ticket systems that the conformance suite runs over, one after the other."""

from collections.abc import AsyncIterator

import pytest

from tests.alerts.tickets.all_ends import ENDS, an_end
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
