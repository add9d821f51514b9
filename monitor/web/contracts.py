"""What a contract stands for today, where its partner is served: for pages and the API."""

from dataclasses import dataclass
from datetime import date

from monitor.domain.inventory import Licence, Partner, System
from monitor.domain.standing import licences_of, told
from monitor.web.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A licence as a page shows it: how many are registered on it, and its standings with their dates."""

    licence: Licence
    people: int
    counted: bool
    told: tuple[str, ...]


def contracts_of(parts: Parts, system: System) -> tuple[Contract, ...]:
    """Return the licences that speak for a system."""
    inventory = parts.inventory()
    partner = inventory.partners[system.partner]
    rules = parts.policies()[partner.policy].registration.contacts
    day = local_day(parts, partner)
    return tuple(
        Contract(
            licence=one,
            people=len(inventory.registered_on(one.id)),
            counted=rules.limited_by_seats,
            told=told(one, day),
        )
        for one in licences_of(inventory, partner=partner.id, system=system.serial)
    )


def local_day(parts: Parts, partner: Partner) -> date:
    """Return the date where a partner is served: contracts end with their day there."""
    policy = parts.policies()[partner.policy]
    try:
        calendar = policy.calendar_for(partner.country)
    except KeyError:
        calendar = policy.house_calendar()
    return calendar.local_date(parts.clock())
