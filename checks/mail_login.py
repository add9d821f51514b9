"""What ``smtp`` and ``imap`` share: how the connection is secured, who logs in, and that we always say goodbye."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr

from checks.base import Target, Tools
from checks.conversation import AnsweredWronglyError, ConversationKeys, Correspondent, Talk
from checks.curl import dialler_of
from checks.texts import Pattern, compiled, fill, tidy
from checks.verdicts import Fault
from monitor.domain.findings import Observation


def _words(value: object) -> object:
    """YAML 1.1 habits: an unquoted ``none`` is a word here."""
    return "none" if value is None else value


class MailKeys(ConversationKeys):
    """The keys of every type that talks to a mail server."""

    security: Annotated[
        Literal["none", "starttls", "tls"],
        BeforeValidator(_words),
        Field(description="`starttls`, `tls` from the first byte, or `none`."),
    ] = "starttls"
    greeting: Annotated[Pattern | None, Field(description="What the greeting must match (RE2).")] = None
    username: Annotated[
        str | None, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Who logs in.")
    ] = None
    password: Annotated[
        SecretStr | None, Field(description="The password; `${NAME}` is filled in. Never shown.")
    ] = None

    def login(self, tools: Tools) -> tuple[str, str] | None:
        """Return name and password; raise ``ValueError`` for half a login, or one that would be overheard."""
        if self.username is None and self.password is None:
            return None
        if self.username is None or self.password is None:
            raise ValueError("username and password: one without the other proves nothing")
        if self.security == "none":
            raise ValueError("security: a password is sent only under TLS (starttls or tls)")
        password = fill(self.password, tools.variables)
        if not password.isprintable():
            raise ValueError("password: it holds a control character")
        return self.username, password

    def judge_greeting(self, text: str, shown: str) -> None:
        """Raise ``AnsweredWronglyError`` for a greeting that is not as it must be."""
        if self.greeting is not None and compiled(self.greeting).search(text) is None:
            raise AnsweredWronglyError(
                f"greets with {shown}, expected something that matches {tidy(self.greeting)!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a kind of mail server is found."""

    plain: int
    tls: int


class MailCheck(ABC):
    """Talks to one mail server; holds nothing between looks. A type says what is talked about, and the goodbye."""

    __slots__ = ("_server",)

    ports: ClassVar[Ports]
    goodbye: ClassVar[bytes]

    def __init__(self, target: Target, options: MailKeys, tools: Tools) -> None:
        """Read the target; raise ``ValueError`` with a sentence for a bad one."""
        secure = options.security == "tls"
        self._server = Correspondent(
            target,
            target.target,
            options,
            dialler_of(tools.http),
            port=self.ports.tls if secure else self.ports.plain,
            secure=secure,
        )

    async def observe(self, now: datetime) -> Observation:
        """Talk once and judge."""
        return await self._server.observe(now, self._talk)

    async def _talk(self, talk: Talk) -> list[Fault]:
        try:
            await self.steps(talk)
        finally:
            talk.line.push(self.goodbye)
        return []

    @abstractmethod
    async def steps(self, talk: Talk) -> None:
        """Go through the conversation; raise ``AnsweredWronglyError`` for what is wrong."""
