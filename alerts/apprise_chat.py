"""``apprise``: messages in chat and community channels, by the library of that name (the extra ``chat``).

    channel's URL -> apprise's own plugin, in a thread of ours -> True, or False and log lines -> what that means

Apprise says only whether it worked. Why not stands in its log lines, so these are kept for each message and read: a
status decides between later and never; a connection that broke off leaves open whether the message was taken. Nothing
of a URL but its scheme is ever told: the rest may be a token. Redirects are not followed, and what the environment
says of proxies or passwords is not looked at.

No failure is ``away``: behind one driver stand as many services as there are channels, and one that is down must not
hold up the others. Its own messages are tried again for half a day.
"""

import asyncio
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from alerts.base import ChatText
from alerts.cleaning import clean
from monitor.errors import DeliveryError

THREADS = 4
LONGEST_SAID = 300
_STATUS = re.compile(r"\berror\s?=\s?(\d{3})\b")
_TOO_MANY, _FIRST_OF_SERVER = 429, 500
_SOON = frozenset({408, 409, 423, 425, 429})
_NEVER_SENT = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeout",
    "Connection refused",
    "SSLError",
)
_PART = re.compile(r"[/:@?&=#,\s]+")
_SHORTEST_SECRET = 4
_TOO_MANY_WAIT = 60.0


def installed() -> bool:
    """Whether the library is there."""
    return find_spec("apprise") is not None


class AppriseChat:
    """A ``ChatDriver``; ``urls`` are the channels' as configured now. Close it to let its threads go."""

    def __init__(
        self, urls: Callable[[], Mapping[str, str]], *, timeout: float = 20.0, name: str = "apprise"
    ) -> None:
        """Take what it needs; the library, some fifteen megabytes, is loaded with the first address."""
        self._urls = urls
        self._timeout = timeout
        self._name = name
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    def problem(self, url: str) -> str | None:
        """Say what is wrong with a channel's URL, without saying the URL; None for one that apprise takes."""
        return None if self._plugin(url) is not None else _not_taken(url)

    async def send(self, text: ChatText) -> str:
        """Post a message in its channel."""
        url = self._urls().get(text.channel)
        if url is None:
            raise DeliveryError(f"there is no channel {text.channel!r} with an address", permanent=True)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                done, lines = await loop.run_in_executor(self._threads, self._post, url, text)
        except TimeoutError:
            raise DeliveryError(
                f"no answer within {self._timeout:.0f} s: it may have been posted", ambiguous=True
            ) from None
        if done:
            return f"posted by {url.partition(':')[0]}"
        raise _failure(lines, url)

    def _post(self, url: str, text: ChatText) -> tuple[bool, tuple[str, ...]]:
        """Post, in a thread: whether it worked, and what the library said meanwhile."""
        plugin = self._plugin(url)
        if plugin is None:
            return False, (f"{_not_taken(url)} error=404",)
        with _lines_of_this_thread() as lines:
            done = plugin.notify(body=text.body or text.title, title=text.title if text.body else "")
        return bool(done), tuple(lines)

    def _plugin(self, url: str) -> Any | None:
        """Return apprise's object for a URL; None for one it does not take."""
        library = _load()
        asset = library.AppriseAsset(
            http_redirects=False,
            secure_logging=True,
            storage_mode=library.PersistentStoreMode.MEMORY,
            plugin_paths=[],
        )
        with _lines_of_this_thread():  # it would log the URL
            plugin = library.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if plugin is None:
            return None
        plugin.redirects = False
        for limit in ("socket_connect_timeout", "socket_read_timeout"):
            setattr(plugin, limit, min(getattr(plugin, limit) or self._timeout, self._timeout))
        return plugin

    def close(self) -> None:
        """Let the threads go; one that waits for an answer ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@cache
def _load() -> ModuleType:
    """Import the library, and keep what the environment says of proxies and passwords out of its HTTP."""
    logging.getLogger("apprise").propagate = False  # its lines are read here and told nowhere else
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # it would tell every address it asks for
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # some of its hundred plugins use what Python will drop
        import apprise  # noqa: PLC0415 - an extra: only who configures a channel needs it
        import requests  # noqa: PLC0415

        apprise.Apprise.instantiate("json://localhost")  # it loads its plugins at the first address
    if requests.Session.__init__ is not _apart:
        _BEGIN.append(requests.Session.__init__)
        requests.Session.__init__ = _apart  # type: ignore[method-assign, assignment] # the library takes no session of ours
    return apprise


_BEGIN: list[Callable[..., None]] = []


def _apart(session: Any, *args: Any, **kw: Any) -> None:
    """Begin an HTTP session that does not look at the environment (proxies, .netrc)."""
    _BEGIN[0](session, *args, **kw)
    session.trust_env = False


class _Kept(logging.Handler):
    """Keeps the lines that one thread logs."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and (
            record.levelno >= logging.WARNING or "Exception" in record.getMessage()
        ):
            self._lines.append(record.getMessage())


@contextmanager
def _lines_of_this_thread() -> Iterator[list[str]]:
    lines: list[str] = []
    logger, handler = logging.getLogger("apprise"), _Kept(lines)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def _failure(lines: tuple[str, ...], url: str) -> DeliveryError:
    """Judge a failure by what was logged: a status, a connection that never was, or one that broke off."""
    said = clean(" ".join(without_secrets(line, url) for line in lines), LONGEST_SAID)
    statuses = [int(found) for line in lines for found in _STATUS.findall(line)]
    told = f"apprise could not post it: {said or 'it does not say why'}"
    if statuses:
        status = statuses[-1]
        later = status >= _FIRST_OF_SERVER or status in _SOON
        return DeliveryError(
            told, permanent=not later, retry_after=_TOO_MANY_WAIT if status == _TOO_MANY else None
        )
    broken = any("Exception" in line or "onnection" in line for line in lines)
    refused = any(word in line for line in lines for word in _NEVER_SENT)
    return DeliveryError(told, ambiguous=broken and not refused)


def without_secrets(text: str, url: str) -> str:
    """Return a line of the library's without any part of the URL in it: each may be a token."""
    scheme, _, rest = url.partition("://")
    secret = {part for part in _PART.split(rest) if len(part) >= _SHORTEST_SECRET}
    for part in sorted({rest, *secret}, key=len, reverse=True):
        text = text.replace(part, "***")
    return text.replace(f"{scheme}://", f"{scheme}:")


def _not_taken(url: str) -> str:
    scheme = clean(url.partition(":")[0], 20) if "://" in url else ""
    return f"apprise takes no such address as this {scheme or 'one without a scheme'}:// one"
