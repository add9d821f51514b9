"""Reads YAML strictly, keeping the place of every key and value.

    file(s) -> events -> nodes (value + file:line:column) -> Document -> validate() -> a pydantic model

YAML 1.1 eats just our kind of data: ``NO`` becomes false, ``9:00`` 540, ``017`` 15, and ``+39…`` loses its
plus and its zero. Here only YAML 1.2's core scalars have a meaning, and a number written with a plus or
a leading zero stays text. Duplicate keys, tags, merge keys, endless depth and alias bombs are refused.
The composer is ours because PyYAML's recurses, builds Python objects and lets the last duplicate win.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.errors import ConfigError
from monitor.settings.fill import Filler
from monitor.settings.nodes import Document, Key, ListNode, MapNode, Node, Problem, Scalar
from monitor.settings.validation import validate

__all__ = ["Document", "load", "load_file", "text_of", "validate"]

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 50
MAX_ALIASED = 100_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)$")
_OTHER_BASE = re.compile(r"0o[0-7]+$|0x[0-9a-fA-F]+$")
_FRACTION = re.compile(r"-?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST_NUMBER = 30
_TEXT_TAG = "tag:yaml.org,2002:str"


class WrittenInt(int):
    """A whole number that remembers how it was written (``0x1F``)."""

    written: str


class WrittenFloat(float):
    """A number that remembers how it was written, so that version ``5.10`` stays 5.10."""

    written: str


def scalar(text: str) -> Any:
    """Return what a plain (unquoted) scalar means in YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER or not (text[0].isdigit() or text[0] in "-."):
        return text
    if _NUMBER.match(text):
        return int(text)
    if _OTHER_BASE.match(text):
        whole = WrittenInt(int(text, 0))
        whole.written = text
        return whole
    if _FRACTION.match(text):
        number = WrittenFloat(text)
        number.written = text
        return number
    return text


def load(text: str, name: str = "<text>", *, environ: Mapping[str, str] | None = None) -> Document:
    """Read a document from text; raise :class:`ConfigError` with every mistake."""
    return _compose(text, name, Filler(environ))


def load_file(path: Path, *, environ: Mapping[str, str] | None = None) -> Document:
    """Read one file; raise :class:`ConfigError` with every mistake."""
    return _compose(text_of(path), str(path), Filler(environ, folder=path.parent))


def text_of(path: Path) -> str:
    """Return a file's text; raise :class:`ConfigError` where it cannot be read."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        if not raw and path.stat().st_size:
            raise ConfigError([f"{path}:1:1: the file is larger than {MAX_BYTES >> 20} MiB"])
    except OSError as error:
        raise ConfigError([f"{path}:1:1: cannot be read: {error.strerror or error}"]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError([f"{path}:{line}:{column}: not UTF-8 text"]) from error


def _compose(text: str, name: str, filler: Filler) -> Document:
    composer = _Composer(name, filler)
    try:
        composer.read(text)
    except yaml.YAMLError as error:
        composer.problems.append(_syntax(error, text, name))
    except UnicodeEncodeError:
        composer.problems.append(Problem(name, 1, 1, (), "a lone surrogate is no character"))
    except _Stop:
        pass
    if composer.problems:
        raise ConfigError([str(problem) for problem in composer.problems])
    return Document(name, composer.root or MapNode(name, 1, 1), filler.filled)


def _syntax(error: yaml.YAMLError, text: str, name: str) -> Problem:
    mark: Any = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if mark is not None:
        return Problem(name, mark.line + 1, mark.column + 1, (), f"not YAML: {said}")
    bad = getattr(error, "position", None)
    before = text[:bad] if isinstance(bad, int) else ""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(name, line, column, (), f"not YAML: {said}")


class _Stop(Exception):  # noqa: N818 - not an error of its own: the problem is already on the list
    """There is no sense in reading on."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come; ``key`` waits for its value."""

    node: ListNode | MapNode
    anchor: str | None
    key: tuple[str | None, Key] | None = None


@dataclass(slots=True)
class _Composer:
    """Builds nodes from the parser's events without recursion, collecting mistakes."""

    name: str
    filler: Filler
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    stack: list[_Open] = field(default_factory=list[_Open])
    anchors: dict[str, Node] = field(default_factory=dict[str, Node])
    texts: dict[str, str] = field(
        default_factory=dict[str, str]
    )  # each word once, however often it stands there
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    aliased: int = 0
    documents: int = 0

    def read(self, text: str) -> None:
        """Take every event in turn."""
        loader = _Loader(text)
        try:
            while (event := loader.get_event()) is not None:
                self._take(event)
        finally:
            loader.dispose()

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._start(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._stop(event, "one document per file: remove the '---' or use a second file")

    def _wrong(self, event: Any, message: str) -> None:
        at = event.start_mark
        self.problems.append(Problem(self.name, at.line + 1, at.column + 1, (), message))

    def _stop(self, event: Any, message: str) -> None:
        self._wrong(event, message)
        raise _Stop

    def _at(self, event: Any) -> tuple[str, int, int]:
        return self.name, event.start_mark.line + 1, event.start_mark.column + 1

    def _scalar(self, event: Any) -> None:
        self._refuse_tag(event)
        if self._expects_key():
            self._key(event, event.value)
            return
        plain = event.style in {None, ""} and event.tag != _TEXT_TAG
        written = self.texts.setdefault(event.value, event.value)
        value = scalar(written) if plain else written
        if isinstance(value, str):
            try:
                value = self.filler.fill(value)
            except ValueError as error:
                self._wrong(event, str(error))
        self._add(Scalar(*self._at(event), value, written), event.anchor)

    def _expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].node, MapNode) and self.stack[-1].key is None

    def _key(self, event: Any, text: str | None) -> None:
        top = self.stack[-1].node
        assert isinstance(top, MapNode), "only mappings have keys"
        if text is None:
            self._wrong(event, "a key must be a word, not a list, a mapping or an alias")
        elif text == "<<":
            self._wrong(event, "merge keys (<<) are not part of YAML 1.2: write the keys out")
        elif text == "":
            self._wrong(event, "a key is missing before the colon")
        elif text in top.items:
            first = top.items[text][0].line
            self._wrong(event, f"duplicate key {text!r} (first at line {first})")
        else:
            self.stack[-1].key = (text, Key(*self._at(event)))
            return
        self.stack[-1].key = (None, Key(*self._at(event)))

    def _start(self, event: Any) -> None:
        self._refuse_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} deep")
        kind = MapNode if isinstance(event, yaml.MappingStartEvent) else ListNode
        node = kind(*self._at(event))
        if self._expects_key():
            self._key(event, None)
            self.stack.append(_Open(node, None))
            return
        self._add(node, None)
        self.stack.append(_Open(node, event.anchor))

    def _end(self) -> None:
        closed = self.stack.pop()
        if closed.anchor:
            self._anchor(closed.anchor, closed.node)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchor(anchor, node)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.node, ListNode):
            top.node.items.append(node)
            return
        assert top.key is not None, "a value comes after its key"
        text, key = top.key
        top.key = None
        if text is not None:
            top.node.items[text] = (key, node)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in {None, "!", _TEXT_TAG}:
            self._wrong(event, f"tags are not used here: remove {event.tag!r}")

    def _anchor(self, name: str, node: Node) -> None:
        self.anchors[name] = node
        self._measure(node)

    def _alias(self, event: Any) -> None:
        if self._expects_key():
            self._key(event, None)
            return
        node = self.anchors.get(event.anchor)
        if node is None:
            self._stop(event, f"alias *{event.anchor} is used before or inside what it names")
            return
        size, height = self._measure(node)
        self.aliased += size
        if self.aliased > MAX_ALIASED or len(self.stack) + height > MAX_DEPTH:
            self._stop(event, f"aliases grow the file beyond {MAX_ALIASED} values or {MAX_DEPTH} levels")
        self._add(node, None)

    def _measure(self, node: Node) -> tuple[int, int]:
        """Return how many values a node unfolds to and how deep, each anchored node measured once."""
        if id(node) in self.sizes:
            return self.sizes[id(node)]
        if isinstance(node, Scalar):
            below: list[Node] = []
        else:
            below = node.items if isinstance(node, ListNode) else [item for _, item in node.items.values()]
        parts = [self._measure(item) for item in below]
        found = 1 + sum(size for size, _ in parts), 1 + max((height for _, height in parts), default=0)
        self.sizes[id(node)] = found
        return found
