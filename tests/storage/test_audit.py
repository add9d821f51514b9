"""The audit's chain: whatever is done to the log behind our back is found, and two who write at once do not tear it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.audit_chain import START, Entry, Head, Walk, ended, follow, head_text, link, sealed
from monitor.storage import audit, migrate
from monitor.storage.audit import AuditRow
from monitor.storage.engine import open_store
from monitor.storage.schema import audit as rows
from tests.databases import engine_of

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
KEY, OTHER = b"k" * 32, b"o" * 32


def a_log(length: int, key: bytes | None = KEY, before: str = START, first: int = 1) -> list[Entry]:
    """Make a log that holds, as who has the key makes it."""
    made: list[Entry] = []
    for seq in range(first, first + length):
        what = {"at": NOW + timedelta(seconds=seq), "actor": "nora", "action": f"a{seq}", "about": "inc-1", "data": "{}"}  # fmt: skip
        before = link(before, **what)
        made.append(Entry(seq=seq, **what, hash=before, seal=None if key is None else sealed(key, before)))
    return made


def a_head(log: list[Entry], key: bytes | None = KEY) -> Head:
    """Make the head of a log."""
    end = log[-1].hash if log else START
    return Head(rows=len(log), hash=end, seal=None if key is None else sealed(key, head_text(len(log), end)))


def walked(log: list[Entry], head: Head | None, keys: tuple[bytes, ...] = (KEY,), *anchors: str) -> Walk:
    """Follow a log to its end."""
    return ended(follow(Walk(anchors=frozenset(anchors)), log, keys), head, keys)


def changed(entry: Entry, **fields: object) -> Entry:
    """Change a row, hash and seal left as they are."""
    return Entry(**{name: getattr(entry, name) for name in Entry.__slots__} | fields)


def test_a_log_that_nobody_touched_is_whole_with_and_without_the_key():
    log = a_log(20)
    for keys in ((KEY,), (OTHER, KEY), ()):
        found = walked(log, a_head(log), keys)
        assert (found.whole, found.rows, found.sealed, found.hash) == (True, 20, 20, log[-1].hash)
    assert walked([], Head()).whole


@given(st.data())
def test_whatever_is_done_to_a_row_is_found_at_it(data):
    log = a_log(data.draw(st.integers(2, 12)))
    nth = data.draw(st.integers(0, len(log) - 1))
    head = a_head(log)
    deed = data.draw(st.sampled_from(["change", "delete", "insert", "swap"]))
    if deed == "change":
        name = data.draw(st.sampled_from(["actor", "action", "about", "data", "at", "hash", "seal"]))
        other = (
            NOW
            if name == "at"
            else data.draw(st.text(max_size=70).filter(lambda t: t != getattr(log[nth], name)))
        )
        done = [*log[:nth], changed(log[nth], **{name: other}), *log[nth + 1 :]]
        where = log[nth].seq
    elif deed == "delete":
        done = log[:nth] + log[nth + 1 :]
        where = log[nth + 1].seq if nth + 1 < len(log) else (log[nth - 1].seq)
    elif deed == "insert":
        fields = {
            "actor": data.draw(st.text(max_size=9)),
            "hash": data.draw(st.sampled_from([None, log[nth].hash])),
        }
        done = [*log[:nth], changed(log[nth], seq=0, **fields), *log[nth:]]
        where = 0
        if fields["actor"] == "nora" and fields["hash"] is not None:
            where = log[nth].seq  # the same row twice: the second does not follow
    else:
        nth = min(nth, len(log) - 2)
        done = [*log[:nth], log[nth + 1], log[nth], *log[nth + 2 :]]
        where = log[nth + 1].seq
    found = walked(done, head)
    assert not found.whole
    assert found.broken == where


@given(st.integers(1, 12), st.integers(1, 12))
def test_an_end_that_is_cut_off_is_found_also_when_the_head_is_written_anew_without_the_key(length, cut):
    log = a_log(length)
    left = log[: max(0, length - cut)]
    assert not walked(left, a_head(log)).whole
    assert not walked(left, None).whole
    if left:
        assert not walked(left, a_head(left, None)).whole
        assert not walked(left, a_head(left, OTHER)).whole
    assert walked(left, a_head(left)).whole  # who has an old head puts it back unseen:
    assert not walked(left, a_head(left), (KEY,), str(log[-1].hash)).whole  # not by who has noted the end


@given(st.integers(1, 10), st.data())
def test_a_chain_made_anew_without_the_key_is_found_whatever_seals_are_put_to_it(length, data):
    log, from_ = a_log(length), data.draw(st.integers(0, length - 1))
    before = str(log[from_ - 1].hash) if from_ else START
    forged = [*log[:from_]]
    for entry in log[from_:]:
        what = {
            "at": entry.at,
            "actor": "mallory",
            "action": entry.action,
            "about": entry.about,
            "data": entry.data,
        }
        before = link(before, **what)
        seal = data.draw(st.sampled_from([None, entry.seal, sealed(OTHER, before), ""]))
        forged.append(Entry(seq=entry.seq, **what, hash=before, seal=seal))
    for head in (
        a_head(forged, None),
        a_head(forged, OTHER),
        Head(rows=length, hash=before, seal=a_head(log).seal),
    ):
        assert not walked(forged, head).whole
    assert walked(forged, a_head(forged, None), ()).whole, "without the key nobody can tell: it says so"


def test_what_a_command_without_the_key_wrote_is_covered_by_the_next_sealed_row_and_until_then_named():
    log = a_log(3)
    log += a_log(2, None, str(log[-1].hash), 4)
    found = walked(log, a_head(log, None))
    assert (found.broken, found.fault) == (4, "has no seal, nor has any after it: written without the key")
    log += a_log(1, KEY, str(log[-1].hash), 6)
    assert walked(log, a_head(log)).whole


async def test_rows_are_chained_in_the_transaction_that_writes_them_and_read_back_whole(database_url):
    async with open_store(database_url, seal=KEY) as store:
        for n in range(3):
            await store.write(audit.record_audit, AuditRow(at=NOW, actor="nora", action="a", data={"ü": n}))
        with pytest.raises(ZeroDivisionError):
            await store.write(_writes_and_fails)
        log, head = await store.read(audit.chain_end, Walk())
        assert walked(list(log), head).rows == 3
        (newest, *_) = await store.read(audit.list_audit)
        assert newest.hash == head.hash
        assert {key: newest.data[key] for key in newest.data} == {"ü": 2}


def _writes_and_fails(connection):
    audit.record_audit(connection, AuditRow(at=NOW, actor="nora", action="never"))
    raise ZeroDivisionError


async def test_two_processes_that_write_at_once_follow_one_another(database_url):
    async with open_store(database_url, seal=KEY) as one, open_store(database_url, beside=True) as other:

        async def write(store, who):
            for n in range(15):
                row = AuditRow(at=NOW, actor=who, action=f"a{n}")
                await asyncio.gather(*(store.write(audit.record_audit, row) for _ in range(2)))

        await asyncio.gather(write(one, "one"), write(other, "other"))
        await one.write(audit.record_audit, AuditRow(at=NOW, actor="one", action="last"))
        log, head = await one.read(audit.chain_end, Walk())
    found = walked(list(log), head)
    assert (found.fault, found.rows, found.sealed) == (None, 61, 31)


@pytest.mark.parametrize("deed", ["DELETE FROM audit WHERE seq = 2", "UPDATE audit SET actor = 'x' WHERE seq = 2", "DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = 9 WHERE seq = 1", "DELETE FROM audit", "DELETE FROM installation WHERE name = 'audit-head'"])  # fmt: skip
async def test_a_deed_in_the_database_is_found_on_record(database_url, deed):
    async with open_store(database_url, seal=KEY) as store:
        for n in range(3):
            await store.write(audit.record_audit, AuditRow(at=NOW, actor="nora", action=f"a{n}"))
        await store.write(lambda c: c.execute(sa.text(deed)).rowcount)
        log, head = await store.read(audit.chain_end, Walk())
        assert not walked(list(log), head).whole
        await store.write(audit.record_audit, AuditRow(at=NOW, actor="nora", action="after"))  # it goes on


def test_rows_from_before_the_chain_are_chained_by_the_migration(blank_database_url):
    engine = engine_of(blank_database_url)
    with engine.connect() as connection:
        migrate.upgrade(connection, "0006")
    with engine.begin() as connection:
        old = sa.table("audit", *(sa.column(n) for n in ("at", "actor", "action", "object", "data")))
        at = 1_790_000_000_000_000
        many = [{"at": at + n, "actor": "nora ü", "action": "login", "object": "", "data": json.dumps({"n": n})} for n in range(1203)]  # fmt: skip
        connection.execute(sa.insert(old), many)
    with engine.connect() as connection:
        migrate.upgrade(connection)
    with engine.begin() as connection:
        audit.record_audit(connection, AuditRow(at=NOW, actor="nora", action="logout"))
        log, head = audit.chain_end(connection, Walk())
        assert connection.scalar(sa.select(sa.func.count()).select_from(rows)) == 1204
    found = walked(list(log), head, ())
    assert (found.fault, found.rows) == (None, 1204)
    engine.dispose()
