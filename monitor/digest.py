"""From crash reports on record to findings: grouped, mapped to a system, a storm folded.

    accept (one row, committed, then the sender is answered) -> digest (in batches) -> judge -> mark

A report is judged before it is marked as digested: a kill in between judges it again, and the second
judgement joins the incident of the first.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import structlog

from monitor.domain import crashes as domain
from monitor.domain.access import Accepted
from monitor.domain.crashes import CrashGroup, CrashReport
from monitor.domain.dumps import Dump
from monitor.domain.findings import Finding, Source, Symptom
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.storage import crashes, moves
from monitor.storage.crashes import Digested, NewCrash, StoredCrash
from monitor.storage.engine import Store

log = structlog.stdlib.get_logger()
BATCH = 1000
AT_ONCE = 16  # incidents that are opened or joined at a time
HOUR, LOOP_WINDOW = timedelta(hours=1), timedelta(minutes=10)
UNMAPPED, FOLDED, EMPTY = "unmapped", "folded", "empty"
WAITS = "its dump is being read"

Place = tuple[str, str | None]
"""A crash group and a system (None: not mapped): what one incident is about."""


@dataclass(slots=True, kw_only=True)
class Digest:
    """Takes crash reports in and turns them into findings."""

    pipeline: Pipeline
    store: Store
    clock: Callable[[], datetime]
    metrics: Metrics
    keep_per_hour: int = domain.KEEP_PER_HOUR
    touch: Callable[[str], None] = lambda _group: None
    arrived: list[tuple[NewCrash, asyncio.Future[Accepted]]] = field(
        default_factory=list[tuple[NewCrash, "asyncio.Future[Accepted]"]]
    )
    recording: asyncio.Task[None] | None = None

    async def accept(self, report: CrashReport, *, token: str, dump: Dump | None = None) -> Accepted:
        """Put a report on record, its dump with it; when this returns both are durable."""
        new = self.known(report, token=token)
        if dump is not None:
            new = replace(new, dump=dump, signature=WAITS)
        self.pipeline.failpoint("crash.before_record")
        accepted = await self._record(new)
        self.pipeline.failpoint("crash.after_record")
        self.pipeline.bell.ring("crash" if dump is None else "dump", accepted.id)
        return accepted

    def known(self, report: CrashReport, *, token: str) -> NewCrash:
        """Return a report as it may be kept: scrubbed, mapped, grouped."""
        clean = domain.scrub(report)
        match = domain.resolve_system(clean, self.pipeline.world.in_force.inventory)
        return NewCrash(
            report=clean,
            token=token,
            received_at=self.clock(),
            system=match.serial,
            mapped_by=match.mapped_by,
            group=domain.group(clean).id,
            signature=domain.signature(clean),
        )

    async def _record(self, new: NewCrash) -> Accepted:
        """Put a report on record together with all that arrived meanwhile: one statement, one commit."""
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self.arrived.append((new, answer))
        if self.recording is None or self.recording.done():
            self.recording = asyncio.create_task(self._record_arrived(), name="record crashes")
        return await answer

    async def _record_arrived(self) -> None:
        while self.arrived:
            batch, self.arrived = self.arrived[:BATCH], self.arrived[BATCH:]
            try:
                accepted = await self.store.write(crashes.insert_crashes, [new for new, _ in batch])
            except BaseException as error:  # every sender is told; nobody waits for ever
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, answer), one in zip(batch, accepted, strict=True):
                if not answer.done():
                    answer.set_result(one)

    async def digest(self) -> int:
        """Digest one batch of what nobody has looked at yet; return how many reports it was."""
        waiting = await self.store.read(crashes.undigested, BATCH)
        if not waiting:
            return 0
        places: dict[Place, list[StoredCrash]] = defaultdict(list)
        for crash in waiting:
            places[self._place(crash)].append(crash)
        seen = await self.store.read(crashes.counts_by_place, list(places), self.clock() - HOUR)
        # Side by side, for what waits together is committed together; few, for who reports a crash waits for them.
        turns = asyncio.Semaphore(AT_ONCE)

        async def judge(place: Place, batch: Sequence[StoredCrash]) -> list[Digested]:
            async with turns:
                return await self._judge(place, batch, seen.get(place, 0))

        judged = await asyncio.gather(*(judge(*one) for one in places.items()), return_exceptions=True)
        done: list[Digested] = []
        for one in judged:
            if isinstance(one, BaseException):
                raise one  # none is marked: all are judged again, and join the incidents that they have
            done += one
        await self.store.write(moves.digested, done, list(_groups(waiting)), self.clock())
        for group, system in places:
            if system is not None:
                self.touch(group)
        for source, count in Counter(crash.source for crash in waiting).items():
            self.metrics.crash_reports.labels(source, "digested").inc(count)
        return len(waiting)

    def _place(self, crash: StoredCrash) -> Place:
        known = crash.system if crash.system in self.pipeline.world.in_force.inventory.systems else None
        return crash.group or EMPTY, known

    async def _judge(self, place: Place, batch: Sequence[StoredCrash], seen: int) -> list[Digested]:
        group, system = place
        newest = next((c for c in reversed(batch) if c.report is not None), None)
        outcome = UNMAPPED
        if system is not None and newest is not None and newest.report is not None:
            outcome = await self.pipeline.judge(await self._finding(newest.report, group, system, len(batch)))
        elif system is None:
            log.warning("crash.unmapped", group=group, count=len(batch))
        folded = domain.storm([place] * len(batch), {place: seen}, keep=self.keep_per_hour)
        return [
            Digested(
                id=crash.id,
                outcome=outcome,
                system=system,
                mapped_by=crash.mapped_by,
                group=group,
                signature=crash.signature or "",
                folded=fold,
            )
            for crash, fold in zip(batch, folded, strict=True)
        ]

    async def _finding(self, report: CrashReport, group: str, system: str, count: int) -> Finding:
        now = self.clock()
        counts = await self.store.read(crashes.crash_counts, system, group, now - LOOP_WINDOW)
        said = domain.crash_finding_facts(
            report, recent=max(counts.here, count), impact=self._impact(report.process)
        )
        return Finding(
            system=system,
            symptom=Symptom.CRASH,
            source=Source.CRASH,
            summary=said.summary,
            since=min(report.at, now),
            at=now,
            facts=said.facts,
            origin=f"crash:{system}:{group}",
            group=group,
        )

    def _impact(self, process: str | None) -> str | None:
        """Return the impact that the process's declared role says; the first pattern that fits decides."""
        roles = self.pipeline.world.in_force.roles
        return next(
            (impact for name, impact in roles.items() if process and fnmatchcase(process, name)), None
        )


def _groups(waiting: Iterable[StoredCrash]) -> Iterator[tuple[CrashGroup, datetime]]:
    """Yield the groups that reports count for; one whose dump was not kept counts for the group it was put into."""
    for crash in waiting:
        if crash.report is None:
            continue
        own = domain.group(crash.report)
        if crash.group in (None, own.id):
            yield own, crash.report.at
        else:
            yield (
                CrashGroup(id=crash.group, title=crash.signature or "", grouped_by=own.grouped_by),
                crash.report.at,
            )
