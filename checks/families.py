"""IPv4 and IPv6 apart: with ``ip: both`` each family is looked at by itself, one connection each, and the bad one is named.

    look by IPv4 \
                  > both well: up | one bad: degraded, and which | both bad: as bad as the worse
    look by IPv6 /

A family that could not be looked at (this machine has none) makes a look unknown, unless the other one says worse.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from checks.base import Check, CheckType, Options, Target, Tools
from checks.texts import detail
from monitor.domain.findings import Observation, Symptom, Verdict

T = TypeVar("T")
BOTH: Final = "both"
_FAILING: Final = (Verdict.DOWN, Verdict.DEGRADED)
_WORST_FIRST: Final = (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.UP)
_LITERAL: Final = re.compile(r"(?:^|[@/:])(?:\[[0-9A-Fa-f:.]+\]|\d{1,3}(?:\.\d{1,3}){3})(?:$|[:/;?])")


def built(kind: CheckType, target: Target, options: Options, tools: Tools) -> Check:
    """Make a check of a type, or one for each family; raise ``ValueError`` with a sentence for a bad target."""
    if getattr(options, "ip", None) != BOTH:
        return kind.build(target, options, tools)
    if _LITERAL.search(target.target):
        raise ValueError(f"ip: both needs a name: {target.target!r} is an address, of one family")
    v4, v6 = (kind.build(target, options.model_copy(update={"ip": one}), tools) for one in ("4", "6"))
    return BothFamilies(target=target, v4=v4, v6=v6)


@dataclass(frozen=True, slots=True, kw_only=True)
class BothFamilies:
    """Looks by IPv4 and by IPv6 at the same time."""

    target: Target
    v4: Check
    v6: Check

    async def observe(self, now: datetime) -> Observation:
        """Look once by each, and say which is bad."""
        v4, v6 = await asyncio.gather(self.v4.observe(now), self.v6.observe(now))
        return joined(v4, v6)


def joined(v4: Observation, v6: Observation) -> Observation:
    """Return what two looks say together."""
    worst, other = sorted((v4, v6), key=lambda seen: _WORST_FIRST.index(seen.verdict))
    verdict, symptom = worst.verdict, worst.symptom
    if verdict is Verdict.DOWN and other.verdict is Verdict.UP:
        verdict, symptom = Verdict.DEGRADED, Symptom.DEGRADED  # it is there, for half of those who ask
    bad = [name for name, seen in (("IPv4", v4), ("IPv6", v6)) if seen.verdict in _FAILING]
    said = f"IPv4: {v4.detail}; IPv6: {v6.detail}"
    if len(bad) == 1:
        said = f"{bad[0]} is bad. {said}"
    return Observation(
        check=v4.check,
        at=v4.at,
        verdict=verdict,
        symptom=symptom,
        detail=detail(said),
        seconds=max(v4.seconds, v6.seconds),
        phases=_apart(v4.phases, v6.phases),
        values=_apart(v4.values, v6.values),
    )


def _apart(v4: Mapping[str, T], v6: Mapping[str, T]) -> dict[str, T]:
    return {f"v4_{name}": one for name, one in v4.items()} | {f"v6_{name}": one for name, one in v6.items()}
