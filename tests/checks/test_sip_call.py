"""A test call to phones that nobody here wrote: SIPp directly and behind Kamailio, and baresip."""

import asyncio
import contextlib
import hashlib
import re
from datetime import UTC, datetime

import pytest

from checks.base import Target, Tools
from checks.sip_call import TYPE
from monitor.domain.findings import Symptom, Verdict
from tests.checks import sip_server
from tests.checks.far_ends import an_authority, free_port
from tests.checks.sip_server import header, reply
from tests.far_ends import sipp
from tests.far_ends.baresip import a_baresip
from tests.far_ends.kamailio import PASSWORD, a_pbx

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def a_call(number, address, *, timeout=15.0, transport="udp", symptom=None, **options):
    target = f"sip:{number}@{address};transport={transport}"
    return TYPE.build(
        Target(name="test-call", target=target, timeout=timeout, symptom=symptom),
        TYPE.options.model_validate({"talk": 0.5, **options}),
        Tools(),
    )


async def called(phone, tmp_path, *, echo=False, transport="udp", **options):
    """Call a phone that behaves so; return what was seen, and every message that SIPp got."""
    async with sipp.phones(tmp_path, {"4000": phone}, echo=echo, transport=transport) as far:
        seen = await a_call("4000", far.address, transport=transport, **options).observe(NOW)
        return seen, await heard(far)


async def heard(far, *, last=("BYE", "ACK")):
    """Return the requests that SIPp got, by method, once the last of them is written down."""
    for _ in range(50):
        got = re.findall(r"received \[\d+\] bytes *:\s+([A-Z]+) sip:", far.messages())
        if got and got[-1] in last:
            break
        await asyncio.sleep(0.02)
    return got


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_rings_is_answered_is_heard_both_ways_and_is_hung_up(tmp_path, transport):
    seen, got = await called(sipp.answers(), tmp_path, echo=True, transport=transport, talk=1.0)
    assert seen.verdict is Verdict.UP, seen.detail
    assert re.fullmatch(
        r"answered after \d+ ms; sound both ways: \d+ packets sent, \d+ received", seen.detail
    )
    assert got == ["INVITE", "ACK", "BYE"]
    assert seen.values["stage"] == "sound"
    assert seen.values["codec"] == "PCMU"
    assert seen.values["rtp_sent"] >= 25
    assert seen.values["rtp_received"] >= 25
    assert seen.phases["rtt"] <= seen.phases["ring"] < seen.phases["answer"] < seen.phases["sound"]


async def test_our_own_tone_is_known_again_when_it_comes_back(tmp_path):
    seen, _ = await called(sipp.answers(), tmp_path, echo=True)
    assert seen.values["rtp_echoed"] >= 0.8 * seen.values["rtp_received"] > 0


async def test_an_echo_that_is_wanted_and_does_not_come_is_degraded_service(tmp_path):
    seen = await a_loud_call(tmp_path / "first")
    wanted = await a_loud_call(tmp_path / "again", echo=True)
    assert seen.verdict is Verdict.UP, seen.detail
    assert (wanted.verdict, wanted.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert wanted.detail.startswith("our tone did not come back: ")


async def a_loud_call(folder, **options):
    async with sipp.phones(folder, {"4000": sipp.plays()}) as far:
        return await a_call("4000", far.address, **options).observe(NOW)


async def test_sound_before_the_answer_is_counted_apart(tmp_path):
    seen, _ = await called(sipp.plays(early=0.4), tmp_path, talk=1.0)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["rtp_early"] >= 10
    assert seen.phases["sound"] < seen.phases["answer"]


async def test_an_answer_without_sound_names_the_phase_that_failed(tmp_path):
    seen, got = await called(sipp.is_silent(), tmp_path)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert re.fullmatch(
        r"answered, but no sound came within 500 ms: \d+ packets sent, 0 received", seen.detail
    )
    assert seen.values["stage"] == "answered"
    assert got == ["INVITE", "ACK", "BYE"]


async def test_a_call_that_is_dropped_is_a_dropped_call(tmp_path):
    seen, got = await called(sipp.hangs_up(after=0.1), tmp_path, talk=2.0)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.CALL_DROPS)
    assert re.fullmatch(r"answered, and hung up after \d+ ms", seen.detail)
    assert got == ["INVITE", "ACK"], "who was hung up on does not hang up"


async def test_nobody_answers_and_the_phone_stops_ringing(tmp_path):
    seen, got = await called(sipp.rings_on(), tmp_path, timeout=4.0)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert re.fullmatch(r"rang after \d+ ms, but nobody answered within 3 s", seen.detail)
    assert seen.values["stage"] == "ringing"
    assert got == ["INVITE", "CANCEL", "ACK"]


async def test_nobody_has_to_answer_if_ringing_is_enough(tmp_path):
    seen, got = await called(sipp.rings_on(), tmp_path, until="ringing")
    assert seen.verdict is Verdict.UP, seen.detail
    assert re.fullmatch(r"rang after \d+ ms", seen.detail)
    assert got == ["INVITE", "CANCEL", "ACK"]
    assert seen.seconds < 10


async def test_an_answer_is_enough_if_that_is_asked_for(tmp_path):
    seen, got = await called(sipp.is_silent(), tmp_path, until="answer")
    assert (seen.verdict, seen.values["stage"]) == (Verdict.UP, "answered")
    assert got == ["INVITE", "ACK", "BYE"]


async def test_a_call_that_does_not_ring_is_told_from_one_that_is_not_answered(tmp_path):
    seen, got = await called(sipp.says_nothing_after_trying(), tmp_path, timeout=4.0)
    assert seen.symptom is Symptom.DEGRADED
    assert seen.detail == "only 100 Trying: it did not ring within 3 s"
    assert got == ["INVITE", "CANCEL", "ACK"]


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        pytest.param(sipp.busy(), "refused the call after it rang: 486 Busy Here", id="busy"),
        pytest.param(
            sipp.refuses("503 Service Unavailable", rings=None),
            "refused the call: 503 Service Unavailable",
            id="unavailable",
        ),
        pytest.param(sipp.sent_elsewhere("4001"), "refused the call: 302 Moved Temporarily", id="forwarded"),
    ],
)
async def test_a_refusal_is_told_in_its_own_words_and_acknowledged(tmp_path, phone, said):
    seen, got = await called(phone, tmp_path)
    assert (seen.verdict, seen.symptom, seen.detail) == (Verdict.DOWN, Symptom.DEGRADED, said)
    assert got == ["INVITE", "ACK"]


async def test_a_silent_pbx_is_unreachable(tmp_path):
    async with sip_server.udp(sip_server.silence) as far:
        seen = await a_call("4000", f"127.0.0.1:{far.port}", timeout=2.0).observe(NOW)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert re.fullmatch(
        rf"no answer from 127.0.0.1:{far.port} \(UDP\) within 1 s \(\d requests sent\)", seen.detail
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_closed_port_is_seen_at_once(transport):
    port = free_port()
    seen = await a_call("4000", f"127.0.0.1:{port}", transport=transport, timeout=30).observe(NOW)
    assert seen.detail == f"connection refused by 127.0.0.1:{port} ({transport.upper()})"
    assert seen.symptom is Symptom.UNREACHABLE


async def test_a_look_that_is_cut_short_leaves_no_phone_ringing(tmp_path):
    async with sipp.phones(tmp_path, {"4000": sipp.rings_on()}) as far:
        look = asyncio.create_task(a_call("4000", far.address).observe(NOW))
        await far.until("180 Ringing")
        await asyncio.sleep(0.05)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        await far.until("CANCEL sip:")


async def test_a_look_that_is_cut_short_in_the_call_hangs_up(tmp_path):
    async with sipp.phones(tmp_path, {"4000": sipp.is_silent()}) as far:
        look = asyncio.create_task(a_call("4000", far.address, talk=4).observe(NOW))
        await far.until("ACK sip:")
        look.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await look
        await far.until("BYE sip:")


async def test_a_call_goes_through_a_pbx_that_wants_a_password_and_records_its_route(tmp_path):
    async with (
        sipp.phones(tmp_path / "phone", {"4000": sipp.answers()}, echo=True) as far,
        a_pbx(tmp_path / "pbx", behind=far.address, algorithm="SHA-256") as pbx,
    ):
        login = {"username": "tocsin", "password": PASSWORD}
        seen = await a_call("4000", pbx.address, echo=True, **login).observe(NOW)
        stranger = await a_call("4000", pbx.address, username="tocsin", password="wrong").observe(NOW)
        got = await heard(far)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["digest"] == "SHA-256"
    assert got == ["INVITE", "ACK", "BYE"]
    assert (stranger.verdict, stranger.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert stranger.detail == "did not accept the password of 'tocsin': 407 Proxy Authentication Required"


async def test_a_call_over_tls_reaches_the_phone_behind_the_pbx(tmp_path):
    authority = an_authority(tmp_path)
    async with (
        sipp.phones(tmp_path / "phone", {"4000": sipp.plays()}) as far,
        a_pbx(tmp_path / "pbx", behind=far.address, pem=authority.pem()) as pbx,
    ):
        seen = await a_call(
            "4000",
            f"127.0.0.1:{pbx.tls_port}",
            transport="tls",
            ca_file=authority.file,
            username="tocsin",
            password=PASSWORD,
        ).observe(NOW)
        got = await heard(far)
    assert seen.verdict is Verdict.UP, seen.detail
    assert got == ["INVITE", "ACK", "BYE"]
    assert seen.phases["tls"] > 0


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_another_kind_of_phone_picks_up_and_is_heard(tmp_path, codec):
    async with a_baresip(tmp_path, codecs=codec.lower()) as phone:
        seen = await a_call("desk", phone.address, talk=1.0).observe(NOW)
        again = await a_call("desk", phone.address, until="answer").observe(NOW)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["codec"] == codec
    assert seen.values["rtp_received"] >= 10
    assert seen.values["rtp_echoed"] == 0, "it plays another tone than ours"
    assert again.verdict is Verdict.UP, again.detail


def answering(sdp, *, status="200 OK"):
    """Return a script that answers an INVITE with this description, and everything else with 200."""

    def script(request, _):
        if request.startswith(b"ACK"):
            return []
        if not request.startswith(b"INVITE"):
            return [reply(request)]
        answer = reply(request, status, Content_Length=str(len(sdp)), Content_Type="application/sdp")
        return [answer + sdp.encode()]

    return script


def sdp(host="127.0.0.1", media="audio 9 RTP/AVP 0", more=""):
    return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm={media}\r\n{more}"


@pytest.mark.parametrize(
    ("description", "said"),
    [
        pytest.param(
            sdp("169.254.169.254"),
            "answered, but the far end wants its sound at 169.254.169.254, which is a link-local or cloud",
            id="a metadata service",
        ),
        pytest.param(
            sdp("224.0.0.1"), "wants its sound at 224.0.0.1, which is a multicast address", id="multicast"
        ),
        pytest.param(
            sdp("media.example"), "wants its sound at media.example, which is no address", id="a name"
        ),
        pytest.param(sdp(media="audio 0 RTP/AVP 0"), "wants no sound", id="port 0"),
        pytest.param(
            sdp(media="audio 9 RTP/AVP 18"), "has none of the codecs PCMU, PCMA", id="another codec"
        ),
        pytest.param(sdp(media="audio 9 RTP/SAVP 0"), "speaks RTP/SAVP only", id="encrypted"),
        pytest.param(sdp(more="a=inactive\r\n"), "it holds the call", id="on hold"),
        pytest.param("", "did not say where it wants its sound", id="nothing"),
    ],
)
async def test_nothing_is_sent_where_the_far_end_may_not_send_us(description, said):
    async with sip_server.udp(answering(description)) as far:
        seen = await a_call("4000", f"127.0.0.1:{far.port}").observe(NOW)
        methods = [request.split()[0] for request in far.requests]
    assert seen.verdict is Verdict.DOWN
    assert said in seen.detail
    assert seen.values["rtp_sent"] == 0
    assert methods == [b"INVITE", b"ACK", b"BYE"]


async def test_the_call_is_what_rfc_3261_asks_of_one():
    async with sip_server.udp(answering(sdp())) as far:
        await a_call("4000", f"127.0.0.1:{far.port}", **{"from": "sip:noc@example.com"}).observe(NOW)
    invite, ack, bye = far.requests
    assert header(invite, "CSeq") == "1 INVITE"
    assert header(ack, "CSeq") == "1 ACK"
    assert header(bye, "CSeq") == "2 BYE"
    assert len({header(request, "Via") for request in far.requests}) == 3, "an ACK to 2xx is on its own"
    assert {header(request, "To") for request in (ack, bye)} == {header(invite, "To") + ";tag=far"}
    assert len({header(request, "From") for request in far.requests}) == 1
    assert len({header(request, "Call-ID") for request in far.requests}) == 1
    assert header(invite, "Contact").startswith("<sip:tocsin@127.0.0.1:")


def asking(request, method, number, body=""):
    """Return a request of the far end within the call."""
    lines = [
        f"{method} sip:tocsin@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKfar{number}",
        f"From: {header(request, 'To')}",
        f"To: {header(request, 'From')}",
        f"Call-ID: {header(request, 'Call-ID')}",
        f"CSeq: {number} {method}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def test_what_the_far_end_asks_within_the_call_is_answered():
    plain = answering(sdp("0.0.0.0"))
    invited = []

    def script(request, number):
        if request.startswith(b"INVITE"):
            invited.append(request)
        if request.startswith(b"ACK") and len(invited) == 1:
            asked = [
                asking(request, "INVITE", 7, sdp()),
                asking(request, "OPTIONS", 8),
                asking(request, "REFER", 9),
                asking(request, "INFO", 10).replace(b"Call-ID: ", b"Call-ID: another"),
            ]
            return [*plain(invited.pop(), 0), 0.02, *asked]  # the answer once more, as if the ACK was lost
        return [] if request.startswith(b"SIP/2.0") else plain(request, number)

    async with sip_server.udp(script) as far:
        await a_call("4000", f"127.0.0.1:{far.port}").observe(NOW)
    got = [request.split(b"\r\n")[0].decode() for request in far.requests]
    assert [line.split()[0] for line in got if "SIP/2.0" not in line[:8]] == ["INVITE", "ACK", "ACK", "BYE"]
    answers = [request for request in far.requests if request.startswith(b"SIP/2.0")]
    assert [(answer.split()[1], header(answer, "CSeq")) for answer in answers] == [
        (b"200", "7 INVITE"),
        (b"200", "8 OPTIONS"),
        (b"405", "9 REFER"),
        (b"481", "10 INFO"),
    ]
    assert b"m=audio" in answers[0]


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("sip:127.0.0.1", {}, "names nobody to call"),
        ("sip:4000@127.0.0.1", {"talk": 30}, "leaves no time to ring"),
        ("sip:4000@169.254.169.254", {}, "metadata"),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_a_sentence(target, options, said):
    with pytest.raises(ValueError, match=said):
        TYPE.build(Target(name="x", target=target), TYPE.options.model_validate(options), Tools())


@pytest.mark.parametrize(
    "options",
    [{"until": "whenever"}, {"codecs": []}, {"codecs": ["opus"]}, {"loss": 101}, {"talk": "2h"}],
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="validation error"):
        TYPE.options.model_validate(options)


@pytest.mark.parametrize("slow", [False, True], ids=["at once", "late"])
async def test_a_response_that_must_not_be_lost_is_acknowledged_once_and_tells_of_the_sound(tmp_path, slow):
    seen, got = await called(sipp.rings_reliably(slow=slow), tmp_path, echo=True)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["stage"] == "sound", "the answer itself described nothing"
    assert seen.values["reliable"] == 1
    assert got[0] == "INVITE"
    assert got[-2:] == ["ACK", "BYE"]
    assert got.count("PRACK") == 1 if not slow else got.count("PRACK") >= 2, got


async def test_a_call_survives_being_put_on_hold(tmp_path):
    async with sipp.phones(tmp_path, {"4000": sipp.holds()}, echo=True) as far:
        seen = await a_call("4000", far.address, talk=2.2).observe(NOW)
        await heard(far)
        said = far.messages()
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["held"] == 1
    assert seen.values["rtp_received"] >= 40
    assert "a=recvonly" in said, "who is put on hold says that he listens"
    answered = re.findall(r"SIP/2.0 200 OK(?:\r?\n[^\r\n]+)*?\r?\n(?i:CSeq): (\d+ [A-Z]+)", said)
    assert {"20 INVITE", "21 INVITE"} <= set(answered)
    assert not {"20 ACK", "21 ACK"} & set(answered), "an ACK is never answered"


async def test_encrypted_sound_flows_both_ways(tmp_path):
    async with a_baresip(tmp_path, encryption="srtp-mand") as phone:
        seen = await a_call("desk", phone.address, encryption="srtp", talk=1.0).observe(NOW)
        plain = await a_call("desk", phone.address).observe(NOW)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values["encryption"] == "AES_CM_128_HMAC_SHA1_80"
    assert seen.values["rtp_received"] >= 25
    assert plain.verdict is Verdict.DOWN, "it takes no other"
    assert plain.detail.startswith(("refused the call", "answered, but the far end")), plain.detail


async def test_a_phone_that_does_not_encrypt_is_told(tmp_path):
    seen, got = await called(sipp.answers(), tmp_path, echo=True, encryption="srtp")
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == "answered, but the far end does not encrypt its sound (RTP/AVP)"
    assert got == ["INVITE", "ACK", "BYE"]
    assert seen.values["rtp_sent"] == 0, "nothing is said in the clear"


async def test_a_login_that_covers_the_body_covers_our_description():
    """RFC 7616, 3.4.3: with ``auth-int`` the body is signed, too."""

    def script(request, _number):
        if not request.startswith(b"INVITE"):
            return ()
        if b"\r\nAuthorization:" in request:
            return (reply(request, "486 Busy Here"),)
        asked = 'Digest realm="r", nonce="n", qop="auth-int", algorithm=MD5'
        return (reply(request, "401 Unauthorized", WWW_Authenticate=asked),)

    def md5(*parts):
        return hashlib.md5(b":".join(parts), usedforsecurity=False).hexdigest().encode()

    async with sip_server.udp(script) as far:
        login = {"username": "probe", "password": "p"}
        seen = await a_call("4000", f"127.0.0.1:{far.port}", **login).observe(NOW)
    assert seen.detail == "refused the call: 486 Busy Here"
    request = next(each for each in far.requests if b"\r\nAuthorization:" in each)
    told = dict(re.findall(r'(\w+)="?([^",\s]+)"?', header(request, "Authorization")))
    body = request.partition(b"\r\n\r\n")[2]
    assert b"m=audio" in body
    asked = md5(b"INVITE", told["uri"].encode(), md5(body))
    parts = (told["nonce"].encode(), told["nc"].encode(), told["cnonce"].encode(), b"auth-int")
    assert told["response"].encode() == md5(md5(b"probe", b"r", b"p"), *parts, asked)
