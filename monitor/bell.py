"""A doorbell inside one process: "something about X changed, go and look".

It carries no truth: a ring may be lost at any moment and costs only latency, because everything that
matters is a row and everybody who waits for a ring also looks by himself every second or so.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

QUEUE = 256  # a listener that is this far behind has its oldest rings dropped


@dataclass(frozen=True, slots=True)
class Ring:
    """That something changed: ``topic`` is incident, outbox, maintenance, component, crash, dump, alert or config."""

    topic: str
    id: str = ""


class Bell:
    """Anybody rings, everybody who listens hears; nobody waits for anybody."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Ring]] = set()
        self.rung = 0  # how often, so that who keeps something can tell whether it is still the newest

    def ring(self, topic: str, id: str = "") -> None:  # noqa: A002 - the field's own word
        """Tell all listeners, without waiting. Call it on the event loop, after the commit."""
        self.rung += 1
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(Ring(topic, id))

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[asyncio.Queue[Ring]]:
        """Hear every ring from now on, until the context is left."""
        queue: asyncio.Queue[Ring] = asyncio.Queue(QUEUE)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
