"""The keys of one step of an ``http`` check, and what several of them must be together."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from checks.captures import NAME, Capture, names_in
from checks.http_request import RequestKeys
from checks.latency import Latency

MOST_STEPS: Final = 20
_MOST_CAPTURED: Final = 20


def _names(captures: Mapping[str, Capture]) -> Mapping[str, Capture]:
    for name in captures:
        if not NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name for a value: write small letters, digits and _, as in csrf_token"
            )
    return captures


class Step(RequestKeys):
    """One request of several, and what is kept of its answer."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,39}$", description="What the step is called in findings."
        ),
    ]
    url: Annotated[
        str,
        Field(
            max_length=4096,
            description="Where to, from the target on: a path or a whole URL; `{name}` is filled in.",
        ),
    ] = ""
    capture: Annotated[
        Mapping[str, Capture],
        AfterValidator(_names),
        Field(max_length=_MOST_CAPTURED, description="Values of the answer, for later steps, by name."),
    ] = {}
    latency: Annotated[Latency, Field(description="How slow this step may be.")] = Latency()


def check_steps(steps: tuple[Step, ...]) -> None:
    """Raise ``ValueError`` for two steps of one name, and for a value that is used before it is there."""
    ever = {name for step in steps for name in step.capture}
    known: set[str] = set()
    seen: set[str] = set()
    for step in steps:
        if step.name in seen:
            raise ValueError(f"two steps are called {step.name!r}")
        seen.add(step.name)
        for name, strict in _used(step):
            # A body may hold braces of its own: there, only a name that exists somewhere can be wrong.
            if name not in known and (strict or name in ever):
                raise ValueError(f"step {step.name!r} uses {{{name}}}, which no step before it captures")
        known |= set(step.capture)


def _used(step: Step) -> Iterator[tuple[str, bool]]:
    for name in names_in(step.url):
        yield name, True
    for value in step.headers.values():
        for name in names_in(value.get_secret_value()):
            yield name, True
    if step.send is not None:
        for name in names_in(step.send.get_secret_value()):
            yield name, False
    for text in rule_texts(step):
        for name in names_in(text):
            yield name, False


def rule_texts(step: Step) -> Iterator[str]:
    """Yield the texts of a step's expectations in which a value may be used."""
    for rule in step.json_:
        if isinstance(rule.value, str):
            yield rule.value
    for wanted in (step.body, *step.header.values()):
        if isinstance(wanted, str):
            yield wanted
        elif wanted is not None:
            yield from (text for text in (wanted.contains, wanted.not_contains) if text is not None)
