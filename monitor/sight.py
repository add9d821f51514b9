"""Our own sight: anchors are asked between a failing look and the verdict, and by the way, so that the board knows.

    asked: anchors are looked at, those who ask meanwhile share the next look    run: the same, by the way
    once:  (every second) what came of it is put on record; our own people are told of it, and of its end

What is known is in memory (:class:`monitor.domain.anchors.Eyes`) and the spell of blindness on record, so that after
a restart nobody is told twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from checks.base import Check
from monitor.alarms import alarm
from monitor.bell import Bell
from monitor.domain import anchors
from monitor.domain.anchors import Eyes, Glance
from monitor.domain.contacts import Obligation
from monitor.domain.findings import Observation, Symptom, Verdict
from monitor.metrics import Metrics
from monitor.settings.anchor_sections import Anchors
from monitor.storage import blindness
from monitor.storage.blindness import Spell
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()

APART = 1.0  # between the beginnings of two looks at the anchors, however many ask
WHILE_BLIND = 2.0  # how often they are looked at by the way while we are cut off
SPARE = 1.0  # beyond an anchor's own timeout


@dataclass(slots=True, kw_only=True)
class Sight:
    """Knows whether we see out; one per process, ``who`` is its machine."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    who: str
    rules: Anchors = field(default_factory=Anchors)
    looks_at: Mapping[str, Check] = field(default_factory=dict[str, Check])
    eyes: Eyes = field(default_factory=Eyes)
    spell: Spell | None = None
    apart: float = APART
    next: asyncio.Task[None] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    began: float = float("-inf")
    glances: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def configure(self, rules: Anchors, looks_at: Mapping[str, Check]) -> None:
        """Go by these anchors from now on."""
        self.rules, self.looks_at = rules, looks_at
        if not looks_at:
            self.eyes = Eyes()
        self.metrics.anchors.set(len(looks_at))
        self.metrics.anchors_answering.set(len(looks_at))
        self.metrics.sees_out.set(1)
        self.changed.set()

    async def resume(self) -> None:
        """Take up a spell of blindness that a restart has interrupted."""
        self.spell = await self.store.read(blindness.standing, self.who)

    # between the failing look and the verdict -------------------------------------------------------------

    async def believed(self, seen: Observation, *, asks: bool) -> Observation:
        """Return a look as it may be believed; ``asks``: a failing one is worth asking the anchors first."""
        if seen.verdict not in anchors.FAILING or not self.looks_at:
            return seen
        if asks and not anchors.doubted(self.eyes, seen):
            await self.ask()
        believed = anchors.believed(self.eyes, seen)
        if believed is not seen:
            self.metrics.looks_doubted.inc()
        return believed

    async def ask(self) -> None:
        """Look at the anchors once, from now on: those who ask before it begins share it."""
        if self.next is None:
            self.next = asyncio.create_task(self._soon(), name="look at the anchors")
        await asyncio.shield(self.next)

    async def _soon(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.turn:
            await asyncio.sleep(max(0.0, self.began + self.apart - loop.time()))
            self.next, self.began = None, loop.time()  # who asks from here on wants another
            await self._glance(whole=False)

    async def glance(self) -> None:
        """Look at every anchor now."""
        async with self.turn:
            self.began = asyncio.get_running_loop().time()
            await self._glance(whole=True)

    async def _glance(self, *, whole: bool) -> None:
        """Look at the anchors; enough answers are enough, unless it is to be known ``whole``."""
        at, rules, looks_at = self.clock(), self.rules, self.looks_at
        glance = await look_around(looks_at, rules, at, whole=whole)
        if looks_at is self.looks_at:  # else others were configured meanwhile
            self._take(glance, whole=whole or glance.answered + len(glance.silent) == glance.of)

    def _take(self, glance: Glance, *, whole: bool) -> None:
        self.glances += 1
        before, self.eyes = self.eyes, anchors.after(self.eyes, glance, self.clock())
        if whole:
            self.metrics.anchors_answering.set(glance.answered)
        self.metrics.sees_out.set(0 if self.eyes.blind else 1)
        if before.blind != self.eyes.blind:
            if self.eyes.blind:
                log.error("sight.lost", why=self.eyes.why)
            elif before.blind_since:
                log.warning("sight.back", since=before.blind_since.isoformat())
            self.changed.set()

    # by the way -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look at the anchors by the way until cancelled, more often while we are cut off."""
        while True:
            self.changed.clear()
            if self.looks_at:
                await self.glance()
            pause = min(self.rules.every, WHILE_BLIND) if self.eyes.blind else self.rules.every
            try:
                async with asyncio.timeout(pause):
                    await self.changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(min(pause, WHILE_BLIND))

    async def once(self, now: datetime) -> None:
        """Put on record that we are cut off, or are no more, and let our own people know what they must."""
        eyes, spell = self.eyes, self.spell
        if eyes.blind_since is not None:
            if spell is None:
                begun = Spell(id=f"bld_{self.new_id()}", who=self.who, since=eyes.blind_since, why=eyes.why)
                self.spell = spell = await self.store.write(blindness.begin, begun)
            due = anchors.alarm_due(spell.since, now, timedelta(seconds=self.rules.alarm_after))
            if spell.alarmed_at is None and due:
                owed = self._alarm(f"blind|{spell.id}", anchors.alarm_text(spell.since, eyes.why))
                self.spell = await self.store.write(blindness.alarm, spell, owed, now)
                self.bell.ring("outbox")
        elif spell is not None and (
            self.glances or not self.looks_at
        ):  # after a restart nothing is known yet
            until = max(eyes.blind_at or now, spell.since)
            owed = self._alarm(f"sight|{spell.id}", anchors.back_text(spell.since, until))
            await self.store.write(blindness.end, spell, until, owed, now)
            self.spell = None
            self.bell.ring("outbox")

    def _alarm(self, key: str, text: str) -> Obligation:
        inventory = self.world.in_force.inventory
        return alarm(inventory, self.clock(), id_=f"out_{self.new_id()}", key=key, text=text)


async def look_around(looks_at: Mapping[str, Check], rules: Anchors, at: datetime, *, whole: bool) -> Glance:
    """Look at these anchors; enough answers are enough, unless it is to be known ``whole``."""
    said: dict[str, str | None] = {}

    async def one(name: str, check: Check) -> None:
        said[name] = await _silent(check, at, rules.timeout)

    pending = {asyncio.create_task(one(*each), name=f"anchor {each[0]}") for each in looks_at.items()}
    try:
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if not whole and sum(word is None for word in said.values()) >= rules.quorum:
                break
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    answered = sum(word is None for word in said.values())
    silent = {name: word for name, word in said.items() if word is not None}
    return Glance(at=at, answered=answered, of=len(looks_at), quorum=rules.quorum, silent=silent)


async def _silent(check: Check, now: datetime, longest: float) -> str | None:
    """Look at one anchor; return None if it answered, whatever it said, else what was seen."""
    try:
        async with asyncio.timeout(longest + SPARE):
            seen = await check.observe(now)
    except TimeoutError:
        return "no answer in time"
    except Exception:
        log.exception("anchor.raised")
        return "the look itself failed"
    talked = seen.verdict in (Verdict.UP, Verdict.DEGRADED) or seen.symptom is Symptom.DEGRADED
    return None if talked else seen.detail or "no answer"
