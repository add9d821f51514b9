r"""The Sentry envelope, bytes in, values out.

    header \n { item header \n payload [\n] }        (the last newline may be missing)

An item whose header has a ``length`` has exactly that many bytes, then a newline or the end; one without
runs to the next newline or the end. ``\r`` is payload. Unknown items and header keys are passed over: a
newer SDK must not lose its crash. What breaks the grammar is refused whole, before anything is recorded.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from monitor.errors import RefusedError
from monitor.intake.body import SMALL, Body
from monitor.intake.json_text import NESTED, Steps, at_once, in_steps, parse_json, reading_json

ITEM_HEADER = 8 * 1024
HEADER = 64 * 1024
ITEMS = 100
EVENT = 2 * 1024 * 1024
EVENTS = 2 * EVENT  # of one envelope: an SDK sends one event in it
_SMALL_ITEM = 64 * 1024
_MOST_LOST = 1_000_000

_EVENT_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NEWLINES = re.compile(rb"\n*+")
_LOST_CRASHES = frozenset({"error", "default", "crash", "security"})


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its header, and where in the envelope its payload lies, untouched."""

    header: Mapping[str, object]
    data: Body
    start: int
    end: int

    @property
    def payload(self) -> Body:
        """Return a copy of the payload."""
        return self.data[self.start : self.end]

    @property
    def type(self) -> str:
        """Return the item's type, "" when it has none."""
        kind = self.header.get("type")
        return kind if isinstance(kind, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What an envelope brought. ``discarded`` counts by item type what Tocsin has no use for.

    ``minidump`` is where in the envelope the first memory dump lies.
    ``lost`` counts by reason the crashes the client says it threw away before they reached us.
    """

    event_id: str | None
    dsn: str | None
    events: tuple[Mapping[str, object], ...] = ()
    attachments: tuple[str, ...] = ()
    minidumps: int = 0
    minidump: tuple[int, int] | None = None
    minidump_name: str = ""
    check_ins: int = 0
    discarded: Mapping[str, int] = field(default_factory=dict[str, int])
    lost: Mapping[str, int] = field(default_factory=dict[str, int])


def parse_envelope(data: Body) -> Envelope:
    """Return what the envelope brought, or refuse it: 400 malformed, 413 an item beyond its bound."""
    return at_once(_read(data))


async def read_envelope(data: Body) -> Envelope:
    """Return the same, letting others have their turn on the loop between the items."""
    return at_once(_read(data)) if len(data) <= SMALL else await in_steps(_read(data))


def _read(data: Body) -> Steps[Envelope]:
    header, at = _header_line(data, 0, HEADER)
    events: list[Mapping[str, object]] = []
    attachments: list[str] = []
    minidumps: list[Item] = []
    counts: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    room = _Room()
    for item in _items(data, at):
        if item.type == "event":
            if item.end - item.start > EVENT:
                raise RefusedError(413, "item_too_large", f"An event may have at most {EVENT} bytes.")
            payload = item.payload
            room.take(payload)
            events.append((yield from _event(payload)))
        elif item.type == "attachment":
            attachments.append(_attachment(item.header))
            if item.header.get("attachment_type") == "event.minidump":
                minidumps.append(item)
        elif item.type == "client_report":
            lost.update(_lost(item.payload) if item.end - item.start <= _SMALL_ITEM else {})
        else:
            counts[item.type[:40] or "unknown"] += 1
        yield
    dsn = header.get("dsn")
    return Envelope(
        event_id=event_id(header.get("event_id")),
        dsn=dsn if isinstance(dsn, str) else None,
        events=tuple(events),
        attachments=tuple(attachments),
        minidumps=len(minidumps),
        minidump=(minidumps[0].start, minidumps[0].end) if minidumps else None,
        minidump_name=_attachment(minidumps[0].header) if minidumps else "",
        check_ins=counts.pop("check_in", 0),
        discarded=counts,
        lost=lost,
    )


def event_id(raw: object) -> str | None:
    """Return an event id as 32 hex digits; dashes are allowed, version and variant bits are not looked at."""
    if isinstance(raw, str) and _EVENT_ID.fullmatch(raw):
        return raw.replace("-", "").lower()
    return None


def _items(data: Body, at: int) -> Iterator[Item]:
    count = 0
    while (at := _past_newlines(data, at)) < len(data):
        count += 1
        if count > ITEMS:
            raise _malformed(f"more than {ITEMS} items")
        header, start = _header_line(data, at, ITEM_HEADER)
        end = _payload_end(data, start, header.get("length"))
        yield Item(header, data, start, end)
        at = end + 1


def _past_newlines(data: Body, at: int) -> int:
    """Return where the empty lines between items, or at the end, are over."""
    found = _NEWLINES.match(data, at)
    return found.end() if found else at


def _header_line(data: Body, at: int, longest: int) -> tuple[Mapping[str, object], int]:
    """Return the JSON object on the line at ``at``, and where the next line begins."""
    end = data.find(b"\n", at, at + longest + 1)
    if end < 0:
        end = len(data)
    if end - at > longest:
        raise _malformed(f"a header of more than {longest} bytes")
    header = parse_json(data[at:end])
    if not isinstance(header, dict):
        raise _malformed("a header that is not a JSON object")
    return header, min(end + 1, len(data))


def _payload_end(data: Body, start: int, length: object) -> int:
    if length is None:
        end = data.find(b"\n", start)
        return end if end >= 0 else len(data)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise _malformed("a length that is not a count of bytes")
    end = start + length
    if end > len(data):
        raise _malformed("an item that ends too early")
    if end < len(data) and data[end] != ord("\n"):
        raise _malformed("an item that is longer than its length")
    return end


class _Room:
    """What the events of one envelope may be together."""

    def __init__(self) -> None:
        self._bytes = EVENTS
        self._nested = 2 * NESTED

    def take(self, payload: Body) -> None:
        """Refuse the event for which there is no room left; the first one is judged by itself."""
        first = self._bytes == EVENTS
        self._bytes -= len(payload)
        self._nested -= payload.count(b"[") + payload.count(b"{")
        if not first and min(self._bytes, self._nested) < 0:
            raise RefusedError(413, "item_too_large", f"All events may have at most {EVENTS} bytes.")


def _event(payload: Body) -> Steps[Mapping[str, object]]:
    event = yield from reading_json(payload)
    if not isinstance(event, dict):
        raise _malformed("an event that is not a JSON object")
    return event


def _attachment(header: Mapping[str, object]) -> str:
    name = header.get("filename")
    return name[:200] if isinstance(name, str) else ""


def _lost(payload: Body) -> Mapping[str, int]:
    """Return how many crashes a client report says were thrown away, by reason; nonsense counts nothing."""
    try:
        report = parse_json(payload)
    except RefusedError:
        return {}
    entries = report.get("discarded_events") if isinstance(report, dict) else None
    lost: Counter[str] = Counter()
    for entry in entries[:ITEMS] if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("category") in _LOST_CRASHES:
            quantity, reason = entry.get("quantity"), entry.get("reason")
            if isinstance(quantity, int) and quantity > 0 and isinstance(reason, str):
                lost[reason[:40]] += min(quantity, _MOST_LOST)
    return lost


def _malformed(what: str) -> RefusedError:
    return RefusedError(400, "envelope_malformed", f"The envelope is malformed: {what}.")
