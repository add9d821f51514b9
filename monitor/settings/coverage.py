"""Which clauses of a document a policy cites, what cites them, and the tests that prove it.

It walks the file itself, so that whatever carries a clause is found, also what is added later.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.settings.nodes import Document, ListNode, MapNode, Node, Scalar, dotted
from monitor.settings.yaml12 import load_file

NAMES = ("name", "duty", "fields", "any_of", "class", "channel", "standing", "question")
"""What a part of a policy is called by, the first it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One place of a policy file that cites a clause: its part, what it is called, and ``file:line``."""

    clause: str
    part: str
    name: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One clause: what cites it, and the tests that prove it."""

    policy: str
    clause: str
    citations: tuple[Citation, ...]
    tests: tuple[str, ...] = ()


def coverage(paths: Sequence[Path], proofs: Mapping[tuple[str, str], Sequence[str]]) -> tuple[Covered, ...]:
    """Return every clause cited by the policies at some paths (folders: every ``*.yaml``), in order."""
    documents: dict[str, Document] = {}
    for path in paths:
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            document = load_file(file)
            documents[str(document.data["policy"])] = document
    return tuple(
        Covered(
            policy=name, clause=clause, citations=tuple(cited), tests=tuple(proofs.get((name, clause), ()))
        )
        for name, document in documents.items()
        for clause, cited in _by_clause(citations(document))
    )


def citations(document: Document) -> Iterator[Citation]:
    """Yield every place of a policy file that cites a clause, in the file's order."""
    yield from _walk(document.root, ())


def read_proofs(path: Path) -> dict[tuple[str, str], list[str]]:
    """Read which tests prove which clause: a table of policy, clause and test; nothing where there is none."""
    proofs: dict[tuple[str, str], list[str]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                proofs.setdefault((row["policy"], row["clause"]), []).append(row["test"])
    return proofs


def _walk(node: Node, path: tuple[str | int, ...]) -> Iterator[Citation]:
    if isinstance(node, ListNode):
        for i, item in enumerate(node.items):
            yield from _walk(item, (*path, i))
    elif isinstance(node, MapNode):
        cited = node.items.get("clause")
        if cited is not None and isinstance(cited[1], Scalar) and cited[1].value is not None:
            key = cited[0]
            yield Citation(
                clause=str(cited[1].written),
                part=_part(path),
                name=_name(node, path),
                place=f"{key.file}:{key.line}",
            )
        for name, (_, item) in node.items.items():
            yield from _walk(item, (*path, name))


def _part(path: tuple[str | int, ...]) -> str:
    return dotted(tuple(step for step in path if isinstance(step, str))) or "policy"


def _name(node: MapNode, path: tuple[str | int, ...]) -> str:
    for key in NAMES:
        if key in node.items:
            value = node.items[key][1]
            listed = value.items if isinstance(value, ListNode) else [value]
            return ", ".join(item.written for item in listed if isinstance(item, Scalar))
    return str(path[-1]) if path else ""


def _by_clause(found: Iterable[Citation]) -> list[tuple[str, list[Citation]]]:
    by_clause: dict[str, list[Citation]] = {}
    for citation in found:
        by_clause.setdefault(citation.clause, []).append(citation)
    return sorted(by_clause.items(), key=lambda item: _numbered(item[0]))


def _numbered(clause: str) -> tuple[list[int], str]:
    """Order 2, 2.1, 10 as numbers; words after them by the alphabet."""
    return ([int(n) for n in re.findall(r"\d+", clause)] or [10**6], clause)
