"""Text that comes from targets and options: made safe to show, matched without backtracking, filled in.

Whatever a target answers is shown to people only through :func:`tidy`. Patterns that operators write are
google-re2's: linear in the text, whatever the pattern.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_SHOWN: Final = 80
_DETAIL: Final = 400
_MAX_PATTERN: Final = 1000
_UNPRINTABLE: Final = re.compile(
    r"[^\x20-\x7e\xa1-\U0010ffff]+|[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def tidy(text: str | bytes, limit: int = _SHOWN) -> str:
    """Return text fit for a sentence: one line, no control or direction marks, at most ``limit`` long."""
    known = text if isinstance(text, str) else text[: 4 * limit].decode("utf-8", "replace")
    plain = " ".join(_UNPRINTABLE.sub(" ", known[: 8 * limit]).split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def detail(sentence: str) -> str:
    """Return an observation's sentence, bounded and clean."""
    return tidy(sentence, _DETAIL)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> "re2._Regexp[str]":
    """Compile an operator's pattern; raise ``ValueError`` with a sentence if it cannot be."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"{tidy(pattern)!r} is no regular expression (RE2): {_said(error)}") from error


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return tidy(said if isinstance(said, bytes) else str(said))


def _pattern(text: str) -> str:
    compiled(text)
    return text


Pattern = Annotated[str, Field(max_length=_MAX_PATTERN), AfterValidator(_pattern)]
"""An option that holds a regular expression (RE2 syntax)."""


class TextRule(BaseModel):
    """What a text must hold: all that is given must be true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contains: Annotated[str | None, Field(description="The text holds this.")] = None
    not_contains: Annotated[str | None, Field(description="The text does not hold this.")] = None
    matches: Annotated[Pattern | None, Field(description="Some part matches this pattern (RE2).")] = None

    def complaint(self, text: str) -> str | None:
        """Return what is wrong with the text as the end of a sentence, or None; the text is not quoted."""
        if self.contains is not None and self.contains not in text:
            return f"does not contain {tidy(self.contains)!r}"
        if self.not_contains is not None and self.not_contains in text:
            return f"contains {tidy(self.not_contains)!r}"
        if self.matches is not None and compiled(self.matches).search(text) is None:
            return f"does not match {tidy(self.matches)!r}"
        return None


def fill(secret: SecretStr, variables: Mapping[str, str]) -> str:
    """Return the text with each ``${NAME}`` replaced; raise ``ValueError`` for a name nobody gave."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise ValueError(f"the variable ${{{match[1]}}} is not set")
        return variables[match[1]]

    return _VARIABLE.sub(value, secret.get_secret_value())
