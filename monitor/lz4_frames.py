"""LZ4's frame format, as systemd-coredump wrote cores before it took zstd: bytes in, bytes out, a block at a time.

    magic, descriptor, { size, block }, end mark        (sizes, and how a block is made up: lz4_Frame_format, lz4_Block_format)

Checksums are passed over: what is damaged makes no sense to the reader of dumps, which says so.
"""

from collections.abc import Iterator

MAGIC = b"\x04\x22\x4d\x18"
_WINDOW = 64 * 1024
_STORED = 1 << 31
_MOST = 4 * 1024 * 1024
_LONG = 15  # a length that goes on in the next bytes
_LEAST = 4  # bytes of a match


class LZ4Error(ValueError):
    """It is no LZ4 frame, or a damaged one."""


def inflate(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield the blocks of a frame; raise LZ4Error where it is damaged, EOFError where it ends too early."""
    at, chained, checked = _descriptor(data)
    window = b""
    while True:
        size = _number(data, at)
        at += 4
        if size == 0:
            return
        stored, size = bool(size & _STORED), size & ~_STORED
        if size > _MOST:
            raise LZ4Error("a block is too large")
        block = bytes(data[at : at + size])
        if len(block) < size:
            raise EOFError
        at += size + (4 if checked else 0)
        plain = block if stored else _block(block, window if chained else b"")
        window = (window + plain)[-_WINDOW:] if chained else b""
        yield plain


def _descriptor(data: bytes | memoryview) -> tuple[int, bool, bool]:
    """Return where the first block is, whether a block may refer to those before it, and whether each has a checksum."""
    if bytes(data[:4]) != MAGIC:
        raise LZ4Error("it is no LZ4 frame")
    if len(data) < 7:  # noqa: PLR2004 - magic, flags, sizes, checksum
        raise EOFError
    flags = data[4]
    if flags >> 6 != 1:
        raise LZ4Error("the version is not known")
    return 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0), not flags & 32, bool(flags & 16)


def _number(data: bytes | memoryview, at: int) -> int:
    piece = bytes(data[at : at + 4])
    if len(piece) < 4:  # noqa: PLR2004 - bytes of a number
        raise EOFError
    return int.from_bytes(piece, "little")


def _block(block: bytes, window: bytes) -> bytes:
    """Undo one block: literals, then a piece of what was there already, again and again."""
    out = bytearray(window)
    at, end = 0, len(block)
    try:
        while at < end:
            token = block[at]
            length, at = _length(block, at + 1, token >> 4)
            if at + length > end:
                raise LZ4Error("literals go beyond the block")
            out += block[at : at + length]
            at += length
            if at >= end:
                break
            back = block[at] | block[at + 1] << 8
            length, at = _length(block, at + 2, token & _LONG)
            _again(out, back, length + _LEAST)
    except IndexError as error:
        raise LZ4Error("a block ends too early") from error
    return bytes(memoryview(out)[len(window) :])


def _length(block: bytes, at: int, length: int) -> tuple[int, int]:
    if length == _LONG:
        while True:
            more = block[at]
            at += 1
            length += more
            if more != 255:  # noqa: PLR2004 - it goes on
                break
    return length, at


def _again(out: bytearray, back: int, length: int) -> None:
    """Append what lies ``back`` bytes before the end; it may overlap itself, which repeats it."""
    start = len(out) - back
    if back == 0 or start < 0 or len(out) + length > _MOST + _WINDOW:
        raise LZ4Error("a match lies outside")
    if back >= length:
        out += out[start : start + length]
        return
    piece = bytes(out[start:])
    out += (piece * (length // back + 1))[:length]
