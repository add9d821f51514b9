"""What is seen from several places: a problem that another place does not see is not the customer's outage. Pure.

    here it fails -> every other place looks, too -> more places see it fail than see it well: a finding, with who saw what
                                                  -> else: "seen from one place only", nobody is contacted

A place that cannot see out itself, or has no answer in time, counts neither way: it must not hide an outage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_MOST_SAID, _MOST_NAMED = 160, 5


class Saw(StrEnum):
    """What another place saw; ``nothing``: it could not look, or not in time."""

    DOWN = "down"
    WELL = "well"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One other place and what it saw; ``said`` are its look's own words, or why it saw nothing."""

    place: str
    saw: Saw
    said: str = ""

    def __str__(self) -> str:
        """Say it in a sentence's part."""
        said = f" ({self.said[:_MOST_SAID]})" if self.said else ""
        return f"{_SPELT[self.saw].format(place=self.place)}{said}"


_SPELT = {
    Saw.DOWN: "{place} sees it fail, too",
    Saw.WELL: "{place} sees it well",
    Saw.NOTHING: "{place} saw nothing of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconded:
    """What the other places said when here it failed."""

    witnesses: tuple[Witness, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether it is not believed: it is well seen from as many places as it fails from, or more."""
        return _doubtful(self.witnesses)

    @property
    def said(self) -> str:
        """Say who saw what."""
        return "; ".join(map(str, self.witnesses))

    @property
    def reason(self) -> str:
        """Say, in a decision, what a second look told."""
        if self.evidence:
            return f"seen from more than one place: {self.said}"
        return f"seen from here only, and no other place could say: {self.said}"

    @property
    def evidence(self) -> str:
        """Say, in a finding, which places see it fail; nothing where it is only here."""
        places = [one.place for one in self.witnesses if one.saw is Saw.DOWN]
        return f"it fails as seen from {', '.join(places)}, too" if places else ""


def _doubtful(witnesses: Sequence[Witness]) -> bool:
    well = sum(one.saw is Saw.WELL for one in witnesses)
    return well > 0 and well >= 1 + sum(one.saw is Saw.DOWN for one in witnesses)


def decided(witnesses: Sequence[Witness], waiting: int) -> bool:
    """Whether those who have not answered yet cannot change what is believed."""
    well = sum(one.saw is Saw.WELL for one in witnesses)
    down = 1 + sum(one.saw is Saw.DOWN for one in witnesses)
    return not waiting or well + waiting < down or (well > 0 and well >= down + waiting)


def one_place(seconded: Seconded, detail: str) -> str:
    """Say of a failing look that it is not believed, and why."""
    return f"seen from one place only: {seconded.said}; from here: {detail}"


def alarm_due(since: datetime, told_at: datetime | None, now: datetime, after: timedelta) -> bool:
    """Whether what is seen from one place only has stayed so long that our own people must know."""
    return now - since >= after and (told_at is None or now - told_at >= after)


def alarm_text(checks: Sequence[str], since: datetime) -> str:
    """Say to our own people what stays seen from one place only."""
    named = ", ".join(checks[:_MOST_NAMED])
    more = len(checks) - _MOST_NAMED
    told = f"{named} and {more} more" if more > 0 else named
    fails = "fails" if len(checks) == 1 else "fail"
    return (
        f"{told} {fails} as seen from here, since {since:%H:%M} UTC, and not from elsewhere. "
        "No customer is contacted about that: look at our own way there."
    )
