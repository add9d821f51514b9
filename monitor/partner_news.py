"""What a partner's people hear by their own subscription: public words that touch their systems, and what becomes of their cases.

    selector ``partner:PARTNER/CONTACT`` -> is that contact still theirs, at this address? -> their systems, components -> does it touch them?

Pure but for what it is given. Of another partner's systems nothing is told: a case is a partner's by its system or by
whom we contact about it, and a contact who is theirs no longer hears nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts import notice_texts, texts
from alerts.cleaning import clean
from alerts.script import written_time
from monitor.domain.subscriptions import contact_in, is_webhook
from monitor.storage.case_news import CaseChange
from monitor.storage.subscriptions import Subscriber, Word
from monitor.world import InForce

SENTENCES = {"opened": "case_opened", "taken": "case_taken", "over": "case_over"}
MOST_LINES = 50
LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What one subscription follows: a partner, their systems by serial, and the components these are on."""

    partner: str
    serials: frozenset[str]
    components: frozenset[str]

    def word(self, word: Word) -> bool:
        """Whether a public word touches these systems."""
        return bool(
            self.components & set(word.components)
            or self.partner in word.partners
            or self.serials & word.systems
        )

    def case(self, change: CaseChange) -> bool:
        """Whether a case is this partner's."""
        return change.partner == self.partner or change.system in self.serials


def followed(one: Subscriber, in_force: InForce) -> tuple[Followed, ...]:
    """Return what a subscription follows; nothing for a contact who is gone, or whose address is another now."""
    inventory = in_force.inventory
    found: list[Followed] = []
    for selector in one.selectors:
        named = contact_in(selector, inventory.partners)
        if named is None:
            continue
        person = inventory.person(named[1])
        if person is None or person[0].id != named[0]:
            continue
        if not is_webhook(one.address) and (person[1].email or "").casefold() != one.address.casefold():
            continue
        mine = [each for each in inventory.systems.values() if each.partner == named[0]]
        found.append(
            Followed(
                partner=named[0],
                serials=frozenset(each.serial for each in mine),
                components=frozenset(each.component for each in mine if each.component),
            )
        )
    return tuple(found)


def lines(changes: Sequence[CaseChange], language: str, in_force: InForce) -> list[str]:
    """Say what became of some cases, a line each."""
    words, known = notice_texts.pick(language), texts.pick(texts.shipped(), language)
    said = []
    for change in changes:
        system = in_force.inventory.systems.get(change.system)
        name = f"{change.system} ({system.name})" if system and system.name else change.system
        said.append(
            clean(
                words.say(
                    SENTENCES[change.what],
                    system=name,
                    symptom=known.word("symptoms", change.symptom),
                    since=written_time(change.since, in_force.zone),
                    ends=written_time(change.resolved_at or change.at, in_force.zone),
                ),
                500,
            )
        )
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A mail about cases."""

    subject: str
    body: str


def mail(
    changes: Sequence[CaseChange], language: str, in_force: InForce, *, portal: str, leave: str
) -> Written:
    """Write the mail that tells what became of some cases."""
    words, told = notice_texts.pick(language), lines(changes, language, in_force)
    shown = told[:MOST_LINES] + ([f"+ {len(told) - MOST_LINES}"] if len(told) > MOST_LINES else [])
    link = f"{portal}/{changes[0].incident}" if len(changes) == 1 else portal
    title = told[0] if len(told) == 1 else f"{words.say('cases_title')} ({len(told)})"
    body = words.say("cases_body", title="\n".join(shown), link=link)
    because = words.say("subscribed_because", link=leave)
    return Written(
        subject=clean(f"{in_force.service_name}: {title}", LONGEST_SUBJECT), body=f"{body}\n\n{because}"
    )


def document(
    changes: Sequence[CaseChange], in_force: InForce, *, id_: str, at: datetime, portal: str, leave: str
) -> str:
    """Return the message that tells a webhook what became of some cases."""
    systems = in_force.inventory.systems
    return json.dumps(
        {
            "meta": {"id": id_, "type": "cases.updated", "generated_at": _moment(at), "unsubscribe": leave},
            "cases": [
                {
                    "id": each.incident,
                    "change": each.what,
                    "at": _moment(each.at),
                    "system": each.system,
                    "system_name": systems[each.system].name if each.system in systems else "",
                    "symptom": each.symptom,
                    "class": each.cls,
                    "since": _moment(each.since),
                    "resolved_at": _moment(each.resolved_at),
                    "url": f"{portal}/{each.incident}",
                }
                for each in changes
            ],
        }
    )


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
