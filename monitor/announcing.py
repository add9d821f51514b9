"""From news to announcements: one composition for every channel, shown beforehand exactly as it will go out.

    problem, update, planned work -> News -> Prepared for each channel (preview) -> Composed: rows to be owed, texts to be copied

The status page needs nothing from here: it is a view of the record. Automatic announcements go the same way.
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.announcements import announcement_text
from alerts.work_notices import Invited, work_notice
from monitor.domain.announcements import GlobalProblem, Maintenance
from monitor.domain.announcing import Channel, Form, Kind, News, Phase, Prepared, listening
from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.domain.decisions import choose_contact
from monitor.domain.eligibility import BrokenChainError, served_through
from monitor.domain.incidents import PublicState
from monitor.domain.inventory import Contact, Partner, System
from monitor.domain.wording import Wording
from monitor.domain.work_reach import covered
from monitor.storage.announced import Composed, PlannedWork, Problem, Text
from monitor.work_calendar import entry
from monitor.world import World

CHANNELS: Mapping[Form, str] = {Form.MAIL: "mail", Form.CHAT: "chat"}
"""The outbox's channel for each form that leaves by a row."""
FOLLOW = (Phase.MOVED, Phase.CANCELLED)
"""What is told to whom the work itself was told."""
NOTICE = "notice"
"""The kind of a row that tells a person at a partner of planned work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody at a partner who is written to of planned work, with the systems it is about; no ``contact``: nobody can be."""

    partner: Partner
    contact: Contact | None
    systems: tuple[str, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who hears of planned work, or of what became of it: channels with their texts, and people.

    ``systems`` are those that it covers, where they were gone through to find the people.
    """

    news: News
    channels: tuple[Prepared, ...] = ()
    people: tuple[Recipient, ...] = ()
    unreached: tuple[Recipient, ...] = ()
    systems: tuple[System, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """Composes announcements. ``sender`` is whom calendar entries come from; without one nobody is written to."""

    world: World
    new_id: Callable[[], str]
    public_url: str | None = None
    sender: str | None = None

    # what there is to tell --------------------------------------------------------------------------------

    def of_problem(self, id_: str, problem: GlobalProblem) -> News:
        """Return the first word on a global problem."""
        return News(
            kind=Kind.GLOBAL_PROBLEM,
            phase=Phase.BEGUN,
            subject=id_,
            title=problem.title,
            body=problem.body,
            components=self._names(problem.components),
            state=str(problem.state),
            next_update_at=problem.next_update_at,
            zone=self.world.in_force.zone,
            titles=problem.titled.said if problem.titled else {},
            bodies=problem.worded.said if problem.worded else {},
        )

    def of_update(
        self,
        id_: str,
        known: Problem,
        state: PublicState,
        body: str,
        next_update_at: datetime | None = None,
        worded: Wording | None = None,
    ) -> News:
        """Return a further word on a global problem; ``resolved`` is its end."""
        return News(
            kind=Kind.GLOBAL_PROBLEM,
            phase=Phase.OVER if state is PublicState.RESOLVED else Phase.UPDATED,
            subject=id_,
            title=known.title,
            body=body,
            components=self._names(known.components),
            state=str(state),
            next_update_at=next_update_at,
            zone=self.world.in_force.zone,
            titles=known.titled.said if known.titled else {},
            bodies=worded.said if worded else {},
        )

    def of_work(self, work: Maintenance, phase: Phase = Phase.PLANNED) -> News:
        """Return planned work, or what became of it."""
        return News(
            kind=Kind.MAINTENANCE,
            phase=phase,
            subject=work.id,
            title=work.title,
            body=work.body if phase is Phase.PLANNED else "",
            components=self._names(work.components),
            starts_at=None if phase is Phase.COMPLETED else work.starts_at,
            ends_at=None if phase is Phase.COMPLETED else work.ends_at,
            zone=work.zone,
        )

    def _names(self, components: Iterable[str]) -> tuple[str, ...]:
        known = self.world.in_force.inventory.components
        return tuple(known[id_].name if id_ in known else id_ for id_ in components)

    # what each channel gets -------------------------------------------------------------------------------

    def prepare(self, news: News) -> tuple[Prepared, ...]:
        """Return what every channel that hears of it will get."""
        in_force = self.world.in_force
        return tuple(
            Prepared(channel=channel, subject=written.subject, body=written.body)
            for channel in listening(in_force.channels, news.kind)
            for written in [
                announcement_text(news, channel, service=in_force.service_name, link=self._link(news))
            ]
        )

    def _link(self, news: News) -> str:
        if self.public_url is None or not news.subject:
            return self.public_url or ""
        face = "maintenance" if news.kind is Kind.MAINTENANCE else "incidents"
        return f"{self.public_url.rstrip('/')}/{face}/{news.subject}"

    def told(self, planned: PlannedWork, phase: Phase, now: datetime, *, tell: bool = False) -> Told:
        """Return who hears of planned work: channels where it is public, its partners where they are told.

        What becomes of it is told to whom it was told before.
        """
        again = phase in FOLLOW and bool(planned.told)
        asked = self.sender is not None and (again or (tell and phase is Phase.PLANNED))
        systems = covered(self.world.in_force.inventory, planned.work) if asked else None
        found = self._affected(systems or (), now)
        if phase in FOLLOW:
            found = tuple(one for one in found if one.contact and one.contact.id in planned.told)
        news = self.of_work(planned.work, phase)
        return Told(
            news=news,
            channels=self.prepare(news) if planned.work.public else (),
            people=tuple(one for one in found if one.contact),
            unreached=tuple(one for one in found if not one.contact),
            systems=systems,
        )

    def notices(
        self, planned: PlannedWork, phase: Phase, people: Iterable[Recipient], now: datetime
    ) -> tuple[Prepared, ...]:
        """Return the mails to people at partners."""
        return tuple(self._notice(planned, one, phase, now) for one in people)

    def _affected(self, systems_of: Iterable[System], now: datetime) -> tuple[Recipient, ...]:
        """Return who is to be written to, with the systems it is about, one for each partner served through."""
        inventory, policies = self.world.in_force.inventory, self.world.in_force.policies
        own: defaultdict[str, list[str]] = defaultdict(list)
        for system in systems_of:
            own[system.partner].append(system.serial)
        systems: dict[str, list[str]] = {}
        for id_, serials in own.items():
            partner = inventory.partners[id_]
            try:
                served = served_through(partner, inventory.partners, policies[partner.policy].eligibility)
            except BrokenChainError:  # said when the configuration was read
                continue
            systems.setdefault(served.partner.id, []).extend(serials)
        return tuple(
            self._recipient(inventory.partners[id_], serials, now) for id_, serials in systems.items()
        )

    def _recipient(self, partner: Partner, systems: Iterable[str], now: datetime) -> Recipient:
        language = partner.language or "en"
        policy = self.world.in_force.policies[partner.policy]
        chosen = choose_contact(policy, partner, "mail", language, now)
        spoken = next(iter(chosen.languages), language) if chosen else language
        return Recipient(partner=partner, contact=chosen, systems=tuple(systems), language=spoken)

    def _notice(
        self,
        planned: PlannedWork,
        recipient: Recipient,
        phase: Phase,
        now: datetime,
    ) -> Prepared:
        in_force, work = self.world.in_force, planned.work
        partner, contact, language = recipient.partner, recipient.contact, recipient.language
        off = phase is Phase.CANCELLED
        assert contact is not None, "who cannot be written to is not"
        assert self.sender is not None and contact.email is not None, "both were asked for before"  # noqa: PT018
        written = work_notice(
            self.of_work(work, phase),
            Invited(partner=partner.name, systems=recipient.systems),
            language,
            service=in_force.service_name,
        )
        calendar = entry(
            work,
            summary=written.subject,
            description=work.body,
            organizer=(in_force.service_name, self.sender),
            attendee=(contact.name, contact.email),
            planned_at=planned.planned_at,
            now=now,
            off=off,
            sequence=planned.moves + (phase in FOLLOW),
        )
        channel = Channel(
            id=f"contact:{contact.id}",
            name=f"{partner.name}: {contact.name or contact.id}",
            form=Form.MAIL,
            language=language,
            to=contact.email,
        )
        return Prepared(
            channel=channel,
            subject=written.subject,
            body=written.body,
            contact=contact.id,
            partner=partner.id,
            calendar=calendar,
            method="CANCEL" if off else "REQUEST",
        )

    # what is owed -----------------------------------------------------------------------------------------

    def compose(self, news: News, *, now: datetime) -> Composed:
        """Return an announcement with its rows, to be recorded with the decision that it tells."""
        return self._composed(news, self.prepare(news), now)

    def _composed(self, news: News, prepared: Sequence[Prepared], now: datetime) -> Composed:
        id_ = f"ann_{self.new_id()}"
        return Composed(
            id=id_,
            kind=news.kind,
            phase=news.phase,
            subject=news.subject,
            title=news.title,
            body=news.body,
            texts=tuple(self._text(id_, one, now) for one in prepared),
        )

    def announce_work(
        self, planned: PlannedWork, phase: Phase, now: datetime, *, tell: bool = False
    ) -> Composed:
        """Return what is announced of planned work: to channels if it is public, to partners if they are told."""
        return self.of_told(planned, self.told(planned, phase, now, tell=tell), now)

    def of_told(self, planned: PlannedWork, told: Told, now: datetime) -> Composed:
        """Return the announcement to who is told."""
        mails = self.notices(planned, told.news.phase, told.people, now)
        return self._composed(told.news, (*told.channels, *mails), now)

    def _text(self, announcement: str, prepared: Prepared, now: datetime) -> Text:
        channel = prepared.channel
        return Text(
            channel=channel.id,
            name=channel.name,
            form=channel.form,
            recipient=channel.to or None,
            language=channel.language,
            subject=prepared.subject,
            body=prepared.body,
            row=self._row(announcement, prepared, now) if channel.form in CHANNELS else None,
        )

    def _row(self, announcement: str, prepared: Prepared, now: datetime) -> Obligation:
        channel = prepared.channel
        payload: dict[str, Any] = {"subject": prepared.subject, "body": prepared.body}
        if prepared.calendar is not None:
            payload |= {
                "calendar": base64.b64encode(prepared.calendar).decode(),
                "method": prepared.method,
            }
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=None,
            kind=NOTICE if prepared.contact else "announce",
            channel=CHANNELS[channel.form],
            dedup=f"{announcement}|{channel.id}",
            partner=prepared.partner,
            contact=prepared.contact,
            recipient=channel.to if channel.form is Form.MAIL else channel.id,
            language=channel.language,
            priority=PRIORITY_NORMAL,
            not_before=now,
            payload=payload,
        )
