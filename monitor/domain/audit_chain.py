"""The audit's chain: each row carries the hash of the one before it, and a seal that only who has the key can make.

    hash = SHA-256 of [hash before, at, who, did, to, details]      seal = key's id, HMAC-SHA256(key, hash)
    head = how many rows, the last hash, HMAC-SHA256(key, both)     kept beside the table, moved with each row

What it proves. A row that was changed, taken out, put in or moved breaks the hash of the next one. Who can write the
table but has not the key can make hashes anew and no seals, and a chain whose end has no seal is not taken for whole.
Who cuts off the end must also put back a head of that time. What it cannot prove: who has the key, or an old copy of
the head, can make a shorter chain that holds; the heads in the log, in exports and on paper find that (``anchors``).
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

START = "0" * 64
"""What stands for the hash before the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row as the chain sees it; ``data`` is the text on record."""

    seq: int
    at: datetime
    actor: str
    action: str
    about: str
    data: str
    hash: str | None
    seal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the record says of the chain's end."""

    rows: int = 0
    hash: str = START
    seal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far the chain was followed, and what was found; ``broken`` is the first row that does not fit."""

    rows: int = 0
    hash: str = START
    last: int | None = None
    sealed: int = 0
    unsealed_from: int | None = None
    broken: int | None = None
    fault: str | None = None
    anchors: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.fault is None


def link(previous: str, *, at: datetime, actor: str, action: str, about: str, data: str) -> str:
    """Return the hash of a row that follows ``previous``."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = json.dumps([previous, moment, actor, action, about, data], separators=(",", ":"))
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def sealed(key: bytes, text: str) -> str:
    """Return the seal of a hash, or of a head, under a key; it begins with which key it was."""
    return f"{_id_of(key)}:{hmac.digest(key, text.encode(), 'sha256').hex()}"


def head_text(rows: int, hash_: str) -> str:
    """Return what the head's seal is about."""
    return f"head {rows} {hash_}"


def follow(walk: Walk, entries: Iterable[Entry], keys: Sequence[bytes] = ()) -> Walk:
    """Follow the chain over the next rows, in their order; it ends at the first that does not fit."""
    for entry in entries:
        if walk.fault is not None:
            return walk
        walk = _step(walk, entry, keys)
    return walk


def ended(walk: Walk, head: Head | None, keys: Sequence[bytes] = ()) -> Walk:
    """Hold the end of the chain against the head on record, and say what is missing."""
    if walk.fault is not None:
        return walk
    fault = _fault_of_end(walk, head)
    if fault is None and keys:
        if walk.unsealed_from is not None:
            said = "has no seal, nor has any after it: written without the key"
            return replace(walk, broken=walk.unsealed_from, fault=said)
        fault = _fault_of_head(walk, head, keys)
    if fault is None and walk.anchors:
        fault = f"no row has the hash {min(walk.anchors)}: the log was made anew or cut off"
    return walk if fault is None else replace(walk, broken=walk.last, fault=fault)


def _fault_of_end(walk: Walk, head: Head | None) -> str | None:
    if head is None:
        return "the record does not say any more where the log ends"
    if (head.rows, head.hash) == (walk.rows, walk.hash):
        return None
    missing = head.rows - walk.rows
    if missing > 0:
        return f"{missing} rows at the end are missing: the record says {head.rows}"
    return f"the log does not end as the record says ({head.rows} rows)"


def _fault_of_head(walk: Walk, head: Head | None, keys: Sequence[bytes]) -> str | None:
    assert head is not None, "where it ends is known by now"
    if not walk.rows or _is_right(head.seal, head_text(head.rows, head.hash), keys):
        return None
    return "the head on record is not sealed with the key: the end may be cut off"


def _step(walk: Walk, entry: Entry, keys: Sequence[bytes]) -> Walk:
    if entry.hash is None:
        return _broken(walk, entry, "bears no hash: put in, or written by an older Tocsin beside this one")
    made = link(
        walk.hash, at=entry.at, actor=entry.actor, action=entry.action, about=entry.about, data=entry.data
    )
    if made != entry.hash:
        return _broken(walk, entry, "does not follow: it, or what stood before it, was changed, moved or taken out")  # fmt: skip
    if keys and entry.seal is not None and not _is_right(entry.seal, made, keys):
        return _broken(walk, entry, "bears a seal that none of the keys made")
    return replace(
        walk,
        rows=walk.rows + 1,
        hash=made,
        last=entry.seq,
        sealed=walk.sealed + (entry.seal is not None),
        unsealed_from=None if entry.seal is not None else walk.unsealed_from or entry.seq,
        anchors=walk.anchors - {made} if walk.anchors else walk.anchors,
    )


def _broken(walk: Walk, entry: Entry, said: str) -> Walk:
    return replace(walk, broken=entry.seq, fault=said)


def _is_right(seal: str | None, text: str, keys: Sequence[bytes]) -> bool:
    given = seal or ""
    return any(hmac.compare_digest(sealed(key, text).encode(), given.encode()) for key in keys)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"tocsin audit key" + key).hexdigest()[:8]
