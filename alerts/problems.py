"""What a partner is told of a global problem: one call, ticket, mail or note for all of their systems. Pure.

Problem -> cleaned facts in the reader's local time -> template of the language -> bounded text
"""

from dataclasses import dataclass
from datetime import datetime

from alerts import script
from alerts.cleaning import clean, clean_lines
from alerts.script import LONGEST_BODY, LONGEST_SUBJECT, LONGEST_TEXT, TIGHTER, Written
from alerts.texts import Library, Texts, pick, shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be told; ``systems`` are the first of the ``count`` that the partner has under it."""

    incident: str
    title: str
    summary: str
    partner: str
    count: int
    systems: tuple[str, ...]
    since: datetime
    cls: str
    zone: str
    service: str = "Tocsin"
    page_url: str | None = None


def call_text(problem: Problem, language: str, *, library: Library | None = None) -> str:
    """Say which problem, how many of their systems and since when, in the time of any call."""
    return _said(problem, language, "problem_call", library)


def bundle_text(problem: Problem, language: str, *, library: Library | None = None) -> str:
    """Say how many of their systems have problems of their own, which, and since when the first."""
    return _said(problem, language, "bundle_call", library)


def _said(problem: Problem, language: str, key: str, library: Library | None) -> str:
    texts = pick(library or shipped(), language)
    said = ""
    for limit in TIGHTER:
        said = clean(texts.templates[key].render(_facts(problem, texts, limit)), LONGEST_BODY)
        if script.spoken_seconds(said) <= LONGEST_TEXT:
            return said
    return script.within(said, LONGEST_TEXT)


def ticket_text(problem: Problem, language: str, *, library: Library | None = None) -> Written:
    """Write the ticket, or the mail, that speaks for all of a partner's systems."""
    texts = pick(library or shipped(), language)
    facts = _facts(problem, texts, LONGEST_SUBJECT)
    return Written(
        subject=clean(texts.templates["problem_subject"].render(facts), LONGEST_SUBJECT),
        body=clean_lines(texts.templates["problem_body"].render(facts), LONGEST_BODY),
    )


def note_text(problem: Problem, language: str, *, library: Library | None = None) -> str:
    """Write the note for a ticket that a partner has about one of the systems already."""
    return _written(problem, language, "problem_note", library)


def over_text(problem: Problem, language: str, *, until: datetime, library: Library | None = None) -> str:
    """Write the last note: it is over, from when until when."""
    return _written(
        problem, language, "problem_over", library, until=script.written_time(until, problem.zone)
    )


def _written(problem: Problem, language: str, key: str, library: Library | None, **more: object) -> str:
    texts = pick(library or shipped(), language)
    facts = {**_facts(problem, texts, LONGEST_SUBJECT), **more}
    return clean_lines(texts.templates[key].render(facts), LONGEST_BODY)


def _facts(problem: Problem, texts: Texts, limit: int) -> dict[str, object]:
    listed = ", ".join(clean(system, 40) for system in problem.systems)
    return {
        "service": clean(problem.service, min(limit, 40)),
        "partner": clean(problem.partner, limit),
        "title": clean(problem.title, limit),
        "summary": clean(problem.summary, LONGEST_SUBJECT * 4),
        "count": problem.count,
        "systems": listed,
        "systems_spoken": ", ".join(script.spelled(clean(system, 20)) for system in problem.systems[:5]),
        "more": max(problem.count - len(problem.systems), 0) or "",
        "since": script.written_time(problem.since, problem.zone),
        "since_spoken": script.spoken_time(problem.since, problem.zone, texts),
        "class_name": clean(texts.word("classes", problem.cls), 40),
        "page_url": clean(problem.page_url or "", 300),
        "incident": clean(problem.incident, 64),
        "reference": clean(problem.incident[-8:].upper(), 64),
        "nothing": texts.word("words", "nothing"),
        "unknown": texts.word("words", "unknown"),
    }
