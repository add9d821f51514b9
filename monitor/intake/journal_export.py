r"""The journal export format, bytes in as they come, entries out; what is kept of an entry is bounded, not the journal.

    KEY=value \n | KEY \n <length, 64 bit, little endian> <bytes> \n      a field;  an empty line ends the entry

A first upload is the whole journal of a machine, so nothing is refused for its size: long values are cut, what is too
much in one entry is passed over, and no more than one entry is ever held.
"""

import re
from collections.abc import Container, Iterator, Mapping

from monitor.errors import RefusedError

VALUE, FIELDS, ENTRY = 64 * 1024, 512, 256 * 1024
_NAME = 256
_LENGTH = 8
_FIELD = re.compile(rb"[A-Za-z0-9_]+")

Entry = Mapping[str, bytes]


class JournalExport:
    """One upload being read."""

    def __init__(self, wanted: Container[str] | None = None) -> None:
        """Begin with the first entry; of the fields only the wanted ones are kept, by default all."""
        self._wanted = wanted
        self._buffer = bytearray()
        self._entry: dict[str, bytes] = {}
        self._size = 0
        self._name = ""  # of a value given by its length
        self._left = -1  # bytes of it that are still to come, its newline too; -1: there is no such value
        self._value = bytearray()
        self._dropping = False  # the rest of a line that is too long

    def feed(self, data: bytes) -> Iterator[Entry]:
        """Yield the entries that end in these bytes."""
        self._buffer += data
        at = 0
        while True:
            if self._left > 0:
                step = self._value_at(at)
            elif self._name:
                step = self._length_at(at)
            else:
                step, ended = self._line_at(at)
                if ended:
                    yield from self._ended()
            if not step:
                break
            at += step
        del self._buffer[:at]

    def finish(self) -> Iterator[Entry]:
        """Yield an entry that the end of the body ends; refuse a body that breaks off within a field."""
        if self._left > 0 or self._name or self._buffer or self._dropping:
            raise _malformed("it breaks off in the middle of an entry")
        yield from self._ended()

    def _line_at(self, at: int) -> tuple[int, bool]:
        """Read a line; return how far that went, and whether it ended the entry."""
        end = self._buffer.find(b"\n", at)
        if end < 0:
            return self._unfinished(at), False
        line = bytes(self._buffer[at : min(end, at + _NAME + VALUE)])
        if self._dropping:
            self._dropping = False
            return end + 1 - at, False
        if not line:
            return 1, True
        name, equals, value = line.partition(b"=")
        if equals:
            self._put(_named(name), value[:VALUE])
        else:
            self._name = _named(name)
        return end + 1 - at, False

    def _unfinished(self, at: int) -> int:
        """Wait for the rest of a line; of one that is too long keep the beginning and drop what comes."""
        have = len(self._buffer) - at
        if self._dropping:
            return have
        if have <= _NAME + VALUE:
            return 0
        name, equals, value = bytes(self._buffer[at:]).partition(b"=")
        if not equals:
            raise _malformed("the name of a field has no end")
        self._put(_named(name), value[:VALUE])
        self._dropping = True
        return have

    def _length_at(self, at: int) -> int:
        if len(self._buffer) - at < _LENGTH:
            return 0
        self._left = int.from_bytes(self._buffer[at : at + _LENGTH], "little") + 1
        return _LENGTH

    def _value_at(self, at: int) -> int:
        step = min(self._left, len(self._buffer) - at)
        room = VALUE + 1 - len(self._value)
        if room > 0:
            self._value += self._buffer[at : at + min(step, room)]
        self._left -= step
        if step and not self._left:
            if self._buffer[at + step - 1] != ord("\n"):
                raise _malformed("a value is longer than its length")
            self._put(
                self._name, bytes(self._value[:-1] if len(self._value) <= VALUE else self._value[:VALUE])
            )
            self._name, self._left = "", -1
            self._value.clear()
        return step

    def _put(self, name: str, value: bytes) -> None:
        if self._wanted is not None and name not in self._wanted:
            return
        size = len(name) + len(value)
        if len(self._entry) < FIELDS and self._size + size <= ENTRY:
            self._entry.setdefault(name, value)
            self._size += size

    def _ended(self) -> Iterator[Entry]:
        entry, self._entry, self._size = self._entry, {}, 0
        if entry:
            yield entry


def _named(raw: bytes) -> str:
    if not raw or len(raw) > _NAME or not _FIELD.fullmatch(raw):
        raise _malformed("there is a field without a proper name")
    return raw.decode("ascii")


def _malformed(what: str) -> RefusedError:
    return RefusedError(400, "journal_malformed", f"This is no journal in export format: {what}.")
