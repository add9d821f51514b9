"""Migrations: what they make is what ``schema.py`` says, once, and never half of it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.errors import StorageError
from monitor.storage import migrate
from monitor.storage.engine import open_store
from monitor.storage.schema import metadata
from tests.databases import engine_of

ROOT = Path(__file__).parents[2]
TABLES = {
    None: 0,
    "0001": 22,
    "0002": 35,
    "0003": 45,
    "0004": 50,
    "0005": 60,
    "0006": 62,
    "0007": len(metadata.tables),
}
"""How many tables a record has that stands at a migration: there is nothing between."""


def _migrated(url: str) -> sa.Engine:
    engine = engine_of(url)
    with engine.connect() as connection:
        migrate.upgrade(connection)
    return engine


def test_migrations_make_what_the_models_say(blank_database_url: str) -> None:
    engine = _migrated(blank_database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_every_table_and_index_is_the_same_to_the_letter_as_one_made_from_the_models(
    blank_database_url: str, dialect: str, tmp_path: Path
) -> None:
    """Catch what Alembic does not compare: conditions of partial indexes, names, checks."""
    engine = _migrated(blank_database_url)
    migrated = _described(engine, dialect)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
    assert migrated == _described(engine, dialect)
    assert any(
        "status" in str(line) and "unique" in str(line).lower() and "where" in str(line).lower()
        for line in migrated
    )
    engine.dispose()


def _described(engine: sa.Engine, dialect: str) -> list[str]:
    with engine.connect() as connection:
        if dialect == "sqlite":
            return _described_sqlite(connection)
        lines = [
            " ".join(map(str, row)) for query in _CATALOGUE for row in connection.execute(sa.text(query))
        ]
    return sorted(line for line in lines if "alembic_version" not in line)


def _described_sqlite(connection: sa.Connection) -> list[str]:
    """Describe by what SQLite understood: the text it keeps differs between a column made and one added."""
    lines: list[str] = []
    names = connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
    for table in names:
        if table == "alembic_version" or table.startswith("sqlite_"):
            continue
        columns = connection.exec_driver_sql(f'PRAGMA table_xinfo("{table}")').all()
        lines += [f"{table}: {row[1:]}" for row in columns]
        keys = connection.exec_driver_sql(f'PRAGMA foreign_key_list("{table}")').all()
        lines += [f"{table} refers: {row[2:]}" for row in keys]
        for _, index, unique, origin, partial in connection.exec_driver_sql(
            f'PRAGMA index_list("{table}")'
        ).all():
            parts = [row[2] for row in connection.exec_driver_sql(f'PRAGMA index_info("{index}")').all()]
            text = connection.scalar(
                sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": index}
            )
            name = "" if index.startswith("sqlite_autoindex") else index
            lines.append(f"{table} index {name} {parts} unique={unique} {origin} {partial} {text}")
    return sorted(lines)


_CATALOGUE = [
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT table_name, column_name, data_type, is_nullable, character_maximum_length, column_default
    FROM information_schema.columns WHERE table_schema = 'public'""",
    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace""",
]


def test_a_second_upgrade_changes_nothing(blank_database_url: str, dialect: str) -> None:
    engine = _migrated(blank_database_url)
    before = _described(engine, dialect)
    with engine.connect() as connection:
        migrate.upgrade(connection)
        assert migrate.current(connection) == migrate.head()
    assert _described(engine, dialect) == before
    engine.dispose()


def test_the_session_is_left_as_it_was(blank_database_url: str, dialect: str) -> None:
    setting = "PRAGMA foreign_keys" if dialect == "sqlite" else "SHOW statement_timeout"
    engine = engine_of(blank_database_url)
    with engine.connect() as connection:
        before = connection.exec_driver_sql(setting).scalar()
        connection.rollback()
        migrate.upgrade(connection)
        assert connection.exec_driver_sql(setting).scalar() == before
    engine.dispose()


async def test_a_record_of_a_newer_tocsin_is_refused(database_url: str) -> None:
    engine = engine_of(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for migrate_it in (True, False):
        with pytest.raises(StorageError, match=r"migration 9999, which this version does not know.*newer"):
            async with open_store(database_url, migrate=migrate_it):
                pass


async def test_a_database_of_something_else_is_refused(blank_database_url: str) -> None:
    engine = engine_of(blank_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE incidents (colour TEXT)"))
    engine.dispose()
    with pytest.raises(StorageError, match="of its own"):
        async with open_store(blank_database_url):
            pass


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_several_starting_at_once_migrate_once(blank_database_url: str) -> None:
    async def start() -> str | None:
        async with open_store(blank_database_url) as store:
            return await store.read(migrate.current)

    assert await asyncio.gather(*(start() for _ in range(4))) == [migrate.head()] * 4


def test_a_migration_that_loses_references_is_undone(sqlite_url: str) -> None:
    engine = engine_of(sqlite_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys")
        connection.rollback()
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql(
            "INSERT INTO ticket_notes (ticket, at, author, text) VALUES ('gone', 0, 'a', 'b')"
        )
        with pytest.raises(StorageError, match="ticket_notes refer to nothing"):
            migrate.check_references(connection)
        connection.rollback()
    engine.dispose()


@pytest.mark.slow
def test_killed_at_any_statement_it_leaves_the_old_or_the_new(blank_database_url: str, dialect: str) -> None:
    """Processes are killed (SIGKILL) just before a statement or commit; the next upgrade then succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.killed_migration", blank_database_url, "120"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lives = json.loads(done.stdout)
    assert len(lives) > 4, "a life for every 120th statement, and for the first and last ones"
    for life in lives:
        assert life["tables"] == TABLES[life["at"]], life
        assert life["then"] == migrate.head(), life


def test_a_record_of_the_first_version_is_upgraded_with_its_promises(blank_database_url: str) -> None:
    engine = engine_of(blank_database_url)
    with engine.connect() as connection:
        migrate.upgrade(connection, "0001")
        connection.execute(sa.text(_AN_INCIDENT))
        connection.execute(sa.text(_ITS_CLOCK))
        connection.commit()
        migrate.upgrade(connection)
        clock = connection.execute(
            sa.text('SELECT incident, request, name, party, promise, due, "limit" FROM clocks')
        )
        assert clock.one() == ("inc_1", None, "response", "us", "{}", 7, 9)
    engine.dispose()


def test_the_first_finding_of_an_incident_gets_its_decision_from_the_timeline(
    blank_database_url: str,
) -> None:
    engine = engine_of(blank_database_url)
    with engine.connect() as connection:
        migrate.upgrade(connection, "0001")
        connection.execute(sa.text(_AN_INCIDENT))
        for statement in _ITS_FINDINGS:
            connection.execute(sa.text(statement), {"said": '{"class": "critical"}'})
        connection.commit()
        migrate.upgrade(connection)
        found = connection.execute(sa.text("SELECT decided_at, decision FROM findings ORDER BY seq"))
        assert found.all() == [(5, '{"class": "critical"}'), (None, None)]
    engine.dispose()


_ITS_FINDINGS = (
    """INSERT INTO events (seq, incident, at, kind, actor, text, data)
    VALUES (1, 'inc_1', 5, 'incident.opened', 'tocsin', '', :said)""",
    *(
        f"""INSERT INTO findings (seq, id, incident, origin, source, symptom, summary, facts, since, at)
        VALUES ({n}, 'fnd_{n}', 'inc_1', '', 'check', 'other', '', '{{}}', 1, 1)"""
        for n in (1, 2)
    ),
)
_AN_INCIDENT = """INSERT INTO incidents (seq, id, dedup_key, status, title, summary, symptom, source, needs_triage,
    is_global, public, components, facts, decision, dossier, opened_at, since, version)
    VALUES (1, 'inc_1', 'k', 'open', 't', '', 'other', 'check', false, false, false, '[]', '{}', '{}', '{}', 1, 1, 1)"""
_ITS_CLOCK = """INSERT INTO clocks (seq, incident, name, class, started_at, due, "limit")
    VALUES (3, 'inc_1', 'response', 'critical', 1, 7, 9)"""


def test_a_customers_log_in_becomes_one_that_may_no_less_and_ours_stay_as_they_are(
    blank_database_url: str,
) -> None:
    engine = engine_of(blank_database_url)
    with engine.connect() as connection:
        migrate.upgrade(connection, "0006")
        for name, role in (("giulia", "customer"), ("nora", "noc")):
            connection.execute(
                sa.text(
                    "INSERT INTO users (id, name, password, role, created_at) VALUES (:i, :n, 'x', :r, 1)"
                ),
                {"i": f"u-{name}", "n": name, "r": role},
            )
        connection.commit()
        migrate.upgrade(connection)
        found = connection.execute(sa.text("SELECT name, role FROM users ORDER BY name"))
        assert found.all() == [("giulia", "partner-admin"), ("nora", "noc")]
    engine.dispose()


def test_the_names_of_the_files_say_what_the_migrations_say() -> None:
    scripts = ScriptDirectory(migrate.MIGRATIONS)
    assert migrate.head() == scripts.get_current_head()
    assert migrate.known() == {script.revision for script in scripts.walk_revisions()}
