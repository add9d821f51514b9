"""Who is served through whom: the partner chain of the eligibility clause (mission W1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.domain.inventory import Partner
from monitor.domain.policy import Eligibility


class BrokenChainError(Exception):
    """A partner who is not served directly and whose chain reaches nobody who may stand in."""

    def __init__(self, partner: str, message: str) -> None:
        """Name the entry to mend."""
        self.partner = partner
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Through whom a system's partner is served, and the ids walked from the one to the other."""

    partner: Partner
    referral: tuple[str, ...] = ()


def served_through(partner: Partner, partners: Mapping[str, Partner], rules: Eligibility) -> Served:
    """Return the partner to contact: the own one if direct, else the first serving one up the chain."""
    if rules.everyone or partner.tier in rules.direct:
        return Served(partner=partner)
    walked = [partner.id]
    current = partner
    while True:
        above = current.assigned_to
        if above is None:
            lacks = "is not served directly" if current is partner else f"may not stand in for {partner.id!r}"
            raise BrokenChainError(
                current.id,
                f"partner {current.id!r} (tier {current.tier}) {lacks} and has no assigned_to (section {rules.clause})",
            )
        if above in walked:
            raise BrokenChainError(
                current.id, f"assigned_to goes in a circle: {' -> '.join([*walked, above])}"
            )
        if above not in partners:
            raise BrokenChainError(current.id, f"partner {current.id!r} is assigned to unknown {above!r}")
        current = partners[above]
        walked.append(current.id)
        if current.tier in rules.serving:
            return Served(partner=current, referral=tuple(walked))
