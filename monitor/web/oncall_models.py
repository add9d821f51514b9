"""What the API takes and gives of the rota."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from monitor.web.api_inputs import Id, In, Moment, Note, Word
from monitor.web.api_models import Out

DAYS = 14


def _of_our_time(moment: datetime) -> datetime:
    """Refuse a moment that some zone has no year for, or that is none of a rota's: its page could not be shown."""
    if not FIRST_YEAR <= moment.astimezone(UTC).year <= LAST_YEAR:
        raise ValueError(f"a rota goes from {FIRST_YEAR} to {LAST_YEAR}")
    return moment


FIRST_YEAR, LAST_YEAR = 1970, 2199
Day = Annotated[Moment, AfterValidator(_of_our_time)]


class OnCallQuery(In):
    """From which moment on (now, if left out), and for how many days."""

    at: Day | None = None
    days: Annotated[int, Field(ge=1, le=92)] = DAYS


class NewOverride(In):
    """Somebody stands in over ``[from, to)``, in the first rotation unless another is named."""

    engineer: Word
    rotation: Word = ""
    start: Day = Field(alias="from")
    end: Day = Field(alias="to")
    note: Annotated[str, AfterValidator(str.strip), StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("it ends before it starts")
        return self


class HandOverTo(In):
    """To whom: an engineer's id."""

    to: Word
    note: Note = ""


class HandOverThose(In):
    """Which incidents go to whom."""

    incidents: Annotated[list[Id], Field(min_length=1, max_length=500)]
    to: Word
    note: Note = ""


class Stretch(Out):
    """From when to when somebody is on call (null: nobody), and why."""

    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    engineer: str | None
    why: Literal["override", "shift", "rotation", "fallback", "gap"]


class HandOver(Out):
    """When one engineer hands over to the next."""

    at: datetime
    leaving: str
    arriving: str


class Gap(Out):
    """From when to when nobody is on call."""

    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")


class Rotation(Out):
    """Who is on call by a rotation."""

    name: str
    engineer: str | None
    why: str
    next: HandOver | None
    shifts: list[Stretch]
    gaps: list[Gap]


class Override(Out):
    """Somebody stands in; one without an id is the configuration's."""

    id: str | None
    rotation: str
    engineer: str
    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    by: str | None
    note: str


class OnCallNow(Out):
    """Who is on call when."""

    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    fallback: str | None
    rotations: list[Rotation]
    overrides: list[Override]
