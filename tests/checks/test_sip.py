"""The sip check against far ends that behave well, badly and not at all, on real sockets."""

import asyncio
import socket
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from checks import sip_transaction
from monitor.domain.findings import Symptom, Verdict
from tests.checks import sip_server
from tests.checks.sip_server import a_check, always, header, reply, silence

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def impatient(monkeypatch):
    """Shorten T1 and T2 (RFC 3261 lets a private network do so: 17.1.2.2, table 4)."""
    monkeypatch.setattr(sip_transaction, "T2", 0.08)
    monkeypatch.setattr(
        sip_transaction.Transaction, "__init__", _with_t1(sip_transaction.Transaction.__init__)
    )


def _with_t1(original):
    def init(self, *args, interval=0.01, **kw):
        original(self, *args, interval=interval, **kw)

    return init


async def look(far, *, transport="udp", user="", **kw):
    target = f"sip:{user}127.0.0.1:{far.port};transport={transport}"
    return await a_check(target, **kw).observe(NOW)


async def test_a_pbx_that_answers_200_is_up_with_its_name_and_times():
    async with sip_server.udp(always()) as far:
        seen = await look(far)
    assert (seen.verdict, seen.symptom, seen.at, seen.check) == (Verdict.UP, None, NOW, "pbx-sip")
    assert seen.detail == "answered 200 OK"
    assert seen.values["status"] == 200
    assert seen.values["reason"] == "OK"
    assert seen.values["server"] == "Far End 1.0"
    assert 0 < seen.phases["rtt"] <= seen.phases["final"] <= seen.seconds


async def test_the_request_is_what_rfc_3261_asks_of_one():
    async with sip_server.udp(always()) as far:
        await look(far, user="desk@", user_agent="NOC/1")
        await look(far, **{"from": "sip:noc@example.com"})
    first, second = far.requests
    assert first.startswith(f"OPTIONS sip:desk@127.0.0.1:{far.port} SIP/2.0\r\n".encode())
    assert first.endswith(b"\r\n\r\n")
    via = header(first, "Via")
    assert via.startswith("SIP/2.0/UDP 127.0.0.1:")
    assert ";branch=z9hG4bK" in via
    assert via.endswith(";rport")
    assert header(first, "Max-Forwards") == "70"
    assert header(first, "CSeq") == "1 OPTIONS"
    assert header(first, "User-Agent") == "NOC/1"
    assert header(first, "Content-Length") == "0"
    assert ";tag=" in header(first, "From")
    assert ";tag=" not in header(first, "To")
    assert header(second, "From").startswith("<sip:noc@example.com>;tag=")
    for unique in ("Via", "Call-ID", "From"):
        assert header(first, unique) != header(second, unique)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "status",
    [
        "401 Unauthorized",
        "404 Not Found",
        "405 Method Not Allowed",
        "483 Too Many Hops",
        "503 Service Unavailable",
    ],
)
async def test_any_final_response_proves_life(status, transport):
    async with getattr(sip_server, transport)(always(status)) as far:
        seen = await look(far, transport=transport)
    assert seen.verdict is Verdict.UP
    assert seen.detail == f"answered {status}"


@pytest.mark.parametrize(
    ("healthy", "status", "verdict"),
    [
        pytest.param(["200-299"], "200 OK", Verdict.UP, id="in a range"),
        pytest.param(["2xx", 404], "404 Not Found", Verdict.UP, id="one code"),
        pytest.param(["2xx", 404], "405 Method Not Allowed", Verdict.DOWN, id="in none"),
        pytest.param(["200-299"], "503 Service Unavailable", Verdict.DOWN, id="unavailable"),
    ],
)
async def test_codes_that_count_as_well_can_be_named(healthy, status, verdict):
    async with sip_server.udp(always(status)) as far:
        seen = await look(far, healthy=healthy)
    assert seen.verdict is verdict
    if verdict is Verdict.DOWN:
        assert seen.symptom is Symptom.DEGRADED
        assert seen.detail.startswith(f"answered {status}, expected 200-299")


async def test_the_operators_symptom_stands_for_down():
    async with sip_server.udp(always("503 Service Unavailable")) as far:
        seen = await look(far, healthy=["2xx"], symptom=Symptom.CALL_DROPS)
    assert seen.symptom is Symptom.CALL_DROPS


async def test_a_slow_answer_is_degraded_whatever_down_is_called():
    def late(request, _):
        return [0.05, reply(request)]

    async with sip_server.udp(late) as far:
        seen = await look(far, latency={"warn": "10ms"}, symptom=Symptom.UNREACHABLE)
    assert (seen.verdict, seen.symptom) == (Verdict.DEGRADED, Symptom.DEGRADED)
    assert "expected within 10 ms" in seen.detail


@pytest.mark.usefixtures("impatient")
async def test_requests_lost_on_the_way_are_sent_again():
    def lossy(request, number):
        return [reply(request)] if number > 3 else []

    async with sip_server.udp(lossy) as far:
        seen = await look(far)
    assert seen.verdict is Verdict.UP
    assert seen.values["sent"] >= 4
    assert len(set(far.requests)) == 1, "a retransmission is the same request, byte for byte"


@pytest.mark.usefixtures("impatient")
async def test_a_silent_host_is_unreachable_after_every_copy():
    async with sip_server.udp(silence) as far:
        seen = await look(far, timeout=0.3)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.values["sent"] >= 4
    assert seen.detail == (
        f"no answer from 127.0.0.1:{far.port} (UDP) within 300 ms ({seen.values['sent']:.0f} requests sent)"
    )


async def test_patience_is_granted_after_100_trying():
    def trying(request, _):
        return [reply(request, "100 Trying"), 0.05, reply(request)]

    async with sip_server.udp(trying) as far:
        seen = await look(far)
    assert seen.verdict is Verdict.UP
    assert seen.values["status"] == 200
    assert seen.phases["rtt"] < seen.phases["final"]
    assert len(far.requests) == 1


async def test_nothing_but_100_trying_is_degraded():
    def trying(request, number):
        return [reply(request, "100 Trying")] if number == 1 else []

    async with sip_server.udp(trying) as far:
        seen = await look(far, timeout=0.2)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == "only 100 Trying, no final response within 200 ms"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Via": "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKsomebodyelse"}, id="another's branch"),
        pytest.param({"CSeq": "1 INVITE"}, id="another method"),
        pytest.param({"CSeq": "OPTIONS"}, id="no sequence number"),
        pytest.param({"Via": "SIP/2.0/UDP 127.0.0.1:9"}, id="no branch"),
    ],
)
async def test_a_response_to_somebody_else_is_ignored(changes):
    def first_foreign(request, _):
        return [reply(request, "503 Service Unavailable", **changes), reply(request)]

    async with sip_server.udp(first_foreign) as far:
        seen = await look(far, healthy=["2xx"])
    assert seen.verdict is Verdict.UP
    assert seen.values["foreign"] == 1


async def test_a_response_with_two_vias_is_dropped():
    def twice(request, _):
        doubled = reply(request).replace(b"From:", b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom:")
        return [doubled]

    async with sip_server.udp(twice) as far:
        seen = await look(far, timeout=0.2)
    assert seen.verdict is Verdict.DOWN


async def test_garbage_before_the_answer_does_no_harm():
    def noisy(request, _):
        return [b"", b"\x00\xff" * 600, b"HTTP/1.1 200 OK\r\n\r\n", reply(request)]

    async with sip_server.udp(noisy) as far:
        seen = await look(far)
    assert seen.verdict is Verdict.UP


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_service_that_speaks_something_else_is_named_so(transport):
    async with getattr(sip_server, transport)(lambda *_: [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 1.0]) as far:
        seen = await look(far, transport=transport, timeout=0.3)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == "answers, but not in SIP: no SIP status line"


async def test_a_far_end_that_talks_without_end_is_hung_up_on():
    other = b"MESSAGE sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n" * 500

    async with sip_server.tcp(lambda *_: [other] * 200 + [5.0]) as far:
        seen = await look(far, transport="tcp")
    assert seen.verdict is Verdict.DOWN
    assert "talks without end" in seen.detail


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_closed_port_is_seen_at_once(transport):
    with socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        if transport == "udp":
            held.close()
        # Far beyond what the suite allows: only a refusal can end it.
        target = f"sip:127.0.0.1:{port};transport={transport}"
        seen = await a_check(target, timeout=30).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"connection refused by 127.0.0.1:{port} ({transport.upper()})"
    assert seen.seconds < 30


async def test_a_tcp_answer_in_single_bytes_is_put_together():
    def drip(request, _):
        answer = b"\r\n\r\n" + reply(request, "100 Trying") + reply(request, Content_Length="5") + b"v=0\r\n"
        for i in range(len(answer)):
            yield answer[i : i + 1]
            yield 0.0

    async with sip_server.tcp(drip) as far:
        seen = await look(far, transport="tcp")
    assert seen.verdict is Verdict.UP
    assert seen.values["status"] == 200
    assert seen.values["sent"] == 1
    assert seen.phases["connect"] > 0
    assert b"transport=tcp" in far.requests[0]
    assert header(far.requests[0], "Via").startswith("SIP/2.0/TCP ")


async def test_requests_of_the_far_end_on_the_connection_are_ignored():
    def chatty(request, _):
        return [b"NOTIFY sip:tocsin@x SIP/2.0\r\nl: 2\r\n\r\nhi" + reply(request)]

    async with sip_server.tcp(chatty) as far:
        seen = await look(far, transport="tcp")
    assert seen.verdict is Verdict.UP
    assert seen.values["foreign"] == 1


async def test_a_connection_closed_without_an_answer_is_unreachable():
    async with sip_server.tcp(silence) as far:
        seen = await look(far, transport="tcp")
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "closed the connection without an answer" in seen.detail


async def test_ipv6_is_pinged_in_brackets():
    async with sip_server.udp(always(), host="::1") as far:
        seen = await a_check(f"sip:[::1]:{far.port}").observe(NOW)
    assert seen.verdict is Verdict.UP
    assert header(far.requests[0], "Via").startswith("SIP/2.0/UDP [::1]:")


async def test_the_next_address_of_a_name_is_tried_when_the_first_refuses():
    async with sip_server.udp(always()) as far:  # localhost is ::1 first, where nobody listens
        seen = await a_check(f"sip:localhost:{far.port}").observe(NOW)
    assert seen.verdict is Verdict.UP
    assert seen.values["ip"] == "127.0.0.1"


async def test_a_name_without_address_is_unreachable_and_said_so():
    seen = await a_check("sip:no-such-host.invalid").observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "no-such-host.invalid" in seen.detail


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]", "224.0.0.1"],
)
def test_metadata_services_are_refused_as_targets(address):
    with pytest.raises(ValueError, match=r"metadata|multicast"):
        a_check(f"sip:{address}")


async def test_a_name_that_leads_to_a_metadata_service_is_refused_when_connecting():
    # The libc reads this as 169.254.169.254; it is no address literal to ipaddress, so only the last gate sees it.
    seen = await a_check("sip:0251.0376.0251.0376").observe(NOW)
    assert (seen.verdict, seen.values["sent"]) == (Verdict.DOWN, 0)
    assert "169.254.169.254, which is a link-local or cloud metadata address" in seen.detail


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("sips:pbx.example;transport=udp", "only tls goes with sips"),
        ("sipx:pbx.example", "no SIP target"),
        ("pbx.example:5060", "no SIP target"),
        ("sip:pbx.example:99999", "no port"),
        ("sip:pbx.example:0", "no port"),
        ("sip:pbx.example;transport=sctp", "not supported"),
        ("sip:pbx.example;lr", "means nothing"),
        ("sip:a b@pbx.example", "no SIP target"),
        ("sip:x\r\nVia: evil@pbx.example", "no SIP target"),
        ("sip:[::zz]", "no SIP target"),
        ("sip:[1.2]", "no IPv6 address"),
    ],
)
def test_a_bad_target_is_refused_with_a_sentence(target, complaint):
    with pytest.raises(ValueError, match=complaint):
        a_check(target)


def test_the_port_is_5060_unless_given_or_5061_with_tls():
    assert a_check("sip:pbx.example").place.endpoint.port == 5060
    assert a_check("sips:pbx.example").place.endpoint.port == 5061


@pytest.mark.parametrize(
    "options",
    [
        {"method": "INVITE"},
        {"healthy": ["99"]},
        {"healthy": ["299-200"]},
        {"user_agent": "a\r\nb"},
        {"from": "noc@example.com>"},
        {"latency": {"warn": "soon"}},
        {"helthy": []},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValidationError):
        a_check("sip:pbx.example", **options)


async def test_many_looks_at_once_do_not_mix_up_their_answers():
    def by_user(request, _):
        code = request.split(b"sip:")[1].split(b"@")[0].decode()
        return [reply(request, f"{code} Answer")]

    async with sip_server.udp(by_user) as far:
        codes = range(400, 500)
        looks = [a_check(f"sip:{code}@127.0.0.1:{far.port}").observe(NOW) for code in codes]
        seen = await asyncio.gather(*looks)
    assert [s.values["status"] for s in seen] == list(codes)
