"""Checks what one model cannot see: names used twice, and names that nothing bears.

Works on the nodes, not on the models, so that a mistake elsewhere in the file hides none of these.
Whether policies, tiers and calendars exist is the policies' own matter (``policies.py``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from monitor.settings.nodes import Document, ListNode, MapNode, Node, Path, Problem, Scalar, child
from monitor.settings.validation import did_you_mean

_FEW, _MOST_COMPARED = 200, 50_000
_Found = Iterator[tuple[Path, str]]


def check(document: Document) -> Iterator[Problem]:
    """Yield every name used twice and every name that nothing bears."""
    names: Mapping[str, set[str]] = {
        "partner": {name for _, name in _values(document, ("partners",), "id")},
        "system": {name for _, name in _values(document, ("systems",), "serial")},
        "component": {name for _, name in _values(document, ("components",), "id")},
        "licence": {name for _, name in _values(document, ("licences",), "id")},
        "engineer": {name for _, name in _values(document, ("on_call", "engineers"), "id")},
        "escalation": {name for _, name in _values(document, ("escalations",), "name")},
        "check": {name for _, name in _values(document, ("checks",), "name")},
    }
    yield from _twice(document)
    for kind, found in _uses(document):
        yield from _unborne(document, kind, found, names[kind])
    yield from _served_by_itself(document)
    yield from _depends_on_itself(document)
    yield from _of_nothing(document)


def _unborne(document: Document, kind: str, found: _Found, names: set[str]) -> Iterator[Problem]:
    """Yield names that nothing bears; only the first few with a suggestion, as looking for one is slow."""
    hints = _MOST_COMPARED
    for path, name in found:
        if name in names:
            continue
        hints -= len(names)
        hint = did_you_mean(name, names) if hints >= 0 or len(names) < _FEW else ""
        yield document.problem(path, f"there is no {kind} {document.written(path)!r}{hint}")


def _twice(document: Document) -> Iterator[Problem]:
    lists: tuple[tuple[str, _Found], ...] = (
        ("partner", _values(document, ("partners",), "id")),
        ("system", _values(document, ("systems",), "serial")),
        ("licence", _values(document, ("licences",), "id")),
        ("component", _values(document, ("components",), "id")),
        ("engineer", _values(document, ("on_call", "engineers"), "id")),
        ("escalation", _values(document, ("escalations",), "name")),
        ("check", _values(document, ("checks",), "name")),
        ("contact", _contacts(document, "id")),
        ("heartbeat", _values(document, ("checks",), "uuid")),
        ("project", _values(document, ("sentry", "projects"), "id")),
        ("alert rule", _values(document, ("alerts", "rules"), "name")),
        ("vantage", _values(document, ("vantages",), "id")),
    )
    for kind, found in lists:
        first: dict[str, Path] = {}
        for path, name in found:
            if name in first:
                told = f"a second {kind} {document.written(path)!r}; the first is at {document.place(first[name])}"
                yield document.problem(path, told)
            first.setdefault(name, path)


def _uses(document: Document) -> Iterator[tuple[str, _Found]]:
    yield "partner", _values(document, ("partners",), "assigned_to")
    yield "partner", _values(document, ("systems",), "partner")
    yield "partner", _values(document, ("licences",), "partner")
    yield "licence", _contacts(document, "licence")
    yield "component", _values(document, ("systems",), "component")
    yield "component", _values(document, ("checks",), "component")
    yield "component", _values(document, ("alerts", "rules"), "component")
    yield "system", _values(document, ("checks",), "system")
    yield "system", _values(document, ("sentry", "projects"), "system")
    yield "check", _named_in(document, "checks")
    yield "system", _named_in(document, "systems")
    yield "engineer", _items(document, ("on_call", "rotation", "order"))
    yield "engineer", _values(document, ("on_call", "rotation", "shifts"), "engineer")
    for number, _ in enumerate(_list(document.node(("on_call", "rotations")))):
        yield "engineer", _items(document, ("on_call", "rotations", number, "order"))
        yield "engineer", _values(document, ("on_call", "rotations", number, "shifts"), "engineer")
    yield "escalation", _one(document, ("on_call", "escalation"))
    yield "escalation", _values(document, ("partners",), "escalation")
    yield "engineer", _named_in_escalations(document)
    yield "engineer", _values(document, ("on_call", "overrides"), "engineer")
    yield "engineer", _one(document, ("on_call", "fallback"))


def _served_by_itself(document: Document) -> Iterator[Problem]:
    for path, name in _values(document, ("partners",), "assigned_to"):
        if document.node((*path[:-1], "id")) and _text(document.node((*path[:-1], "id"))) == name:
            yield document.problem(path, "a partner cannot be assigned to itself")


def _depends_on_itself(document: Document) -> Iterator[Problem]:
    for section, key in (("checks", "name"), ("systems", "serial")):
        for number, item in enumerate(_list(document.node((section,)))):
            name = _text(child(item, key)) if isinstance(item, MapNode) else ""
            for path, other in _items(document, (section, number, "depends_on")):
                if other == name:
                    yield document.problem(path, "it cannot depend on itself")


def _of_nothing(document: Document) -> Iterator[Problem]:
    for number, item in enumerate(_list(document.node(("checks",)))):
        if isinstance(item, MapNode) and not (
            _text(child(item, "system")) or _text(child(item, "component"))
        ):
            yield document.problem(("checks", number), "a check needs a system or a component")


def _named_in(document: Document, section: str) -> _Found:
    """Yield what the entries of a section depend on."""
    for number, item in enumerate(_list(document.node((section,)))):
        if isinstance(item, MapNode) and child(item, "depends_on") is not None:
            yield from _items(document, (section, number, "depends_on"))


def _named_in_escalations(document: Document) -> _Found:
    """Yield the engineers that escalations name, in a step or in the end."""
    for number, one in enumerate(_list(document.node(("escalations",)))):
        yield from _one(document, ("escalations", number, "catch_all"))
        yield from _one(document, ("escalations", number, "catch_all", "engineer"))
        steps: Path = ("escalations", number, "steps")
        for place, _ in enumerate(_list(child(one, "steps"))):
            yield from _one(document, (*steps, place, "to", "engineer"))
            yield from _values(document, (*steps, place, "to"), "engineer")


def _contacts(document: Document, key: str) -> _Found:
    for number, _ in enumerate(_list(document.node(("partners",)))):
        yield from _values(document, ("partners", number, "contacts"), key)


def _values(document: Document, path: Path, key: str) -> _Found:
    for number, item in enumerate(_list(document.node(path))):
        if text := _text(child(item, key)):
            yield (*path, number, key), text


def _items(document: Document, path: Path) -> _Found:
    for number, item in enumerate(_list(document.node(path))):
        if text := _text(item):
            yield (*path, number), text


def _one(document: Document, path: Path) -> _Found:
    if text := _text(document.node(path)):
        yield path, text


def _list(node: Node | None) -> list[Node]:
    return node.items if isinstance(node, ListNode) else []


def _text(node: Node | None) -> str:
    """Return a scalar as the models will read it."""
    value: Any = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool):
        return ""
    return str(getattr(value, "written", value)).strip()
