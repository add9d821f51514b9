"""``zendesk``: tickets in Zendesk Support through its API v2.

    find     the list of tickets by ``external_id``, which is our mark: it reads the database, not the lagging
             search index. The search is asked only for what the list leaves out: tickets long archived
    open     POST tickets with an ``Idempotency-Key``: the same request, sent twice, makes one ticket
    comment  PUT tickets/N under ``safe_update``: refused if anybody changed the ticket since we looked
    resolve  the same, with the status; a ticket needs an assignee to be solved, so it becomes ours if it has none

A solved ticket would be reopened by its requester's reply and a closed one takes nothing, so both count as closed.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts import signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import marked
from alerts.outcomes import Answer, Patience, basic
from alerts.zendesk_notes import comments_of, notes_of, turn
from monitor.errors import DeliveryError

_CLOSED = frozenset({"solved", "closed"})
_LONGEST_MARK, _LONGEST_SUBJECT, _LONGEST_TEXT = 255, 150, 60_000
_TAG = "tocsin"
_SET_UP = re.compile(r"\b(Group|Priority): ")
_LAG = timedelta(minutes=5)
"""How far the search index may be behind."""

_MEANINGS = {
    401: "Zendesk does not accept our token",
    403: "Zendesk does not let us do this: the token's user must be an agent who sees these tickets",
    404: "Zendesk has no such ticket, or is not at this address",
    409: "somebody changed the ticket meanwhile",
}


class Zendesk(http.HttpTickets):
    """A ``SyncedTickets``. ``groups`` are by partner, ``priorities`` (urgent high normal low) by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        user: str,
        token: str,
        group: str | None = None,
        groups: Mapping[str, str] | None = None,
        priorities: Mapping[str, str] | None = None,
        webhook_secret: str | None = None,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "zendesk",
    ) -> None:
        """Keep the settings; ``user`` is the mail address of the agent that the API token is used as."""
        api = http.Api(
            f"{base_url.rstrip('/')}/api/v2",
            headers=basic(f"{user}/token", token),
            meanings=_MEANINGS,
            home="users/me.json",
            again=frozenset({409}),
            patience=patience,
        )
        super().__init__(api, name=name, clock=clock, webhook_secret=webhook_secret)
        self._web = base_url.rstrip("/")
        self._group, self._groups = group, dict(groups or {})
        self._priorities = dict(priorities or {})
        self._ids: dict[str, int] = {}

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest ticket that carries our mark, closed ones included, or None."""
        outside = http.fitted(mark, _LONGEST_MARK)
        found = await self._hits("tickets.json", "tickets", ("external_id", outside), outside)
        if not found:
            archived = f'type:ticket external_id:"{outside}"'
            found = await self._hits("search.json", "results", ("query", archived), outside)
        return min(found, key=lambda ref: int(ref.reference), default=None)

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        document: dict[str, object] = {
            "external_id": http.fitted(ticket.mark, _LONGEST_MARK),
            "subject": clean(ticket.subject, _LONGEST_SUBJECT),
            "comment": {"body": http.fit(ticket.body, _LONGEST_TEXT), "public": True},
            "tags": [_TAG],
            "type": "incident",
        }
        if ticket.requestor:
            address = clean(ticket.requestor, 254)
            document["requester"] = {"email": address, "name": address.partition("@")[0]}
        if group := self._groups.get(ticket.partner, self._group):
            document["group_id"] = await self._group_id(group)
        if ticket.cls in self._priorities:
            document["priority"] = self._priorities[ticket.cls]
        key = {"Idempotency-Key": _key(ticket.mark, document)}
        try:
            answer = await self._api.write("POST", "tickets.json", {"ticket": document}, headers=key)
        except DeliveryError as error:
            if error.permanent and _SET_UP.search(str(error)):
                raise http.not_set_up(
                    f"Zendesk takes no ticket with our group or priority: {error}"
                ) from error
            raise
        return self._ref(answer, answer.document().get("ticket"))

    async def comment(self, reference: str, text: str) -> None:
        """Add a public comment, which the requester gets; none to a ticket that is solved or closed."""
        ticket = await self._open_ticket(reference)
        await self._put(reference, ticket, {"comment": _said(text)})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and solve it; nothing is done to a ticket that is solved or closed already."""
        ref, ticket = await self._ticket(reference)
        if ref.closed:
            return
        changes: dict[str, object] = {"status": "solved"}
        if text.strip():
            changes["comment"] = _said(text)
        if not ticket.get("assignee_id"):
            changes["assignee_id"] = http.part(await self._me(), "id")
        await self._put(reference, ticket, changes)

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file in a comment of its own; one of the same name and size that is there already is not added again."""
        ticket, name = await self._open_ticket(reference), http.file_name(file)
        for comment in await comments_of(self._api, reference):
            if http.has(comment.get("attachments"), "file_name", "size", file):
                return
        answer = await self._api.write(
            "POST",
            "uploads.json",
            query=[("filename", name)],
            content=file.content,
            headers={"Content-Type": http.media_type(file)},
        )
        uploads = [http.part(answer.document(), "upload", "token")]
        said = marked(name, file.mark) if file.mark else name
        await self._put(reference, ticket, {"comment": {**_said(said), "uploads": uploads}})

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands, or None: it was deleted, or merged into another."""
        answer = await self._api.find(f"tickets/{http.digits(reference)}.json")
        if answer is None or "closed_by_merge" in (http.part(answer.document(), "ticket", "tags") or ()):
            return None
        ticket = answer.document().get("ticket")
        ref = self._ref(answer, ticket)
        comments = await comments_of(self._api, reference)
        return TicketNow(
            reference=ref.reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{http.part(ticket, 'updated_at')}/{len(comments)}",
            notes=await notes_of(self._api, comments[1:]),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which tickets with our tag changed since then, as far as the search index has it."""
        at = (since - _LAG).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = [
            ("query", f"type:ticket tags:{_TAG} updated>={at}"),
            ("sort_by", "updated_at"),
            ("sort_order", "asc"),
        ]
        found = await self._api.every("search.json", query, of="results", turn=turn)
        return tuple(dict.fromkeys(http.number(None, one.get("id")) for one in found))

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check Zendesk's signature over moment and body, and return the ticket that the message names."""
        at = headers.get("x-zendesk-webhook-signature-timestamp", "")
        signed = at.encode(errors="surrogatepass") + body
        offered = headers.get("x-zendesk-webhook-signature", "")
        signatures.verify_base64(self._secret, offered, signed)
        signatures.verify_age(http.moment(at), now=self._clock())
        said = signatures.message(body)
        id_ = str(http.part(said, "detail", "id") or http.part(said, "ticket", "id") or "")
        return (id_,) if id_.isascii() and id_.isdigit() else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our token is taken and our groups are there."""
        me = await self._me()
        told = [
            f"the token is used as {clean(str(http.part(me, 'email')), 100)} ({clean(str(http.part(me, 'role')), 20)})"
        ]
        if http.part(me, "role") not in ("agent", "admin"):
            raise http.not_set_up(f"{told[0]}: it must be an agent's")
        for group in dict.fromkeys(filter(None, (self._group, *self._groups.values()))):
            await self._group_id(group)
            told.append(f"group {group} is there")
        return tuple(told)

    async def _me(self) -> object:
        me = (await self._api.get("users/me.json")).document().get("user")
        if http.part(me, "id") is None:  # who is not known at all is answered as "Anonymous user"
            raise http.not_set_up("Zendesk does not accept our token: it takes us for an anonymous user")
        return me

    async def _hits(self, path: str, of: str, by: tuple[str, str], outside: str) -> list[TicketRef]:
        """Return the tickets in a list that have the very mark."""
        found = await self._api.every(path, [by], of=of, turn=turn)
        return [self._ref(None, one) for one in found if one.get("external_id") == outside]

    async def _ticket(self, reference: str) -> tuple[TicketRef, dict[str, Any]]:
        answer = await self._api.find(f"tickets/{http.digits(reference)}.json")
        if answer is None:
            raise http.gone_error("Zendesk", reference)
        ticket = answer.document().get("ticket")
        return self._ref(answer, ticket), ticket if isinstance(ticket, dict) else {}

    async def _open_ticket(self, reference: str) -> dict[str, Any]:
        ref, ticket = await self._ticket(reference)
        http.must_be_open(ref)
        return ticket

    async def _put(self, reference: str, seen: Mapping[str, Any], changes: Mapping[str, object]) -> None:
        safe = {"safe_update": True, "updated_stamp": seen.get("updated_at")}
        await self._api.write(
            "PUT", f"tickets/{http.digits(reference)}.json", {"ticket": {**changes, **safe}}
        )

    async def _group_id(self, name: str) -> int:
        if name not in self._ids:
            groups = await self._api.every("groups.json", [], of="groups", turn=turn)
            self._ids = {str(one.get("name")): int(http.number(None, one.get("id"))) for one in groups}
        if name not in self._ids:
            raise http.not_set_up(f"Zendesk has no group {name!r} among {', '.join(self._ids)}")
        return self._ids[name]

    def _ref(self, answer: Answer | None, ticket: object) -> TicketRef:
        reference, status = (
            http.number(answer, http.part(ticket, "id")),
            clean(str(http.part(ticket, "status")), 40),
        )
        url = f"{self._web}/agent/tickets/{reference}"
        return TicketRef(reference=reference, status=status, url=url, closed=status in _CLOSED)


def _key(mark: str, document: object) -> str:
    """Return a key that is the same only for the same request: Zendesk refuses another one under an old key."""
    return f"{http.fitted(mark, 200)}-{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]}"


def _said(said: str) -> dict[str, object]:
    return {"body": http.fit(said, _LONGEST_TEXT), "public": True}
