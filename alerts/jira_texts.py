"""Texts for Jira: the Atlassian Document Format that its Cloud takes, and the wiki markup of its Data Center.

adf / from_adf     plain paragraphs; whatever looks like markup is text, because nothing is parsed
wiki / from_wiki   what would start a link, a macro or a picture gets a backslash, and loses it again
"""

import json
import re
from typing import Any

from alerts.ticketing_http import fit

LONGEST = 32_767
"""Characters Jira takes in one text."""

_DEPTH = 40
_BLOCKS = frozenset(
    {"paragraph", "heading", "codeBlock", "blockquote", "listItem", "tableRow", "rule", "panel"}
)
_STARTS = re.compile(r"[\\{\[!]")
_ESCAPED = re.compile(r"\\([\\{\[!])")


def adf(said: str) -> dict[str, Any]:
    """Return a text as a document, cut so that the whole of it is taken."""
    longest = LONGEST - 1_000
    while len(json.dumps(made := _document(fit(said, longest)), ensure_ascii=False)) > LONGEST:
        longest = longest * 4 // 5
    return made


def _document(said: str) -> dict[str, Any]:
    paragraphs = [{"type": "paragraph", "content": _lines(part)} for part in said.split("\n\n")]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _lines(paragraph: str) -> list[dict[str, Any]]:
    """Return the lines of a paragraph; a text node may not be empty."""
    nodes: list[dict[str, Any]] = []
    for number, line in enumerate(paragraph.split("\n")):
        nodes += [{"type": "hardBreak"}] if number else []
        nodes += [{"type": "text", "text": line}] if line else []
    return nodes


def from_adf(document: object) -> str:
    """Return the plain text of a document, whatever is in it."""
    return "\n\n".join(_blocks(document, _DEPTH)).strip("\n")


def _blocks(node: object, depth: int) -> list[str]:
    if not isinstance(node, dict) or not depth:
        return []
    if node.get("type") in _BLOCKS and not any(_is_block(child) for child in _children(node)):
        return ["".join(_inline(child, depth) for child in _children(node))]
    return [block for child in _children(node) for block in _blocks(child, depth - 1)]


def _inline(node: object, depth: int) -> str:
    if not isinstance(node, dict) or not depth:
        return ""
    if node.get("type") == "hardBreak":
        return "\n"
    attributes = node.get("attrs")
    named = attributes if isinstance(attributes, dict) else {}
    said = node.get("text") or named.get("text") or named.get("url") or named.get("shortName") or ""
    return str(said) or "".join(_inline(child, depth - 1) for child in _children(node))


def _is_block(node: object) -> bool:
    return isinstance(node, dict) and (
        node.get("type") in _BLOCKS or any(map(_is_block, _children(node)[:1]))
    )


def _children(node: dict[str, Any]) -> list[Any]:
    found = node.get("content")
    return found if isinstance(found, list) else []


def wiki(said: str) -> str:
    """Return a text in which nothing starts a macro, a link or a picture."""
    longest = LONGEST - 1_000
    while len(made := _STARTS.sub(r"\\\g<0>", fit(said, longest))) > LONGEST:
        longest = longest * 4 // 5
    return made


def from_wiki(said: object) -> str:
    """Return a text without the backslashes that kept it one."""
    return _ESCAPED.sub(r"\1", str(said or "")).replace("\r\n", "\n")
