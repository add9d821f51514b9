"""Units of work: one transaction each, answered after the commit, alike on both databases."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from monitor.errors import ConflictError, StorageError
from monitor.storage.engine import StorageUnavailableError, Store, open_store, parse
from monitor.storage.schema import audit, events
from tests.databases import engine_of

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def note(c: sa.Connection, action: str) -> str:
    c.execute(sa.insert(audit), {"at": NOW, "actor": "test", "action": action})
    return action


def note_and_fail(c: sa.Connection, action: str) -> None:
    note(c, action)
    raise ConflictError(f"not {action}")


def noted(c: sa.Connection) -> list[str]:
    return list(c.scalars(sa.select(audit.c.action).order_by(audit.c.seq)))


async def test_what_was_written_is_read_back(store: Store) -> None:
    assert await store.write(note, "one") == "one"
    assert await store.read(noted) == ["one"]


async def test_a_units_arguments_may_be_named(store: Store) -> None:
    assert await store.write(note, action="named") == "named"


async def test_the_dialect_is_told(store: Store, dialect: str) -> None:
    assert store.dialect == dialect


async def test_a_units_exception_reaches_its_caller_and_nothing_of_it_stays(store: Store) -> None:
    with pytest.raises(ConflictError, match="not this"):
        await store.write(note_and_fail, "this")
    assert await store.read(noted) == []


async def test_a_units_exception_does_not_disturb_its_neighbours(store: Store) -> None:
    release = threading.Event()

    def hold(c: sa.Connection) -> None:
        release.wait(30)  # so that what follows waits and makes one batch

    held = asyncio.create_task(store.write(hold))
    units = [store.write(note_and_fail if n % 3 == 0 else note, str(n)) for n in range(30)]
    tasks = [asyncio.ensure_future(unit) for unit in units]
    await asyncio.sleep(0.05)
    release.set()
    await held
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [n for n, answer in enumerate(answers) if isinstance(answer, ConflictError)]
    assert failed == list(range(0, 30, 3))
    assert set(await store.read(noted)) == {str(n) for n in range(30) if n % 3}


async def test_sixty_four_writers_at_once_lose_nothing(store: Store) -> None:
    async def writer(name: int) -> None:
        for n in range(10):
            await store.write(note, f"{name}-{n}")

    await asyncio.gather(*(writer(name) for name in range(64)))
    actions = await store.read(noted)
    assert len(actions) == 640
    for name in range(64):
        assert [a for a in actions if a.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(10)]


async def test_the_answer_comes_after_the_commit(database_url: str) -> None:
    seen: list[str] = []
    async with open_store(database_url, failpoint=seen.append) as store:
        await store.write(note, "one")
        seen.append("answered")
    assert seen == ["store.before_commit", "store.after_commit", "answered"]


async def test_an_exception_is_answered_only_after_its_neighbours_commit(sqlite_url: str) -> None:
    seen: list[str] = []
    async with open_store(sqlite_url, failpoint=seen.append) as store:
        with pytest.raises(ConflictError):
            await store.write(note_and_fail, "one")
        seen.append("answered")
    assert seen == ["store.before_commit", "store.after_commit", "answered"]


async def test_when_the_commit_fails_every_unit_of_the_batch_has_failed(sqlite_url: str) -> None:
    entered, release, broken = threading.Event(), threading.Event(), threading.Event()

    def failpoint(name: str) -> None:
        if name == "store.before_commit" and broken.is_set():
            broken.clear()
            raise OSError("the plug was pulled")

    def hold(c: sa.Connection) -> None:
        entered.set()
        release.wait(30)

    async with open_store(sqlite_url, failpoint=failpoint) as store:
        held = asyncio.create_task(store.write(hold))
        await asyncio.to_thread(entered.wait)
        tasks = [asyncio.create_task(store.write(note, str(n))) for n in range(5)]
        await asyncio.sleep(0.05)
        release.set()
        broken.set()
        answers = await asyncio.gather(held, *tasks, return_exceptions=True)
        assert any(isinstance(answer, OSError) for answer in answers)
        failed = {str(n) for n, answer in enumerate(answers[1:]) if isinstance(answer, OSError)}
        assert set(await store.read(noted)) == {str(n) for n in range(5)} - failed
        await store.write(note, "afterwards")


async def test_a_foreign_key_is_held(store: Store) -> None:
    def orphan(c: sa.Connection) -> None:
        c.execute(sa.insert(events), {"incident": "nobody", "at": NOW, "kind": "incident.opened"})

    with pytest.raises(sa.exc.IntegrityError):
        await store.write(orphan)


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises((sa.exc.OperationalError, StorageError)):
        await store.read(note, "by the back door")
    assert await store.read(noted) == []


async def test_a_read_sees_one_state_while_others_write(store: Store) -> None:
    first, second = threading.Event(), threading.Event()

    def look_twice(c: sa.Connection) -> tuple[int, int]:
        before = len(noted(c))
        first.set()
        second.wait(30)
        return before, len(noted(c))

    looking = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(first.wait)
    await store.write(note, "meanwhile")
    second.set()
    assert await looking == (0, 0)


async def test_a_caller_that_goes_away_does_not_stop_the_writer(store: Store) -> None:
    release = threading.Event()
    held = asyncio.create_task(store.write(lambda c: release.wait(30)))
    gone = asyncio.create_task(store.write(note, "gone"))
    await asyncio.sleep(0.05)
    gone.cancel()
    release.set()
    await held
    await store.write(note, "here")
    assert "here" in await store.read(noted)


async def test_what_waits_at_closing_time_is_still_written(database_url: str) -> None:
    release = threading.Event()
    async with open_store(database_url) as store:
        tasks = [asyncio.create_task(store.write(lambda c: release.wait(30)))]
        tasks += [asyncio.create_task(store.write(note, str(n))) for n in range(300)]
        await asyncio.sleep(0.05)
        release.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 30)
    async with open_store(database_url) as store:
        assert len(await store.read(noted)) == 300


async def test_a_closed_record_says_so(database_url: str) -> None:
    async with open_store(database_url) as store:
        pass
    with pytest.raises(StorageError, match="closed"):
        await store.write(note, "late")
    with pytest.raises(StorageError, match="closed"):
        await store.read(noted)


async def test_a_unit_that_raises_stop_iteration_does_not_hang_its_caller(store: Store) -> None:
    with pytest.raises((RuntimeError, StopIteration)):
        await asyncio.wait_for(store.write(lambda c: next(iter(()))), 10)


async def test_a_unit_that_commits_by_itself_is_found_out(sqlite_url: str) -> None:
    async with open_store(sqlite_url) as store:
        with pytest.raises(StorageError, match="not its own"):
            await store.write(lambda c: c.commit())
        await store.write(note, "afterwards")


async def test_a_record_that_was_not_brought_up_to_date_is_refused_without_migrating(
    blank_database_url: str,
) -> None:
    with pytest.raises(StorageError, match="db upgrade"):
        async with open_store(blank_database_url, migrate=False):
            pass


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("mysql://root:geheim@host/db", "not supported", id="another database"),
        pytest.param("tocsin.db", "cannot be read", id="no URL at all"),
        pytest.param("sqlite://", "names no plain file", id="in memory"),
        pytest.param("sqlite:///x.db?mode=ro", "names no plain file", id="with options"),
    ],
)
async def test_an_unusable_url_is_refused_in_a_sentence(url: str, says: str) -> None:
    with pytest.raises(StorageError, match=says) as refused:
        async with open_store(url):
            pass
    assert "geheim" not in str(refused.value)


def test_the_short_name_of_postgresql_is_understood() -> None:
    assert parse("postgres://tocsin@db/tocsin").get_backend_name() == "postgresql"


# ── PostgreSQL alone ────────────────────────────────────────────────────────────────────────────────────────


async def test_units_that_deadlock_are_run_again(postgresql_url: str) -> None:
    meet = threading.Barrier(2, timeout=20)
    runs: list[str] = []

    def touch(c: sa.Connection, first: str, second: str) -> None:
        runs.append(first)
        c.execute(sa.update(audit).where(audit.c.action == first).values(object="seen"))
        if len(runs) <= 2:
            meet.wait()
        c.execute(sa.update(audit).where(audit.c.action == second).values(object="seen"))

    async with open_store(postgresql_url) as store:
        await store.write(note, "a")
        await store.write(note, "b")
        await asyncio.gather(store.write(touch, "a", "b"), store.write(touch, "b", "a"))
    assert len(runs) > 2


async def test_a_lost_connection_is_said_and_the_next_unit_runs(postgresql_url: str) -> None:
    def cut_off(c: sa.Connection) -> None:
        own = c.scalar(sa.text("SELECT pg_backend_pid()"))
        engine = engine_of(postgresql_url)
        with engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        engine.dispose()
        note(c, "lost")

    async with open_store(postgresql_url) as store:
        with pytest.raises(StorageUnavailableError):
            await store.write(cut_off)
        await store.write(note, "next")
        assert await store.read(noted) == ["next"]


async def test_a_server_that_is_not_there_is_unavailable(tmp_path) -> None:
    with pytest.raises(StorageUnavailableError, match="not reachable"):
        async with open_store(f"postgresql://nobody@/tocsin?host={tmp_path}"):
            pass


async def test_commits_wait_for_the_disk_although_the_server_was_told_otherwise(postgresql_url: str) -> None:
    name = sa.make_url(postgresql_url).database
    engine = engine_of(postgresql_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    engine.dispose()
    async with open_store(postgresql_url) as store:
        assert await store.write(lambda c: c.scalar(sa.text("SHOW synchronous_commit"))) == "on"
