"""From the faults of one look to its observation: the worst verdict stands, every fault is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from errno import EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM

from checks.base import Target
from checks.texts import detail
from monitor.domain.findings import Observation, Symptom, Verdict

OUR_TROUBLE = frozenset({EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM})
"""Errors of this machine, which say nothing of the target."""

_WORST_FIRST = (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN)


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
