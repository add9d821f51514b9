"""BER (X.690) as SNMP uses it: what is needed written, what comes read within bounds. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_MOST_PARTS: Final = 500
_MOST_NUMBER: Final = 17  # bytes; Counter64 has 9
_LONG: Final = 0x80


class BerError(ValueError):
    """Bytes that are no BER, or more than anybody needs."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a message: its tag, and where its content stands in ``data``."""

    data: bytes
    tag: int
    start: int
    end: int

    @property
    def content(self) -> bytes:
        """Return the content's bytes."""
        return self.data[self.start : self.end]

    @property
    def number(self) -> int:
        """Return a signed integer."""
        if not 0 < self.end - self.start <= _MOST_NUMBER:
            raise BerError("a number of an impossible length")
        return int.from_bytes(self.content, signed=True)

    @property
    def oid(self) -> str:
        """Return an object identifier as it is written: ``1.3.6.1``."""
        numbers, number = list[int](), 0
        for byte in self.content:
            number = number << 7 | byte & 0x7F
            if number >> 32:
                raise BerError("an object identifier without end")
            if not byte & _LONG:
                numbers.append(number)
                number = 0
        if not numbers or len(numbers) > _MOST_PARTS:
            raise BerError("no object identifier")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

    def parts(self) -> list["Element"]:
        """Return the elements within."""
        return list(_elements(self.data, self.start, self.end))


def read(data: bytes) -> Element:
    """Read the one element that the bytes are; what follows it means nothing."""
    for element in _elements(data, 0, len(data)):
        return element
    raise BerError("nothing")


def _elements(data: bytes, at: int, end: int) -> Iterator[Element]:
    for _ in range(_MOST_PARTS):
        if at >= end:
            return
        tag, (start, stop) = data[at], _extent(data, at + 1, end)
        yield Element(data, tag, start, stop)
        at = stop
    raise BerError("elements without end")


def _extent(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise BerError("an element cut short")
    length = data[at]
    start = at + 1
    if length & _LONG:
        size = length & 0x7F
        start += size
        if not 0 < size <= 4 or start > end:  # noqa: PLR2004 - a length of four bytes is more than any datagram
            raise BerError("a length that is none")
        length = int.from_bytes(data[at + 1 : start])
    if start + length > end:
        raise BerError("an element cut short")
    return start, start + length


def element(tag: int, *contents: bytes) -> bytes:
    """Write one element."""
    content = b"".join(contents)
    if len(content) < _LONG:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(length))) + length + content


def integer(number: int) -> bytes:
    """Write a signed integer."""
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, signed=True))


def oid(text: str) -> bytes:
    """Write an object identifier; raise ``ValueError`` for what is none."""
    first, second, *rest = map(int, text.split("."))
    numbers = (40 * first + second, *rest)
    return element(OID, b"".join(map(_base128, numbers)))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | _LONG)
    return bytes(reversed(digits))
