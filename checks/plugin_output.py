"""What a Nagios plugin writes, read exactly as the plugin API has it: text, long text, performance data, ranges.

    TEXT | 'label'=value[UOM];[warn];[crit];[min];[max] …
    LONG TEXT
    LONG TEXT | PERFDATA
    PERFDATA

A range means trouble outside of it, ``@`` turns that round: ``10`` is 0 to 10, ``10:`` and ``~:10`` are open.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(?P<at>@?)(?:(?P<start>~|{_NUMBER})?(?P<colon>:))?(?P<end>{_NUMBER})?")
_DATUM = re.compile(
    r"\s*(?:'(?P<quoted>(?:[^']|'')*)'|(?P<label>[^\s='][^\s=]*))="
    rf"(?:(?P<value>{_NUMBER})(?P<unit>[^\s\d;'\"=|]*)|(?P<unknown>U))"
    r"(?P<rest>(?:;[^\s;]*){0,4});?(?=\s|$)"
)
_MOST = 200
"""Performance data of one look; more are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From where to where all is well; ``inside`` turns that round."""

    start: float = 0.0
    end: float = math.inf
    inside: bool = False

    def alerts(self, value: float) -> bool:
        """Whether a value is trouble; the ends belong to the range."""
        return (self.start <= value <= self.end) == self.inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One performance value; None where the plugin says that it could not tell (``U``)."""

    label: str
    value: float | None
    unit: str = ""
    warning: Range | None = None
    critical: Range | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a plugin has said."""

    text: str = ""
    long_text: str = ""
    data: tuple[Datum, ...] = ()


def parse(written: str) -> Output:
    """Read a plugin's output; whatever is no performance data is left out of it."""
    first, _, more = written.partition("\n")
    text, _, perfdata = first.partition("|")
    long_text, _, more_perfdata = more.partition("|")
    data = [*_data(perfdata), *_data(more_perfdata)]
    return Output(text=text.strip(), long_text=long_text.strip(), data=tuple(data[:_MOST]))


def _data(text: str) -> Iterator[Datum]:
    """Yield performance data; after a piece that is none, the next blank is where to go on."""
    at = 0
    while at < len(text):
        found = _DATUM.match(text, at)
        if found is None:
            blank = re.compile(r"\s+").search(text, at + 1)
            at = blank.end() if blank else len(text)
            continue
        at = found.end()
        yield _datum(found)


def _datum(found: re.Match[str]) -> Datum:
    quoted, value = found["quoted"], found["value"]
    rest: str = found["rest"]
    warning, critical, least, most, *_ = (*rest.split(";")[1:], "", "", "", "")
    return Datum(
        label=found["label"] if quoted is None else quoted.replace("''", "'"),
        value=None if value is None else float(value),
        unit=found["unit"] or "",
        warning=parse_range(warning),
        critical=parse_range(critical),
        least=_number(least),
        most=_number(most),
    )


def parse_range(text: str) -> Range | None:
    """Read a range; None for an empty one, and for what is none."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or not (found["colon"] or found["end"]):
        return None
    start = {None: 0.0, "~": -math.inf}.get(found["start"])
    start = float(found["start"]) if start is None else start
    end = math.inf if found["end"] is None else float(found["end"])
    return None if start > end else Range(start=start, end=end, inside=bool(found["at"]))


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(_NUMBER, text) else None
