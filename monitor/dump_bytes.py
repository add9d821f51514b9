"""A dump's bytes, however its sender packed them: all of a minidump; of a core, however long, the pieces that are read.

    packed -> pieces in order -> whole (within bounds) | a core: headers and notes -> which pieces are read -> those

A core holds the program's memory: hundreds of megabytes, of which some hundred kilobytes say where it stopped. Packed by
gzip, zstd, LZ4, xz or bzip2 it is small, so it is unpacked piece by piece and the rest is let go. What ends too early, or
takes too long, is read as far as it came.
"""

import bz2
import lzma
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import zstandard

from monitor.domain.cores import MAGIC as CORE
from monitor.domain.cores import Bytes, notes_end, wanted
from monitor.domain.dumps import DumpError
from monitor.domain.minidumps import MAGICS as MINIDUMPS
from monitor.lz4_frames import MAGIC as LZ4
from monitor.lz4_frames import inflate

_PIECE, _FED = 1 << 20, 256 * 1024
_HEAD = 24 << 20  # bytes of a core up to the end of its notes
_SECONDS = 5.0  # of processor time for unpacking
_MEMORY = 128 << 20
ZSTD = b"\x28\xb5\x2f\xfd"
_DAMAGED = "its compression is damaged"
_EARLY = "it ends too early"
_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError)


class _Inflating(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Sparse:
    """Pieces of a long file by where they were; what is not there is empty."""

    def __init__(self, pieces: Sequence[tuple[int, bytes]], end: int) -> None:
        """Keep the pieces of a file that was seen up to ``end``."""
        self._pieces = pieces
        self._starts = [at for at, _ in pieces]
        self._end = end

    def __len__(self) -> int:
        """Return up to where the file was seen."""
        return self._end

    def __getitem__(self, piece: slice) -> bytes:
        """Return what is there of a piece: all of it, or its beginning."""
        start, stop, _ = piece.indices(self._end)
        place = bisect_right(self._starts, start) - 1
        if place < 0:
            return b""
        at, content = self._pieces[place]
        return content[start - at : max(stop - at, 0)]


class Unpacking:
    """One dump being unpacked; ``trouble`` says why it is not whole."""

    def __init__(self, data: bytes, coding: str, most: int) -> None:
        """Undo our own compression at once: what we have packed ourselves is within bounds."""
        self._most = most
        self._until = time.process_time() + _SECONDS
        self.trouble = ""
        self._data = self._whole(_pieces(zlib.decompressobj, data), b"") if coding == "zlib" else data

    def read(self) -> Bytes:
        """Return the dump: whole, or of a packed core what is read of it. Raise DumpError when there is nothing to read."""
        pieces = self._unpacked()
        if pieces is None:
            return self._data
        head = self._head(pieces, len(CORE))
        if head[:4] != CORE:
            return self._whole(pieces, head)
        return self._core(pieces, head)

    def _unpacked(self) -> Iterator[bytes] | None:
        """Return what comes of a packed dump, by how it begins; None of one that is not packed."""
        data = self._data
        if data[:1] == b"\x78" and int.from_bytes(data[:2]) % 31 == 0:
            return _pieces(zlib.decompressobj, data)
        return next((unpack(data) for begins, unpack in _PACKED.items() if data.startswith(begins)), None)

    def _whole(self, pieces: Iterator[bytes], head: bytes) -> bytes:
        kept = bytearray(head)
        for piece in self._tried(pieces):
            kept += piece
            if len(kept) > self._most:
                if kept[:4] not in MINIDUMPS:
                    raise DumpError(f"it becomes more than {self._most} bytes")
                self.trouble = f"it becomes more than {self._most} bytes; so much of it was read"
                return bytes(kept[: self._most])  # what was in the memory comes last
        return bytes(kept)

    def _head(self, pieces: Iterator[bytes], size: int, head: bytes = b"") -> bytes:
        kept = bytearray(head)
        for piece in self._tried(pieces):
            kept += piece
            if len(kept) >= size:
                break
        return bytes(kept)

    def _tried(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass pieces on until one cannot be had, which is told."""
        while not self.trouble:
            if time.process_time() > self._until:
                self.trouble = "unpacking it took too long; it was read as far as that"
                return
            try:
                piece = next(pieces, None)
            except EOFError:
                self.trouble = _EARLY
            except _ERRORS:
                self.trouble = _DAMAGED
            else:
                if piece is None:
                    return
                yield piece

    def _core(self, pieces: Iterator[bytes], head: bytes) -> Bytes:
        head = self._head(pieces, _PIECE, head)
        end = notes_end(head)
        if end > _HEAD:
            raise DumpError("its notes are too long")
        if end > len(head):
            head = self._head(pieces, end, head)
        return self._kept(pieces, head, _merged([(0, len(head)), *wanted(head)]))

    def _kept(self, pieces: Iterator[bytes], head: bytes, plan: Sequence[tuple[int, int]]) -> Bytes:
        """Keep the planned pieces of what comes; when they are there, the rest is not looked at."""
        found = [bytearray() for _ in plan]
        at = number = 0
        piece: bytes | None = head
        coming = self._tried(pieces)
        while piece is not None:
            end = at + len(piece)
            for place in range(number, len(plan)):
                start, stop = plan[place]
                if start >= end:
                    break
                found[place] += piece[max(start - at, 0) : stop - at]
                number = place if stop > end else place + 1
            at = end
            piece = next(coming, None) if number < len(plan) else None
        whole = max(at, plan[-1][1]) if number == len(plan) else at
        return Sparse(
            [(start, bytes(content)) for (start, _), content in zip(plan, found, strict=True)], whole
        )


def _merged(plan: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pieces (where, how long) as (from, to), in order, none upon another."""
    merged: list[tuple[int, int]] = []
    for start, size in sorted(plan):
        if size <= 0:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], start + size))
        else:
            merged.append((start, start + size))
    return merged


def _pieces(make: Callable[[], _Inflating], data: bytes) -> Iterator[bytes]:
    """Yield what a packed file holds, its members one after the other; raise EOFError when it ends too early."""
    rest = memoryview(data)
    while rest:
        inflating = make()
        while rest and not inflating.eof:
            fed = bytes(rest[:_FED])
            rest = rest[len(fed) :]
            yield from _drained(inflating, fed)
        if not inflating.eof:
            raise EOFError
        unused = inflating.unused_data
        rest = memoryview(unused + bytes(rest)) if unused else rest
        if bytes(rest[:2]) != data[:2]:  # no further member: padding, or what somebody appended
            return


def _drained(inflating: _Inflating, fed: bytes) -> Iterator[bytes]:
    """Yield what comes of one piece of input, at most so much at a time."""
    while not inflating.eof:
        piece = inflating.decompress(fed, _PIECE)
        fed = getattr(inflating, "unconsumed_tail", b"")  # only zlib's; the others keep it themselves
        if piece:
            yield piece
        elif not fed:
            return


def _zstd(data: bytes) -> Iterator[bytes]:
    reading = zstandard.ZstdDecompressor(max_window_size=_MEMORY).stream_reader(data, read_across_frames=True)
    while piece := reading.read(_PIECE):
        yield piece


_PACKED: Mapping[bytes, Callable[[bytes], Iterator[bytes]]] = {
    b"\x1f\x8b": partial(_pieces, partial(zlib.decompressobj, 31)),
    b"BZh": partial(_pieces, bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": partial(_pieces, partial(lzma.LZMADecompressor, memlimit=_MEMORY)),
    ZSTD: _zstd,
    LZ4: inflate,
}
