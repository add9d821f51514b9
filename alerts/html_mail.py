"""The HTML beside a mail's plain text: the same words, laid out; nothing is fetched, nothing is counted.

    plain text -> blocks (paragraph, table of "label: value" lines, list, link) -> template, autoescaped

The text is the one source: whatever says it in plain text says it here, and a reader of either misses nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

_PAIR = re.compile(r"\s{0,6}(?P<label>[^\s:][^:\n]{0,60}?)\s?:\s{1,40}(?P<value>\S[^\n]{0,2000})")
_ITEM = re.compile(r"\s{0,4}[-*•]\s+(?P<text>\S[^\n]{0,2000})")
_LINK = re.compile(r"https?://[!-;=?-~]{1,1000}", re.ASCII)
_AFTER_A_LINK = ".,;:!?)]}'\""
_FEWEST_PAIRS = 2
_MOST_BLOCKS = 400
NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of text, or a link."""

    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a mail: ``kind`` is paragraph, table, list or button; ``rows`` are its lines."""

    kind: str
    rows: tuple[tuple[tuple[Piece, ...], ...], ...]


def html_of(
    subject: str, body: str, *, language: str, service: str, labels: Mapping[str, str] = NO_LABELS
) -> str:
    """Lay a plain text out as HTML; a link alone on its line is a button, called as ``labels`` calls what it begins with."""
    blocks = tuple(blocks_of(body))[:_MOST_BLOCKS]
    return _template().render(
        subject=subject,
        blocks=blocks,
        language=language,
        service=service,
        label=lambda url: _label(url, labels),
    )


def _label(url: str, labels: Mapping[str, str]) -> str:
    return next((said for start, said in labels.items() if url.startswith(start)), url)


def blocks_of(body: str) -> Iterator[Block]:
    """Take a plain text apart into what it consists of."""
    for part in re.split(r"\n[ \t]*\n", body.strip("\n")):
        lines = [line for line in part.split("\n") if line.strip()]
        for kind, same in groupby(lines, key=_kind_of):
            yield from _block(kind, tuple(same))


def _kind_of(line: str) -> str:
    if _LINK.fullmatch(line.strip()):
        return "button"
    if _ITEM.fullmatch(line):
        return "list"
    return "table" if _PAIR.fullmatch(line) else "paragraph"


def _block(kind: str, lines: tuple[str, ...]) -> Iterator[Block]:
    if kind == "table" and len(lines) >= _FEWEST_PAIRS:
        pairs = [match for line in lines if (match := _PAIR.fullmatch(line))]
        rows = tuple((_pieces(pair["label"]), _pieces(pair["value"])) for pair in pairs)
        yield Block(kind="table", rows=rows)
    elif kind == "list":
        items = [match["text"] for line in lines if (match := _ITEM.fullmatch(line))]
        yield Block(kind="list", rows=tuple((_pieces(item),) for item in items))
    elif kind == "button":
        for line in lines:
            yield Block(kind="button", rows=(((Piece(text=line.strip(), url=line.strip()),),),))
    else:
        yield Block(kind="paragraph", rows=tuple((_pieces(line.strip()),) for line in lines))


def _pieces(text: str) -> tuple[Piece, ...]:
    """Cut a line at its links; only http and https are links."""
    found: list[Piece] = []
    at = 0
    for match in _LINK.finditer(text):
        url = match[0].rstrip(_AFTER_A_LINK)
        end = match.start() + len(url)
        if match.start() > at:
            found.append(Piece(text=text[at : match.start()]))
        found.append(Piece(text=url, url=url))
        at = end
    if at < len(text):
        found.append(Piece(text=text[at:]))
    return tuple(found)


@cache
def _template() -> Template:
    env = Environment(
        loader=PackageLoader("alerts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return env.get_template("mail.html")
