"""The sentences of every answer to a customer, read from ``alerts/templates/answers/<language>.yaml``.

The sentences are data; in which order they stand in a mail is ``alerts/answers.py``'s. As with the texts of
calls and tickets, a folder of the operator's own replaces what is shipped, sentence by sentence; every
sentence is filled in once when it is read, and an unknown name in one is an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Template

from alerts import languages
from monitor.domain.request_rules import FIELDS
from monitor.errors import ConfigError

FALLBACK = "en"
"""The language for whoever writes in none of ours."""

LONGEST_LABEL = 60
"""What is read as a label before a field in a reply (``monitor.domain.correspondence``)."""

KIN = {"no": "nb", "nn": "nb"}
"""Languages whose speakers read another one of ours."""

SENTENCES = (
    "titled", "hello", "hello_all", "regards", "item_by", "item_missed", "reply_here", "follow_here",
    "no_passwords", "secret_found", "taken_title", "taken", "class_is", "respond_by", "charge_is", "duties",
    "would_help", "incomplete_title", "incomplete", "complete_it", "complete_there", "refused_title", "refused",
    "reasons", "clause_is", "way_in", "replied_title", "closed_title", "closed", "closed_final", "booked_title",
    "booked", "moved_title", "moved", "cancelled_title", "cancelled", "technician_is", "calendar_here",
    "other_time", "reminder_title", "reminder", "missed_title", "missed", "missed_next", "passed_on_title",
    "passed_on",
)  # fmt: skip
FACTS = (
    "service reference requester subject zone class_name respond_by charge clause link starts ends technician "
    "title words due"
)
"""What a sentence may name; ``title`` is for ``titled`` only, ``words`` and ``due`` for the two ``item_``."""
OWN: Mapping[str, tuple[str, ...]] = {
    "titled": ("title",),
    "item_by": ("words", "due"),
    "item_missed": ("words", "due"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """One language: its sentences, how it calls a policy's classes, and the fields of a request."""

    language: str
    sentences: Mapping[str, Template]
    classes: Mapping[str, str]
    fields: Mapping[str, str]


Library = Mapping[str, Sentences]
"""Every language by its two letters."""


@cache
def shipped() -> Library:
    """Return the languages that come with us."""
    return load_answers(None)


def pick(library: Library, language: str) -> Sentences:
    """Return the language asked for (``de-AT`` is ``de``), or the fallback."""
    short = languages.short(language)
    return library.get(KIN.get(short, short), library[FALLBACK])


def load_answers(folder: Path | None) -> Library:
    """Read the shipped answers, with what ``folder`` holds in place of them; ConfigError lists what is wrong."""
    problems: list[str] = []
    library: dict[str, Sentences] = {}
    found = languages.sources(files("alerts").joinpath("templates", "answers"), folder)
    for language, (data, document) in sorted(found.items()):
        wrong = [f"{document.place((key,))}: {said}" for key, said in _problems(data)]
        problems += wrong
        if not wrong:
            library[language] = Sentences(
                language=language,
                sentences={key: languages.template(data[key]) for key in SENTENCES},
                classes=data["classes"],
                fields=data["fields"],
            )
    if problems:
        raise ConfigError(problems)
    return library


def _problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say everything that is wrong with a language's data, each with the key it is about."""
    known = {*SENTENCES, "classes", "fields"}
    yield from ((key, f"unknown key {key!r}") for key in data if key not in known)
    for table in ("classes", "fields"):
        if not languages.is_table(data.get(table)):
            yield table, f"{table!r} must map names to texts"
        elif table == "fields":
            yield from _label_problems(data[table])
    for key in SENTENCES:
        yield from _sentence_problems(key, data.get(key))


def _label_problems(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A label is quoted back in replies with a colon and the answer behind it, so it must be a plain one."""
    yield from (("fields", f"'fields.{name}' is missing") for name in FIELDS if not labels.get(name))
    for name, label in labels.items():
        if len(label) > LONGEST_LABEL or any(sign in label for sign in ":=\n"):
            yield (
                "fields",
                f"'fields.{name}' must be one line of at most {LONGEST_LABEL} characters, without : or =",
            )


def _sentence_problems(key: str, source: object) -> Iterator[tuple[str, str]]:
    """Fill a sentence in once with everything known and once with nothing, so that both branches are seen."""
    if not isinstance(source, str) or not source.strip():
        yield key, f"{key!r} is missing" if source is None else f"{key!r} must be text"
        return
    special = {name for names in OWN.values() for name in names} - set(OWN.get(key, ()))
    names = [name for name in FACTS.split() if name not in special]
    yield from languages.template_problems(key, source, names)
