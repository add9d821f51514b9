"""The dns check against unbound, and against far ends that answer badly."""

import asyncio
import contextlib
from datetime import UTC, datetime

import dns.message
import pytest

from checks.base import Target, Tools
from checks.dns import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks import sip_server
from tests.checks.far_ends import an_authority, free_port, served
from tests.far_ends.unbound import an_unbound

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def a_check(target, query="www.example.test", *, timeout=15.0, **options):
    return TYPE.build(
        Target(name="name-server", target=target, timeout=timeout),
        TYPE.options.model_validate({"query": query, **options}),
        Tools(),
    )


async def asked(target, query="www.example.test", **options):
    return await a_check(target, query, **options).observe(NOW)


@contextlib.asynccontextmanager
async def a_server(tmp_path):
    authority = an_authority(tmp_path)
    async with an_unbound(tmp_path / "unbound", pem=authority.pem()) as server:
        server.trust = {"transport": "tls", "ca_file": authority.file}
        yield server


async def test_records_of_every_type_are_asked_for_and_judged(tmp_path):
    story = [
        ("www.example.test", "A", {"equals": ["192.0.2.2", "192.0.2.1"]}),
        ("WWW.example.test.", "AAAA", {"equals": ["2001:DB8:0::1"]}),
        ("example.test", "MX", {"includes": ["10 MX1.example.test"]}),
        ("_sip._udp.example.test", "SRV", {"equals": ["10 5 5060 pbx.example.test."]}),
        ("example.test", "NAPTR", {"matches": r"SIP\+D2U"}),
        ("example.test", "TXT", {"equals": ["v=spf1 -all"]}),
        ("alias.example.test", "A", {"at_least": 2, "excludes": ["198.51.100.1"]}),
    ]
    async with a_server(tmp_path) as server:
        for query, record, rules in story:
            for where, how in (
                (server.address, {}),
                (server.address, {"transport": "tcp"}),
                (server.tls_address, server.trust),
            ):
                seen = await asked(where, query, record=record, records=rules, authoritative=True, **how)
                assert seen.verdict is Verdict.UP, (query, record, how, seen.detail)
                assert seen.values["rcode"] == "NOERROR"
    assert seen.detail == "alias.example.test. A: 192.0.2.1, 192.0.2.2"
    assert (seen.values["records"], seen.values["ttl"]) == (2, 300)
    assert set(seen.phases) == {"resolve", "connect", "tls", "rtt"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            {"records": {"equals": ["192.0.2.1"]}},
            "www.example.test. A is 192.0.2.1, 192.0.2.2, expected 192.0.2.1",
            id="one too many",
        ),
        pytest.param(
            {"records": {"includes": ["192.0.2.9"]}},
            "www.example.test. A is 192.0.2.1, 192.0.2.2, without 192.0.2.9",
            id="one missing",
        ),
        pytest.param(
            {"records": {"excludes": ["192.0.2.2"]}},
            "www.example.test. A is 192.0.2.2, which must not be there",
            id="one that must not be",
        ),
        pytest.param(
            {"records": {"matches": "^198"}},
            "www.example.test. A is 192.0.2.1, 192.0.2.2, expected one that matches '^198'",
            id="no match",
        ),
        pytest.param(
            {"records": {"at_least": 3}},
            "www.example.test. A is 192.0.2.1, 192.0.2.2, expected 3 or more",
            id="too few",
        ),
        pytest.param(
            {"query": "none.example.test"},
            "answered NXDOMAIN for none.example.test. A, expected NOERROR",
            id="no such name",
        ),
        pytest.param(
            {"query": "example.org", "rcode": ["NOERROR", "NXDOMAIN"]},
            "answered REFUSED for example.org. A, expected NOERROR or NXDOMAIN",
            id="refused",
        ),
        pytest.param(
            {"authoritative": False}, "the answer for www.example.test. A is authoritative", id="AA"
        ),
        pytest.param(
            {"authenticated": True},
            "the answer for www.example.test. A is not verified by DNSSEC",
            id="no AD",
        ),
        pytest.param(
            {"record": "MX", "records": {"at_least": 1}},
            "www.example.test. MX is without records, expected 1 or more",
            id="no record of that type",
        ),
    ],
)
async def test_an_answer_that_is_not_as_it_should_be_is_degraded_and_told(tmp_path, options, said):
    async with an_unbound(tmp_path) as server:
        seen = await asked(server.address, **options)
    assert (seen.verdict, seen.symptom, seen.detail) == (Verdict.DOWN, Symptom.DEGRADED, said)


async def test_a_refusal_may_be_what_is_right(tmp_path):
    async with an_unbound(tmp_path) as server:
        closed = await asked(server.address, "example.org", rcode="refused")
        none = await asked(server.address, "none.example.test", rcode=["NXDOMAIN"])
    assert (closed.verdict, closed.detail) == (Verdict.UP, "example.org. A: REFUSED")
    assert none.verdict is Verdict.UP


async def test_an_answer_too_long_for_udp_is_fetched_by_tcp(tmp_path):
    async with an_unbound(tmp_path) as server:
        seen = await asked(server.address, "long.example.test", record="TXT", records={"at_least": 20})
    assert seen.verdict is Verdict.UP, seen.detail
    assert (seen.values["truncated"], seen.values["records"]) == (1, 20)
    assert seen.phases["connect"] > 0


async def test_a_server_whose_certificate_is_not_trusted_is_not_believed(tmp_path):
    async with a_server(tmp_path) as server:
        seen = await asked(server.tls_address, transport="tls")
        other = await asked(server.tls_address, **server.trust, server_name="dns.example")
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail.endswith("is signed by an authority that is not trusted")
    assert other.detail.endswith("is for another name than dns.example")


def answered(request, text="www.example.test. 300 IN A 192.0.2.1", **changes):
    response = dns.message.make_response(dns.message.from_wire(request))
    response.answer = [dns.rrset.from_text(*text.split()[:4], *text.split()[4:])]
    response.id = changes.get("id", response.id)
    return response.to_wire()


async def test_answers_to_somebody_else_and_noise_do_no_harm():
    def script(request, _):
        foreign = answered(request, id=(request[0] << 8 | request[1]) ^ 1)
        other = answered(dns.message.make_query("evil.test", "A", id=request[0] << 8 | request[1]).to_wire())
        return [b"", b"\xff" * 700, foreign, other, answered(request)]

    async with sip_server.udp(script) as far:
        seen = await asked(f"127.0.0.1:{far.port}", records={"equals": ["192.0.2.1"]})
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["sent"] == 1


async def test_a_question_that_is_lost_is_asked_again(monkeypatch):
    monkeypatch.setattr("checks.dns.AGAIN_AFTER", 0.02)

    def script(request, number):
        return [answered(request)] if number > 2 else []

    async with sip_server.udp(script) as far:
        seen = await asked(f"127.0.0.1:{far.port}")
    assert seen.verdict is Verdict.UP
    assert seen.values["sent"] >= 3
    assert len(set(far.requests)) == 1


async def test_a_silent_server_is_unreachable():
    async with sip_server.udp(sip_server.silence) as far:
        seen = await asked(f"127.0.0.1:{far.port}", timeout=0.3)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"no answer from 127.0.0.1:{far.port} within 300 ms"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_closed_port_is_seen_at_once(transport):
    port = free_port()
    seen = await asked(f"127.0.0.1:{port}", transport=transport, timeout=30)
    assert seen.detail == f"connection refused by 127.0.0.1:{port}"
    assert seen.symptom is Symptom.UNREACHABLE


def says(data):
    async def talk(reader, writer):
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("data", "said", "symptom"),
    [
        (b"", "closed the connection: no answer came", Symptom.UNREACHABLE),
        (b"\x00\x20half", "closed the connection: no answer came", Symptom.UNREACHABLE),
        (b"\x00\x04none", "answered something that is not DNS", Symptom.DEGRADED),
        (
            b"\x00\x1c"
            + dns.message.make_response(dns.message.make_query("evil.test.", "A", id=4711))
            .to_wire()
            .ljust(28, b"\0"),
            "answered another question",
            Symptom.DEGRADED,
        ),
    ],
)
async def test_a_stream_that_is_no_dns_is_told(data, said, symptom):
    async with served(says(data)) as port:
        seen = await asked(f"127.0.0.1:{port}", transport="tcp")
    assert (seen.detail, seen.symptom) == (f"127.0.0.1:{port} {said}", symptom)


async def test_a_server_by_its_name_is_asked_at_the_address_that_answers(tmp_path):
    async with an_unbound(tmp_path) as server:  # localhost is ::1 first, where nobody listens
        looks = [await asked(f"localhost:{server.port}", transport=how) for how in ("udp", "tcp")]
    assert [(seen.verdict, seen.values["ip"]) for seen in looks] == [(Verdict.UP, "127.0.0.1")] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"record": "AB"}, "no type of record"),
        ({"record": "ANY"}, "can be looked at"),
        ({"rcode": "MAYBE"}, "no answer code"),
        ({"rcode": []}, "at least 1"),
        ({"query": "a..b"}, "no domain name"),
        ({"records": {"equals": ["nonsense"]}}, "no record of type A"),
        ({"records": {"matches": "("}}, "no regular expression"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_a_sentence(options, said):
    with pytest.raises(ValueError, match=said):
        a_check("127.0.0.1", **options)


def test_a_metadata_service_is_not_asked():
    with pytest.raises(ValueError, match="metadata"):
        a_check("169.254.169.254")
