"""``smtp``: a mail server greets, secures the connection, lets us log in, and would take a mail.

    connect (TLS) -> greeting -> EHLO -> (STARTTLS, EHLO) -> (AUTH) -> (MAIL FROM, RCPT TO, RSET) -> QUIT

No mail is ever sent: with ``to`` the server is asked whether it would take one (RFC 5321), and then let go.
"""

import base64
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, Talk
from checks.mail_login import MailCheck, MailKeys, Ports
from checks.texts import tidy

_MOST_LINES: Final = 200
_REPLY: Final = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)
_ADDRESS: Final = r"^[^\x00-\x20<>\x7f]{1,254}$"
_DONE: Final = range(200, 300)
_GO_ON: Final = 334


class SmtpOptions(MailKeys):
    """The keys of an ``smtp`` check."""

    helo: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]{1,253}$", description="The name we introduce ourselves by.")
    ] = "tocsin.invalid"
    sender: Annotated[
        str, Field(alias="from", pattern=r"^[^\x00-\x20<>\x7f]{0,254}$", description="MAIL FROM, with `to`.")
    ] = ""
    recipient: Annotated[
        str | None,
        Field(
            alias="to", pattern=_ADDRESS, description="An address that the server must take; nothing is sent."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class _Reply:
    """One reply of the server, of one line or many."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {tidy(self.lines[-1])}".rstrip()

    def offered(self, keyword: str) -> str | None:
        """Return what stands behind a keyword of EHLO's reply, or None."""
        for line in self.lines[1:]:
            name, _, rest = line.replace("=", " ").partition(" ")
            if name.upper() == keyword:
                return rest.upper()
        return None


class SmtpCheck(MailCheck):
    """Talks to one mail server; holds nothing between looks."""

    __slots__ = ("_login", "_options")

    ports = Ports(plain=25, tls=465)
    goodbye = b"QUIT\r\n"

    def __init__(self, target: Target, options: SmtpOptions, tools: Tools) -> None:
        """Read the target; raise ``ValueError`` with a sentence for a bad one."""
        super().__init__(target, options, tools)
        self._options, self._login = options, options.login(tools)

    async def steps(self, talk: Talk) -> None:
        """Greet, secure, log in, ask whether it would take a mail."""
        with talk.phase("greeting"):
            greeting = await _reply(talk)
        talk.values["greeting"] = tidy(greeting.lines[-1])
        talk.fine = f"greets with {greeting}"
        if greeting.code not in _DONE:
            raise AnsweredWronglyError(f"greets with {greeting}")
        self._options.judge_greeting("\n".join(greeting.lines), str(greeting))
        offers = await self._ehlo(talk)
        if self._options.security == "starttls":
            if offers.offered("STARTTLS") is None:
                raise AnsweredWronglyError("does not offer STARTTLS")
            await _command(talk, "STARTTLS")
            await self._server.secure(talk)
            offers = await self._ehlo(talk)
        if self._login is not None:
            await self._log_in(talk, offers, self._login)
        if self._options.recipient is not None:
            await self._would_take(talk, self._options.recipient)

    async def _ehlo(self, talk: Talk) -> _Reply:
        return await _command(talk, f"EHLO {self._options.helo}", step="EHLO")

    async def _log_in(self, talk: Talk, offers: _Reply, login: tuple[str, str]) -> None:
        mechanisms = (offers.offered("AUTH") or "").split()
        name, password = login
        with talk.phase("login"):
            if "PLAIN" in mechanisms:
                said = await _said(talk, f"AUTH PLAIN {_base64(f'{chr(0)}{name}{chr(0)}{password}')}")
            elif "LOGIN" in mechanisms:
                said = await _said(talk, "AUTH LOGIN")
                for part in (name, password):
                    if said.code == _GO_ON:
                        said = await _said(talk, _base64(part))
            else:
                raise AnsweredWronglyError("offers no login that we know (PLAIN, LOGIN)")
        if said.code not in _DONE:
            raise AnsweredWronglyError(f"refused the login of {tidy(name)!r}: {said}")
        talk.fine = f"logged in as {tidy(name)}"

    async def _would_take(self, talk: Talk, recipient: str) -> None:
        with talk.phase("envelope"):
            await _command(talk, f"MAIL FROM:<{self._options.sender}>", step="answer to MAIL FROM")
            said = await _said(talk, f"RCPT TO:<{recipient}>", step="answer to RCPT TO")
            await _said(talk, "RSET")
        if said.code not in _DONE:
            raise AnsweredWronglyError(f"does not take mail for {tidy(recipient)}: {said}")
        talk.fine = f"takes mail for {tidy(recipient)}"


async def _command(talk: Talk, command: str, *, step: str = "") -> _Reply:
    """Say a command that has to be taken, and return the reply."""
    said = await _said(talk, command, step=step)
    if said.code not in _DONE:
        raise AnsweredWronglyError(f"answered {command.split(' ', maxsplit=1)[0]} with {said}")
    return said


async def _said(talk: Talk, command: str, *, step: str = "") -> _Reply:
    talk.step = step or f"answer to {command.split(' ', maxsplit=1)[0]}"
    await talk.say(f"{command}\r\n".encode())
    return await _reply(talk)


async def _reply(talk: Talk) -> _Reply:
    lines: list[str] = []
    while len(lines) < _MOST_LINES:
        match = _REPLY.fullmatch(await talk.heard())
        if match is None:
            raise AnsweredWronglyError("answered something that is not SMTP")
        lines.append(match[3].decode("utf-8", "replace"))
        if match[2] != b"-":
            return _Reply(int(match[1]), tuple(lines))
    raise AnsweredWronglyError("talks without end")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class SmtpType:
    """How ``smtp`` is registered."""

    options: type[Options] = SmtpOptions

    def build(self, target: Target, options: SmtpOptions, tools: Tools) -> SmtpCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        return SmtpCheck(target, options, tools)


TYPE: CheckType = SmtpType()
