"""IPv4 and IPv6 apart: a family that is broken is named, and not hidden by the other one."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest

from checks.base import Target, Tools
from checks.curl import CurlEngine
from checks.dialling import Dialler, Resolver, UnreachableError, host_of
from checks.egress import Egress, leaving_by
from checks.families import built, joined
from checks.registry import CHECK_TYPES
from monitor.domain.findings import Observation, Symptom, Verdict

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UP, DOWN, DEGRADED, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN


class Names(Resolver):
    """A name server of one name, with an address of each family: this machine's resolver knows none such."""

    async def addresses(self, host, family):
        known = {socket.AF_INET: ("127.0.0.1",), socket.AF_INET6: ("::1",)}
        if host != "both.example":
            raise UnreachableError(f"there is no host named {host}")
        return known.get(family, ("::1", "127.0.0.1"))


class Hears(asyncio.Protocol):
    def __init__(self, came):
        self.came = came

    def connection_made(self, transport):
        self.came.append(transport.get_extra_info("sockname")[0])
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        transport.close()


@asynccontextmanager
async def a_name(*addresses):
    """Serve one port on these addresses; yield the port, the engine and where who came to."""
    came: list[str] = []
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        port = 0
        for address in addresses:
            server = await loop.create_server(lambda: Hears(came), address, port)
            stack.callback(server.close)
            port = port or server.sockets[0].getsockname()[1]
        engine = await stack.enter_async_context(CurlEngine(dialler=Dialler(resolver=Names())))
        yield port, engine, came
        await asyncio.sleep(0.01)


async def a_look(port, engine, kind="tcp", ip="both", way=None):
    target = f"http://both.example:{port}/" if kind == "http" else f"both.example:{port}"
    options = CHECK_TYPES[kind].options.model_validate({"ip": ip})
    check = built(CHECK_TYPES[kind], Target(name="x", target=target, timeout=2), options, Tools(http=engine))
    if way is None:
        return await check.observe(NOW)
    with leaving_by(way):
        return await check.observe(NOW)


@pytest.mark.parametrize("kind", ["tcp", "http"])
async def test_a_broken_family_is_named_and_neither_hidden_nor_taken_for_the_whole(kind):
    async with a_name("127.0.0.1", "::1") as (port, engine, came):
        seen = await a_look(port, engine, kind)
        assert seen.verdict is UP, seen.detail
        assert sorted(came) == ["127.0.0.1", "::1"], "one connection each"
        assert (seen.values["v4_ip"], seen.values["v6_ip"]) == ("127.0.0.1", "::1")
        assert {"v4_connect", "v6_connect"} <= set(seen.phases)
    async with a_name("127.0.0.1") as (port, engine, _):
        seen = await a_look(port, engine, kind)
        assert (seen.verdict, seen.symptom) == (DEGRADED, Symptom.DEGRADED)
        assert seen.detail.startswith("IPv6 is bad. IPv4: ")
        assert f"IPv6: connection refused by both.example ([::1]:{port})" in seen.detail
        assert (await a_look(port, engine, kind, ip="auto")).verdict is UP, "which hides it"
        assert (await a_look(port, engine, kind, ip="6")).verdict is DOWN
    async with a_name("::1") as (port, engine, _):
        assert (await a_look(port, engine, kind)).detail.startswith("IPv4 is bad. IPv4: connection refused")


async def test_from_a_vantage_of_one_family_the_other_one_is_unknown():
    async with a_name("127.0.0.1", "::1") as (port, engine, came):
        only_v4 = Egress(v4="127.0.0.2")
        seen = await a_look(port, engine, way=only_v4)
        assert seen.verdict is UNKNOWN
        assert (await a_look(port, engine, ip="auto", way=only_v4)).verdict is UP, (
            "it takes the family it has"
        )
        assert set(came) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("v4", "v6", "said"),
    [
        pytest.param(UP, UP, UP, id="both well"),
        pytest.param(UP, DOWN, DEGRADED, id="one down is half of it"),
        pytest.param(DOWN, UP, DEGRADED, id="whichever it is"),
        pytest.param(DOWN, DOWN, DOWN, id="both down"),
        pytest.param(UP, DEGRADED, DEGRADED, id="one slow"),
        pytest.param(DEGRADED, DOWN, DOWN, id="one slow, one down"),
        pytest.param(UP, UNKNOWN, UNKNOWN, id="one could not be looked at"),
        pytest.param(UNKNOWN, DOWN, DOWN, id="one down, nothing known of the other"),
        pytest.param(UNKNOWN, UNKNOWN, UNKNOWN, id="neither could be looked at"),
    ],
)
def test_two_looks_say_one_thing(v4, v6, said):
    def seen(verdict):
        symptom = Symptom.UNREACHABLE if verdict is DOWN else None
        return Observation(check="x", at=NOW, verdict=verdict, symptom=symptom, detail=verdict.value)

    both = joined(seen(v4), seen(v6))
    assert both.verdict is said
    assert (both.symptom is Symptom.UNREACHABLE) is (said is DOWN)


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:80",
        "[::1]:80",
        "http://127.0.0.1:80/",
        "https://[::1]/",
        "sip:4000@127.0.0.1:5060;transport=tcp",
    ],
)
def test_an_address_is_of_one_family(target):
    options = CHECK_TYPES["tcp"].options.model_validate({"ip": "both"})
    with pytest.raises(ValueError, match="ip: both needs a name"):
        built(CHECK_TYPES["tcp"], Target(name="x", target=target), options, Tools())


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("https://Portal.example:8443/x?a=b@c", "portal.example"),
        ("sip:4000@pbx.example:5060;transport=tcp", "pbx.example"),
        ("sips:[2001:db8::1]", "2001:db8::1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("postgresql://probe@db.example/name", "db.example"),
        ("127.0.0.2:80", ""),
        ("http://[::1]/", ""),
        ("localhost:80", ""),
        ("", ""),
    ],
)
def test_whom_a_target_names_is_known_whatever_its_type(target, host):
    assert host_of(target) == host
