"""Markup (HTML, the XML of office documents) to plain text, in time that grows with its length and no faster.

Not a parser: nothing of the markup is kept, so that all it has to know is where tags begin and end. What is
left open runs to the end. The standard library's ``html.parser`` takes quadratic time on hostile input.
"""

import html
import re

_BREAKS = frozenset(
    """
    address article aside blockquote body br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hr
    li main nav ol p pre section table tbody td tfoot th thead title tr ul w:p w:br w:tab text:p a:p row c si t
    """.split()  # noqa: SIM905 - a list of words reads as one
)
_SILENT = ("script", "style")
_TAG_NAME = re.compile(r"</?([a-z][a-z0-9:-]{0,20})", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\f\v\xa0]+")
_LINES = re.compile(r"\s*\n\s*\n\s*")
_LOOKS = re.compile(r"<(?:!doctype|html|body|p|div|br|span|table|b|i|td|\?xml)\b[^<>]{0,500}>", re.IGNORECASE)


def looks_like_markup(text: str) -> bool:
    """Tell whether a text has tags in it."""
    return _LOOKS.search(text) is not None


def plain_text(markup: str) -> str:
    """Return what a reader sees: no tags, comments, scripts or styles; entities resolved; blocks on lines."""
    said = html.unescape("".join(_pieces(markup)))
    lines = (_BLANKS.sub(" ", line).strip() for line in said.splitlines())
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


def _pieces(markup: str) -> list[str]:
    pieces: list[str] = []
    lowered = markup.lower() if len(markup.lower()) == len(markup) else markup
    at = 0
    while True:
        start = markup.find("<", at)
        if start < 0:
            pieces.append(_flowed(markup[at:]))
            return pieces
        pieces.append(_flowed(markup[at:start]))
        at, instead = _past(markup, lowered, start)
        pieces.append(instead)


def _past(markup: str, lowered: str, start: int) -> tuple[int, str]:
    """Return where what begins with ``<`` ends, and what stands in its place."""
    if markup.startswith("<!--", start):
        return _after(markup, "-->", start + 4), ""
    if markup.startswith("<![CDATA[", start):
        end = markup.find("]]>", start)
        end = len(markup) if end < 0 else end
        return end + 3, markup[start + 9 : end]
    named = _TAG_NAME.match(markup, start)
    if named is None and not markup.startswith(("<!", "<?"), start):
        return start + 1, "<"  # a lone sign: "a < b"
    name = named[1].lower() if named else ""
    end = _after(markup, ">", start)
    if name in _SILENT and markup[start + 1] != "/":
        return _after(markup, ">", _before(lowered, f"</{name}", end)), ""
    return end, "\n" if name in _BREAKS else ""


def _flowed(text: str) -> str:
    """Return running text: its line breaks are only blanks."""
    return text.replace("\r", " ").replace("\n", " ")


def _after(text: str, end: str, start: int) -> int:
    found = text.find(end, start)
    return len(text) if found < 0 else found + len(end)


def _before(text: str, end: str, start: int) -> int:
    found = text.find(end, start)
    return len(text) if found < 0 else found
