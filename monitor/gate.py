"""The gate of the outbox: lets rows out to their providers, in order, as many as each takes now.

    choose (read) -> claim (one transaction) -> begun ... ended -> answered | away

What binds several processes (rates, caps, whether a provider is away) is on record and asked in the claim's own
transaction; only how many sends are under way here is this process's own.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from alerts.dialling import country_of
from monitor import standing_in
from monitor.alarms import alarm
from monitor.domain.contacts import PROBLEM, Obligation
from monitor.domain.pacing import ContactRules
from monitor.domain.queueing import provider_of
from monitor.errors import DeliveryError
from monitor.metrics import Metrics
from monitor.storage import outbox, providers
from monitor.storage.engine import Store
from monitor.storage.outbox import Due, Terms
from monitor.world import World

log = structlog.stdlib.get_logger()

BATCH = 32
CHOSEN = 128  # more than are claimed, so that two processes find enough beside each other
LEASE = timedelta(seconds=45)  # longer than a send may take, so that no living sender loses its lease


@dataclass(slots=True, kw_only=True)
class Gate:
    """Claims what goes out next; one per process."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    metrics: Metrics
    driver: Mapping[str, str]
    rules: ContactRules = field(default_factory=ContactRules)
    again_at: datetime | None = None
    under_way: Counter[str] = field(default_factory=Counter[str])
    troubled: set[str] = field(default_factory=set[str])

    async def claim(self, most: int = BATCH) -> list[Due]:
        """Claim what goes out now, with the intent of an attempt committed for each."""
        while True:
            now = self.clock()
            chosen = await self.store.read(outbox.choose, now, self.rules, limit=CHOSEN, full=self._full())
            self.again_at = chosen.again_at
            self.troubled |= chosen.troubled
            if not chosen.rows:
                return []
            claimed = await self.store.write(outbox.claim, chosen.rows, self._terms(now, most))
            self.again_at = min(filter(None, (claimed.again_at, chosen.again_at)), default=None)
            if claimed.due or not claimed.seen:  # what it saw and did not take made room for others
                return [self._begun(due) for due in claimed.due]

    def _full(self) -> frozenset[str]:
        return frozenset(name for name, sends in self.under_way.items() if sends >= self.rules.at_once)

    def _terms(self, now: datetime, most: int) -> Terms:
        room = {name: self.rules.at_once - sends for name, sends in self.under_way.items()}
        return Terms(
            now=now,
            lease=LEASE,
            token=self.new_id(),
            new_ids=[f"att_{self.new_id()}" for _ in range(most)],
            driver=self.driver,
            rules=self.rules,
            country_of=country_of,
            fall_back=self._fall_back,
            room=room,
        )

    def _begun(self, due: Due) -> Due:
        """Count a send that is under way, and what it had waited for."""
        self.metrics.outbox_wait.labels(due.channel, due.waits or "none").observe(due.waited)
        self.under_way[provider_of(due.channel, due.recipient)] += 1
        return due

    # sends -------------------------------------------------------------------------------------------------

    def ended(self, due: Due) -> bool:
        """Count a send no more; whether its provider had been full, so that another may be claimed."""
        name = provider_of(due.channel, due.recipient)
        was_full = self.under_way[name] >= self.rules.at_once
        self.under_way[name] -= 1
        return was_full

    async def answered(self, due: Due) -> None:
        """Note that a provider answered, whatever it said: it is not away."""
        name = provider_of(due.channel, due.recipient)
        if name not in self.troubled:
            return
        self.troubled.discard(name)
        if await self.store.write(providers.back, name, now=self.clock()):
            log.info("provider.back", provider=name)

    async def away(self, due: Due, error: DeliveryError) -> bool:
        """Let a row wait that found its provider away, and its neighbours with it after a few of those.

        False: it is away for this row only, which has spent its attempts and is still the caller's.
        """
        name = provider_of(due.channel, due.recipient)
        self.troubled.add(name)
        pause = (error.retry_after or 0.0) if error.busy else error.retry_after
        breaker = await self.store.write(
            outbox.not_taken,
            due,
            name,
            now=self.clock(),
            reason=str(error),
            rules=self.rules,
            pause=pause,
            patient=error.refused,
        )
        if breaker.is_down:
            log.warning("provider.away", provider=name, why=str(error), probes=breaker.probes)
        return error.refused or pause is not None or not outbox.is_alone(due, breaker, self.rules)

    async def may_ask(self, name: str) -> bool:
        """Whether a provider may be asked what became of a call: while it is away, one question at a time."""
        self.troubled.add(name)  # so that an answer is noted, after a restart too
        return await self.store.write(providers.asks, name, now=self.clock())

    async def suspect(self, due: Due, error: DeliveryError) -> None:
        """Count a failure that says a provider is away where the row itself is in doubt."""
        if error.away:
            name = provider_of(due.channel, due.recipient)
            self.troubled.add(name)
            await self.store.write(
                providers.away, name, now=self.clock(), why=str(error), policy=self.rules.breaker
            )

    async def rest(self, due: Due, seconds: float | None) -> None:
        """Send a provider nothing for a while, because it asked for that."""
        if seconds:
            name = provider_of(due.channel, due.recipient)
            await self.store.write(providers.rest, name, until=self.clock() + timedelta(seconds=seconds))

    # what our own people must know -----------------------------------------------------------------------------

    async def raise_alarms(self) -> None:
        """Tell whoever is on call of a provider that has been away for long, while somebody waits for it."""
        now = self.clock()
        if await self.store.read(providers.alarms_due, now, self.rules.breaker):
            await self.store.write(providers.raise_alarms, now, self.rules.breaker, self._provider_alarm)

    def _provider_alarm(self, name: str, since: datetime, why: str, waiting: int) -> Obligation:
        text = (
            f"The {_PROVIDERS.get(name, name)} has been away since {since:%H:%M} UTC: {why}. "
            f"{waiting} contacts wait for it. They go out by themselves when it is back."
        )
        log.error("provider.alarm", provider=name, waiting=waiting)
        return self._alarm(f"provider|{name}|{since:%Y-%m-%dT%H:%M:%S}", text, without=name)

    def _fall_back(self, row: Mapping[Any, Any], what: str, key: str) -> tuple[Obligation, ...]:
        """Return what is owed where a call may not be placed any more today."""
        self.metrics.caps_hit.labels(key.partition("|")[0]).inc()
        said = f"Calls to partners are stopped: {what}. Look whether somebody is abusing the telephone."
        told = self._alarm(f"{key}|{self._country(row, key)}", said)
        if not row["incident"]:
            return (told,)
        return told, self._ticket(row)

    @staticmethod
    def _country(row: Mapping[Any, Any], key: str) -> str:
        return (country_of(row["recipient"]) or "") if key.startswith("country") else ""

    def _ticket(self, row: Mapping[Any, Any]) -> Obligation:
        return standing_in.ticket(
            self.world.in_force.inventory,
            self.clock(),
            id_=f"out_{self.new_id()}",
            incident=row["incident"],
            partner=row["partner"],
            contact=row["contact"],
            language=row["language"],
            priority=row["priority"],
            problem=str(json.loads(row["payload"]).get(PROBLEM) or ""),
        )

    def _alarm(self, key: str, text: str, *, without: str = "") -> Obligation:
        inventory = self.world.in_force.inventory
        return alarm(inventory, self.clock(), id_=f"out_{self.new_id()}", key=key, text=text, without=without)


_PROVIDERS = {"phone": "telephone", "ticket": "ticket system", "mail": "mail server"}
