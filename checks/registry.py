"""Every check type by the name it has in the configuration. A new type is one line here.

Third parties add theirs without touching this file: an entry point of the group ``tocsin.checks`` whose
name is the type's and whose object is a ``CheckType``.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from checks import (
    dns,
    grpc,
    heartbeat,
    http,
    icmp,
    imap,
    ntp,
    passive,
    plugin,
    promql,
    sip,
    sip_call,
    smtp,
    snmp,
    sql,
    tcp,
    tls,
    websocket,
)
from checks.base import CheckType, Options
from monitor.errors import ConfigError

ENTRY_POINTS: Final = "tocsin.checks"

CHECK_TYPES: Final[Mapping[str, CheckType]] = MappingProxyType(
    {
        "http": http.TYPE,
        "tcp": tcp.TYPE,
        "tls": tls.TYPE,
        "sip": sip.TYPE,
        "sip-call": sip_call.TYPE,
        "dns": dns.TYPE,
        "icmp": icmp.TYPE,
        "smtp": smtp.TYPE,
        "imap": imap.TYPE,
        "ntp": ntp.TYPE,
        "websocket": websocket.TYPE,
        "grpc": grpc.TYPE,
        "promql": promql.TYPE,
        "plugin": plugin.TYPE,
        "passive": passive.TYPE,
        "snmp": snmp.TYPE,
        "sql": sql.TYPE,
        "heartbeat": heartbeat.TYPE,
    }
)


def load_check_types(found: Iterable[EntryPoint] | None = None) -> Mapping[str, CheckType]:
    """Return our types and the installed ones; raise ``ConfigError`` naming every one that is unusable."""
    types, problems = dict(CHECK_TYPES), list[str]()
    for entry in entry_points(group=ENTRY_POINTS) if found is None else found:
        if entry.name in types:
            problems.append(f"{entry.value}: there is a check type {entry.name!r} already")
            continue
        try:
            types[entry.name] = _usable(entry.load())
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way: say which
            problems.append(f"{entry.value}: the check type {entry.name!r} cannot be used: {error}")
    if problems:
        raise ConfigError(problems)
    return MappingProxyType(types)


def _usable(thing: object) -> CheckType:
    options, build = getattr(thing, "options", None), getattr(thing, "build", None)
    if not (isinstance(options, type) and issubclass(options, Options) and callable(build)):
        raise TypeError("it is no CheckType (see checks.base)")
    return thing  # type: ignore[return-value]  # just looked at
