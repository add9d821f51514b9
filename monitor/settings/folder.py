"""Reads a file, or a folder of files as if they were one.

The files of a folder (``*.yaml`` and ``*.yml``, by name, not those below it) are merged: mappings key by
key, lists one after the other; a value set in two files is an error that names both places.
"""

from collections.abc import Mapping
from pathlib import Path

from monitor.errors import ConfigError
from monitor.settings import nodes, yaml12
from monitor.settings.nodes import Document, ListNode, MapNode, Node, Problem, Scalar


def read(path: Path, *, environ: Mapping[str, str] | None = None) -> tuple[Document, tuple[Path, ...]]:
    """Return the document and the files it came from; raise with every mistake of every file."""
    if not path.is_dir():
        document = yaml12.load_file(path, environ=environ)
        return as_mapping(document), (path,)
    try:
        found = sorted(file for file in path.iterdir() if _belongs(file))
    except OSError as error:
        raise ConfigError([f"{path}:1:1: cannot be read: {error.strerror or error}"]) from error
    if not found:
        raise ConfigError([f"{path}:1:1: the folder holds no *.yaml file"])
    return merge([as_mapping(document) for document in _read_all(found, environ)], str(path)), tuple(found)


def _belongs(file: Path) -> bool:
    return file.suffix in {".yaml", ".yml"} and not file.name.startswith(".") and file.is_file()


def _read_all(found: list[Path], environ: Mapping[str, str] | None) -> list[Document]:
    documents: list[Document] = []
    problems: list[str] = []
    for file in found:
        try:
            documents.append(yaml12.load_file(file, environ=environ))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return documents


def as_mapping(document: Document) -> Document:
    """Take a file without any value (all of it commented out) for an empty mapping."""
    root = document.root
    if isinstance(root, Scalar) and root.value is None:
        return Document(document.name, MapNode(root.file, 1, 1), document.filled)
    if not isinstance(root, MapNode):
        raise ConfigError([f"{document.place()}: the file must be a mapping (key: value)"])
    return document


def merge(documents: list[Document], name: str) -> Document:
    """Merge documents into one; raise :class:`ConfigError` naming both places of what is set twice."""
    problems: list[Problem] = []
    filled: dict[str, str] = {}
    whole: Node = MapNode(name, 1, 1)
    for document in documents:
        filled |= document.filled
        whole = _merged(whole, document.root, (), problems)
    if problems:
        raise ConfigError([str(problem) for problem in problems])
    return Document(name, whole, filled)


def _merged(one: Node, two: Node, path: nodes.Path, problems: list[Problem]) -> Node:
    if isinstance(two, Scalar) and two.value is None:
        return one
    if isinstance(one, Scalar) and one.value is None:
        return two
    if isinstance(one, ListNode) and isinstance(two, ListNode):
        return ListNode(one.file, one.line, one.column, [*one.items, *two.items])
    if isinstance(one, MapNode) and isinstance(two, MapNode):
        return _merged_maps(one, two, path, problems)
    told = f"already set at {one.file}:{one.line}:{one.column}"
    problems.append(Problem(two.file, two.line, two.column, path, told))
    return one


def _merged_maps(one: MapNode, two: MapNode, path: nodes.Path, problems: list[Problem]) -> MapNode:
    items = dict(one.items)
    for name, (key, node) in two.items.items():
        if name in items:
            items[name] = (items[name][0], _merged(items[name][1], node, (*path, name), problems))
        else:
            items[name] = (key, node)
    return MapNode(one.file, one.line, one.column, items)
