"""One look at one target, which whatever happens ends as an observation.

    check.observe --verdict------------------------------> that verdict
                  --raises, or cancels itself------------> unknown: the check is broken, which says nothing of the target
                  --still silent at the limit------------> down: it is the target that was waited for
                  --limit noticed late (loop held up)----> unknown: the process was suspended or starved, not the target

The limit lies a little beyond the check's own timeout, so that a check which keeps time can say itself what it waited for.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

import structlog

from checks.base import Check
from monitor.domain.findings import Observation, Symptom, Verdict

GRACE = 1.0  # beyond a check's own timeout
STALL = 1.0  # a limit noticed so late means that we were held up

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to look, in seconds; ``type`` is a label in metrics, ``symptom`` what hanging means. Many jobs have the same."""

    every: float
    timeout: float
    retry_every: float
    type: str
    symptom: Symptom = Symptom.UNREACHABLE
    wanders: bool = True  # it can be looked at from another vantage, too

    def __post_init__(self) -> None:
        """Refuse what would spin."""
        if self.every <= 0 or self.timeout <= 0 or self.retry_every <= 0:
            raise ValueError("every, timeout and retry_every are longer than nothing")

    @property
    def limit(self) -> float:
        """Return the longest a look may take, in seconds."""
        return self.timeout + GRACE


manner = cache(Manner)
"""Return one and the same for all jobs that are looked at in the same way: there may be 100,000 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A check and how it is looked at."""

    name: str
    check: Check
    manner: Manner
    host: str = ""  # whom it looks at; empty: nobody who would mind many looks at once


class End(StrEnum):
    """How a look ended."""

    VERDICT = "verdict"
    RAISED = "raised"
    CUT = "cut"


class _Limit:
    """Cancels the task it is made in at ``deadline``, and knows how late it was itself.

    ``asyncio.timeout`` would do but for that lateness, which tells a hanging target from a loop that was held up.
    """

    __slots__ = ("_deadline", "_handle", "_loop", "_task", "late")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], deadline: float) -> None:
        self.late: float | None = None
        self._loop, self._task, self._deadline = loop, task, deadline
        self._handle = loop.call_at(deadline, self._reached)

    def _reached(self) -> None:
        self.late = self._loop.time() - self._deadline
        self._task.cancel()

    def lift(self) -> bool:
        """End the limit; say whether it was reached and nobody else has cancelled the task."""
        self._handle.cancel()
        return self.late is not None and self._task.uncancel() == 0


async def look(
    job: Job, at: datetime, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]
) -> tuple[Observation, End]:
    """Look once, in ``task``, and never raise but to pass on that the task itself was cancelled."""
    limit = _Limit(loop, task, loop.time() + job.manner.limit)
    try:
        seen, end = await job.check.observe(at), End.VERDICT
        limit.lift()
    except asyncio.CancelledError:
        if not limit.lift() and task.cancelling():
            raise
        if limit.late is not None:
            seen, end = _hanging(job, at), End.CUT
        else:
            log.exception("check.raised", check=job.name, type=job.manner.type)
            seen, end = _broken(job, at), End.RAISED
    except Exception:
        limit.lift()
        log.exception("check.raised", check=job.name, type=job.manner.type)
        seen, end = _broken(job, at), End.RAISED
    if limit.late is not None and limit.late > STALL and seen.verdict is not Verdict.UP:
        return _unknown(job, at, f"this monitor itself was held up for {limit.late:.0f} s"), end
    return seen, end


def _hanging(job: Job, at: datetime) -> Observation:
    return Observation(
        check=job.name,
        at=at,
        verdict=Verdict.DOWN,
        symptom=job.manner.symptom,
        detail=f"no verdict within {job.manner.limit:g} s",
        seconds=job.manner.limit,
    )


def _broken(job: Job, at: datetime) -> Observation:
    return _unknown(job, at, "the check itself failed; the log has the reason")


def _unknown(job: Job, at: datetime, detail: str) -> Observation:
    return Observation(check=job.name, at=at, verdict=Verdict.UNKNOWN, detail=detail)


def unseen(job: Job, at: datetime, seconds: float) -> Observation:
    """Say that there was no look for so long, which is neither up nor down."""
    return _unknown(job, at, f"not looked at for {seconds:.0f} s")
