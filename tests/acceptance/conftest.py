"""A world per story, on SQLite and on PostgreSQL."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.acceptance.world import World, a_world


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncGenerator[World]:
    """Give the story a service of its own, on Monday at ten."""
    async with a_world(tmp_path, database_url) as made:
        yield made
