"""The rows of what is registered, and the values they are: no rule is decided here."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.inventory import Contact, Licence, Period
from monitor.domain.registered import Registered, RegisteredContact, RegisteredSystem
from monitor.storage import oncall_rows
from monitor.storage.schema_people import licences, registered_contacts, registered_systems
from monitor.storage.upsert import upsert


def read(c: sa.Connection, revision: int) -> Registered:
    """Return everything registered, in the order it was."""
    return Registered(
        revision=revision,
        licences=tuple(_licence(row) for row in _all(c, licences) if row["removed_at"] is None),
        contacts=tuple(_contact(row) for row in _all(c, registered_contacts)),
        systems=tuple(_system(row) for row in _all(c, registered_systems) if row["removed_at"] is None),
        overrides=oncall_rows.standing(c),
    )


def owner_of(c: sa.Connection, contact: str) -> str | None:
    """Return whose contact this id is or once was."""
    return c.scalar(sa.select(registered_contacts.c.partner).where(registered_contacts.c.id == contact))


def system(c: sa.Connection, serial: str) -> RegisteredSystem | None:
    """Return what was registered of a system."""
    found = c.execute(sa.select(registered_systems).where(registered_systems.c.serial == serial)).mappings()
    row = found.one_or_none()
    return _system(row) if row else None


def save_contact(
    c: sa.Connection, partner: str, contact: Contact, now: datetime, by: str, *, removed: bool = False
) -> None:
    """Write a contact as it is now."""
    _save(
        c,
        registered_contacts,
        "id",
        {
            "id": contact.id,
            "partner": partner,
            "licence": contact.licence,
            "name": contact.name,
            "phone": contact.phone,
            "email": contact.email,
            "languages": " ".join(contact.languages),
            "role": contact.role,
            "hours": contact.hours,
            "always_reachable": contact.always_reachable,
            "english_ok": contact.english_ok,
            "account_id": contact.account_id,
            "removed_at": now if removed else None,
        },
        now,
        by,
    )


def save_licence(c: sa.Connection, licence: Licence, now: datetime, by: str) -> None:
    """Write a licence as it is now."""
    _save(
        c,
        licences,
        "id",
        {
            "id": licence.id,
            "partner": licence.partner,
            "product": licence.product,
            "seats": licence.seats,
            "account_id": licence.account_id,
            "plan": licence.plan,
            "standing": json.dumps(as_data(licence.standing)),
            "removed_at": None,
        },
        now,
        by,
    )


def save_system(c: sa.Connection, row: RegisteredSystem, now: datetime, by: str) -> None:
    """Write what is registered of a system now."""
    _save(
        c,
        registered_systems,
        "serial",
        {
            "serial": row.serial,
            "partner": row.partner,
            "licence": row.about.get("licence"),
            "about": json.dumps(dict(row.about)),
            "technical": json.dumps(dict(row.technical)),
            "removed_at": None,
        },
        now,
        by,
    )


def as_data(value: object) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Period):
        return {"from": as_data(value.start), "to": as_data(value.end)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): as_data(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _all(c: sa.Connection, table: sa.Table) -> list[Mapping[Any, Any]]:
    return [dict(row) for row in c.execute(sa.select(table).order_by(table.c.seq)).mappings()]


def _save(
    c: sa.Connection, table: sa.Table, key: str, values: dict[str, Any], now: datetime, by: str
) -> None:
    written = {**values, "updated_at": now, "updated_by": by}
    statement = upsert(c, table).values(**written, created_at=now)
    kept = {name: statement.excluded[name] for name in written if name != key}
    c.execute(statement.on_conflict_do_update(index_elements=[key], set_=kept))


def _contact(row: Mapping[Any, Any]) -> RegisteredContact:
    contact = Contact(
        id=row["id"],
        name=row["name"],
        phone=row["phone"],
        email=row["email"],
        languages=tuple(row["languages"].split()),
        role=row["role"],
        hours=row["hours"],
        licence=row["licence"],
        always_reachable=row["always_reachable"],
        english_ok=row["english_ok"],
        account_id=row["account_id"],
    )
    return RegisteredContact(partner=row["partner"], contact=contact, removed=row["removed_at"] is not None)


def _licence(row: Mapping[Any, Any]) -> Licence:
    return Licence(
        id=row["id"],
        partner=row["partner"],
        product=row["product"],
        seats=row["seats"],
        account_id=row["account_id"],
        plan=row["plan"],
        standing={name: _standing(value) for name, value in json.loads(row["standing"]).items()},
    )


def _standing(value: Any) -> bool | Period:
    if isinstance(value, bool):
        return value
    return Period(start=_day(value.get("from")), end=_day(value.get("to")))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _system(row: Mapping[Any, Any]) -> RegisteredSystem:
    return RegisteredSystem(
        serial=row["serial"],
        partner=row["partner"],
        about=json.loads(row["about"]),
        technical=json.loads(row["technical"]),
    )
