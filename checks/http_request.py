"""One HTTP request and what its answer must be: the keys that an ``http`` check and each of its steps have."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import pycurl
from pydantic import AfterValidator, Field, SecretStr

from checks.base import Options
from checks.curl import Settings
from checks.http_answer import HeaderRule, JsonRule, Statuses
from checks.texts import TextRule

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

AGENT: Final = b"User-Agent: Tocsin"
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def header_names(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    """Return the headers; raise ``ValueError`` for a name that is none."""
    for name in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
    return headers


class RequestKeys(Options):
    """One request, and what its answer must be."""

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

    @property
    def verb(self) -> str:
        """Return the method that is used."""
        return self.method or ("GET" if self.send is None else "POST")


def method_settings(verb: str, body: bytes | None) -> Settings:
    """Return the settings of the method and the body."""
    if verb == "HEAD":
        return ((pycurl.NOBODY, 1),)
    if body is None:
        return () if verb == "GET" else ((pycurl.CUSTOMREQUEST, verb),)
    return (pycurl.COPYPOSTFIELDS, body), (pycurl.CUSTOMREQUEST, verb)


def header_lines(headers: Mapping[str, str], *, sends: bool) -> tuple[bytes, ...]:
    """Return the headers as they are sent, with those that we add or leave out."""
    names = {name.lower() for name in headers}
    lines = [] if "user-agent" in names else [AGENT]
    if sends:
        lines.append(b"Expect:")  # a body of ours is small: send it without asking
    return (*lines, *(header_line(name, value) for name, value in headers.items()))


def header_line(name: str, value: str) -> bytes:
    """Return a header as it is sent; raise ``ValueError`` for a value that would end its line."""
    if _CONTROL.search(value):
        raise ValueError(f"the value of the header {name} holds a control character")
    return f"{name}: {value}".encode() if value else f"{name};".encode()
