"""Mails as they go out: composed at sending from an incident, or as they were written with the decision.

    row -> words (script, pages, or the row's own) -> link, thread, reply address -> HTML beside it -> MailText

A row of kind ``announce``, ``answer``, ``forward``, ``notice`` or ``subscriber`` carries its mail in its payload: ``subject``, ``body``, and
where there is one ``reply_to``, ``in_reply_to``, ``references``, ``thread`` (the row whose mail it follows), ``calendar``
(iCalendar in base64) with its ``method``, ``automatic`` (false: a person wrote it), and ``unsubscribe`` (where one click ends it).
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alerts import notice_texts, pages, script
from alerts.base import CalendarEntry, MailText
from alerts.html_mail import html_of
from alerts.script import Written
from monitor.domain import links
from monitor.domain.contacts import PRIORITY_NORMAL, PROBLEM, Obligation
from monitor.domain.incidents import Incident, Status
from monitor.domain.letters import incident_address
from monitor.errors import DeliveryError
from monitor.storage import links as link_book
from monitor.storage import mail_threads, tickets
from monitor.storage.engine import Store
from monitor.storage.outbox import Due

WRITTEN = ("announce", "answer", "forward", "notice", "subscriber")
"""Kinds whose words were written with the decision that makes them owed."""

QUIET = (*WRITTEN, mail_threads.OVER)
"""Kinds that page nobody when they cannot be delivered."""

ENTRY = "{entry}"
"""Where in a mail's body the link stands that lets somebody in."""

MISSING: Mapping[str, str] = {
    "forward": "there is no address to pass it on to: name one under forward_to",
    "answer": "there is no address to answer to",
}
"""Why a mail without an address stays here."""

ACK = "/ack/"
"""Where signed links lead."""

NOWHERE = "tocsin.invalid"
"""What the ids of our mails end with where no sender is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes signed links; without a public address there are none. ``lasts``: how long one works."""

    store: Store
    clock: Callable[[], datetime]
    public_url: str | None
    lasts: timedelta = timedelta(days=7)

    @property
    def start(self) -> str:
        """Return what every link of ours begins with; empty where there are none."""
        return f"{self.public_url.rstrip('/')}{ACK}" if self.public_url else ""

    def labels(self, language: str) -> dict[str, str]:
        """Return how a mail calls our own links, and no other address that looks like one."""
        return {self.start: notice_texts.pick(language).say("link_label")} if self.start else {}

    async def paragraph(self, due: Due, zone: str) -> str:
        """Say how to confirm by the link of this attempt; empty where there is none."""
        if self.public_url is None or not due.contact:
            return ""
        keys = await self.store.read(link_book.keys)
        bound = await self.store.read(link_book.bound_of, due.attempt)
        if not keys or bound is None:
            return ""
        until = self.clock().replace(microsecond=0) + self.lasts
        link = f"{self.start}{links.token(bound, until, keys[0])}"
        said = notice_texts.pick(due.language)
        return said.say("link_here", link=link, until=script.written_time(until, zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Composes mails. ``sender`` is the address they come from, ``reply_base`` the one that takes replies, if any does."""

    store: Store
    links: Links
    service: Callable[[], str]
    sender: str | None = None
    reply_base: str | None = None

    async def with_link(self, due: Due, matter: script.Matter) -> script.Matter:
        """Return a matter that says how to confirm by a link, where it can be confirmed."""
        return replace(matter, ack=await self.links.paragraph(due, matter.zone))

    async def asked_with_link(self, due: Due, asked: pages.Asked) -> pages.Asked:
        """Return what an engineer is asked, with the link by which they take it."""
        return replace(asked, ack=await self.links.paragraph(due, asked.zone))

    async def about(self, due: Due, incident: Incident, matter: script.Matter) -> MailText | None:
        """Compose a mail about an incident; None where it follows a mail that never went out."""
        before = None
        if due.kind == mail_threads.OVER:
            before = await self.store.read(mail_threads.first, due.incident, due.recipient)
            if before is None or not (before.went_out or before.may_yet):
                return None
            if before.may_yet:
                raise DeliveryError("the mail it follows has not gone out yet", retry_after=15.0)
        over = incident.status is Status.RESOLVED and (before is not None or due.attempts == 1)
        reply_to, said = await self._reply(due)
        if over:
            until = incident.resolved_at or self.links.clock()
            written = script.over_text(matter, due.language, until=until)
        else:
            linked = await self.with_link(due, matter) if incident.status is Status.OPEN else matter
            written = script.mail_text(replace(linked, reply=said), due.language)
        follows = self.message_id(before.row) if before else None
        return self._mail(due, written, reply_to=reply_to, in_reply_to=follows)

    async def _reply(self, due: Due) -> tuple[str | None, str]:
        """Return the address that a partner's replies go to, and the sentence that says so."""
        if self.reply_base is None or due.kind == "page" or not due.partner:
            return None, ""
        keys = await self.store.read(link_book.keys)
        if not keys:
            return None, ""
        number = await self.store.read(tickets.number_of, due.incident)
        key = links.reply_key(due.incident, due.partner, keys[0])
        said = notice_texts.pick(due.language).say("reply_here")
        return incident_address(self.reply_base, number, key), said

    def page(self, due: Due, written: Written) -> MailText:
        """Return a page, for an engineer who has no phone."""
        return self._mail(due, written)

    async def entered(self, due: Due) -> Due:
        """Put the link that lets somebody in into its mail; the token is made now, so that it stands on no record."""
        entry = due.payload.get("entry")
        if not isinstance(entry, Mapping):
            return due
        keys = await self.store.read(link_book.keys)
        if not keys:
            raise DeliveryError("there is no key to sign its link with")
        token = links.entry_token(str(entry["id"]), str(entry["user"]), due.recipient or "", keys[0])
        body = str(due.payload.get("body")).replace(ENTRY, f"{entry['start']}{token}")
        return replace(due, payload={**due.payload, "body": body})

    def as_written(self, due: Due) -> MailText:
        """Return the mail that a row carries in its payload; DeliveryError(permanent=True) for one without words."""
        said = due.payload
        if not said.get("subject") or "body" not in said:
            raise DeliveryError(f"the {due.kind} has no subject or no body", permanent=True)
        thread = self.message_id(str(said["thread"])) if said.get("thread") else None
        mail = self._mail(
            due,
            Written(subject=str(said["subject"]), body=str(said["body"])),
            reply_to=said.get("reply_to"),
            in_reply_to=said.get("in_reply_to") or thread,
        )
        references = _ids(said.get("references")) or ((thread,) if thread else ())
        automatic = said.get("automatic", True)
        mail = replace(mail, references=references, calendar=_calendar(said), automatic=automatic)
        return replace(mail, unsubscribe=said.get("unsubscribe"))

    def _mail(
        self, due: Due, written: Written, *, reply_to: str | None = None, in_reply_to: str | None = None
    ) -> MailText:
        return MailText(
            message_id=self.message_id(due.id),
            to=due.recipient or "",
            subject=written.subject,
            body=written.body,
            language=due.language,
            reply_to=reply_to,
            in_reply_to=in_reply_to,
            references=(in_reply_to,) if in_reply_to else (),
            html=html_of(
                written.subject,
                written.body,
                language=due.language,
                service=self.service(),
                labels=self.links.labels(due.language),
            ),
        )

    def message_id(self, row: str) -> str:
        """Return the id of a row's mail: the same for every try, so that receivers recognise a second copy."""
        domain = (self.sender or "").rpartition("@")[2] or NOWHERE
        return f"<{row}@{domain}>"

    def of_ticket(self, due: Due, row: str, now: datetime, *, keeps_tickets: bool) -> tuple[Obligation, ...]:
        """Return the mail by which a partner hears of a ticket that only we keep: no other system writes to them."""
        if not keeps_tickets or self.sender is None or "@" not in (due.recipient or ""):
            return ()
        mail = Obligation(
            id=row,
            incident=due.incident,
            kind=mail_threads.MAIL,
            channel="mail",
            dedup=f"{due.incident}|{mail_threads.MAIL}|{due.partner}",
            partner=due.partner,
            contact=due.contact,
            recipient=due.recipient,
            language=due.language,
            priority=PRIORITY_NORMAL,
            not_before=now,
            payload={PROBLEM: due.payload[PROBLEM]} if PROBLEM in due.payload else {},
        )
        return (mail,)


def wrote_it(message_id: str | None, ours: Iterable[str]) -> bool:
    """Whether a mail is one of our own that came back, by its id."""
    row, _, domain = (message_id or "").strip("<>").rpartition("@")
    domains = {NOWHERE, *(address.rpartition("@")[2].casefold() for address in ours)}
    return row.startswith("out_") and domain.casefold() in domains


def flag(due: Due) -> str:
    """Say what an engineer has to do about a contact that was not made, if anything."""
    if due.kind == "page" and due.request:
        return "no engineer was reached about it"
    return "an answer did not reach who asked: phone them" if due.kind == "answer" else ""


def _ids(references: str | list[str] | None) -> tuple[str, ...]:
    if not references:
        return ()
    return tuple(references.split() if isinstance(references, str) else references)


def _calendar(said: Mapping[str, Any]) -> CalendarEntry | None:
    if not said.get("calendar"):
        return None
    try:
        content = base64.b64decode(said["calendar"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise DeliveryError("the calendar entry is not base64", permanent=True) from error
    return CalendarEntry(content=content, method=str(said.get("method") or "REQUEST"))
