"""An engine, and certificates that a client of ours trusts."""

from collections.abc import AsyncIterator

import pytest

from checks.curl import CurlEngine
from tests.checks.far_ends import Authority, an_authority


@pytest.fixture
async def engine() -> AsyncIterator[CurlEngine]:
    async with CurlEngine() as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("certificates"))
