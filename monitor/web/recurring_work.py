"""Work that comes again, as people and programs ask for it: one rule for the API, the console and the portal."""

from datetime import UTC, datetime

from monitor.domain.announcements import Maintenance
from monitor.domain.recurrence import Series, wall_of
from monitor.errors import ConflictError
from monitor.recurrence import RuleError, check_series, checked
from monitor.recurring import Recurring
from monitor.storage import series
from monitor.storage.series import Kept
from monitor.web.api_inputs import Repeat
from monitor.web.auth import audit
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError


def series_of(work: Maintenance, repeat: Repeat) -> Series:
    """Return the series whose first time is ``work``; what cannot be kept is a 422 with its sentence."""
    try:
        made = Series(
            id=f"ser_{work.id}",
            title=work.title,
            body=work.body,
            rule=checked(repeat.rule, work.zone),
            zone=work.zone,
            first=wall_of(work.starts_at, work.zone),
            lasts=work.ends_at.astimezone(UTC) - work.starts_at.astimezone(UTC),  # not what the wall says
            left_out=tuple(sorted(repeat.left_out)),
            systems=work.systems,
            components=work.components,
            public=work.public,
            partner=work.partner,
            major=work.major,
        )
        check_series(made)
    except RuleError as error:
        raise wrong("repeat", str(error)) from None
    return made


async def plan(
    parts: Parts, who: str, work: Maintenance, repeat: Repeat, *, tell_partners: bool = False
) -> str:
    """Put work that comes again on record and return the id of its first time."""
    made = series_of(work, repeat)
    first = await recurring(parts).plan(made, actor=who, tell_partners=tell_partners)
    await audit(parts, who, "maintenance.series", made.id, title=made.title, rule=made.rule)
    return first


async def cancel(parts: Parts, who: str, kept: Kept) -> None:
    """Call a series off; one of the configuration is taken out there."""
    if kept.series.source == series.CONFIG:
        raise ConflictError("This series is in the configuration file: take it out there.")
    await recurring(parts).cancel(kept.series.id, actor=who)
    await audit(parts, who, "maintenance.series_cancel", kept.series.id)


async def move(parts: Parts, who: str, id_: str, starts_at: datetime, ends_at: datetime) -> None:
    """Give one work another time, or one that runs another end."""
    check_span(parts, starts_at, ends_at)
    await recurring(parts).move(id_, starts_at, ends_at, actor=who)
    await audit(parts, who, "maintenance.move", id_)


def check_span(parts: Parts, starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a time that is over, or ends before it begins."""
    if ends_at.astimezone(UTC) <= max(starts_at.astimezone(UTC), parts.clock()):
        raise wrong("ends_at", "It must end after it begins, and in the future")


def recurring(parts: Parts) -> Recurring:
    """Return who keeps series."""
    assert parts.recurring is not None, "the service is wired with it"
    return parts.recurring


def wrong(field: str, detail: str) -> ProblemError:
    """Return a 422 about one field."""
    return ProblemError(
        422, "The request is not valid.", errors=[FieldError(pointer=f"/{field}", detail=detail)]
    )
