"""``promql``: a query to a Prometheus (or whatever speaks its HTTP API), and what its values mean.

    POST …/api/v1/query -> series -> each against critical, warning -> the worst one, with its labels

The target is asked about something else: that it does not answer, or has no data, says nothing about that, so it is
unknown and never down (unless ``no_data`` says what its absence means).
"""

import math
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import pycurl
from pydantic import AfterValidator, Field, SecretStr, model_validator

from checks.base import CheckType, Options, Target, Tools
from checks.curl import SAFE, Settings
from checks.dialling import IpVersion
from checks.fetch import Fetcher
from checks.http_request import header_line, header_names
from checks.http_transfer import read_url
from checks.promql_answer import Limit, NoAnswerError, Series, exceeds, series_of
from checks.texts import fill, tidy
from checks.trust import tls_settings
from checks.verdicts import Fault, Measured, cannot_look, observation, slow, wrong
from monitor.domain.findings import Observation

_PATH: Final = "/api/v1/query"
_MOST: Final = 4 * 1024 * 1024
_LONGEST = 8_000
_OURS: Final = re.compile(r"\$(serial|host|name)\b")
_ESCAPED: Final = {"\\": r"\\", '"': r"\x22", "'": r"\x27", "`": r"\x60", "\n": r"\n"}
NoData = Literal["unknown", "up", "degraded", "down"]


class PromqlOptions(Options):
    """The keys of a ``promql`` check."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_LONGEST,
            description="The query; `$serial` and `$host` are its system's.",
        ),
    ]
    warning: Annotated[
        Limit | None, Field(description="A value like this is degraded, such as `> 0.05`.")
    ] = None
    critical: Annotated[Limit | None, Field(description="A value like this is down, such as `>= 10`.")] = None
    no_data: Annotated[NoData, Field(description="What it means when the query gives nothing.")] = "unknown"
    headers: Annotated[
        Mapping[str, SecretStr],
        AfterValidator(header_names),
        Field(
            default_factory=dict[str, SecretStr],
            description="Request headers; `${NAME}` in a value is filled in. Never shown.",
        ),
    ]
    verify: Annotated[bool, Field(description="Whether the certificate must be trusted.")] = True
    ca_file: Annotated[str | None, Field(description="Trust these authorities instead (PEM).")] = None
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"

    @model_validator(mode="after")
    def _judges(self) -> "PromqlOptions":
        if self.warning is None and self.critical is None:
            raise ValueError("needs a threshold: warning, critical or both")
        return self


class PromqlCheck:
    """Asks one query; holds nothing between looks."""

    __slots__ = ("_fetcher", "_options", "_target")

    def __init__(self, target: Target, options: PromqlOptions, tools: Tools) -> None:
        """Prepare the request; raise ``ValueError`` for a bad target or a query whose system is not known."""
        self._target, self._options = target, options
        place = read_url(target.target.rstrip("/") + _PATH)
        form = {"query": _asked(options.query, target), "timeout": f"{max(1, int(target.timeout))}s"}
        settings = _settings(options, urlencode(form).encode(), tools.variables)
        self._fetcher = Fetcher(
            place, settings, tools.http, timeout=target.timeout, ip=options.ip, most=_MOST
        )

    async def observe(self, now: datetime) -> Observation:
        """Ask once and judge what was answered."""
        began = time.monotonic()
        came = await self._fetcher.fetch()
        seconds = time.monotonic() - began
        values: dict[str, float | str] = {}
        fine = ""
        if isinstance(came, Fault):
            faults = [cannot_look(f"the query was not answered: {came.text}")]
        elif came.cut:
            faults = [cannot_look(f"the answer is longer than {_MOST} bytes")]
        else:
            faults, values, fine = self._judged(came.status, bytes(came.body))
        measured = Measured(seconds=seconds, values=values)
        return observation(self._target, now, faults, measured, fine)

    def _judged(self, status: int, body: bytes) -> tuple[list[Fault], dict[str, float | str], str]:
        try:
            answered = series_of(status, body)
        except NoAnswerError as error:
            return [cannot_look(f"Prometheus {error}")], {}, ""
        series = [one for one in answered if not math.isnan(one.value)]
        if not series:
            told = "the query gives no data" if not answered else "the query gives only NaN"
            return self._nothing(told), {"series": 0}, told
        for limit, fault in ((self._options.critical, wrong), (self._options.warning, slow)):
            found = [one for one in series if limit is not None and exceeds(one.value, limit)]
            if limit is not None and found:
                worst = _worst(found, limit)
                values: dict[str, float | str] = {"value": worst.value, "series": len(series)}
                return [fault(_told(worst, limit, len(found)))], values, ""
        first = series[0]
        more = f" and {len(series) - 1} more" if len(series) > 1 else ""
        return [], {"value": first.value, "series": len(series)}, f"{first.name} is {first.value:g}{more}"

    def _nothing(self, told: str) -> list[Fault]:
        match self._options.no_data:
            case "up":
                return []
            case "degraded":
                return [slow(told)]
            case "down":
                return [wrong(told)]
            case _:
                return [cannot_look(told)]


def _asked(query: str, target: Target) -> str:
    """Fill in what is the system's own, as the inside of a PromQL string."""
    known = {"serial": target.serial, "host": target.host, "name": target.name}

    def value(found: re.Match[str]) -> str:
        text = known[found[1]]
        if not text:
            raise ValueError(f"the query asks for ${found[1]}, which the check's system does not have")
        return "".join(_ESCAPED.get(character, character) for character in text)

    return _OURS.sub(value, query)


def _settings(options: PromqlOptions, form: bytes, variables: Mapping[str, str]) -> Settings:
    lines = [b"User-Agent: Tocsin", b"Expect:", b"Content-Type: application/x-www-form-urlencoded"]
    lines += [header_line(name, fill(value, variables)) for name, value in options.headers.items()]
    return (
        *SAFE,
        *tls_settings(verify=options.verify, ca_file=options.ca_file),
        (pycurl.FORBID_REUSE, 1),
        (pycurl.FRESH_CONNECT, 1),
        (pycurl.ACCEPT_ENCODING, ""),
        (pycurl.COPYPOSTFIELDS, form),
        (pycurl.HTTPHEADER, tuple(lines)),
    )


def _worst(found: Sequence[Series], limit: str) -> Series:
    """Return the series that is furthest beyond a threshold."""
    turned = -1 if limit.lstrip().startswith("<") else 1
    return max(found, key=lambda one: turned * one.value)


def _told(worst: Series, limit: str, count: int) -> str:
    more = f", and {count - 1} more series" if count > 1 else ""
    return f"{worst.name} is {worst.value:g} ({tidy(limit)}){more}"


class PromqlType:
    """How ``promql`` is registered."""

    options: type[Options] = PromqlOptions

    def build(self, target: Target, options: PromqlOptions, tools: Tools) -> PromqlCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        return PromqlCheck(target, options, tools)


TYPE: CheckType = PromqlType()
