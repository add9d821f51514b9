"""The sections about other places to look from: where they are, and which findings need a second look."""

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator, with_config

from monitor.settings.values import Ident, Line, Seconds, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


def _address(given: str) -> str:
    """Take an address that this machine can send from."""
    try:
        address = ip_address(given)
    except ValueError:
        raise ValueError("must be an address of this machine, such as 192.0.2.10 or 2001:db8::10") from None
    if address.is_unspecified or address.is_multicast:
        raise ValueError("must be an address that this machine can send from")
    return str(address)


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """Another way out of this machine: a source address for each family, an interface, or both."""

    id: Annotated[Ident, Field(description="Unique.")]
    name: Annotated[Line | None, Field(description="What people are told; by default the id.")] = None
    source: Annotated[
        tuple[Annotated[Line, AfterValidator(_address)], ...],
        BeforeValidator(nothing_is_empty),
        Field(max_length=2, description="Addresses of this machine to look from: one of IPv4, one of IPv6."),
    ] = ()
    interface: Annotated[
        Annotated[Line, Field(max_length=15, pattern=r"^[^\s/]+$")] | None,
        Field(description="An interface of this machine to look through (Linux), alone or beside `source`."),
    ] = None

    @property
    def v4(self) -> str | None:
        """Return the IPv4 address it looks from."""
        return next((one for one in self.source if ":" not in one), None)

    @property
    def v6(self) -> str | None:
        """Return the IPv6 address it looks from."""
        return next((one for one in self.source if ":" in one), None)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.source and self.interface is None:
            raise ValueError("needs a source address or an interface of this machine")
        families = [isinstance(ip_address(one), IPv4Address) for one in self.source]
        if len(set(families)) < len(families):
            raise ValueError("source has two addresses of one family; write them as two vantages")
        return self


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLook:
    """Which problems are looked at from the vantages, too, before they are believed."""

    classes: Annotated[
        tuple[Line, ...],
        BeforeValidator(nothing_is_empty),
        Field(
            max_length=50,
            description="Names of classes; empty: those that a policy takes into analysis at once.",
        ),
    ] = ()
    within: Annotated[
        Annotated[Seconds, Field(ge=0.1, le=10)],
        Field(
            description="Longest a second look may take: a verdict is put off by half a second more at most."
        ),
    ] = 2.5
    alarm_after: Annotated[
        Annotated[Seconds, Field(ge=0, le=86_400)],
        Field(description="Seen from one place only for so long: whoever is on call is told."),
    ] = 600.0

    def wants(self, cls: str, *, urgent: bool) -> bool:
        """Whether a finding of this class is looked at again."""
        return cls in self.classes if self.classes else urgent
