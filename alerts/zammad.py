"""``zammad``: tickets in Zammad through its REST API.

    find     by a tag that is our mark, as a condition and not as a query: conditions are answered by the
             database, queries by a search index that lags
    open     POST tickets with its first article, the mark among its tags
    comment  POST ticket_articles, after a look whether it is closed
    resolve  PUT tickets/N with state and article, one request

A customer's reply would reopen a closed ticket, ours never gets there. A merged ticket is gone: the other one is not ours.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from alerts import signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import marked, recognised
from alerts.outcomes import Answer, Patience
from monitor.domain.markup import plain_text as plain
from monitor.errors import DeliveryError

CLOSED = ("closed", "merged")

_LONGEST_MARK, _LONGEST_SUBJECT, _LONGEST_TEXT = 200, 200, 100_000
_TAG = "tocsin"
_LAG = timedelta(minutes=1)
_SET_UP = re.compile(r"No lookup value found for '(group|priority|state)'")
_MEANINGS = {
    401: "Zammad does not accept our token",
    403: "Zammad does not let us do this: our user has no such right in this group",
    404: "Zammad has no such ticket, or is not at this address",
}


class Zammad(http.HttpTickets):
    """A ``SyncedTickets``. ``groups`` are by partner, ``priorities`` names by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str,
        group: str,
        groups: Mapping[str, str] | None = None,
        priorities: Mapping[str, str] | None = None,
        closed_state: str = CLOSED[0],
        closed_states: Sequence[str] = CLOSED,
        webhook_secret: str | None = None,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "zammad",
    ) -> None:
        """Keep the settings; names of groups, priorities and states are as Zammad has them in English."""
        self._web = base_url.rstrip("/")
        headers = {"Authorization": f"Token token={token}"}
        api = http.Api(
            f"{self._web}/api/v1", headers=headers, meanings=_MEANINGS, home="users/me", patience=patience
        )
        super().__init__(api, name=name, clock=clock, webhook_secret=webhook_secret)
        self._group, self._groups, self._priorities = group, dict(groups or {}), dict(priorities or {})
        self._state, self._closed = closed_state, {*closed_states, closed_state}

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest ticket that carries our mark, closed ones included, or None."""
        tag = http.fitted(mark, _LONGEST_MARK)
        found = await self._search({"ticket.tags": {"operator": "contains all", "value": tag}})
        for ticket in sorted(found, key=lambda one: int(http.number(None, one.get("id")))):
            ref = self._ref(None, ticket)
            answer = await self._api.get("tags", [("object", "Ticket"), ("o_id", ref.reference)])
            if tag in (http.part(answer.json(), "tags") or ()):
                return ref
        return None

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        group = self._groups.get(ticket.partner, self._group)
        document: dict[str, object] = {
            "title": clean(ticket.subject, _LONGEST_SUBJECT),
            "group": group,
            "customer_id": await self._customer(ticket.requestor),
            "tags": f"{http.fitted(ticket.mark, _LONGEST_MARK)},{_TAG}",
            "article": _article(ticket.body),
        }
        if ticket.cls in self._priorities:
            document["priority"] = self._priorities[ticket.cls]
        try:
            answer = await self._api.write("POST", "tickets?expand=true", document)
        except DeliveryError as error:
            if error.permanent and _SET_UP.search(str(error)):
                raise http.not_set_up(f"Zammad takes no ticket in group {group!r}: {error}") from error
            raise
        return self._ref(answer, answer.document())

    async def comment(self, reference: str, text: str) -> None:
        """Add an article that the customer sees; none to a ticket that is closed."""
        http.must_be_open(await self._ticket(reference))
        await self._api.write("POST", "ticket_articles", {"ticket_id": int(reference), **_article(text)})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and close it; nothing is done to a ticket that is closed already."""
        if (await self._ticket(reference)).closed:
            return
        changes: dict[str, object] = {"state": self._state}
        if text.strip():
            changes["article"] = _article(text)
        answer = await self._api.write("PUT", f"tickets/{http.digits(reference)}?expand=true", changes)
        now = self._ref(answer, answer.document())
        if not now.closed:
            raise DeliveryError(
                f"ticket {reference} is still {now.status}, not {self._state}", permanent=True
            )

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file in an article of its own; one of the same name and size that is there already is not added again."""
        http.must_be_open(await self._ticket(reference))
        name = http.file_name(file)
        for article in await self._articles(reference):
            if http.has(article.get("attachments"), "filename", "size", file):
                return
        data = {"filename": name, "data": base64.b64encode(file.content).decode("ascii")}
        article = _article(marked(name, file.mark) if file.mark else name)
        article["attachments"] = [{**data, "mime-type": http.media_type(file)}]
        await self._api.write("POST", "ticket_articles", {"ticket_id": int(reference), **article})

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands, or None: it was deleted, or merged into another."""
        answer = await self._api.find(f"tickets/{http.digits(reference)}", [("expand", "true")])
        if answer is None or answer.document().get("state") == "merged":
            return None
        ref, articles = self._ref(answer, answer.document()), await self._articles(reference)
        return TicketNow(
            reference=ref.reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{answer.document().get('updated_at')}/{len(articles)}",
            notes=recognised(_note(article) for article in articles[1:]),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which tickets with our tag changed since then."""
        minutes = max(ceil((self._clock() - since + _LAG) / timedelta(minutes=1)), 1)
        lately = {"operator": "within last (relative)", "range": "minute", "value": str(minutes)}
        ours = {"operator": "contains all", "value": _TAG}
        found = await self._search({"ticket.tags": ours, "ticket.updated_at": lately})
        return tuple(dict.fromkeys(http.number(None, one.get("id")) for one in found))

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check Zammad's signature and the moment in what it signed, and return the ticket that the message is about."""
        signatures.verify_hex(self._secret, headers.get("x-hub-signature", ""), body, algorithm="sha1")
        said = signatures.message(body)
        moments = (
            http.moment(http.part(said, "ticket", "updated_at")),
            http.moment(http.part(said, "article", "created_at")),
        )
        signatures.verify_age(max(filter(None, moments), default=None), now=self._clock())
        id_ = str(http.part(said, "ticket", "id"))
        return (id_,) if id_.isascii() and id_.isdigit() else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our token is taken and our user may work in our groups."""
        me = (await self._api.get("users/me", [("expand", "true")])).document()
        told = [f"the token is {clean(str(me.get('login')), 100)}'s"]
        allowed = http.part(me, "groups") or {}
        for group in dict.fromkeys((self._group, *self._groups.values())):
            rights = set(http.part(allowed, group) or ())
            if not rights & {"full", "create"}:
                raise http.not_set_up(
                    f"our user may open no tickets in group {group!r}, or Zammad has no such group"
                )
            told.append(f"group {group} is there, and we may open tickets in it")
        return tuple(told)

    async def _search(self, condition: Mapping[str, object]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, http.MOST_PAGES + 1):
            order = {"sort_by": "created_at", "order_by": "asc", "page": page, "per_page": http.PAGE}
            answer = await self._api.ask("tickets/search", {"condition": condition, "expand": True, **order})
            listed = http.items(answer, answer.json())
            found += listed
            if len(listed) < http.PAGE:
                break
        return found

    async def _ticket(self, reference: str) -> TicketRef:
        answer = await self._api.find(f"tickets/{http.digits(reference)}", [("expand", "true")])
        if answer is None:
            raise http.gone_error("Zammad", reference)
        return self._ref(answer, answer.document())

    async def _articles(self, reference: str) -> list[dict[str, Any]]:
        """Return every article, the oldest first; the first is the text that the ticket was opened with."""
        answer = await self._api.get(f"ticket_articles/by_ticket/{http.digits(reference)}")
        return sorted(
            http.items(answer, answer.json()), key=lambda one: int(http.number(None, one.get("id")))
        )

    async def _customer(self, requestor: str | None) -> object:
        """Return whom the ticket is for: Zammad makes a customer of an address; without one it is ourselves."""
        if requestor:
            return f"guess:{clean(requestor, 254)}"
        return http.part((await self._api.get("users/me")).json(), "id")

    def _ref(self, answer: Answer | None, ticket: object) -> TicketRef:
        reference, state = (
            http.number(answer, http.part(ticket, "id")),
            clean(str(http.part(ticket, "state")), 40),
        )
        url = f"{self._web}/#ticket/zoom/{reference}"
        return TicketRef(reference=reference, status=state, url=url, closed=state in self._closed)


def _article(said: str) -> dict[str, object]:
    kind = {"type": "note", "sender": "Agent", "internal": False, "content_type": "text/plain"}
    return {"body": http.fit(said, _LONGEST_TEXT), **kind}


def _note(article: Mapping[str, Any]) -> TicketNote:
    body = str(article.get("body") or "")
    return TicketNote(
        id=str(article.get("id")),
        author=clean(str(article.get("from") or article.get("created_by")), 100),
        text=plain(body) if article.get("content_type") == "text/html" else body.replace("\r\n", "\n"),
        public=not article.get("internal"),
        at=http.moment(article.get("created_at")),
    )
