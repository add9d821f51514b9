"""Words of the status page to subscribers' webhooks, from the row that owes one to the endpoint that takes it.

    row -> the webhook as it is on record now -> its secret opened -> signed (Standard Webhooks) -> posted
    410, or nothing taken for days -> its subscription is forgotten

A row carries the message as it was composed with the decision, so that every try sends the same bytes under the same
``webhook-id``; only the moment and with it the signature are new. The first message (it asks back) has no secret yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from alerts.signatures import signed
from alerts.status_webhook import Endpoints
from checks.vetting import Network, Vetting
from monitor.errors import DeliveryError
from monitor.sealing import UnsealError
from monitor.storage import webhooks
from monitor.storage.engine import Store
from monitor.storage.outbox import Due
from monitor.storage.webhooks import Endpoint

Unseal = Callable[[str, str, bytes], str]
SEALED_AS = "webhook"
"""What a sealed secret is, beside whose it is."""
MOST_ASKING = 3
"""How often an endpoint is asked back that does not answer: nobody there has said that they want anything."""
LONGEST_FAILING, MOST_FAILING = timedelta(days=5), 10
"""How long an endpoint may take nothing, and how often it must have refused the present message, before it counts as gone."""
PRIVATE: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
        "::/127", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/9",
    )
)  # fmt: skip
"""What is not the public internet (IANA's special-purpose registries): a stranger's webhook does not lead there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where webhooks may lead: to the internet by https, and to the networks the operator named, there also by http."""

    inside: tuple[Network, ...] = ()

    def refusal(self, address: str, plain: bool) -> str | None:
        """Return why an address may not be connected to, or None."""
        if why := Vetting().refusal(address):
            return why
        if any(ip_address(address) in network for network in self.inside):
            return None
        if plain:
            return "is outside the networks that http is for"
        return "is not a public address" if Vetting(denied=PRIVATE).refusal(address) else None


def reach(networks: Sequence[str]) -> Reach:
    """Return where webhooks may lead, by the networks of the configuration."""
    return Reach(inside=tuple(ip_network(text) for text in networks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a row; ``over``: nothing will come of it any more, and ``said`` tells why."""

    said: str
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Posts what rows of the channel ``webhook`` owe."""

    store: Store
    endpoints: Endpoints
    unseal: Unseal
    clock: Callable[[], datetime]

    async def post(self, due: Due) -> Posted:
        """Post a row's message; a DeliveryError is tried again."""
        id_, body = str(due.payload.get("subscription")), str(due.payload.get("body")).encode()
        found = await self.store.read(webhooks.endpoint, id_)
        if found is None:
            return Posted(said="whoever it was for has unsubscribed", over=True)
        headers = {"webhook-id": due.id}
        if found.sealed is not None:
            headers = signed(self._secret(id_, found.sealed), id_=due.id, at=self.clock(), body=body)
        due.must_be_ours(self.clock())
        try:
            there = await self.endpoints.post(found.url, body, headers)
        except DeliveryError as error:
            over = await self._failed(due, id_, found, error)
            if over is None:
                raise
            return over
        if not there:
            return await self._ended(id_, "the endpoint is gone (410), so its subscription is ended")
        if found.failing_since is not None:
            await self.store.write(webhooks.failing, id_, None)
        return Posted(said="the endpoint took it")

    async def _failed(self, due: Due, id_: str, found: Endpoint, error: DeliveryError) -> Posted | None:
        """Return how it ends where it is not to be tried again."""
        if due.payload.get("asking"):
            if due.attempts < MOST_ASKING:
                return None
            return Posted(said=f"it was asked back {due.attempts} times: {error}", over=True)
        since = found.failing_since
        if since is None:
            await self.store.write(webhooks.failing, id_, self.clock())
        elif self.clock() - since > LONGEST_FAILING and due.attempts >= MOST_FAILING:
            days = LONGEST_FAILING.days
            return await self._ended(
                id_, f"it took nothing for {days} days, so its subscription is ended: {error}"
            )
        return None

    async def _ended(self, id_: str, why: str) -> Posted:
        await self.store.write(webhooks.gone, id_, why, now=self.clock())
        return Posted(said=why, over=True)

    def _secret(self, id_: str, sealed: bytes) -> str:
        try:
            return self.unseal(id_, SEALED_AS, sealed)
        except UnsealError as error:  # somebody mends the configuration
            raise DeliveryError(f"its secret cannot be opened: {error}") from error
