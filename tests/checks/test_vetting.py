"""Which addresses may be connected to, in every way an address can be written."""

import asyncio
import socket
from ipaddress import ip_network

import pytest

from checks.dialling import Dialler, Resolver, UnreachableError, host_and_port
from checks.vetting import Vetting

DENIED = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "64:ff9b::100.100.100.200",
    "224.0.0.1",
    "ff02::1",
    "no address",
    "",
]
ALLOWED = [
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "8.8.8.8",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "100.100.100.201",
]


@pytest.mark.parametrize("address", DENIED)
def test_metadata_services_are_never_looked_at(address):
    assert Vetting().refusal(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_the_operators_own_networks_are(address):
    assert Vetting().refusal(address) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_more_networks_can_be_denied(address):
    assert Vetting((ip_network("10.0.0.0/8"),)).refusal(address) == "is in a denied network"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.9.9.9"])
def test_denying_loopback_denies_its_other_names(address):
    assert Vetting((ip_network("127.0.0.0/8"), ip_network("::1/128"))).refusal(address)


@pytest.mark.parametrize("name", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"])
async def test_a_name_for_a_denied_address_is_refused(name):
    with pytest.raises(UnreachableError, match="never looked at"):
        await Dialler().locate(name)


async def test_names_are_looked_up_side_by_side_and_one_name_once():
    resolver = Resolver(threads=4)
    found = await asyncio.gather(*(resolver.addresses("localhost", socket.AF_INET) for _ in range(200)))
    assert set(found) == {("127.0.0.1",)}
    many = await asyncio.gather(*(resolver.addresses(f"127.0.0.{n}", socket.AF_INET) for n in range(1, 200)))
    assert many == [(f"127.0.0.{n}",) for n in range(1, 200)]


async def test_one_that_gives_up_waiting_does_not_take_the_answer_from_the_others():
    resolver = Resolver(threads=1)
    first = asyncio.create_task(resolver.addresses("localhost", socket.AF_INET))
    second = asyncio.create_task(resolver.addresses("localhost", socket.AF_INET))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ("127.0.0.1",)


async def test_a_name_without_an_address_is_a_sentence():
    with pytest.raises(UnreachableError, match=r"no-such-host\.invalid"):
        await Dialler().locate("no-such-host.invalid")


TARGETS = {
    "pbx.example:5060": ("pbx.example", 5060),
    "PBX.Example:25": ("pbx.example", 25),
    "[2001:db8::1]:443": ("2001:db8::1", 443),
    "pbx.example": ("pbx.example", 443),
    "büro.example:1": ("xn--bro-hoa.example", 1),
}


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_host_and_port(target):
    assert host_and_port(target, default_port=443) == TARGETS[target]


@pytest.mark.parametrize(
    "target", ["", ":80", "a:0", "a:65536", "a:b", "2001:db8::1", "a b:80", "http://a:80", "a:80/", "a:-1"]
)
def test_anything_else_is_refused_with_a_sentence(target):
    with pytest.raises(ValueError, match=r"is not|brackets"):
        host_and_port(target)
