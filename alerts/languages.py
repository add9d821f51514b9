"""Words as data: one YAML file per language, an operator's own in place of ours, templates tried when they are read.

What is said on a call (``alerts/texts.py``) and what customers are answered (``alerts/answer_texts.py``) are
read by this. Templates are Jinja2 in a sandbox; an unknown name in one is an error.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.errors import ConfigError
from monitor.settings import yaml12
from monitor.settings.nodes import Document

# Plain text, not HTML: nothing is to be escaped, and what others wrote is cleaned before it comes here.
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

Sources = dict[str, tuple[dict[str, Any], Document]]
"""Every language's data, and the file to blame for it."""


def sources(shipped: Traversable, folder: Path | None) -> Sources:
    """Read the languages that come with us, with what ``folder`` holds in place of them, key by key."""
    found: Sources = {}
    for file in shipped.iterdir():
        if file.name.endswith(".yaml"):
            document = yaml12.load(file.read_text("utf-8"), file.name)
            found[file.name.removesuffix(".yaml")] = (_mapping(document), document)
    for path in sorted(folder.glob("*.yaml")) if folder else ():
        document = yaml12.load_file(path)
        ours = found[path.stem][0] if path.stem in found else {}
        found[path.stem] = (_merged(ours, _mapping(document)), document)
    return found


def short(language: str) -> str:
    """Return the two letters of a language: ``de-AT`` is ``de``."""
    return language.replace("_", "-").split("-")[0].lower()


@lru_cache(maxsize=4096)
def template(source: str) -> Template:
    """Compile a template, once: it is filled in when it is read, and again whenever it is said."""
    return _ENVIRONMENT.from_string(source)


def template_problems(key: str, source: object, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Fill a template in once with everything known and once with nothing, so that both branches are seen."""
    known = tuple(names)
    try:
        compiled = template(source if isinstance(source, str) else "")
        for filling in ("x", ""):
            compiled.render(dict.fromkeys(known, filling))
    except TemplateSyntaxError as error:
        yield key, f"{key!r} is not a template: {error}"
    except Exception as error:  # noqa: BLE001 - a template may do anything wrong that Python can
        yield key, f"{key!r} cannot be filled in: {error}"


def is_table(value: object) -> bool:
    """Whether a value maps names to texts."""
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)


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
