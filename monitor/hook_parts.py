"""Puts together what subscribing to the status page takes: by mail, by webhook, or by both."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from alerts.status_webhook import Endpoints
from monitor.bell import Bell
from monitor.delivery import Delivery
from monitor.hooking import Hooks, reach
from monitor.metrics import Metrics
from monitor.sealing import Sealer
from monitor.settings import Settings
from monitor.storage.engine import Store
from monitor.subscribing import Subscribing, Webhooks
from monitor.world import World
from statuspage.pages import PublicPages
from statuspage.webhooks import Documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What it is made with; ``by_mail``: there is a mail server."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    pages: PublicPages
    sealer: Sealer | None
    by_mail: bool


def subscribing(settings: Callable[[], Settings], parts: Parts, delivery: Delivery) -> Subscribing | None:
    """Return what takes subscriptions, None where there are none; ``delivery`` learns to post to webhooks."""
    url = settings().service.public_url
    hooks = _webhooks(settings(), url, parts) if url else None
    if hooks is not None and parts.sealer is not None:
        sealer = parts.sealer
        delivery.hooks = Hooks(
            store=parts.store,
            endpoints=Endpoints(
                refusal=lambda address, plain: reach(settings().page.webhooks_inside).refusal(address, plain)
            ),
            unseal=lambda id_, kind, sealed: sealer.open(sealed, request=id_, kind=kind),
            clock=parts.clock,
        )
    if url is None or not (parts.by_mail or hooks):
        return None
    return Subscribing(
        world=parts.world,
        store=parts.store,
        clock=parts.clock,
        new_id=parts.new_id,
        bell=parts.bell,
        public_url=url,
        metrics=parts.metrics,
        by_mail=parts.by_mail,
        webhooks=hooks,
    )


def _webhooks(settings: Settings, url: str, parts: Parts) -> Webhooks | None:
    """Return what webhooks take, where the operator lets visitors have them and there is a key for their secrets."""
    sealer, pages = parts.sealer, parts.pages
    if sealer is None or not settings.page.webhooks:
        return None

    def read(path: str) -> bytes | None:
        page = pages.get(path)
        return page.body if page else None

    return Webhooks(
        documents=Documents(read=read, url=url),
        seal=lambda id_, kind, secret: sealer.seal(secret, request=id_, kind=kind),
        plain=bool(settings.page.webhooks_inside),
    )
