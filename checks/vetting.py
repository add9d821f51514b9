"""Which addresses a check may connect to: a pure policy over addresses, no names, no sockets.

Targets are written by the operator, so private networks are fine. Cloud metadata services never are,
in whatever form the address is written: plain, IPv4-mapped, IPv4-compatible, NAT64, 6to4 or Teredo.
The address that was vetted is the address that is connected to (``checks.dialling``), so a name that
changes its mind between two lookups gains nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, OpenStack and most others
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::254/128",  # AWS
        "fd20:ce::254/128",  # Google
    )
)
_NAT64 = tuple(IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Vetting:
    """The policy: metadata services are always denied, and the ``denied`` networks on top."""

    denied: tuple[Network, ...] = ()

    def refusal(self, address: str) -> str | None:
        """Return why the address may not be connected to, or None; an unreadable one is refused."""
        try:
            forms = tuple(_forms(ip_address(address)))
        except ValueError:
            return "is not an IP address"
        if _within(forms, METADATA):
            return "is a link-local or cloud metadata address, which is never looked at"
        if any(form.is_multicast for form in forms):
            return "is a multicast address"
        return "is in a denied network" if _within(forms, self.denied) else None


def _within(forms: tuple[Address, ...], networks: tuple[Network, ...]) -> bool:
    return any(form in network for network in networks for form in forms)


def _forms(address: Address) -> Iterator[Address]:
    """Yield the address and every address it stands for (the unspecified one reaches this host)."""
    yield address
    if address.is_unspecified:
        yield IPv4Address("127.0.0.1")
        yield IPv6Address("::1")
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _COMPATIBLE or any(address in network for network in _NAT64):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
