"""A world whose tickets are in another system."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.world import World, a_world
from tests.tickets.far_end import FarEnd


@dataclass
class Told:
    """A story's world, its tickets' far end, and what passes between them."""

    world: World
    far: FarEnd

    async def outage(self, check: str = "pbx-3-sip") -> str:
        """Let a system fail and its ticket be opened; return the incident's id."""
        await self.world.fails(check)
        await self.world.deliver()
        return str((await self.world.rows("incidents"))[-1]["id"])

    async def sync(self, minutes: float = 2) -> None:
        """Let time pass and read what changed, as the running service does by itself."""
        self.world.clock.forward(minutes * 60)
        await self.world.service.ticket_sync.once()

    async def ticket(self) -> dict:
        """Return the newest ticket on record."""
        return (await self.world.rows("tickets"))[-1]

    async def notes(self) -> list[tuple[str, str]]:
        return [(row["kind"], row["text"]) for row in await self.world.rows("ticket_notes")]


def over(world: World, far: FarEnd) -> Told:
    """Put a world's tickets into another system."""
    world.service.delivery.tickets = far
    world.service.ticket_sync.tickets = far
    return Told(world=world, far=far)


@pytest.fixture
async def told(tmp_path: Path, database_url: str) -> AsyncGenerator[Told]:
    """Give the story a service whose tickets are elsewhere, on Monday at ten."""
    async with a_world(tmp_path, database_url) as world:
        yield over(world, FarEnd())
