"""The console's lists of the record, each with its file: what is in it, under which filters. The mechanism is ``list_pages``."""

from collections.abc import Mapping
from typing import Any

from monitor.domain.remedies import remedy
from monitor.storage import alerts_in, announced, deliveries, lists
from monitor.storage.alerts_in import AlertLine
from monitor.storage.announced import AnnouncementLine
from monitor.storage.deliveries import DeliveryLine
from monitor.storage.lists import CrashLine, Page, TicketLine, Wanted
from monitor.web import announcement_models as m
from monitor.web import api_inputs as i
from monitor.web.list_pages import Handler, Listing, Read, csv, fields
from monitor.web.parts import Parts


def _owed(parts: Parts, query: i.OutboxQuery | i.DeliveryQuery) -> Read[DeliveryLine]:
    waits = query.waits if isinstance(query, i.DeliveryQuery) else None
    now, rules = parts.clock(), parts.contact()

    def read(connection: Any, wanted: Wanted) -> Page[DeliveryLine]:
        return deliveries.list_deliveries(connection, wanted, now, rules, waits)

    return read


OWED: Mapping[str, Any] = {
    **fields("id", "state", "kind", "channel", "partner", "contact", "recipient", "language", "incident", "request", "waits"),
    "why": lambda line: line.why or line.reason,
    **fields("until"),
    "what to do": lambda line: remedy(line.state, line.waits),
    **fields("attempts", "created_at", "not_before", "done_at"),
}  # fmt: skip
OUTBOX: Listing[i.OutboxQuery, DeliveryLine] = Listing(name="outbox", model=i.OutboxQuery, read=_owed, columns=OWED)  # fmt: skip
DELIVERIES: Listing[i.DeliveryQuery, DeliveryLine] = Listing(name="deliveries", model=i.DeliveryQuery, read=_owed, columns=OWED)  # fmt: skip
TICKETS: Listing[i.TicketQuery, TicketLine] = Listing(
    name="tickets",
    model=i.TicketQuery,
    read=lambda _parts, _query: lists.list_tickets,
    columns=fields("id", "driver", "reference", "status", "remote_status", "subject", "partner", "language", "incident", "request", "created_at", "closed_at", "synced_at", "trouble", "url"),
)  # fmt: skip
CRASHES: Listing[i.CrashQuery, CrashLine] = Listing(
    name="crashes",
    model=i.CrashQuery,
    read=lambda _parts, _query: lists.list_crash_reports,
    columns=fields("id", "at", "received_at", "system", "process", "version", "signature", "message", "group", "source", "folded", "outcome"),
)  # fmt: skip
ALERTS: Listing[i.AlertQuery, AlertLine] = Listing(
    name="alerts",
    model=i.AlertQuery,
    read=lambda _parts, _query: alerts_in.list_alerts,
    columns={
        **fields("id", "source", "fingerprint", "standing", "since", "ends_at", "ended_at", "rule", "system", "component", "symptom", "outcome", "because"),
        "labels": lambda line: " ".join(f"{name}={value}" for name, value in line.labels.items()),
    },
)  # fmt: skip
ANNOUNCEMENTS: Listing[m.AnnouncementQuery, AnnouncementLine] = Listing(
    name="announcements",
    model=m.AnnouncementQuery,
    read=lambda _parts, _query: announced.listed,
    columns={
        **fields("id", "at", "kind", "phase", "title", "actor", "incident", "maintenance"),
        "where": lambda line: "; ".join(f"{one.name}: {one.state}" for one in line.deliveries),
    },
)


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/outbox.csv"): csv(OUTBOX),
    ("GET", "/noc/deliveries.csv"): csv(DELIVERIES),
    ("GET", "/noc/tickets.csv"): csv(TICKETS),
    ("GET", "/noc/crashes.csv"): csv(CRASHES),
    ("GET", "/noc/alerts.csv"): csv(ALERTS),
    ("GET", "/noc/announcements.csv"): csv(ANNOUNCEMENTS),
}
