"""MessagePack, in which sentry-native writes the event that lies beside a dump (``__sentry-event``).

    bytes -> values as JSON has them; what JSON has not (bytes, extensions, keys that are no text) becomes text

Nothing is set aside for a length that is only claimed, and what is nested deeper than JSON may be is refused: a file of a
few bytes says that it holds four thousand million things.
"""

import struct
from collections.abc import Callable, Iterator

from monitor.errors import RefusedError
from monitor.intake.json_text import DEPTH

_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_SIMPLE = {0xC0: None, 0xC2: False, 0xC3: True}
_BYTES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_EXTENSIONS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LISTS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}
_FIXMAP, _FIXLIST, _FIXTEXT, _NIL, _NEGATIVE = 0x80, 0x90, 0xA0, 0xC0, 0xE0


def read_messagepack(data: bytes) -> Iterator[object]:
    """Yield the values that lie one after the other; refuse what is damaged (400)."""
    reading = _Reading(data)
    while reading.at < len(data):
        yield reading.value(0)


class _Reading:
    """One walk through the bytes."""

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def value(self, depth: int) -> object:
        if depth > DEPTH:
            raise _malformed(f"it is nested deeper than {DEPTH}")
        kind = self._take(1)[0]
        if kind < _FIXMAP:
            return kind
        if kind >= _NEGATIVE:
            return kind - 256
        if kind < _NIL:
            return self._short(kind, depth)
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        return self._long(kind, depth)

    def _short(self, kind: int, depth: int) -> object:
        if kind < _FIXLIST:
            return self._map(kind - _FIXMAP, depth)
        if kind < _FIXTEXT:
            return self._list(kind - _FIXLIST, depth)
        return self._text(kind - _FIXTEXT)

    def _long(self, kind: int, depth: int) -> object:
        sized: tuple[tuple[dict[int, str], Callable[[int], object]], ...] = (
            (_BYTES, self._text),
            (_LISTS, lambda count: self._list(count, depth)),
            (_MAPS, lambda count: self._map(count, depth)),
            (_EXTENSIONS, lambda size: self._text(size + 1)),
        )
        for sizes, read in sized:
            if kind in sizes:
                return read(self._count(sizes[kind]))
        if kind in _FIXED_EXTENSIONS:
            return self._text(_FIXED_EXTENSIONS[kind] + 1)
        raise _malformed("there is a byte that begins nothing")

    def _list(self, count: int, depth: int) -> list[object]:
        return [self.value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for _ in range(count):
            key = self.value(depth + 1)
            found[key if isinstance(key, str) else str(key)[:200]] = self.value(depth + 1)
        return found

    def _text(self, size: int) -> str:
        return self._take(size).decode("utf-8", "replace")

    def _count(self, form: str) -> int:
        (count,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(count)

    def _number(self, form: str) -> float:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return number if isinstance(number, int) else float(number)

    def _take(self, size: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        if len(taken) < size:
            raise _malformed("it ends too early")
        self.at += size
        return taken


def _malformed(what: str) -> RefusedError:
    return RefusedError(400, "event_malformed", f"The MessagePack is malformed: {what}.")
