"""Every check type by the name it has in the configuration. A new type is one line here.

A type's file is imported when it is first asked for: what nobody has configured costs neither time nor memory. Third parties
add theirs without touching this file: an entry point of the group ``tocsin.checks`` whose name is the type's and whose
object is a ``CheckType``.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from checks.base import CheckType, Options
from monitor.errors import ConfigError

ENTRY_POINTS: Final = "tocsin.checks"

_OURS: Final = {
    "http": "http",
    "tcp": "tcp",
    "tls": "tls",
    "sip": "sip",
    "sip-call": "sip_call",
    "dns": "dns",
    "icmp": "icmp",
    "smtp": "smtp",
    "imap": "imap",
    "ntp": "ntp",
    "websocket": "websocket",
    "grpc": "grpc",
    "promql": "promql",
    "plugin": "plugin",
    "passive": "passive",
    "snmp": "snmp",
    "sql": "sql",
    "heartbeat": "heartbeat",
}
"""In which file of this package each is, as ``TYPE``."""


class CheckTypes(Mapping[str, CheckType]):
    """Check types by name, ours and others' (which are loaded already)."""

    def __init__(self, others: Mapping[str, CheckType] | None = None) -> None:
        """Know the names of ours, and all of the others."""
        self._loaded: dict[str, CheckType] = {}
        self._others = dict(others or {})

    def __getitem__(self, name: str) -> CheckType:
        """Return a type, loading it if it is the first time; KeyError for one there is not."""
        if name in self._others:
            return self._others[name]
        if name not in self._loaded:
            found: CheckType = import_module(f"checks.{_OURS[name]}").TYPE
            self._loaded[name] = found
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Say whether there is a type of this name, without loading it."""
        return name in _OURS or name in self._others

    def __iter__(self) -> Iterator[str]:
        """Give the names, ours first."""
        return iter((*_OURS, *self._others))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(_OURS) + len(self._others)


class TypesOptions(Mapping[str, type[Options]]):
    """The keys of each type, by its name; loaded with it."""

    def __init__(self, types: Mapping[str, CheckType]) -> None:
        """Take the types."""
        self._types = types

    def __getitem__(self, name: str) -> type[Options]:
        """Return the model of a type's own keys."""
        return self._types[name].options

    def __contains__(self, name: object) -> bool:
        """Say whether there is a type of this name, without loading it."""
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._types)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._types)


CHECK_TYPES: Final = CheckTypes()


def load_check_types(found: Iterable[EntryPoint] | None = None) -> Mapping[str, CheckType]:
    """Return our types and the installed ones; raise ``ConfigError`` naming every one that is unusable."""
    types, problems = dict[str, CheckType](), list[str]()
    for entry in entry_points(group=ENTRY_POINTS) if found is None else found:
        if entry.name in CHECK_TYPES or entry.name in types:
            problems.append(f"{entry.value}: there is a check type {entry.name!r} already")
            continue
        try:
            types[entry.name] = _usable(entry.load())
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way: say which
            problems.append(f"{entry.value}: the check type {entry.name!r} cannot be used: {error}")
    if problems:
        raise ConfigError(problems)
    return CheckTypes(types)


def _usable(thing: object) -> CheckType:
    options, build = getattr(thing, "options", None), getattr(thing, "build", None)
    if not (isinstance(options, type) and issubclass(options, Options) and callable(build)):
        raise TypeError("it is no CheckType (see checks.base)")
    return thing  # type: ignore[return-value]  # just looked at
