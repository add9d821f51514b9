"""The HTTP engine: libcurl's multi interface driven by the running event loop.

Theory of operation. libcurl says which sockets it waits for (socket callback) and until when (timer
callback); the engine tells it what became ready (``socket_action``) and collects what is finished
(``info_read``). One future per transfer, nothing else is allocated per look.

    perform(handle) -> add_handle -> ... socket ready | timer due -> socket_action -> info_read -> future

The sockets are watched by a private epoll which is itself the one reader on the loop: registering a
socket is one system call and no Python object, and all that became ready is handled in one wake-up. It
halves the cost of ``add_reader``/``add_writer`` per socket, which remain for systems without epoll.

Nothing here knows HTTP, names or verdicts. libcurl never resolves: handles are given an address that was
vetted (``dial``), whatever libcurl itself would make of the URL.
"""

import asyncio
import select
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakValueDictionary

import pycurl

from checks import egress
from checks.base import HttpEngine
from checks.dialling import Dialler

Setting = tuple[int, Any]
Settings = tuple[Setting, ...]

_MAX_IDLE_HANDLES: Final = 512
_HAPPY_EYEBALLS_TIMEOUT_MS: Final = 271  # CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, which pycurl does not name

SAFE: Final[Settings] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),  # never a proxy from the environment
    (pycurl.NOPROXY, "*"),
    (pycurl.NETRC, pycurl.NETRC_IGNORED),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.SSL_SESSIONID_CACHE, 0),  # a resumed session shows no certificate
    (pycurl.TCP_NODELAY, 1),
    (_HAPPY_EYEBALLS_TIMEOUT_MS, 600_000),
)
"""What every handle of ours is set to, whatever it looks at."""

CLOSED: Final[int] = pycurl.E_ABORTED_BY_CALLBACK
"""The result of a look that an engine no longer runs: nothing was learnt about the target."""


class Recipe:
    """Settings that looks share, and the idle handles that have them.

    A handle serves one recipe only, so nothing of one recipe (a header, a secret) can reach another; what
    differs from look to look (URL, address, time, callbacks) is set by every look.
    """

    __slots__ = ("__weakref__", "_idle", "_settings")
    _kept = 0  # idle handles of all recipes

    def __init__(self, settings: Settings) -> None:
        """Use :func:`recipe`, which gives equal settings the same recipe."""
        self._settings = settings
        self._idle: list[pycurl.Curl] = []

    def take(self) -> pycurl.Curl:
        """Return a handle that is set up; give it back with :meth:`give`, or close it."""
        if self._idle:
            Recipe._kept -= 1
            return self._idle.pop()
        handle = pycurl.Curl()
        for option, value in self._settings:
            handle.setopt(option, value)
        return handle

    def give(self, handle: pycurl.Curl) -> None:
        """Take a handle back and let go of what its look has read."""
        if Recipe._kept < _MAX_IDLE_HANDLES and egress.way() is None:
            handle.setopt(pycurl.WRITEFUNCTION, len)
            Recipe._kept += 1
            self._idle.append(handle)
        else:
            handle.close()

    def __del__(self) -> None:
        """Leave room for others: the handles go with their recipe."""
        Recipe._kept -= len(self._idle)


_recipes: WeakValueDictionary[Settings, Recipe] = WeakValueDictionary()


def recipe(settings: Settings) -> Recipe:
    """Return the one recipe for these settings."""
    known = _recipes.get(settings)
    if known is None:
        known = _recipes[settings] = Recipe(settings)
    return known


def dial(address: str, port: int) -> Setting:
    """Return the setting that makes a handle connect to this address and to no other."""
    host = f"[{address}]" if ":" in address else address
    return pycurl.CONNECT_TO, [f"::{host}:{port}"]


Act = Callable[[int, int], int]
Settle = Callable[[int], None]


class _EpollWatch:
    """All sockets in one epoll, and that on the loop; ``act`` per ready one, then ``settle`` once."""

    _ASK: Final = {1: 1, 2: 4, 3: 5}  # libcurl's POLL_IN, POLL_OUT, POLL_INOUT as EPOLLIN, EPOLLOUT
    _ERROR: Final = 0x08 | 0x10  # EPOLLERR, EPOLLHUP

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act, settle: Settle) -> None:
        self._loop = loop
        self._act = act
        self._settle = settle
        self._known: set[int] = set()
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._ready)

    def __call__(self, what: int, socket: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._forget(socket)
            return
        try:
            if socket in self._known:
                self._epoll.modify(socket, self._ASK[what])
            else:
                self._epoll.register(socket, self._ASK[what])
                self._known.add(socket)
        except FileNotFoundError:  # closed and opened again under the same number
            self._epoll.register(socket, self._ASK[what])

    def _forget(self, socket: int) -> None:
        self._known.discard(socket)
        try:
            self._epoll.unregister(socket)
        except OSError:
            return  # already closed: the kernel has forgotten it

    def _ready(self) -> None:
        act = self._act
        running = 0
        for socket, seen in self._epoll.poll(0):
            wanted = (seen & 1) | (seen & 4) >> 1
            running = act(socket, wanted | 4 if seen & self._ERROR else wanted)
        self._settle(running)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()


class _LoopWatch:
    """Each socket on the loop itself, where there is no epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act, settle: Settle) -> None:
        self._loop = loop
        self._act = act
        self._settle = settle
        self._known: dict[int, int] = {}

    def __call__(self, what: int, socket: int, _multi: object, _data: object) -> None:
        had = self._known.pop(socket, 0)
        want = 0 if what == pycurl.POLL_REMOVE else what
        if want:
            self._known[socket] = want
        for bit, add, remove in (
            (pycurl.POLL_IN, self._loop.add_reader, self._loop.remove_reader),
            (pycurl.POLL_OUT, self._loop.add_writer, self._loop.remove_writer),
        ):
            if want & bit and not had & bit:
                add(socket, self._ready, socket, bit)
            elif had & bit and not want & bit:
                remove(socket)

    def _ready(self, socket: int, events: int) -> None:
        self._settle(self._act(socket, events))

    def close(self) -> None:
        for socket in tuple(self._known):
            self(pycurl.POLL_REMOVE, socket, None, None)


class _Timer:
    """libcurl's one timer; moved later for free, since an early wake-up only looks at the clock."""

    _SLACK: Final = 0.0005

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._deadline: float | None = None
        self._armed: asyncio.Handle | None = None
        self._armed_for = 0.0

    def __call__(self, milliseconds: int) -> None:
        if milliseconds < 0:
            self._deadline = None
            return
        self._deadline = self._loop.time() + milliseconds / 1000
        if self._armed is None or self._deadline < self._armed_for:
            self._arm(self._deadline, milliseconds / 1000)

    def _arm(self, when: float, delay: float) -> None:
        self.cancel()
        self._armed_for = when
        loop = self._loop
        self._armed = loop.call_later(delay, self._fire) if delay else loop.call_soon(self._fire)

    def _fire(self) -> None:
        self._armed = None
        if self._deadline is None:
            return
        left = self._deadline - self._loop.time()
        if left > self._SLACK:
            self._arm(self._deadline, left)
            return
        self._deadline = None
        self._due()

    def cancel(self) -> None:
        """Forget the wake-up that is armed."""
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None


class CurlEngine:
    """Runs prepared handles side by side on the running loop; one per process.

    ``connections`` bounds the idle connections kept for reuse; ``per_host`` (0: no bound) the open ones
    to one host. A cancelled look leaves at once and its connection is closed.
    """

    def __init__(
        self,
        *,
        dialler: Dialler | None = None,
        connections: int = 1000,
        per_host: int = 0,
        epoll: bool = True,
    ) -> None:
        """Attach to the running loop; ``epoll=False`` watches each socket on the loop itself."""
        loop = asyncio.get_running_loop()
        self.dialler = dialler or Dialler()
        self._loop = loop
        self._running: dict[pycurl.Curl, asyncio.Future[int]] = {}
        self._multi = pycurl.CurlMulti()
        self._timer = _Timer(loop, self._timeout)
        watch: type[_EpollWatch | _LoopWatch] = _LoopWatch
        if epoll and hasattr(select, "epoll"):
            watch = _EpollWatch
        self._watch = watch(loop, self._act, self._settle)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, per_host)
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Return how many transfers run now."""
        return len(self._running)

    async def perform(self, handle: pycurl.Curl) -> int:
        """Run a prepared handle to its end and return curl's result code (0 is fine)."""
        if self._closed:
            return CLOSED
        way = egress.way()
        return await (self._run(handle) if way is None else self._leaving(handle, way))

    async def _run(self, handle: pycurl.Curl) -> int:
        future = self._loop.create_future()
        self._multi.add_handle(handle)
        self._running[handle] = future
        try:
            code: int = await future
            return code
        finally:
            # Only a look that was cancelled is still there: its connection is closed with it.
            if self._running.pop(handle, None) is not None:
                self._multi.remove_handle(handle)

    async def _leaving(self, handle: pycurl.Curl, way: egress.Egress) -> int:
        """Run a handle by another way out, over a connection of its own; such a handle is not kept (``Recipe.give``)."""
        with egress.Opener(way) as opener:
            handle.setopt(pycurl.OPENSOCKETFUNCTION, opener)
            handle.setopt(pycurl.FRESH_CONNECT, 1)
            handle.setopt(pycurl.FORBID_REUSE, 1)
            code = await self._run(handle)
        return pycurl.E_INTERFACE_FAILED if opener.failed else code

    def _act(self, socket: int, events: int) -> int:
        running: int = self._multi.socket_action(socket, events)[1]
        return running

    def _timeout(self) -> None:
        self._settle(self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1])

    def _settle(self, running: int) -> None:
        """Hand out the results of what is finished; asking is needless while all still run."""
        if running >= len(self._running):
            return
        _, finished, failed = self._multi.info_read()
        for handle in finished:
            self._finish(handle, 0)
        for handle, code, _ in failed:
            self._finish(handle, code)

    def _finish(self, handle: pycurl.Curl, code: int) -> None:
        future = self._running.pop(handle, None)
        if future is None:
            return
        self._multi.remove_handle(handle)
        if not future.done():
            future.set_result(code)

    def close(self) -> None:
        """Cancel what runs, close every connection and leave the loop; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for handle, future in tuple(self._running.items()):
            self._multi.remove_handle(handle)
            future.cancel()
        self._running.clear()
        self._multi.close()
        self._timer.cancel()
        self._watch.close()

    async def __aenter__(self) -> Self:
        """Return the engine."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def dialler_of(engine: HttpEngine | None) -> Dialler:
    """Return the engine's dialler, so that all checks of a process share one policy and resolver."""
    return engine.dialler if isinstance(engine, CurlEngine) else Dialler()
