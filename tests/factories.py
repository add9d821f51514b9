"""Builders with defaults, so that a test names only what it is about."""

import itertools
from datetime import UTC, datetime

from monitor.domain.announcements import GlobalProblem, Impact, Maintenance
from monitor.domain.crashes import CrashReport, Frame
from monitor.domain.findings import Finding, Observation, Source, Symptom, Verdict

MONDAY_AT_TEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""Ten in the morning in Rome: inside the support hours of everybody in Europe."""
SATURDAY_NIGHT = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)

_numbers = itertools.count(1)


def an_id() -> str:
    """Return an id unlike any before, of the length that real ones have."""
    return f"{next(_numbers):026d}"


def a_look(
    check: str, verdict: Verdict = Verdict.DOWN, *, at: datetime = MONDAY_AT_TEN, **other
) -> Observation:
    """Return one look at a target, which was down."""
    symptom = other.pop("symptom", None if verdict is Verdict.UP else Symptom.UNREACHABLE)
    detail = other.pop("detail", "no answer within 5 s" if verdict is Verdict.DOWN else "answered")
    return Observation(check=check, at=at, verdict=verdict, symptom=symptom, detail=detail, **other)


def a_finding(system: str | None = "PBX-1", *, at: datetime = MONDAY_AT_TEN, **other) -> Finding:
    """Return a problem believed: the system does not answer."""
    known = {"symptom": Symptom.UNREACHABLE, "source": Source.CHECK, "summary": "no answer", "since": at}
    return Finding(system=system, at=at, **{**known, **other})


def a_crash(serial: str | None = "PBX-1", *, at: datetime = MONDAY_AT_TEN, **other) -> CrashReport:
    """Return one crash of a PBX process; reports from here are one group unless they differ in ``function``."""
    id_ = f"crs_{an_id()}"
    function = other.pop("function", "route_call")
    known = {
        "id": id_,
        "key": id_,
        "source": "json",
        "process": "pbx-core",
        "version": "5.02",
        "signal": "SIGSEGV",
        "message": "segmentation fault",
        "system_hint": {"serial": serial} if serial else {},
        "frames": (Frame(function=function, module="libpbx.so"), Frame(function="main", module="pbx-core")),
    }
    return CrashReport(at=at, **{**known, **other})


def a_maintenance(*, starts_at: datetime, ends_at: datetime, **other) -> Maintenance:
    """Return planned work."""
    known = {"id": f"mnt_{an_id()}", "title": "New firmware", "body": "Systems restart once."}
    return Maintenance(starts_at=starts_at, ends_at=ends_at, **{**known, **other})


def a_global_problem(**other) -> GlobalProblem:
    """Return a problem over the European cloud."""
    known = {
        "title": "Calls fail in Europe",
        "body": "We are looking into it.",
        "impact": Impact.MAJOR,
        "components": ("cloud-eu",),
    }
    return GlobalProblem(**{**known, **other})
