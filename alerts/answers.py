"""What customers are answered about their requests: pure functions from an ``AnswerMatter`` to a subject and a body.

    AnswerMatter -> cleaned facts in the reader's local time -> the sentences of the kind, in order -> bounded text

The sentences are in ``alerts/answer_texts.py``. A subject always begins with the request's number in brackets,
so that a reply finds its way back. What a policy or a person wrote (refusals, duties, a reply) stands as it
was written, in its own language.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from alerts.answer_texts import FALLBACK, Library, Sentences, pick, shipped
from alerts.cleaning import clean, clean_lines
from alerts.script import Written

__all__ = [
    "Answer",
    "AnswerMatter",
    "Appointment",
    "Move",
    "Written",
    "answer_text",
    "field_label",
    "known_labels",
]

LONGEST_SUBJECT = 150
LONGEST_BODY = 32_000
LONGEST_REPLY = 20_000
LONGEST_ITEM = 400
MOST_ITEMS = 60
LONGEST_LINK = 500
_OF_THE_MAIL = ("subject", "message")


class Answer(StrEnum):
    """What is answered."""

    TAKEN = "taken"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    REPLIED = "replied"
    CLOSED = "closed"
    APPOINTMENT = "appointment"
    REMINDER = "reminder"
    PASSED_ON = "passed_on"


class Move(StrEnum):
    """What happened to an appointment."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """When a technician has time for the customer, and what happened to that; ``attached``: iCalendar goes with it."""

    move: Move = Move.BOOKED
    starts: str
    ends: str
    technician: str = ""
    attached: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerMatter:
    """What is to be told about a request; what is not known is empty or None.

    Times are written as the reader's clock in ``zone`` shows them (``alerts.script.written_time``). ``refusals``,
    ``asks``, the words of ``duties`` and ``charge`` are the policy's own sentences; ``missing`` are labels
    (``field_label``); ``text`` is what an engineer wrote. ``link`` shows the request, ``way_in`` is where a
    new one is made. ``late`` are duties whose time had passed when the request came. ``missed`` makes a
    reminder one of a time that has passed, ``engineer_decides`` says whether that has consequences; ``secret_found`` says that something like a password was kept out of the request.
    """

    reference: str
    zone: str = "UTC"
    service: str = "Tocsin"
    subject: str = ""
    name: str = ""
    class_name: str | None = None
    respond_by: str | None = None
    clause: str | None = None
    missing: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    duties: tuple[tuple[str, str | None], ...] = ()
    late: tuple[tuple[str, str], ...] = ()
    charge: str = ""
    link: str | None = None
    way_in: str | None = None
    text: str = ""
    appointment: Appointment | None = None
    missed: bool = False
    engineer_decides: bool = True
    secret_found: bool = False


def answer_text(kind: str, matter: AnswerMatter, language: str, *, library: Library | None = None) -> Written:
    """Write one answer, of a kind of ``Answer``, in the reader's language."""
    answer = Answer(kind)
    says = _Says(matter, pick(library or shipped(), language))
    body = [
        says("hello" if says.facts["requester"] else "hello_all"),
        *_PARTS[answer](says, matter),
        says("regards"),
    ]
    return Written(
        subject=_subject(says, matter, answer),
        body=clean_lines("\n\n".join(part for part in body if part), LONGEST_BODY),
    )


def field_label(
    name: str,
    language: str,
    *,
    labels: Mapping[str, str] | None = None,
    library: Library | None = None,
) -> str:
    """Return how a field of a request is called: by the policy's own ``labels``, else by ours, else by its name."""
    known = library or shipped()
    own = (labels or {}).get(name)
    ours = pick(known, language).fields.get(name) or known[FALLBACK].fields.get(name)
    return clean(own or ours or name.replace("_", " "), LONGEST_ITEM)


@cache
def known_labels() -> Mapping[str, str]:
    """Return the field that each of our labels stands for, in every language, so that a reply that uses them is understood.

    Labels are folded. What a mail says in a place of its own (``subject``, ``message``) is none of them.
    """
    return {
        " ".join(label.casefold().split()): name
        for sentences in shipped().values()
        for name, label in sentences.fields.items()
        if name not in _OF_THE_MAIL
    }


class _Says:
    """One language's sentences, filled in with what is known."""

    def __init__(self, matter: AnswerMatter, sentences: Sentences) -> None:
        self._sentences = sentences
        self.facts = _facts(matter, sentences)

    def __call__(self, sentence: str, **more: str) -> str:
        return self._sentences.sentences[sentence].render({**self.facts, **more}).strip()

    def where(self, fact: str, sentence: str) -> str:
        """Say a sentence where the fact it is about is known, else nothing."""
        return self(sentence) if self.facts[fact] else ""


def _facts(matter: AnswerMatter, sentences: Sentences) -> dict[str, str]:
    """Return what every sentence may name: clean, in local time, '' for what is not known."""
    cls, booked = matter.class_name or "", matter.appointment
    return {
        "service": clean(matter.service, 60),
        "reference": clean(matter.reference, 20),
        "requester": clean(matter.name, 80),
        "subject": clean(matter.subject, LONGEST_SUBJECT),
        "class_name": clean(sentences.classes.get(cls, cls), 40),
        "respond_by": clean(matter.respond_by or "", 80),
        "zone": clean(matter.zone, 60),
        "charge": clean(matter.charge, LONGEST_ITEM),
        "clause": clean(matter.clause or "", 80),
        "link": clean(matter.link or "", LONGEST_LINK),
        "starts": clean(booked.starts, 80) if booked else "",
        "ends": clean(booked.ends, 80) if booked else "",
        "technician": clean(booked.technician, 80) if booked else "",
    }


def _subject(says: _Says, matter: AnswerMatter, answer: Answer) -> str:
    title = says(f"{_title(answer, matter)}_title")
    about = says("titled", title=title) if says.facts["subject"] else title
    return clean(f"[{says.facts['reference']}] {about}", LONGEST_SUBJECT)


def _title(answer: Answer, matter: AnswerMatter) -> str:
    if answer is Answer.APPOINTMENT:
        return matter.appointment.move if matter.appointment else Move.BOOKED
    return "missed" if answer is Answer.REMINDER and matter.missed else answer


# the parts of each answer, in order; an empty one is left out -------------------------------------------


def _taken(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield says("taken")
    facts = (("class_name", "class_is"), ("respond_by", "respond_by"), ("charge", "charge_is"))
    yield "\n".join(filter(None, (says.where(fact, sentence) for fact, sentence in facts)))
    yield _text(matter)
    yield _list(says("duties"), _tasks(says, matter, "item_by"))
    yield _list(says("would_help"), matter.asks)
    yield from _ending(says, matter)


def _incomplete(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    # With a colon, so that whoever replies inline can fill in the lines: they are read as labelled fields.
    yield _list(says("incomplete"), (f"{label}:" for label in matter.missing)) or says("incomplete")
    yield _list(says("reasons"), matter.refusals)
    yield says.where("clause", "clause_is")
    yield _list(says("would_help"), matter.asks)
    yield _list(says("duties"), _tasks(says, matter, "item_by"))
    yield says("complete_it")
    yield says.where("link", "complete_there")
    yield from _cautions(says, matter)


def _refused(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield says("refused")
    yield _list(says("reasons"), matter.refusals)
    if not matter.refusals or any(f"section {matter.clause}" not in each for each in matter.refusals):
        yield says.where("clause", "clause_is")
    yield _text(matter)
    if matter.way_in:
        yield says("way_in", link=clean(matter.way_in, LONGEST_LINK))
    yield from _cautions(says, matter)


def _replied(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield _text(matter)
    yield _list(says("would_help"), matter.asks)
    yield from _ending(says, matter)


def _closed(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield says("closed")
    yield _text(matter)
    yield says.where("charge", "charge_is")
    yield says("closed_final")
    yield says.where("clause", "clause_is")
    yield says.where("link", "follow_here")


def _appointment(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    booked = matter.appointment
    if booked:
        yield "\n".join(filter(None, (says(booked.move), says.where("technician", "technician_is"))))
    yield _text(matter)
    yield says.where("charge", "charge_is")
    if booked and booked.attached:
        yield says("calendar_here")
    yield says("other_time")
    yield says.where("link", "follow_here")


def _reminder(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    which, item = ("missed", "item_missed") if matter.missed else ("reminder", "item_by")
    yield _list(says(which), _tasks(says, matter, item)) or says(which)
    yield says.where("clause", "clause_is")
    yield _text(matter)
    if matter.missed and matter.engineer_decides:
        yield says("missed_next")
    yield from _ending(says, matter)


def _passed_on(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield says("passed_on")
    yield _text(matter)
    yield says.where("clause", "clause_is")
    yield from _ending(says, matter)


def _ending(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield "\n".join(filter(None, (says("reply_here"), says.where("link", "follow_here"))))
    yield from _cautions(says, matter)


def _cautions(says: _Says, matter: AnswerMatter) -> Iterator[str]:
    yield says("secret_found") if matter.secret_found else says("no_passwords")


def _text(matter: AnswerMatter) -> str:
    """Return what an engineer wrote, with its own line breaks."""
    return clean_lines(matter.text, LONGEST_REPLY).strip()


def _tasks(says: _Says, matter: AnswerMatter, item: str) -> Iterator[str]:
    for words, due in matter.duties:
        said = clean(words, LONGEST_ITEM)
        yield says(item, words=said, due=clean(due, 80)) if due else said
    for words, due in matter.late:
        yield says("item_missed", words=clean(words, LONGEST_ITEM), due=clean(due, 80))


def _list(heading: str, items: Iterable[str]) -> str:
    """Write a heading and a line for each item; nothing where there is none."""
    clean_ones = [line for item in items if (line := clean(item, 2 * LONGEST_ITEM))]
    more = ["- …"] if len(clean_ones) > MOST_ITEMS else []
    return (
        "\n".join([heading, *(f"- {line}" for line in clean_ones[:MOST_ITEMS]), *more]) if clean_ones else ""
    )


_PARTS: Mapping[Answer, Callable[[_Says, AnswerMatter], Iterator[str]]] = {
    Answer.TAKEN: _taken,
    Answer.INCOMPLETE: _incomplete,
    Answer.REFUSED: _refused,
    Answer.REPLIED: _replied,
    Answer.CLOSED: _closed,
    Answer.APPOINTMENT: _appointment,
    Answer.REMINDER: _reminder,
    Answer.PASSED_ON: _passed_on,
}
