"""Reminders of what a customer has to do, owed in the transaction in which its clock warned or its time passed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.request_life import ENDED, Case
from monitor.domain.timed import Party
from monitor.storage import clocks, owing
from monitor.storage import requests as book
from monitor.storage.clocks import ClockRow
from monitor.storage.overdue import Marked, Owe
from monitor.storage.requests import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """A duty of a customer's that is due soon or, ``missed``, was not done in time; ``people`` take part in the request."""

    case: Case
    people: Sequence[Person]
    reply_key: str
    clock: ClockRow
    missed: bool


Write = Callable[[Reminded, datetime], Sequence[Obligation]]
"""Writes the mails of one reminder."""


def reminding(write: Write, *, missed: bool) -> Owe:
    """Return what a warning (or, ``missed``, a time that has passed) makes us owe: nothing where it is our own promise."""

    def owe(c: sa.Connection, marked: Marked, now: datetime) -> None:
        if marked.party is not Party.CUSTOMER or marked.subject.request is None:
            return
        case = book.get(c, marked.subject.request)
        if case.status in ENDED:
            return
        (clock,) = clocks.rows(c, clocks.clocks.c.seq == marked.seq)
        _, _, reply_key = book.record_of(c, case.id)
        people = book.people_of(c, case.id)
        told = Reminded(case=case, people=people, reply_key=reply_key, clock=clock, missed=missed)
        owing.owe(c, write(told, now), now)

    return owe
