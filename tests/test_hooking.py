"""Where a stranger's webhook may lead: the public internet by https, and what the operator named."""

import pytest

from monitor.hooking import reach

INTERNET, INSIDE = reach(()), reach(("10.20.0.0/16", "127.0.0.0/8"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "100.100.100.200",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fec0::1", "fd12::1", "ff02::1", "2001:db8::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b:1::1", "nonsense",
    ],
)  # fmt: skip
def test_nobody_is_led_inside(address):
    assert INTERNET.refusal(address, False)
    assert INTERNET.refusal(address, True)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "172.32.0.1", "100.128.0.1"]
)
def test_the_internet_is_there_by_https_only(address):
    assert INTERNET.refusal(address, False) is None
    assert INTERNET.refusal(address, True) == "is outside the networks that http is for"
    assert INSIDE.refusal(address, True)


def test_the_operators_own_networks_are_there_by_both_but_a_metadata_service_never():
    assert INSIDE.refusal("10.20.1.1", False) is INSIDE.refusal("10.20.1.1", True) is None
    assert INSIDE.refusal("127.0.0.1", True) is None
    assert INSIDE.refusal("10.21.1.1", False)
    assert reach(("0.0.0.0/0",)).refusal("169.254.169.254", False)
