"""Every contact driver by its name in the configuration. A new one is one file and one line here.

A driver from elsewhere is an entry point of the group ``tocsin.channels`` whose name says what it is:
``ticket.remedy``, ``phone.ari``, ``mail.exchange``. It is made by calling it; what with is its own affair
and that of the configuration (docs/channels/index.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from alerts.apprise_chat import AppriseChat
from alerts.base import ChatDriver, MailDriver, PhoneDriver, TicketDriver
from alerts.builtin import BuiltinTickets
from alerts.jira import Jira
from alerts.redmine import Redmine
from alerts.request_tracker import RequestTracker
from alerts.sandbox import SandboxExchange
from alerts.servicenow import ServiceNow
from alerts.sip import SipPhone
from alerts.smtp import SmtpMail
from alerts.twilio import TwilioPhone
from alerts.webhook import Webhook
from alerts.zammad import Zammad
from alerts.zendesk import Zendesk
from monitor.errors import ConfigError

TICKET_DRIVERS: Mapping[str, Callable[..., TicketDriver]] = {
    "builtin": BuiltinTickets,
    "jira": Jira,
    "redmine": Redmine,
    "request-tracker": RequestTracker,
    "servicenow": ServiceNow,
    "webhook": Webhook,
    "zammad": Zammad,
    "zendesk": Zendesk,
}

PHONE_DRIVERS: Mapping[str, Callable[..., PhoneDriver]] = {
    "sandbox": SandboxExchange,
    "sip": SipPhone,
    "twilio": TwilioPhone,
}

MAIL_DRIVERS: Mapping[str, Callable[..., MailDriver]] = {
    "smtp": SmtpMail,
}

CHAT_DRIVERS: Mapping[str, Callable[..., ChatDriver]] = {
    "apprise": AppriseChat,
}

GROUP = "tocsin.channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """Every driver there is, ours and others'."""

    tickets: Mapping[str, Callable[..., TicketDriver]]
    phones: Mapping[str, Callable[..., PhoneDriver]]
    mails: Mapping[str, Callable[..., MailDriver]]
    chats: Mapping[str, Callable[..., ChatDriver]]


def every_driver() -> Drivers:
    """Return our drivers and the installed ones; ConfigError if one is misnamed or cannot be loaded."""
    return with_installed(tuple(entry_points(group=GROUP)))


def with_installed(points: tuple[EntryPoint, ...]) -> Drivers:
    """Add installed drivers to ours; none may take another's name."""
    tables: dict[str, dict[str, Callable[..., object]]] = {
        "ticket": {**TICKET_DRIVERS},
        "phone": {**PHONE_DRIVERS},
        "mail": {**MAIL_DRIVERS},
        "chat": {**CHAT_DRIVERS},
    }
    problems = [problem for point in points if (problem := _added(tables, point))]
    if problems:
        raise ConfigError(problems)
    made: dict[str, Any] = {f"{kind}s": table for kind, table in tables.items()}
    return Drivers(**made)  # an entry point's type is known only to its author


def _added(tables: Mapping[str, dict[str, Callable[..., object]]], point: EntryPoint) -> str | None:
    """Put one entry point into its table, or return what is wrong with it."""
    kind, _, name = point.name.partition(".")
    if kind not in tables or not name:
        return f"entry point {point.name!r} of {GROUP}: its name must be ticket.NAME, phone.NAME, mail.NAME or chat.NAME"
    if name in tables[kind]:
        return f"entry point {point.name!r} of {GROUP}: there is already a {kind} driver {name!r}"
    try:
        tables[kind][name] = point.load()
    except (ImportError, AttributeError) as error:
        return f"entry point {point.name!r} of {GROUP}: {error}"
    return None
