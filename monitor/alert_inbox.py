"""From alerts that others send to findings: heard, put on record, mapped by the rules, ended when they are over.

    accept (what changed is committed, then the sender is answered) -> digest: judge | end -> mark
    once (every second): what has run out is over; ends that moved ahead are recorded, in one go

An alert that is only repeated costs a look into memory. What is on record may lag behind in when an alert ends, never
in whether it stands: after a restart every sender has ``resolve_timeout`` to repeat itself. An alert is judged before it
is marked: a kill in between judges it again, and the second judgement joins the incident of the first.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from monitor.bell import Bell
from monitor.domain.access import Token
from monitor.domain.alert_rules import Meaning, meaning
from monitor.domain.alerts import Alert, Change, Standing, Told, caught_up, expired, heard
from monitor.domain.findings import Finding, Source
from monitor.errors import ConflictError
from monitor.metrics import Metrics
from monitor.pipeline import Pipeline
from monitor.storage import alerts_in
from monitor.storage.alerts_in import IGNORED, OVER, UNMAPPED, JudgedAlert, NewAlert, WaitingAlert
from monitor.storage.engine import Store
from monitor.world import InForce

log = structlog.stdlib.get_logger()
PACE = 1.0
BATCH, AT_ONCE = 500, 32
TURN = 200
REMEMBERED = timedelta(hours=1)
"""How long an alert that is over is kept in memory: its sender goes on saying so for a quarter of an hour."""
CLEARED_EVERY = timedelta(minutes=10)
ORIGIN = "alert:"
_SUMMARY = 500


@dataclass(slots=True)
class _Known:
    """An alert in memory, and until when it would fire by what is on record."""

    alert: Alert
    recorded: datetime
    bound_to: str | None


@dataclass(frozen=True, slots=True)
class _Post:
    """What a sender said at once, and where it waits for its answer."""

    told: Sequence[Told]
    token: Token
    answer: asyncio.Future[None]


def _answer(posts: Sequence[_Post], error: Exception | None) -> None:
    """Answer all who still wait."""
    for post in posts:
        if post.answer.done():
            continue
        if error is None:
            post.answer.set_result(None)
        else:
            post.answer.set_exception(error)


@dataclass(slots=True, kw_only=True)
class AlertInbox:
    """Takes alerts in and turns them into findings and recoveries."""

    pipeline: Pipeline
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    timeout: Callable[[], timedelta]
    keeps: Callable[[], timedelta]
    failpoint: Callable[[str], None] = lambda _name: None
    known: dict[str, _Known] = field(default_factory=dict[str, _Known])
    arrived: list[_Post] = field(default_factory=list[_Post])
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    mapped_by: InForce | None = None
    cleared_at: datetime | None = None

    async def resume(self) -> None:
        """Take up what stands on record; who sent it gets the time to repeat it."""
        now = self.clock()
        for alert, bound_to in await self.store.read(alerts_in.known, now - REMEMBERED):
            taken_up = caught_up(alert, now, self.timeout()) if alert.firing else alert
            self.known[alert.key] = _Known(taken_up, alert.ends_at, bound_to)

    # taking in --------------------------------------------------------------------------------------------

    async def accept(self, told: Sequence[Told], token: Token) -> None:
        """Hear what a sender says of its alerts; when this returns, all that it changed is durable."""
        post = _Post(told, token, asyncio.get_running_loop().create_future())
        self.arrived.append(post)
        async with self.one_at_a_time:  # nobody is told "repeated" of what is not yet on record
            if not post.answer.done():
                await self._hear_arrived()
        await post.answer

    async def _hear_arrived(self) -> None:
        """Hear all who wait, in their order: one statement, one commit."""
        posts, self.arrived = self.arrived, []
        try:
            await self._hear(posts)
        except Exception as error:  # noqa: BLE001 - every sender is told, each in its own request; nobody waits for ever
            _answer(posts, error)
        except BaseException:
            for post in posts:
                post.answer.cancel()
            raise
        else:
            _answer(posts, None)

    async def _hear(self, posts: Sequence[_Post]) -> None:
        await self._forgotten([word for post in posts for word in post.told])
        now, changes, news = self.clock(), Counter[tuple[str, Change]](), dict[str, NewAlert]()
        fresh: dict[str, Alert] = {}
        by: dict[str, Token] = {}
        words = ((post.token, word) for post in posts for word in post.told)
        for number, (token, word) in enumerate(words):
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)  # thousands may come at once: the others have their turn on the loop
            before = fresh.get(word.key) or self._alert(word.key)
            alert, change = heard(before, word, now=now, timeout=self.timeout())
            changes[word.source, change] += 1
            fresh[word.key], by[word.key] = alert, token
            if change in (Change.OPENED, Change.ENDED) or before is None:
                todo = change is not Change.MOOT
                todo = todo or (word.key in news and news[word.key].todo)
                news[word.key] = NewAlert(
                    id=f"alt_{self.new_id()}", alert=alert, bound_to=token.system, todo=todo
                )
        if news:
            self.failpoint("alert.before_record")
            await self.store.write(
                alerts_in.keep, [replace(new, alert=fresh[key]) for key, new in news.items()]
            )
            self.failpoint("alert.after_record")
        self._remember(fresh, news, by)
        for (source, change), count in changes.items():
            self.metrics.alerts.labels(source, change).inc(count)
        if news:
            self.bell.ring("alert")

    def _alert(self, key: str) -> Alert | None:
        return self.known[key].alert if key in self.known else None

    async def _forgotten(self, told: Sequence[Told]) -> None:
        """Read what has ended so long ago that only the record knows it."""
        keys = [word.key for word in told if word.key not in self.known]
        if keys:
            for alert in await self.store.read(alerts_in.find, keys):
                self.known[alert.key] = _Known(alert, alert.ends_at, None)

    def _remember(self, fresh: dict[str, Alert], news: dict[str, NewAlert], by: dict[str, Token]) -> None:
        for key, alert in fresh.items():
            before = self.known.get(key)
            recorded = alert.ends_at if key in news or before is None else before.recorded
            self.known[key] = _Known(alert, recorded, by[key].system)

    def standing(self, bound_to: str | None = None) -> list[Alert]:
        """Return the alerts that fire now; to who speaks for one system, those that came by such a sender."""
        now = self.clock()
        return [
            one.alert
            for one in self.known.values()
            if one.alert.firing and one.alert.ends_at > now and bound_to in (None, one.bound_to)
        ]

    async def acknowledged(self, key: str, by: str, may: bool) -> None:
        """Acknowledge the incident of an alert, if it has one; who may not operate is only noted in its timeline."""
        incident = await self.store.read(alerts_in.incident_of, key)
        if incident is None:
            return
        if not may:
            await self.pipeline.note(incident, actor=by, text="acknowledged where the alert comes from")
            return
        with contextlib.suppress(ConflictError):  # resolved meanwhile
            await self.pipeline.acknowledge(
                incident, actor=by, note="acknowledged where the alert comes from"
            )

    # what the clock makes due -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge alerts as they come, and look every second what has run out; a round that fails is logged."""
        async with self.bell.listen() as rings:
            while True:
                try:
                    await self.once()
                    while await self.digest():
                        pass
                except Exception:  # the record may be away for a moment: nothing is lost by trying again
                    log.exception("alerts.failed")
                try:
                    async with asyncio.timeout(PACE):
                        while (await rings.get()).topic != "alert":
                            pass
                except TimeoutError:
                    continue

    async def once(self) -> None:
        """End what has run out, record what was prolonged, look again at what nobody could map before."""
        now = self.clock()
        async with self.one_at_a_time:
            await self._expire(now)
            await self._renew(now)
        if self.mapped_by is not self.pipeline.world.in_force:
            self.mapped_by = self.pipeline.world.in_force
            await self.store.write(alerts_in.judge_again)
        if self.cleared_at is None or now - self.cleared_at >= CLEARED_EVERY:
            self.cleared_at = now
            await self._clear(now)
        self.metrics.alerts_firing.set(sum(one.alert.firing for one in self.known.values()))
        self.metrics.alerts_unmapped.set(await self.store.read(alerts_in.unmapped))

    async def _expire(self, now: datetime) -> None:
        over = [one for one in self.known.values() if one.alert.firing and one.alert.ends_at <= now]
        if not over:
            return
        ended = [(one, expired(one.alert, now)) for one in over]
        news = [
            NewAlert(id=f"alt_{self.new_id()}", alert=alert, bound_to=one.bound_to, todo=True)
            for one, alert in ended
        ]
        await self.store.write(alerts_in.keep, news)
        for one, alert in ended:
            one.alert, one.recorded = alert, alert.ends_at
            self.metrics.alerts.labels(alert.source, Standing.EXPIRED).inc()

    async def _renew(self, now: datetime) -> None:
        """Record the ends that have moved, before the recorded ones come too near."""
        near = now + self.timeout() / 2
        moved = [
            one
            for one in self.known.values()
            if one.alert.firing and one.alert.ends_at > one.recorded <= near
        ]
        if moved:
            await self.store.write(alerts_in.renew, [one.alert for one in moved])
        for one in moved:
            one.recorded = one.alert.ends_at

    async def _clear(self, now: datetime) -> None:
        for key in [key for key, one in self.known.items() if (one.alert.ended_at or now) < now - REMEMBERED]:
            del self.known[key]
        await self.store.write(alerts_in.let_go, now - self.keeps())

    # what it means ----------------------------------------------------------------------------------------

    async def digest(self) -> int:
        """Judge one batch of what changed; return how many alerts were judged."""
        waiting = await self.store.read(alerts_in.waiting, BATCH)
        done = 0
        for start in range(0, len(waiting), AT_ONCE):
            part = waiting[start : start + AT_ONCE]
            found = await asyncio.gather(*map(self._judge, part), return_exceptions=True)
            judged = [one for one in found if isinstance(one, JudgedAlert)]
            await self.store.write(alerts_in.judged, judged)
            done += len(judged)
            for failure in found:
                if isinstance(failure, BaseException):
                    log.error("alert.not_judged", exc_info=failure)
        return done

    async def _judge(self, waiting: WaitingAlert) -> JudgedAlert:
        if waiting.alert.firing:
            return await self._stands(waiting)
        return await self._is_over(waiting)

    async def _stands(self, waiting: WaitingAlert) -> JudgedAlert:
        in_force, alert = self.pipeline.world.in_force, waiting.alert
        found = waiting.assigned or meaning(
            alert.labels, in_force.alert_rules, in_force.inventory, waiting.bound_to
        )
        if found.system is not None and found.system not in in_force.inventory.systems:  # it is gone since
            found = Meaning(because=f"there is no system {found.system} any more")
        if found.mapped:
            outcome = await self.pipeline.judge(self._finding(alert, found))
        else:
            outcome = IGNORED if found.ignored else UNMAPPED
            if not found.ignored:
                log.warning("alert.unmapped", fingerprint=alert.fingerprint, because=found.because)
        said = {"outcome": outcome, "because": found.because, "rule": found.rule, "system": found.system}
        said |= {"component": found.component, "symptom": found.symptom if found.mapped else None}
        return JudgedAlert(id=waiting.id, version=waiting.version, said=said)

    async def _is_over(self, waiting: WaitingAlert) -> JudgedAlert:
        """End the finding, if there was one; an alert that came and went before it was looked at has none."""
        alert = waiting.alert
        detail = f"the alert {name_of(alert)} is resolved"
        if alert.standing is Standing.EXPIRED:
            detail = f"the alert {name_of(alert)} is not sent any more; its last word was at {alert.updated_at:%H:%M:%S} UTC"
        await self.pipeline.recovered(ORIGIN + alert.key, since=alert.ended_at or self.clock(), detail=detail)
        said = {} if waiting.outcome else {"outcome": OVER, "because": "over before it was looked at"}
        return JudgedAlert(id=waiting.id, version=waiting.version, said=said)

    def _finding(self, alert: Alert, found: Meaning) -> Finding:
        now = self.clock()
        return Finding(
            system=found.system,
            component=found.component,
            symptom=found.symptom,
            source=Source.ALERT,
            summary=summary_of(alert),
            since=min(alert.since, now),
            at=now,
            facts=found.facts,
            origin=ORIGIN + alert.key,
        )


def name_of(alert: Alert) -> str:
    """Return what the alert is called."""
    return alert.labels.get("alertname") or alert.fingerprint


def summary_of(alert: Alert) -> str:
    """Return the sender's own sentence, or the alert's name."""
    said = (
        alert.annotations.get(name, "").strip() for name in ("summary", "message", "description", "title")
    )
    text = next((text for text in said if text), "")
    return f"alert {name_of(alert)}{': ' if text else ''}{text}"[:_SUMMARY]
