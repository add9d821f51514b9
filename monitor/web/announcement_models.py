"""What is asked and given of announcements over REST and on the console's pages."""

from datetime import datetime

from monitor.web.api_inputs import ById, Id, Query, Word
from monitor.web.api_models import Out


class AnnouncementQuery(Query):
    """Filters of announcements."""

    id: Id | None = None
    kind: Word | None = None
    phase: Word | None = None
    incident: Id | None = None
    maintenance: Id | None = None
    actor: Word | None = None


class ChannelOf(ById):
    """A path to a channel of an announcement."""

    channel: Id


class AnnouncementChannel(Out):
    """How one channel stands; ``state`` is the outbox row's, or ``to_copy`` and ``posted`` where a person copies the text."""

    channel: str
    name: str
    form: str
    recipient: str | None
    language: str
    subject: str
    body: str
    outbox: str | None
    state: str
    reason: str
    attempts: int
    not_before: datetime | None
    waits_because: str | None
    at: datetime | None
    by: str | None


class Announcement(Out):
    """What was announced when and by whom, with every channel's text and how it stands."""

    id: str
    kind: str
    phase: str
    incident: str | None
    maintenance: str | None
    title: str
    body: str
    actor: str
    at: datetime
    channels: list[AnnouncementChannel]
