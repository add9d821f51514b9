"""The section about what is kept of looks: so many of each check, and so many bytes in all."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, with_config

from monitor.settings.values import Size

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Hours are kept for 8 days, days and changes of state for 400; that is no setting, figures are promised by it."""

    results: Annotated[
        int, Field(ge=1, le=10_000, description="How many looks each check keeps; twelve bytes each.")
    ] = 120
    room: Annotated[
        Annotated[Size, Field(ge=1 << 20)],
        Field(
            description="The most that the looks of all checks take: where that is less, each keeps fewer."
        ),
    ] = 256 << 20
