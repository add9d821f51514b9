"""How a clock stands, in words and a tone (which has a shape of its own): for the board and an incident's page."""

from dataclasses import dataclass
from datetime import datetime

from monitor.domain.calendars import Interval
from monitor.domain.clocks import RESPONSE
from monitor.domain.timed import Party
from monitor.storage.clocks import ClockRow
from monitor.web.render import left, span, words


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """One clock: whose it is, what it is about, when it is due, and how it stands."""

    key: str
    name: str
    cls: str
    ours: bool
    incident: str | None
    request: str | None
    started_at: datetime
    due: datetime | None
    limit: datetime | None
    tone: str
    text: str
    promise: str
    counted: tuple[Interval, ...]
    by_hand: bool
    """Whether a person's word stops it: it runs, and no answer of ours does."""
    runs: bool
    paused: bool

    @property
    def is_response(self) -> bool:
        """Whether an answer of ours is what it times."""
        return self.key == RESPONSE


def clock_state(row: ClockRow, now: datetime, counted: tuple[Interval, ...] = ()) -> ClockState:
    """Say how a clock stands; ``counted`` are the intervals that explain its due."""
    tone, text = _stands(row, now)
    clause = row.timed.promise.clause if row.timed else None
    says = row.timed.due.reason if row.timed else ""
    return ClockState(
        key=row.name,
        name=words(row.name),
        cls=row.cls,
        ours=row.party is Party.US,
        incident=row.subject.incident,
        request=row.subject.request,
        started_at=row.started_at,
        due=row.due,
        limit=row.limit,
        tone=tone,
        text=text,
        promise=says + (f" (section {clause})" if clause and says else ""),
        counted=counted,
        by_hand=row.runs and row.name != RESPONSE,
        runs=row.runs,
        paused=row.runs and row.paused_since is not None,
    )


def _stands(row: ClockRow, now: datetime) -> tuple[str, str]:
    if row.met_at is not None:
        return ("bad", "met late") if row.breached_at else ("ok", "met")
    if row.cancelled_at is not None:
        return "neutral", "counted anew, for another class" if row.superseded_at else "called off"
    return _runs(row, now)


def _runs(row: ClockRow, now: datetime) -> tuple[str, str]:
    over = row.limit or row.due
    if row.breached_at is not None or (over is not None and over < now and row.paused_since is None):
        late = f", {span(now - over)} late" if over and over < now else ""
        return "bad", ("not kept" if row.party is Party.US else "missed") + late
    if row.paused_since is not None:
        reason = next(words(pause.reason) for pause in row.pauses if pause.end is None)
        return "info", f"stands still for {span(now - row.paused_since)}: {reason}"
    if row.warned_at is not None or (row.warn_at is not None and row.warn_at <= now):
        goal = "past the goal" if row.limit and row.due and row.due <= now else "due soon"
        return "warn", f"{goal}: {left(over, now)}"
    return "scheduled", left(over, now)
