"""The keys of an ``http`` check, and the libcurl settings they amount to."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

import pycurl
from pydantic import Field, model_validator

from checks.certificates import CertificateLimits
from checks.curl import SAFE, Settings
from checks.dialling import IpVersion
from checks.http_request import AGENT, RequestKeys, header_lines, method_settings
from checks.http_step_keys import MOST_STEPS, Step, check_steps
from checks.latency import Latency
from checks.texts import fill

_KIB: Final = 1024
_OF_ONE: Final = frozenset({"method", "send", "status", "body", "json_", "header", "keep_alive"})
_FULL_HANDSHAKE_EVERY: Final = 3600  # seconds: how stale a reused connection's certificate may be


class HttpOptions(RequestKeys):
    """The keys of an ``http`` check."""

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
    steps: Annotated[
        tuple[Step, ...],
        Field(max_length=MOST_STEPS, description="Several requests, one after the other, instead of one."),
    ] = ()

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.steps:
            given = sorted(self.model_fields_set & _OF_ONE)
            if given:
                raise ValueError(f"with steps, {given[0].rstrip('_')} belongs into a step")
            check_steps(self.steps)
        return self


def request_settings(options: HttpOptions, every: float, variables: Mapping[str, str]) -> Settings:
    """Return the settings of the request; raise ``ValueError`` for a variable that is not set."""
    headers = {name: fill(value, variables) for name, value in options.headers.items()}
    body = None if options.send is None else fill(options.send, variables).encode()
    return (
        *_connection(options, every),
        *method_settings(options.verb, body),
        *(((pycurl.ACCEPT_ENCODING, ""),) if options.compressed else ()),
        (pycurl.HTTPHEADER, header_lines(headers, sends=body is not None)),
    )


def plain_settings(options: HttpOptions, every: float) -> Settings:
    """Return the settings after a redirect to another origin: no header, no body, no secret."""
    encoding = ((pycurl.ACCEPT_ENCODING, ""),) if options.compressed else ()
    head = ((pycurl.NOBODY, 1),) if options.verb == "HEAD" else ()
    return (*_connection(options, every), *encoding, *head, (pycurl.HTTPHEADER, (AGENT,)))


def _connection(options: HttpOptions, every: float) -> Settings:
    if not options.keep_alive:
        return (*SAFE, (pycurl.FORBID_REUSE, 1), (pycurl.FRESH_CONNECT, 1))
    kept = (pycurl.MAXAGE_CONN, int(2 * every) + 10)
    return (*SAFE, kept, (pycurl.MAXLIFETIME_CONN, _FULL_HANDSHAKE_EVERY))
