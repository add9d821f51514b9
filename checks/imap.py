"""``imap``: a mailbox server greets, secures the connection, lets us log in, and opens a mailbox.

    connect (TLS) -> greeting -> (STARTTLS) -> (LOGIN) -> (EXAMINE: read only) -> LOGOUT

Nothing is changed: the mailbox is opened to be read only (RFC 9051), no mail is fetched or marked.
"""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, Correspondent, Talk
from checks.curl import dialler_of
from checks.mail_login import MailKeys
from checks.texts import compiled, tidy
from checks.verdicts import Fault
from monitor.domain.findings import Observation

PORT: Final = 143
TLS_PORT: Final = 993
_MOST_LINES: Final = 500
_GREETING: Final = re.compile(r"\* (OK|PREAUTH|BYE)\b ?(?:\[[^\]]*\] ?)?(.*)", re.IGNORECASE)
_EXISTS: Final = re.compile(r"\* ([0-9]{1,10}) EXISTS\b.*", re.IGNORECASE)


class ImapOptions(MailKeys):
    """The keys of an ``imap`` check."""

    mailbox: Annotated[
        str | None,
        Field(
            max_length=200,
            pattern=r"^[ -~]+$",
            description="A mailbox that must open once logged in, as `INBOX`; it is only read.",
        ),
    ] = None


class ImapCheck:
    """Talks to one mailbox server; holds nothing between looks."""

    __slots__ = ("_login", "_options", "_server")

    def __init__(self, options: ImapOptions, server: Correspondent, login: tuple[str, str] | None) -> None:
        """Take what was read."""
        self._options, self._server, self._login = options, server, login

    async def observe(self, now: datetime) -> Observation:
        """Talk once and judge."""
        return await self._server.observe(now, self._talk)

    async def _talk(self, talk: Talk) -> list[Fault]:
        try:
            await self._steps(talk)
        finally:
            talk.line.push(b"z LOGOUT\r\n")
        return []

    async def _steps(self, talk: Talk) -> None:
        await self._greeting(talk)
        if self._options.security == "starttls":
            status, said, _ = await _said(talk, "a", "STARTTLS")
            if status != "OK":
                raise AnsweredWronglyError(f"does not offer STARTTLS: {said}")
            await self._server.secure(talk)
        if self._login is not None:
            await self._log_in(talk, *self._login)
        if self._options.mailbox is not None:
            await self._open(talk, self._options.mailbox)

    async def _greeting(self, talk: Talk) -> None:
        with talk.phase("greeting"):
            line = (await talk.heard()).decode("utf-8", "replace")
        match = _GREETING.fullmatch(line)
        if match is None:
            raise AnsweredWronglyError("answered something that is not IMAP")
        said = tidy(match[2])
        talk.values["greeting"] = said
        talk.fine = f"greets with {said}"
        if match[1].upper() == "BYE":
            raise AnsweredWronglyError(f"will not talk to us: {said}")
        pattern = self._options.greeting
        if pattern is not None and compiled(pattern).search(match[2]) is None:
            raise AnsweredWronglyError(
                f"greets with {said}, expected something that matches {tidy(pattern)!r}"
            )

    async def _log_in(self, talk: Talk, name: str, password: str) -> None:
        with talk.phase("login"):
            status, said, _ = await _said(talk, "b", "LOGIN", _quoted(name), _quoted(password))
        if status != "OK":
            raise AnsweredWronglyError(f"refused the login of {tidy(name)!r}: {said}")
        talk.fine = f"logged in as {tidy(name)}"

    async def _open(self, talk: Talk, mailbox: str) -> None:
        with talk.phase("mailbox"):
            status, said, lines = await _said(talk, "c", "EXAMINE", _quoted(mailbox))
        if status != "OK":
            raise AnsweredWronglyError(f"did not open the mailbox {tidy(mailbox)!r}: {said}")
        counts = [int(match[1]) for line in lines if (match := _EXISTS.fullmatch(line))]
        if counts:
            talk.values["messages"] = counts[-1]
            talk.fine = f"opened {tidy(mailbox)}: {counts[-1]} messages"


async def _said(talk: Talk, tag: str, *words: str) -> tuple[str, str, list[str]]:
    """Say a command; return its status, the server's words, and the lines before them."""
    talk.step = f"answer to {words[0]}"
    await talk.say(f"{tag} {' '.join(words)}\r\n".encode())
    lines: list[str] = []
    while len(lines) < _MOST_LINES:
        line = (await talk.heard()).decode("utf-8", "replace")
        if line.startswith(f"{tag} "):
            status, _, said = line[len(tag) + 1 :].partition(" ")
            return status.upper(), tidy(said), lines
        if not line.startswith(("* ", "+ ")):
            raise AnsweredWronglyError("answered something that is not IMAP")
        lines.append(line)
    raise AnsweredWronglyError("talks without end")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class ImapType:
    """How ``imap`` is registered."""

    options: type[Options] = ImapOptions

    def build(self, target: Target, options: ImapOptions, tools: Tools) -> ImapCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        secure = options.security == "tls"
        server = Correspondent(
            target,
            target.target,
            options,
            dialler_of(tools.http),
            port=TLS_PORT if secure else PORT,
            secure=secure,
        )
        login = options.login(tools)
        if options.mailbox is not None and login is None:
            raise ValueError("mailbox: it opens only to who is logged in (username, password)")
        return ImapCheck(options, server, login)


TYPE: CheckType = ImapType()
