"""What a configuration file says and where it says it: a small tree of values with their places.

Every node knows its file, line and column (counted from 1). Files are merged, tables imported and
parts cut out on this tree, so that a place is never lost on the way to an error message.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_LONGEST_MESSAGE = 500
Path = tuple[str | int, ...]
"""Where a value is in a document: keys of mappings and indexes of lists, outermost first."""


@dataclass(slots=True)
class Scalar:
    """A single value; ``written`` is how the file has it, before ``${env:…}`` was filled in."""

    file: str
    line: int
    column: int
    value: Any
    written: str


@dataclass(slots=True)
class Key:
    """The key of an entry, where it stands."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class ListNode:
    """A list."""

    file: str
    line: int
    column: int
    items: list["Node"] = field(default_factory=list["Node"])


@dataclass(slots=True)
class MapNode:
    """A mapping; keys are text as written, in the file's order."""

    file: str
    line: int
    column: int
    items: dict[str, tuple[Key, "Node"]] = field(default_factory=dict[str, tuple[Key, "Node"]])


Node = Scalar | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands, which key it is about, and what is wrong."""

    file: str
    line: int
    column: int
    path: Path
    message: str

    def __str__(self) -> str:
        """Print as compilers do, so that editors can jump to it."""
        key = f"{dotted(self.path)}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {key}{self.message}"


def dotted(path: Path) -> str:
    """Write a path as people do: ``systems[3].serial``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def plain(node: Node) -> Any:
    """Return the tree as ordinary dicts, lists and values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, (_, item) in node.items.items()}


def child(node: Node, step: str | int) -> Node | None:
    """Return what is one step down, or None."""
    if isinstance(node, MapNode) and isinstance(step, str):
        entry = node.items.get(step)
        return entry[1] if entry else None
    if isinstance(node, ListNode) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration, read: its plain ``data``, and the tree that knows where everything stands."""

    name: str
    root: Node
    filled: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    base: Path = ()

    @property
    def data(self) -> Any:
        """The plain data (built on each call)."""
        return plain(self.root)

    def node(self, path: Path) -> Node | None:
        """Return the node at a path, or None if the file has no such key."""
        node: Node | None = self.root
        for step in path:
            node = child(node, step) if node is not None else None
        return node

    def nearest(self, path: Iterable[str | int]) -> tuple[Path, Node]:
        """Walk a path as far as the file has it, leaping over steps it does not have."""
        node: Node = self.root
        walked: Path = ()
        for step in path:
            below = child(node, step)
            if below is not None:
                node, walked = below, (*walked, step)
        return walked, node

    def key(self, path: Path) -> Key | None:
        """Return the key of the entry at a path."""
        above = self.node(path[:-1])
        if isinstance(above, MapNode) and path and path[-1] in above.items:
            return above.items[str(path[-1])][0]
        return None

    def place(self, path: Path = ()) -> str:
        """Return ``file:line:column`` of the value at a path, or of the nearest thing around it."""
        _, node = self.nearest(path)
        return f"{node.file}:{node.line}:{node.column}"

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Make the problem line for a value, or for its key."""
        at: Node | Key = (self.key(path) if at_key else None) or self.nearest(path)[1]
        return Problem(
            at.file, at.line, at.column, (*self.base, *path), self.scrub(message)[:_LONGEST_MESSAGE]
        )

    def written(self, path: Path) -> str:
        """Return a scalar as the file has it, so that a filled-in secret is never shown."""
        node = self.node(path)
        return node.written if isinstance(node, Scalar) else ""

    def scrub(self, text: str) -> str:
        """Put ``${env:…}`` back wherever a message shows what was filled in for it."""
        for value, written in self.filled.items():
            text = text.replace(value, written)
        return text

    def part(self, *path: str | int) -> "Document":
        """Return the document below a path; places stay true."""
        node = self.node(path)
        return Document(self.name, node or MapNode(self.name, 1, 1), self.filled, (*self.base, *path))
