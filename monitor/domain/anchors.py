"""Whether we see out ourselves: reference targets, and what a failing look is worth while none of them answers. Pure.

    failing look -> do the anchors answer? -> yes: it counts
                                           -> no:  unknown, "we cannot see out ourselves"

A look is not believed either if it had begun before the last moment at which we are known to have been cut off: its
question, or the answer, may have been lost on our own side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.domain.findings import Observation, Verdict

FAILING = (Verdict.DOWN, Verdict.DEGRADED)
CUT_OFF = "we cannot see out ourselves"
_MOST_SAID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One look at all anchors: how many of how many answered, how many must, and what the others said."""

    at: datetime
    answered: int
    of: int
    quorum: int
    silent: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def sees_out(self) -> bool:
        """Whether enough of them answered; without anchors nobody can say otherwise."""
        return self.answered >= min(self.quorum, self.of)

    @property
    def why(self) -> str:
        """Say what did not answer."""
        silent = (said if name in said else f"{name}: {said}" for name, said in self.silent.items())
        told = "; ".join(silent)[:_MOST_SAID]
        return f"{self.answered} of {self.of} reference targets answer" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What is known of our own sight: ``blind_since`` while we are cut off, ``blind_at`` when we last were."""

    blind_since: datetime | None = None
    blind_at: datetime | None = None
    why: str = ""

    @property
    def blind(self) -> bool:
        """Whether we are cut off as far as we know."""
        return self.blind_since is not None


def after(eyes: Eyes, glance: Glance, now: datetime) -> Eyes:
    """Return what is known after a glance that is over ``now``.

    Cut off we may have been until the first glance that answers began.
    """
    if glance.sees_out:
        return replace(eyes, blind_since=None, blind_at=glance.at, why="") if eyes.blind else eyes
    return Eyes(blind_since=eyes.blind_since or glance.at, blind_at=now, why=glance.why)


def doubted(eyes: Eyes, seen: Observation) -> bool:
    """Whether a failing look proves nothing, because we were cut off while it was taken, or are now."""
    if seen.verdict not in FAILING:
        return False
    return eyes.blind or (eyes.blind_at is not None and seen.at <= eyes.blind_at)


def believed(eyes: Eyes, seen: Observation) -> Observation:
    """Return a look as it may be believed: one that was taken while we were cut off is unknown."""
    if not doubted(eyes, seen):
        return seen
    said = f"{CUT_OFF}: {eyes.why}" if eyes.blind else f"{CUT_OFF} when this was looked at"
    detail = f"{said}; this look said: {seen.detail}" if seen.detail else said
    return replace(seen, verdict=Verdict.UNKNOWN, symptom=None, detail=detail)


def alarm_due(since: datetime, now: datetime, after_: timedelta) -> bool:
    """Whether we have been cut off for so long that our own people must know."""
    return now - since >= after_


def alarm_text(since: datetime, why: str) -> str:
    """Say to our own people that we are cut off."""
    return (
        f"We cannot see out ourselves since {since:%H:%M} UTC: {why}. "
        "Looks that fail meanwhile are not believed, and no customer is contacted about them."
    )


def back_text(since: datetime, until: datetime) -> str:
    """Say to our own people that we see out again."""
    return (
        f"We see out again since {until:%H:%M} UTC. We could not from {since:%H:%M} UTC on, for {_spell(until - since)}. "
        "What fails now is found by its next looks."
    )


def _spell(span: timedelta) -> str:
    minutes, seconds = divmod(max(int(span.total_seconds()), 0), 60)
    return f"{minutes} min" if minutes else f"{seconds} s"
