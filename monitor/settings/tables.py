"""Reads partners, licences and systems from CSV tables into the same nodes as YAML, so that all checks are the same.

The header names the keys; ``tags.rack`` and ``contacts.0.phone`` reach below. An empty cell is an absent
key. Comma or semicolon, with or without a byte-order mark. The column of a place is the cell's number.
"""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from monitor.settings import models
from monitor.settings.nodes import Document, Key, ListNode, MapNode, Node, Problem, Scalar
from monitor.settings.validation import did_you_mean, names_at

_LARGEST = 256 * 1024 * 1024
_MOST_PEOPLE = 20


def imported(document: Document) -> tuple[Document, list[Problem], list[Path]]:
    """Return the document with its ``import:`` tables appended to their lists, what is wrong, and the files."""
    problems: list[Problem] = []
    files: list[Path] = []
    root = document.root
    for section in ("partners", "licences", "systems"):
        at = ("import", f"{section}_csv")
        named = document.node(at)
        if not isinstance(named, Scalar) or not isinstance(named.value, str):
            continue
        path = Path(named.file).parent / named.value
        files.append(path)
        try:
            rows = _rows(path, section, problems)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            problems.append(document.problem(at, f"the table cannot be read: {reason}"))
            continue
        root = _appended(root, section, rows)
    return Document(document.name, root, document.filled, document.base), problems, files


def _appended(root: Node, section: str, rows: list[Node]) -> Node:
    if not isinstance(root, MapNode):
        return root
    key, before = root.items.get(section, (Key(root.file, 1, 1), None))
    kept = before.items if isinstance(before, ListNode) else []
    if before is not None and not isinstance(before, ListNode) and getattr(before, "value", ...) is not None:
        return root  # the file has no list there: the models will say so
    at = before or root
    merged = ListNode(at.file, at.line, at.column, [*kept, *rows])
    return MapNode(root.file, root.line, root.column, root.items | {section: (key, merged)})


def _rows(path: Path, section: str, problems: list[Problem]) -> list[Node]:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"larger than {_LARGEST >> 20} MiB")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    first = text.partition("\n")[0]
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    try:
        header = [cell.strip() for cell in next(reader, [])]
        return list(_nodes(_Table(path, section, header, problems), reader))
    except csv.Error as error:
        problems.append(Problem(str(path), reader.line_num or 1, 1, (), f"not a table: {error}"))
        return []


class _Table:
    """A table's name and header; bad headers are told once and their cells left out."""

    def __init__(self, path: Path, section: str, header: list[str], problems: list[Problem]) -> None:
        """Check the header."""
        self.file = str(path)
        self.section = section
        self.problems = problems
        self.width = len(header)
        self.columns = [(number, self._steps(name, number)) for number, name in enumerate(header, 1)]
        for number, name in enumerate(header, 1):
            if name in header[: number - 1]:
                self.wrong(1, number, f"two columns are called {name!r}")

    def _steps(self, name: str, number: int) -> tuple[str, ...]:
        steps = tuple(name.split("."))
        wrong = self._misnamed(steps) if all(steps) else "the column has no name"
        if wrong:
            self.wrong(1, number, wrong)
        return () if wrong else steps

    def _misnamed(self, steps: tuple[str, ...]) -> str:
        for depth, step in enumerate(steps):
            known = names_at(models.Root, (self.section, 0, *steps[:depth]))
            if step.isdigit() and depth and (not step.isascii() or int(step) >= _MOST_PEOPLE):
                return f"lists in tables end at {_MOST_PEOPLE - 1}"
            if known and step not in known and not (depth and step.isdigit()):
                return f"there is no such key as {step!r}{did_you_mean(step, known)}"
        return ""

    def wrong(self, line: int, column: int, message: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(self.file, line, column, (), message))


def _nodes(table: _Table, reader: Iterator[list[str]]) -> Iterator[Node]:
    line = getattr(reader, "line_num", 1) + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            if len(cells) > table.width:
                table.wrong(
                    line, table.width + 1, f"the row has {len(cells)} cells, the header {table.width}"
                )
            yield _row(table, line, cells)
        line = getattr(reader, "line_num", line) + 1


def _row(table: _Table, line: int, cells: list[str]) -> MapNode:
    row = MapNode(table.file, line, 1)
    for (column, steps), cell in zip(table.columns, cells, strict=False):
        text = cell.strip()
        if text and steps:
            key = Key(table.file, 1, column)
            _put(row, steps, key, Scalar(table.file, line, column, text, text), table)
    return _listed(row)


def _put(row: MapNode, steps: tuple[str, ...], key: Key, cell: Scalar, table: _Table) -> None:
    *above, last = steps
    for step in above:
        _, below = row.items.setdefault(step, (key, MapNode(cell.file, cell.line, cell.column)))
        if not isinstance(below, MapNode):
            table.wrong(cell.line, cell.column, f"{step!r} is a column of its own, too")
            return
        row = below
    row.items.setdefault(last, (key, cell))


def _listed(row: MapNode) -> MapNode:
    """Make lists of what is numbered from 0."""
    for name, (key, node) in row.items.items():
        if isinstance(node, MapNode):
            below = _listed(node)
            numbered = bool(below.items) and all(step.isdigit() for step in below.items)
            ordered = [below.items[step][1] for step in sorted(below.items, key=int)] if numbered else []
            made = ListNode(node.file, node.line, node.column, ordered) if numbered else below
            row.items[name] = (key, made)
    return row
