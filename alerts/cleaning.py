"""Text that others wrote, made fit to be said, mailed or filed.

Names, summaries and titles come from customers and machines. Before any of it reaches a ticket, a mail
header, a voice or a log line, control characters, line breaks and characters that turn the direction of
writing are gone, and its length is bounded.
"""

import re
import unicodedata

_GONE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SPACES = re.compile(r"\s+")


def clean(text: str, limit: int) -> str:
    """Return one line of at most ``limit`` characters, cut at a word where one ends nearby."""
    spaced = text[: limit * 4]
    if not spaced.isprintable():
        spaced = "".join(" " if _breaks(character) else _kept(character) for character in spaced)
    return shortened(_SPACES.sub(" ", spaced).strip(), limit)


def clean_lines(text: str, limit: int) -> str:
    """Return several lines, each clean, of at most ``limit`` characters together."""
    lines = text[: limit * 4].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = "\n".join(_kept_of(line.replace("\t", "    ")).rstrip() for line in lines)
    return kept.strip("\n") if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def shortened(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, at a space if one is in the last quarter, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: max(limit - 1, 0)]
    space = cut.rfind(" ")
    if space >= limit * 3 // 4:
        cut = cut[:space]
    return cut.rstrip() + "…"


def _kept_of(line: str) -> str:
    """Return a line without what is gone; what can be printed whole, as most lines can, is not looked at twice."""
    return line if line.isprintable() else "".join(map(_kept, line))


def _breaks(character: str) -> bool:
    return character in "\t\n\r\v\f" or unicodedata.category(character) in {"Zl", "Zp"}


def _kept(character: str) -> str:
    return "" if unicodedata.category(character) in _GONE else character
