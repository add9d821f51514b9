"""SIP responses read from bytes nobody vouches for: liberal, bounded, and never an exception."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.sip_message import (
    MAX_BODY,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_TEXT,
    Framer,
    Garbage,
    Request,
    Response,
    parse,
)

PLAIN = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport=5060\r\n"
    b"CSeq: 1 OPTIONS\r\nServer: Kamailio (5.6.3 (x86_64/linux))\r\nContent-Length: 4\r\n\r\nv=0\n"
)


def read(data: bytes) -> Response:
    message = parse(data)
    assert isinstance(message, Response), message
    return message


def test_a_plain_response_is_read():
    message = read(PLAIN)
    assert (message.status, message.reason, message.final) == (200, "OK", True)
    assert (message.branch, message.method, message.body) == ("z9hG4bK1", "OPTIONS", b"v=0\n")
    assert message.server == "Kamailio (5.6.3 (x86_64/linux))"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN.replace(b"\r\n", b"\n"), id="bare LF"),
        pytest.param(PLAIN.replace(b"Via", b"v").replace(b"Content-Length", b"l"), id="compact names"),
        pytest.param(PLAIN.replace(b"Via", b"VIA").replace(b"CSeq", b"cseq"), id="any case"),
        pytest.param(PLAIN.replace(b"Via: ", b"Via \t:"), id="blanks before the colon"),
        pytest.param(PLAIN.replace(b"UDP ", b"UDP\r\n\t  ").replace(b"1 OPT", b"1\r\n OPT"), id="folded"),
        pytest.param(PLAIN.replace(b";branch=", b" ; branch = "), id="blanks in Via"),
        pytest.param(PLAIN.replace(b"SIP/2.0 200", b"sip/2.0 200"), id="version in lower case"),
        pytest.param(b"\r\n\r\n" + PLAIN, id="empty lines first"),
        pytest.param(PLAIN + b"more than was announced", id="longer than its Content-Length"),
    ],
)
def test_what_real_far_ends_write_is_understood(data):
    message = read(data)
    assert (message.status, message.branch, message.method, message.body[:3]) == (
        200,
        "z9hG4bK1",
        "OPTIONS",
        b"v=0",
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no end of the headers"),
        (b"SIP/2.0 200 OK\r\n", "no end of the headers"),
        (b"\x00\xff" * 10_000, "headers without end"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no SIP status line"),
        (b"OPTIONS sip:x SIP/2.0\r\n\r\n", "no SIP status line"),
        (b"SIP/2.0 099 Early\r\n\r\n", "no SIP status line"),
        (b"SIP/2.0 700 Late\r\n\r\n", "no SIP status line"),
        (b"SIP/3.0 200 OK\r\n\r\n", "no SIP status line"),
        ("SIP/2.0 ٢٠٠ OK\r\n\r\n".encode(), "no SIP status line"),
        (b"SIP/2.0 200 OK\r\nnonsense\r\n\r\n", "a header line without a name"),
        (b"SIP/2.0 200 OK\r\n: x\r\n\r\n", "a header line without a name"),
        (b"SIP/2.0 200 OK\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n", "too many headers"),
        (b"SIP/2.0 200 OK\r\na: " + b"b" * MAX_HEAD + b"\r\n\r\n", "headers without end"),
        (b"SIP/2.0 200 OK\r\nl: 5\r\n\r\nv=0", "shorter than its Content-Length"),
        (b"SIP/2.0 200 OK\r\nl: -1\r\n\r\n", "a Content-Length that is no number"),
        (b"SIP/2.0 200 OK\r\nl: 1\r\nl: 2\r\n\r\nab", "a Content-Length that is no number"),
        (b"SIP/2.0 200 OK\r\nl: 9999999999\r\n\r\n", "a body too large"),
    ],
)
def test_what_is_no_response_is_garbage_with_a_reason(data, why):
    assert parse(data) == Garbage(why)
    if why not in ("no end of the headers", "shorter than its Content-Length") and b"OPTIONS" not in data:
        assert Framer().feed(data) == [Garbage(why)]


@pytest.mark.parametrize(
    "via",
    [
        b"SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2",
        b"SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b",
        b"SIP/2.0/UDP a;branch=",
        b"",
    ],
)
def test_a_response_without_exactly_one_branch_belongs_to_nobody(via):
    assert read(b"SIP/2.0 200 OK\r\nVia: " + via + b"\r\n\r\n").branch == ""


def test_a_status_line_may_lack_its_reason():
    assert str(read(b"SIP/2.0 200\r\n\r\n")) == "200"


def test_foreign_text_is_made_fit_to_be_shown():
    message = read(
        b"SIP/2.0 486 Busy\x1b[31m\xe2\x80\xae\x00 Here\t!\r\nServer: " + b"x" * 10_000 + b"\r\n\r\n"
    )
    assert message.reason == "Busy [31m Here !"
    assert len(message.server) == MAX_TEXT


def test_a_stream_is_cut_into_messages_wherever_it_was_split():
    stream = b"\r\n\r\n" + PLAIN + b"NOTIFY sip:x SIP/2.0\r\nContent-Length: 2\r\n\r\nhi" + PLAIN
    for size in (1, 2, 7, 60, len(stream)):
        framer = Framer()
        cut = [m for i in range(0, len(stream), size) for m in framer.feed(stream[i : i + size])]
        assert cut == [parse(PLAIN), None, parse(PLAIN)]


def test_after_garbage_a_stream_says_nothing_more():
    framer = Framer()
    assert framer.feed(b"220 mail.example ESMTP\r\n") == [Garbage("no SIP status line")]
    assert framer.feed(PLAIN) == []


def test_a_stream_without_content_length_has_no_body():
    assert [m and m.status for m in Framer().feed(b"SIP/2.0 200 OK\r\n\r\n")] == [200]


@given(st.binary(max_size=600))
@settings(max_examples=400, deadline=None)
def test_no_bytes_make_the_parser_raise(data):
    assert isinstance(parse(data), Response | Garbage)
    Framer().feed(data)


PIECES = st.sampled_from(
    [b"SIP/2.0 ", b"200", b" OK", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"v", b"Via", b"branch=z9",
     b"l: 3", b"Content-Length: 99", b"CSeq: 1 OPTIONS", b"\x00", b"\xc3\x28", b"=", b"OPTIONS sip:a SIP/2.0"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map(b"".join))
@settings(max_examples=600, deadline=None)
def test_nor_does_anything_that_looks_nearly_like_sip(data):
    for message in (parse(b"SIP/2.0 200 OK\r\n" + data + b"\r\n\r\n"), *Framer().feed(data), parse(data)):
        if isinstance(message, Response):
            assert 100 <= message.status < 700
            assert isinstance(message.branch + message.method + message.server, str)
            assert len(message.body) <= MAX_BODY


@given(st.lists(st.integers(0, len(PLAIN) * 2), max_size=12))
@settings(max_examples=100, deadline=None)
def test_no_split_of_a_stream_changes_what_is_read(cuts):
    stream, framer = PLAIN * 2, Framer()
    bounds = [0, *sorted(cuts), len(stream)]
    read_so_far = [m for a, b in itertools.pairwise(bounds) for m in framer.feed(stream[a:b])]
    assert read_so_far == [parse(PLAIN)] * 2


def test_the_request_is_written_with_crlf_and_nothing_between_headers_and_end():
    request = Request(uri="sip:pbx.example", sender="", user_agent="Tocsin", transport="TCP")
    text = request.render(sent_by="[::1]:40000", branch="z9hG4bKx", tag="t", call_id="c").decode()
    assert text.splitlines()[0] == "OPTIONS sip:pbx.example SIP/2.0"
    assert "Via: SIP/2.0/TCP [::1]:40000;branch=z9hG4bKx;rport\r\n" in text
    assert "From: <sip:tocsin@[::1]>;tag=t\r\n" in text
    assert "Contact: <sip:tocsin@[::1]:40000;transport=tcp>\r\n" in text
    assert text.endswith("Content-Length: 0\r\n\r\n")
