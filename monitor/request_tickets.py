"""The ticket of a request in another system, where that is wanted (``tickets.requests``).

What it says is fixed as the request is filed; what is written later, by the customer or by us, follows as notes. Of a
request that only its requester may see nothing leaves. Nobody is its requestor there: customers are answered by us,
by the rules of their policy, so that what is written there comes back as a note for our own people.
"""

from datetime import datetime

from alerts.cleaning import clean, clean_lines
from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.domain.filing import Filing, in_words
from monitor.domain.request_life import Case
from monitor.storage.visibility import PARTNER

LONGEST_SUBJECT, LONGEST_BODY = 150, 20_000


def ticket_of(case: Case, filing: Filing, row: str, now: datetime, *, said: str | None) -> Obligation | None:
    """Return the obligation to open a request's ticket; None where nothing of it may be seen by others.

    ``said`` is the message that the request came with: the ticket begins with it.
    """
    if case.visibility != PARTNER:
        return None
    lines = [f"{key}: {in_words(value)}" for key, value in filing.request.fields.items() if in_words(value)]
    about = (
        f"{case.reference} came in by {case.channel}",
        f"Partner: {case.partner or 'not known'}",
        f"System:  {case.system or 'none'}",
        f"Class:   {case.cls or 'not decided yet'}",
    )
    body = "\n".join([*about, "", *lines, "", filing.text]).strip()
    return Obligation(
        id=row,
        incident=None,
        request=case.id,
        kind="ticket.open",
        channel="ticket",
        dedup=f"{case.id}|ticket.open",
        partner=case.partner,
        contact=None,
        recipient=None,
        language=case.language,
        priority=PRIORITY_NORMAL,
        not_before=now,
        payload={
            "mark": case.id,
            "subject": clean(f"{case.reference}: {case.subject}", LONGEST_SUBJECT),
            "body": clean_lines(body, LONGEST_BODY),
            "class": case.cls or "",
            "system": case.system,
            "message": said,
        },
    )
