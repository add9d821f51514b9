"""Marks: our own id in whatever we write into a ticket, so that it is known again and written once.

    "The line is up again."  +  out_01…   ->   the text, an empty line, "(ref out_01…)"

A mark counts only as the whole last line: a reply that quotes us with a ``>`` carries none. One that quotes
us without is told from ours by being the later of two with the same mark.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from alerts.base import TicketNote

_MARK = re.compile(r"\(ref (out_[0-9a-z]{1,36})\)")


def marked(text: str, mark: str) -> str:
    """Return a text with our mark as its last line."""
    said = text.rstrip()
    return f"{said}\n\n(ref {mark})" if said else f"(ref {mark})"


def mark_in(text: str) -> str | None:
    """Return the mark that a text ends with, if it does."""
    lines = text.rstrip().rsplit("\n", 1)
    found = _MARK.fullmatch(lines[-1].strip())
    return found[1] if found else None


def without_mark(text: str) -> str:
    """Return a text without the mark it ends with."""
    return text.rstrip().rpartition("\n")[0].rstrip() if mark_in(text) else text


def recognised(notes: Iterable[TicketNote]) -> tuple[TicketNote, ...]:
    """Say of notes, the oldest first, which are ours by their mark: the first that carries it."""
    seen: set[str] = set()
    told = []
    for note in notes:
        mark = mark_in(note.text)
        told.append(replace(note, ours=note.ours or (mark is not None and mark not in seen)))
        if mark:
            seen.add(mark)
    return tuple(told)
