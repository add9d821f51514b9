"""Session descriptions (RFC 4566, 3264) as a test call needs them: ours written, theirs read. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CODECS: Final = {"PCMU": 0, "PCMA": 8}
"""The codecs that every phone speaks, by their RTP payload types (RFC 3551)."""

_CONNECTION: Final = re.compile(r"c=IN IP[46] ([0-9A-Za-z.:-]{1,253})(?:/.*)?")
_MEDIA: Final = re.compile(r"m=audio ([0-9]{1,5})(?:/[0-9]+)? (\S{1,40})((?: [0-9]{1,3}){1,64})")
_DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_MOST_LINES: Final = 500
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Where the far end wants its sound, and how; ``direction`` is as it sees itself."""

    host: str
    port: int
    payload_type: int
    direction: str = "sendrecv"


def offer(address: str, port: int, codecs: Sequence[str], number: int) -> bytes:
    """Return our description: sound both ways, in the codecs wanted, in pieces of 20 ms."""
    version = "IP6" if ":" in address else "IP4"
    types = " ".join(str(CODECS[codec]) for codec in codecs)
    lines = (
        "v=0",
        f"o=tocsin {number} 1 IN {version} {address}",
        "s=-",
        f"c=IN {version} {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {types}",
        *(f"a=rtpmap:{CODECS[codec]} {codec}/8000" for codec in codecs),
        "a=ptime:20",
        "a=sendrecv",
    )
    return ("\r\n".join(lines) + "\r\n").encode()


def described(body: bytes, codecs: Sequence[str]) -> Described | str:
    """Return where the far end wants its sound, or why there is none; never raise."""
    host, media, direction = "", None, "sendrecv"
    for line in body.decode("utf-8", "replace").splitlines()[:_MOST_LINES]:
        if line.startswith("m=") and media is not None:
            break
        media = _MEDIA.fullmatch(line.rstrip()) or media
        if connection := _CONNECTION.fullmatch(line.rstrip()):
            host = connection[1]
        if line.startswith("a=") and line[2:].strip() in _DIRECTIONS:
            direction = line[2:].strip()
    if media is None or not host:
        return "describes no sound"
    return _chosen(host, media, direction, codecs)


def _chosen(host: str, media: re.Match[str], direction: str, codecs: Sequence[str]) -> Described | str:
    port, known = int(media[1]), [CODECS[codec] for codec in codecs]
    if not 0 < port <= _MAX_PORT:
        return "wants no sound"
    wanted = next((int(kind) for kind in media[3].split() if int(kind) in known), None)
    if wanted is None:
        return f"has none of the codecs {', '.join(codecs)}"
    if not media[2].upper().startswith("RTP/AVP"):
        return f"speaks {media[2]} only"
    return Described(host=host, port=port, payload_type=wanted, direction=direction)
