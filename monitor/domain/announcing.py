"""Announcements: what is told beyond the status page, by which channel, in which form (mission W13). Pure.

    News (a problem, planned work, how it goes on, its end) -> a text for each channel that takes its kind

A channel has an address that mails go to, an account in a chat or community service, or a person who copies the text
because the channel has no way in for programs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a channel may ask to hear of."""

    GLOBAL_PROBLEM = "global_problem"
    MAINTENANCE = "maintenance"


class Phase(StrEnum):
    """Where what is announced stands."""

    BEGUN = "begun"
    UPDATED = "updated"
    OVER = "over"
    PLANNED = "planned"
    MOVED = "moved"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Form(StrEnum):
    """How a channel is reached."""

    MAIL = "mail"
    CHAT = "chat"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel: its ``id`` in the configuration, ``to`` for people, ``limit`` the most characters it takes (None: any)."""

    id: str
    name: str
    form: Form
    kinds: frozenset[Kind] = frozenset(Kind)
    language: str = "en"
    limit: int | None = None
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is to be told. ``subject`` is the incident's or the maintenance's id, ``zone`` that of its times.

    ``titles`` and ``bodies`` are by language: how pre-approved texts read.
    """

    kind: Kind
    phase: Phase
    subject: str
    title: str
    body: str
    components: tuple[str, ...] = ()
    state: str = ""
    next_update_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "UTC"
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    bodies: Mapping[str, str] = field(default_factory=dict[str, str])

    def read_in(self, language: str) -> "News":
        """Return it as it reads in a language, where its words are pre-approved ones; else as they were written."""
        short = language.replace("_", "-").split("-")[0].lower()
        title, body = self.titles.get(short, self.title), self.bodies.get(short, self.body)
        return replace(self, title=title, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What one channel will get: ``calendar`` (iCalendar, with its method) goes with mails to people."""

    channel: Channel
    subject: str
    body: str
    contact: str | None = None
    partner: str | None = None
    calendar: bytes | None = None
    method: str = "REQUEST"

    @property
    def whole(self) -> str:
        """The text as a person copies it."""
        return f"{self.subject}\n\n{self.body}" if self.body else self.subject


def listening(channels: tuple[Channel, ...], kind: Kind) -> tuple[Channel, ...]:
    """Return the channels that hear of a kind."""
    return tuple(channel for channel in channels if kind in channel.kinds)
