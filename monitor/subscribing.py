"""Who asks for the status page's news by mail, and how they get it: asked back first, ended by one click.

    ask -> a mail with a link -> confirmed -> each public word, once, by an outbox row -> List-Unsubscribe -> forgotten

The row is written by one transaction with the mark that the word was told (``monitor/storage/subscriptions.py``), so that
a kill at any moment leaves a word told once or not yet. Subscribers come after partners: their rows go out last.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from alerts import notice_texts
from alerts.announcements import announcement_text
from monitor.bell import Bell
from monitor.domain.announcing import Channel, Form, Kind, News, Phase
from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.domain.subscriptions import ALL, Purpose, address_of, concerns, selectors_of, token
from monitor.storage import subscriptions
from monitor.storage.engine import Store
from monitor.storage.subscriptions import Subscriber, Word
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """Takes subscriptions, and tells subscribers; ``public_url`` is what their links begin with."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    public_url: str

    async def ask(self, address: str, wanted: Iterable[str], language: str) -> bool:
        """Write to an address what it would hear of, for it to confirm; False for what is no address."""
        checked = address_of(address)
        if checked is None:
            return False
        known = self.world.in_force.inventory.components
        chosen = selectors_of(wanted, known.values())
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
        )
        self.bell.ring("outbox")
        return True

    async def confirm(self, offered: str) -> bool:
        """Put a subscription in force by the token of its link."""
        return await self.store.write(subscriptions.confirm, offered, now=self.clock())

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
        if told:
            log.info("subscribers.told", words=told)
            self.bell.ring("outbox")

    # what is written --------------------------------------------------------------------------------------

    def _asked_back(self, asked: Subscriber, keys: Sequence[bytes], now: datetime) -> Obligation:
        words = notice_texts.pick(asked.language)
        service = self.world.in_force.service_name
        link = self._link("subscribe/confirm", Purpose.CONFIRM, asked, keys)
        subject = words.say("subscribe_subject", service=service)
        about = service if ALL in asked.selectors else ", ".join(self._named(asked.selectors))
        body = words.say("subscribe_body", service=service, link=link, title=about)
        return self._row(asked, f"ask {now.isoformat()}", {"subject": subject, "body": body}, now)

    def _named(self, selectors: Iterable[str]) -> Iterable[str]:
        known = self.world.in_force.inventory.components
        for selector in selectors:
            kind, _, name = selector.partition(":")
            yield known[name].name if kind == "component" and name in known else name

    def _told(self, word: Word, one: Subscriber, keys: Sequence[bytes], now: datetime) -> Obligation | None:
        in_force = self.world.in_force
        if not concerns(one.selectors, word.components, in_force.inventory.components):
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
        )

    def _link(self, path: str, purpose: Purpose, one: Subscriber, keys: Sequence[bytes]) -> str:
        return f"{self.public_url.rstrip('/')}/{path}/{token(purpose, one.id, one.address, keys[0])}"

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
