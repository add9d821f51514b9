"""From crash reports on record to findings: grouped, mapped to a system, a storm folded.

    accept (one row, committed, then the sender is answered) -> digest (in batches) -> judge -> mark

A report is judged before it is marked as digested: a kill in between judges it again, and the second
judgement joins the incident of the first.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import structlog

from monitor.domain import crashes as domain
from monitor.domain.access import Accepted
from monitor.domain.crash_fixes import Fix, Standing, standing
from monitor.domain.crashes import CrashGroup, CrashReport, Grouping
from monitor.domain.dumps import Dump
from monitor.domain.findings import Finding, Source, Symptom
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.storage import crash_fixes, crash_groups, crash_losses, crashes, moves
from monitor.storage.crash_fixes import Regression
from monitor.storage.crashes import Digested, NewCrash, StoredCrash
from monitor.storage.engine import Store

log = structlog.stdlib.get_logger()
BATCH = 1000  # put on record in one statement
LOOKED_AT = 2000  # digested at a time
AT_ONCE = 16  # incidents that are opened or joined at a time
HOUR, LOOP_WINDOW = timedelta(hours=1), timedelta(minutes=10)
UNMAPPED, FIXED, EMPTY = "unmapped", "fixed", "empty"
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
    groupings: tuple[Grouping, ...] = domain.GROUPINGS
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
        return accepted

    async def note_lost(self, *, token: str, lost: Mapping[str, int]) -> None:
        """Count what a client says it threw away."""
        await self.store.write(crash_losses.note, token, lost, self.clock())

    def known(self, report: CrashReport, *, token: str) -> NewCrash:
        """Return a report as it may be kept: scrubbed, mapped, grouped."""
        clean = domain.scrub(report)
        match = domain.resolve_system(clean, self.pipeline.world.in_force.inventory)
        group = domain.group(clean, self.groupings[0])
        return NewCrash(
            report=clean,
            token=token,
            received_at=self.clock(),
            system=match.serial,
            mapped_by=match.mapped_by,
            group=group.id,
            signature=group.title,
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
            for topic in {"crash" if new.dump is None else "dump" for new, _ in batch}:
                self.pipeline.bell.ring(topic)  # once for all: every ring wakes everybody who listens

    async def digest(self) -> int:
        """Digest one batch of what nobody has looked at yet; return how many reports it was."""
        waiting = await self._adopted(await self.store.read(crashes.undigested, LOOKED_AT))
        if not waiting:
            return 0
        places: dict[Place, list[StoredCrash]] = defaultdict(list)
        for crash in waiting:
            places[self._place(crash)].append(crash)
        seen = await self.store.read(crashes.counts_by_place, list(places), self.clock() - HOUR)
        fixes = await self.store.read(crash_fixes.in_force, {group for group, _ in places})
        # Side by side, for what waits together is committed together; few, for who reports a crash waits for them.
        turns = asyncio.Semaphore(AT_ONCE)

        async def judge(
            place: Place, batch: Sequence[StoredCrash]
        ) -> tuple[list[Digested], Regression | None]:
            async with turns:
                fix = fixes.get(place[0])
                told, regression = await self._told(place, batch, fix)
                return await self._judge(place, batch, seen.get(place, 0), told, fix, regression), regression

        judged = await asyncio.gather(*(judge(*one) for one in places.items()), return_exceptions=True)
        done: list[Digested] = []
        back: list[Regression] = []
        for one in judged:
            if isinstance(one, BaseException):
                raise one  # none is marked: all are judged again, and join the incidents that they have
            done += one[0]
            back += [one[1]] if one[1] else []
        groups = list(_groups(waiting, self.groupings[0]))
        await self.store.write(moves.digested, done, groups, self.clock(), back)
        for each in back:
            log.warning("crash.regression", group=each.group, version=each.version, system=each.system)
        loud = {each.group for each in done if each.system and each.outcome != FIXED}
        for group in loud | {each.group for each in back}:
            self.touch(group)
        for source, count in Counter(crash.source for crash in waiting).items():
            self.metrics.crash_reports.labels(source, "digested").inc(count)
        return len(waiting)

    async def _adopted(self, waiting: list[StoredCrash]) -> list[StoredCrash]:
        """Put reports into the group that an older way of grouping knows them by, while the newest does not yet."""
        if len(self.groupings) == 1:
            return waiting
        older = {
            crash.group: tuple(domain.group(report, each).id for each in self.groupings[1:])
            for crash in waiting
            if crash.group and (report := crash.report)
        }
        if not older:
            return waiting
        known = await self.store.read(crash_groups.adopting, older, self.clock() - domain.TRANSITION)
        return [replace(crash, group=known.get(crash.group or "", crash.group)) for crash in waiting]

    def _place(self, crash: StoredCrash) -> Place:
        known = crash.system if crash.system in self.pipeline.world.in_force.inventory.systems else None
        return crash.group or EMPTY, known

    async def _told(
        self, place: Place, batch: Sequence[StoredCrash], fix: Fix | None
    ) -> tuple[list[StoredCrash], Regression | None]:
        """Return the reports that are not hushed up because their version lacks a known fix, and whether it is back."""
        group, system = place
        if fix is None:
            return list(batch), None
        running = self.pipeline.world.in_force.inventory.systems[system].version if system else None
        stands = [(crash, standing(fix, (_version(crash), running))) for crash in batch]
        back = [crash for crash, what in stands if what is Standing.REGRESSION]
        told = [crash for crash, what in stands if what is not Standing.QUIET]
        if not told and system is not None:
            counts = await self.store.read(crashes.crash_counts, system, group, self.clock() - LOOP_WINDOW)
            told = (
                list(batch) if counts.here >= domain.LOOP else []
            )  # whoever loops is down, whatever is known
        version = (_version(back[-1]) or running or "") if back else ""
        return told, Regression(group=group, version=version, system=system) if back else None

    async def _judge(
        self,
        place: Place,
        batch: Sequence[StoredCrash],
        seen: int,
        told: Sequence[StoredCrash],
        fix: Fix | None,
        back: Regression | None,
    ) -> list[Digested]:
        group, system = place
        newest = next((report for c in reversed(told) if (report := c.report)), None)
        outcome = UNMAPPED
        if system is not None and newest is not None:
            fixed_in = fix.version if fix and back else None
            finding = await self._finding(newest, group, system, len(told), fixed_in)
            outcome = await self.pipeline.judge(finding)
        elif system is None:
            log.warning("crash.unmapped", group=group, count=len(batch))
        loud = {crash.id for crash in told}
        folded = domain.storm([place] * len(batch), {place: seen}, keep=self.keep_per_hour)
        return [
            Digested(
                id=crash.id,
                outcome=outcome if system is None or crash.id in loud else FIXED,
                system=system,
                mapped_by=crash.mapped_by,
                group=group,
                signature=crash.signature or "",
                folded=fold,
            )
            for crash, fold in zip(batch, folded, strict=True)
        ]

    async def _finding(
        self, report: CrashReport, group: str, system: str, count: int, fixed_in: str | None
    ) -> Finding:
        now = self.clock()
        counts = await self.store.read(crashes.crash_counts, system, group, now - LOOP_WINDOW)
        said = domain.crash_finding_facts(
            report,
            recent=max(counts.here, count),
            impact=self._impact(report.process),
            fixed_in=fixed_in,
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


def _version(crash: StoredCrash) -> str | None:
    return None if crash.folded else crash.version


def _groups(waiting: Iterable[StoredCrash], grouping: Grouping) -> Iterator[tuple[CrashGroup, datetime]]:
    """Yield the groups that reports count for; one whose dump was not kept counts for the group it was put into."""
    met: dict[str, CrashGroup] = {}  # all of one group say alike what makes it one
    for crash in waiting:
        if crash.folded:
            continue
        group = met.get(crash.group or "")
        if group is None:
            report = crash.report
            if report is None:
                continue
            group = domain.group(report, grouping)
            if crash.group not in (None, group.id):
                group = replace(group, id=crash.group, title=crash.signature or "")
            met[group.id] = group
        yield group, crash.at
