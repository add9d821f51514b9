"""What one HTTP request needs whoever makes it: where a URL points to, what has come in, and how long it took."""

from dataclasses import dataclass, field
from sys import intern
from typing import Final
from urllib.parse import quote, urlsplit

import pycurl

from checks.dialling import plain_host
from checks.texts import tidy

PORTS: Final = {"http": 80, "https": 443}
_SAFE_IN_URL: Final = "!#$%&'()*+,/:;=?@[]~"
_MAX_URL: Final = 4096
_ONE_OF_EACH: Final[dict[int, int]] = {}  # ports: Python makes a new number each time
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PHASES: Final = (
    ("connect", pycurl.NAMELOOKUP_TIME_T, pycurl.CONNECT_TIME_T),
    ("tls", pycurl.CONNECT_TIME_T, pycurl.APPCONNECT_TIME_T),
    ("processing", pycurl.PRETRANSFER_TIME_T, pycurl.STARTTRANSFER_TIME_T),
    ("transfer", pycurl.STARTTRANSFER_TIME_T, pycurl.TOTAL_TIME_T),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL points to."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what must be equal for headers to be sent again."""
        return self.scheme, self.host, self.port


def read_url(text: str) -> Place:
    """Read a target or a redirect; raise ``ValueError`` with a sentence for what is not looked at."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{tidy(text)!r} is no URL: {error}") from error
    if parts.scheme not in PORTS or len(text) > _MAX_URL or not text.isprintable() or " " in text:
        raise ValueError(f"{tidy(text)!r} is no URL as http://host/path or https://host/path")
    if "@" in parts.netloc:
        raise ValueError("put the name and password into headers, not into the URL, which is shown on pages")
    host = plain_host(parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    rest = quote(parts.path or "/", safe=_SAFE_IN_URL)
    query = f"?{quote(parts.query, safe=_SAFE_IN_URL)}" if parts.query else ""
    where = shown if port is None else f"{shown}:{port}"
    url = f"{parts.scheme}://{where}{rest}{query}"
    url = text if url == text else url  # one text and not two for each of 100,000 checks
    port = _ONE_OF_EACH.setdefault(port, port) if port else PORTS[parts.scheme]
    return Place(url=url, scheme=intern(parts.scheme), host=intern(host), port=port)


@dataclass(slots=True)
class Answer:
    """What has come in in one answer, no more of it than ``limit``."""

    limit: int
    chunks: list[bytes] = field(default_factory=list[bytes])
    lines: list[bytes] = field(default_factory=list[bytes])
    size: int = 0
    cut: bool = False

    def write(self, chunk: bytes) -> int:
        """Keep a piece; returning less than its length makes libcurl stop reading."""
        room = self.limit - self.size
        if len(chunk) > room:
            chunk, self.cut = chunk[:room], True
        self.chunks.append(chunk)
        self.size += len(chunk)
        return -1 if self.cut else len(chunk)


def add_phases(phases: dict[str, float], handle: pycurl.Curl) -> None:
    """Add this hop's phases, in seconds; one that was not reached is left out."""
    getinfo = handle.getinfo
    for name, start, end in _PHASES:
        ended = getinfo(end)
        if ended and (started := getinfo(start)):
            phases[name] = phases.get(name, 0.0) + max(0, ended - started) / 1e6
