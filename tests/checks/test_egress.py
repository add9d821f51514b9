"""A look leaves by the way it is told to: every type's sockets are bound, and what cannot be bound is our own trouble."""

import asyncio
import contextlib
import socket
import sys
from datetime import UTC, datetime

import pytest

from checks import icmp
from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.egress import Egress, Stays, leaving_by
from checks.registry import CHECK_TYPES
from monitor.domain.findings import Verdict
from tests.checks.far_ends import served
from tests.checks.test_every_check import NEEDED, TARGETS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ELSEWHERE = Egress(v4="127.0.0.2")
NOWHERE = Egress(v4="203.0.113.7")  # no address of this machine
WANDERERS = sorted(name for name, kind in CHECK_TYPES.items() if not isinstance(kind, Stays))
STAY_AT_HOME = {"plugin", "sql", "heartbeat", "passive", "sip-call"}


class Door:
    """A TCP and a UDP port of one number that note who comes, and say nothing."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.knocked = asyncio.Event()
        self.port = 0

    def note(self, address: str) -> None:
        self.came.append(address)
        self.knocked.set()

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.stream = socket.create_server(("127.0.0.1", 0))
        self.stream.setblocking(False)
        self.port = self.stream.getsockname()[1]
        self.packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.packets.bind(("127.0.0.1", self.port))
        loop.add_reader(self.stream, self._accept)
        loop.add_reader(self.packets, self._hear)
        return self

    def _accept(self):
        connection, (address, _) = self.stream.accept()
        connection.close()
        self.note(address)

    def _hear(self):
        self.note(self.packets.recvfrom(65_535)[1][0])

    async def __aexit__(self, *_args):
        for sock in (self.stream, self.packets):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


def a_check(kind, port, engine):
    given = TARGETS[kind].format(port=port)
    options = CHECK_TYPES[kind].options.model_validate(NEEDED.get(kind, {}))
    return CHECK_TYPES[kind].build(Target(name="x", target=given, timeout=0.5), options, Tools(http=engine))


async def left(look):
    """Leave a look that has come to the door: what it would say of it is not asked."""
    look.cancel()
    await asyncio.gather(look, return_exceptions=True)


def test_the_types_that_look_from_nowhere_else_say_why():
    assert {name for name, kind in CHECK_TYPES.items() if isinstance(kind, Stays)} == STAY_AT_HOME
    assert all(CHECK_TYPES[name].stays for name in STAY_AT_HOME)


@pytest.mark.parametrize("kind", [name for name in WANDERERS if name != "icmp"])
async def test_a_look_comes_from_the_address_it_was_told_to_leave_by(kind):
    async with CurlEngine() as engine, Door() as door:
        check = a_check(kind, door.port, engine)
        with leaving_by(ELSEWHERE):
            look = asyncio.create_task(check.observe(NOW))
        await door.knocked.wait()
        await left(look)
        assert set(door.came) == {"127.0.0.2"}
        door.knocked.clear()
        look = asyncio.create_task(check.observe(NOW))
        await door.knocked.wait()
        await left(look)
        assert door.came[-1] == "127.0.0.1", "and the next look by the system's own"


@pytest.mark.parametrize("kind", [name for name in WANDERERS if name != "icmp"])
async def test_an_address_that_this_machine_does_not_have_says_nothing_of_the_target(kind):
    async with CurlEngine() as engine, Door() as door:
        with leaving_by(NOWHERE):
            seen = await a_check(kind, door.port, engine).observe(NOW)
        assert seen.verdict is Verdict.UNKNOWN, seen.detail
        assert door.came == []


async def test_a_ping_leaves_by_it_too():
    with leaving_by(ELSEWHERE), icmp._socket("127.0.0.1") as sock:
        assert sock.getsockname()[0] == "127.0.0.2"
    check = CHECK_TYPES["icmp"].build(
        Target(name="x", target="127.0.0.1", timeout=1), icmp.IcmpOptions(), Tools()
    )
    with leaving_by(NOWHERE):
        assert (await check.observe(NOW)).verdict is Verdict.UNKNOWN
    with leaving_by(ELSEWHERE):
        assert (await check.observe(NOW)).verdict is Verdict.UP


async def test_a_kept_connection_is_nobodys_other_way_out():
    """An http look that keeps its connection must not lend it to a look from elsewhere, nor take that one's."""
    async with contextlib.AsyncExitStack() as stack:
        came: list[str] = []

        async def answers(reader, writer):
            came.append(writer.get_extra_info("peername")[0])
            with contextlib.suppress(asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        port = await stack.enter_async_context(served(answers))
        engine = await stack.enter_async_context(CurlEngine())
        options = CHECK_TYPES["http"].options.model_validate({"keep_alive": True})
        check = CHECK_TYPES["http"].build(
            Target(name="x", target=f"http://127.0.0.1:{port}/", timeout=2), options, Tools(http=engine)
        )
        for way in (None, ELSEWHERE, None, ELSEWHERE):
            if way is None:
                seen = await check.observe(NOW)
            else:
                with leaving_by(way):
                    seen = await check.observe(NOW)
            assert seen.verdict is Verdict.UP, seen.detail
        assert sorted(came) == ["127.0.0.1", "127.0.0.2", "127.0.0.2"]


def test_a_way_serves_the_families_it_has_an_address_of():
    assert ELSEWHERE.serves("192.0.2.1")
    assert not ELSEWHERE.serves("2001:db8::1")
    assert Egress(interface="lo").serves("2001:db8::1")
    assert Egress(v6="::1").problem() is None or not socket.has_ipv6
    assert "203.0.113.7" in NOWHERE.problem()
    assert "no-such-if" in Egress(interface="no-such-if0").problem()
    with socket.socket(socket.AF_INET6) as sock, pytest.raises(OSError, match="no address of that family"):
        ELSEWHERE.bind(sock)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a socket to an interface")
async def test_a_look_leaves_through_an_interface_and_by_none_that_is_not_there():
    async with CurlEngine() as engine, Door() as door:
        with leaving_by(Egress(v4="127.0.0.2", interface="lo")):
            seen = await a_check("tcp", door.port, engine).observe(NOW)
            assert seen.verdict is Verdict.UP, seen.detail
            await door.knocked.wait()
        with leaving_by(Egress(interface="no-such-if0")):
            seen = await a_check("tcp", door.port, engine).observe(NOW)
        assert seen.verdict is Verdict.UNKNOWN, seen.detail
        assert set(door.came) == {"127.0.0.2"}
