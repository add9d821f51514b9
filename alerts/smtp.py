"""``smtp``: mails through the organisation's own mail server.

    connect -> TLS -> log in -> MAIL -> RCPT       nothing was sent yet: temporary, or permanent for 5xx
    DATA -> the message -> the server's answer     lost in here: it may have been sent (ambiguous)

The Message-ID is given and constant over retries. Everything that goes into a header is one clean line,
and an address with anything strange in it is refused, not repaired.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from enum import StrEnum

import aiosmtplib

from alerts.base import CalendarEntry, MailText
from alerts.cleaning import clean, clean_lines
from monitor.errors import DeliveryError

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>", re.ASCII)
_THREADING = ("In-Reply-To", "References")
_WHOLE = ("Subject", "List-Unsubscribe")  # an ASCII one stays on its line
_PARENT = re.compile(r"<[!-;=?-~]{1,250}>", re.ASCII)
_LINK = re.compile(r"https?://[!-;=?-~]{1,500}", re.ASCII)
_METHOD = re.compile(r"[A-Z]{1,20}", re.ASCII)
_PERMANENT = 500
_CLOSING = 421  # the server as a whole has no time for us; any other 4xx is about this mail
_LONGEST_BODY = 64_000
_LONGEST_CALENDAR = 64_000
_LONGEST_HTML = 512_000
_MOST_REFERENCES = 20


class _Wire(EmailPolicy):
    """How headers are written: as the library does, but ids and plain subjects whole."""

    def fold(self, name: str, value: str) -> str:
        end = str(self.linesep)
        if name in _WHOLE and value.isascii():  # folded, it would begin with an empty line
            return f"{name}: {value}{end}"
        if name not in _THREADING:
            return str(super().fold(name, value))
        return f"{name}: {f'{end} '.join(value.split())}{end}"

    def fold_binary(self, name: str, value: str) -> bytes:
        if name in _THREADING or (name in _WHOLE and value.isascii()):
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


WIRE = _Wire(linesep="\r\n")


class Security(StrEnum):
    """How the way to the server is protected; with ``starttls`` a server without it is refused."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails are handed in, and as whom."""

    host: str
    port: int = 587
    sender: str
    security: Security = Security.STARTTLS
    user: str | None = None
    password: str | None = None
    timeout: float = 20.0
    helo: str | None = None
    trust: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        """Show where it is, and no password."""
        return f"MailServer({self.host}:{self.port}, {self.security.value})"


class SmtpMail:
    """A ``MailDriver``: one connection per mail."""

    def __init__(self, server: MailServer, *, clock: Callable[[], datetime], name: str = "smtp") -> None:
        """Keep the server; ``clock`` dates the mails."""
        self._server = server
        self._clock = clock
        self._name = name

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def send(self, mail: MailText) -> str:
        """Hand the mail to the server and return its answer."""
        message = compose(mail, sender=self._server.sender, now=self._clock())
        client = self._client()
        try:
            await self._prepare(client, mail.to)
            return await self._deliver(client, message)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            timeout=server.timeout,
            local_hostname=server.helo,
            use_tls=server.security is Security.TLS,
            start_tls=server.security is Security.STARTTLS,
            tls_context=server.trust,
        )

    async def _prepare(self, client: aiosmtplib.SMTP, to: str) -> None:
        """Go as far as one can without sending anything."""
        try:
            async with asyncio.timeout(self._server.timeout):
                await client.connect()
                await client.mail(self._server.sender)
                await client.rcpt(to)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _failure(error, "before the mail was sent") from error

    async def _deliver(self, client: aiosmtplib.SMTP, message: bytes) -> str:
        try:
            async with asyncio.timeout(self._server.timeout):
                answer = await client.data(message)
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error, "instead of taking the mail") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryError(
                f"the mail server was lost while it took the mail: {clean(str(error), 200)}",
                ambiguous=True,
                away=True,
            ) from error
        return f"{answer.code} {clean(answer.message, 200)}"


def compose(mail: MailText, *, sender: str, now: datetime) -> bytes:
    """Write the message as it goes over the wire; DeliveryError(permanent=True) for an unusable address."""
    message = EmailMessage(policy=WIRE)
    message["From"] = _checked(_ADDRESS, sender, "address")
    message["To"] = _checked(_ADDRESS, mail.to, "address")
    if mail.reply_to is not None:
        message["Reply-To"] = _checked(_ADDRESS, mail.reply_to, "address")
    message["Subject"] = clean(mail.subject, 150)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = _checked(_MESSAGE_ID, mail.message_id, "message id")
    _thread(message, mail)
    if mail.automatic:
        # Says to vacation programs and ticket systems that a machine wrote it, so that none answers.
        message["Auto-Submitted"] = "auto-generated" if mail.in_reply_to is None else "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    if mail.unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{_checked(_LINK, mail.unsubscribe, 'link')}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(clean_lines(mail.body, _LONGEST_BODY) + "\n", charset="utf-8")
    if mail.html is not None:
        message.add_alternative(mail.html[:_LONGEST_HTML], subtype="html", charset="utf-8", cte="base64")
    if mail.calendar is not None:
        _attach(message, mail.calendar)
    # After the content and what stands beside it: setting these takes every Content- header away.
    message["Content-Language"] = clean(mail.language, 20)
    return message.as_bytes()


def _thread(message: EmailMessage, mail: MailText) -> None:
    """Name the mails this one follows; an id that cannot be written is left out: it came from a stranger."""
    parent = mail.in_reply_to if mail.in_reply_to and _PARENT.fullmatch(mail.in_reply_to) else None
    line = [id_ for id_ in mail.references if _PARENT.fullmatch(id_)]
    if parent:
        message["In-Reply-To"] = parent
        line = [*(id_ for id_ in line if id_ != parent), parent]
    if line:
        message["References"] = " ".join([*line[:1], *line[1:][-_MOST_REFERENCES:]])


def _attach(message: EmailMessage, entry: CalendarEntry) -> None:
    """Add an appointment: to be shown beside the text, and as a file for programs that do not show it."""
    try:
        text = entry.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeliveryError("the calendar entry is not UTF-8", permanent=True) from error
    if not text.startswith("BEGIN:VCALENDAR") or len(entry.content) > _LONGEST_CALENDAR:
        raise DeliveryError("the calendar entry is not iCalendar, or is too long", permanent=True)
    method = _checked(_METHOD, entry.method, "iCalendar method")
    message.add_alternative(
        text, subtype="calendar", charset="utf-8", cte="base64", params={"method": method}
    )
    message.add_attachment(entry.content, maintype="application", subtype="ics", filename="invite.ics")


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise DeliveryError(f"{clean(text, 80)!r} is not a usable {what}", permanent=True)
    return text


def _failure(error: Exception, when: str) -> DeliveryError:
    """Judge what went wrong by the server's own code: 4xx is for now, 5xx for good."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    # a greeting that turns us away, or that is none (below 0), is the server's as a whole and not about this mail
    closed = code <= 0 or code == _CLOSING or isinstance(error, aiosmtplib.SMTPConnectResponseError)
    away = closed and not isinstance(error, ValueError)
    # our key, or our sender, is not had at all: every mail would be told so, and none of them is to blame
    ours = isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPSenderRefused)
    refused = ours and code >= _PERMANENT
    said = f"{code} {error.message}" if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)
    return DeliveryError(
        f"the mail server said {when}: {clean(said, 200) or type(error).__name__}",
        permanent=not (away or refused) and (code >= _PERMANENT or isinstance(error, ValueError)),
        away=away,
        refused=refused,
    )
