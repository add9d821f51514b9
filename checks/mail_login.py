"""The keys that ``smtp`` and ``imap`` share: how the connection is secured, and who logs in."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from checks.base import Tools
from checks.conversation import ConversationKeys
from checks.texts import Pattern, fill


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
