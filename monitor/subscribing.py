"""Who asks for the status page's news by mail or webhook, and how they get it: asked back first, ended by one click.

    ask -> a mail with a link -> confirmed -> each public word, once, by an outbox row -> List-Unsubscribe -> forgotten
    ask -> a message with a link -> confirmed, its secret shown once -> signed messages -> the link in each, or 410

The row is written by one transaction with the mark that the word was told (``monitor/storage/subscriptions.py``), so that
a kill at any moment leaves a word told once or not yet. Subscribers come after partners: their rows go out last.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from alerts import notice_texts
from alerts.announcements import announcement_text
from monitor.bell import Bell
from monitor.domain.announcing import Channel, Form, Kind, News, Phase
from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.domain.subscriptions import (
    ALL,
    Purpose,
    address_of,
    concerns,
    contact_in,
    host_of,
    is_webhook,
    of_partner,
    selectors_of,
    token,
    webhook_of,
)
from monitor.hooking import SEALED_AS
from monitor.metrics import Metrics
from monitor.partner_news import document, followed, mail
from monitor.storage import case_news, subscriptions, webhooks
from monitor.storage.case_news import CaseChange
from monitor.storage.engine import Store
from monitor.storage.subscriptions import Subscriber, Word
from monitor.storage.webhooks import Change, Confirmed
from monitor.world import World

log = structlog.stdlib.get_logger()
TOPICS = frozenset({"incident", "maintenance", "component"})
AT_LEAST_EVERY = 10.0
SUBSCRIBER = "subscriber"
"""The kind of a row that writes to a subscriber."""
PRIORITY_LAST = PRIORITY_NORMAL + 100
_WORK: dict[str, Phase] = {
    "scheduled": Phase.PLANNED,
    "cancelled": Phase.CANCELLED,
    "completed": Phase.COMPLETED,
}


CONFIRM = "subscribe/confirm"
CONFIRM_WEBHOOK = "subscribe/webhook/confirm"
WEBHOOK = "webhook"
"""The channel of rows that are posted to subscribers' webhooks."""


class Documents(Protocol):
    """Writes what webhooks are sent."""

    def asking(self, *, id_: str, at: datetime, confirm: str, selectors: Iterable[str]) -> str:
        """Return the first message, which asks back."""
        ...

    def told(self, word: Word, *, id_: str, at: datetime, unsubscribe: str) -> str:
        """Return the message that tells a word."""
        ...

    def changed(self, change: Change, name: str, *, id_: str, at: datetime, unsubscribe: str) -> str:
        """Return the message that tells a component's change; empty where nothing of it is seen in public."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What subscribing by webhook takes. ``plain``: http is taken, too; ``seal`` keeps a secret for a subscription."""

    documents: Documents
    seal: Callable[[str, str, str], bytes]
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """Takes subscriptions, and tells subscribers; ``public_url`` is what their links begin with.

    ``by_mail``: there is a mail server; without ``webhooks`` none are taken.
    """

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    public_url: str
    metrics: Metrics
    by_mail: bool = True
    webhooks: Webhooks | None = None

    async def ask(self, address: str, wanted: Iterable[str], language: str) -> bool:
        """Write to an address what it would hear of, for it to confirm; False for what is no address."""
        checked = address_of(address) if self.by_mail else None
        return checked is not None and await self._ask(checked, wanted, language)

    async def ask_webhook(self, url: str, wanted: Iterable[str], language: str) -> bool:
        """Post to a webhook what it would hear of, for whoever reads it to confirm; False for what is no such address."""
        hooks = self.webhooks
        checked = webhook_of(url, plain=hooks.plain) if hooks else None
        return checked is not None and await self._ask(checked, wanted, language)

    async def _ask(self, checked: str, wanted: Iterable[str], language: str) -> bool:
        known = self.world.in_force.inventory.components
        return await self._ask_for(checked, selectors_of(wanted, known.values()), language)

    async def _ask_for(self, checked: str, chosen: tuple[str, ...], language: str) -> bool:
        now = self.clock()
        id_ = f"sub_{self.new_id()}"
        await self.store.write(
            subscriptions.ask,
            id_,
            checked,
            chosen,
            language,
            now=now,
            owe=lambda asked, keys: self._asked_back(asked, keys, now),
            allowed=lambda c: not is_webhook(checked) or webhooks.may_ask(c, checked),
        )
        self.bell.ring("outbox")
        return True

    # what a partner's own people ask for, in the portal ---------------------------------------------------

    async def follow(self, partner: str, contact: str, address: str, language: str) -> bool:
        """Tell a partner's person by mail of what touches their systems; False for what is no address, or without mail."""
        checked = address_of(address) if self.by_mail else None
        if checked is None:
            return False
        id_ = f"sub_{self.new_id()}"
        selector = of_partner(partner, contact)
        await self.store.write(subscriptions.follow, id_, checked, selector, language, now=self.clock())
        return True

    async def follow_by_webhook(self, partner: str, contact: str, url: str) -> bool:
        """Post to a webhook what a partner's person would hear of, for whoever reads it to confirm."""
        hooks = self.webhooks
        checked = webhook_of(url, plain=hooks.plain) if hooks else None
        return checked is not None and await self._ask_for(checked, (of_partner(partner, contact),), "en")

    async def following(self, partner: str, contact: str) -> list[tuple[Subscriber, bool]]:
        """Return how a partner's person is told, and whether it is in force."""
        return await self.store.read(subscriptions.with_selector, of_partner(partner, contact))

    async def unfollow(self, partner: str, contact: str, id_: str) -> bool:
        """End one of a partner's person's ways of being told."""
        selector = of_partner(partner, contact)
        return await self.store.write(subscriptions.unfollow, id_, selector, now=self.clock())

    async def confirm(self, offered: str) -> bool:
        """Put a subscription in force by the token of its link."""
        return await self.store.write(subscriptions.confirm, offered, now=self.clock())

    async def confirm_webhook(self, offered: str) -> str | None:
        """Put a webhook in force by the token of its link; returns its secret the first time, later nothing. None: no."""
        hooks = self.webhooks
        if hooks is None:
            return None
        fresh = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode('ascii')}"
        seal = hooks.seal
        came = await self.store.write(
            webhooks.confirm, offered, lambda id_: seal(id_, SEALED_AS, fresh), now=self.clock()
        )
        if came is Confirmed.NO:
            return None
        return fresh if came is Confirmed.FRESH else ""

    async def end(self, offered: str) -> bool:
        """Forget a subscription by the token of its link."""
        return await self.store.write(subscriptions.end, offered, now=self.clock())

    async def run(self) -> None:
        """Tell each public word when it is said, and look by ourselves every few seconds; until cancelled."""
        async with self.bell.listen() as rings:
            while True:
                await self.tell()
                try:
                    async with asyncio.timeout(AT_LEAST_EVERY):
                        while (await rings.get()).topic not in TOPICS:
                            pass
                except TimeoutError:
                    pass

    async def tell(self) -> None:
        """Owe what is untold to who wants it."""
        now = self.clock()
        told = await self.store.write(
            subscriptions.tell, lambda word, one, keys: self._told(word, one, keys, now), now=now
        )
        changes = await self.store.read(webhooks.untold, now=now) if self.webhooks else []
        if changes:
            told += await self.store.write(webhooks.tell, self._changed, now=now)
        if await self.store.read(case_news.wanted):
            told += await self.store.write(case_news.tell, self._cases_told, now=now)
        if told:
            log.info("subscribers.told", words=told)
            self.bell.ring("outbox")
        for form, count in (await self.store.read(webhooks.counts)).items():
            self.metrics.subscribers.labels(form).set(count)

    # what is written --------------------------------------------------------------------------------------

    def _asked_back(self, asked: Subscriber, keys: Sequence[bytes], now: datetime) -> Obligation:
        if is_webhook(asked.address):
            return self._webhook_asked_back(asked, keys, now)
        words = notice_texts.pick(asked.language)
        service = self.world.in_force.service_name
        link = self._link(CONFIRM, Purpose.CONFIRM, asked, keys)
        subject = words.say("subscribe_subject", service=service)
        about = service if ALL in asked.selectors else ", ".join(self._named(asked.selectors))
        body = words.say("subscribe_body", service=service, link=link, title=about)
        return self._row(asked, f"ask {now.isoformat()}", {"subject": subject, "body": body}, now)

    def _webhook_asked_back(self, asked: Subscriber, keys: Sequence[bytes], now: datetime) -> Obligation:
        assert self.webhooks is not None, "without them none is taken"
        id_, link = f"out_{self.new_id()}", self._link(CONFIRM_WEBHOOK, Purpose.CONFIRM, asked, keys)
        body = self.webhooks.documents.asking(id_=id_, at=now, confirm=link, selectors=asked.selectors)
        return self._post(asked, f"ask {now.isoformat()}", body, now, id_=id_, asking=True)

    def _webhook_told(
        self, word: Word, one: Subscriber, keys: Sequence[bytes], now: datetime
    ) -> Obligation | None:
        if self.webhooks is None:  # they were taken once; while the operator has them off nobody is told
            return None
        id_, leave = f"out_{self.new_id()}", self._link("unsubscribe", Purpose.END, one, keys)
        body = self.webhooks.documents.told(word.read_in(one.language), id_=id_, at=now, unsubscribe=leave)
        return self._post(one, word.id, body, now, id_=id_)

    def _changed(self, change: Change, one: Subscriber, keys: Sequence[bytes]) -> Obligation | None:
        known, hooks, now = self.world.in_force.inventory.components, self.webhooks, self.clock()
        if hooks is None or change.component not in known:
            return None
        mine = followed(one, self.world.in_force)
        on = any(change.component in each.components for each in mine)
        if not on and not concerns(one.selectors, (change.component,), known):
            return None
        id_, leave = f"out_{self.new_id()}", self._link("unsubscribe", Purpose.END, one, keys)
        name = known[change.component].name
        body = hooks.documents.changed(change, name, id_=id_, at=now, unsubscribe=leave)
        return self._post(one, change.id, body, now, id_=id_) if body else None

    def _named(self, selectors: Iterable[str]) -> Iterable[str]:
        known = self.world.in_force.inventory.components
        for selector in selectors:
            kind, _, name = selector.partition(":")
            if kind == "partner":
                named = contact_in(selector, self.world.in_force.inventory.partners)
                yield self.world.in_force.inventory.partners[named[0]].name if named else name
            else:
                yield known[name].name if kind == "component" and name in known else name

    def _told(self, word: Word, one: Subscriber, keys: Sequence[bytes], now: datetime) -> Obligation | None:
        in_force = self.world.in_force
        for_all = concerns(one.selectors, word.components, in_force.inventory.components)
        if not for_all and not any(each.word(word) for each in followed(one, in_force)):
            return None
        if is_webhook(one.address):
            return self._webhook_told(word, one, keys, now)
        if not self.by_mail:  # whoever subscribed while there was a mail server
            return None
        news = self._news(word)
        channel = Channel(id=one.id, name=one.id, form=Form.MAIL, language=one.language)
        face = "incidents" if word.incident else "maintenance"
        link = f"{self.public_url.rstrip('/')}/{face}/{news.subject}"
        written = announcement_text(news, channel, service=in_force.service_name, link=link)
        leave = self._link("unsubscribe", Purpose.END, one, keys)
        because = notice_texts.pick(one.language).say("subscribed_because", link=leave)
        said = {
            "subject": written.subject,
            "body": f"{written.body}\n\n{because}",
            "unsubscribe": leave,
        }
        return self._row(one, word.id, said, now)

    def _cases_told(
        self, changes: Sequence[CaseChange], one: Subscriber, keys: Sequence[bytes]
    ) -> Obligation | None:
        """Return the one row that tells a partner's person what became of their cases; None where none of it is theirs."""
        in_force, now = self.world.in_force, self.clock()
        mine = followed(one, in_force)
        theirs = [each for each in changes if any(follows.case(each) for follows in mine)]
        if not theirs:
            return None
        portal = f"{self.public_url.rstrip('/')}/portal/cases"
        leave = self._link("unsubscribe", Purpose.END, one, keys)
        about = f"cases {theirs[0].seq}-{theirs[-1].seq}"
        if is_webhook(one.address):
            if self.webhooks is None:
                return None
            id_ = f"out_{self.new_id()}"
            body = document(theirs, in_force, id_=id_, at=now, portal=portal, leave=leave)
            return self._post(one, about, body, now, id_=id_)
        if not self.by_mail:
            return None
        written = mail(theirs, one.language, in_force, portal=portal, leave=leave)
        said = {"subject": written.subject, "body": written.body, "unsubscribe": leave}
        return self._row(one, about, said, now)

    def _news(self, word: Word) -> News:
        known = self.world.in_force.inventory.components
        names = tuple(known[id_].name for id_ in word.components if id_ in known)
        if word.incident is not None:
            begun = Phase.BEGUN if word.first else Phase.UPDATED
            return News(
                kind=Kind.GLOBAL_PROBLEM,
                phase=Phase.OVER if word.state == "resolved" else begun,
                subject=word.incident,
                title=word.title,
                body=word.body,
                components=names,
                state=word.state,
                next_update_at=word.next_update_at,
                zone=self.world.in_force.zone,
                titles=word.titles,
                bodies=word.bodies,
            )
        return News(
            kind=Kind.MAINTENANCE,
            phase=_WORK.get(word.state, Phase.UPDATED),
            subject=word.maintenance or "",
            title=word.title,
            body=word.body,
            components=names,
            starts_at=word.starts_at,
            ends_at=word.ends_at,
            zone=word.zone,
            state=word.state,
            bodies=word.bodies,
        )

    def _link(self, path: str, purpose: Purpose, one: Subscriber, keys: Sequence[bytes]) -> str:
        return f"{self.public_url.rstrip('/')}/{path}/{token(purpose, one.id, one.address, keys[0])}"

    def _post(
        self, one: Subscriber, about: str, body: str, now: datetime, *, id_: str, asking: bool = False
    ) -> Obligation:
        """Return the row of a message; of the webhook's address it has only the host, for the rest may be a secret."""
        payload = {"subscription": one.id, "body": body} | ({"asking": True} if asking else {})
        return replace(
            self._row(one, about, {}, now),
            id=id_,
            channel=WEBHOOK,
            recipient=host_of(one.address),
            payload=payload,
        )

    def _row(self, one: Subscriber, about: str, payload: dict[str, str], now: datetime) -> Obligation:
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=None,
            kind=SUBSCRIBER,
            channel="mail",
            dedup=f"sub|{one.id}|{about}",
            partner=None,
            contact=None,
            recipient=one.address,
            language=one.language,
            priority=PRIORITY_LAST,
            not_before=now,
            payload=payload,
        )
