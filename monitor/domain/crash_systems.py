"""Whose system crashed: the first rule that finds exactly one system, and the name of that rule.

    the credential's own system -> serial -> licence -> machine id -> host -> unmapped

A credential bound to a system outranks everything a report says, so that a spoofed serial pages nobody
else's partner; what the report claimed instead is kept as ``conflict``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.domain.inventory import Inventory, System

_NOT_OF_A_SERIAL = re.compile(r"[\s:._/-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The serial found, or None; ``mapped_by`` names the rule; ``conflict`` is a serial claimed in vain."""

    serial: str | None
    mapped_by: str
    conflict: str | None = None


@dataclass(frozen=True, slots=True)
class _Index:
    """The inventory by what a report may know; None where several systems share a key."""

    systems: Mapping[str, System]
    by: Mapping[str, Mapping[str, str | None]]


def find_system(hint: Mapping[str, str], token_system: str | None, inventory: Inventory) -> Match:
    """Return whose crash this is and how we know; never raises, never guesses between two."""
    index = _indexed(inventory.systems)
    claimed, rule = _claimed(hint, index)
    if token_system is None:
        return Match(serial=claimed, mapped_by=rule)
    own = _found(index, "serial", token_system)
    said = hint.get("serial")
    against = claimed if claimed not in (None, own) else None
    if against is None and said and normal_serial(said) != normal_serial(token_system):
        against = said
    return Match(serial=own, mapped_by="token" if own else "unmapped", conflict=against)


def _claimed(hint: Mapping[str, str], index: _Index) -> tuple[str | None, str]:
    for rule in _NORMAL:
        serial = _found(index, rule, hint[rule]) if hint.get(rule) else None
        if serial:
            return serial, rule
    return None, "unmapped"


def _found(index: _Index, rule: str, value: str) -> str | None:
    if rule == "serial" and value in index.systems:
        return value
    key = _NORMAL[rule](value)
    return index.by[rule].get(key) if key else None


def normal_serial(serial: str) -> str:
    """Return a serial in the one form in which two spellings of it are equal."""
    return _NOT_OF_A_SERIAL.sub("", serial[:200]).casefold()


def _normal_host(host: str) -> str:
    """Return a host name without scheme, user, port, path and closing dot."""
    name = host[:300].strip().casefold().rpartition("://")[2].rpartition("@")[2].partition("/")[0]
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return (name.partition(":")[0] if name.count(":") == 1 else name).rstrip(".")


_NORMAL: Mapping[str, Callable[[str], str]] = {
    "serial": normal_serial,
    "licence": normal_serial,
    "machine_id": normal_serial,
    "host": _normal_host,
}


def _index(systems: Mapping[str, System]) -> _Index:
    by: dict[str, dict[str, str | None]] = {rule: {} for rule in _NORMAL}
    for system in systems.values():
        known = {
            "serial": system.serial,
            "licence": system.licence,
            "machine_id": system.machine_id,
            "host": system.host,
        }
        for rule, value in known.items():
            key = _NORMAL[rule](value) if value else ""
            if key:
                by[rule][key] = None if key in by[rule] else system.serial
    return _Index(systems, by)


_last: list[_Index] = []  # the index of the inventory asked about last; a new one comes only with a reload


def _indexed(systems: Mapping[str, System]) -> _Index:
    if not _last or _last[0].systems is not systems:
        _last[:] = [_index(systems)]
    return _last[0]
