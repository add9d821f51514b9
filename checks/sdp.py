"""Session descriptions (RFC 4566, 3264) as a test call needs them: ours written, theirs read. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from checks.srtp import Key, read_key

CODECS: Final = {"PCMU": 0, "PCMA": 8}
"""The codecs that every phone speaks, by their RTP payload types (RFC 3551)."""

_CONNECTION: Final = re.compile(r"c=IN IP[46] ([0-9A-Za-z.:-]{1,253})(?:/.*)?")
_MEDIA: Final = re.compile(r"m=audio ([0-9]{1,5})(?:/[0-9]+)? (\S{1,40})((?: [0-9]{1,3}){1,64})")
_ANSWERED: Final = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
"""What the answer to a direction is (RFC 3264, 6.1): who is put on hold listens."""
_MOST_LINES: Final = 500
_MAX_PORT: Final = 65_535
_PLAIN: Final = "RTP/AVP"
_SECURE: Final = "RTP/SAVP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Where the far end wants its sound, and how; ``direction`` is as it sees itself."""

    host: str
    port: int
    payload_type: int
    direction: str = "sendrecv"
    key: Key | None = None

    @property
    def listens(self) -> bool:
        """Say whether it wants our sound."""
        return self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Our end of the sound: where it is wanted and in what, and the keys it is locked with, if it is."""

    address: str
    port: int
    codecs: tuple[str, ...]
    number: int
    keys: tuple[Key, ...] = ()

    def offer(self) -> bytes:
        """Return our description: sound both ways, in the codecs wanted, in pieces of 20 ms."""
        return self._written(self.codecs, "sendrecv", 1, tuple(key.line() for key in self.keys))

    def answer(self, body: bytes, version: int = 2) -> bytes | None:
        """Return our answer to a new offer of the far end, None if we have nothing in common."""
        found = described(body, self.codecs, self.keys)
        if isinstance(found, str):
            return None
        codec = next(name for name, number in CODECS.items() if number == found.payload_type)
        locks: tuple[str, ...] = ()
        if found.key is not None:
            own = next(key for key in self.keys if key.suite == found.key.suite)
            locks = (own.line(found.key.tag),)
        return self._written((codec,), _ANSWERED[found.direction], version, locks)

    def key_for(self, theirs: Key) -> Key:
        """Return our key of the same suite."""
        return next(key for key in self.keys if key.suite == theirs.suite)

    def _written(self, codecs: Sequence[str], direction: str, number: int, locks: tuple[str, ...]) -> bytes:
        version = "IP6" if ":" in self.address else "IP4"
        types = " ".join(str(CODECS[codec]) for codec in codecs)
        lines = (
            "v=0",
            f"o=tocsin {self.number} {number} IN {version} {self.address}",
            "s=-",
            f"c=IN {version} {self.address}",
            "t=0 0",
            f"m=audio {self.port} {_SECURE if self.keys else _PLAIN} {types}",
            *(f"a=rtpmap:{CODECS[codec]} {codec}/8000" for codec in codecs),
            *locks,
            "a=ptime:20",
            f"a={direction}",
        )
        return ("\r\n".join(lines) + "\r\n").encode()


def described(body: bytes, codecs: Sequence[str], keys: Sequence[Key] = ()) -> Described | str:
    """Return where the far end wants its sound, or why there is none; never raise.

    With ``keys`` its sound must be locked, with a key of its own in a suite of one of these.
    """
    host, media, direction, theirs = "", None, "sendrecv", list[Key]()
    for line in body.decode("utf-8", "replace").splitlines()[:_MOST_LINES]:
        if line.startswith("m=") and media is not None:
            break
        media = _MEDIA.fullmatch(line.rstrip()) or media
        if connection := _CONNECTION.fullmatch(line.rstrip()):
            host = connection[1]
        if line.startswith("a=") and line[2:].strip() in _ANSWERED:
            direction = line[2:].strip()
        if line.startswith("a=crypto:") and (key := read_key(line)):
            theirs.append(key)
    if media is None or not host:
        return "describes no sound"
    suites = {key.suite for key in keys}
    key = next((key for key in theirs if key.suite in suites), None)
    return _chosen(host, media, direction, codecs, key if keys else None, locked=bool(keys))


def _chosen(
    host: str, media: re.Match[str], direction: str, codecs: Sequence[str], key: Key | None, *, locked: bool
) -> Described | str:
    port, profile, known = int(media[1]), media[2].upper(), [CODECS[codec] for codec in codecs]
    if not 0 < port <= _MAX_PORT:
        return "wants no sound"
    wanted = next((int(kind) for kind in media[3].split() if int(kind) in known), None)
    if wanted is None:
        return f"has none of the codecs {', '.join(codecs)}"
    if locked and not profile.startswith(_SECURE):
        return f"does not encrypt its sound ({media[2]})"
    if locked and key is None:
        return "gives no key to its sound that we know"
    if not locked and not profile.startswith(_PLAIN):
        return f"speaks {media[2]} only"
    return Described(host=host, port=port, payload_type=wanted, direction=direction, key=key)
