"""The snmp check against net-snmp's agent; BER and keys by the standards' own examples."""

import socket
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import ber, snmp_message
from checks.base import Target, Tools
from checks.snmp import TYPE
from checks.snmp_message import Engine, Question, User
from checks.thresholds import ValueRule
from monitor.domain.findings import Symptom, Verdict
from tests.checks import sip_server
from tests.checks.far_ends import free_port
from tests.far_ends.snmpd import PASSWORD, PRIVACY, USERS, an_snmpd

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
NAME, PLACE, UP = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.1.3.0"
VALUES = [
    {"oid": NAME, "name": "name", "equals": "pbx-1001"},
    {"oid": f".{PLACE}", "name": "place", "matches": "cellar"},
    {"oid": UP, "name": "uptime", "fail": {"below": 0}},
]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with an_snmpd(tmp_path_factory.mktemp("snmpd")) as listening:
        yield listening


def a_check(target, *, timeout=20.0, **options):
    return TYPE.build(
        Target(name="agent", target=target, timeout=timeout),
        TYPE.options.model_validate(options),
        Tools(variables={"COMMUNITY": "s3cret"}),
    )


async def asked(port, **options):
    return await a_check(f"127.0.0.1:{port}", **options).observe(NOW)


def as_user(name):
    how = USERS[name]
    login = {"auth": name.partition("-")[0], "auth_password": PASSWORD} if how else {}
    privacy = {"privacy_password": PRIVACY} if "AES" in how else {}
    return {"version": "3", "username": name, **login, **privacy}


async def test_an_agent_answers_every_version_and_every_kind_of_user(port):
    looks = {name: await asked(port, **as_user(name), values=VALUES) for name in USERS}
    looks["by community"] = await asked(port, community="${COMMUNITY}", values=VALUES)
    for name, seen in looks.items():
        assert seen.verdict is Verdict.UP, (name, seen.detail)
        assert (seen.values["name"], seen.values["place"]) == ("pbx-1001", "the cellar")
        assert seen.values["uptime"] >= 0
        assert set(seen.phases) == {"resolve", "rtt"}


@pytest.mark.parametrize(
    ("values", "verdict", "said"),
    [
        ([{"oid": NAME, "equals": "pbx"}], Verdict.DOWN, f"{NAME} is 'pbx-1001', expected 'pbx'"),
        (
            [{"oid": NAME, "name": "name", "matches": "^sbc"}],
            Verdict.DOWN,
            "name is 'pbx-1001', expected something that matches '^sbc'",
        ),
        (
            [{"oid": NAME, "name": "name", "fail": {"above": 1}}],
            Verdict.DOWN,
            "name is 'pbx-1001', which is no number",
        ),
        (
            [{"oid": f"{NAME}.7", "name": "nothing"}, {"oid": NAME}],
            Verdict.DOWN,
            "there is no nothing",
        ),
    ],
)
async def test_a_value_that_is_not_as_it_should_be_is_told(port, values, verdict, said):
    seen = await asked(port, community="s3cret", values=values)
    assert (seen.verdict, seen.symptom, seen.detail) == (verdict, Symptom.DEGRADED, said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"username": "sha", "auth": "sha", "auth_password": "another password"},
            "did not accept our password",
        ),
        ({"username": "stranger"}, "does not know our user"),
        (
            {**as_user("sha"), "privacy_password": "privpass-5678"},
            "does not know this level of security for us",
        ),
    ],
)
async def test_why_an_agent_refuses_a_user_is_told(port, options, said):
    seen = await asked(port, **{"version": "3", **options})
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == f"127.0.0.1:{port} {said}"
    assert PASSWORD not in repr(seen)


async def test_an_agent_says_nothing_to_a_wrong_community(port):
    seen = await asked(port, community="wrong", timeout=0.3)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"no answer from 127.0.0.1:{port} within 300 ms"


def between(port, change):
    """Return a script that asks the agent and changes its answers on the way back."""

    def script(request, number):
        with socket.socket(type=socket.SOCK_DGRAM) as agent:
            agent.settimeout(20)
            agent.connect(("127.0.0.1", port))
            agent.send(request)
            return [change(agent.recv(65_535), number)]

    return script


async def test_an_agent_that_does_not_tell_its_clock_at_first_is_asked_once_more(port):
    def clockless(answer, number):
        if number > 1:
            return answer
        security = ber.read(answer).parts()[2]
        inner = ber.read(security.content).parts()
        made = bytearray(answer)
        for part in inner[1:3]:
            start, end = security.start + part.start, security.start + part.end
            made[start:end] = bytes(end - start)
        return bytes(made)

    async with sip_server.udp(between(port, clockless)) as far:
        seen = await asked(far.port, **as_user("sha256-aes"), values=VALUES)
    assert seen.verdict is Verdict.UP, seen.detail
    assert len(far.requests) == 3


@pytest.mark.parametrize("name", ["sha256", "sha256-aes"])
async def test_an_answer_that_was_changed_on_the_way_is_not_believed(port, name):
    def forged(answer, number):
        return answer if number == 1 else answer[:-1] + bytes((answer[-1] ^ 1,))

    async with sip_server.udp(between(port, forged)) as far:
        seen = await asked(far.port, **as_user(name), values=VALUES, timeout=0.4)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)


async def test_a_closed_port_is_seen_at_once():
    closed = free_port()
    seen = await asked(closed, timeout=30)
    assert seen.detail == f"connection refused by 127.0.0.1:{closed}"


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        ("md5", "526f5eed9fcce26f8964c2930787d82b"),
        ("sha", "6695febc9288e36282235fc7151f128497b38f3f"),
    ],
)
def test_a_key_is_that_of_rfc_3414(auth, key):
    assert snmp_message._localised(auth, "maplesyrup", bytes(11) + b"\x02").hex() == key


@given(st.binary(max_size=300))
def test_no_datagram_does_harm(data):
    question, user = Question(oids=(NAME,)), User(name="sha", auth="sha", auth_password=PASSWORD)
    question.said_by_community(data, b"public")
    question.said_by_user(data, user)


@given(st.data())
def test_no_change_of_an_answer_does_harm(data):
    question = Question(oids=(NAME, UP), request=7, message=8)
    user = User(name="sha", auth="sha", auth_password=PASSWORD, privacy_password=PRIVACY)
    whole = bytearray(question.by_user(user, Engine(name=b"engine", boots=3, time=70_000)))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    assert question.said_by_user(bytes(whole[:cut]), user) is None


@given(st.integers(-(2**63), 2**64), st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_numbers_and_identifiers_come_back_as_they_went(number, rest):
    text = ".".join(map(str, (1, 3, *rest)))
    assert ber.read(ber.integer(number)).number == number
    assert ber.read(ber.oid(text)).oid == text


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65_536])
def test_lengths_come_back_as_they_went(size):
    assert ber.read(ber.element(ber.OCTETS, b"x" * size)).content == b"x" * size


@pytest.mark.parametrize(
    "data",
    [b"", b"\x02", b"\x02\x02\x00", b"\x02\x80\x00", b"\x02\x85\0\0\0\0\1\0", b"\x04\x84\xff\xff\xff\xff"],
)
def test_what_is_no_ber_is_said_to_be_none(data):
    with pytest.raises(ber.BerError):
        ber.read(data)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"values": []}, "at least 1"),
        ({"values": [{"oid": "sysName.0"}]}, "no object identifier"),
        ({"values": [{"oid": "1.3.6.1"}, {"oid": ".1.3.6.1", "name": "x"}]}, "read once"),
        ({"values": [{"oid": "3.3.6.1"}]}, "no object identifier"),
        ({"username": "x"}, "go with version 3"),
        ({"version": 3}, "needs a username"),
        ({"version": 3, "username": "x", "auth": "sha"}, "one without the other"),
        ({"version": 3, "username": "x", "privacy_password": "12345678"}, "nothing is encrypted"),
        ({"version": 3, "username": "x", "auth": "sha", "auth_password": "short"}, "no password shorter"),
        ({"version": 3, "username": "x", "community": "x"}, "community goes with version 2c"),
        ({"version": 1}, "2c"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_a_sentence(options, said):
    with pytest.raises(ValueError, match=said):
        a_check("127.0.0.1", **options)


@pytest.mark.parametrize(
    ("rule", "value", "verdict", "said"),
    [
        ({"warn": {"above": 10}}, 10, None, None),
        ({"warn": {"above": 10}}, 10.5, Verdict.DEGRADED, "x is 10.5, 10 may be"),
        ({"warn": {"above": 10}, "fail": {"above": 20}}, 21, Verdict.DOWN, "x is 21, 20 may be"),
        ({"fail": {"below": 5}}, "4.5", Verdict.DOWN, "x is 4.5, at least 5 should be"),
        ({"warn": {"below": 5, "above": 9}}, 7, None, None),
        ({"equals": "5"}, 5, None, None),
        ({"matches": "^5$"}, 6, Verdict.DOWN, "x is '6', expected something that matches '^5$'"),
    ],
)
def test_a_value_is_held_against_its_rule(rule, value, verdict, said):
    fault = ValueRule.model_validate(rule).fault("x", value)
    assert (fault and fault.verdict, fault and fault.text) == (verdict, said)
