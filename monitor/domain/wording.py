"""Pre-approved texts: what a global problem says at each of its stages, in every language of ours. Pure.

    failure class + kind + what is put in -> Wording: the text in each language, as it was said on that day

A wording keeps which text it was and what was put in, and how it then read in each language: what was said stays as it
was said, whatever the configuration says later.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from string import Formatter
from typing import Any

from monitor.domain.findings import Symptom

NAMES: Mapping[str, str] = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
}
"""The languages of the page, and what each calls itself."""
LANGUAGES = tuple(NAMES)
PLACEHOLDERS = ("what", "name", "count", "since")
OVERRUN = "overrun"
"""The class of planned work that takes longer, beside the symptoms."""
CLASSES = (*map(str, Symptom), OVERRUN)
MOST = 2_000  # characters of a text with everything put in


class Kind(StrEnum):
    """Which of a class's texts: its title, or what is said at a stage; ``again``: it fails again while watched."""

    TITLE = "title"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    AGAIN = "again"
    RESOLVED = "resolved"


Texts = Mapping[tuple[str, Kind, str], str]
"""The operator's texts, by class, kind and language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is put into texts: ``what`` is it called in each language, its bare ``name``, how many systems, since when."""

    what: Mapping[str, str]
    name: str
    count: int
    since: datetime

    def values(self, language: str) -> Mapping[str, str]:
        """Return what each placeholder is in a language."""
        what = self.what.get(language) or self.what.get("en") or self.name
        return {
            "what": what,
            "name": self.name,
            "count": str(self.count),
            "since": f"{self.since.astimezone(UTC):%H:%M} UTC",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A text as it was said: ``cls`` and ``kind`` say which, ``about`` what was put in, ``said`` how it read.

    Without a ``cls`` somebody wrote it by hand in the languages of ``said``, beside the words on record.
    """

    cls: str
    kind: Kind
    about: About
    said: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def english(self) -> str:
        """How it reads in English: what the record and the console show."""
        return self.said["en"]

    def as_text(self) -> str:
        """Write it for the record."""
        if not self.cls:
            return json.dumps({"said": dict(self.said)}, ensure_ascii=False)
        about = self.about
        values = {
            "what": dict(about.what),
            "name": about.name,
            "count": about.count,
            "since": about.since.isoformat(),
        }
        whole = {"class": self.cls, "kind": self.kind, "values": values, "said": dict(self.said)}
        return json.dumps(whole, ensure_ascii=False)


def by_hand(said: Iterable[tuple[str, str]]) -> Wording | None:
    """Return what somebody wrote in other languages beside their own words; None where they did not."""
    kept = {language: text for language, text in said if language in LANGUAGES and text.strip()}
    nothing = About(what={}, name="", count=0, since=datetime.min.replace(tzinfo=UTC))
    return Wording(cls="", kind=Kind.INVESTIGATING, about=nothing, said=kept) if kept else None


def read(text: str | None) -> Wording | None:
    """Read a wording from the record; None where somebody wrote the words."""
    if not text:
        return None
    whole: dict[str, Any] = json.loads(text)
    if "class" not in whole:
        return None
    values = whole["values"]
    about = About(
        what=values["what"],
        name=values["name"],
        count=values["count"],
        since=datetime.fromisoformat(values["since"]),
    )
    return Wording(cls=whole["class"], kind=Kind(whole["kind"]), about=about, said=whole["said"])


def said(text: str | None) -> Mapping[str, str]:
    """Return how words on record read in each language: nothing where somebody wrote them in one."""
    whole: dict[str, Any] = json.loads(text) if text else {}
    read_as: Mapping[str, str] = whole.get("said", {})
    return read_as


def filled(text: str, values: Mapping[str, str], *, title: bool = False) -> str:
    """Put what it is about into a text; a title begins with a capital letter."""
    put_in = text.format_map(values)[:MOST]
    return put_in[:1].upper() + put_in[1:] if title else put_in


def faults(text: str) -> Iterator[str]:
    """Say what is wrong with a text: braces that do not close, and placeholders that there are not."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        yield "has a brace without its other half: write {{ and }} for braces that stand as they are"
        return
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS:
            yield f"has no placeholder {{{name}}}; there are {known}"
        elif form or conversion:
            yield f"{{{name}}} stands without anything behind its name"
