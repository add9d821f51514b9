"""What was, kept as it happens: what is believed of each check, its last looks, and that we are here.

    looks of a second -> changes of belief (on record at once) + looks in memory -> each check's ring, every few minutes

A look costs some microseconds here. What a kill loses: the looks of at most ``FLUSH_AFTER``, and how long they took; never
a state, for these are integrated from the changes. A time in which we were not here is put on record when we are back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from monitor.domain.findings import Symptom, Verdict
from monitor.domain.rollups import LOOK_BYTES, pack_look
from monitor.domain.uptime import CURRENT, State
from monitor.storage import history, uptime_days
from monitor.storage.engine import Store
from monitor.storage.history import Changed, Looked, Result
from monitor.storage.looks import LookRow
from monitor.world import World

log = structlog.stdlib.get_logger()
FLUSH_AFTER = timedelta(minutes=5)
AWAY_AFTER = timedelta(seconds=15)  # what is shorter is a restart: nothing was due that long
ALIVE_EVERY = timedelta(seconds=5)
AT_ONCE = 400  # checks that are flushed in one transaction: some milliseconds
DETAIL = 200  # characters

Belief = tuple[str, datetime]
_NOTHING: Belief = (State.UNKNOWN.value, datetime(1970, 1, 1, tzinfo=UTC))
Said = tuple[tuple[int, str], ...]


class Beliefs:
    """What is believed of each check, and since when; of those that are well, nearly all, only the time is kept."""

    __slots__ = ("_others", "_well")

    def __init__(self) -> None:
        """Begin with none."""
        self._well: dict[str, datetime] = {}
        self._others: dict[str, Belief] = {}

    def get(self, check: str) -> Belief:
        """Return what is believed of a check."""
        since = self._well.get(check)
        return self._others.get(check, _NOTHING) if since is None else (State.UP.value, since)

    def learn(self, beliefs: Mapping[str, Belief]) -> None:
        """Believe this from now on."""
        for check, one in beliefs.items():
            if one[0] == State.UP:
                self._others.pop(check, None)
                self._well[check] = one[1]
            else:
                self._well.pop(check, None)
                self._others[check] = one

    def doubt(self, since: datetime) -> None:
        """Know nothing of any of them, from a moment on."""
        self._others = dict.fromkeys(self.checks(), (State.UNKNOWN.value, since))
        self._well = {}

    def checks(self) -> set[str]:
        """Return of which something is or was known."""
        return {*self._well, *self._others}


@dataclass(slots=True, kw_only=True)
class History:
    """Keeps what was. ``results`` is how many looks a check keeps, ``room`` how many bytes all of them may take.

    ``pending`` are each check's looks that are not in its ring yet, packed, ``said`` what was said of those that failed;
    ``due`` when whose go there. Of 100,000 checks each word here is a megabyte.
    """

    world: World
    store: Store
    clock: Callable[[], datetime]
    results: int = 120
    room: int = 256 * 1024 * 1024
    believed: Beliefs = field(default_factory=Beliefs)
    pending: dict[str, bytes] = field(default_factory=dict[str, bytes])
    said: dict[str, Said] = field(default_factory=dict[str, Said])
    due: deque[tuple[datetime, deque[str]]] = field(default_factory=deque[tuple[datetime, deque[str]]])
    alive: datetime | None = None
    pruned: datetime | None = None
    counted: date | None = None

    @property
    def keep(self) -> int:
        """How many looks each check keeps: what is wanted, or what there is room for."""
        fits = self.room // (LOOK_BYTES * max(len(self.world.in_force.checks), 1))
        return max(min(self.results, fits), 1)

    async def resume(self) -> None:
        """Take up what is believed; if we were away, nothing is known from then on."""
        newest = await self.store.read(history.newest_changes)
        self.believed.learn({name: (one.state, one.at) for name, one in newest.items()})
        self.alive = await self.store.read(history.alive_at)
        await self._here(self.clock())

    async def save(self, rows: Sequence[LookRow]) -> None:
        """Put the looks of a second on record: states of checks, changes of belief, and that we are here."""
        now = self.clock()
        await self._here(now)
        changes, believed = self._changes(rows)
        if not rows and self.alive is not None and now - self.alive < ALIVE_EVERY:
            return
        await self.store.write(history.save, rows, changes, now)
        self.alive = now
        self.believed.learn(believed)
        self._remember(rows, now)

    async def _here(self, now: datetime) -> None:
        """Put on record that nobody looked since we were here last, if that is long ago."""
        if self.alive is None or now - self.alive <= AWAY_AFTER:
            return
        await self.store.write(history.was_away, self.alive, now)
        log.info("history.away", since=self.alive.isoformat(), until=now.isoformat())
        self.alive = now
        self.believed.doubt(now)

    def _changes(self, rows: Iterable[LookRow]) -> tuple[list[Changed], dict[str, Belief]]:
        """Return what these looks change in what is believed."""
        known, believed, changes = self.world.in_force.checks, dict[str, Belief](), list[Changed]()
        for row in rows:
            before = believed.get(row.check) or self.believed.get(row.check)
            after = belief(row, before)
            if after is None:
                continue
            believed[row.check] = after
            if after[0] == before[0]:
                continue
            watched = known.get(row.check)
            changes.append(
                Changed(
                    check=row.check,
                    state=after[0],
                    at=after[1],
                    system=watched.system if watched else None,
                    component=watched.component if watched else None,
                )
            )
        return changes, believed

    def _remember(self, rows: Iterable[LookRow], now: datetime) -> None:
        fresh = deque[str]()
        for row in rows:
            pending = self.pending.get(row.check)
            if pending is None:
                pending = b""
                fresh.append(row.check)
            self.pending[row.check] = pending + pack_look(row.at, row.verdict, row.seconds)
            if row.verdict is not Verdict.UP and row.detail:
                one = (int(row.at.timestamp() * 1000), row.detail[:DETAIL])
                self.said[row.check] = (*self.said.get(row.check, ()), one)[-history.SAID :]
        if fresh:
            self.due.append((now + FLUSH_AFTER, fresh))

    async def once(self, now: datetime) -> None:
        """Put the looks that are due into their rings."""
        names: list[str] = []
        while self.due and self.due[0][0] <= now and len(names) < AT_ONCE:
            names.append(self.due[0][1].popleft())
            if not self.due[0][1]:
                self.due.popleft()
        await self._flush(names)
        if self.pruned is None or now - self.pruned >= timedelta(days=1):
            self.pruned = now
            gone = sorted(self.believed.checks() - set(self.world.in_force.checks))
            await self.store.write(history.prune, now, gone)
            await self.store.write(history.forget, gone)
        await self._count_days(now)

    async def _count_days(self, now: datetime) -> None:
        """Count the components' days that are over: once for each of them, when it is."""
        in_force = self.world.in_force
        today = now.astimezone(ZoneInfo(in_force.zone)).date()
        if today == self.counted:
            return
        whole = await self.store.write(
            uptime_days.count,
            tuple(in_force.inventory.components),
            zone=in_force.zone,
            rule=CURRENT,
            now=now,
        )
        if whole:
            self.counted = today

    async def stop(self) -> None:
        """Put all looks into their rings, for the service ends."""
        names = list(self.pending)
        for first in range(0, len(names), AT_ONCE):
            await self._flush(names[first : first + AT_ONCE])

    async def recent(self, check: str, limit: int) -> tuple[Result, ...]:
        """Return a check's last looks, newest first."""
        await self._flush([check])
        return await self.store.read(history.results, check, limit=limit)

    async def _flush(self, names: Sequence[str]) -> None:
        taken = {
            name: (self.pending.pop(name), self.said.pop(name, ())) for name in names if name in self.pending
        }
        if not taken:
            return
        try:
            rows = [self._looked(name, *one) for name, one in taken.items()]
            await self.store.write(history.flush, rows, keep=self.keep)
        except BaseException:
            self._put_back(taken)
            raise

    def _put_back(self, taken: Mapping[str, tuple[bytes, Said]]) -> None:
        """Keep what could not be written, bounded: it is tried again with what comes."""
        now, most = self.clock(), self.keep * LOOK_BYTES
        for name, (looks, said) in taken.items():
            self.pending[name] = (looks + self.pending.get(name, b""))[-most:]
            if said := (*said, *self.said.get(name, ()))[-history.SAID :]:
                self.said[name] = said
        self.due.append((now + FLUSH_AFTER, deque(taken)))

    def _looked(self, name: str, looks: bytes, said: Said) -> Looked:
        watched = self.world.in_force.checks.get(name)
        return Looked(
            check=name,
            looks=looks,
            said=said,
            system=watched.system if watched else None,
            component=watched.component if watched else None,
        )


def belief(row: LookRow, before: Belief) -> Belief | None:
    """Return what is believed from when on, after a look; None where it stays.

    What is down is dated back to the first failing look, what is well to the first good one, but never into a time
    of which something else was put on record. What fails and is not believed yet changes nothing.
    """
    state, since = _state(row)
    known, began = before
    if state == State.UNKNOWN and known == State.UNKNOWN:
        return known, row.at  # nothing is dated back over it
    if state is None or state == known:
        return None
    if since > began:
        return state, since
    falls = known == State.UP and state in (State.DOWN, State.DEGRADED)
    return state, (began if falls else max(row.at, began))


def _state(row: LookRow) -> tuple[str | None, datetime]:
    """Return what a look makes us believe, and since when it would be so."""
    streak = row.streak
    if row.verdict is Verdict.UNKNOWN:
        return State.UNKNOWN.value, row.at
    if streak.reported and streak.symptom is not Symptom.CERTIFICATE_EXPIRING:
        degraded = streak.symptom is Symptom.DEGRADED or streak.flaps.flapping
        return (State.DEGRADED if degraded else State.DOWN).value, streak.failing_since or row.at
    if streak.failing and not streak.reported:
        return None, row.at
    return State.UP.value, (not streak.reported and streak.passing_since) or row.at
