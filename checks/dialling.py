"""From a host name to the address a check connects to: resolve off the loop, vet, dial.

    host -> Resolver (threads of its own, one lookup per name at a time) -> Vetting -> one address

No other module of ``checks`` turns a name into an address: what was vetted is what is dialled. Lookups
have many small threads because a name server that answers nothing holds one for tens of seconds, and
must not hold up the names that resolve. Nothing is cached: a look that does not resolve proves nothing.
"""

import asyncio
import contextlib
import queue
import re
import socket
import threading
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

from checks import egress
from checks.vetting import Vetting
from monitor.errors import TocsinError

IpVersion = Literal["auto", "4", "6", "both"]
Addresses = tuple[str, ...]

FAMILIES: dict[IpVersion, int] = {
    "auto": socket.AF_UNSPEC,
    "4": socket.AF_INET,
    "6": socket.AF_INET6,
    "both": socket.AF_UNSPEC,  # looked at apart (checks.families): no look itself has it
}
_MAX_HOST = 253
_MAX_PORT = 65_535
_IDLE_SECONDS = 5.0
_SENTENCES = {
    socket.EAI_NONAME: "there is no host named {host}",
    socket.EAI_NODATA: "{host} has no such address",
    socket.EAI_AGAIN: "the name server did not answer for {host}",
}


class UnreachableError(TocsinError):
    """There is no address to connect to; the text is the sentence for the observation."""


class _Lookup:
    """One name being asked for; everybody who wants it waits on the same future."""

    __slots__ = ("answer", "family", "host", "loop")

    def __init__(self, host: str, family: int) -> None:
        self.host = host
        self.family = family
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Addresses | str] = self.loop.create_future()

    def ask(self) -> Addresses | str:
        """Return the addresses in the system's order, or the sentence saying why there are none."""
        try:
            found = socket.getaddrinfo(self.host, None, self.family, socket.SOCK_STREAM)
        except socket.gaierror as error:
            sentence = _SENTENCES.get(error.errno or 0, "{host} could not be resolved")
            return sentence.format(host=self.host)
        except (OSError, UnicodeError):
            return f"{self.host} could not be resolved"
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def settle(self, answer: Addresses | str) -> None:
        """Give the answer to those who still wait."""
        if not self.answer.done():
            self.answer.set_result(answer)


class Resolver:
    """Asks the system's resolver on up to ``threads`` daemon threads, which leave when idle."""

    def __init__(self, threads: int = 128) -> None:
        """Start nothing yet: threads come with the first names."""
        self._limit = threads
        self._jobs: queue.SimpleQueue[_Lookup] = queue.SimpleQueue()
        self._pending: dict[tuple[str, int], _Lookup] = {}
        self._lock = threading.Lock()
        self._threads = 0
        self._spare = 0  # threads that wait and have no job coming
        self._backlog = 0  # jobs that no thread is coming for

    async def addresses(self, host: str, family: int) -> Addresses:
        """Return the host's addresses; raise ``UnreachableError`` if there are none."""
        lookup = self._pending.get((host, family))
        if lookup is None:
            lookup = self._ask(host, family)
        answer = await asyncio.shield(lookup.answer)
        if isinstance(answer, str):
            raise UnreachableError(answer)
        return answer

    def _ask(self, host: str, family: int) -> _Lookup:
        lookup = _Lookup(host, family)
        key = (host, family)
        self._pending[key] = lookup
        lookup.answer.add_done_callback(lambda _: self._pending.pop(key, None))
        self._jobs.put(lookup)
        if self._needs_thread():
            threading.Thread(target=self._work, name="resolve", daemon=True).start()
        return lookup

    def _needs_thread(self) -> bool:
        """Promise the new job to a spare thread or to a new one; else it waits its turn."""
        with self._lock:
            if self._spare:
                self._spare -= 1
            elif self._threads < self._limit:
                self._threads += 1
                return True
            else:
                self._backlog += 1
        return False

    def _work(self) -> None:
        lookup: _Lookup | None = self._jobs.get()
        while lookup is not None:
            answer = lookup.ask()
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
                lookup.loop.call_soon_threadsafe(lookup.settle, answer)
            lookup = self._next()

    def _next(self) -> _Lookup | None:
        with self._lock:
            if self._backlog:
                self._backlog -= 1
            else:
                self._spare += 1
        try:
            return self._jobs.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            return self._leave()

    def _leave(self) -> _Lookup | None:
        with self._lock:
            if self._spare:
                self._spare -= 1
                self._threads -= 1
                return None
        return self._jobs.get()  # a job was promised to this thread between the timeout and the lock


class Dialler:
    """Resolves, vets and connects; one per process, or one per check where nothing is shared."""

    def __init__(self, vetting: Vetting | None = None, resolver: Resolver | None = None) -> None:
        """Take the policy and the resolver, or the defaults of both."""
        self.vetting = vetting or Vetting()
        self.resolver = resolver or Resolver()

    def literal(self, host: str) -> Addresses:
        """Return the host itself if it is an address, else nothing; ``ValueError`` if it is refused."""
        try:
            address = str(ip_address(host))
        except ValueError:
            return ()
        refusal = self.vetting.refusal(address)
        if refusal is not None:
            raise ValueError(f"{address} {refusal}")
        return _alone(host if host == address else address)

    async def locate(self, host: str, version: IpVersion = "auto") -> Addresses:
        """Return the address to connect to and, for ``auto``, the other family's to fall back on.

        Raises ``UnreachableError`` when the name has no address or none that may be looked at.
        """
        found = await self.resolver.addresses(host, FAMILIES[version])
        chosen = _first_of_each_family(found)
        refusals = {address: self.vetting.refusal(address) for address in chosen}
        allowed = tuple(address for address in chosen if refusals[address] is None)
        if not allowed:
            address = chosen[0]
            raise UnreachableError(f"{host} is {address}, which {refusals[address]}")
        return _by_the_way(allowed)


@lru_cache(maxsize=4096)
def _alone(address: str) -> Addresses:
    """Return one tuple for all checks of an address: there may be 100,000."""
    return (address,)


def _by_the_way(addresses: Addresses) -> Addresses:
    """Leave out the family that the look's way out has no address of, if there is the other."""
    way = egress.way()
    return addresses if way is None else tuple(filter(way.serves, addresses)) or addresses


def _first_of_each_family(addresses: Addresses) -> Addresses:
    firsts: dict[bool, str] = {}
    for address in addresses:
        firsts.setdefault(":" in address, address)
    return tuple(firsts.values())


def spot(host: str, address: str, port: int) -> str:
    """Say where a check connects to: ``127.0.0.1:80``, ``[::1]:80``, ``host (127.0.0.1:80)``."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return where if address == host else f"{host} ({where})"


async def connect(address: str, port: int) -> socket.socket:
    """Open one connection to a vetted address; the caller closes the socket."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        egress.bind(connection)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def host_of(target: str) -> str:
    """Return whom a target names, whatever the type: ``pbx.example`` of ``sip:100@pbx.example:5060``; empty for this machine.

    Only for counting who is looked at: what a look connects to is read by its type.
    """
    rest = target.strip().rpartition("://")[2]
    place = re.split(r"[/?;#]", rest, maxsplit=1)[0].rpartition("@")[2]
    place = place.removeprefix("sips:").removeprefix("sip:")
    host = place[1:].partition("]")[0] if place.startswith("[") else place
    if host.count(":") <= 1:
        host = host.partition(":")[0]
    try:
        return "" if ip_address(host).is_loopback else str(ip_address(host))
    except ValueError:
        return "" if host.lower() == "localhost" else host.lower()


def host_and_port(target: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``; raise ``ValueError`` with a sentence if it is neither."""
    host, port = _split(target.strip())
    if not port and default_port is not None:
        port = str(default_port)
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _MAX_PORT):
        raise ValueError(f"{target!r} is not host:port (a port is a number from 1 to 65535)")
    return plain_host(host), int(port)


def _split(target: str) -> tuple[str, str]:
    if target.startswith("["):
        host, _, rest = target[1:].partition("]")
        return host, rest.removeprefix(":")
    if target.count(":") > 1:
        raise ValueError(f"{target!r}: put an IPv6 address in brackets, as in [2001:db8::1]:443")
    host, _, port = target.partition(":")
    return host, port


def plain_host(host: str) -> str:
    """Return the host as the DNS knows it; raise ``ValueError`` for what cannot be a host."""
    if not host or len(host) > _MAX_HOST or not host.isprintable() or set(host) & set(" /@?#\\%"):
        raise ValueError(f"{host[:60]!r} is not a host name or an address")
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{host[:60]!r} is not a host name") from error
