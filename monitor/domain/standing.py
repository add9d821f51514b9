"""What a customer's contract stands for on a day: a subscription with its dates, a non-disclosure agreement.

Three-valued like facts: what no licence says is unknown, and an unknown standing is held against nobody.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from monitor.domain.inventory import Inventory, Licence, Period
from monitor.domain.request_rules import STANDINGS


def standing(
    licences: Iterable[Licence], on: date, *, names: Iterable[str] = STANDINGS
) -> dict[str, bool | None]:
    """Return what the contract stands for on a local date: True if one licence has it, None if none says."""
    listed = tuple(licences)
    said = dict.fromkeys((*names, *(name for one in listed for name in one.standing)))
    return {name: _any(_holds(one, name, on) for one in listed) for name in said}


def licences_of(
    inventory: Inventory, *, partner: str | None, contact: str | None = None, system: str | None = None
) -> tuple[Licence, ...]:
    """Return the licences that speak for a requester: the contact's and the system's, else all the partner's."""
    person = inventory.person(contact) if contact else None
    thing = inventory.systems.get(system or "")
    whose = person[0].id if person else partner or (thing.partner if thing else None)
    own = {one.id: one for one in inventory.licences.values() if one.partner == whose}
    named = (person[1].licence if person else None, thing.licence if thing else None)
    exact = tuple(own[name] for name in dict.fromkeys(named) if name in own)
    return exact or tuple(own.values())


def standing_of(
    inventory: Inventory,
    on: date,
    *,
    partner: str | None,
    contact: str | None = None,
    system: str | None = None,
    names: Iterable[str] = STANDINGS,
) -> dict[str, bool | None]:
    """Return what stands for a requester on a local date, as requests are judged by."""
    return standing(licences_of(inventory, partner=partner, contact=contact, system=system), on, names=names)


def plan_of(inventory: Inventory, licence: str | None) -> str | None:
    """Return the support plan of a licence, or None where it has none of its own."""
    known = inventory.licences.get(licence or "")
    return known.plan if known else None


def holds(value: bool | Period, on: date) -> bool:
    """Whether a standing is there on a day; the last day counts."""
    if isinstance(value, bool):
        return value
    return (value.start is None or value.start <= on) and (value.end is None or on <= value.end)


def told(licence: Licence, on: date) -> tuple[str, ...]:
    """Say each standing of a licence with its dates, for people."""
    return tuple(_told(name, value, on) for name, value in licence.standing.items())


def _holds(licence: Licence, name: str, on: date) -> bool | None:
    value = licence.standing.get(name)
    return None if value is None else holds(value, on)


def _any(answers: Iterable[bool | None]) -> bool | None:
    known = [answer for answer in answers if answer is not None]
    return any(known) if known else None


def _told(name: str, value: bool | Period, on: date) -> str:
    if isinstance(value, bool):
        return f"{name}: {'yes' if value else 'no'}"
    word = "valid" if holds(value, on) else "not yet" if value.start and on < value.start else "over"
    days = " ".join(_days(value))
    return f"{name}: {word}{f', {days}' if days else ''}"


def _days(period: Period) -> Iterator[str]:
    if period.start:
        yield f"from {period.start}"
    if period.end:
        yield f"until {period.end}"
