"""Pre-approved texts for a person who publishes: offered in the form, and known again where they were left as they are.

class chosen + state -> Fill in -> the text stands in the form -> as it is: published in every language | changed: as written
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts import public_texts
from monitor.domain.incidents import PublicState
from monitor.domain.wording import CLASSES, LANGUAGES, About, Kind, Wording, by_hand
from monitor.errors import ConflictError
from monitor.storage import announced
from monitor.storage.announced import Problem
from monitor.web.api_inputs import NewGlobalProblem, NewUpdate
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError
from monitor.wordings import KINDS, Wordings

NONE_FOR_REVIEWS = "A review has no pre-approved text: somebody has to write it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What the form for a new problem is filled with; ``since`` goes with it, for the text says it."""

    title: str
    body: str
    since: datetime


def check(cls: str | None) -> None:
    """Refuse a failure class that there is not."""
    if cls is not None and cls not in CLASSES:
        error = FieldError(pointer="/approved", detail=f"This is none of {', '.join(CLASSES)}")
        raise ProblemError(422, "The request is not valid.", errors=[error])


def choices(parts: Parts) -> tuple[str, ...]:
    """Return the failure classes that have a text of their own, ours or the operator's."""
    own = {cls for cls, _, _ in parts.pipeline.announcer.world.in_force.public_texts}
    return tuple(cls for cls in CLASSES if cls in own or cls in public_texts.OF)


async def for_update(parts: Parts, incident: str, cls: str, state: str) -> str:
    """Return the text of a class for a problem's next word; ConflictError where there is none."""
    known = await parts.store.read(announced.problem, incident)
    kind = KINDS.get(PublicState(state)) if state in list(PublicState) else None
    if known is None or cls not in CLASSES or kind is None:
        raise ConflictError(NONE_FOR_REVIEWS)
    return _wordings(parts).say(cls, kind, _about(parts, known)).english


def for_problem(parts: Parts, cls: str, state: str, components: Iterable[str], count: int) -> Filled | None:
    """Return a new problem's title and first word in the text of a class; None where there is none."""
    kind = KINDS.get(PublicState(state)) if state in list(PublicState) else None
    if cls not in CLASSES or kind is None:
        return None
    now, wordings = parts.clock(), _wordings(parts)
    about = _of(parts, components, count, now)
    title = wordings.say(cls, Kind.TITLE, about).english
    return Filled(title=title, body=wordings.say(cls, kind, about).english, since=now)


def translations(form: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what a form has in other languages, by their codes: fields ``body-it`` and so on."""
    return {code: said for code in LANGUAGES if (said := str(form.get(f"body-{code}", ""))).strip()}


def of_update(parts: Parts, known: Problem, wanted: NewUpdate) -> Wording | None:
    """Return the text that a next word is, where it stands as it was approved; else how it was translated by hand."""
    kind, translated = KINDS.get(wanted.state), by_hand(wanted.translations.items())
    if wanted.approved not in CLASSES or kind is None:
        return translated
    return _same(_wordings(parts).say(wanted.approved, kind, _about(parts, known)), wanted.body) or translated


def of_problem(parts: Parts, wanted: NewGlobalProblem) -> tuple[Wording | None, Wording | None]:
    """Return the texts that a new problem's title and first word are, where they stand as they were approved."""
    kind, translated = KINDS.get(wanted.state), by_hand(wanted.translations.items())
    if wanted.approved not in CLASSES or kind is None:
        return None, translated
    about = _of(parts, wanted.components, len(wanted.attach), wanted.since or parts.clock())
    wordings = _wordings(parts)
    titled = _same(wordings.say(wanted.approved, Kind.TITLE, about), wanted.title)
    return titled, _same(wordings.say(wanted.approved, kind, about), wanted.body) or translated


def _same(worded: Wording, written: str) -> Wording | None:
    """Return a text if it is what was written; a form may have given it other ends of lines."""
    return worded if worded.english.split() == written.split() else None


def _wordings(parts: Parts) -> Wordings:
    return Wordings(world=parts.pipeline.announcer.world)


def _about(parts: Parts, known: Problem) -> About:
    return known.titled.about if known.titled else _of(parts, known.components, known.members, known.since)


def _of(parts: Parts, components: Iterable[str], count: int, since: datetime) -> About:
    service = parts.pipeline.announcer.world.in_force.service_name
    return _wordings(parts).of_components(components, service, count, since)
