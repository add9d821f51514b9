"""Every check type by the name it has in the configuration. A new type is one line here.

A type's file is imported when it is first asked for: what nobody has configured costs neither time nor memory. Third parties
add theirs without touching this file: an entry point of the group ``tocsin.checks`` whose name is the type's and whose
object is a ``CheckType``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from checks.base import CheckType, Options
from monitor.errors import ConfigError

ENTRY_POINTS: Final = "tocsin.checks"
V = TypeVar("V")

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


class ByName(Mapping[str, V]):
    """What there is by its name; each is loaded when it is first asked for."""

    def __init__(self, names: Iterable[str], load: Callable[[str], V]) -> None:
        """Know the names, and how to load what one stands for."""
        self._names, self._load = dict.fromkeys(names), load
        self._loaded: dict[str, V] = {}

    def __getitem__(self, name: str) -> V:
        """Return it; KeyError for a name there is not."""
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Say whether there is one, without loading it."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._names)


def _ours(name: str) -> CheckType:
    found: CheckType = import_module(f"checks.{_OURS[name]}").TYPE
    return found


CHECK_TYPES: Final[Mapping[str, CheckType]] = ByName(_OURS, _ours)


def options_of(types: Mapping[str, CheckType]) -> Mapping[str, type[Options]]:
    """Return the keys of each type, by its name."""
    return ByName(types, lambda name: types[name].options)


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
    return ByName((*CHECK_TYPES, *types), lambda name: types[name] if name in types else CHECK_TYPES[name])


def _usable(thing: object) -> CheckType:
    options, build = getattr(thing, "options", None), getattr(thing, "build", None)
    if not (isinstance(options, type) and issubclass(options, Options) and callable(build)):
        raise TypeError("it is no CheckType (see checks.base)")
    return thing  # type: ignore[return-value]  # just looked at
