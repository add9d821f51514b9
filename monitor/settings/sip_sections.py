"""The section ``phone.sip``: lines at a PBX or trunk, and the program that speaks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Ident, Language, Line, Phone, Seconds, as_text, filled

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")
_HIGHEST_PORT = 65_535
_LEAST_PORTS = 4
_USER = re.compile(r"[A-Za-z0-9+_.!~*'()&=$,/%-]+")
_PREFIX = re.compile(r"[+0-9*#]{0,10}")
_SECRET_MISFITS = re.compile(r'["\\\x00-\x1f\x7f]')


def _host(text: str) -> str:
    """Check a host with or without a port."""
    found = _HOST.fullmatch(text)
    if not found or (found[1] and not 0 < int(found[1]) <= _HIGHEST_PORT):
        raise ValueError("must be a host or host:port such as pbx.example.org:5060, without sip:")
    return text


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError("must be the user of a SIP address: letters, digits and + _ . - and the like, no @")
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError(
            "must be what is dialled in place of the +: digits such as 00, + itself, or nothing ('')"
        )
    return text


def _password(secret: Secret) -> Secret:
    if _SECRET_MISFITS.search(secret.reveal()):
        raise ValueError("must not contain quotes, backslashes or control characters: SIP accounts cannot")
    return secret


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("must be an address of this machine such as 192.0.2.10") from None


def _ports(text: str) -> str:
    first, dash, last = text.partition("-")
    if not dash or not first.strip().isdigit() or not last.strip().isdigit():
        raise ValueError("must be two ports such as 10000-10199")
    if not 1_024 <= int(first) < int(last) <= _HIGHEST_PORT:  # noqa: PLR2004 - below are those of the system
        raise ValueError("must be two ports between 1024 and 65535, the lower first")
    if int(last) - int(first) < _LEAST_PORTS - 1:
        raise ValueError(
            f"must be at least {_LEAST_PORTS} ports: a call needs two, and one may still be closing"
        )
    return f"{int(first)}-{int(last)}"


def _command(command: tuple[str, ...]) -> tuple[str, ...]:
    if not any("{voice}" in argument for argument in command[1:]):
        raise ValueError(
            "must name {voice} in one of its arguments, or every language is spoken by one voice"
        )
    return command


Host = Annotated[Line, AfterValidator(_host)]
User = Annotated[Line, AfterValidator(_user)]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SipLine:
    """An account at a PBX, or a trunk that knows us by our address."""

    name: Annotated[Ident, Field(description="Its name in logs and reasons.")]
    domain: Annotated[Host, Field(description="The PBX: host or host:port.")]
    user: Annotated[
        User | None, Field(description="The account; by default (on a trunk) the digits of `phone.from`.")
    ] = None
    password: Annotated[
        Annotated[Secret, AfterValidator(_password)] | None,
        Field(description="Its password; none where the trunk knows us by our address."),
    ] = None
    auth_user: Annotated[
        User | None, Field(description="The name to authenticate as, where it is not `user`.")
    ] = None
    proxy: Annotated[
        Host | None, Field(description="Outbound proxy that everything goes through, host or host:port.")
    ] = None
    transport: Annotated[Literal["udp", "tcp"], Field(description="How it is spoken to.")] = "udp"
    register: Annotated[
        bool, Field(description="`false` for a trunk that takes calls from our address without registration.")
    ] = True
    register_every: Annotated[
        Annotated[Seconds, Field(ge=30, le=3_600)],
        Field(description="How often the registration is renewed, and so how soon its loss is noticed."),
    ] = 120.0
    channels: Annotated[int, Field(ge=1, le=100, description="Calls it carries at once.")] = 2
    plus: Annotated[
        Annotated[str, BeforeValidator(as_text), AfterValidator(_prefix)],
        Field(description="What is dialled in place of a number's `+`: `00`, `000`, `''`."),
    ] = "+"
    caller: Annotated[
        Phone | None,
        Field(
            description="The number shown (P-Asserted-Identity), where the PBX lets us; by default `phone.from`."
        ),
    ] = None
    mark_calls: Annotated[
        bool,
        Field(
            description="`true` sends our attempt's id in `X-Tocsin-Attempt`, to be found in the PBX's logs."
        ),
    ] = False


def _espeak() -> tuple[str, ...]:
    return ("espeak-ng", "-v", "{voice}", "-s", "{speed}", "--stdin", "--stdout")


def _voices() -> dict[str, str]:
    return {"en": "en-gb", "fr": "fr-fr"}


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SipSpeech:
    """The program that turns text into sound: text on stdin, a 16-bit WAV on stdout (or in ``{file}``)."""

    command: Annotated[
        tuple[Line, ...],
        AfterValidator(filled),
        AfterValidator(_command),
        Field(
            json_schema_extra={"minItems": 1},
            description="The program and its arguments, without a shell; `{voice}`, `{speed}`, `{file}` are filled in.",
        ),
    ] = field(default_factory=_espeak)
    voices: Annotated[
        dict[Language, Line],
        Field(description="The program's voice for a language; by default the language itself."),
    ] = field(default_factory=_voices)
    fallback: Annotated[
        Language, Field(description="The language whose voice is used where one is missing.")
    ] = "en"
    speed: Annotated[
        int, Field(ge=80, le=300, description="Words a minute; a person woken at night needs a slow voice.")
    ] = 140


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Sip:
    """Lines at the operator's own PBX or trunk; nothing on the internet needs to reach us."""

    lines: Annotated[
        tuple[SipLine, ...],
        AfterValidator(filled),
        Field(
            json_schema_extra={"minItems": 1},
            description="The lines in order: the next one is taken when one is down, in use, or refuses a call.",
        ),
    ]
    local_address: Annotated[
        Annotated[Line, AfterValidator(_address)] | None,
        Field(description="Our own address towards the PBX; by default the one the system would use."),
    ] = None
    port: Annotated[
        int, Field(ge=0, le=_HIGHEST_PORT, description="Our own SIP port; 0 takes a free one.")
    ] = 0
    rtp_ports: Annotated[
        Annotated[Line, AfterValidator(_ports)], Field(description="Ports for sound, first and last.")
    ] = "10000-10199"
    setup_time: Annotated[
        Annotated[Seconds, Field(ge=2, le=32)],
        Field(description="How long the PBX may take to react at all to a call."),
    ] = 10.0
    key_time: Annotated[
        Annotated[Seconds, Field(ge=1, le=30)],
        Field(description="How long a key is waited for after each reading."),
    ] = 8.0
    speech: Annotated[SipSpeech, Field(description="The program that speaks.")] = field(
        default_factory=SipSpeech
    )


def misfits(sip: Sip | None, sender: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what does not go together: where below ``phone``, and what is wrong."""
    if sip is None:
        yield ("driver",), "driver 'sip' needs the section phone.sip with at least one line"
        return
    names: set[str] = set()
    for number, line in enumerate(sip.lines):
        at = ("sip", "lines", number)
        if line.name in names:
            yield (*at, "name"), f"there is already a line {line.name!r}"
        names.add(line.name)
        if line.user is None and line.register:
            yield (*at, "name"), "a line that registers needs its user (and password)"
        elif line.user is None and sender is None:
            yield (*at, "name"), "a line needs a user, or phone.from to call from"
    first, _, last = sip.rtp_ports.partition("-")
    ports, needed = int(last) - int(first) + 1, 2 * sum(line.channels for line in sip.lines)
    if ports < needed:
        yield (
            ("sip", "rtp_ports"),
            f"are {ports} ports, and the lines' channels need {needed}: two for each call",
        )
