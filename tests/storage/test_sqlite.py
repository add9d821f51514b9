"""SQLite alone: one owner, the settings that make it durable, and a disk that is full, locked or broken."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage.engine import StorageUnavailableError, open_store
from tests.storage.test_engine import note, noted


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("busy_timeout", 5000),
    ],
)
async def test_the_writer_is_set_up_to_be_durable(sqlite_url: str, pragma: str, value: object) -> None:
    async with open_store(sqlite_url) as store:
        assert await store.write(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


async def test_a_second_process_is_refused_and_told_who_holds_the_record(sqlite_url: str) -> None:
    second = (
        "import asyncio, sys\n"
        "from monitor.storage.engine import open_store\n"
        "async def main():\n"
        "    async with open_store(sys.argv[1]): pass\n"
        "asyncio.run(main())\n"
    )
    async with open_store(sqlite_url):
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", second, sqlite_url], capture_output=True, text=True
        )
    assert done.returncode == 1
    assert f"in use by another Tocsin (process {os.getpid()} on" in done.stderr


async def test_a_link_to_the_record_is_the_same_record(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(_path(sqlite_url))
    async with open_store(sqlite_url):
        with pytest.raises(StorageError, match="in use by another Tocsin"):
            async with open_store(f"sqlite:///{tmp_path / 'link.db'}"):
                pass


async def test_the_record_is_free_again_after_closing(sqlite_url: str) -> None:
    for _ in range(2):
        async with open_store(sqlite_url) as store:
            await store.write(note, "mine")


async def test_a_command_beside_the_service_may_write(sqlite_url: str) -> None:
    async with open_store(sqlite_url) as service, open_store(sqlite_url, beside=True) as command:
        await command.write(note, "a user was added")
        await service.write(note, "and the service goes on")
        assert await service.read(noted) == ["a user was added", "and the service goes on"]


async def test_a_record_locked_by_somebody_else_is_unavailable_and_then_recovers(sqlite_url: str) -> None:
    async with open_store(sqlite_url, patience=0.05) as store:
        other = sqlite3.connect(_path(sqlite_url), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError, match="locked"):
            await store.write(note, "locked out")
        assert await store.read(noted) == []
        other.execute("ROLLBACK")
        other.close()
        await store.write(note, "let in")
        assert await store.read(noted) == ["let in"]


async def test_a_full_disk_is_unavailable_reads_go_on_and_it_recovers_without_a_restart(
    sqlite_url: str,
) -> None:
    def fill(c: sa.Connection) -> None:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar_one()
        c.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")

    async with open_store(sqlite_url) as store:
        await store.write(note, "before")
        await store.write(fill)
        with pytest.raises(StorageUnavailableError, match="the disk is full"):
            for _ in range(4):
                await store.write(note, "x" * 4_000)
        kept = await store.read(noted)
        assert kept[0] == "before"
        await store.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count=1000000"))
        await store.write(note, "x" * 40_000)
        assert len(await store.read(noted)) == len(kept) + 1


async def test_the_neighbours_of_a_unit_that_met_a_full_disk_are_told_the_truth(sqlite_url: str) -> None:
    async with open_store(sqlite_url) as store:
        await store.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count=120"))
        tasks = [store.write(note, f"{n:03}" + "x" * (9_000 if n % 10 == 5 else 10)) for n in range(200)]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert any(isinstance(answer, StorageUnavailableError) for answer in answers)
        said = [answer for answer in answers if isinstance(answer, str)]
        assert sorted(await store.read(noted)) == sorted(said)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    path.write_text("this is a letter to my aunt, and it is long enough to be looked at\n" * 20)
    with pytest.raises(StorageError, match="not an SQLite database"):
        async with open_store(f"sqlite:///{path}"):
            pass


async def test_a_folder_in_the_way_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        async with open_store(f"sqlite:///{tmp_path}"):
            pass


async def test_the_record_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tocsin.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.write(note, "private")
        for file in path.parent.glob("tocsin.db*"):
            if file.suffix != ".lock":
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
