"""What ``tocsin audit`` does: follow the chain of a record, and write the log out."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from monitor.auditing import audit_keys
from monitor.commands import configuration
from monitor.domain.audit_chain import Entry, Head, Walk, ended, follow
from monitor.operating import database
from monitor.storage import audit
from monitor.storage.engine import open_store


def verify(path: Path | None, data_dir: Path, anchors: Sequence[str]) -> tuple[Walk, bool]:
    """Follow the chain from its first row; say how it is, and whether seals were checked."""
    keys = () if path is None else audit_keys(configuration(path).settings.secrets)

    def walked(c: sa.Connection) -> Walk:
        start = Walk(anchors=frozenset(anchor.lower() for anchor in anchors))
        return ended(follow(start, audit.every_entry(c), keys), audit.head(c), keys)

    return _read(path, data_dir, walked), bool(keys)


def export(path: Path | None, data_dir: Path, write: Callable[[str], Any]) -> Head:
    """Write every row as a line of JSON, the oldest first; return the head."""

    def written(c: sa.Connection) -> Head:
        for line in lines(audit.every_entry(c)):
            write(line)
        return audit.head(c) or Head()

    head: Head = _read(path, data_dir, written)
    return head


def lines(entries: Iterator[Entry]) -> Iterator[str]:
    """Give rows as lines of JSON; ``data`` is as it was hashed, a text."""
    for each in entries:
        yield json.dumps(
            {
                "seq": each.seq,
                "at": each.at.isoformat(timespec="microseconds"),
                "actor": each.actor,
                "action": each.action,
                "about": each.about,
                "data": each.data,
                "hash": each.hash,
                "seal": each.seal,
            }
        )


def told(walk: Walk, *, keyed: bool) -> str:
    """Say how the chain is in a sentence or two."""
    if walk.fault is not None:
        where = "the log" if walk.broken is None else f"row {walk.broken}"
        return f"broken at {where}: {walk.fault}\n{walk.rows:,} rows before it hold"
    said = f"whole: {walk.rows:,} rows, head {walk.hash}"
    if not keyed:
        return f"{said}\nseals were not checked: no configuration with secrets.key was given, so a chain made anew would pass"  # fmt: skip
    return f"{said}\nsealed: {walk.sealed:,} of them, the last among these"


def _read(path: Path | None, data_dir: Path, work: Callable[[sa.Connection], Any]) -> Any:
    async def run() -> Any:
        async with open_store(database(path, data_dir), beside=True) as store:
            return await store.read(work)

    return asyncio.run(run())
