"""From the faults of one look to its observation: the worst verdict stands, every fault is told."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from errno import (
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    ECONNREFUSED,
    ECONNRESET,
    EHOSTUNREACH,
    EMFILE,
    ENETUNREACH,
    ENFILE,
    ENOBUFS,
    ENOMEM,
    ETIMEDOUT,
)
from typing import Final

from checks.base import Target
from checks.texts import detail
from monitor.domain.findings import Observation, Symptom, Verdict

OUR_TROUBLE: Final = frozenset({EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM})
"""Errors of this machine, which say nothing of the target."""

_NO_CONNECTION: Final = {
    ECONNREFUSED: "connection refused by {place}",
    ECONNRESET: "connection reset by {place}",
    EHOSTUNREACH: "no route to {place}",
    ENETUNREACH: "no route to {place}",
    ETIMEDOUT: "no connection to {place}: the network gave up",
}
_WORST_FIRST: Final = (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong that one look saw, and how bad it is; an unknown one has no symptom."""

    verdict: Verdict
    symptom: Symptom | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one look measured, whatever it means."""

    seconds: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict[str, float])
    values: Mapping[str, float | str] = field(default_factory=dict[str, "float | str"])


def unreachable(text: str) -> Fault:
    """Return the fault of a target that could not be talked to."""
    return Fault(Verdict.DOWN, Symptom.UNREACHABLE, text)


def wrong(text: str) -> Fault:
    """Return the fault of a target that was talked to and answered wrongly."""
    return Fault(Verdict.DOWN, Symptom.DEGRADED, text)


def slow(text: str) -> Fault:
    """Return the fault of a target that answers rightly but late."""
    return Fault(Verdict.DEGRADED, Symptom.DEGRADED, text)


def cannot_look(text: str) -> Fault:
    """Return the fault that is ours: nothing was learnt about the target."""
    return Fault(Verdict.UNKNOWN, None, text)


def no_connection(place: str, error: int) -> Fault:
    """Return the fault an operating system's error on connecting stands for: the target's, or ours."""
    if error in OUR_TROUBLE:
        return cannot_look(f"could not look: {os.strerror(error).lower()}")
    return unreachable(_NO_CONNECTION.get(error, "no connection to {place}").format(place=place))


def observation(
    target: Target, now: datetime, faults: Sequence[Fault], measured: Measured, fine: str
) -> Observation:
    """Return what the look says: ``fine`` if nothing is wrong; the operator's symptom stands for "down"."""
    if not faults:
        verdict, symptom, text = Verdict.UP, None, fine
    else:
        worst = min(faults, key=lambda fault: _WORST_FIRST.index(fault.verdict))
        verdict, symptom = worst.verdict, worst.symptom
        text = detail("; ".join(fault.text for fault in faults))
    if verdict is Verdict.DOWN and target.symptom is not None:
        symptom = target.symptom
    return Observation(
        check=target.name,
        at=now,
        verdict=verdict,
        symptom=symptom,
        detail=text,
        seconds=measured.seconds,
        phases=measured.phases,
        values=measured.values,
    )
