"""What logging in knows beside passwords: who must prove more, what seals secrets, and how fast codes are guessed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aiohttp import web

from monitor.sealing import Sealer
from monitor.storage.people import Session, User
from monitor.web.accounts import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Whom an identity provider vouches for."""

    external: str
    name: str
    email: str | None = None
    verified: bool = False
    groups: frozenset[str] = frozenset()


class Provider(Protocol):
    """An identity provider that people may log in by (``monitor.signing_in``)."""

    @property
    def label(self) -> str:
        """What its button says."""
        ...

    async def begin(self, back: str) -> tuple[str, Mapping[str, str]]:
        """Return where to send the browser, and what to keep until it comes back."""
        ...

    async def finish(self, kept: Mapping[str, str], query: Mapping[str, str], now: datetime) -> Claims:
        """Check what came back; raise RefusedError with a sentence."""
        ...

    def role_of(self, claims: Claims) -> str | None:
        """Return the role that somebody's groups give, if any does."""
        ...

    @property
    def by_email(self) -> bool:
        """Whether a contact is known by the verified address."""
        ...


def _nobody() -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIns:
    """``required``: the roles that must have a second step. Without a ``sealer`` nobody can set one up."""

    sealer: Sealer | None = None
    required: Callable[[], frozenset[str]] = _nobody
    provider: Callable[[], Provider | None] = lambda: None
    pace: Pace = field(default_factory=lambda: Pace(burst=5, every=60.0))

    def owes_second(self, session: Session) -> bool:
        """Whether a session may only set up its second step: its role must have one, and it came by password."""
        return session.way != "provider" and not session.user.second and session.user.role in self.required()

    def must_have(self, user: User) -> bool:
        """Whether somebody's role must have a second step."""
        return user.role in self.required()


LOG_INS = web.AppKey("log_ins", LogIns)
