"""The sections about what the public is told by itself: pre-approved texts, and planned work that takes longer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from monitor.domain import wording
from monitor.domain.wording import CLASSES, LANGUAGES, Kind, Texts
from monitor.settings.nodes import Path
from monitor.settings.validation import did_you_mean
from monitor.settings.values import Ident, Seconds, Text

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_DAY = 24 * 3_600
ApprovedTexts = dict[Ident, dict[Ident, dict[Ident, Text]]]
"""Failure class -> kind of text -> language -> text."""


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """Planned work of ours that does not end when it was to."""

    problem_after: Annotated[
        Annotated[Seconds, Field(ge=0, le=_DAY)],
        Field(description="How long after its end what still fails becomes a global problem."),
    ] = 900.0
    publish: Annotated[
        Literal["at_once", "draft"],
        Field(
            description="`at_once` tells the public of it, `draft` only proposes it; of work that is not public always a draft."
        ),
    ] = "at_once"


def approved(given: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Texts:
    """Return the operator's texts as the domain has them."""
    return {
        (cls, Kind(kind), language): text
        for cls, kinds in given.items()
        for kind, languages in kinds.items()
        for language, text in languages.items()
    }


def misfits(given: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with pre-approved texts, with its place: names that there are not, and placeholders."""
    for cls, kinds in given.items():
        yield from _unknown(("public_texts", cls), cls, CLASSES, "failure class")
        for kind, languages in kinds.items():
            yield from _unknown(("public_texts", cls, kind), kind, tuple(map(str, Kind)), "kind of text")
            for language, text in languages.items():
                place = ("public_texts", cls, kind, language)
                yield from _unknown(place, language, LANGUAGES, "language of the page")
                for fault in wording.faults(text):
                    yield place, fault


def _unknown(place: Path, name: str, known: tuple[str, ...], what: str) -> Iterator[tuple[Path, str]]:
    if name not in known:
        yield place, f"{name!r} is no {what}; there are {', '.join(known)}{did_you_mean(name, known)}"
