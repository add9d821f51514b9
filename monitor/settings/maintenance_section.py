"""The section about our own work that comes again, kept in the configuration: windows of every week or month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, with_config

from monitor.domain.recurrence import Series
from monitor.recurrence import RuleError, check_series, checked
from monitor.settings.values import Ident, Line, Seconds, Serial, Text, Zone, moment

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


def _wall(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("is a local time in 'zone', without an offset")
    return value


LocalTime = Annotated[
    datetime,
    BeforeValidator(moment),
    AfterValidator(_wall),
    WithJsonSchema({"type": "string", "examples": ["2026-11-29T02:30"]}),
]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceIn:
    """A window that comes again."""

    id: Annotated[Ident, Field(description="What it is known by; another one is another series.")]
    title: Annotated[Line, Field(description="What is read first.")]
    first: Annotated[
        LocalTime, Field(description="When it begins for the first time, on the wall of `zone`.")
    ]
    lasts: Annotated[Annotated[Seconds, Field(ge=60)], Field(description="How long it lasts each time.")]
    repeat: Annotated[Line, Field(description="How it comes again: an RRULE (RFC 5545), daily at most.")]
    zone: Annotated[Zone | None, Field(description="An IANA zone; left out, `service.zone`.")] = None
    body: Annotated[Text, Field(description="What will be felt.")] = ""
    skip: Annotated[tuple[LocalTime, ...], Field(description="Local times at which it does not come.")] = ()
    systems: Annotated[tuple[Serial, ...], Field(description="Serials that it covers.")] = ()
    components: Annotated[tuple[Ident, ...], Field(description="Components that it covers.")] = ()
    public: Annotated[bool, Field(description="Whether the status page shows it.")] = False

    def series(self, zone: str) -> Series:
        """Return it as the domain has it; raises RuleError with a sentence."""
        at = self.zone or zone
        made = Series(
            id=f"cfg_{self.id}",
            title=self.title,
            body=self.body,
            rule=checked(self.repeat, at),
            zone=at,
            first=self.first,
            lasts=timedelta(seconds=self.lasts),
            left_out=tuple(sorted(self.skip)),
            systems=self.systems,
            components=self.components,
            public=self.public,
            source="config",
        )
        check_series(made)
        return made


def misfits(
    given: Sequence[MaintenanceIn], zone: str, systems: set[str], components: set[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with windows, with its place."""
    seen: set[str] = set()
    for number, one in enumerate(given):
        place: tuple[str | int, ...] = ("maintenance", number)
        if one.id in seen or len(one.id) > 36:  # noqa: PLR2004 - what the record holds
            yield (*place, "id"), "is long or taken: each window has a short id of its own"
        seen.add(one.id)
        if not one.systems and not one.components:
            yield place, "covers nothing: name at least one system or component"
        for key, names, known in (
            ("systems", one.systems, systems),
            ("components", one.components, components),
        ):
            for index, name in enumerate(names):
                if name not in known:
                    yield (*place, key, index), f"there is no {key.removesuffix('s')} {name!r}"
        try:
            one.series(zone)
        except RuleError as error:
            yield (*place, "repeat"), str(error)
