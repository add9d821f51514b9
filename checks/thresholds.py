"""What a value that was read may be: numbers by limits, texts by a pattern. The same for every type that reads one."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from checks.texts import Pattern, compiled, tidy
from checks.verdicts import Fault, slow, wrong


class Limits(BaseModel):
    """Where a number is no longer as it should be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    above: Annotated[float | None, Field(description="More than this is too much.")] = None
    below: Annotated[float | None, Field(description="Less than this is too little.")] = None

    def complaint(self, number: float) -> str | None:
        """Return what is wrong with a number as the end of a sentence, or None."""
        if self.above is not None and number > self.above:
            return f"is {number:g}, {self.above:g} may be"
        if self.below is not None and number < self.below:
            return f"is {number:g}, at least {self.below:g} should be"
        return None


class ValueRule(BaseModel):
    """What one value must be: all that is given must be true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn: Annotated[Limits | None, Field(description="A number outside is degraded: `above`, `below`.")] = (
        None
    )
    fail: Annotated[Limits | None, Field(description="A number outside is down: `above`, `below`.")] = None
    equals: Annotated[str | None, Field(description="The value, as text, is this.")] = None
    matches: Annotated[Pattern | None, Field(description="The value, as text, matches (RE2).")] = None

    def fault(self, name: str, value: float | str) -> Fault | None:
        """Return what is wrong with the value, or None; the worst of it."""
        text = f"{value:g}" if isinstance(value, float) else str(value)
        if self.equals is not None and text != self.equals:
            return wrong(f"{name} is {tidy(text)!r}, expected {tidy(self.equals)!r}")
        if self.matches is not None and compiled(self.matches).search(text) is None:
            return wrong(f"{name} is {tidy(text)!r}, expected something that matches {tidy(self.matches)!r}")
        if self.warn is None and self.fail is None:
            return None
        number = _number(value)
        if number is None:
            return wrong(f"{name} is {tidy(text)!r}, which is no number")
        return self._limited(name, number)

    def _limited(self, name: str, number: float) -> Fault | None:
        for limits, fault in ((self.fail, wrong), (self.warn, slow)):
            complaint = None if limits is None else limits.complaint(number)
            if complaint is not None:
                return fault(f"{name} {complaint}")
        return None


def _number(value: float | str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
