"""The keys of an ``http`` check, and the libcurl settings they amount to."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import pycurl
from pydantic import AfterValidator, Field, SecretStr

from checks.base import Options
from checks.certificates import CertificateLimits
from checks.curl import SAFE, Settings
from checks.dialling import IpVersion
from checks.http_answer import HeaderRule, JsonRule, Statuses
from checks.latency import Latency
from checks.texts import TextRule, fill

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_KIB: Final = 1024
_FULL_HANDSHAKE_EVERY: Final = 3600  # seconds: how stale a reused connection's certificate may be
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def header_names(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    """Return the headers; raise ``ValueError`` for a name that is none."""
    for name in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
    return headers


class HttpOptions(Options):
    """The keys of an ``http`` check."""

    method: Annotated[
        Method | None, Field(description="The request's method: GET, or POST where `send` is given.")
    ] = None
    headers: Annotated[
        Mapping[str, SecretStr],
        AfterValidator(header_names),
        Field(description="Request headers; `${NAME}` in a value is filled in. Never shown."),
    ] = {}
    send: Annotated[
        SecretStr | None, Field(description="The request's body; `${NAME}` is filled in. Never shown.")
    ] = None
    status: Annotated[Statuses, Field(description="Statuses that are right.")] = ((200, 399),)
    body: Annotated[TextRule | None, Field(description="What the body must hold.")] = None
    json_: Annotated[
        tuple[JsonRule, ...], Field(alias="json", description="What a JSON body must hold.")
    ] = ()
    header: Annotated[Mapping[str, HeaderRule], Field(description="What the answer's headers must be.")] = {}
    latency: Annotated[Latency, Field(description="How slow an answer may be.")] = Latency()
    certificate: Annotated[
        CertificateLimits, Field(description="How many days the certificate must have left.")
    ] = CertificateLimits()
    verify: Annotated[bool, Field(description="Whether the certificate must be trusted.")] = True
    ca_file: Annotated[str | None, Field(description="Trust these authorities instead (PEM).")] = None
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"
    follow_redirects: Annotated[int, Field(ge=0, le=3, description="How many redirects to follow.")] = 0
    keep_alive: Annotated[bool, Field(description="Reuse the connection of the last look.")] = False
    compressed: Annotated[bool, Field(description="Ask for a compressed body and unpack it.")] = False
    max_bytes: Annotated[
        int, Field(ge=1, le=_KIB * _KIB, description="Read no more of the body than this.")
    ] = 64 * _KIB

    @property
    def verb(self) -> str:
        """Return the method that is used."""
        return self.method or ("GET" if self.send is None else "POST")


def request_settings(options: HttpOptions, every: float, variables: Mapping[str, str]) -> Settings:
    """Return the settings of the request; raise ``ValueError`` for a variable that is not set."""
    return (
        *_connection(options, every),
        *_method(options, variables),
        *(((pycurl.ACCEPT_ENCODING, ""),) if options.compressed else ()),
        (pycurl.HTTPHEADER, _header_lines(options, variables)),
    )


def plain_settings(options: HttpOptions, every: float) -> Settings:
    """Return the settings after a redirect to another origin: no header, no body, no secret."""
    encoding = ((pycurl.ACCEPT_ENCODING, ""),) if options.compressed else ()
    head = ((pycurl.NOBODY, 1),) if options.verb == "HEAD" else ()
    return (*_connection(options, every), *encoding, *head, (pycurl.HTTPHEADER, (_AGENT,)))


_AGENT: Final = b"User-Agent: Tocsin"


def _connection(options: HttpOptions, every: float) -> Settings:
    if not options.keep_alive:
        return (*SAFE, (pycurl.FORBID_REUSE, 1), (pycurl.FRESH_CONNECT, 1))
    kept = (pycurl.MAXAGE_CONN, int(2 * every) + 10)
    return (*SAFE, kept, (pycurl.MAXLIFETIME_CONN, _FULL_HANDSHAKE_EVERY))


def _method(options: HttpOptions, variables: Mapping[str, str]) -> Settings:
    if options.verb == "HEAD":
        return ((pycurl.NOBODY, 1),)
    if options.send is None:
        return () if options.verb == "GET" else ((pycurl.CUSTOMREQUEST, options.verb),)
    body = fill(options.send, variables).encode()
    return (pycurl.COPYPOSTFIELDS, body), (pycurl.CUSTOMREQUEST, options.verb)


def _header_lines(options: HttpOptions, variables: Mapping[str, str]) -> tuple[bytes, ...]:
    names = {name.lower() for name in options.headers}
    lines = [] if "user-agent" in names else [_AGENT]
    if options.send is not None:
        lines.append(b"Expect:")  # a body of ours is small: send it without asking
    given = (header_line(name, fill(value, variables)) for name, value in options.headers.items())
    return (*lines, *given)


def header_line(name: str, value: str) -> bytes:
    """Return a header as it is sent; raise ``ValueError`` for a value that would end its line."""
    if _CONTROL.search(value):
        raise ValueError(f"the value of the header {name} holds a control character")
    return f"{name}: {value}".encode() if value else f"{name};".encode()
