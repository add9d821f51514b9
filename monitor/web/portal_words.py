"""What the portal says of cases, contacts and checks: our own words for what the record keeps as identifiers."""

import math
from collections.abc import Mapping

from monitor.domain.findings import Symptom
from monitor.domain.incidents import Incident, Status
from monitor.domain.uptime import FULL
from monitor.web.checks_now import CheckNow
from monitor.web.portal_view import WAS, Standing

SYMPTOMS: Mapping[str, str] = {
    Symptom.CALL_DROPS: "Calls are cut off",
    Symptom.UNREACHABLE: "It cannot be reached",
    Symptom.PORTAL_UNREACHABLE: "The portal cannot be reached",
    Symptom.DEGRADED: "It answers, but not as it should",
    Symptom.CRASH: "A program on it has crashed",
    Symptom.CERTIFICATE_EXPIRING: "A certificate runs out soon",
    Symptom.HARDWARE_FAULT: "The hardware has a fault",
    Symptom.INTERNET_CONNECTIVITY: "Its internet connection has a fault",
    Symptom.OPERATOR_FAULT: "The telephone carrier has a fault",
    Symptom.NOBODY_CAN_LOG_ON: "Nobody can log on",
    Symptom.PLANNED_WORK: "Planned work",
    Symptom.OTHER: "Something is not as it should be",
}
HOW: Mapping[str, str] = {
    "phone": "Call",
    "mail": "Mail",
    "ticket": "Ticket",
    "chat": "Chat",
    "sms": "Text message",
}
RESULTS: Mapping[str, Standing] = {
    "acknowledged": Standing(tone="ok", word="Confirmed"),
    "delivered": Standing(tone="ok", word="Delivered"),
    "no_answer": Standing(tone="warn", word="No answer"),
    "busy": Standing(tone="warn", word="Busy"),
    "refused": Standing(tone="warn", word="Not taken"),
    "failed": Standing(tone="bad", word="Failed"),
    "ambiguous": Standing(tone="unknown", word="Not known yet"),
    "pending": Standing(tone="scheduled", word="Under way"),
}


def symptom(name: str) -> str:
    """Say what is wrong."""
    return SYMPTOMS.get(name, name.replace("_", " ").capitalize())


def case_state(incident: Incident) -> Standing:
    """Say where a case stands."""
    match incident.status:
        case Status.RESOLVED:
            return Standing(tone="ok", word="Over", said="It is well again.")
        case Status.ACKNOWLEDGED if incident.owner_party == "partner":
            return Standing(tone="info", word="With you", said="One of your people has it.")
        case Status.ACKNOWLEDGED:
            return Standing(tone="info", word="In our hands", said="Our engineers are working on it.")
        case Status.OPEN if incident.held_by:
            return Standing(
                tone="maintenance",
                word="Part of a wider matter",
                said="It is dealt with together with others.",
            )
        case _:
            return Standing(tone="warn", word="Found", said="We have found it, and are on it.")


def seen(check: CheckNow) -> Standing:
    """Say what a check sees."""
    return WAS.get(check.state, WAS["unknown"])


def percent(uptime: float) -> str:
    """Write an uptime; a loss is never rounded away: only what was never down reads 100 %."""
    if uptime >= FULL:
        return "100 %"
    return f"{min(math.floor(uptime * 1000 + 1e-6) / 1000, 99.999):.3f} %"
