"""Versions in their order: 5.9 before 5.10, 5.03rc1 before 5.03, 5.03 the same as 5.3.0.

    "pbx@v5.03-rc.1+g1a2b" -> the product, a "v" and what a build adds fall away -> 5, 3, rc, 1

A version that does not begin with a number (a commit, a name) has no order: None, and whoever asks must say so.
"""

import re
from functools import total_ordering
from itertools import zip_longest

_LONGEST = 200
_TOKEN = re.compile(r"\d{1,18}|[a-z]{1,40}|~")
_DEBIAN_EPOCH = re.compile(r"\d{1,9}:(?=\d)")
_BEFORE = ("~", "dev", "snapshot", "nightly", "alpha", "beta", "preview", "pre", "rc", "cr")
_SHORT = {
    "a": "alpha",
    "b": "beta",
    "c": "rc",
}  # with a number right behind them; 5.03a alone comes after 5.03
_RELEASED = ("release", "final", "ga", "stable")


@total_ordering
class Version:
    """A version that can be compared; equal are those that nobody would tell apart."""

    def __init__(self, parts: tuple[tuple[int, int, str], ...]) -> None:
        """Keep the parts: (rank, number, word) each."""
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __lt__(self, other: "Version") -> bool:
        """Tell which is older; where one has no more parts, what follows in the other decides."""
        for mine, theirs in zip_longest(self.parts, other.parts, fillvalue=_END):
            if mine != theirs:
                return mine < theirs
        return False


# Ranks: a pre-release's word, the end, a word that comes after a release (patch, sp), a number.
_PRE, _NOTHING, _WORD, _NUMBER = range(4)
_END = (_NOTHING, 0, "")


def version_of(raw: str | None) -> Version | None:
    """Read a version; None for what has no order."""
    text = (raw or "")[:_LONGEST].strip().lower().rpartition("@")[2].rpartition("/")[2].partition("+")[0]
    text = _DEBIAN_EPOCH.sub("", text.removeprefix("version").strip().removeprefix("v"), count=1)
    if not text[:1].isdecimal() or not text.isascii():
        return None
    parts = [_part(found.group(), text[found.end() :][:1]) for found in _TOKEN.finditer(text)]
    return Version(tuple(_without_noughts([part for part in parts if part is not None])))


def _part(token: str, behind: str) -> tuple[int, int, str] | None:
    if token.isdecimal():
        return (_NUMBER, int(token), "")
    token = _SHORT.get(token, token) if behind.isdecimal() else token
    if token in _BEFORE:
        return (_PRE, _BEFORE.index(token), "")
    return None if token in _RELEASED else (_WORD, 0, token)


def _without_noughts(parts: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Drop the noughts at the end of every run of numbers: 5.0 is 5, and 5.0rc1 is 5rc1."""
    kept: list[tuple[int, int, str]] = []
    for place, part in enumerate(parts):
        following = next((p for p in parts[place:] if p != (_NUMBER, 0, "")), None)
        after_word = bool(kept) and kept[-1][0] in (_PRE, _WORD)
        nought = part == (_NUMBER, 0, "")
        if nought and kept and (following is None or following[0] != _NUMBER) and not after_word:
            continue
        kept.append(part)
    return kept
