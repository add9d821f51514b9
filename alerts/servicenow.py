"""``servicenow``: tickets as incidents in ServiceNow through its Table API.

    find     by ``correlation_id``, which is our mark; the Table API reads the database
    open     POST table/incident
    comment  PATCH ``comments`` (the caller sees them), after a look whether it is resolved or closed
    resolve  PATCH ``state`` with close code, close notes and comment, one request; the answer tells whether it took

People know a ticket by its number, so that is our reference; the interface wants a ``sys_id``, so each step looks
the number up. ServiceNow drops a condition that it does not know without a word: every hit is compared with the mark.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from alerts import signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import recognised, without_mark
from alerts.outcomes import Answer, Patience, basic, unreadable
from monitor.errors import DeliveryError

CLOSED = ("6", "7", "8")
"""Resolved, closed, canceled, as ServiceNow ships them."""

_LONGEST_MARK, _LONGEST_SUBJECT, _LONGEST_TEXT = 100, 160, 4_000
_OURS, _LAG = "Tocsin", timedelta(minutes=1)
_NUMBER = re.compile(r"[A-Z]{2,10}[0-9]{4,12}")
_FIELDS = "sys_id,number,state,active,correlation_id,sys_updated_on,sys_mod_count"
_MEANINGS = {
    401: "ServiceNow does not accept our user or token",
    403: "ServiceNow does not let us do this: a role is missing, or a field that it insists on",
    404: "ServiceNow has no such record, or is not at this address",
}


class ServiceNow(http.HttpTickets):
    """A ``SyncedTickets``. ``groups`` are by partner, ``priorities`` (1 2 3, impact and urgency) by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        table: str = "incident",
        group: str | None = None,
        groups: Mapping[str, str] | None = None,
        priorities: Mapping[str, int] | None = None,
        resolved_state: str = CLOSED[0],
        closed_states: Sequence[str] = CLOSED,
        close_code: str = "Solution provided",
        webhook_secret: str | None = None,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "servicenow",
    ) -> None:
        """Keep the settings: a user with a password, or an OAuth token."""
        self._web, self._table = base_url.rstrip("/"), f"table/{table}"
        headers = {"Authorization": f"Bearer {token}"} if token else basic(user or "", password or "")
        home = f"{self._table}?sysparm_limit=1&sysparm_fields=number"
        api = http.Api(
            f"{self._web}/api/now", headers=headers, meanings=_MEANINGS, home=home, patience=patience
        )
        super().__init__(api, name=name, clock=clock, webhook_secret=webhook_secret)
        self._group, self._groups, self._priorities = group, dict(groups or {}), dict(priorities or {})
        self._resolved, self._closed = resolved_state, {*closed_states, resolved_state}
        self._close_code = close_code
        self._ids: dict[str, str] = {}

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest incident that carries our mark, closed ones included, or None."""
        kept = http.fitted(mark, _LONGEST_MARK)
        found = await self._query(self._table, f"correlation_id={kept}^ORDERBYsys_created_on", _FIELDS)
        return next((self._ref(None, one) for one in found if one.get("correlation_id") == kept), None)

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        document: dict[str, object] = {
            "short_description": clean(ticket.subject, _LONGEST_SUBJECT),
            "description": http.fit(ticket.body, _LONGEST_TEXT),
            "correlation_id": http.fitted(ticket.mark, _LONGEST_MARK),
            "correlation_display": _OURS,
        }
        if ticket.requestor and (caller := await self._caller(ticket.requestor)):
            document["caller_id"] = caller
        if group := self._groups.get(ticket.partner, self._group):
            document["assignment_group"] = await self._group_id(group)
        if ticket.cls in self._priorities:
            document["impact"] = document["urgency"] = str(self._priorities[ticket.cls])
        answer = await self._api.write("POST", self._table, document, query=[("sysparm_fields", _FIELDS)])
        return self._ref(answer, http.part(answer.document(), "result"))

    async def comment(self, reference: str, text: str) -> None:
        """Add a comment that the caller sees; none to an incident that is resolved or closed."""
        record = await self._open_record(reference)
        await self._patch(record, {"comments": http.fit(text, _LONGEST_TEXT)})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and resolve it; nothing is done to an incident that is resolved or closed already."""
        record = await self._must(reference)
        if self._ref(None, record).closed:
            return
        said = http.fit(text, _LONGEST_TEXT) if text.strip() else ""
        changes = {
            "state": self._resolved,
            "close_code": self._close_code,
            "close_notes": without_mark(said) or "resolved",
            **({"comments": said} if said else {}),
        }
        answer = await self._patch(record, changes)
        now = self._ref(answer, http.part(answer.document(), "result"))
        if not now.closed:
            told = f"incident {reference} is still in state {now.status}, not {self._resolved}"
            raise DeliveryError(told, permanent=True)

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file; one of the same name and size that is there already is not added again."""
        name, record = http.file_name(file), await self._open_record(reference)
        of = [("table_name", self._table.removeprefix("table/")), ("table_sys_id", str(record.get("sys_id")))]
        by = "^".join(f"{key}={value}" for key, value in of)
        there = await self._query("attachment", by, "file_name,size_bytes")
        if http.has(there, "file_name", "size_bytes", file):
            return
        query, headers = [*of, ("file_name", name)], {"Content-Type": http.media_type(file)}
        await self._api.write("POST", "attachment/file", query=query, content=file.content, headers=headers)

    async def read(self, reference: str) -> TicketNow | None:
        """Return an incident as it stands, or None: it is gone."""
        record = await self._record(reference)
        if record is None:
            return None
        ref = self._ref(None, record)
        by = f"element_id={record.get('sys_id')}^elementINcomments,work_notes^ORDERBYsys_created_on"
        said = await self._query(
            "table/sys_journal_field", by, "sys_id,element,value,sys_created_by,sys_created_on"
        )
        return TicketNow(
            reference=ref.reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{record.get('sys_updated_on')}/{record.get('sys_mod_count')}",
            notes=recognised(_note(one) for one in said),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which incidents of ours changed since then; by age, because an instant would be read in our user's zone."""
        minutes = max(ceil((self._clock() - since + _LAG) / timedelta(minutes=1)), 1)
        by = (
            f"correlation_display={_OURS}^sys_updated_onRELATIVEGT@minute@ago@{minutes}^ORDERBYsys_created_on"
        )
        found = await self._query(self._table, by, "number,correlation_display")
        return tuple(str(one.get("number")) for one in found if one.get("correlation_display") == _OURS)

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check our signature (a business rule makes it) and return the incident that the message names."""
        signatures.verify_standard(self._secret, headers, body, now=self._clock())
        number = str(http.part(signatures.message(body), "number"))
        return (number,) if _NUMBER.fullmatch(number) else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our user is taken, our groups are there, and the close code is one."""
        await self._api.get(self._table, [("sysparm_limit", "1"), ("sysparm_fields", "number")])
        told = [f"our user may read {self._table.removeprefix('table/')}s"]
        for group in dict.fromkeys(filter(None, (self._group, *self._groups.values()))):
            await self._group_id(group)
            told.append(f"group {group} is there")
        by = f"name={self._table.removeprefix('table/')}^element=close_code^inactive=false"
        codes = [str(one.get("value")) for one in await self._query("table/sys_choice", by, "value")]
        if codes and self._close_code not in codes:
            raise http.not_set_up(
                f"ServiceNow has no close code {self._close_code!r} among {', '.join(codes)}"
            )
        return tuple(told)

    async def _query(self, path: str, query: str, fields: str) -> list[dict[str, Any]]:
        asked = [("sysparm_query", query), ("sysparm_fields", fields)]
        return await self._api.every(path, asked, of="result", turn=_turn)

    async def _record(self, reference: str) -> dict[str, Any] | None:
        if not _NUMBER.fullmatch(reference):
            raise DeliveryError(f"{clean(reference, 40)!r} is not an incident's number", permanent=True)
        found = await self._query(self._table, f"number={reference}", _FIELDS)
        return next((one for one in found if one.get("number") == reference), None)

    async def _must(self, reference: str) -> dict[str, Any]:
        record = await self._record(reference)
        if record is None:
            raise http.gone_error("ServiceNow", reference)
        return record

    async def _open_record(self, reference: str) -> dict[str, Any]:
        record = await self._must(reference)
        http.must_be_open(self._ref(None, record))
        return record

    async def _patch(self, record: Mapping[str, Any], changes: Mapping[str, object]) -> Answer:
        path = f"{self._table}/{record.get('sys_id')}"
        return await self._api.write("PATCH", path, changes, query=[("sysparm_fields", _FIELDS)])

    async def _group_id(self, name: str) -> str:
        if name not in self._ids:
            by = f"name={name.replace('^', '')}^active=true"
            found = await self._query("table/sys_user_group", by, "sys_id,name")
            if not (ids := [str(one.get("sys_id")) for one in found if one.get("name") == name]):
                raise http.not_set_up(f"ServiceNow has no group {name!r}, or does not show it to us")
            self._ids[name] = ids[0]
        return self._ids[name]

    async def _caller(self, address: str) -> str | None:
        by = f"email={address.replace('^', '')}^active=true"
        found = await self._query("table/sys_user", by, "sys_id,email")
        same = (one for one in found if str(one.get("email")).lower() == address.lower())
        return next((str(one.get("sys_id")) for one in same), None)

    def _ref(self, answer: Answer | None, record: object) -> TicketRef:
        number, state = str(http.part(record, "number")), clean(str(http.part(record, "state")), 40)
        if not _NUMBER.fullmatch(number):
            raise unreadable(answer or Answer(status=200, body=b"", safe=True), "names no incident")
        url = f"{self._web}/nav_to.do?uri={self._table.removeprefix('table/')}.do?sys_id={http.part(record, 'sys_id')}"
        closed = state in self._closed or http.part(record, "active") == "false"
        return TicketRef(reference=number, status=state, url=url, closed=closed)


def _turn(page: int) -> list[tuple[str, str]]:
    return [("sysparm_limit", str(http.PAGE)), ("sysparm_offset", str(page * http.PAGE))]


def _note(entry: Mapping[str, Any]) -> TicketNote:
    return TicketNote(
        id=str(entry.get("sys_id")),
        author=clean(str(entry.get("sys_created_by")), 100),
        text=str(entry.get("value") or "").replace("\r\n", "\n"),
        public=entry.get("element") == "comments",
        at=_moment(entry.get("sys_created_on")),
    )


def _moment(value: object) -> datetime | None:
    """Read a moment, which is in UTC."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
