"""``heartbeat``: a job elsewhere pings us; silence is the alarm.

There is no target to contact: the pings come in over HTTP (``/ping/{uuid}``) and are rows; a look reads the
last of them and :func:`judge` decides. Since nothing but rows and ``now`` is read, a restart forgets nothing.

    the last run failed            -> down at once
    started, not ended in max_run  -> down
    silent > period + grace        -> down
    silent > period                -> up, "late"
    otherwise                      -> up

By ``cron`` a ping is due at the first of its times after the last one; ``grace`` counts from there. A run that has
started by then and may take ``max_run`` is not late before that is over.

A failure stands until a success: a new start does not take it back. A heartbeat that was never pinged is not
exempt: its first period counts from its creation, since a job that never ran is the likeliest to be forgotten.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from checks.base import CheckType, LastPing, Options, Target, Tools
from checks.cron import after, checked, zone_named
from checks.durations import Duration, spell
from checks.texts import tidy
from monitor.domain.findings import Observation, Symptom, Verdict

MAX_DETAIL = 200


def _zone(name: str) -> str:
    zone_named(name)
    return name


class HeartbeatOptions(Options):
    """The keys of a ``heartbeat`` check. A look reads a record: a second one would say nothing new."""

    one_look_is_enough: ClassVar[bool] = True

    uuid: Annotated[UUID, Field(description="The address of its pings: /ping/{uuid}.")]
    period: Annotated[Duration | None, Field(gt=0, description="How often a ping is expected.")] = None
    cron: Annotated[
        str | None,
        AfterValidator(checked),
        Field(description="When it is expected, instead: `30 2 * * 1-5`."),
    ] = None
    zone: Annotated[
        str, AfterValidator(_zone), Field(description="In which time zone `cron` is: `Europe/Rome`.")
    ] = "UTC"
    grace: Annotated[Duration, Field(description="How late a ping may be.")] = 60.0
    max_run: Annotated[
        Duration | None,
        Field(gt=0, description="How long a run may take from /start to its end; unbounded by default."),
    ] = None

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.period is None) is (self.cron is None):
            raise ValueError("say when a ping is expected: period, or cron")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatCheck:
    """Reads the last ping of one heartbeat."""

    target: Target
    options: HeartbeatOptions
    last_ping: Callable[[str], Awaitable[LastPing]] | None

    async def observe(self, now: datetime) -> Observation:
        """Look up the last ping and judge it; unknown where there is no record, as outside the running service."""
        if self.last_ping is None:
            detail = "there is no record of pings here: only the running service has one"
            return Observation(check=self.target.name, at=now, verdict=Verdict.UNKNOWN, detail=detail)
        last = await self.last_ping(str(self.options.uuid))
        return judge(
            last, self.options, now, check=self.target.name, symptom=self.target.symptom or Symptom.OTHER
        )


def judge(
    last: LastPing,
    options: HeartbeatOptions,
    now: datetime,
    *,
    check: str = "",
    symptom: Symptom = Symptom.OTHER,
) -> Observation:
    """Say what the last ping means at ``now``."""
    silent = _since(last.last_success or last.created_at, now)
    late = (now - _due(last, options)).total_seconds()
    trouble = _failure(last) or _overrun(last, options, now) or _silence(last, options, silent, late)
    values: dict[str, float | str] = {"silent": silent}
    if last.exit_status is not None:
        values["exit_status"] = last.exit_status
    if last.duration is not None:
        values["duration"] = last.duration
    return Observation(
        check=check,
        at=now,
        verdict=Verdict.DOWN if trouble else Verdict.UP,
        symptom=symptom if trouble else None,
        detail=trouble or _fine(last, options, silent, late),
        values=values,
    )


def _failure(last: LastPing) -> str:
    """Say that the last run to end has failed; of two ends at one instant the failure counts."""
    if last.last_failure is None or (last.last_success and last.last_success > last.last_failure):
        return ""
    status = f" with exit status {last.exit_status}" if last.exit_status else ""
    words = tidy(last.detail, MAX_DETAIL)
    return f"the last run failed{status}" + (f": {words}" if words else "")


def _overrun(last: LastPing, options: HeartbeatOptions, now: datetime) -> str:
    since = _running(last)
    if options.max_run is None or since is None:
        return ""
    running = _since(since, now)
    if running <= options.max_run:
        return ""
    return f"started {spell(running)} ago and has not ended (at most {spell(options.max_run)})"


def _due(last: LastPing, options: HeartbeatOptions) -> datetime:
    """Return when a ping was, or is, expected."""
    heard = last.last_success or last.created_at
    if options.cron is None:
        return heard + timedelta(seconds=options.period or 0)
    due = after(options.cron, ZoneInfo(options.zone), heard)
    since = _running(last)
    if options.max_run is None or since is None:
        return due
    return max(due, since + timedelta(seconds=options.max_run))  # it is at work: by then it has to have ended


def _silence(last: LastPing, options: HeartbeatOptions, silent: float, late: float) -> str:
    if late <= options.grace:
        return ""
    return f"{_no_ping(last, silent)} ({_promise(last, options)})"


def _fine(last: LastPing, options: HeartbeatOptions, silent: float, late: float) -> str:
    if late > 0:
        return f"late: {_no_ping(last, silent)} ({_promise(last, options)})"
    if _running(last):
        return "running"
    if last.last_success is None:
        return f"waiting for its first ping ({_promise(last, options)})"
    took = "" if last.duration is None else f", took {spell(last.duration)}"
    return f"last ping {spell(silent)} ago{took}"


def _no_ping(last: LastPing, silent: float) -> str:
    if last.last_success is None:
        return f"never pinged in the {spell(silent)} since it was set up"
    return f"no ping for {spell(silent)}"


def _promise(last: LastPing, options: HeartbeatOptions) -> str:
    grace = f"grace {spell(options.grace)}"
    if options.period is not None:
        return f"period {spell(options.period)}, {grace}"
    due = _due(last, options).astimezone(ZoneInfo(options.zone))
    return f"expected at {due:%Y-%m-%d %H:%M} {options.zone}, {grace}"


def _running(last: LastPing) -> datetime | None:
    """Return since when a run is at work that has not ended."""
    if last.running_since is not None:
        return last.running_since
    ends = [end for end in (last.last_success, last.last_failure) if end is not None]
    started = last.last_start
    return started if started is not None and all(started > end for end in ends) else None


def _since(then: datetime, now: datetime) -> float:
    """Return the seconds since, never negative: a clock set back makes nobody late."""
    return max(0.0, (now - then).total_seconds())


class HeartbeatType:
    """How ``heartbeat`` is registered."""

    options: type[Options] = HeartbeatOptions
    stays = "it looks at nothing: it is told"

    def build(self, target: Target, options: HeartbeatOptions, tools: Tools) -> HeartbeatCheck:
        """Make a check; there is no target that could be bad."""
        return HeartbeatCheck(target=target, options=options, last_ping=tools.last_ping)


TYPE: CheckType = HeartbeatType()
