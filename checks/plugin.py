"""``plugin``: a monitoring plugin (the Nagios plugin API) looks, and its exit status is the verdict.

    macros -> program (no shell) -> 0 up | 1 degraded | 2 down | anything else: unknown

A plugin that cannot say (3), that is not there, that breaks or that does not end in time has said nothing about the
target: unknown is never down.
"""

import asyncio
import re
import signal
import time
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr

from checks.base import CheckType, Options, Target, Tools
from checks.durations import spell
from checks.plugin_breakdowns import broke_down
from checks.plugin_output import Output, parse
from checks.plugin_process import Ran, located, run
from checks.texts import detail, tidy
from checks.verdicts import Fault, Measured, cannot_look, observation
from monitor.domain.findings import Observation, Symptom, Verdict

MACROS: Final = ("HOSTADDRESS", "HOSTNAME", "_HOSTSERIAL", "SERVICEDESC", "TIMEOUT", "USER1")
_MACRO: Final = re.compile(r"\$([A-Za-z0-9_]*)\$")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST, _MOST = 4_000, 100
_STATUSES: Final = 4
"""0 to 3 are a plugin's; whatever else a program ends with is none of its words."""
_VALUES = 50


def _argument(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    for name in _MACRO.findall(text):
        if name and name not in MACROS:
            raise ValueError(
                f"there is no macro ${name}$; known are {', '.join(f'${one}$' for one in MACROS)}"
            )
    return text


def _names(given: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name in given:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an environment variable")
    return given


Argument = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_argument)]


class PluginOptions(Options):
    """The keys of a ``plugin`` check."""

    command: Annotated[
        tuple[Argument, ...],
        Field(
            min_length=1,
            max_length=_MOST,
            description="The program and its arguments, one by one; macros such as `$HOSTADDRESS$`.",
        ),
    ]
    environment: Annotated[
        dict[str, SecretStr],
        AfterValidator(_names),
        Field(
            default_factory=dict,
            description="Environment variables: the place for passwords, which arguments show to everybody.",
        ),
    ]
    on_timeout: Annotated[
        Literal["unknown", "down"],
        Field(description="What it means when the plugin does not end in time."),
    ] = "unknown"


class PluginCheck:
    """Runs one plugin; holds nothing between looks."""

    __slots__ = ("_arguments", "_environment", "_limit", "_options", "_program", "_target")

    def __init__(self, target: Target, options: PluginOptions) -> None:
        """Fill in the macros; raise ``ValueError`` with a sentence for one that has no value."""
        self._target = target
        self._options = options
        self._limit = target.timeout - min(0.25, target.timeout / 10)
        values = _values(target)
        self._program, *self._arguments = [_filled(text, values) for text in options.command]
        self._environment = {name: secret.get_secret_value() for name, secret in options.environment.items()}

    async def observe(self, now: datetime) -> Observation:
        """Run the plugin once."""
        began = time.monotonic()
        program = located(self._program)
        if program is None:
            return self._seen(now, [cannot_look(_missing(self._program))], Measured(), "")
        try:
            async with asyncio.timeout(self._limit):
                ran = await run(program, self._arguments, self._environment)
        except TimeoutError:
            seconds = time.monotonic() - began
            return self._seen(now, [self._endless()], Measured(seconds=seconds), "")
        except OSError as error:
            fault = cannot_look(f"{_shown(program)} could not be started: {error.strerror}")
            return self._seen(now, [fault], Measured(), "")
        output = parse(ran.out)
        measured = Measured(seconds=time.monotonic() - began, values=_measured(output))
        text = _said(ran, output)
        return self._seen(now, _faults(ran, text), measured, text)

    def _seen(self, now: datetime, faults: list[Fault], measured: Measured, text: str) -> Observation:
        return observation(self._target, now, faults, measured, detail(text))

    def _endless(self) -> Fault:
        text = f"{_shown(self._program)} did not end within {spell(self._target.timeout)} and was killed"
        if self._options.on_timeout == "down":
            return Fault(Verdict.DOWN, Symptom.UNREACHABLE, text)
        return cannot_look(text)


def _values(target: Target) -> Mapping[str, str]:
    address = target.target or target.host
    return {
        "": "$",
        "HOSTADDRESS": address,
        "HOSTNAME": target.host or address,
        "_HOSTSERIAL": target.serial or "",
        "SERVICEDESC": target.name,
        "TIMEOUT": str(max(1, int(target.timeout - 1))),
        "USER1": "/usr/lib/nagios/plugins",
    }


def _filled(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        filled = values[found[1]]
        if not filled:
            raise ValueError(
                f"${found[1]}$ has no value: the check has no target and its system does not say"
            )
        if filled.startswith("-") or not filled.isprintable():
            raise ValueError(f"${found[1]}$ is {tidy(filled)!r}, which a plugin would take for an option")
        return filled

    return _MACRO.sub(value, text)


def _faults(ran: Ran, text: str) -> list[Fault]:
    if ran.status and broke_down(ran.out, ran.errors):
        return [cannot_look(text)]
    match ran.status:
        case 0:
            return []
        case 1:
            return [Fault(Verdict.DEGRADED, Symptom.DEGRADED, text)]
        case 2:
            return [Fault(Verdict.DOWN, Symptom.UNREACHABLE, text)]
        case _:
            return [cannot_look(text)]


def _said(ran: Ran, output: Output) -> str:
    """Return the plugin's own sentence, and how it ended if that is none of the four ways."""
    text = tidy(output.text or output.long_text or ran.errors, 400) or "(no output)"
    if 0 < ran.status < _STATUSES and broke_down(ran.out, ran.errors):
        return f"it broke before it could look (exit status {ran.status}): {text}"
    if 0 <= ran.status < _STATUSES:
        return text
    if ran.status < 0:
        return f"ended by {_signal(-ran.status)}: {text}"
    return f"exit status {ran.status}, which is none of a plugin's: {text}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _measured(output: Output) -> dict[str, float | str]:
    known = [one for one in output.data if one.value is not None and isfinite(one.value)][:_VALUES]
    return {tidy(f"{one.label} [{one.unit}]" if one.unit else one.label): one.value or 0.0 for one in known}


def _missing(program: str) -> str:
    return f"there is no program {_shown(program)} that may be run here"


def _shown(program: str) -> str:
    return tidy(program)


class PluginType:
    """How ``plugin`` is registered."""

    options: type[Options] = PluginOptions
    stays = "a plugin is a program of its own and chooses its way out"

    def build(self, target: Target, options: PluginOptions, tools: Tools) -> PluginCheck:  # noqa: ARG002 - the seam
        """Make a check; raise ``ValueError`` with a sentence for a macro without a value."""
        return PluginCheck(target, options)


TYPE: CheckType = PluginType()
