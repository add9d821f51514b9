"""The words of every text we say or write, read from ``alerts/templates/<language>.yaml``.

The words are data: an operator may put files of the same names into a folder of their own, and what is
said there replaces what is shipped, key by key. Templates are Jinja2 in a sandbox, an unknown name in one
is an error, and every template is compiled when it is read, not at three in the morning.
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
"""The language for whoever speaks none of ours."""

TEMPLATES = ("call", "ticket_subject", "ticket_body", "resolved", "mail_subject", "mail_body")
PAGES = ("request_call", "request_subject", "request_body")
PROBLEMS = ("problem_call", "problem_subject", "problem_body", "problem_note", "problem_over", "bundle_call")
TABLES = ("symptoms", "classes", "keys", "phrases", "words")
PHRASES = frozenset(
    {"confirmed", "handed_on", "settled", "goodbye", "not_understood", "one_moment", "not_recorded", "test"}
)
FACTS = (
    "service partner serial serial_spoken name country version symptom symptom_capital other summary class_name "
    "clause since since_spoken respond_by ticket ticket_spoken incident reference nothing unknown ack "
    "reply until"
)
"""What a template may name; ``until`` is for ``resolved`` only.

``ack`` (how to confirm by a link) and ``reply`` (that one may reply) are whole paragraphs, empty where there is no such way.
"""
PAGE_FACTS = (
    "service partner serial serial_spoken name class_name sure subject received_at reference reference_spoken "
    "nothing unknown ack"
)
"""What a template of a page about a request may name; ``sure`` is empty where the class is yet to be confirmed."""
PROBLEM_FACTS = (
    "service partner title summary count systems systems_spoken more since since_spoken class_name page_url incident reference "
    "nothing unknown until"
)
"""What a template about a global problem may name; ``until`` is for ``problem_over`` only."""

_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language: ``tag`` is what a voice needs to be told, ``months`` are as said in a date."""

    language: str
    tag: str
    months: tuple[str, ...]
    templates: Mapping[str, Template]
    tables: Mapping[str, Mapping[str, str]]

    def word(self, table: str, key: str) -> str:
        """Return a table's word, or the key itself where the table has none (a policy's own class name)."""
        return self.tables[table].get(key, key)


Library = Mapping[str, Texts]
"""Every language by its two letters."""


@cache
def shipped() -> Library:
    """Return the languages that come with us."""
    return load_texts(None)


def pick(library: Library, language: str) -> Texts:
    """Return the language asked for (``de-AT`` is ``de``), or the fallback."""
    return library.get(languages.short(language), library[FALLBACK])


def load_texts(folder: Path | None) -> Library:
    """Read the shipped texts, with what ``folder`` holds in place of them; ConfigError lists what is wrong."""
    problems: list[str] = []
    library: dict[str, Texts] = {}
    found = languages.sources(files("alerts").joinpath("templates"), folder)
    for language, (data, document) in sorted(found.items()):
        wrong = [f"{document.place((key,))}: {said}" for key, said in _problems(data)]
        problems += wrong
        if not wrong:
            library[language] = _texts(language, data)
    if problems:
        raise ConfigError(problems)
    return library


def _problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say everything that is wrong with a language's data, each with the key it is about."""
    known = {"tag", "months", *TEMPLATES, *PAGES, *PROBLEMS, *TABLES}
    yield from ((key, f"unknown key {key!r}") for key in data if key not in known)
    yield from ((key, f"{key!r} is missing") for key in sorted(known - set(data)))
    for key in ("tag", *TEMPLATES):
        if not isinstance(data.get(key, ""), str):
            yield key, f"{key!r} must be text"
    for key in TABLES:
        if not languages.is_table(data.get(key, {})):
            yield key, f"{key!r} must map names to texts"
    months = data.get("months", [""] * _MONTHS)
    if not isinstance(months, list) or len(months) != _MONTHS:
        yield "months", "'months' must list twelve names"
    phrases = data.get("phrases", {})
    if isinstance(phrases, dict):
        yield from (("phrases", f"'phrases.{name}' is missing") for name in sorted(PHRASES - set(phrases)))
    yield from _date_problems(data)
    for key in (*TEMPLATES, *PAGES, *PROBLEMS):
        yield from _template_problems(key, data.get(key))


def _template_problems(key: str, source: object) -> Iterator[tuple[str, str]]:
    known = PAGE_FACTS if key in PAGES else PROBLEM_FACTS if key in PROBLEMS else FACTS
    names = [name for name in known.split() if name != "until" or key in ("resolved", "problem_over")]
    yield from languages.template_problems(key, source, names)


def _date_problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    words = data.get("words")
    pattern = words.get("on_date") if isinstance(words, dict) else None
    try:
        str(pattern).format_map({"time": "14:05", "day": "1", "month": "May"})
    except (KeyError, ValueError, IndexError, AttributeError):
        yield "words", "'words.on_date' may name {time}, {day} and {month} only"


def _texts(language: str, data: Mapping[str, Any]) -> Texts:
    return Texts(
        language=language,
        tag=data["tag"],
        months=tuple(data["months"]),
        templates={key: languages.template(data[key]) for key in (*TEMPLATES, *PAGES, *PROBLEMS)},
        tables={key: data[key] for key in TABLES},
    )
