"""What the REST API takes and gives of groups of crashes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, StringConstraints

from monitor.domain.versions import version_of
from monitor.web.api_inputs import In, Note, Query, Word
from monitor.web.api_models import Out


def _ordered(version: str) -> str:
    if version_of(version) is None:
        raise ValueError("write a version that begins with a number, as 5.03")
    return version


Group = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f/]+$")]
Ordered = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$"),
    AfterValidator(_ordered),
]


class ByGroup(In):
    """A path to a group of crashes."""

    group: Group


class FixedIn(In):
    """The version that fixed a group."""

    version: Ordered
    note: Note = ""


class GroupQuery(Query):
    """Filters of groups of crashes; `since` and `until` are about when one crashed last."""

    id: Word | None = None
    title: Word | None = None


class LossQuery(Query):
    """Filters of what clients threw away."""

    COLUMNS: ClassVar[Mapping[str, str]] = {}

    token: Word | None = None
    reason: Word | None = None


class CrashGroup(Out):
    """A group of crashes; `grouped_by` says why they are one."""

    id: str
    title: str
    grouped_by: list[str]
    first_at: datetime
    last_at: datetime
    count: int


class CrashShare(Out):
    """How often one version, or one system, crashed so within 30 days; `name` is empty for no version."""

    name: str
    reports: int
    systems: int
    last_at: datetime


class CrashFix(Out):
    """A person's word that a version fixed a group; `regressed_at` says that it came back since."""

    version: str
    said_by: str
    said_at: datetime
    note: str
    regressed_at: datetime | None
    regressed_in: str
    regressed_on: str | None


class CrashGroupFile(CrashGroup):
    """A group with where it happens: `quiet` reports are of versions older than the fix, `unmapped` nobody's."""

    versions: list[CrashShare]
    systems: list[CrashShare]
    unmapped: int
    quiet: int
    fixed: CrashFix | None


class CrashLoss(Out):
    """How many crashes the clients of one DSN say they threw away for one reason."""

    token: str
    reason: str
    count: int
    first_at: datetime
    last_at: datetime
