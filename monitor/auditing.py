"""Whether the audit is whole: its chain followed from the first row at the start and each hour, and shown at any time.

all rows, a thousand at a time -> Walk -> log, gauge        a page: that walk, and what came since (a read or two)
"""

import asyncio
import base64
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from monitor.domain.audit_chain import Walk, ended, follow
from monitor.metrics import Metrics
from monitor.settings.intake_sections import Secrets
from monitor.storage import audit
from monitor.storage.engine import Store
from monitor.storage.faults import StorageUnavailableError

log = structlog.stdlib.get_logger()
EVERY = timedelta(hours=1)
AT_ONCE = 1000
SHORT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How the log is, whether its seals were checked, and when all of it was last read."""

    walk: Walk
    keyed: bool
    read_at: datetime


@dataclass(slots=True, kw_only=True)
class Auditing:
    """Follows the chain; what it remembers is only where to go on."""

    store: Store
    clock: Callable[[], datetime]
    metrics: Metrics
    keys: Sequence[bytes] = ()
    seen: Walk = field(default_factory=Walk)
    read_at: datetime | None = None

    async def run(self) -> None:
        """Read all of it now and each hour, until cancelled."""
        while True:
            try:
                await self.read_all()
            except StorageUnavailableError:
                log.warning("audit.not_read")
            await asyncio.sleep(EVERY.total_seconds())

    async def read_all(self) -> Checked:
        """Follow the chain from its first row, and say in the log how it is: its head is an anchor there."""
        at = self.clock()
        found = await self._go_on(Walk(), at)
        self.metrics.audit_rows.set(found.walk.rows)
        self.metrics.audit_whole.set(found.walk.whole)
        said = {"rows": found.walk.rows, "head": found.walk.hash, "sealed": found.walk.sealed}
        if found.walk.whole:
            log.info("audit.whole", **said)
        else:
            log.error("audit.broken", row=found.walk.broken, fault=found.walk.fault, **said)
        return found

    async def look(self) -> Checked:
        """Say how it is: what was read, and what came since; a short log is read anew each time."""
        if self.read_at is None or not self.seen.whole or self.seen.rows <= SHORT or await self._is_shorter():
            return await self._go_on(Walk(), self.clock())
        return await self._go_on(self.seen, self.read_at)

    async def _is_shorter(self) -> bool:
        """Tell whether the row that was read last is not the same any more."""
        last = await self.store.read(audit.entries, (self.seen.last or 0) - 1, 1)
        return not last or (last[0].seq, last[0].hash) != (self.seen.last, self.seen.hash)

    async def _go_on(self, walk: Walk, read_at: datetime) -> Checked:
        """Follow the chain from where a walk ended; only then is it remembered: several may go at once."""
        while rows := await self.store.read(audit.entries, walk.last or 0, AT_ONCE):
            walk = follow(walk, rows, self.keys)
            if not walk.whole or len(rows) < AT_ONCE:
                break
        self.seen, self.read_at = walk, read_at
        rows, head = await self.store.read(audit.chain_end, walk)
        walk = ended(follow(walk, rows, self.keys), head, self.keys)
        return Checked(walk=walk, keyed=bool(self.keys), read_at=read_at)


def audit_keys(settings: Secrets) -> tuple[bytes, ...]:
    """Return the keys of the audit's seals, the newest first: made of those under which credentials are kept."""
    given = (settings.key, *settings.previous) if settings.key is not None else ()
    return tuple(_derived(base64.b64decode(key.reveal().strip())) for key in given)


def sealing_key(settings: Secrets) -> bytes | None:
    """Return the key that seals from now on; None without one: rows are chained all the same."""
    return next(iter(audit_keys(settings)), None)


def _derived(key: bytes) -> bytes:
    return hmac.digest(key, b"tocsin audit", "sha256")
