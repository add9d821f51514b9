"""``imap``: a mailbox server greets, secures the connection, lets us log in, and opens a mailbox.

    connect (TLS) -> greeting -> (STARTTLS) -> (LOGIN) -> (EXAMINE: read only) -> LOGOUT

Nothing is changed: the mailbox is opened to be read only (RFC 9051), no mail is fetched or marked.
"""

import re
from typing import Annotated, Final

from pydantic import Field

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, Talk
from checks.mail_login import MailCheck, MailKeys, Ports
from checks.texts import tidy

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


class ImapCheck(MailCheck):
    """Talks to one mailbox server; holds nothing between looks."""

    __slots__ = ("_login", "_options")

    ports = Ports(plain=143, tls=993)
    goodbye = b"z LOGOUT\r\n"

    def __init__(self, target: Target, options: ImapOptions, tools: Tools) -> None:
        """Read the target; raise ``ValueError`` with a sentence for a bad one."""
        super().__init__(target, options, tools)
        self._options, self._login = options, options.login(tools)
        if options.mailbox is not None and self._login is None:
            raise ValueError("mailbox: it opens only to who is logged in (username, password)")

    async def steps(self, talk: Talk) -> None:
        """Greet, secure, log in, open the mailbox."""
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
        self._options.judge_greeting(match[2], said)

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
        return ImapCheck(target, options, tools)


TYPE: CheckType = ImapType()
