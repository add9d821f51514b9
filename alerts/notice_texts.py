"""The sentences around a contact that is no call and no answer: links, ends, announcements, their pages.

They are data in ``alerts/templates/notices/<language>.yaml``, read and tried as those of answers are
(``alerts/answer_texts.py``): each is filled in once when it is read, and an unknown name in one is an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Template

from alerts import languages
from monitor.errors import ConfigError

FALLBACK = "en"
KIN = {"no": "nb", "nn": "nb"}
"""Languages whose speakers read another one of ours."""

SENTENCES = (
    # the page behind a signed link, and the words before the link
    "link_here", "link_title", "link_intro", "link_label", "link_note", "link_system", "link_wrong", "link_since",
    "link_ticket", "link_yours", "link_taken", "link_team", "link_over", "link_settled", "link_gone_title", "link_gone", "link_slow",
    # the end of an incident, by mail; and replies to mails about it
    "over_subject", "over_body", "reply_here",
    # announcements
    "problem_title", "problem_update_title", "problem_over_title", "work_title", "work_moved_title", "work_cancelled_title",
    "work_done_title", "components_are", "state_is", "next_update", "work_from_to", "more_at", "work_moved", "work_cancelled",
    "work_done", "notice_hello", "notice_systems", "notice_held", "notice_calendar", "notice_uncalendar",
    # who asked to hear what the status page posts
    "subscribe_subject", "subscribe_body", "subscribed_because",
    # the link that lets a partner's person into the portal; and what they asked to hear of their systems
    "enter_subject", "enter_body", "case_opened", "case_taken", "case_over", "cases_title", "cases_body",
)  # fmt: skip
FACTS = (
    "service link until system symptom symptom_capital partner who at title components state starts ends since "
    "subject reference ticket systems incident"
)
"""What a sentence may name; which of it is known depends on the sentence, the rest is empty."""
STATES = ("investigating", "identified", "monitoring", "resolved", "postmortem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """One language: its sentences, and how it calls the states of a global problem."""

    language: str
    sentences: Mapping[str, Template]
    states: Mapping[str, str]

    def say(self, sentence: str, **facts: str) -> str:
        """Fill a sentence in."""
        return self.sentences[sentence].render(dict.fromkeys(FACTS.split(), "") | facts).strip()


Library = Mapping[str, Notices]
"""Every language by its two letters."""


@cache
def shipped() -> Library:
    """Return the languages that come with us."""
    return load_notices(None)


def pick(language: str, library: Library | None = None) -> Notices:
    """Return the language asked for (``de-AT`` is ``de``), or the fallback."""
    known, short = library or shipped(), languages.short(language)
    return known.get(KIN.get(short, short), known[FALLBACK])


def preferred(accept_language: str) -> Notices:
    """Return the language a browser would like best of ours."""
    wishes = [wish.split(";")[0].strip() for wish in accept_language[:200].split(",")]
    known = shipped()
    found = next((short for wish in wishes if (short := _short(wish)) in known), FALLBACK)
    return known[found]


def _short(language: str) -> str:
    short = languages.short(language)
    return KIN.get(short, short)


def load_notices(folder: Path | None) -> Library:
    """Read the shipped sentences, with what ``folder`` holds in place of them; ConfigError lists what is wrong."""
    problems: list[str] = []
    library: dict[str, Notices] = {}
    found = languages.sources(files("alerts").joinpath("templates", "notices"), folder)
    for language, (data, document) in sorted(found.items()):
        wrong = [f"{document.place((key,))}: {said}" for key, said in _problems(data)]
        problems += wrong
        if not wrong:
            library[language] = Notices(
                language=language,
                sentences={key: languages.template(data[key]) for key in SENTENCES},
                states=data["states"],
            )
    if problems:
        raise ConfigError(problems)
    return library


def _problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say everything that is wrong with a language's data, each with the key it is about."""
    yield from ((key, f"unknown key {key!r}") for key in data if key not in (*SENTENCES, "states"))
    states = data.get("states")
    if not languages.is_table(states) or set(STATES) - set(states or {}):
        yield "states", f"'states' must name each of {', '.join(STATES)}"
    for key in SENTENCES:
        source = data.get(key)
        if not isinstance(source, str) or not source.strip():
            yield key, f"{key!r} is missing" if source is None else f"{key!r} must be text"
        else:
            yield from languages.template_problems(key, source, FACTS.split())
