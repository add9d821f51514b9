"""What an attachment says: every text in it, as decoded, within bounds.

    bytes -> text (utf-8, utf-16, latin-1)      as it is, and without its markup
          -> zip, docx, xlsx, odt, gzip, xz     what is in them, again
          -> PDF                                its streams, inflated
          -> a mail                             its parts, decoded
          -> anything else                      the strings in it

It is read to find credentials in it and for nothing else, so what it looks like does not matter. ``whole`` is
False where a bound was met or something could not be opened: then it is not known what else it says.
"""

import bz2
import email
import email.policy
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from monitor.domain.markup import looks_like_markup, plain_text

MOST = 24 * 1024 * 1024
"""Bytes that are read in all the attachments of a request together, unpacked."""
_MEMBERS = 500
_DEEPEST = 4
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_STRINGS = re.compile(rb"[\t\r\n\x20-\x7e]{4,}")
_WIDE = re.compile(rb"(?:[\t\r\n\x20-\x7e]\x00){4,}|(?:\x00[\t\r\n\x20-\x7e]){4,}")
_APART = "\n" * 5  # so far apart that nothing in one string is taken for the label of the next
_PDF_TEXT = re.compile(
    rb"\(((?:[^()\\]|\\.){0,2000})\)|<([0-9A-Fa-f\s]{2,4000})>|(T\*|Td|TD|Tm|ET|')", re.DOTALL
)
_PDF_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_MAIL = re.compile(rb"\A(?:[!-9;-~]{1,76}:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2,}")
_MAIL_MARK = re.compile(
    rb"^(?:mime-version|content-type|received|message-id|from):", re.IGNORECASE | re.MULTILINE
)
_BOUNDARIES = 50
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, NotImplementedError, ValueError,
    KeyError, IndexError, AttributeError, TypeError, RecursionError,
)  # fmt: skip


@dataclass(slots=True)
class Allowance:
    """How much may still be read; shared by all the attachments of a request."""

    left: int = MOST
    members: int = _MEMBERS

    def take(self, size: int) -> bool:
        """Take so many bytes; False where they are not there any more."""
        self.left -= size
        return self.left >= 0


@dataclass(slots=True)
class Inside:
    """The texts in an attachment, and the strings in what is none.

    ``codec`` where it is itself a text, which can be written again.
    """

    texts: list[str] = field(default_factory=list[str])
    strings: list[str] = field(default_factory=list[str])
    codec: str | None = None
    whole: bool = True


def look_inside(content: bytes, allowance: Allowance) -> Inside:
    """Return what an attachment says."""
    seen = Inside(codec=None if _kind(content) else codec_of(content))
    _look(content, seen, allowance, 0)
    return seen


def codec_of(content: bytes) -> str | None:
    """Return the encoding of a text, None for what is none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16" if _decodes(content, "utf-16") else None
    if b"\x00" in content[:4096]:
        return _wide_codec(content)
    if len(_CONTROLS.findall(content[:65536])) * 100 > len(content[:65536]) or b"\x00" in content:
        return None
    if _decodes(content, "utf-8"):
        return "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    high = sum(byte > 0x7F for byte in content[:65536])  # noqa: PLR2004 - beyond ASCII
    return "latin-1" if high * 3 <= len(content[:65536]) else None


def _wide_codec(content: bytes) -> str | None:
    """Return which UTF-16 it is whose every other byte is a zero, None where it is no text."""
    for codec, zeros, others in (
        ("utf-16-le", content[1:800:2], content[:800:2]),
        ("utf-16-be", content[:800:2], content[1:800:2]),
    ):
        if zeros.count(0) * 2 > len(zeros) and others.count(0) * 20 < len(others) and not len(content) % 2:
            return codec if _decodes(content, codec) and not _CONTROLS.search(others[:400]) else None
    return None


def _decodes(content: bytes, codec: str) -> bool:
    try:
        content.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _kind(content: bytes) -> str:
    """Return what a file is by how it begins, "" for text and what is not known."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    return ""


_MAGIC = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"),
    (b"%PDF", "pdf"), (b"\x89PNG", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"),
    (b"RIFF", "media"), (b"ID3", "media"), (b"OggS", "media"), (b"\xd4\xc3\xb2\xa1", "capture"), (b"\x0a\x0d\x0d\x0a", "capture"),
    (b"\x7fELF", "program"), (b"MZ", "program"), (b"MDMP", "dump"), (b"Rar!", "packed"), (b"7z\xbc\xaf", "packed"),
)  # fmt: skip


def _look(content: bytes, seen: Inside, allowance: Allowance, depth: int) -> None:
    if depth > _DEEPEST or not allowance.take(len(content)):
        seen.whole = False
        return
    kind = _kind(content)
    unpack = _UNPACK.get(kind)
    if unpack is not None:
        _unpacked(content, kind, seen, allowance, depth)
        return
    codec = None if kind else codec_of(content)
    if codec is None:
        seen.strings.append(_APART.join(_strings(content)))
        return
    text = content.decode(codec)
    seen.texts.append(text)
    if looks_like_markup(text):
        seen.texts.append(plain_text(text))
    if _MAIL.match(content) and _MAIL_MARK.search(content[:16384]):
        _mail(content, seen, allowance, depth)


def _unpacked(content: bytes, kind: str, seen: Inside, allowance: Allowance, depth: int) -> None:
    try:
        for name, part in _UNPACK[kind](content, allowance):
            seen.texts.append(name)
            if part is None:
                seen.whole = False
                return
            _look(part, seen, allowance, depth + 1)
    except _UNREADABLE:
        seen.whole = False
    if kind in {"pdf", "zip"}:  # what lies beside its members
        seen.strings.append(_APART.join(_strings(content)))


def _zip(content: bytes, allowance: Allowance) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for member in packed.infolist():
            allowance.members -= 1
            if allowance.members < 0:
                yield "", None
                return
            if member.flag_bits & 1:  # encrypted: nothing in clear
                yield member.filename, b""
                continue
            with packed.open(member) as opened:
                part = opened.read(max(0, allowance.left) + 1)
            yield f"{member.filename}\n{member.comment.decode('utf-8', 'replace')}", part


def _stream(content: bytes, allowance: Allowance) -> Iterator[tuple[str, bytes | None]]:
    most = max(0, allowance.left) + 1
    if content.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(wbits=31)
        yield "", inflater.decompress(content, most)
    elif content.startswith(b"BZh"):
        yield "", bz2.BZ2Decompressor().decompress(content, most)
    else:
        yield "", lzma.LZMADecompressor(memlimit=64 << 20).decompress(content, most)


def _pdf(content: bytes, allowance: Allowance) -> Iterator[tuple[str, bytes | None]]:
    """Yield what its streams write, strings joined as they stand on a line."""
    at = 0
    while (at := content.find(b"stream", at)) >= 0:
        start = at + 6
        start += 2 if content.startswith(b"\r\n", start) else 1
        end = content.find(b"endstream", start)
        if end < 0:
            return
        at = end + 9
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(content[start:end], max(0, allowance.left) + 1)
        except zlib.error:
            continue  # an image, a font, or written plainly: its strings are looked at as they are
        if not allowance.take(len(data)):
            yield "", None
            return
        yield _written(data), b""


def _written(page: bytes) -> str:
    pieces: list[str] = []
    for match in _PDF_TEXT.finditer(page):
        if match[1] is not None:
            pieces.append(_PDF_ESCAPE.sub(_unescaped, match[1]).decode("latin-1"))
        elif match[2] is not None:
            digits = re.sub(rb"\s", b"", match[2])
            raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
            pieces.append(raw.replace(b"\x00", b"").decode("latin-1"))
        else:
            pieces.append("\n")
    return "".join(pieces)


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1].isdigit():
        return bytes([int(match[1], 8) & 0xFF])
    return {b"n": b"\n", b"r": b"\n", b"t": b"\t"}.get(match[1], match[1])


def _mail(content: bytes, seen: Inside, allowance: Allowance, depth: int) -> None:
    if content.count(b"boundary=") > _BOUNDARIES:
        seen.whole = False
        return
    try:
        for part in email.message_from_bytes(content, policy=email.policy.compat32).walk():
            allowance.members -= 1
            if allowance.members < 0:
                seen.whole = False
                return
            data = part.get_payload(decode=True)
            if isinstance(data, bytes) and data:
                seen.texts.append(str(part.get_filename() or ""))
                _look(data, seen, allowance, depth + 1)
    except _UNREADABLE:
        seen.whole = False


def _strings(content: bytes) -> Iterator[str]:
    """Yield the runs of characters in what is no text, narrow and wide."""
    for match in _STRINGS.finditer(content):
        yield match[0].decode("latin-1")
    for match in _WIDE.finditer(content):
        yield match[0].replace(b"\x00", b"").decode("latin-1")


_UNPACK = {"zip": _zip, "gzip": _stream, "bzip2": _stream, "xz": _stream, "pdf": _pdf}
