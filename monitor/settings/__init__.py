"""The configuration: strict YAML in, frozen dataclasses out. ``load`` is the whole of it."""

from monitor.settings.contact_sections import ContactSettings
from monitor.settings.loading import from_document, load, load_text
from monitor.settings.schema import json_schema
from monitor.settings.secret import Secret
from monitor.settings.sections import (
    CheckDefaults,
    CheckSettings,
    Crash,
    Limits,
    Listen,
    MailSettings,
    Metrics,
    Page,
    PhoneSettings,
    RequestTracker,
    Sentry,
    SentryProject,
    Service,
    Settings,
    TicketSettings,
    Triage,
    Twilio,
)
from monitor.settings.shipped import shipped

__all__ = [
    "CheckDefaults",
    "CheckSettings",
    "ContactSettings",
    "Crash",
    "Limits",
    "Listen",
    "MailSettings",
    "Metrics",
    "Page",
    "PhoneSettings",
    "RequestTracker",
    "Secret",
    "Sentry",
    "SentryProject",
    "Service",
    "Settings",
    "TicketSettings",
    "Triage",
    "Twilio",
    "from_document",
    "json_schema",
    "load",
    "load_text",
    "shipped",
]
