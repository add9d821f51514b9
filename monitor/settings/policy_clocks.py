"""What a policy file's shape cannot say of its clocks: limits, warnings, and what they stand still for."""

from collections.abc import Collection, Iterator

from monitor.domain.clocks import RESPONSE
from monitor.domain.policy import WAITS
from monitor.settings.policy_models import GoalIn, PolicyIn, PromiseIn
from monitor.settings.validation import did_you_mean

Where = tuple[str | int, ...]


def misfits(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield limits before their goals, warnings that cannot be given, and waits and clocks that nobody knows."""
    for i, goal in enumerate(given.goals):
        if goal.calendar is not None:
            yield from ((("goals", i, "calendar"), message) for message in _hours(goal, given.calendars))
        yield from ((("goals", i, *where), message) for where, message in _goal(goal))
    yield from _pausing(given)


def _goal(goal: PromiseIn) -> Iterator[tuple[Where, str]]:
    for aim, limit in zip(_measures(goal), _measures(goal.limit), strict=True):
        if aim is not None and limit is not None and limit < aim:
            yield ("limit",), "the limit falls before the goal"
    if goal.none is not None and goal.limit is not None:
        yield ("limit",), "nothing is promised, so there is no limit to it"
    if goal.limit is not None and goal.limit.none is not None:
        yield ("limit", "none"), "a limit is a moment: leave it out if there is none"
    if goal.warn is None:
        return
    if goal.none is not None:
        yield ("warn",), "nothing is promised, so nothing is warned of"
    elif goal.limit is not None:
        yield ("warn",), "a goal with a limit warns at the goal: leave `warn` out"
    elif any(seconds is not None and goal.warn >= seconds for seconds in (goal.support_time, goal.elapsed)):
        yield ("warn",), "the warning falls at the beginning or before it: give less than the goal itself"


def _hours(goal: PromiseIn, calendars: Collection[str]) -> Iterator[str]:
    if goal.calendar not in calendars:
        near = did_you_mean(goal.calendar or "", calendars)
        yield f"unknown calendar {goal.calendar!r}: known are {', '.join(calendars)}{near}"
    if goal.elapsed is not None or goal.none is not None:
        yield "elapsed time is counted on any watch, and nothing on none: leave `calendar` out"


def _measures(goal: GoalIn | None) -> tuple[float | None, ...]:
    if goal is None:
        return None, None, None
    return goal.support_time, goal.elapsed, goal.working_days.days if goal.working_days else None


def _pausing(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    clocks = [RESPONSE, *dict.fromkeys(goal.clock for goal in given.goals if goal.clock != RESPONSE)]
    waits = [*WAITS, *given.more_waits]
    for i, wait in enumerate(waits):
        if wait in waits[:i]:
            yield ("more_waits", i - len(WAITS)), f"wait {wait} is given twice, or is known anyway"
    for clock, said in given.pausing.items():
        if clock not in clocks:
            near = did_you_mean(clock, clocks)
            yield ("pausing", clock), f"no goal has a clock {clock!r}: known are {', '.join(clocks)}{near}"
        for i, wait in enumerate(said.waits):
            if wait not in waits:
                near = did_you_mean(wait, waits)
                yield (
                    ("pausing", clock, "while", i),
                    f"unknown wait {wait!r}: known are {', '.join(waits)}{near}",
                )
