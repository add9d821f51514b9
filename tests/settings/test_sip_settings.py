"""The section ``phone.sip``: nonsense is told with its place, and what is told becomes lines."""

import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import commands, phone_parts
from monitor.errors import ConfigError
from monitor.settings import Settings, load_text
from tests.requirements import require

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINE = "{name: pbx, domain: pbx.example.org, user: tocsin, password: s3cret}"


def loaded(phone: str, environ: dict[str, str] | None = None) -> Settings:
    return load_text(f"phone: {phone}", "f.yaml", now=NOW, check_options={}, environ=environ or {})


def sip(line: str = LINE, more: str = "", sender: str = "") -> str:
    return f"{{driver: sip, {sender}sip: {{lines: [{line}]{more}}}}}"


@pytest.mark.parametrize(
    ("phone", "problem"),
    [
        ("{driver: sip}", "phone.driver: driver 'sip' needs the section phone.sip with at least one line"),
        ("{driver: sip, sip: {lines: []}}", "phone.sip.lines: must not be empty"),
        (sip("{name: pbx}"), "phone.sip.lines[0].domain: this key is missing"),
        (sip("{name: pbx, domain: pbx.example.org}"), "a line that registers needs its user (and password)"),
        (
            sip("{name: t, domain: pbx.example.org, register: false}"),
            "needs a user, or phone.from to call from",
        ),
        (sip("{name: p, domain: 'sip:pbx.example.org', user: t}"), "must be a host or host:port"),
        (sip("{name: p, domain: 'pbx.example.org:99999', user: t}"), "must be a host or host:port"),
        (sip("{name: p, domain: 'pbx.example.org;x=y', user: t}"), "must be a host or host:port"),
        (sip("{name: p, domain: pbx, user: 't@pbx'}"), "must be the user of a SIP address"),
        (sip("{name: p, domain: pbx, user: t, password: 'a\"b'}"), "must not contain quotes, backslashes"),
        (sip("{name: p, domain: pbx, user: t, transport: tls}"), "'tls' is not one of udp, tcp"),
        (sip("{name: p, domain: pbx, user: t, plus: ext}"), "must be what is dialled in place of the +"),
        (sip("{name: p, domain: pbx, user: t, channels: 0}"), "channels: "),
        (sip("{name: p, domain: pbx, user: t, register_every: 1s}"), "register_every: "),
        (sip("{name: p, domain: pbx, user: t, pasword: x}"), "did you mean 'password'?"),
        (sip(f"{LINE}, {LINE}"), "there is already a line 'pbx'"),
        (sip(more=", rtp_ports: 10000"), "must be two ports such as 10000-10199"),
        (sip(more=", rtp_ports: 10100-10000"), "must be two ports between 1024 and 65535, the lower first"),
        (sip(more=", rtp_ports: 80-200"), "must be two ports between 1024 and 65535"),
        (sip(more=", rtp_ports: 10000-10001"), "must be at least 4 ports"),
        (
            sip("{name: p, domain: pbx, user: t, channels: 9}", ", rtp_ports: 10000-10009"),
            "are 10 ports, and the lines' channels need 18: two for each call",
        ),
        (sip(more=", local_address: pbx"), "must be an address of this machine"),
        (sip(more=", setup_time: 60s"), "setup_time: "),
        (sip(more=", speech: {command: []}"), "must not be empty"),
        (sip(more=", speech: {command: [espeak-ng]}"), "must name {voice} in one of its arguments"),
        (sip(more=", speech: {speed: 10}"), "speed: "),
        (sip(more=", speech: {voices: {english: en}}"), "is not a language tag"),
    ],
)
def test_nonsense_is_told_with_its_place(phone: str, problem: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        loaded(phone)
    assert len(wrong.value.problems) == 1
    assert problem in wrong.value.problems[0]
    assert wrong.value.problems[0].startswith("f.yaml:1:")


def test_a_line_is_made_of_what_is_told_and_of_the_number_we_call_from() -> None:
    settings = loaded(
        sip(
            "{name: pbx, domain: 'pbx.example.org:5080', user: tocsin, password: '${env:SIP_PASSWORD}', proxy: sbc.example.org, transport: tcp, register_every: 90s}"
            ", {name: trunk, domain: sip.carrier.example, register: false, plus: 00}",
            sender='from: "+390461000111", ',
        ),
        {"SIP_PASSWORD": "s3cret"},
    ).phone
    assert settings.sip is not None
    station = phone_parts.station(settings.sip, settings.sender)
    pbx, trunk = station.lines
    assert (pbx.user, pbx.password, pbx.domain, pbx.every) == ("tocsin", "s3cret", "pbx.example.org:5080", 90)
    assert pbx.proxy == "sbc.example.org;transport=tcp"
    assert (trunk.user, trunk.password, trunk.register, trunk.plus) == ("00390461000111", "", False, "00")
    assert pbx.headers("att_1") == {"P-Asserted-Identity": "<sip:+390461000111@pbx.example.org:5080>"}
    assert "s3cret" not in repr(settings) + repr(station)
    assert station.rtp_ports == (10_000, 10_199)


def test_a_pbx_on_this_machine_is_spoken_to_from_the_loopback() -> None:
    settings = loaded(sip("{name: pbx, domain: 'localhost:5080', user: tocsin}")).phone
    assert settings.sip is not None
    assert phone_parts.station(settings.sip, None).local_address == socket.gethostbyname("localhost")


@pytest.mark.parametrize(
    ("absent", "more", "words"),
    [
        pytest.param("baresip", "", "pip install 'tocsin[sip]'", id="the extra"),
        pytest.param(
            None,
            ", speech: {command: [no-such-voice, '{voice}']}",
            "phone.sip.speech.command",
            id="the voice",
        ),
    ],
)
def test_what_is_not_installed_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str | None, more: str, words: str
) -> None:
    if absent:
        monkeypatch.setitem(sys.modules, absent, None)

    async def ignore(_event: object) -> None:
        pass

    with pytest.raises(ConfigError, match=r"not installed") as missing:
        phone_parts.sip_phone(
            loaded(sip(more=more)).phone, folder=tmp_path, clock=lambda: NOW, on_event=ignore
        )
    assert words in missing.value.problems[0]
    site = tmp_path / "tocsin.yaml"
    site.write_text(f"phone: {sip(more=more)}\n")
    with pytest.raises(ConfigError, match=r"tocsin\.yaml: .*not installed") as checked:
        commands.config_check(site)
    assert words in checked.value.problems[0]


def test_a_channel_with_an_address_needs_the_extra_and_the_check_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("python:apprise", "chat channels", how="pip install 'tocsin[chat]'")
    site = tmp_path / "tocsin.yaml"
    site.write_text("chat: {channels: [{id: room, name: Room, url: 'json://127.0.0.1/room'}]}\n")
    assert ": ok: " in commands.config_check(site)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'tocsin\[chat\]'"):
        commands.config_check(site)
