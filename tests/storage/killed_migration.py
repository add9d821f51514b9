"""Kill migrating processes, one statement later each time; print what each left behind as JSON.

    python -m tests.storage.killed_migration URL [EVERY_NTH]

A program, run by ``test_migrate.py``: it forks, which a test process with threads must not.
"""

import itertools
import json
import os
import signal
import sys

import sqlalchemy as sa

from monitor.storage import migrate
from monitor.storage.schema import metadata
from tests.databases import engine_of


def main(url: str, step: str = "9") -> None:
    statements = _count(url)
    _empty(url)
    lives = []
    for nth in sorted({1, 2, 3, *range(4, statements, int(step)), statements - 1, statements}):
        assert _dies(url, nth)
        lives.append({"killed_before": nth, **_found(url), "then": _upgrade(url)})
        _empty(url)
    json.dump(lives, sys.stdout)


def _count(url: str) -> int:
    """Tell how many statements and commits a whole migration is."""
    seen: list[int] = []
    engine = engine_of(url)
    sa.event.listen(engine, "before_cursor_execute", lambda *_: seen.append(1))
    sa.event.listen(engine, "commit", lambda *_: seen.append(1))
    with engine.connect() as connection:
        migrate.upgrade(connection)
    engine.dispose()
    return len(seen)


def _dies(url: str, nth: int) -> bool:
    """Fork a process that migrates and dies at its nth statement; tell whether it died."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    engine = engine_of(url)
    statements = itertools.count(1)

    def die(*_):
        if next(statements) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(engine, "before_cursor_execute", die)
    sa.event.listen(engine, "commit", die)
    with engine.connect() as connection:
        migrate.upgrade(connection)
    os._exit(0)


def _found(url: str) -> dict[str, object]:
    engine = engine_of(url)
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
        at = migrate.current(connection)
    engine.dispose()
    return {"tables": len(tables), "at": at}


def _upgrade(url: str) -> str | None:
    engine = engine_of(url)
    with engine.connect() as connection:
        migrate.upgrade(connection)
        at = migrate.current(connection)
    engine.dispose()
    return at


def _empty(url: str) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
        metadata.drop_all(connection)
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
