"""The sql check against a real PostgreSQL server, behind TLS too, and against SQLite files."""

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
import uvloop

from checks.base import Target, Tools
from checks.sql import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import an_authority, free_port, listening, served

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
FIVE = "SELECT generate_series(5, 2000000)"


def a_check(target, query="SELECT 5", *, timeout=15.0, **options):
    return TYPE.build(
        Target(name="database", target=target, timeout=timeout),
        TYPE.options.model_validate({"query": query, **options}),
        Tools(variables={"PASSWORD": "s3cret"}),
    )


async def asked(target, query="SELECT 5", **options):
    return await a_check(target, query, **options).observe(NOW)


@pytest.fixture
def server(postgres):
    """Give this test's PostgreSQL on a port of its own: the suite's listens on a Unix socket only."""
    url = sa.make_url(postgres)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS probe")
        connection.execute("CREATE ROLE probe LOGIN PASSWORD 's3cret'")
    return url


@contextlib.asynccontextmanager
async def on_a_port(url, *, tls=None):
    """Carry a port of the loopback to the server's socket; with ``tls`` as PostgreSQL does it."""
    sockets = url.query.get("host") or url.host
    path = f"{sockets}/.s.PGSQL.{url.query.get('port') or url.port or 5432}"

    async def carry(reader, writer):
        if tls is not None:
            assert (await reader.readexactly(8))[4:] == (80877103).to_bytes(4)
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(tls)
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        both = [
            asyncio.create_task(_pipe(reader, inner_writer)),
            asyncio.create_task(_pipe(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            inner_writer.transport.abort()

    async with served(carry) as port:
        yield f"postgresql://probe@127.0.0.1:{port}/postgres"


async def _pipe(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


KNOWN = {"password": "${PASSWORD}", "security": "none"}


async def test_a_value_is_read_and_held_against_its_rule(server):
    async with on_a_port(server) as target:
        plain = await asked(target, "SELECT 5, 'more'", **KNOWN)
        late = await asked(target, "SELECT 7.5", value={"warn": {"above": 5}}, **KNOWN)
        many = await asked(target, FIVE, value={"equals": "5"}, **KNOWN)
        none = await asked(target, "SELECT 1 WHERE false", **KNOWN)
        text = await asked(target, "SELECT 'replica'", value={"matches": "^primary"}, **KNOWN)
    assert (plain.verdict, plain.detail) == (Verdict.UP, "the query gave '5'")
    assert set(plain.phases) == {"resolve", "connect", "query"}
    assert (late.verdict, late.detail) == (Verdict.DEGRADED, "the value is 7.5, 5 may be")
    assert many.verdict is Verdict.UP, many.detail
    assert (none.verdict, none.detail) == (Verdict.DOWN, "the query gave no value")
    assert text.detail == "the value is 'replica', expected something that matches '^primary'"
    assert text.symptom is Symptom.DEGRADED


async def test_what_the_server_refuses_is_told_in_its_own_words(server):
    async with on_a_port(server) as target:
        broken = await asked(target, "SELECT nonsense", **KNOWN)
        writing = await asked(target, "CREATE TABLE t (x int)", **KNOWN)
        slow = await asked(target, "SELECT pg_sleep(60)", timeout=2, **KNOWN)
        gone = await asked(target.replace("/postgres", "/nowhere"), **KNOWN)
    assert 'refused the query: column "nonsense" does not exist' in broken.detail
    assert "read-only transaction" in writing.detail
    assert (slow.verdict, "within 2 s" in slow.detail or "timeout" in slow.detail) == (Verdict.DOWN, True)
    assert 'refused the login: database "nowhere" does not exist' in gone.detail
    assert {seen.symptom for seen in (broken, writing, gone)} == {Symptom.DEGRADED}
    assert "s3cret" not in repr((broken, writing, slow, gone))


async def test_tls_is_verified_as_everywhere(server, tmp_path):
    authority = an_authority(tmp_path)
    async with on_a_port(server, tls=authority.server()) as target:
        right = await asked(target, password="s3cret", ca_file=authority.file)
        anyhow = await asked(target, password="s3cret", verify=False)
        untrusted = await asked(target, password="s3cret")
        other = await asked(target, password="s3cret", ca_file=authority.file, server_name="db.example")
    async with on_a_port(server) as target:
        plain = await asked(target, password="s3cret", ca_file=authority.file)
    assert (right.verdict, anyhow.verdict) == (Verdict.UP, Verdict.UP), (right.detail, anyhow.detail)
    for seen, said in ((untrusted, "certificate"), (other, "db.example"), (plain, "SSL")):
        assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE), seen.detail
        assert said in seen.detail


async def test_a_server_that_hangs_holds_no_look_up(server):
    async with served(listening) as port:
        target = f"postgresql://probe@127.0.0.1:{port}/postgres"
        seen = await asked(target, timeout=0.4, **KNOWN)
        look = asyncio.create_task(a_check(target, **KNOWN).observe(NOW))
        await asyncio.sleep(0.05)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"no login from 127.0.0.1:{port} within 400 ms"


async def test_a_closed_port_is_seen_at_once():
    port = free_port()
    seen = await asked(f"postgresql://probe@127.0.0.1:{port}/postgres", timeout=30, **KNOWN)
    assert (seen.symptom, seen.detail) == (Symptom.UNREACHABLE, f"connection refused by 127.0.0.1:{port}")


async def test_it_runs_on_uvloop_as_well(server):
    def on_uvloop(target):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(asked(target, **KNOWN))

    async with on_a_port(server) as target:
        seen = await asyncio.to_thread(on_uvloop, target)
    assert seen.verdict is Verdict.UP, seen.detail


@pytest.fixture
def a_file(tmp_path):
    path = tmp_path / "odd name %20?.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE calls (state TEXT)")
        connection.executemany("INSERT INTO calls VALUES (?)", [("stuck",), ("stuck",), ("over",)])
        connection.commit()
    return "sqlite://" + str(path).replace("%", "%25").replace("?", "%3F").replace(" ", "%20")


async def test_a_file_is_queried_and_never_written(a_file):
    stuck = "SELECT count(*) FROM calls WHERE state = 'stuck'"
    well = await asked(a_file, stuck, value={"fail": {"above": 2}})
    many = await asked(a_file, stuck, value={"fail": {"above": 1}})
    writing = await asked(a_file, "DELETE FROM calls")
    broken = await asked(a_file, "SELECT * FROM absent")
    assert (well.verdict, well.detail) == (Verdict.UP, "the query gave '2'")
    assert (many.verdict, many.detail) == (Verdict.DOWN, "the value is 2, 1 may be")
    assert "readonly database" in writing.detail
    assert "no such table: absent" in broken.detail
    assert (await asked(a_file, "SELECT count(*) FROM calls")).values["value"] == "3"


async def test_a_query_without_end_ends_with_its_look(a_file):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    seen = await asked(a_file, endless, timeout=0.3)
    assert (seen.verdict, "within 300 ms" in seen.detail) == (Verdict.DOWN, True)
    async with asyncio.timeout(30):  # waits for the thread, which would count for ever
        await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_file_that_is_not_there_or_no_database_is_told(tmp_path):
    (tmp_path / "text.db").write_text("no database " * 100)
    missing = await asked(f"sqlite://{tmp_path}/none.db")
    text = await asked(f"sqlite://{tmp_path}/text.db", "SELECT count(*) FROM sqlite_master")
    assert (missing.symptom, missing.detail) == (
        Symptom.UNREACHABLE,
        f"there is no file {tmp_path}/none.db",
    )
    assert text.detail.endswith("refused the query: file is not a database")


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("oracle://x@127.0.0.1/x", {}, "no database"),
        ("sqlite://relative.db", {}, "no database"),
        ("postgresql://127.0.0.1/x", {}, "names no user"),
        ("postgresql://probe@127.0.0.1", {}, "no database"),
        ("postgresql://probe:secret@127.0.0.1/x", {}, "would be shown"),
        ("postgresql://probe@169.254.169.254/x", {}, "metadata"),
        ("postgresql://probe@127.0.0.1/x", {"ca_file": "/none.pem"}, "not a file"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_a_sentence(target, options, said):
    with pytest.raises(ValueError, match=said) as refusal:
        a_check(target, **options)
    assert "secret" not in str(refusal.value)
