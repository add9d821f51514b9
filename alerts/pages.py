"""What an engineer is told about a request that came in outside support hours: pure functions from ``Asked`` to text.

On a call they take it with a key, so what is said has to fit beside the keys; a mail is for who has no phone.
The words are in ``alerts/texts.py``, and in the engineer's language.
"""

from dataclasses import dataclass
from datetime import datetime

from alerts.cleaning import clean, clean_lines
from alerts.script import (
    LONGEST_BODY,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    TIGHTER,
    Written,
    spelled,
    spoken_seconds,
    within,
    written_time,
)
from alerts.texts import Library, Texts, pick, shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be told: ``cls`` None where nothing can be said yet, ``zone`` that of our own people.

    ``ack`` says how to take it by a link, where one can.
    """

    reference: str
    received_at: datetime
    zone: str
    service: str = "Tocsin"
    cls: str | None = None
    needs_triage: bool = False
    partner: str = ""
    serial: str | None = None
    system: str = ""
    subject: str = ""
    ack: str = ""


def call_text(asked: Asked, language: str, *, library: Library | None = None) -> str:
    """Say what came in, from whom and about what, in at most ``LONGEST_TEXT`` seconds."""
    texts = pick(library or shipped(), language)
    said = ""
    for limit in TIGHTER:
        said = clean(texts.templates["request_call"].render(_facts(asked, texts, limit)), LONGEST_BODY)
        if spoken_seconds(said) <= LONGEST_TEXT:
            return said
    return within(said, LONGEST_TEXT)


def mail_text(asked: Asked, language: str, *, library: Library | None = None) -> Written:
    """Write the mail for an engineer who has no phone."""
    texts = pick(library or shipped(), language)
    facts = _facts(asked, texts, LONGEST_SUBJECT)
    return Written(
        subject=clean(texts.templates["request_subject"].render(facts), LONGEST_SUBJECT),
        body=clean_lines(texts.templates["request_body"].render(facts), LONGEST_BODY),
    )


def _facts(asked: Asked, texts: Texts, limit: int) -> dict[str, str]:
    """Return everything a template may name: clean, in local time, '' for what is not known."""
    serial, reference = clean(asked.serial or "", 40), clean(asked.reference, 20)
    return {
        "service": clean(asked.service, min(limit, 40)),
        "partner": clean(asked.partner, limit),
        "serial": serial,
        "serial_spoken": spelled(serial[:20]),
        "name": clean(asked.system, limit),
        "class_name": clean(texts.word("classes", asked.cls), 40) if asked.cls else "",
        "sure": "" if asked.needs_triage else "yes",
        "subject": clean(asked.subject, limit).rstrip("."),
        "received_at": written_time(asked.received_at, asked.zone),
        "reference": reference,
        "reference_spoken": spelled(reference),
        "ack": clean_lines(asked.ack, 1000),
        "nothing": texts.word("words", "nothing"),
        "unknown": texts.word("words", "unknown"),
    }
