"""Results of looks that others have made: on record first, then looked at at once, as any check is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from checks.base import LastResult
from monitor.domain.findings import Verdict
from monitor.errors import ConflictError, NotFoundError
from monitor.settings import CheckSettings
from monitor.storage import passive
from monitor.storage.engine import Store

PASSIVE = "passive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passive:
    """Takes results of passive checks."""

    store: Store
    clock: Callable[[], datetime]
    checks: Callable[[], Sequence[CheckSettings]]
    look_now: Callable[[str], None]

    async def accept(
        self, name: str, verdict: Verdict, at: datetime, detail: str, values: Mapping[str, float]
    ) -> bool:
        """Put a result on record, and look at its check at once; False for an older one."""
        result = passive.Result(
            check=name, verdict=verdict, at=at, received_at=self.clock(), detail=detail, values=values
        )
        kept = await self.store.write(passive.keep, result)
        if kept:
            with suppress(NotFoundError):  # configured away this moment
                self.look_now(name)
        return kept

    def system_of(self, name: str) -> str | None:
        """Return whose check it is."""
        found = next((check for check in self.checks() if check.name == name), None)
        if found is None:
            raise NotFoundError
        if found.type != PASSIVE:
            raise ConflictError(f"the check {name} is of type {found.type}: it looks by itself")
        return found.system


def last_result(store: Store) -> Callable[[str], Awaitable[LastResult | None]]:
    """Return what tells a passive check its last result."""

    async def last(name: str) -> LastResult | None:
        found = await store.read(passive.last, name)
        if found is None:
            return None
        return LastResult(
            verdict=found.verdict, received_at=found.received_at, detail=found.detail, values=found.values
        )

    return last
