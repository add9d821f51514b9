"""Requests on record for stories about what is told of them: a row, and what it makes us owe."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller

from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_PAGE, Obligation
from monitor.domain.decisions import NOC, page_entry
from monitor.domain.inventory import Inventory
from monitor.storage import owing
from monitor.storage.schema_requests import requests
from tests.acceptance.world import World
from tests.factories import an_id


async def a_request(world: World, *owed: Obligation, id_: str = "req_1", **changes: Any) -> str:
    """Put a request on record together with what it makes us owe."""
    await world.service.store.write(_file, id_, owed, world.clock(), changes)
    return id_


def _file(
    c: sa.Connection, id_: str, owed: tuple[Obligation, ...], now: datetime, changes: dict[str, Any]
) -> None:
    values = {
        "id": id_,
        "policy": "wildix",
        "policy_version": "2020-07",
        "policy_digest": "0" * 64,
        "channel": "portal",
        "partner": "aurora",
        "contact": "giulia",
        "system": "PBX-1",
        "status": "open",
        "subject": "No audio since noon",
        "language": "it",
        "reply_key": "k3y",
        "received_at": now,
    }
    c.execute(sa.insert(requests).values({**values, **changes}))
    owing.owe(c, owed, now)


def a_page(world: World, request: str = "req_1", **changes: Any) -> Obligation:
    """Return the page to whoever is on call about a request."""
    inventory: Inventory = world.service.world.in_force.inventory
    entry = page_entry(inventory, world.clock(), "a request outside support hours")
    values = {
        "kind": "page",
        "channel": "page",
        "dedup": f"{request}|page|{NOC}",
        "partner": NOC,
        "contact": entry.contact,
        "recipient": entry.to,
        "language": entry.language,
        "priority": PRIORITY_PAGE,
        "reason": entry.reason,
    }
    return _owed(world, request, {**values, **changes})


def an_answer(world: World, request: str = "req_1", **changes: Any) -> Obligation:
    """Return an answer to the requester."""
    values = {
        "kind": "answer",
        "channel": "mail",
        "dedup": f"{request}|answer|taken",
        "partner": "aurora",
        "contact": "giulia",
        "recipient": "giulia@aurora.example",
        "language": "it",
        "priority": PRIORITY_NORMAL,
        "payload": {"subject": "[R-00001] Abbiamo ricevuto la Sua richiesta", "body": "Buongiorno,"},
    }
    return _owed(world, request, {**values, **changes})


def _owed(world: World, request: str, values: dict[str, Any]) -> Obligation:
    known = {"id": f"out_{an_id()}", "incident": None, "request": request, "not_before": world.clock()}
    return Obligation(**{**known, **values})


async def timeline(world: World, request: str = "req_1") -> list[tuple[str, str]]:
    """Return what happened to a request, as (kind, actor)."""
    return [(row["kind"], row["actor"]) for row in await world.rows("events", request=request)]


class Mailbox:
    """A mail server's mind: what it answers, and what it took."""

    def __init__(self) -> None:
        self.answer = "250 taken"
        self.asked = 0
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.asked += 1
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.SMTP))
        return self.answer


@asynccontextmanager
async def a_mailbox(port: int) -> AsyncGenerator[Mailbox]:
    """Serve mail on a port of ours."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()


def mail_settings(port: int) -> str:
    """Return the configuration that sends mail to it."""
    return f"\nmail: {{host: 127.0.0.1, port: {port}, security: none, from: noc@tocsin.example}}\n"
