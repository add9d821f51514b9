"""Values that one answer gives and a later request uses: taken, filled in, and hidden wherever they would be shown.

    answer --Capture--> Captured: {name} -> value --fill--> URL, header, body, rule
                                              +--hide--> every sentence

A captured value is the far end's: it is bounded, and written so that it stays a value wherever it is put (encoded in a
URL or a form, escaped in JSON). It may be a session's secret, so that no sentence of ours shows it, not even the
beginning of it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Self
from urllib.parse import quote, quote_plus

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from checks.http_answer import HeaderRule, JsonRule, at_path, steps
from checks.texts import Pattern, TextRule, compiled, tidy

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLACE: Final = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]{0,39})\}")
_LONGEST: Final = 8 * 1024
_SHORTEST_SECRET: Final = 4
_CUT: Final = "…"
_HIDDEN: Final = "***"

Scalar = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an answer holds, as far as it was read."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    cut: bool


class Capture(BaseModel):
    """Where in an answer a value is: at one place, or what a pattern finds there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    json_: Annotated[
        str | None, Field(alias="json", max_length=500, description="A path in the JSON body: $.token.")
    ] = None
    header: Annotated[str | None, Field(max_length=100, description="The header of this name.")] = None
    cookie: Annotated[str | None, Field(max_length=100, description="The cookie of this name.")] = None
    matches: Annotated[
        Pattern | None,
        Field(
            description="What this pattern (RE2) finds there, or in the body: its first group, or all of it."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [place for place in (self.json_, self.header, self.cookie) if place is not None]
        if len(places) > 1 or not (places or self.matches):
            raise ValueError("say one place: json, header or cookie; or matches, for the body")
        if self.json_ is not None:
            steps(self.json_)
        return self

    def value(self, answer: Answered) -> Scalar:
        """Return the value; raise ``ValueError`` with the end of a sentence if it is not there."""
        found, where = self._found(answer)
        if self.matches is None:
            return _bounded(found, where) if isinstance(found, str) else found
        match = compiled(self.matches).search(as_text(found))
        if match is None:
            raise ValueError(f"is not in {where}: nothing matches {tidy(self.matches)!r}")
        groups = match.groups()
        return _bounded((groups[0] if groups else match.group(0)) or "", where)

    def _found(self, answer: Answered) -> tuple[Scalar, str]:
        if self.json_ is not None:
            return _json_value(answer, self.json_), f"JSON {self.json_}"
        if self.header is not None:
            return _known(answer.headers, self.header.lower(), f"the header {self.header}")
        if self.cookie is not None:
            return _known(answer.cookies, self.cookie, f"the cookie {self.cookie}")
        return answer.body.decode("utf-8", "replace"), "the body"


def _known(values: Mapping[str, str], key: str, where: str) -> tuple[str, str]:
    if key not in values:
        raise ValueError(f"is not there: {where} is missing")
    return values[key], where


def _json_value(answer: Answered, path: str) -> Scalar:
    if answer.cut:
        raise ValueError(f"is not read: the body is longer than {len(answer.body)} bytes")
    try:
        found = at_path(orjson.loads(answer.body), path)
    except orjson.JSONDecodeError:
        raise ValueError("is not there: the body is not JSON") from None
    except LookupError:
        raise ValueError(f"is not there: JSON {path} is missing") from None
    if isinstance(found, str | int | float):
        return found
    raise ValueError(f"is no value: JSON {path} is {'null' if found is None else 'a structure'}")


def as_text(value: Scalar) -> str:
    """Return a value as it is written into texts: ``true`` and ``7`` as in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _bounded(text: str, where: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters in {where}")
    if not text:
        raise ValueError(f"is empty in {where}")
    return text


def names_in(text: str) -> Iterator[str]:
    """Yield every ``{name}`` that a text holds."""
    return (match[1] for match in _PLACE.finditer(text))


def _as_it_is(value: str) -> str:
    return value


def in_json(value: str) -> str:
    """Write a value so that it stays within a JSON string, and a number a number."""
    return orjson.dumps(value).decode()[1:-1]


def in_url(value: str) -> str:
    """Write a value so that it stays one part of a URL."""
    return quote(value, safe="")


Writing = Callable[[str], str]


def writing_of(kind: str | None) -> Writing:
    """Return how a value is written into a body of this content type (without one, a form)."""
    plain = (kind or "application/x-www-form-urlencoded").partition(";")[0].strip().lower()
    if plain == "application/x-www-form-urlencoded":
        return quote_plus
    return in_json if plain == "application/json" or plain.endswith("+json") else _as_it_is


@dataclass(slots=True)
class Captured:
    """What one look has captured so far, and what of it must not be shown."""

    values: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    _hidden: set[str] = field(default_factory=set[str])

    def take(self, name: str, value: Scalar) -> None:
        """Remember a value under its name."""
        self.values[name] = value
        self.hide_also((as_text(value),))

    def hide_also(self, secrets: Iterable[str]) -> None:
        """Remember what else must not be shown."""
        for secret in secrets:
            plain = tidy(secret, _LONGEST)
            for shown in (plain, in_json(plain), in_url(secret), quote_plus(secret), repr(plain)[1:-1]):
                if len(shown) >= _SHORTEST_SECRET:
                    self._hidden.add(shown)

    def fill(self, text: str, writing: Writing = _as_it_is) -> str:
        """Return the text with every ``{name}`` that is known replaced."""
        return _PLACE.sub(lambda match: self._filled(match, writing), text)

    def _filled(self, match: "re.Match[str]", writing: Writing) -> str:
        value = self.values.get(match[1])
        return match[0] if value is None else writing(as_text(value))

    def fill_url(self, text: str) -> str:
        """Return the URL; a ``{name}`` that it begins with is an address of its own, any other a part of one."""
        match = _PLACE.match(text)
        if match is None or match[1] not in self.values:
            return self.fill(text, in_url)
        return as_text(self.values[match[1]]) + self.fill(text[match.end() :], in_url)

    def hide(self, sentence: str) -> str:
        """Return a sentence in which no secret is left, whole or cut short."""
        for secret in sorted(self._hidden, key=len, reverse=True):
            sentence = _without(sentence, secret)
        return sentence


def _without(sentence: str, secret: str) -> str:
    """Replace a text and every beginning of it that was cut off."""
    start, done = secret[:_SHORTEST_SECRET], 0
    while (at := sentence.find(start, done)) >= 0:
        length = _common(sentence, at, secret)
        if length == len(secret) or sentence[at + length : at + length + 1] == _CUT:
            sentence = sentence[:at] + _HIDDEN + sentence[at + length :]
            done = at + len(_HIDDEN)
        else:
            done = at + 1
    return sentence


def _common(sentence: str, at: int, secret: str) -> int:
    length = 0
    for said, hidden in zip(sentence[at:], secret, strict=False):
        if said != hidden:
            break
        length += 1
    return length


def filled_header(rule: HeaderRule, captured: Captured) -> HeaderRule:
    """Return the rule with what was captured filled in."""
    return captured.fill(rule) if isinstance(rule, str) else filled_text(rule, captured)


def filled_text(rule: TextRule, captured: Captured) -> TextRule:
    """Return the rule with what was captured filled in; a pattern stays as it is."""
    given = {"contains": rule.contains, "not_contains": rule.not_contains}
    return rule.model_copy(
        update={key: None if text is None else captured.fill(text) for key, text in given.items()}
    )


def filled_json(rule: JsonRule, captured: Captured) -> JsonRule:
    """Return the rule with what was captured filled in."""
    if not isinstance(rule.value, str):
        return rule
    whole = _PLACE.fullmatch(rule.value)
    same = None if whole is None else captured.values.get(whole[1])  # a number stays one
    return rule.model_copy(update={"value": captured.fill(rule.value) if same is None else same})
