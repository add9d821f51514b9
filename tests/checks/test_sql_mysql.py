"""The sql check against a real MariaDB server, behind TLS too, and against servers that only say they are one."""

import asyncio
import contextlib

import pytest

from checks import tls
from checks.base import Target, Tools
from checks.sql import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import NOW, Authority, free_port, listening, served
from tests.far_ends.mariadb import Mariadb, a_mariadb

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority):
    with a_mariadb(tmp_path_factory.mktemp("mariadb"), pem=authority.pem()) as running:
        yield running


async def asked(target, query="SELECT 5", *, timeout=15.0, **options):
    known = {"query": query, "password": "${PASSWORD}", "security": "none"} | options
    check = TYPE.build(
        Target(name="database", target=target, timeout=timeout),
        TYPE.options.model_validate(known),
        Tools(variables={"PASSWORD": Mariadb.password}),
    )
    return await check.observe(NOW)


async def test_a_value_is_read_and_held_against_its_rule(server):
    stuck = "SELECT count(*) FROM calls WHERE state = 'stuck'"
    plain = await asked(server.target(), "SELECT 5, 'more'")
    well = await asked(server.target(scheme="mariadb"), stuck, value={"fail": {"above": 2}})
    late = await asked(server.target(), "SELECT 7.5", value={"warn": {"above": 5}})
    many = await asked(server.target(), "SELECT seq FROM seq_5_to_2000000", value={"equals": "5"})
    none = await asked(server.target(), "SELECT 1 FROM calls WHERE id = 9")
    null = await asked(server.target(), "SELECT NULL")
    text = await asked(server.target(), "SELECT 'Zürich'", value={"matches": "^Zü"})
    assert (plain.verdict, plain.detail) == (UP, "the query gave '5'")
    assert set(plain.phases) == {"resolve", "connect", "login", "query"}
    assert plain.values["ip"] == "127.0.0.1"
    assert (well.verdict, well.detail) == (UP, "the query gave '2'")
    assert (late.verdict, late.detail) == (DEGRADED, "the value is 7.5, 5 may be")
    assert many.verdict is UP, many.detail
    assert (none.verdict, none.detail) == (DOWN, "the query gave no value")
    assert null.detail == "the query gave no value"
    assert text.verdict is UP, text.detail


WRITING = {
    "a row": "INSERT INTO calls VALUES (9, 'x')",
    "a table": "CREATE TABLE t (x INT)",
    "a table that goes": "DROP TABLE calls",
    "two at once": "SELECT 1; DELETE FROM calls",
}


@pytest.mark.parametrize("case", WRITING)
async def test_nothing_is_written(case, server):
    seen = await asked(server.target(), WRITING[case])
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED)
    assert "refused the query: " in seen.detail
    assert (await asked(server.target(), "SELECT count(*) FROM calls")).values["value"] == "3"


async def test_what_the_server_refuses_is_told_in_its_own_words(server):
    broken = await asked(server.target(), "SELECT nonsense")
    stranger = await asked(server.target(), password="wrong")
    gone = await asked(server.target("nowhere"))
    slow = await asked(server.target(), "SELECT SLEEP(60)", timeout=1.5)
    assert "refused the query: Unknown column 'nonsense'" in broken.detail
    assert "refused the login: Access denied for user 'probe'" in stranger.detail
    assert "refused the login: " in gone.detail
    assert slow.verdict is DOWN
    assert {seen.symptom for seen in (broken, stranger, gone)} == {Symptom.DEGRADED}
    assert Mariadb.password not in repr((broken, stranger, gone, slow))


async def test_a_query_that_nobody_waits_for_is_ended_by_the_server(server):
    await asked(server.target(), "SELECT SLEEP(300)", timeout=0.5)
    running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(300)%'"
    server.do("GRANT PROCESS ON *.* TO probe@'%'")
    async with asyncio.timeout(30):
        while (await asked(server.target(), running)).values["value"] != "0":
            await asyncio.sleep(0.1)


async def test_tls_is_verified_as_everywhere(server, authority):
    server.do(
        "CREATE OR REPLACE USER safe@'%' IDENTIFIED BY 's3cret' REQUIRE SSL",
        "GRANT SELECT ON calls.* TO safe@'%'",
    )
    target = server.target().replace("probe@", "safe@")
    keys = {"security": "tls", "password": "s3cret"}
    right = await asked(target, **keys, ca_file=authority.file)
    anyhow = await asked(target, **keys, verify=False)
    untrusted = await asked(target, **keys)
    other = await asked(target, **keys, ca_file=authority.file, server_name="db.example")
    plain = await asked(target, password="s3cret")
    assert (right.verdict, anyhow.verdict) == (UP, UP), (right.detail, anyhow.detail)
    for seen, said in ((untrusted, "is signed by an authority that is not trusted"), (other, "db.example")):
        assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE), seen.detail
        assert said in seen.detail
    assert "Access denied" in plain.detail


async def test_a_tls_check_sees_its_certificate(server, authority, engine):
    options = tls.TlsOptions.model_validate({"starttls": "mysql", "ca_file": authority.file})
    target = Target(name="door", target=f"127.0.0.1:{server.port}", timeout=10)
    seen = await tls.TYPE.build(target, options, Tools(http=engine)).observe(NOW)
    assert (seen.verdict, seen.values["subject"]) == (UP, "pbx.example"), seen.detail


def packet(payload: bytes, number: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((number,)) + payload


def greeting(plugin: bytes = b"mysql_native_password") -> bytes:
    capabilities = (1 << 0 | 1 << 3 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 19).to_bytes(4, "little")
    return packet(
        b"\x0a8.4.0\0" + (7).to_bytes(4, "little") + b"12345678\0" + capabilities[:2] + b"\x2d\2\0"
        + capabilities[2:] + b"\x15" + b"\0" * 10 + b"123456789012\0" + plugin + b"\0"
    )  # fmt: skip


def saying(*said: bytes, heard: bytearray | None = None):
    async def talk(reader, writer):
        for number, data in enumerate(said):
            if number and heard is not None:
                heard.extend(await reader.read(65_536))
            elif number:
                await reader.read(65_536)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            if heard is not None:
                heard.extend(await reader.read(65_536))
            else:
                await reader.read(65_536)

    return talk


async def endless(reader, writer):
    writer.write(greeting())
    await reader.read(100)
    while True:
        writer.write(packet(b"\1" * 60_000, 2))
        await writer.drain()


ODD = {
    "something else": (saying(b"220 mail.example ESMTP\r\n" * 20), "127.0.0.1:{port} "),
    "no TLS": (saying(greeting()), "127.0.0.1:{port} does not offer TLS"),
    "one that is full": (saying(packet(b"\xff\x10\x04Too many connections")), "Too many connections"),
    "one that hangs up": (saying(b""), "127.0.0.1:{port} "),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_is_no_good_server_is_told(case):
    talk, said = ODD[case]
    security = "tls" if case == "no TLS" else "none"

    async def once(reader, writer):
        await (talk(reader, writer) if case != "one that hangs up" else asyncio.sleep(0))

    async with served(once) as port:
        seen = await asked(f"mysql://probe@127.0.0.1:{port}/x", security=security, timeout=5)
    assert seen.verdict is DOWN, seen.detail
    assert said.format(port=port) in seen.detail
    assert "within" not in seen.detail


async def test_a_server_that_talks_without_end_is_cut_off():
    async with served(endless) as port:
        seen = await asked(f"mysql://probe@127.0.0.1:{port}/x", timeout=10)
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED)


async def test_the_password_is_never_given_in_the_clear():
    heard = bytearray()
    switch = packet(b"\xfemysql_clear_password\0", 2)
    async with served(saying(greeting(), switch, heard=heard)) as port:
        seen = await asked(f"mysql://probe@127.0.0.1:{port}/x", password="bare-password", timeout=3)
    assert "it wants the password in the clear" in seen.detail
    assert b"probe" in heard
    assert b"bare-password" not in heard


async def test_a_server_that_hangs_holds_no_look_up():
    async with served(listening) as port:
        target = f"mysql://probe@127.0.0.1:{port}/x"
        seen = await asked(target, timeout=0.4)
        look = asyncio.create_task(asked(target))
        await asyncio.sleep(0.05)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"no login from 127.0.0.1:{port} within 400 ms"


async def test_a_closed_port_is_seen_at_once():
    port = free_port()
    seen = await asked(f"mysql://probe@127.0.0.1:{port}/x", timeout=30)
    assert (seen.symptom, seen.detail) == (Symptom.UNREACHABLE, f"connection refused by 127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mysql://127.0.0.1/x", "names no user"),
        ("mysql://probe@127.0.0.1", "no database"),
        ("mysql://probe:secret@127.0.0.1/x", "would be shown"),
        ("mariadb://probe@169.254.169.254/x", "metadata"),
    ],
)
async def test_a_target_that_cannot_be_is_refused_with_a_sentence(target, said):
    with pytest.raises(ValueError, match=said) as refusal:
        await asked(target)
    assert "secret" not in str(refusal.value)
