"""What somebody can do about a contact that is not made yet, or was given up: one sentence for each cause. Pure, for people."""

from collections.abc import Mapping

from monitor.domain.waiting import Waits

REMEDIES: Mapping[Waits, str] = {
    Waits.RETRY: "Nothing yet: it is tried again by itself. If the reason will not go away, mend it there.",
    Waits.CONTACT_CAP: "Nothing: they were called often enough. If it cannot wait, call by hand from the incident.",
    Waits.COUNTRY_CAP: "Raise contact.calls_per_country, or call by hand: a ticket stands in until midnight.",
    Waits.BUDGET: "Raise contact.calls_per_day, or call by hand: a ticket stands in until midnight.",
    Waits.RATE: "Nothing: its turn comes. If the line stays long, raise the provider's rate.",
    Waits.PROVIDER_DOWN: "See to the provider: everything for it goes out by itself once it answers.",
    Waits.TRIAGE: "Whoever is on call triages the incident: acknowledge it, or say what it is.",
    Waits.MAINTENANCE: "Nothing: planned work explains it. If the work is over, complete it on its page.",
    Waits.FLAPPING: "Nothing: it goes out when it is steady. If you know better, call or open a ticket from the incident.",
    Waits.DEPENDENCY: "See to what it depends on: it is named on the incident.",
    Waits.GLOBAL_PROBLEM: "See to the global problem, or take the incident out of it on its page.",
    Waits.ESCALATION_STEP: "Nothing: the step before has its time. Escalate from the incident if you cannot wait.",
    Waits.BUNDLE: "Nothing: one call names it with others.",
    Waits.STATUS_PAGE: "Nothing: the public page is told first, in some seconds.",
    Waits.SCHEDULED: "Nothing: it is for later.",
    Waits.QUEUE: "Nothing: it is due, and its turn comes.",
    Waits.DOUBT: "Nothing for a minute. Then ask them whether it arrived, and try again if it did not.",
}
OF_STATE: Mapping[str, str] = {
    "claimed": "Nothing: it is being sent.",
    "sent": "Nothing: the answer is awaited.",
    "failed": "Mend what the reason names (number, address, credential), then try again.",
    "set_aside": "A bug stopped it three times: report it with the reason; try again after an update.",
    "cancelled": "Nothing: it is not owed any more.",
    "done": "Nothing: it is done.",
}


def remedy(state: str, waits: str | None) -> str:
    """Return what to do about a row of the outbox."""
    if waits in set(Waits):
        return REMEDIES[Waits(waits)]
    return OF_STATE.get(state, "Nothing: it goes out by itself.")
