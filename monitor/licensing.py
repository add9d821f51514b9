"""What ``tocsin licence`` shows: contracts with their seats, people and standing, as they are in force."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor import operating
from monitor.asked import meant
from monitor.clock import system_clock
from monitor.commands import configuration, configuration_here
from monitor.configured import Configured
from monitor.domain import people, standing
from monitor.domain.calendars import Calendar
from monitor.domain.decisions import rfc3339
from monitor.domain.inventory import Contact, Inventory, Licence, Partner
from monitor.domain.people import Roll
from monitor.domain.policy import Policy
from monitor.domain.registration import Keeping
from monitor.errors import NotFoundError


def licence_list(path: Path | None, data_dir: Path) -> list[dict[str, Any]]:
    """Return every licence in short."""
    given, inventory = _in_force(path, data_dir)
    now = system_clock()
    return [_short(given, inventory, one, now) for _, one in sorted(inventory.licences.items())]


def licence_show(id_: str, path: Path | None, data_dir: Path) -> dict[str, Any]:
    """Return everything about one licence: who is on it, what it stands for, how changes are taken."""
    given, inventory = _in_force(path, data_dir)
    licence = inventory.licences.get(id_)
    if licence is None:
        raise NotFoundError(f"unknown licence {id_!r}{meant(id_, list(inventory.licences))}")
    now = system_clock()
    partner, policy = _whose(given, inventory, licence)
    roll = Roll(licence=licence, contacts=inventory.registered_on(id_))
    rules = policy.registration
    return {
        **_short(given, inventory, licence, now),
        "policy": policy.name,
        "clause": rules.contacts.clause,
        "account_id": licence.account_id,
        "plan": licence.plan or partner.plan,
        "people": [_person(one) for one in roll.contacts],
        "systems": sorted(
            one.serial
            for one in inventory.systems.values()
            if one.licence == id_ and one.partner == licence.partner
        ),
        "changes": {
            "contacts": _changes(rules.contacts.updates, policy, now),
            "systems": _changes(rules.systems.updates, policy, now),
        },
        "problems": [
            told if contact is None else f"contact {contact!r}: {told}"
            for contact, told in people.misfits(roll, policy)
        ],
    }


def told_list(licences: list[dict[str, Any]]) -> str:
    """Say licences as a table."""
    rows = [("licence", "partner", "product", "seats", "in charge", "standing")]
    rows += [
        (
            one["id"],
            one["partner"],
            one["product"] or "-",
            _seats(one),
            one["in_charge"] or "-",
            "; ".join(one["told"]) or "-",
        )
        for one in licences
    ]
    if len(rows) == 1:
        return "no licences are configured or on record"
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    lines = (
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[5]]) for row in rows
    )
    return "\n".join(lines)


def told_licence(one: Mapping[str, Any]) -> str:
    """Say a licence for a person."""
    lines = [
        f"licence     {one['id']} of {one['partner']}, {one['product'] or 'no product named'} ({one['source']})",
        f"policy      {one['policy']}" + (f", section {one['clause']}" if one["clause"] else ""),
        f"seats       {_seats(one)}",
        f"account     {one['account_id'] or 'none'}",
        f"plan        {one['plan'] or 'none'}",
        "standing    " + ("; ".join(one["told"]) or "nothing is known"),
        "contacts" + ("" if one["people"] else "    none"),
    ]
    lines += [
        "  - " + ", ".join(filter(None, (p["id"], p["name"], p["role"], p["phone"], p["email"], *_marks(p))))
        for p in one["people"]
    ]
    lines.append(f"systems     {', '.join(one['systems']) or 'none'}")
    lines += [f"changes     {what}: {one['changes'][what]['told']}" for what in ("contacts", "systems")]
    lines += [f"problem     {problem}" for problem in one["problems"]]
    return "\n".join(lines)


def _in_force(path: Path | None, data_dir: Path) -> tuple[Configured, Inventory]:
    where = configuration_here(path)
    given = configuration(where)
    return given, operating.inventory_in_force(given, where, data_dir)


def _whose(given: Configured, inventory: Inventory, licence: Licence) -> tuple[Partner, Policy]:
    partner = inventory.partners[licence.partner]
    return partner, given.in_force.policies[partner.policy]


def _short(given: Configured, inventory: Inventory, licence: Licence, now: datetime) -> dict[str, Any]:
    partner, policy = _whose(given, inventory, licence)
    rules = policy.registration.contacts
    contacts = inventory.registered_on(licence.id)
    on = _calendar(policy, partner).local_date(now)
    head = rules.in_charge
    return {
        "id": licence.id,
        "partner": partner.id,
        "product": licence.product,
        "seats": licence.seats,
        "seats_left": people.seats_left(Roll(licence=licence, contacts=contacts), rules),
        "contacts": [one.id for one in contacts],
        "in_charge": next((one.id for one in contacts if head and one.role == head.name), None),
        "on": on.isoformat(),
        "standing": standing.standing((licence,), on),
        "told": list(standing.told(licence, on)),
        "source": "configuration" if licence.id in given.settings.inventory.licences else "registered",
    }


def _calendar(policy: Policy, partner: Partner) -> Calendar:
    try:
        return policy.calendar_for(partner.country)
    except KeyError:
        return policy.house_calendar()


def _person(one: Contact) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "phone": one.phone,
        "email": one.email,
        "account_id": one.account_id,
        "always_reachable": one.always_reachable,
        "english_ok": one.english_ok,
    }


def _changes(keeping: Keeping, policy: Policy, now: datetime) -> dict[str, Any]:
    """Say by which channels changes are taken, and whether those with hours are open now."""
    calendar = policy.calendars.get(keeping.calendar)
    opens = None if calendar is None or calendar.is_open(now) else calendar.next_open(now)
    told = ", ".join(keeping.channels) or "by any channel, at any hour"
    if calendar is not None:
        hours = f"{', '.join(sorted(keeping.in_hours))} in the hours of {calendar.name}"
        told += f"; {hours} ({'open now' if opens is None else f'opens {rfc3339(opens)}'})"
    return {
        "channels": list(keeping.channels),
        "in_hours": sorted(keeping.in_hours),
        "calendar": keeping.calendar or None,
        "open_now": calendar is None or opens is None,
        "told": told + (f" (section {keeping.clause})" if keeping.clause else ""),
    }


def _seats(one: Mapping[str, Any]) -> str:
    if one["seats_left"] is None:
        return f"{len(one['contacts'])} registered, seats are not counted"
    return f"{len(one['contacts'])} of {one['seats']}"


def _marks(person: Mapping[str, Any]) -> tuple[str, ...]:
    english = {True: "English is fine", False: "no English", None: ""}[person["english_ok"]]
    return ("always reachable" if person["always_reachable"] else "", english)
