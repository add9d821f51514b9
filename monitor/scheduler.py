"""Keeps every check looking at its own pace: 100,000 in one process, none of them late for another's sake.

Theory of operation. Each check is a :class:`Slot`; the slots that wait are a heap ordered by due time. A
timer rings when the earliest is due; the round it makes starts a task per look, and when the look ends, its slot goes
back on the heap. So what waits costs a tuple, what runs costs a task, and no check ever overlaps itself.

    heap --due--> [well | ailing] --> look (monitor.look) --> on_look --> heap

**Times** are the loop's monotonic seconds (``monitor.pace`` does the sums); the wall clock is read only to date an
observation, so that a clock that jumps disturbs nothing. After a look that failed, the next ``pace.RETRIES`` come after
``retry_every``, so that three in a row are known soon after the first; then the grid again.

**The ailing.** A dead target holds its place for its whole timeout. Slots whose last look failed may therefore hold at most
``AILING_SHARE`` of the places; those beyond wait in a queue of their own, in turn. So a region that goes dark
cannot keep the healthy from being looked at.

**Politeness.** At one host no more than ``per_host`` looks are in flight at once, however many checks are due; the others
wait in a queue of that host and go on as those end. A host that is slow, or dead, so holds up nobody else.

**The overdue.** A check not looked at for two intervals and its limit (no place for it, or a look that will not end, or
recording that hangs) is reported as unknown, once, by a sweep of its own.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from monitor import pace
from monitor.domain.findings import Observation, Verdict
from monitor.errors import NotFoundError
from monitor.look import End, Job, look, unseen
from monitor.metrics import Metrics
from monitor.slots import FLYING, GONE, QUEUED, Entry, Politeness, Slot

AILING_SHARE = 0.75  # of the places, for checks whose last look failed
TICK = 0.25  # looks due within this time start together: a wake-up costs as much as a look
EARLY_SHARE = 0.005  # of its interval is the most that a look starts early by
TOGETHER = (
    16  # no more of them before they are due: each waits for the others, and that counts as the target's time
)
SWEEP = 5.0  # how often the overdue are searched for
SHUTDOWN = 5.0  # how long looks that are being recorded may take to end

__all__ = ["Job", "Scheduler", "Stats"]

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How the scheduler is doing; ``raised`` and ``cut`` count looks, ``skipped`` grid points passed over."""

    jobs: int
    in_flight: int
    waiting: int
    looks: int
    raised: int
    cut: int
    skipped: int


class _Meters:
    """The children of the hot series, looked up once per type."""

    __slots__ = ("duration", "results")

    def __init__(self, metrics: Metrics, type_: str) -> None:
        self.duration = metrics.check_duration.labels(type_)
        self.results = {verdict: metrics.checks.labels(type_, verdict.value) for verdict in Verdict}


class Scheduler:
    """Runs its jobs until cancelled; ``replace`` changes them, before or while it runs."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        on_look: Callable[[Job, Observation], Awaitable[Verdict | None]],
        metrics: Metrics,
        concurrency: int = 500,
        per_host: int = 0,
    ) -> None:
        """Hold at most ``concurrency`` looks in flight, ``per_host`` of them (0: any number) at one host.

        ``on_look`` is awaited for every observation.

        What it returns is what the look is taken for: a failing one that is not believed is no reason to look again soon.
        """
        self._clock, self._on_look, self._metrics = clock, on_look, metrics
        self._places = concurrency
        self._ailing_places = max(1, int(concurrency * AILING_SHARE))
        self._slots: dict[str, Slot] = {}
        self._heap: list[Entry] = []
        self._queue: deque[Slot] = deque()  # ailing slots that are due and found no place
        self._flying: set[Slot] = set()
        self._politeness = Politeness(per_host)
        self._ailing = 0
        self._meters: dict[str, _Meters] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed: asyncio.Future[None]
        self._alarm: asyncio.TimerHandle | None = None
        self._began = 0.0  # where the grids of all checks begin
        self._rung = False
        self._looks = self._raised = self._cut = self._skipped = 0

    def replace(self, jobs: Sequence[Job]) -> None:
        """Make these the jobs: unchanged ones keep their place, new ones are looked at soon, others end."""
        wanted = {job.name: job for job in jobs}
        if len(wanted) != len(jobs):
            raise ValueError("two jobs have the same name")
        for name in self._slots.keys() - wanted.keys():
            self._remove(self._slots.pop(name))
        for job in jobs:
            slot = self._slots.get(job.name)
            if slot is None:
                slot = self._slots[job.name] = Slot(job)
                self._enter(slot)
            elif slot.job != job:
                self._change(slot, job)

    def look_now(self, name: str) -> None:
        """Look at one target at once, or again if a look is in flight; its grid stays as it is."""
        slot = self._slots.get(name)
        if slot is None:
            raise NotFoundError(f"there is no check named {name!r}")
        if slot.ticket == FLYING:
            slot.again = True
        elif self._loop is not None:
            self._place(slot, self._loop.time())

    def job(self, name: str) -> Job | None:
        """Return a check's job, if there is one."""
        slot = self._slots.get(name)
        return slot.job if slot else None

    def overdue(self, now: float | None = None) -> list[str]:
        """Name the checks not looked at for two intervals and their timeout, as of the loop's time."""
        if self._loop is None:
            return []
        now = self._loop.time() if now is None else now
        return sorted(slot.job.name for slot in self._late(now))

    @property
    def stats(self) -> Stats:
        """Return the counts as they are now; ``waiting`` are due and have no place yet."""
        now = self._loop.time() if self._loop else 0.0
        return Stats(
            jobs=len(self._slots),
            in_flight=len(self._flying),
            waiting=sum(1 for _ in self._queued()) + sum(1 for _ in self._passed(now)),
            looks=self._looks,
            raised=self._raised,
            cut=self._cut,
            skipped=self._skipped,
        )

    async def run(self) -> None:
        """Look until cancelled; then cut the looks in flight, but let what has a verdict be recorded."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        for slot in self._slots.values():
            self._enter(slot)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep(group), name="scheduler sweep")
                self._failed = self._loop.create_future()
                self._ring()
                await self._failed
        finally:
            await self._stop()

    def _ring(self) -> None:
        """Make a round soon; many rings before it are one."""
        if self._loop is not None and not self._rung:
            self._rung = True
            self._loop.call_soon(self._round)

    def _round(self) -> None:
        """Start what is due and set the alarm for what is due next."""
        loop, self._rung = self._loop, False
        if loop is None:
            return
        try:
            self._start_due(loop.time())
        except Exception as error:  # a callback's exception would only be logged: let `run` raise it
            log.exception("scheduler.failed")
            self._failed.set_exception(error)
            return
        if self._alarm is not None:
            self._alarm.cancel()
        # With every place taken only the end of a look can change anything, and that rings.
        idle = not self._heap or len(self._flying) >= self._places
        self._alarm = None if idle else loop.call_at(self._heap[0][0], self._round)

    def _start_due(self, now: float) -> None:
        while self._queue and self._ailing < self._ailing_places and len(self._flying) < self._places:
            slot = self._queue.popleft()
            if slot.ticket == QUEUED and not self._politeness.kept_waiting(slot):
                self._start(slot)  # else it was removed, or asked for at once, meanwhile
        heap, full = self._heap, len(self._flying) + TOGETHER
        while heap and len(self._flying) < self._places:
            due, first = heap[0]
            early = min(TICK, first.job.manner.every * EARLY_SHARE) if len(self._flying) < full else 0.0
            if due > now + early:
                return
            entry = heapq.heappop(heap)
            slot = entry[1]
            if slot.ticket is not entry:
                continue
            if slot.failing and self._ailing >= self._ailing_places:
                slot.ticket = QUEUED
                self._queue.append(slot)
            elif not self._politeness.kept_waiting(slot):
                self._start(slot)

    def _start(self, slot: Slot) -> None:
        assert self._loop is not None, "only a running scheduler starts looks"
        ailing, host = slot.failing > 0, slot.job.host
        self._ailing += ailing
        self._flying.add(slot)
        self._politeness.begins(host)
        slot.ticket, slot.again = FLYING, False
        slot.task = self._loop.create_task(self._look(slot, self._loop), name=f"look {slot.job.name}")
        # A callback and not the task's own `finally`: a task cancelled before its first step runs no line.
        slot.task.add_done_callback(lambda task: self._settle(slot, task, host, ailing=ailing))

    def _settle(self, slot: Slot, task: asyncio.Task[None], host: str, *, ailing: bool) -> None:
        full = len(self._flying) >= self._places
        self._flying.discard(slot)
        self._ailing -= ailing
        following = self._politeness.ends(host)
        if following is not None and self._loop is not None:
            self._place(following, following.due)
        slot.task, slot.recording = None, False
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("look.failed", check=slot.job.name, exc_info=error)
        if slot.ticket == FLYING and self._loop is not None:
            self._place(slot, self._next(slot, self._loop.time()))
        if full or self._queue:
            self._ring()

    def _next(self, slot: Slot, now: float) -> float:
        job = slot.job
        if slot.again:
            return now
        phase = pace.phase(job.name, job.manner.every, self._began)
        grid = pace.next_due(phase, job.manner.every, slot.due, now)
        self._skipped += max(0, int((grid - slot.due) / job.manner.every) - 1)
        return pace.next_soon(job.manner.retry_every, slot.due, now, grid) if slot.soon else grid

    async def _look(self, slot: Slot, loop: asyncio.AbstractEventLoop) -> None:
        job, started = slot.job, loop.time()
        assert slot.task is not None, "a look is a task"
        self._metrics.check_lag.observe(max(0.0, started - slot.due))
        seen, end = await look(job, self._clock(), loop, slot.task)
        self._raised += end is End.RAISED
        self._cut += end is End.CUT
        if slot.job is not job:  # the configuration changed meanwhile: this verdict is on something else
            slot.again = True
            return
        now = loop.time()
        self._count(job, seen, now - started)
        slot.seen, slot.told, failing = now, False, slot.failing
        self._judge(slot, seen.verdict)
        slot.recording = True
        try:
            if await self._on_look(job, seen) is Verdict.UNKNOWN:
                slot.failing, slot.soon = failing, False
        except Exception:
            self._raised += 1
            log.exception("look.unrecorded", check=job.name)

    def _count(self, job: Job, seen: Observation, took: float) -> None:
        meters = self._meters.get(job.manner.type)
        if meters is None:
            meters = self._meters[job.manner.type] = _Meters(self._metrics, job.manner.type)
        self._looks += 1
        meters.results[seen.verdict].inc()
        meters.duration.observe(took)

    def _judge(self, slot: Slot, verdict: Verdict) -> None:
        if verdict is Verdict.UP:
            slot.failing = 0
        elif verdict is not Verdict.UNKNOWN:
            slot.failing += 1
        slot.soon = verdict is not Verdict.UNKNOWN and 0 < slot.failing <= pace.RETRIES

    def _enter(self, slot: Slot) -> None:
        """Give a slot its place in time, if there is time yet."""
        if self._loop is None:
            return
        now, job = self._loop.time(), slot.job
        slot.seen = now
        self._place(slot, pace.first_due(job.name, job.manner.every, now))

    def _place(self, slot: Slot, due: float) -> None:
        slot.due, slot.ticket = due, (entry := (due, slot))
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._ring()

    def _change(self, slot: Slot, job: Job) -> None:
        """Take the new version of a job; a look in flight is dropped and repeated when it ends."""
        paced = slot.job.manner.every == job.manner.every
        slot.job = job
        if slot.ticket == FLYING or self._loop is None:
            return
        if not paced:
            self._enter(slot)

    def _remove(self, slot: Slot) -> None:
        slot.ticket = GONE
        if slot.task is not None and not slot.recording:
            slot.task.cancel()

    async def _stop(self) -> None:
        tasks = {slot.task: slot.recording for slot in self._flying if slot.task is not None}
        self._loop = None
        if self._alarm is not None:
            self._alarm.cancel()
        for task, recording in tasks.items():
            if not recording:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=SHUTDOWN)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._heap.clear()
        self._queue.clear()
        self._politeness.forget()

    async def _sweep(self, group: asyncio.TaskGroup) -> None:
        assert self._loop is not None, "swept only while running"
        telling: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(SWEEP)
            late = list(self._late(self._loop.time()))
            self._metrics.checks_overdue.set(len(late))
            # In a task of its own: should recording be what hangs, the gauge at least stays true.
            if any(not slot.told for slot in late) and (telling is None or telling.done()):
                telling = group.create_task(self._tell(late), name="scheduler tells what is overdue")

    async def _tell(self, late: Sequence[Slot]) -> None:
        for slot in late:
            if slot.told or slot.ticket == GONE or self._loop is None:
                continue
            slot.told, job = True, slot.job
            try:
                await self._on_look(job, unseen(job, self._clock(), self._loop.time() - slot.seen))
            except Exception:
                log.exception("look.unrecorded", check=job.name)

    def _late(self, now: float) -> Iterator[Slot]:
        """Find the overdue where they can be: in flight, in the queue, or due on the heap."""
        for slot in itertools.chain(self._flying, self._queued(), self._passed(now)):
            if slot.ticket != GONE and now - slot.seen > 2 * slot.job.manner.every + slot.job.manner.limit:
                yield slot

    def _queued(self) -> Iterator[Slot]:
        """Walk what is due and waits for a place, or for others at its host."""
        waiting = itertools.chain(self._queue, self._politeness.waiting())
        return (slot for slot in waiting if slot.ticket == QUEUED)

    def _passed(self, now: float) -> Iterator[Slot]:
        """Walk the part of the heap that is due, which is a tree at its root."""
        branches = [0]
        while branches:
            place = branches.pop()
            if place < len(self._heap) and self._heap[place][0] < now:
                entry = self._heap[place]
                branches += (2 * place + 1, 2 * place + 2)
                if (slot := entry[1]).ticket is entry:
                    yield slot
