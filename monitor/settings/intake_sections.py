"""The sections about requests that come in: the mail listener, and the key that credentials are sealed with."""

import base64
import binascii
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Country, Email, Ident, Line, Seconds, Size, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_KEY_BYTES = 32


def _network(text: str) -> str:
    """Check an address or a network."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be an address or a network such as 192.0.2.1 or 10.0.0.0/8") from None


def _domain(text: str) -> str:
    if "@" in text or "." not in text.strip("."):
        raise ValueError("must be a mail domain such as example.org")
    return text.lower()


def _key(secret: Secret) -> Secret:
    """Check that a key is one: 32 bytes in base64."""
    try:
        raw = base64.b64decode(secret.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError("must be 32 bytes in base64, as `tocsin secrets key` prints them")
    return secret


Network = Annotated[Line, AfterValidator(_network)]
Domain = Annotated[Line, AfterValidator(_domain)]
SealingKey = Annotated[Secret, AfterValidator(_key)]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class MailAddress:
    """An address that takes requests."""

    address: Annotated[Email, Field(description="The address.")]
    policy: Annotated[
        Ident | None, Field(description="The policy that judges what comes here; by default the sender's.")
    ] = None
    country: Annotated[Country | None, Field(description="The country whose queue it goes to.")] = None


def _local() -> tuple[str, ...]:
    return ("127.0.0.0/8", "::1/128")


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class MailIn:
    """The listener to which our own mail server hands mail for us; without a host or a socket there is none."""

    host: Annotated[Line | None, Field(description="Address to listen on.")] = None
    port: Annotated[int, Field(ge=0, le=65_535, description="Its port; 0 takes a free one.")] = 2424
    socket: Annotated[
        Line | None, Field(description="A socket in the file system instead, reached by its permissions.")
    ] = None
    protocol: Annotated[
        Literal["lmtp", "smtp"],
        Field(
            description="`lmtp` answers for each recipient on its own; `smtp` where that is not to be had."
        ),
    ] = "lmtp"
    hostname: Annotated[Line, Field(description="The name we greet with.")] = "localhost"
    peers: Annotated[
        tuple[Network, ...], Field(description="Networks that may hand mail in: our own mail servers.")
    ] = field(default_factory=_local)
    addresses: Annotated[
        tuple[MailAddress, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Addresses that take requests, beside the queues of the policies."),
    ] = ()
    domains: Annotated[
        tuple[Domain, ...], Field(description="Domains of which every address takes requests.")
    ] = ()
    reply_to: Annotated[
        Email | None,
        Field(
            description="The address that replies go to, with a key in it; by default the first of the addresses."
        ),
    ] = None
    authserv_id: Annotated[
        Line | None,
        Field(
            description="Our mail server's name in Authentication-Results; without it no sender is believed."
        ),
    ] = None
    own_hops: Annotated[
        int, Field(ge=0, le=10, description="Received headers that our own filters add above that one.")
    ] = 0
    max_size: Annotated[Size, Field(ge=65_536, le=100 << 20, description="Largest mail.")] = 20 * 1024 * 1024
    max_recipients: Annotated[int, Field(ge=1, le=1_000, description="Recipients of one mail.")] = 50
    max_connections: Annotated[int, Field(ge=1, le=1_000, description="Connections at once.")] = 20
    idle_timeout: Annotated[
        Annotated[Seconds, Field(ge=1, le=3_600)],
        Field(description="How long a connection may say nothing."),
    ] = 60.0
    body_timeout: Annotated[
        Annotated[Seconds, Field(ge=1, le=3_600)], Field(description="How long a mail may take to come in.")
    ] = 300.0

    @property
    def on(self) -> bool:
        """Whether there is a listener."""
        return self.host is not None or self.socket is not None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The key with which credentials that come with requests are kept apart; without one they are dropped."""

    key: Annotated[
        SealingKey | None, Field(description="32 bytes in base64, as `tocsin secrets key` prints them.")
    ] = None
    previous: Annotated[
        tuple[SealingKey, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Keys before it: what they sealed can still be read."),
    ] = ()
