"""What became of each call, in a file that outlives the processes: written before the INVITE leaves and at the end.

    opened -> begun (on disk, then the INVITE) -> answered -> key -> ended

The process that speaks SIP is the only writer and holds the lock; everybody may read. Standard library only.
No number and no text is in it, only our own ids.
"""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

NAME, OLD, LOCK = "calls.jsonl", "calls.1.jsonl", "lock"
LARGEST = 1024 * 1024
"""Bytes after which a new file is begun; the one before is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a call ended. ``status`` 0: not by the far end's answer. ``progress``: the far end reacted at all.

    ``orphaned``: we ended it because the service that had asked for it went away. ``ours``: we hung up.
    """

    status: int = 0
    reason: str = ""
    answered: bool = False
    rang: bool = False
    progress: bool = False
    ours: bool = False
    orphaned: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the journal knows of an attempt."""

    sip: str | None = None
    answered: bool = False
    keys: str = ""
    end: End | None = None


class Journal:
    """The writer."""

    def __init__(self, folder: Path) -> None:
        """Open for appending; the lock is held by whoever writes."""
        self._path = folder / NAME
        self._file = _append_to(self._path)

    def write(self, what: str, *, attempt: str = "", **facts: Any) -> None:
        """Append a line and wait until it is on disk."""
        line = json.dumps({"what": what, "attempt": attempt, **facts}).encode() + b"\n"
        os.write(self._file, line)
        os.fsync(self._file)

    def make_room(self, at: str) -> None:
        """Begin a new file if this one has grown large; the one before is kept."""
        if os.fstat(self._file).st_size < LARGEST:
            return
        os.close(self._file)
        self._path.replace(self._path.with_name(OLD))
        self._file = _append_to(self._path)
        self.write("opened", at=at)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _append_to(path: Path) -> int:
    """Open a file for appending, and end a line that a power cut left half written."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # the file's name is to be on disk, too
    finally:
        os.close(folder)
    return file


class Scribe:
    """The journal, written by one thread in the order it was asked for: a slow disk must not make a voice stutter."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def begin(self, at: str, *, attempt: str, line: str) -> Awaitable[None]:
        """Note that a call begins; a journal that has grown large makes room first."""
        return self._run(partial(self._begin, at, attempt, line))

    def _begin(self, at: str, attempt: str, line: str) -> None:
        self._journal.make_room(at)
        self._journal.write("begun", attempt=attempt, line=line, at=at)

    def write(self, what: str, *, attempt: str, **facts: Any) -> Awaitable[None]:
        """Note something of a call."""
        return self._run(partial(self._journal.write, what, attempt=attempt, **facts))

    def written(self) -> Awaitable[None]:
        """Wait until everything asked for so far is on disk."""
        return self._run(lambda: None)

    def _run(self, work: Callable[[], None]) -> Awaitable[None]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock on a folder's journal; False if somebody else has it."""
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


def open_at(folder: Path, at: datetime) -> None:
    """Make the folder, and a journal that reaches back to now if there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / NAME).exists() and not (folder / OLD).exists():
        journal = Journal(folder)
        journal.write("opened", at=at.isoformat())
        journal.close()


def find(folder: Path, attempt: str) -> Known | None:
    """Return what is known of an attempt; None: no INVITE ever left for it (see ``reaches_back_to``)."""
    known: Known | None = None
    for entry in _entries(folder):
        if entry.get("attempt") == attempt:
            known = _after(known or Known(), entry)
    return known


def reaches_back_to(folder: Path) -> datetime | None:
    """Return since when every attempt is in the journal; None if it cannot be told."""
    for entry in _entries(folder):
        if entry.get("what") == "opened":
            with contextlib.suppress(ValueError, TypeError, KeyError):
                return datetime.fromisoformat(entry["at"])
        return None
    return None


def _entries(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every line, the oldest first.

    The newer file is read first: should it become the older one in between, lines are seen twice and none is lost.
    """
    newer, older = _lines(folder / NAME), _lines(folder / OLD)
    for line in (*older, *newer):
        # A line that a power cut left half written is passed over: nothing was sent on its strength.
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and "what" in entry:
                yield entry


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []


def _after(known: Known, entry: Mapping[str, Any]) -> Known:
    known = replace(known, sip=entry.get("sip") or known.sip)
    match entry["what"]:
        case "begun":  # by another line, after the first was refused
            return Known()
        case "answered":
            return replace(known, answered=True)
        case "key":
            return replace(known, keys=known.keys + str(entry.get("digit", ""))[:1])
        case "ended":
            return replace(known, end=end_of(entry))
        case _:
            return known


def end_of(facts: Mapping[str, Any]) -> End:
    """Read how a call ended, from a line or a message."""
    return End(**{name: facts[name] for name in End.__dataclass_fields__ if name in facts})
