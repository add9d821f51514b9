"""From settings to the mail listener and the mail room, and to what seals credentials."""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import structlog

from monitor.bell import Bell
from monitor.desk import Desk, Seal
from monitor.domain.correspondence import Addresses, Destination
from monitor.domain.letters import base_of
from monitor.domain.links import SHORTEST_KEY
from monitor.incident_replies import IncidentReplies
from monitor.intake.mail_parser import Trust
from monitor.intake.mail_protocol import MailLimits
from monitor.intake.mail_server import MailServer
from monitor.mailing import Letters, Links
from monitor.mailroom import MailRoom
from monitor.metrics import Metrics
from monitor.sealing import Sealer
from monitor.settings import Settings
from monitor.settings.intake_sections import MailIn
from monitor.storage import links as link_book
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParts:
    """What takes mail in: the room that letters go to, and the listener at its door."""

    room: MailRoom
    server: MailServer
    settings: MailIn

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int | None]:
        """Listen for mail while the context lasts, if it is configured; yields the port."""
        given = self.settings
        if not given.on:
            yield None
            return
        path = Path(given.socket) if given.socket else None
        async with self.server.listening(given.host, given.port, path) as port:
            log.info(
                "mail.listening", host=given.host, port=port, socket=given.socket, protocol=given.protocol
            )
            yield port


def mail_parts(
    settings: Callable[[], Settings],
    *,
    desk: Desk,
    world: World,
    store: Store,
    metrics: Metrics,
    clock: Callable[[], datetime],
    bell: Bell,
) -> MailParts:
    """Return the mail room and its listener; addresses are those in force at each mail."""
    given = settings().mail_in
    room = MailRoom(
        desk=desk,
        world=world,
        store=store,
        addresses=lambda: addresses(settings().mail_in),
        ours=lambda: ours(settings()),
        replies=IncidentReplies(
            store=store, clock=clock, bell=bell, world=world, ours=lambda: ours(settings())
        ),
    )
    server = MailServer(
        take_letter=room.take,
        knows_address=room.knows,
        trust=Trust(our_name=given.authserv_id, own_hops=given.own_hops),
        metrics=metrics,
        peers=tuple(ip_network(network) for network in given.peers),
        greets_as=given.hostname,
        lmtp=given.protocol == "lmtp",
        limits=MailLimits(
            size=given.max_size,
            recipients=given.max_recipients,
            connections=given.max_connections,
            idle_seconds=given.idle_timeout,
            body_seconds=given.body_timeout,
        ),
    )
    return MailParts(room=room, server=server, settings=given)


async def letters(
    settings: Callable[[], Settings], *, world: World, store: Store, clock: Callable[[], datetime]
) -> Letters:
    """Return what composes our mails; the keys that sign their links are made at the first start."""
    given = settings()
    await store.write(link_book.begin, secrets.token_bytes(SHORTEST_KEY))
    return Letters(
        store=store,
        links=Links(
            store=store,
            clock=clock,
            public_url=given.service.public_url,
            lasts=timedelta(seconds=given.mail.link_lifetime),
        ),
        service=lambda: world.in_force.service_name,
        sender=given.mail.sender if given.mail.host else None,
        reply_base=reply_address(given.mail_in),
    )


def addresses(given: MailIn) -> Addresses:
    """Return the addresses that take requests, beside the policies' own."""
    listed = {
        base_of(one.address): Destination(policy=one.policy, country=one.country) for one in given.addresses
    }
    reply = {base_of(given.reply_to): Destination()} if given.reply_to else {}
    return Addresses(listed={**reply, **listed}, domains=frozenset(given.domains))


def ours(settings: Settings) -> tuple[str, ...]:
    """Return the addresses we write from and take requests at."""
    known = (
        settings.mail.sender,
        settings.mail_in.reply_to,
        *(one.address for one in settings.mail_in.addresses),
    )
    return tuple(address for address in known if address)


def reply_address(given: MailIn) -> str | None:
    """Return the address that replies go to, before their key is put in; None where no mail is taken in."""
    if not given.on:
        return None
    return given.reply_to or next((one.address for one in given.addresses), None)


def seal_with(sealer: Sealer | None) -> Seal:
    """Return what seals a credential; without a key it is dropped."""

    def seal(request: str, kind: str, value: str) -> bytes | None:
        return sealer.seal(value, request=request, kind=kind) if sealer else None

    return seal


def unseal_with(sealer: Sealer | None) -> Callable[[str, str, bytes], str] | None:
    """Return what opens a sealed credential, None without a key."""
    if sealer is None:
        return None
    return lambda request, kind, sealed: sealer.open(sealed, request=request, kind=kind)
