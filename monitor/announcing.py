"""From news to announcements: one composition for every channel, shown beforehand exactly as it will go out.

    problem, update, planned work -> News -> Prepared for each channel (preview) -> Composed: rows to be owed, texts to be copied

The status page needs nothing from here: it is a view of the record. Automatic announcements go the same way.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from monitor.domain.inventory import Contact, Partner
from monitor.domain.wording import Wording
from monitor.storage.announced import Composed, PlannedWork, Problem, Text
from monitor.work_calendar import entry
from monitor.world import World

CHANNELS: Mapping[Form, str] = {Form.MAIL: "mail", Form.CHAT: "chat"}
"""The outbox's channel for each form that leaves by a row."""
NOTICE = "notice"
"""The kind of a row that tells a person at a partner of planned work."""


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

    def notices(self, planned: PlannedWork, phase: Phase, now: datetime) -> tuple[Prepared, ...]:
        """Return the mails to the partners whose systems planned work covers; of a cancellation to who was told."""
        if self.sender is None:
            return ()
        told = planned.told if phase is Phase.CANCELLED else None
        return tuple(
            self._notice(planned, partner, contact, systems, phase, now)
            for partner, contact, systems in self._affected(planned.work, now)
            if told is None or contact.id in told
        )

    def _affected(
        self, work: Maintenance, now: datetime
    ) -> Iterable[tuple[Partner, Contact, tuple[str, ...]]]:
        """Yield who is to be written to, with the systems it is about, one for each partner served through."""
        in_force = self.world.in_force
        systems: dict[str, list[str]] = {}
        for system in in_force.inventory.systems.values():
            if system.serial not in work.systems and system.component not in work.components:
                continue
            own = in_force.inventory.partners[system.partner]
            policy = in_force.policies[own.policy]
            try:
                served = served_through(own, in_force.inventory.partners, policy.eligibility).partner
            except BrokenChainError:  # said when the configuration was read
                continue
            systems.setdefault(served.id, []).append(system.serial)
        for id_, serials in systems.items():
            partner = in_force.inventory.partners[id_]
            language = partner.language or "en"
            chosen = choose_contact(in_force.policies[partner.policy], partner, "mail", language, now)
            if chosen is not None:
                yield partner, chosen, tuple(serials)

    def _notice(
        self,
        planned: PlannedWork,
        partner: Partner,
        contact: Contact,
        systems: tuple[str, ...],
        phase: Phase,
        now: datetime,
    ) -> Prepared:
        in_force, work = self.world.in_force, planned.work
        off = phase is Phase.CANCELLED
        language = next(iter(contact.languages), None) or partner.language or "en"
        assert self.sender is not None and contact.email is not None, "both were asked for before"  # noqa: PT018
        written = work_notice(
            self.of_work(work, phase),
            Invited(partner=partner.name, systems=systems),
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

    def compose(self, news: News, also: Sequence[Prepared] = (), *, now: datetime) -> Composed:
        """Return an announcement with its rows, to be recorded with the decision that it tells."""
        id_ = f"ann_{self.new_id()}"
        prepared = (*self.prepare(news), *also)
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
        news = self.of_work(planned.work, phase)
        told = phase is Phase.CANCELLED and bool(planned.told)
        also = self.notices(planned, phase, now) if told or (tell and phase is Phase.PLANNED) else ()
        made = self.compose(news, also, now=now)
        if planned.work.public:
            return made
        ours = {one.channel.id for one in also}
        return replace(made, texts=tuple(text for text in made.texts if text.channel in ours))

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
