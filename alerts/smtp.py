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
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from enum import StrEnum

import aiosmtplib

from alerts.base import MailText
from alerts.cleaning import clean, clean_lines
from monitor.errors import DeliveryError

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>", re.ASCII)
_PERMANENT = 500
_LONGEST_BODY = 64_000


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
                f"the mail server was lost while it took the mail: {clean(str(error), 200)}", ambiguous=True
            ) from error
        return f"{answer.code} {clean(answer.message, 200)}"


def compose(mail: MailText, *, sender: str, now: datetime) -> bytes:
    """Write the message as it goes over the wire; DeliveryError(permanent=True) for an unusable address."""
    message = EmailMessage(policy=WIRE)
    message["From"] = _checked(_ADDRESS, sender, "address")
    message["To"] = _checked(_ADDRESS, mail.to, "address")
    message["Subject"] = clean(mail.subject, 150)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = _checked(_MESSAGE_ID, mail.message_id, "message id")
    if mail.in_reply_to is not None:
        parent = _checked(_MESSAGE_ID, mail.in_reply_to, "message id")
        message["In-Reply-To"] = parent
        message["References"] = parent
    # Says to vacation programs and ticket systems that nobody reads their answer.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(clean_lines(mail.body, _LONGEST_BODY) + "\n", charset="utf-8")
    # After the content: setting it takes every Content- header away.
    message["Content-Language"] = clean(mail.language, 20)
    return message.as_bytes()


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise DeliveryError(f"{clean(text, 80)!r} is not a usable {what}", permanent=True)
    return text


def _failure(error: Exception, when: str) -> DeliveryError:
    """Judge what went wrong by the server's own code: 4xx is for now, 5xx for good."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    said = f"{code} {error.message}" if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)
    return DeliveryError(
        f"the mail server said {when}: {clean(said, 200) or type(error).__name__}",
        permanent=code >= _PERMANENT or isinstance(error, ValueError),
    )
