"""The way out a look takes: by default the system's own, else a source address or an interface of this machine.

    with leaving_by(egress): await check.observe(now)      every socket of that look is bound before it connects

A look's tasks and callbacks inherit the way (a context variable), so no check type is told of it: whatever opens a
socket of its own calls :func:`bind`; libcurl's are opened by us where there is a way (``checks.curl``).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, ENODEV
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import pycurl


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """A source address for each family, an interface, or both; what is not given the system chooses."""

    v4: str | None = None
    v6: str | None = None
    interface: str | None = None

    def source(self, family: int) -> str | None:
        """Return the source address for a family of sockets."""
        return self.v6 if family == socket.AF_INET6 else self.v4

    def serves(self, address: str) -> bool:
        """Whether this way leads to addresses of that family: an interface alone leads to both."""
        sources = (self.v4, self.v6)
        return sources == (None, None) or sources[":" in address] is not None

    def bind(self, sock: socket.socket) -> None:
        """Bind a socket that is about to connect; ``OSError`` of our own trouble where that cannot be."""
        if self.interface is not None:
            _to_interface(sock, self.interface)
        source = self.source(sock.family)
        if source is not None:
            sock.bind((source, 0))
        elif self.v4 or self.v6:
            raise OSError(EADDRNOTAVAIL, "this vantage has no address of that family")

    def problem(self) -> str | None:
        """Say why nothing can leave by this way now, if so."""
        for family, source in ((socket.AF_INET, self.v4), (socket.AF_INET6, self.v6)):
            if source is None and (self.v4 or self.v6 or family == socket.AF_INET6):
                continue
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as sock:
                    self.bind(sock)
            except OSError as error:
                return f"{source or self.interface}: {(error.strerror or str(error)).lower()}"
        return None


def _to_interface(sock: socket.socket, interface: str) -> None:
    """Let a socket use one interface only; a system that cannot says so as one that has none."""
    option = getattr(socket, "SO_BINDTODEVICE", None)
    if option is None:
        raise OSError(EADDRNOTAVAIL, "this system binds no socket to an interface")
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, interface.encode() + b"\0")
    except OSError as error:
        if error.errno == ENODEV:
            raise OSError(EADDRNOTAVAIL, f"there is no interface {interface}") from error
        raise


_way: ContextVar[Egress | None] = ContextVar("egress", default=None)


def way() -> Egress | None:
    """Return the way that the present look takes; None: the system's own."""
    return _way.get()


@contextmanager
def leaving_by(egress: Egress) -> Iterator[None]:
    """Let every socket opened in this block, and by its tasks, leave by this way."""
    token = _way.set(egress)
    try:
        yield
    finally:
        _way.reset(token)


def bind(sock: socket.socket) -> None:
    """Bind a socket that is about to connect to the way of the present look, if it has one."""
    egress = _way.get()
    if egress is not None:
        egress.bind(sock)


@contextmanager
def connected() -> Iterator[None]:
    """Go on with a connection that is there already, and has left by its way: none is opened in this block."""
    token = _way.set(None)
    try:
        yield
    finally:
        _way.reset(token)


class Opener:
    """Opens libcurl's sockets so that they leave by a way; ``failed``: one could not. libcurl has copies of its own."""

    __slots__ = ("_opened", "_way", "failed")

    def __init__(self, egress: Egress) -> None:
        """Open nothing yet."""
        self._way = egress
        self._opened: list[socket.socket] = []
        self.failed = False

    def __call__(self, _purpose: int, where: Any) -> socket.socket | int:
        """Return a socket that is bound, or libcurl's word for none."""
        sock = socket.socket(where.family, where.socktype, where.protocol)
        self._opened.append(sock)
        try:
            self._way.bind(sock)
        except OSError:
            self.failed = True
            return pycurl.SOCKET_BAD
        return sock

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        for sock in self._opened:
            sock.close()


@runtime_checkable
class Stays(Protocol):
    """A check type that looks from nowhere else: ``stays`` says why, in half a sentence."""

    @property
    def stays(self) -> str:
        """Say why."""
        ...
