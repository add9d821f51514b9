"""What a look makes us believe: the thresholds of :mod:`monitor.domain.findings`, and that a check flaps. Pure.

While a check flaps, its finding stands however often it looks well in between; when it is steady, it ends or goes on.
"""

from dataclasses import dataclass, replace

from monitor.domain import flapping
from monitor.domain.findings import Observation, Streak, Thresholds, Turn, Verdict, detect

_NEVER = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is remembered after a look, what it made us believe, and whether it began to flap by it, or ended to."""

    streak: Streak
    turn: Turn | None = None
    settle: bool = False


def believe(streak: Streak, seen: Observation, thresholds: Thresholds, rules: flapping.Rules) -> Belief:
    """Take one look in."""
    if seen.verdict is Verdict.UNKNOWN:
        return Belief(streak=streak)
    before = streak.flaps
    flaps = flapping.looked(before, failing=seen.verdict is not Verdict.UP, at=seen.at, rules=rules)
    withheld = replace(thresholds, up_after=_NEVER) if flaps.flapping else thresholds
    after, turn = detect(streak, seen, withheld)
    if turn is not None:
        flaps = (
            flapping.down_again(flaps, seen.at, rules) if turn.down else flapping.well_again(flaps, seen.at)
        )
    elif after.failing and not after.reported and flaps.well_at is not None:
        flaps = flapping.failed_once(flaps, seen.at, rules)
    return Belief(
        streak=after if after.flaps is flaps else replace(after, flaps=flaps),
        turn=turn,
        settle=before.flapping is not flaps.flapping,
    )


def doubted(streak: Streak, seen: Observation, thresholds: Thresholds, rules: flapping.Rules) -> Belief:
    """Take in a failing look that is seen from one place only: it counts on, and nothing is believed by it.

    What is believed later is dated to the first failing look after it: until then it was well, seen from elsewhere.
    """
    belief = believe(streak, seen, replace(thresholds, down_after=_NEVER), rules)
    return replace(belief, streak=replace(belief.streak, failing_since=None))
