"""From settings to contact channel drivers. The only reader of ``alerts.registry`` besides the tests."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import datetime
from inspect import signature
from pathlib import Path
from typing import Any

from alerts.apprise_chat import AppriseChat, installed
from alerts.base import (
    CallEventSink,
    CallScript,
    ChatDriver,
    MailDriver,
    PhoneDriver,
    TicketDriver,
    TicketRef,
    TicketText,
)
from alerts.builtin import BuiltinTickets, TicketBook
from alerts.registry import every_driver
from alerts.sandbox import Behaviour, SandboxExchange, Sleep
from alerts.smtp import MailServer, Security
from alerts.twilio import Account, TwilioPhone
from monitor import phone_parts
from monitor.errors import ConfigError
from monitor.needed import missing_chat
from monitor.settings import MailSettings, PhoneSettings, Secret, Settings, TicketSettings
from monitor.storage import tickets as book
from monitor.storage.engine import Store

MAIL_PORTS = {"none": 25, "starttls": 587, "tls": 465}
Say = Callable[[str], Awaitable[CallScript | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What drivers are made with."""

    store: Store
    clock: Callable[[], datetime]
    on_event: CallEventSink
    say: Say
    exchange_default: Behaviour | None = None
    exchange_sleep: Sleep = asyncio.sleep
    folder: Path = Path("tocsin-data")
    on_lines: Callable[[int, int], None] = lambda _up, _all: None


def tickets(settings: TicketSettings, parts: Parts) -> TicketDriver:
    """Return the configured ticket system's driver."""
    if settings.driver == "builtin":
        return BuiltinTickets(_book(parts))
    return remote_tickets(settings, parts.clock)


def remote_tickets(settings: TicketSettings, clock: Callable[[], datetime]) -> TicketDriver:
    """Return the driver of a ticket system elsewhere; it needs nothing but its section and the hour."""
    section = getattr(settings, settings.driver.replace("-", "_"))
    if section is None:
        raise ConfigError([f"tickets.{settings.driver.replace('-', '_')} is missing: the driver needs it"])
    made = every_driver().tickets[settings.driver]
    hour = {"clock": clock} if "clock" in signature(made).parameters else {}
    return made(section.url, **_arguments(section), **hour)


def _arguments(section: Any) -> dict[str, Any]:
    """Return a section's keys as its driver's arguments: they have the same names."""
    given = {key.name: getattr(section, key.name) for key in fields(section) if key.name != "url"}
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in given.items()}


def _book(parts: Parts) -> TicketBook:
    """Keep tickets in our own record: the row that delivery writes is the ticket; its number is the incident's."""

    async def find(mark: str) -> TicketRef | None:
        ticket = await parts.store.read(book.of_mark, book.BUILTIN, mark)
        return _ref(ticket) if ticket else None

    async def open_(ticket: TicketText) -> TicketRef:
        number = await parts.store.read(book.number_of, ticket.mark)
        return TicketRef(reference=number, status="open")

    async def comment(_reference: str, _text: str) -> None:
        """Do nothing more: the note is written with the outcome, in its transaction."""

    async def resolve(_reference: str, _text: str) -> None:
        """Do nothing more: the end and its note are written with the outcome, in its transaction."""

    return TicketBook(find=find, open=open_, comment=comment, resolve=resolve)


def _ref(ticket: book.Ticket) -> TicketRef:
    return TicketRef(reference=ticket.reference, status=ticket.status, url=ticket.url, closed=not ticket.open)


def phone(settings: PhoneSettings, public_url: str | None, parts: Parts) -> PhoneDriver | None:
    """Return the configured phone driver, or None."""
    if settings.driver == "none":
        return None
    if settings.driver == "sandbox":
        return SandboxExchange(
            parts.on_event,
            clock=parts.clock,
            sleep=parts.exchange_sleep,
            say=parts.say,
            default=parts.exchange_default,
        )
    if settings.driver == "sip":
        return phone_parts.sip(settings, parts)
    account = settings.twilio
    if account is None or settings.sender is None:
        raise ConfigError(["phone.twilio and phone.from are needed for the driver twilio"])
    return TwilioPhone(
        Account(
            base_url=account.base_url,
            account_sid=account.account_sid,
            auth_token=account.auth_token.reveal(),
            previous_token=account.auth_token_previous.reveal() if account.auth_token_previous else None,
            number=settings.sender,
        ),
        callback_base=callback_url(settings, public_url),
    )


def names(
    tickets: TicketDriver, phone: PhoneDriver | None, mail: MailDriver | None, chat: ChatDriver | None = None
) -> dict[str, str]:
    """Return which driver serves a channel, for the record of attempts."""
    telephone = phone.name if phone else "none"
    return {
        "ticket": tickets.name,
        "phone": telephone,
        "page": telephone,
        "mail": mail.name if mail else "none",
        "chat": chat.name if chat else "none",
    }


def chat(settings: Callable[[], Settings]) -> ChatDriver | None:
    """Return the chat driver, or None where no channel has an address; its addresses are those in force at each message."""

    def urls() -> dict[str, str]:
        return {one.id: one.url.reveal() for one in settings().chat.channels if one.url is not None}

    given = settings().chat
    if problems := missing_chat(settings()):
        raise ConfigError(problems)
    if not installed():
        return None
    driver = AppriseChat(urls, timeout=given.timeout)
    wrong = [
        f"chat.channels.{id_}.url: {problem}"
        for id_, url in urls().items()
        if (problem := driver.problem(url))
    ]
    if wrong:
        driver.close()
        raise ConfigError(wrong)
    return driver


def callback_url(settings: PhoneSettings, public_url: str | None) -> str | None:
    """Return the address under which a phone provider reaches us."""
    return settings.callback_url or public_url


def mail(settings: MailSettings, parts: Parts) -> MailDriver | None:
    """Return the mail driver, or None without a server."""
    if settings.host is None:
        return None
    if settings.sender is None:
        raise ConfigError(["mail.from is missing: mails need a sender"])
    server = MailServer(
        host=settings.host,
        port=settings.port or MAIL_PORTS[settings.security],
        sender=settings.sender,
        security=Security(settings.security),
        user=settings.user,
        password=settings.password.reveal() if settings.password else None,
    )
    return every_driver().mails["smtp"](server, clock=parts.clock)
