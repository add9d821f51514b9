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
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import marked, recognised
from alerts.outcomes import Answer, Patience, basic
from alerts.ticketing_http import (
    PAGE,
    Api,
    HttpTickets,
    digits,
    file_name,
    fit,
    fitted,
    gone_error,
    items,
    media_type,
    moment,
    must_be_open,
    not_set_up,
    number,
    part,
)
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


class Zendesk(HttpTickets):
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
        api = Api(
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
        outside = fitted(mark, _LONGEST_MARK)
        found = await self._hits("tickets.json", "tickets", ("external_id", outside), outside)
        if not found:
            archived = f'type:ticket external_id:"{outside}"'
            found = await self._hits("search.json", "results", ("query", archived), outside)
        return min(found, key=lambda ref: int(ref.reference), default=None)

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        document: dict[str, object] = {
            "external_id": fitted(ticket.mark, _LONGEST_MARK),
            "subject": clean(ticket.subject, _LONGEST_SUBJECT),
            "comment": {"body": fit(ticket.body, _LONGEST_TEXT), "public": True},
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
                raise not_set_up(f"Zendesk takes no ticket with our group or priority: {error}") from error
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
            changes["assignee_id"] = part(await self._me(), "id")
        await self._put(reference, ticket, changes)

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file in a comment of its own; one of the same name and size that is there already is not added again."""
        ticket, name = await self._open_ticket(reference), file_name(file)
        for comment in await self._comments(reference):
            there = comment.get("attachments") or ()
            if any((part(one, "file_name"), part(one, "size")) == (name, len(file.content)) for one in there):
                return
        answer = await self._api.write(
            "POST",
            "uploads.json",
            query=[("filename", name)],
            content=file.content,
            headers={"Content-Type": media_type(file)},
        )
        uploads = [part(answer.document(), "upload", "token")]
        said = marked(name, file.mark) if file.mark else name
        await self._put(reference, ticket, {"comment": {**_said(said), "uploads": uploads}})

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands, or None: it was deleted, or merged into another."""
        answer = await self._api.find(f"tickets/{digits(reference)}.json")
        if answer is None or "closed_by_merge" in (part(answer.document(), "ticket", "tags") or ()):
            return None
        ticket = answer.document().get("ticket")
        ref = self._ref(answer, ticket)
        comments = await self._comments(reference)
        names = await self._names(comments[1:])
        return TicketNow(
            reference=ref.reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{part(ticket, 'updated_at')}/{len(comments)}",
            notes=recognised(_note(comment, names) for comment in comments[1:]),
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
        found = await self._api.every("search.json", query, of="results", turn=_turn)
        return tuple(dict.fromkeys(number(None, one.get("id")) for one in found))

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check Zendesk's signature over moment and body, and return the ticket that the message names."""
        at = headers.get("x-zendesk-webhook-signature-timestamp", "")
        signed = at.encode(errors="surrogatepass") + body
        offered = headers.get("x-zendesk-webhook-signature", "")
        signatures.verify_base64(self._secret, offered, signed)
        signatures.verify_age(moment(at), now=self._clock())
        said = signatures.message(body)
        id_ = str(part(said, "detail", "id") or part(said, "ticket", "id") or "")
        return (id_,) if id_.isascii() and id_.isdigit() else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our token is taken and our groups are there."""
        me = await self._me()
        told = [
            f"the token is used as {clean(str(part(me, 'email')), 100)} ({clean(str(part(me, 'role')), 20)})"
        ]
        if part(me, "role") not in ("agent", "admin"):
            raise not_set_up(f"{told[0]}: it must be an agent's")
        for group in dict.fromkeys(filter(None, (self._group, *self._groups.values()))):
            await self._group_id(group)
            told.append(f"group {group} is there")
        return tuple(told)

    async def _me(self) -> object:
        me = (await self._api.get("users/me.json")).document().get("user")
        if part(me, "id") is None:  # who is not known at all is answered as "Anonymous user"
            raise not_set_up("Zendesk does not accept our token: it takes us for an anonymous user")
        return me

    async def _hits(self, path: str, of: str, by: tuple[str, str], outside: str) -> list[TicketRef]:
        """Return the tickets in a list that have the very mark."""
        found = await self._api.every(path, [by], of=of, turn=_turn)
        return [self._ref(None, one) for one in found if one.get("external_id") == outside]

    async def _comments(self, reference: str) -> list[dict[str, Any]]:
        """Return every comment, the oldest first; the first is the text that the ticket was opened with."""
        path = f"tickets/{digits(reference)}/comments.json"
        return await self._api.every(path, [("sort_order", "asc")], of="comments", turn=_turn)

    async def _names(self, comments: list[dict[str, Any]]) -> dict[str, str]:
        """Return what the authors of comments are called."""
        ids = list(dict.fromkeys(str(one.get("author_id")) for one in comments))[-100:]
        if not ids:
            return {}
        answer = await self._api.get("users/show_many.json", [("ids", ",".join(ids))])
        users = items(answer, part(answer.json(), "users"))
        return {str(user.get("id")): clean(str(user.get("name")), 100) for user in users}

    async def _ticket(self, reference: str) -> tuple[TicketRef, dict[str, Any]]:
        answer = await self._api.find(f"tickets/{digits(reference)}.json")
        if answer is None:
            raise gone_error("Zendesk", reference)
        ticket = answer.document().get("ticket")
        return self._ref(answer, ticket), ticket if isinstance(ticket, dict) else {}

    async def _open_ticket(self, reference: str) -> dict[str, Any]:
        ref, ticket = await self._ticket(reference)
        must_be_open(ref)
        return ticket

    async def _put(self, reference: str, seen: Mapping[str, Any], changes: Mapping[str, object]) -> None:
        safe = {"safe_update": True, "updated_stamp": seen.get("updated_at")}
        await self._api.write("PUT", f"tickets/{digits(reference)}.json", {"ticket": {**changes, **safe}})

    async def _group_id(self, name: str) -> int:
        if name not in self._ids:
            groups = await self._api.every("groups.json", [], of="groups", turn=_turn)
            self._ids = {str(one.get("name")): int(number(None, one.get("id"))) for one in groups}
        if name not in self._ids:
            raise not_set_up(f"Zendesk has no group {name!r} among {', '.join(self._ids)}")
        return self._ids[name]

    def _ref(self, answer: Answer | None, ticket: object) -> TicketRef:
        reference, status = number(answer, part(ticket, "id")), clean(str(part(ticket, "status")), 40)
        url = f"{self._web}/agent/tickets/{reference}"
        return TicketRef(reference=reference, status=status, url=url, closed=status in _CLOSED)


def _key(mark: str, document: object) -> str:
    """Return a key that is the same only for the same request: Zendesk refuses another one under an old key."""
    return f"{fitted(mark, 200)}-{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]}"


def _said(said: str) -> dict[str, object]:
    return {"body": fit(said, _LONGEST_TEXT), "public": True}


def _turn(page: int) -> list[tuple[str, str]]:
    return [("per_page", str(PAGE)), ("page", str(page + 1))]


def _note(comment: Mapping[str, Any], names: Mapping[str, str]) -> TicketNote:
    return TicketNote(
        id=str(comment.get("id")),
        author=names.get(str(comment.get("author_id")), ""),
        text=str(comment.get("body") or ""),
        public=bool(comment.get("public")),
        at=moment(comment.get("created_at")),
    )
