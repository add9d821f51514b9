r"""Multipart bodies as crash uploaders send them: where each part is, within bounds.

    --boundary \r\n header \r\n \r\n content \r\n --boundary … --boundary--

A part is what its headers call it and where its content lies; nothing is copied. A file part needs no Content-Type, and
a body that breaks off in its last part is read as far as it goes: who sends it does not send it again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.errors import RefusedError
from monitor.intake.body import Body

PARTS = 512
_HEADER = 8 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_FIRST_LINE = re.compile(rb"\s{0,8}--([\x21-\x7e]{1,200})\r?\n")
_NAME = re.compile(r'(?<![\w*])name=(?:"((?:[^"\\]|\\.){0,300})"|([^\s;]{1,300}))', re.IGNORECASE)
_FILENAME = re.compile(r'filename=(?:"((?:[^"\\]|\\.){0,300})"|([^\s;]{1,300}))', re.IGNORECASE)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n|\A\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: its name, its file's name (None for a field), and where its content begins and ends."""

    name: str
    filename: str | None
    start: int
    end: int
    whole: bool = True


def boundary_of(content_type: str, body: Body, start: int = 0) -> bytes | None:
    """Return the boundary that the header names, else the one that the body begins with; None for no multipart."""
    named = _BOUNDARY.search(content_type) if "multipart/" in content_type.lower() else None
    if named:
        return (named[1] or named[2]).encode("latin-1", "replace")
    first = _FIRST_LINE.match(body[start : start + 256])
    return first[1] if first else None


def parts_of(body: Body, boundary: bytes, first: int = 0, stop: int | None = None) -> Iterator[Part]:
    """Yield the parts, in order, of a body or of what lies in it; refuse what is none at all (400)."""
    delimiter = b"--" + boundary
    stop = len(body) if stop is None else stop
    at = body.find(delimiter, first, stop)
    if at < 0 or (at > first and body[at - 1 : at] != b"\n"):
        raise RefusedError(400, "multipart_malformed", "The boundary is nowhere in the body.")
    count = 0
    while at >= 0:
        at += len(delimiter)
        if body[at : at + 2] == b"--":
            return
        count += 1
        if count > PARTS:
            raise RefusedError(400, "multipart_malformed", f"There are more than {PARTS} parts.")
        start = body.find(b"\n", at, min(at + 256, stop)) + 1
        following = body.find(b"\n" + delimiter, start - 1, stop) if start else -1
        end = following if following >= 0 else stop
        if start:
            yield from _part(body, start, end, whole=following >= 0)
        at = following + 1 if following >= 0 else -1


def _part(body: Body, start: int, end: int, *, whole: bool) -> Iterator[Part]:
    header_end = _END_OF_HEADER.search(body[start : min(end, start + _HEADER)])
    if header_end is None:
        return
    header = bytes(body[start : start + header_end.start()]).decode("utf-8", "replace")
    name, filename = _quoted(_NAME, header), _quoted(_FILENAME, header)
    content_end = end - 1 if whole and body[end - 1 : end] == b"\r" else end
    content = start + header_end.end()
    if name is not None or filename is not None:
        yield Part(
            name=name or "", filename=filename, start=min(content, content_end), end=content_end, whole=whole
        )


def _quoted(pattern: re.Pattern[str], header: str) -> str | None:
    found = pattern.search(header)
    if found is None:
        return None
    return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
