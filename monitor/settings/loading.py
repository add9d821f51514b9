"""The road from files to :class:`Settings`.

    file or folder -> strict YAML -> + tables -> models -> references -> sense -> Settings

Nothing is kept between two calls and nothing global is read but the environment, so loading again is all
that a reload takes. Every mistake of every stage that could be reached is told at once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from monitor.errors import ConfigError
from monitor.settings import build, folder, references, tables, validation, wording_section, yaml12
from monitor.settings.models import CheckIn, Root
from monitor.settings.nodes import Document, ListNode, MapNode, Node, Problem, Scalar, child, plain
from monitor.settings.sections import Settings

CheckOptions = Mapping[str, type[BaseModel]]

_CHECK_KEYS = frozenset(CheckIn.model_fields)


def load(
    path: Path,
    *,
    now: datetime,
    check_options: CheckOptions | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read a configuration file or folder, or raise :class:`ConfigError` with every mistake.

    ``check_options`` are the check types and their own keys; without it types are taken as they come and
    a check's ``options`` stay a dict. ``now`` says around which moment the rota is worked out.
    """
    document, files = folder.read(path, environ=environ)
    return from_document(document, now=now, check_options=check_options, files=files)


def load_text(
    text: str,
    name: str = "<text>",
    *,
    now: datetime,
    check_options: CheckOptions | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read a configuration from text."""
    document = yaml12.load(text, name, environ=environ)
    return from_document(folder.as_mapping(document), now=now, check_options=check_options)


def from_document(
    document: Document,
    *,
    now: datetime,
    check_options: CheckOptions | None = None,
    files: tuple[Path, ...] = (),
) -> Settings:
    """Make settings of a document that was read before."""
    assert now.tzinfo is not None, "instants are aware"
    whole, problems, imported = tables.imported(document)
    root, wrong = validation.check(Root, whole)
    options, misfits = _options(whole, check_options)
    problems += [*wrong, *misfits, *references.check(whole)]
    if root is not None:
        problems += build.sense(root, whole)
    if root is None or problems:
        raise ConfigError(validation.lines(problems))
    return _settings(root, whole, now, options, (*files, *imported))


def _settings(
    root: Root, document: Document, now: datetime, options: build.Options, files: tuple[Path, ...]
) -> Settings:
    on_call, gaps = build.on_call(root.on_call, root.service.zone, now, document)
    policies, missing = build.policy_paths(root, document)
    if gaps or missing:
        raise ConfigError(validation.lines([*gaps, *missing]))
    return Settings(
        service=root.service,
        database=root.database,
        listen=root.listen,
        metrics=root.metrics,
        inventory=build.inventory(root, on_call),
        checks=build.checks(root.checks, options, root.checks_defaults),
        checks_defaults=root.checks_defaults,
        phone=root.phone,
        mail=root.mail,
        tickets=root.tickets,
        contact=root.contact,
        triage=root.triage,
        limits=root.limits,
        sentry=root.sentry,
        crash=root.crash,
        page=root.page,
        chat=root.chat,
        mail_in=root.mail_in,
        forward_to=dict(root.forward_to),
        accounts=root.accounts,
        secrets=root.secrets,
        correlation=root.correlation,
        overrun=root.overrun,
        public_texts=wording_section.approved(root.public_texts),
        anchors=root.anchors,
        alerts=root.alerts,
        flapping=root.flapping,
        vantages=root.vantages,
        second_look=root.second_look,
        history=root.history,
        maintenance=tuple(one.series(root.service.zone) for one in root.maintenance),
        policies=policies,
        sources=files,
        places=dict(_places(document)),
    )


def _options(
    document: Document, types: CheckOptions | None
) -> tuple[dict[int, BaseModel | Mapping[str, object]], list[Problem]]:
    """Read what each check's type adds, by the check's number."""
    options: dict[int, BaseModel | Mapping[str, object]] = {}
    problems: list[Problem] = []
    alike: dict[tuple[str, str], BaseModel] = {}  # one instance for all checks that say the same
    listed = document.node(("checks",))
    for number, item in enumerate(listed.items if isinstance(listed, ListNode) else []):
        own = _own_keys(item)
        options[number] = own
        named = child(item, "type")
        if types is None or not isinstance(named, Scalar) or not isinstance(named.value, str):
            continue
        if named.value not in types:
            told = validation.not_one_of(named.written, sorted(types))
            problems.append(document.problem(("checks", number, "type"), told))
            continue
        said = named.value, _as_written(item, _CHECK_KEYS)
        if said not in alike:
            part = document.part("checks", number)
            made, wrong = validation.check(types[named.value], part, own, also=_CHECK_KEYS)
            problems += wrong
            if made is None:
                continue
            alike[said] = made
        options[number] = alike[said]
    return options, problems


def _as_written(node: Node, but: frozenset[str] = frozenset()) -> str:
    """Return what stands in the file, without some keys of it: ``5.10`` is not ``5.1``."""
    if isinstance(node, Scalar):
        return f"{type(node.value).__name__} {node.written!r}"
    if isinstance(node, ListNode):
        return f"[{','.join(map(_as_written, node.items))}]"
    entries = ((key, item) for key, (_, item) in node.items.items() if key not in but)
    return f"{{{','.join(f'{key!r}:{_as_written(item)}' for key, item in entries)}}}"


def _own_keys(item: Node) -> dict[str, object]:
    """Return a check's keys that are its type's, not every check's."""
    entries = item.items.items() if isinstance(item, MapNode) else ()
    return {key: plain(node) for key, (_, node) in entries if key not in _CHECK_KEYS}


def _places(document: Document) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where sections, entries and their keys stand (of systems and checks, of which there are many, only entries)."""
    root = document.root
    for section, (_, node) in root.items.items() if isinstance(root, MapNode) else ():
        yield from _below((section,), node, depth=2)
    yield from _entries(document, ("partners",), "id", depth=1)
    yield from _entries(document, ("licences",), "id", depth=1)
    yield from _entries(document, ("systems",), "serial", depth=0)
    yield from _entries(document, ("components",), "id", depth=1)
    yield from _entries(document, ("checks",), "name", depth=0)
    yield from _entries(document, ("on_call", "engineers"), "id", depth=1)
    partners = document.node(("partners",))
    for number, item in enumerate(partners.items if isinstance(partners, ListNode) else []):
        named = child(item, "id")
        if isinstance(named, Scalar):
            below = ("partners", number, "contacts")
            yield from _entries(
                document, below, "id", depth=1, under=("partners", str(named.value), "contacts")
            )


def _entries(
    document: Document, path: tuple[str | int, ...], key: str, *, depth: int, under: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    listed = document.node(path)
    for item in listed.items if isinstance(listed, ListNode) else []:
        named = child(item, key)
        if isinstance(named, Scalar):
            name = str(getattr(named.value, "written", named.value))
            yield from _below((*(under or (str(path[-1]),)), name), item, depth=depth)


def _below(at: tuple[str, ...], node: Node, *, depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    yield at, f"{node.file}:{node.line}:{node.column}"
    if depth and isinstance(node, MapNode):
        for key, (_, item) in node.items.items():
            yield from _below((*at, key), item, depth=depth - 1)
