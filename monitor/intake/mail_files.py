"""The files that come with a mail: a name that is only a name, and a type that we see ourselves."""

import re

from monitor.domain.inside import codec_of
from monitor.intake.reports import clean

LONGEST_NAME = 120
OCTETS = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_FORBIDDEN = re.compile(r"[<>:\"|?*]")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}$")

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"), (b"\x1f\x8b", "application/gzip"), (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"), (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"), (b"\xa1\xb2\xc3\xd4", "application/vnd.tcpdump.pcap"),
    (b"MDMP", "application/x-dmp"), (b"\x7fELF", "application/x-elf"), (b"MZ", "application/x-msdownload"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"), (b"PK\x03\x04", "application/zip"), (b"PK\x05\x06", "application/zip"),
)  # fmt: skip
_PACKED = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_TEXTS = frozenset(
    {"text/plain", "text/csv", "text/calendar", "application/json", "application/xml", "message/rfc822"}
)


def media_type(content: bytes, declared: str) -> str:
    """Return what a file is by its content; what it is declared to be only where that does no harm."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return _packed(content) if kind == "application/zip" else kind
    declared = declared.lower().strip()
    if codec_of(content) is not None:
        return declared if declared in _TEXTS else "text/plain"
    harmless = _TYPE.fullmatch(declared) and declared.startswith(("audio/", "video/", "application/"))
    return declared if harmless else OCTETS


def _packed(content: bytes) -> str:
    return next(
        (kind for mark, kind in _PACKED if mark in content[:8192] or mark in content[-8192:]),
        "application/zip",
    )


def safe_name(name: str, number: int, kind: str) -> str:
    """Return a file's name without any path, control character or leading dot; one of ours where none is left."""
    bare = re.split(r"[\\/]", clean(name, 4 * LONGEST_NAME))[-1]
    bare = _FORBIDDEN.sub("_", " ".join(bare.split())).strip(". ")
    if not bare:
        return f"attachment-{number}{'.txt' if kind == 'text/plain' else ''}"
    ending = _ENDING.search(bare)
    tail = ending[0] if ending else ""
    return bare[: LONGEST_NAME - len(tail)] + tail if len(bare) > LONGEST_NAME else bare
