"""``passive``: somebody else looks and sends us the result; a look reads the last one, and whether it is still fresh.

    POST /api/v1/checks/{name}/results -> a row -> observe: what it said | overdue: unknown

Nothing but a row and ``now`` is read, so a restart forgets nothing. A result that is overdue says nothing any more:
unknown, neither up nor down, unless the configuration says that silence itself is the trouble.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from checks.base import CheckType, LastResult, Options, Target, Tools
from checks.durations import Duration, spell
from checks.texts import tidy
from checks.verdicts import Fault, Measured, cannot_look, observation
from monitor.domain.findings import Observation, Symptom, Verdict

MAX_DETAIL = 400


class PassiveOptions(Options):
    """The keys of a ``passive`` check. A look reads a record: a second one would say nothing new."""

    one_look_is_enough: ClassVar[bool] = True

    fresh_for: Annotated[Duration, Field(gt=0, description="How long a result is believed after it came.")]
    on_overdue: Annotated[
        Literal["unknown", "down"], Field(description="What it means when no result comes in time.")
    ] = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveCheck:
    """Reads the last result that was sent."""

    target: Target
    options: PassiveOptions
    last_result: Callable[[str], Awaitable[LastResult | None]] | None

    async def observe(self, now: datetime) -> Observation:
        """Look up the last result; unknown where there is no record, as outside the running service."""
        if self.last_result is None:
            fault = cannot_look("there is no record of results here: only the running service has one")
            return observation(self.target, now, [fault], Measured(), "")
        last = await self.last_result(self.target.name)
        return judge(last, self.target, self.options, now)


def judge(last: LastResult | None, target: Target, options: PassiveOptions, now: datetime) -> Observation:
    """Say what the last result means at ``now``."""
    if last is None:
        return observation(target, now, [cannot_look("no result has come yet")], Measured(), "")
    age = max(0.0, (now - last.received_at).total_seconds())
    measured = Measured(values={"age": age, **last.values})
    if age > options.fresh_for:
        text = f"no result for {spell(age)}, one is believed for {spell(options.fresh_for)}"
        silent = Fault(Verdict.DOWN, Symptom.OTHER, text)
        return observation(
            target, now, [silent if options.on_overdue == "down" else cannot_look(text)], measured, ""
        )
    return observation(target, now, _faults(last), measured, tidy(last.detail, MAX_DETAIL) or "up")


def _faults(last: LastResult) -> list[Fault]:
    text = tidy(last.detail, MAX_DETAIL) or f"reported as {last.verdict}"
    match last.verdict:
        case Verdict.UP:
            return []
        case Verdict.DEGRADED:
            return [Fault(Verdict.DEGRADED, Symptom.DEGRADED, text)]
        case Verdict.DOWN:
            return [Fault(Verdict.DOWN, Symptom.UNREACHABLE, text)]
        case Verdict.UNKNOWN:
            return [cannot_look(text)]


class PassiveType:
    """How ``passive`` is registered."""

    options: type[Options] = PassiveOptions
    stays = "it looks at nothing: it is told"

    def build(self, target: Target, options: PassiveOptions, tools: Tools) -> PassiveCheck:
        """Make a check; raise ``ValueError`` for a target: there is none to look at."""
        if target.target:
            raise ValueError("a passive check has no target: its results are sent to us")
        return PassiveCheck(target=target, options=options, last_result=tools.last_result)


TYPE: CheckType = PassiveType()
