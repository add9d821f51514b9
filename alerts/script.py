"""What is said on a call and written in a ticket or a mail: pure functions from a ``Matter`` to text.

    Matter -> cleaned facts in the reader's local time -> template of the language -> bounded text

The words are in ``alerts/texts.py``. Nothing here knows a provider: a call's text is what a person hears
before the keys, and the driver that can take keys adds ``keys_text``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts import notice_texts
from alerts.cleaning import clean, clean_lines, shortened
from alerts.texts import Library, Texts, pick, shipped

LONGEST_CALL = 40.0
"""Seconds one reading may last: text and keys together. People hang up on more."""

LONGEST_TEXT = 28.0
"""Seconds the text alone may last, so that the keys fit behind it in every language."""

LONGEST_SUBJECT = 150
LONGEST_BODY = 8000

_CHARACTERS_PER_SECOND = 15.0
_SECONDS_PER_LETTER = 0.4
TIGHTER = (60, 40, 24, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is to be told. ``zone`` is the reader's; ``system`` the name of the system or component.

    ``ack`` and ``reply`` are paragraphs of our own about how to confirm and how to reply; empty where one cannot.
    """

    incident: str
    reference: str
    partner: str
    symptom: str
    summary: str
    since: datetime
    cls: str
    zone: str
    service: str = "Tocsin"
    serial: str | None = None
    system: str = ""
    country: str | None = None
    version: str | None = None
    clause: str | None = None
    respond_by: datetime | None = None
    ticket: str | None = None
    ack: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A subject and what stands below it."""

    subject: str
    body: str


def call_text(matter: Matter, language: str, *, library: Library | None = None) -> str:
    """Say what is wrong, where, since when and under which ticket, in at most ``LONGEST_TEXT`` seconds."""
    texts = pick(library or shipped(), language)
    said = ""
    for limit in TIGHTER:
        said = clean(texts.templates["call"].render(_facts(matter, texts, limit)), LONGEST_BODY)
        if spoken_seconds(said) <= LONGEST_TEXT:
            return said
    return within(said, LONGEST_TEXT)


def ticket_text(matter: Matter, language: str, *, library: Library | None = None) -> Written:
    """Write a ticket: the subject, and the dossier below it."""
    return _written(matter, pick(library or shipped(), language), "ticket")


def mail_text(matter: Matter, language: str, *, library: Library | None = None) -> Written:
    """Write a mail."""
    return _written(matter, pick(library or shipped(), language), "mail")


def resolve_text(matter: Matter, language: str, *, until: datetime, library: Library | None = None) -> str:
    """Write the last note of a ticket: it is over, from when until when."""
    texts = pick(library or shipped(), language)
    facts = {**_facts(matter, texts, LONGEST_SUBJECT), "until": written_time(until, matter.zone)}
    return clean_lines(texts.templates["resolved"].render(facts), LONGEST_BODY)


def follow_text(ticket: str, why: str, language: str, *, library: Library | None = None) -> str:
    """Write how a ticket begins that goes on from a closed one, and what it is about now."""
    said = pick(library or shipped(), language).tables["words"].get("follows", "-> {ticket}")
    lines = (said.replace("{ticket}", clean(ticket, 40)), clean_lines(why, LONGEST_BODY))
    return "\n\n".join(line for line in lines if line)


def over_text(matter: Matter, language: str, *, until: datetime, library: Library | None = None) -> Written:
    """Write the mail that ends what a mail began: it is over, from when until when."""
    texts = pick(library or shipped(), language)
    notices = notice_texts.pick(language)
    facts = _facts(matter, texts, LONGEST_SUBJECT)
    known = {
        name: str(facts[name]) for name in ("service", "symptom", "symptom_capital", "incident", "reference")
    }
    names = (str(facts["serial"]), str(facts["name"]))
    subject = texts.templates["mail_subject"].render(facts)
    body = notices.say(
        "over_body",
        system=" ".join(name for name in names if name) or str(facts["service"]),
        starts=str(facts["since"]),
        ends=written_time(until, matter.zone),
        ticket=str(facts["ticket"] or facts["nothing"]),
        **known,
    )
    return Written(
        subject=clean(notices.say("over_subject", subject=subject), LONGEST_SUBJECT),
        body=clean_lines(body, LONGEST_BODY),
    )


def keys_text(language: str, keys: str, *, library: Library | None = None) -> str:
    """Say which keys there are: ``keys_text("en", "19")``."""
    table = pick(library or shipped(), language).tables["keys"]
    return " ".join(table[key] for key in keys if key in table)


def phrase(language: str, name: str, *, library: Library | None = None) -> str:
    """Return one of the fixed phrases of a call: ``confirmed``, ``settled`` and so on."""
    return pick(library or shipped(), language).tables["phrases"][name]


def voice_tag(language: str, *, library: Library | None = None) -> str:
    """Return what a voice is to be told: ``it-IT``."""
    return pick(library or shipped(), language).tag


def spelled(code: str) -> str:
    """Return a serial or number as it is to be spoken, sign by sign: ``P B X 1 0 0 1``."""
    return " ".join(sign for sign in code.upper() if sign.isalnum())


def spoken_seconds(text: str) -> float:
    """Estimate how long a voice takes: by characters, and longer for what is spelled out."""
    words = text.split()
    spelled_out = sum(len(word) == 1 for word in words)
    characters = sum(len(word) + 1 for word in words if len(word) > 1)
    return spelled_out * _SECONDS_PER_LETTER + characters / _CHARACTERS_PER_SECOND


def within(text: str, seconds: float) -> str:
    """Cut a text after the last word that can be said in time."""
    if spoken_seconds(text) <= seconds:
        return text
    words = text.split()
    fits, over = 0, len(words)
    while over - fits > 1:
        middle = (fits + over) // 2
        fits, over = (middle, over) if spoken_seconds(" ".join(words[:middle])) <= seconds else (fits, middle)
    # One word that is longer than the whole time is cut by its characters.
    return " ".join(words[:fits]) or text.strip()[: int(seconds * _CHARACTERS_PER_SECOND) - 1]


def written_time(instant: datetime, zone: str) -> str:
    """Return an instant as its reader's clock shows it: ``2026-11-22 14:05 CET (UTC+01:00)``."""
    local = _local(instant, zone)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} {local:%Z} (UTC{offset[:3]}:{offset[3:5]})"


def _written(matter: Matter, texts: Texts, kind: str) -> Written:
    facts = _facts(matter, texts, LONGEST_SUBJECT)
    return Written(
        subject=clean(texts.templates[f"{kind}_subject"].render(facts), LONGEST_SUBJECT),
        body=clean_lines(texts.templates[f"{kind}_body"].render(facts), LONGEST_BODY),
    )


def _facts(matter: Matter, texts: Texts, limit: int) -> dict[str, object]:
    """Return everything a template may name: clean, in local time, '' for what is not known."""
    symptom = texts.word("symptoms", matter.symptom)
    serial = clean(matter.serial or "", 40)
    return {
        "service": clean(matter.service, min(limit, 40)),
        "partner": clean(matter.partner, limit),
        "serial": serial,
        "serial_spoken": spelled(serial[:20]),
        "name": clean(matter.system, limit),
        "country": clean(matter.country or "", 40),
        "version": clean(matter.version or "", 40),
        "symptom": symptom,
        "symptom_capital": symptom[:1].upper() + symptom[1:],
        "other": matter.symptom == "other" and bool(clean(matter.summary, limit)),
        "summary": clean(matter.summary, limit).rstrip("."),
        "class_name": clean(texts.word("classes", matter.cls), 40),
        "clause": clean(matter.clause or "", 40),
        "since": written_time(matter.since, matter.zone),
        "since_spoken": spoken_time(matter.since, matter.zone, texts),
        "respond_by": written_time(matter.respond_by, matter.zone) if matter.respond_by else "",
        "ticket": clean(matter.ticket or "", 40),
        "ticket_spoken": spelled(shortened(matter.ticket or "", 20)),
        "incident": clean(matter.incident, 64),
        "reference": clean(matter.reference, 64),
        "ack": clean_lines(matter.ack, 1000),
        "reply": clean_lines(matter.reply, 1000),
        "nothing": texts.word("words", "nothing"),
        "unknown": texts.word("words", "unknown"),
    }


def spoken_time(instant: datetime, zone: str, texts: Texts) -> str:
    """Say an instant as its reader's clock shows it."""
    local = _local(instant, zone)
    words = {"time": f"{local:%H:%M}", "day": str(local.day), "month": texts.months[local.month - 1]}
    return texts.word("words", "on_date").format_map(words)


def _local(instant: datetime, zone: str) -> datetime:
    """Turn to local time; a zone nobody knows must not keep a partner from being told."""
    try:
        return instant.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return instant.astimezone(UTC)
