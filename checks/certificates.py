"""A target's certificate: read from libcurl's CERTINFO, judged by the days it has left.

libcurl fills CERTINFO during the handshake, before the chain is judged, so one look tells the expiry date
even of a certificate that was refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import pycurl
from pydantic import BaseModel, ConfigDict, Field

from checks.texts import tidy
from checks.verdicts import Fault
from monitor.domain.findings import Symptom, Verdict

_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_DAY = 86_400.0


class CertificateLimits(BaseModel):
    """How many days a certificate must have left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn_days: Annotated[float, Field(ge=0, description="Fewer days left than this is degraded.")] = 21
    fail_days: Annotated[
        float | None, Field(ge=0, description="Fewer days left than this is down; without it, never.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate of the chain a target showed."""

    subject: str
    issuer: str
    expires: datetime

    def days(self, now: datetime) -> float:
        """Return the days left, negative once it has expired."""
        return (self.expires - now).total_seconds() / _DAY


def chain(handle: pycurl.Curl) -> tuple[Certificate, ...]:
    """Return the chain shown in this look, the target's own first; empty for a reused connection."""
    found = (_read(dict(fields)) for fields in handle.getinfo(pycurl.INFO_CERTINFO))
    return tuple(certificate for certificate in found if certificate is not None)


def _read(fields: dict[str, str]) -> Certificate | None:
    expires = _instant(fields.get("Expire date", ""))
    if expires is None:
        return None
    return Certificate(
        subject=_common_name(fields.get("Subject", "")),
        issuer=_common_name(fields.get("Issuer", "")),
        expires=expires,
    )


def _instant(text: str) -> datetime | None:
    """Read ``Dec 12 06:37:35 2026 GMT``, whatever the process's locale is."""
    try:
        month, day, time, year, _ = text.split()
        hour, minute, second = (int(part) for part in time.split(":"))
        return datetime(int(year), _MONTHS[month], int(day), hour, minute, second, tzinfo=UTC)
    except (ValueError, KeyError):
        return None


def _common_name(name: str) -> str:
    parts = dict(part.split(" = ", 1) for part in _parts(name))
    return tidy(parts.get("CN") or name)


def _parts(name: str) -> Iterable[str]:
    return (part.strip() for part in name.split(",") if " = " in part)


def days_left(days: float) -> str:
    """Say how long a certificate has left."""
    if days < 0:
        return f"the certificate expired {_days(-days)} ago"
    return f"the certificate expires in {_days(days)}"


def _days(days: float) -> str:
    whole = int(days)
    return "less than a day" if whole == 0 else f"{whole} day{'s' * (whole != 1)}"


def expiry_faults(days: float, limits: CertificateLimits) -> list[Fault]:
    """Return what is wrong with the days a certificate has left: nothing, or one fault."""
    if limits.fail_days is not None and days < limits.fail_days:
        text = f"{days_left(days)} (limit {limits.fail_days:g} days)"
        return [Fault(Verdict.DOWN, Symptom.CERTIFICATE_EXPIRING, text)]
    if days < limits.warn_days:
        return [Fault(Verdict.DEGRADED, Symptom.CERTIFICATE_EXPIRING, days_left(days))]
    return []
