"""Compressed bodies, let out a bounded piece at a time.

A body is an outsider's: what it becomes is bounded before it is made, so a bomb costs the bytes it takes
to see that it is one. ``gzip``, ``deflate`` (with zlib's frame or raw), ``br`` and ``zstd``; one coding at a time.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import zstandard

from monitor.errors import RefusedError

PIECE = 64 * 1024
_SLICE = 4096  # brotli hides how much it has read, so it is fed by the spoon
_CRUMB = (
    64  # zstd gives all that comes of its input at once: four bytes may be 128 KiB, so many at most 2 MiB
)
_WINDOW = 8 * 1024 * 1024  # the most that HTTP allows (RFC 9659)
_FRAME = 2


class Inflater(Protocol):
    """One body being inflated; ``consumed`` is how many of its bytes have been used so far."""

    consumed: int
    whole: bool  # fed only when all of it is there, one body at a time: its window may be 16 MiB at the first byte

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield pieces of at most ``PIECE`` bytes (brotli, zstd: about that)."""
        ...

    def finish(self) -> None:
        """Refuse a body that ended before its end."""
        ...


def inflater(encoding: str) -> Inflater | None:
    """Return what undoes a Content-Encoding, None for no coding; refuse what is unknown or combined."""
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip"):
        return _Zlib(16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return _Zlib(None)
    if coding == "br":
        return _Brotli()
    if coding == "zstd":
        return _Zstd()
    raise RefusedError(
        415, "encoding_unsupported", "Content-Encoding may be gzip, deflate, br or zstd, and one of them."
    )


class _Zlib:
    whole = False

    def __init__(self, wbits: int | None) -> None:
        self.consumed = 0
        self._start = b""
        self._z = zlib.decompressobj(wbits) if wbits is not None else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._z is None:
            data = self._start + data
            if len(data) < _FRAME:
                self._start = data
                return
            self._z = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_frame(data) else -zlib.MAX_WBITS)
        z, full = self._z, False
        while data or (full and not z.eof):
            if z.eof:
                raise _damaged("there is something after the end of the compressed data")
            try:
                piece = z.decompress(data, PIECE)
            except zlib.error as error:
                raise _damaged("the compressed data is damaged") from error
            rest = z.unused_data or z.unconsumed_tail
            self.consumed += len(data) - len(rest)
            data, full = rest, len(piece) == PIECE
            yield piece

    def finish(self) -> None:
        if self._z is None or not self._z.eof:
            raise _damaged("the compressed data ends too early")


class _Brotli:
    whole = True

    def __init__(self) -> None:
        self.consumed = 0
        self._b = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _SLICE):
            part = data[at : at + _SLICE]
            self.consumed += len(part)
            piece = self._process(part)
            yield piece
            # It may have read all of its input and still hold output back, so both are asked.
            while not self._b.is_finished() and (len(piece) >= PIECE or not self._b.can_accept_more_data()):
                piece = self._process(b"")
                yield piece

    def _process(self, part: bytes) -> bytes:
        try:
            piece: bytes = self._b.process(part, output_buffer_limit=PIECE)
        except brotli.error as error:
            raise _damaged("the compressed data is damaged") from error
        return piece

    def finish(self) -> None:
        if not self._b.is_finished():
            raise _damaged("the compressed data ends too early")


class _Zstd:
    whole = False

    def __init__(self) -> None:
        self.consumed = 0
        self._z = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        pieces: list[bytes] = []
        size = 0
        for at in range(0, len(data), _CRUMB):
            if self._z.eof:
                raise _damaged("there is something after the end of the compressed data")
            piece = self._process(data[at : at + _CRUMB])
            pieces.append(piece)
            size += len(piece)
            if size >= PIECE:
                yield b"".join(pieces)
                pieces, size = [], 0
        yield b"".join(pieces)
        if self._z.unused_data:
            raise _damaged("there is something after the end of the compressed data")

    def _process(self, part: bytes) -> bytes:
        self.consumed += len(part)
        try:
            return self._z.decompress(part)
        except zstandard.ZstdError as error:
            raise _damaged("the compressed data is damaged") from error

    def finish(self) -> None:
        if not self._z.eof:
            raise _damaged("the compressed data ends too early")


def _has_zlib_frame(data: bytes) -> bool:
    return data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0


def _damaged(why: str) -> RefusedError:
    return RefusedError(400, "encoding_damaged", f"The body cannot be decompressed: {why}.")
