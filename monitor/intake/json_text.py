"""JSON of outsiders: bounded in depth and in how much it becomes, repaired where it is only ugly, read in steps.

    bytes -> how much? -> parse (without the collector of cycles) -> repair, parse again -> how deep?

``parse_json`` is for what is small; ``read_json`` gives others their turn on the loop between the steps, none of which is
long. What holds the loop is objects and lists, twenty times what numbers do, so those have a bound of their own.
"""

import asyncio
import codecs
import gc
import re
from collections.abc import Generator, Iterator
from typing import TypeVar

import orjson

from monitor.errors import RefusedError
from monitor.intake.body import MIB, SMALL, Body

DEPTH = 100
VALUES = 200_000  # commas, colons and brackets of one body
NESTED = 50_000  # objects and lists of one body
_REPAIRABLE = 4 * MIB
_PIECE = 256 * 1024  # of a text that is looked through
_ESCAPES = 50_000
_TURN = 5_000  # escapes
_UNIT = len("\\ud800")
_BACKSLASHES = 1_000_000  # of one body
_CUTTABLE = 2 * MIB  # a body in which numbers are cut
_STRING = re.compile(rb'"[^"]*+"')
_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_NO_SIGN = bytes(set(range(256)) - set(b'[]{},:"'))
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_LOW = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_MANY_DIGITS = re.compile(rb"(?<!\d)(\d{300})\d+")
_ZEROS, _TOO_MANY = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 301  # looking for those is quick

_T = TypeVar("_T")
Steps = Generator[None, None, _T]
"""Work that yields where others may have their turn."""


def parse_json(data: Body, *, depth: int = DEPTH) -> object:
    """Return the JSON value of a body or refuse it: damaged, too deep, too much, NaN.

    What is only ugly is repaired, so that no crash is lost over one character: bytes that are no UTF-8 and
    lone surrogates become U+FFFD, and a number of hundreds of digits is cut.
    """
    return at_once(reading_json(data, depth=depth))


async def read_json(data: Body, *, depth: int = DEPTH) -> object:
    """Return the same, letting others have their turn on the loop between the steps."""
    reading = reading_json(data, depth=depth)
    return at_once(reading) if len(data) <= SMALL else await in_steps(reading)


def at_once(work: Steps[_T]) -> _T:
    """Do all of some work."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            done: _T = end.value
            return done


async def in_steps(work: Steps[_T]) -> _T:
    """Do some work step by step, with everybody else between them."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            done: _T = end.value
            return done
        await asyncio.sleep(0)


def reading_json(data: Body, *, depth: int = DEPTH) -> Steps[object]:
    """Read in steps: yield between them, return the value."""
    nested = data.count(b"[") + data.count(b"{")
    if nested > NESTED or nested + data.count(b",") + data.count(b":") > VALUES:
        yield from _refuse_too_much(data)
    if len(data) > _BACKSLASHES and data.count(b"\\") > _BACKSLASHES:
        raise RefusedError(413, "json_too_much", f"The JSON holds more than {_BACKSLASHES} escapes.")
    data = yield from _in_utf8(data)
    try:
        value = _parsed(data)
    except orjson.JSONDecodeError as error:
        yield
        repaired = (yield from _repaired(data)) if len(data) <= _REPAIRABLE else data
        if repaired is data:
            raise _damaged(error) from error
        data = repaired
        yield
        try:
            value = _parsed(data)
        except orjson.JSONDecodeError as again:
            raise _damaged(again) from again
    if nested > depth:
        yield
        if (yield from _deeper(data, depth)):
            raise RefusedError(400, "json_too_deep", f"The JSON is nested deeper than {depth}.")
    return value


def _refuse_too_much(data: Body) -> Steps[None]:
    """Refuse what holds too much; commas and brackets that stand in texts do not count."""
    signs = yield from _signs(data)
    nested = signs.count(b"[") + signs.count(b"{")
    if nested > NESTED:
        raise RefusedError(413, "json_too_much", f"The JSON holds more than {NESTED} objects and lists.")
    if nested + signs.count(b",") + signs.count(b":") > VALUES:
        raise RefusedError(413, "json_too_much", f"The JSON holds more than {VALUES} values.")


def _signs(data: Body) -> Steps[Body]:
    """Return the brackets, commas and colons of JSON, without those that stand in texts."""
    kept: list[Body] = []
    within = b""  # the quote of a text that began in an earlier piece
    for piece in _pieces(data):
        signs = piece.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _NO_SIGN)
        outside, within, _ = _STRING.sub(b"", within + signs).partition(b'"')
        kept.append(outside)
        yield
    return b"".join(kept)


def _pieces(data: Body) -> Iterator[Body]:
    """Cut a text into pieces, but no escape in two."""
    at = 0
    while at < len(data):
        piece = data[at : at + _PIECE]
        begun = (len(piece) - len(piece.rstrip(b"\\"))) % 2
        piece = piece[: len(piece) - begun] or piece
        at += len(piece)
        yield piece


def _parsed(data: Body) -> object:
    """Parse without the collector: nothing that JSON makes is a cycle, and walking it again and again takes ten times as long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    finally:
        if collects:
            gc.enable()


def _damaged(error: orjson.JSONDecodeError) -> RefusedError:
    return RefusedError(400, "json_damaged", f"The body is not JSON: {error}.")


def _in_utf8(data: Body) -> Steps[Body]:
    """Return the text with U+FFFD for what is no UTF-8; the parser would say first, and slowly, how little it likes it."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if len(data) > _REPAIRABLE:
            raise RefusedError(
                400, "json_damaged", f"The body is not JSON: no UTF-8 at {error.start}."
            ) from error
    else:
        return data
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces: list[bytes] = []
    for at in range(0, len(data), _PIECE):
        pieces.append(decoder.decode(bytes(data[at : at + _PIECE])).encode())
        yield
    return b"".join([*pieces, decoder.decode(b"", final=True).encode()])


def _repaired(data: Body) -> Steps[Body]:
    """Return the text without what is only ugly; the same one where nothing is."""
    whole = data
    if 0 < data.count(b"\\u") <= _ESCAPES:
        whole = yield from _without_lone(data)
        yield
    if len(data) <= _CUTTABLE and _TOO_MANY in whole.translate(_ZEROS):
        yield
        whole = _MANY_DIGITS.sub(rb"\1", whole)
    return whole


def _without_lone(data: Body) -> Steps[Body]:
    """Return the text with U+FFFD for surrogates that stand alone; whether one is an escape the backslashes before it tell."""
    kept: list[Body] = []
    at = 0
    for found in _surrogates(data):
        if found is None:
            yield
            continue
        start, end = found.span()
        if start < at:  # the second of a pair
            continue
        before = data[at:start]
        escaped = (len(before) - len(before.rstrip(b"\\"))) % 2 == 1
        low = None if escaped or data[start + 3 : start + 4] in b"cdefCDEF" else _LOW.match(data, end)
        kept.append(before)
        if escaped or low:
            end = low.end() if low else end
            kept.append(data[start:end])
        else:
            kept.append(rb"\ufffd")
        at = end
    return b"".join([*kept, data[at:]]) if kept else data


def _surrogates(data: Body) -> Iterator[re.Match[bytes] | None]:
    """Yield each half of a surrogate pair, and None where others may have their turn."""
    for window in range(0, len(data), _PIECE):
        end = window + _PIECE
        for number, found in enumerate(_SURROGATE.finditer(data, window, end + _UNIT - 1), 1):
            if number % _TURN == 0:
                yield None
            yield found
        yield None


def _deeper(data: Body, depth: int) -> Steps[bool]:
    """Tell whether valid JSON is nested deeper: peel off innermost pairs, ``depth`` times."""
    signs = yield from _signs(data)
    pairs = signs.translate(_BRACKETS, _NO_BRACKET)
    for _ in range(depth):
        if not pairs:
            return False
        pairs = pairs.replace(b"()", b"")
    return bool(pairs)
