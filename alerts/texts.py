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

from jinja2 import StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.errors import ConfigError
from monitor.settings import yaml12
from monitor.settings.nodes import Document

FALLBACK = "en"
"""The language for whoever speaks none of ours."""

TEMPLATES = ("call", "ticket_subject", "ticket_body", "resolved", "mail_subject", "mail_body")
TABLES = ("symptoms", "classes", "keys", "phrases", "words")
PHRASES = frozenset(
    {"confirmed", "handed_on", "settled", "goodbye", "not_understood", "one_moment", "not_recorded"}
)
FACTS = (
    "service partner serial serial_spoken name country version symptom symptom_capital other summary class_name "
    "clause since since_spoken respond_by ticket ticket_spoken incident reference nothing unknown until"
)
"""What a template may name; ``until`` is for ``resolved`` only."""

_MONTHS = 12

# Plain text, not HTML: nothing is to be escaped, and what others wrote is cleaned before it comes here.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,
)


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
    return library.get(language.replace("_", "-").split("-")[0].lower(), library[FALLBACK])


def load_texts(folder: Path | None) -> Library:
    """Read the shipped texts, with what ``folder`` holds in place of them; ConfigError lists what is wrong."""
    problems: list[str] = []
    library: dict[str, Texts] = {}
    for language, (data, document) in sorted(_sources(folder).items()):
        wrong = [f"{document.place((key,))}: {said}" for key, said in _problems(data)]
        problems += wrong
        if not wrong:
            library[language] = _texts(language, data)
    if problems:
        raise ConfigError(problems)
    return library


def _sources(folder: Path | None) -> dict[str, tuple[dict[str, Any], Document]]:
    """Return every language's data and the file to blame for it."""
    sources: dict[str, tuple[dict[str, Any], Document]] = {}
    for file in files("alerts").joinpath("templates").iterdir():
        if file.name.endswith(".yaml"):
            document = yaml12.load(file.read_text("utf-8"), file.name)
            sources[file.name.removesuffix(".yaml")] = (_mapping(document), document)
    for path in sorted(folder.glob("*.yaml")) if folder else ():
        document = yaml12.load_file(path)
        ours = sources[path.stem][0] if path.stem in sources else {}
        sources[path.stem] = (_merged(ours, _mapping(document)), document)
    return sources


def _mapping(document: Document) -> dict[str, Any]:
    data = document.data
    if not isinstance(data, dict):
        raise ConfigError([f"{document.place()}: must be a mapping of names to texts"])
    return data


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(ours)
    for key, value in theirs.items():
        mine = merged.get(key)
        merged[key] = {**mine, **value} if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


def _problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say everything that is wrong with a language's data, each with the key it is about."""
    known = {"tag", "months", *TEMPLATES, *TABLES}
    yield from ((key, f"unknown key {key!r}") for key in data if key not in known)
    yield from ((key, f"{key!r} is missing") for key in sorted(known - set(data)))
    for key in ("tag", *TEMPLATES):
        if not isinstance(data.get(key, ""), str):
            yield key, f"{key!r} must be text"
    for key in TABLES:
        if not _is_table(data.get(key, {})):
            yield key, f"{key!r} must map names to texts"
    months = data.get("months", [""] * _MONTHS)
    if not isinstance(months, list) or len(months) != _MONTHS:
        yield "months", "'months' must list twelve names"
    phrases = data.get("phrases", {})
    if isinstance(phrases, dict):
        yield from (("phrases", f"'phrases.{name}' is missing") for name in sorted(PHRASES - set(phrases)))
    yield from _date_problems(data)
    for key in TEMPLATES:
        yield from _template_problems(key, data.get(key))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)


def _template_problems(key: str, source: object) -> Iterator[tuple[str, str]]:
    """Fill a template in once with everything known and once with nothing, so that both branches are seen."""
    names = [name for name in FACTS.split() if name != "until" or key == "resolved"]
    try:
        template = _ENVIRONMENT.from_string(source if isinstance(source, str) else "")
        for filling in ("x", ""):
            template.render(dict.fromkeys(names, filling))
    except TemplateSyntaxError as error:
        yield key, f"{key!r} is not a template: {error}"
    except Exception as error:  # noqa: BLE001 - a template may do anything wrong that Python can
        yield key, f"{key!r} cannot be filled in: {error}"


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
        templates={key: _ENVIRONMENT.from_string(data[key]) for key in TEMPLATES},
        tables={key: data[key] for key in TABLES},
    )
