"""The section about many systems failing at once: from when on they are one problem, and what is made of it."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, with_config

from monitor.domain.evidence import ATTRIBUTES
from monitor.settings.values import Seconds

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_HOUR = 3_600
_MONTHS = 366 * 24 * _HOUR
Attribute = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """When findings on many systems are one global problem."""

    attributes: Annotated[
        tuple[Attribute, ...],
        Field(
            min_length=1,
            max_length=24,
            description="What is looked at: attributes of systems, and names of their tags, the preferred first.",
        ),
    ] = ATTRIBUTES
    systems: Annotated[
        int, Field(ge=3, le=100_000, description="How many systems of a group must fail together, at least.")
    ] = 3
    many: Annotated[
        int,
        Field(
            ge=3, le=100_000, description="How many it takes where too few are watched outside for the test."
        ),
    ] = 20
    share: Annotated[
        float, Field(gt=0, le=1, description="Which share of the group that must be, at least (0.1 is 10 %).")
    ] = 0.1
    chance: Annotated[
        float,
        Field(
            gt=0, le=0.1, description="How likely it may be, at most, that belonging to it does not matter."
        ),
    ] = 0.001
    alone: Annotated[
        Annotated[Seconds, Field(ge=_HOUR, le=_MONTHS)],
        Field(description="How seldom a system fails by itself: coincidences are reckoned by it."),
    ] = 30.0 * 24 * _HOUR
    window: Annotated[
        Annotated[Seconds, Field(ge=5, le=_HOUR)],
        Field(description="Within which time they begin to fail; not less than the checks' interval."),
    ] = 60.0
    wait: Annotated[
        Annotated[Seconds, Field(ge=0, le=600)],
        Field(description="Longest that new contacts wait while such a problem is being looked for."),
    ] = 30.0
    publish: Annotated[
        Literal["at_once", "draft"],
        Field(description="`at_once` tells the public, `draft` only proposes it to the engineer on call."),
    ] = "at_once"
    propose: Annotated[
        tuple[Attribute, ...],
        Field(
            description="Groups that are never published by us but proposed: others than us answer for them."
        ),
    ] = ("carrier", "version", "hardware", "network", "partner")
    confirm_within: Annotated[
        Annotated[Seconds, Field(ge=0, le=_HOUR)],
        Field(description="Longest that partners wait for the engineer's word on a draft."),
    ] = 600.0
    page_within: Annotated[
        Annotated[Seconds, Field(ge=0, le=600)],
        Field(description="Longest that partners wait for the status page to show the problem first."),
    ] = 10.0
    over_at: Annotated[
        float,
        Field(gt=0, le=1, description="Which share of its systems must be well again for it to be over."),
    ] = 1.0
    watch_for: Annotated[
        Annotated[Seconds, Field(ge=0, le=24 * _HOUR)],
        Field(description="How long it is watched after that before it is resolved."),
    ] = 300.0

    @field_validator("propose")
    @classmethod
    def _looked_at(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse what is looked at nowhere: by a slip of the pen a carrier's outage would be published."""
        known = (*info.data.get("attributes", ()), *ATTRIBUTES)
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ", or add it there"
                raise ValueError(
                    f"{name!r} is none of correlation.attributes ({', '.join(dict.fromkeys(known))}){hint}"
                )
        return names
