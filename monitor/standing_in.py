"""What stands in for a contact to a partner that cannot be made: a ticket, and a word to our own people.

About a global problem the word is an alarm: that one of ours has the problem already settles nothing for a partner
who was not reached.
"""

from collections.abc import Callable
from datetime import datetime

from monitor.alarms import alarm
from monitor.domain.contacts import PRIORITY_URGENT, PROBLEM, Obligation, page
from monitor.domain.decisions import page_entry
from monitor.domain.inventory import Inventory
from monitor.storage import told
from monitor.storage.outbox import Due

NewId = Callable[[], str]


def instead(inventory: Inventory, due: Due, now: datetime, new_id: NewId) -> tuple[Obligation, ...]:
    """Return what is owed where a contact was not made, or will not be."""
    problem = str(due.payload.get(PROBLEM) or "")
    if not problem:
        return (_page(inventory, due, now, new_id),)
    known = inventory.partners.get(due.partner or "")
    name = known.name if known else due.partner
    calls = due.kind == "call"
    said = "A ticket stands in for the call." if calls else "Their ticket could not be opened or written."
    text = f"Nobody at {name} could be told of a global problem that concerns their systems. {said} Please call them."
    key = f"unreached|{problem}|{due.partner}"
    word = alarm(inventory, now, id_=f"out_{new_id()}", key=key, text=text)
    if not calls:
        return (word,)
    made = ticket(
        inventory,
        now,
        id_=f"out_{new_id()}",
        incident=due.incident,
        partner=due.partner,
        contact=due.contact,
        language=due.language,
        priority=PRIORITY_URGENT,
        problem=problem,
    )
    return word, made


def ticket(
    inventory: Inventory,
    now: datetime,
    *,
    id_: str,
    incident: str,
    partner: str | None,
    contact: str | None,
    language: str,
    priority: int,
    problem: str = "",
) -> Obligation:
    """Return the ticket that stands in for a call; one that is owed or open already is not doubled."""
    known = inventory.partners.get(partner or "")
    theirs = sorted(known.contacts if known else (), key=lambda each: each.id != contact)
    dedup = f"{told.key(problem, partner or '')}|ticket" if problem else f"{incident}|ticket.open|{partner}"
    return Obligation(
        id=id_,
        incident=incident,
        kind="ticket.open",
        channel="ticket",
        dedup=dedup,
        partner=partner,
        contact=contact,
        recipient=next((each.email for each in theirs if each.email), None),
        language=language,
        priority=priority,
        not_before=now,
        payload={PROBLEM: problem} if problem else {},
    )


def _page(inventory: Inventory, due: Due, now: datetime, new_id: NewId) -> Obligation:
    entry = page_entry(inventory, now, "the partner could not be reached")
    return page(
        entry,
        id_=f"out_{new_id()}",
        dedup=f"{due.incident}|page|unreached|{due.partner}",
        now=now,
        incident=due.incident,
    )
