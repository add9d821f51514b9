"""The record opened to be read: beside its owner, never written, made or migrated."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage import schema as t
from monitor.storage.engine import open_store
from monitor.storage.reading import open_to_read
from tests.factories import MONDAY_AT_TEN


def a_note(c, text="seen"):
    c.execute(sa.insert(t.audit).values(at=MONDAY_AT_TEN, actor="nora", action=text))


def notes(c):
    return list(c.scalars(sa.select(t.audit.c.action).order_by(t.audit.c.seq)))


async def test_what_the_owner_has_committed_is_read_while_it_goes_on_writing(database_url):
    async with open_store(database_url) as owner, open_to_read(database_url) as reader:
        await owner.write(a_note)
        assert await reader.read(notes) == ["seen"]
        await owner.write(a_note, "seen again")
        assert await reader.read(notes) == ["seen", "seen again"]


async def test_nothing_can_be_written_either_way(database_url):
    async with open_to_read(database_url) as reader:
        with pytest.raises(StorageError, match="read only"):
            await reader.write(a_note)
        with pytest.raises(Exception, match=r"(?i)read-?only|only allows reading"):
            await reader.read(a_note)
        assert await reader.read(notes) == []


async def test_the_owner_can_start_while_somebody_reads(database_url):
    async with open_to_read(database_url) as reader, open_store(database_url) as owner:
        await owner.write(a_note)
        assert await reader.read(notes) == ["seen"]


async def test_a_record_that_is_not_up_to_date_is_refused_and_left_as_it_is(blank_database_url):
    if blank_database_url.startswith("sqlite"):
        Path(blank_database_url.removeprefix("sqlite:///")).touch()
    with pytest.raises(StorageError, match="tocsin db upgrade"):
        async with open_to_read(blank_database_url):
            raise AssertionError
    async with open_store(blank_database_url) as owner:
        assert await owner.read(notes) == []


async def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StorageError, match="there is no record at"):
        async with open_to_read(f"sqlite:///{tmp_path}/gone.db"):
            raise AssertionError
    assert list(tmp_path.iterdir()) == []


async def test_many_rows_are_read_in_pieces(database_url):
    async with open_store(database_url) as owner:

        def many(c):
            row = {"at": MONDAY_AT_TEN, "actor": "nora"}
            c.execute(sa.insert(t.audit), [{**row, "action": str(n)} for n in range(2_500)])

        await owner.write(many)
    async with open_to_read(database_url) as reader:

        def in_pieces(c):
            query = sa.select(t.audit.c.action).order_by(t.audit.c.seq)
            return sum(1 for _ in c.execution_options(yield_per=100).execute(query))

        assert await reader.read(in_pieces) == 2_500
