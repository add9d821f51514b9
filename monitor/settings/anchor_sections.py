"""The section about our own sight: reference targets that tell an outage of theirs from one of ours."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, with_config

from monitor.settings.values import Line, Seconds, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Targets that are well unless we are cut off ourselves."""

    targets: Annotated[
        tuple[Line, ...],
        BeforeValidator(nothing_is_empty),
        Field(
            max_length=20,
            description="`host:port`, or an http(s) address, in networks of others: at least two are wise.",
        ),
    ] = ()
    quorum: Annotated[int, Field(ge=1, le=20, description="How many must answer for us to see out.")] = 1
    every: Annotated[
        Annotated[Seconds, Field(ge=1, le=3_600)],
        Field(description="How often they are looked at when nothing fails; while we are cut off, each 2 s."),
    ] = 30.0
    timeout: Annotated[
        Annotated[Seconds, Field(gt=0, le=30)], Field(description="Longest one may take to answer.")
    ] = 3.0
    alarm_after: Annotated[
        Annotated[Seconds, Field(ge=0, le=86_400)],
        Field(description="Cut off for so long: whoever is on call is told, and again when it is over."),
    ] = 60.0
