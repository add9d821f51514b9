"""Alarms to our own people about our own means: a provider that is away, a budget that is used up.

An alarm is a page about no incident: its words are written with it. It takes the way that works.
"""

from collections.abc import Mapping
from datetime import datetime

from alerts import script
from alerts.cleaning import clean
from monitor.domain.contacts import PRIORITY_PAGE, Obligation
from monitor.domain.decisions import NOC
from monitor.domain.inventory import Engineer, Inventory

ALARM = "alarm"
"""In a page's payload: what it says. Such a page is about no incident and no request."""


def alarm(
    inventory: Inventory, now: datetime, *, id_: str, key: str, text: str, without: str = ""
) -> Obligation:
    """Return the page that tells whoever is on call; ``without``: the provider that cannot carry it."""
    engineer, to = _reachable(inventory, now, without)
    return Obligation(
        id=id_,
        incident=None,
        kind="page",
        channel="page",
        dedup=f"alarm|{key}",
        partner=NOC,
        contact=engineer.id if engineer else None,
        recipient=to,
        language="en",
        priority=PRIORITY_PAGE,
        not_before=now,
        payload={ALARM: text},
    )


def _reachable(inventory: Inventory, now: datetime, without: str) -> tuple[Engineer | None, str | None]:
    """Return the first engineer in order who can be told, and by what number or address."""
    engineers = inventory.on_call.in_order(now)
    for engineer in engineers:
        ways = (engineer.phone if without != "phone" else None, engineer.email if without != "mail" else None)
        to = next((way for way in ways if way), None)
        if to:
            return engineer, to
    return (engineers[0] if engineers else None), None


def spoken(service: str, payload: Mapping[str, object]) -> str:
    """Say an alarm, in the time a call has."""
    return script.within(f"{service}. {clean(str(payload[ALARM]), 1_000)}", script.LONGEST_TEXT)


def written(service: str, payload: Mapping[str, object]) -> script.Written:
    """Write an alarm, for an engineer who is told by mail."""
    text = clean(str(payload[ALARM]), script.LONGEST_BODY)
    subject = clean(f"{service}: {text.partition('. ')[0]}", script.LONGEST_SUBJECT)
    return script.Written(subject=subject, body=text)
