"""The section about checks that come and go: from when on that is flapping, and from when on it is over."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, with_config

from monitor.domain import flapping
from monitor.settings.values import Seconds

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping:
    """While a check flaps, its finding stands and its partner is not contacted about it."""

    high: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="It flaps when so much of its last 20 looks were changes (weighted); 1: never.",
        ),
    ] = 0.3
    low: Annotated[
        float, Field(gt=0, le=1, description="It is steady again below this, and not before `steady` looks.")
    ] = 0.25
    steady: Annotated[
        int, Field(ge=2, le=100, description="How many looks in a row must say the same for that.")
    ] = 20
    again_within: Annotated[
        Annotated[Seconds, Field(ge=0, le=7 * 86_400)],
        Field(description="What fails again before it was well for so long flaps, too; 0: it does not."),
    ] = 3_600.0

    @property
    def rules(self) -> flapping.Rules:
        """Return them as the domain has them."""
        return flapping.Rules(
            high=self.high,
            low=self.low,
            steady=self.steady,
            again_within=timedelta(seconds=self.again_within),
        )
