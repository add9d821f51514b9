"""What a Prometheus HTTP API answers to an instant query, and how its series compare with thresholds."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from checks.texts import tidy

_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_LIMIT: Final = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_LABELS, _SHOWN = 6, 200


def _limit(text: str) -> str:
    if not _LIMIT.fullmatch(text):
        raise ValueError(f"{tidy(text)!r} is no threshold such as '> 0.05' (> >= < <= == !=)")
    return text


Limit = Annotated[str, Field(max_length=40), AfterValidator(_limit)]
"""A threshold: a comparison with a number."""


def exceeds(value: float, limit: str) -> bool:
    """Whether a value meets a threshold; a value that is no number meets none."""
    found = _LIMIT.fullmatch(limit)
    assert found is not None, "thresholds are checked when they are read"
    return not math.isnan(value) and _COMPARED[found[1]](value, float(found[2]))


class NoAnswerError(Exception):
    """The answer says nothing about the query's subject; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value and the labels it goes by."""

    labels: Mapping[str, str]
    value: float

    @property
    def name(self) -> str:
        """Return it as Prometheus writes it, with its first labels only."""
        labels = [(name, text) for name, text in sorted(self.labels.items()) if name != "__name__"]
        pairs = [f'{name}="{text}"' for name, text in labels[:_LABELS]]
        more = ["…"] if len(labels) > _LABELS else []
        braces = f"{{{', '.join((*pairs, *more))}}}" if pairs else ""
        return tidy(f"{self.labels.get('__name__', '')}{braces}", _SHOWN) or "the value"


def series_of(status: int, body: bytes) -> tuple[Series, ...]:
    """Return the series of an answer; ``NoAnswerError`` where it is none."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoAnswerError(f"answered with status {status} and something that is no JSON") from None
    if not isinstance(said, dict) or said.get("status") not in ("success", "error"):
        raise NoAnswerError(f"answered with status {status} and JSON that is no answer to a query")
    if said["status"] == "error":
        raise NoAnswerError(f"refused the query: {tidy(str(said.get('error')), _SHOWN)}")
    try:
        return _series(_Data.model_validate(said.get("data")))
    except ValueError:  # pydantic's, too
        raise NoAnswerError("answered with a result that cannot be read") from None


class _Data(BaseModel):
    """An answer's data; ``result`` is looked at by its type."""

    model_config = ConfigDict(strict=True)

    result_type: Annotated[str, Field(alias="resultType")]
    result: object


class _One(BaseModel):
    """One series of a vector: its labels, and when it had which value."""

    metric: dict[str, str]
    value: tuple[float, str]


_VECTOR: Final = TypeAdapter(list[_One])
_SCALAR: Final = TypeAdapter(tuple[float, str])


def _series(data: _Data) -> tuple[Series, ...]:
    if data.result_type == "scalar":
        return (Series(labels={}, value=float(_SCALAR.validate_python(data.result)[1])),)
    if data.result_type != "vector":
        kind = tidy(data.result_type, 20)
        raise NoAnswerError(f"gave a {kind}: the query must give an instant vector or a scalar")
    vector = _VECTOR.validate_python(data.result)
    return tuple(Series(labels=one.metric, value=float(one.value[1])) for one in vector)
