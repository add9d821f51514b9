"""Mails of every kind, real and hostile, become letters or a clear refusal."""

import base64
from email.message import EmailMessage
from email.policy import SMTP as WIRE

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.domain.letters import (
    Letter,
    Mailbox,
    ReplyAddress,
    base_of,
    read_reply_address,
    references_in,
    reply_address,
)
from monitor.intake import mail_parser as bounds
from monitor.intake.mail_files import media_type, safe_name
from monitor.intake.mail_parser import Trust, UnreadableError, read_letter
from monitor.intake.mail_quotes import split_reply

OURS = Trust(our_name="mx.tocsin.example")


def a_message(text="The gate is stuck.", **headers):
    """Return a mail as a program would write it."""
    message = EmailMessage(policy=WIRE)
    known = {
        "From": "Ann Hill <ann@hill.example>",
        "To": "support@tocsin.example",
        "Subject": "Gate",
        "Message_ID": "<1@hill.example>",
    }
    for name, value in {**known, **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def read(content, sender="ann@hill.example", trust=OURS):
    if isinstance(content, EmailMessage):
        content = content.as_bytes()
    return read_letter(content, sender, trust)


def raw(head, body=b"hello", **more):
    return read(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body, **more)


def test_a_plain_mail_is_read():
    letter = read(a_message(Cc="Bob <bob@hill.example>, carol@hill.example", Content_Language="da"))
    assert (letter.subject, letter.text, letter.message_id) == (
        "Gate",
        "The gate is stuck.",
        "<1@hill.example>",
    )
    assert letter.sender == Mailbox(address="ann@hill.example", name="Ann Hill")
    assert [box.address for box in letter.to] == ["support@tocsin.example"]
    assert [box.address for box in letter.cc] == ["bob@hill.example", "carol@hill.example"]
    assert (letter.auto, letter.authenticated, letter.cut, letter.attachments) == ("", False, False, ())


def test_the_text_is_preferred_to_the_page_and_the_page_is_read_where_it_stands_alone():
    both = a_message("plain")
    both.add_alternative("<p>page</p>", subtype="html")
    assert read(both).text == "plain"
    page = EmailMessage(policy=WIRE)
    page["From"] = "ann@hill.example"
    page.set_content("<h1>Gate</h1><p>is <b>stuck</b></p><script>x()</script>", subtype="html")
    assert read(page).text == "Gate\n\nis stuck"


def test_an_empty_text_beside_a_page_is_not_preferred():
    both = a_message("   ")
    both.add_alternative("<p>the page says it</p>", subtype="html")
    assert read(both).text == "the page says it"


def test_attachments_come_with_a_safe_name_and_the_type_we_see():
    message = a_message()
    message.add_attachment(
        b"\x89PNG\r\n\x1a\n\x00", maintype="text", subtype="html", filename="../../etc/passwd"
    )
    message.add_attachment(b"trace line\n", maintype="text", subtype="html", filename="trace\u202egpj.txt")
    message.add_attachment(b"\x00\x01", maintype="image", subtype="svg+xml", filename="")
    inner = a_message("inner", Subject="forwarded")
    message.add_attachment(inner)
    files = read(message).attachments
    assert [(f.name, f.media_type) for f in files[:3]] == [
        ("passwd", "image/png"),
        ("tracegpj.txt", "text/plain"),
        ("attachment-3", "application/octet-stream"),
    ]
    assert files[3].media_type == "message/rfc822"
    assert b"inner" in files[3].content


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Gr\u00fc\u00dfe.txt"),
        ("filename*0*=utf-8''Gr%C3%BC; filename*1*=%C3%9Fe.txt", "Gr\u00fc\u00dfe.txt"),
        ('filename="=?utf-8?B?R3LDvMOfZS50eHQ=?="', "Gr\u00fc\u00dfe.txt"),
        ("filename*=no-such''%FF.txt", None),
        ("filename*=utf-8''%FF%FE.txt", None),
        ('filename="\x00\x07.txt"', "txt"),
    ],
    ids=["2231", "in pieces", "2047", "bad charset", "bad bytes", "controls"],
)
def test_names_in_any_encoding_are_read(header, name):
    letter = raw(
        f"From: a@b.example\nContent-Type: application/x-a\nContent-Disposition: attachment; {header}"
    )
    assert len(letter.attachments) == 1
    assert letter.attachments[0].name == name or name is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?Q?D=C3=B8rene_=C3=A5bner_ikke?=", "D\u00f8rene \u00e5bner ikke"),
        ("=?iso-8859-1?B?5vjl?= =?utf-8?B?w6Y=?=", "\u00e6\u00f8\u00e5\u00e6"),
        ("\xc3\xa6\xc3\xb8\xc3\xa5", "\u00e6\u00f8\u00e5"),
        ("\xe6\xf8\xe5 raw", "\u00e6\u00f8\u00e5 raw"),
        ("a =?utf-8?B?!!!?=", "a"),
        ("=?no-such?B?5vjl?=", "\u00e6\u00f8\u00e5"),
        ("=?idna?Q?xn--a?=", "xn--a"),
        ("a\tb   c", "a b c"),
    ],
    ids=[
        "utf-8",
        "two words",
        "8-bit utf-8",
        "8-bit latin-1",
        "bad base64",
        "bad charset",
        "no text codec",
        "blanks",
    ],
)
def test_subjects_in_any_encoding_are_read(value, text):
    assert raw(f"From: a@b.example\nSubject: {value}").subject == text


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", b"\xe6\xf8\xe5", "\u00e6\u00f8\u00e5"),
        ("utf-8", b"\xe6\xf8\xe5", "\u00e6\u00f8\u00e5"),
        ("nonsense", "\u00e6".encode(), "\u00e6"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("utf-16", "\u00e6b".encode("utf-16"), "\u00e6b"),
        ("utf-8", b"a\x00b\x1bc\xff", "abc\u00ff"),
    ],
)
def test_texts_in_any_encoding_are_read(charset, body, text):
    head = (
        f"From: a@b.example\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64"
    )
    assert raw(head, base64.encodebytes(body)).text == text


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("Auto-Submitted: auto-replied", "Auto-Submitted"),
        ("Auto-Submitted: auto-generated (rejected)", "Auto-Submitted"),
        ("Auto-Submitted: no", ""),
        ("Precedence: Bulk", "Precedence"),
        ("Precedence: normal", ""),
        ("List-Id: <x.example>", "List-Id"),
        ("X-Loop: us", "X-Loop"),
        ("X-Other: 1", ""),
    ],
)
def test_what_a_machine_wrote_is_told(head, why):
    assert raw(f"From: a@b.example\n{head}").auto == why


def test_a_bounce_is_a_machines():
    assert raw("From: a@b.example", sender=None).auto == "empty envelope sender"
    assert raw("From: MAILER-DAEMON@b.example").auto == "sent by a robot"


PASS = "Authentication-Results: mx.tocsin.example; dmarc=pass (p=none) header.from=hill.example"


@pytest.mark.parametrize(
    ("head", "believed"),
    [
        (f"{PASS}\nReceived: x", True),
        (f"Received: x\n{PASS}", False),
        (PASS.replace("mx.tocsin", "mx.evil"), False),
        (PASS.replace("dmarc=pass", "dmarc=fail"), False),
        (f"{PASS}\n{PASS.replace('=pass', '=fail')}", False),
        ("Authentication-Results: mx.tocsin.example; spf=pass smtp.mailfrom=bounce@hill.example", True),
        ("Authentication-Results: mx.tocsin.example; spf=pass smtp.mailfrom=evil.example", False),
        ("Authentication-Results: mx.tocsin.example; dkim=pass header.d=mail.hill.example", True),
        ("Authentication-Results: mx.tocsin.example; dkim=pass header.d=example", False),
        ("Authentication-Results: mx.tocsin.example; dkim=fail header.d=hill.example; spf=none", False),
        ("Authentication-Results: evil; x=(mx.tocsin.example; dmarc=pass)", False),
        ("Authentication-Results: evil (; mx.tocsin.example ; dmarc=pass", False),
        (f"{PASS}\nFrom: ceo@hill.example", False),
        ("X: 1", False),
    ],
    ids=["pass", "below Received: forged", "another server's word", "fail", "two verdicts", "spf aligned", "spf of another",
         "dkim below the domain", "dkim of a whole tree", "nothing passed", "in a comment", "in an open comment", "two senders", "none"],
)  # fmt: skip
def test_a_sender_is_believed_only_on_our_own_servers_word(head, believed):
    assert raw(f"{head}\nFrom: ann@hill.example").authenticated is believed


def test_without_a_name_of_our_server_nobody_is_believed():
    assert raw(f"{PASS}\nFrom: ann@hill.example", trust=Trust()).authenticated is False


def test_our_own_filters_may_stand_above_the_verdict():
    head = f"Received: filter\n{PASS}\nReceived: x\nFrom: ann@hill.example"
    assert raw(head).authenticated is False
    assert raw(head, trust=Trust(our_name="mx.tocsin.example", own_hops=1)).authenticated is True


def test_two_deliveries_of_a_mail_have_one_digest_and_other_mails_have_others():
    first = read(a_message())
    again = read(b"Received: by another way\r\n" + a_message().as_bytes())
    assert first.digest == again.digest
    assert read(a_message(From="eve@hill.example")).digest != first.digest
    assert read(a_message(Message_ID="<2@hill.example>")).digest != first.digest
    nameless = raw("From: a@b.example", b"one")
    assert raw("Received: x\nFrom: a@b.example", b"one").digest == nameless.digest
    assert raw("From: a@b.example", b"two").digest != nameless.digest


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"X: " + b"a" * bounds.MOST_HEADER + b"\r\n\r\n", "header-too-long"),
        (b"X: a\r\n" * (bounds.MOST_HEADER_LINES + 2) + b"\r\n", "header-too-long"),
        (b"From: a@b.example\r\n" * 600_000, "header-too-long"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000, "too-many-parts"),
        (b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(500)), "too-deep"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 500, "too-deep"),
        (b"Content-Type: multipart/mixed; boundary*=utf-8''b\r\n\r\n", "too-deep"),
    ],
    ids=["one long header", "many headers", "10 MB of headers", "10,000 parts", "500 deep", "500 mails deep", "odd boundary"],
)  # fmt: skip
def test_what_is_too_much_is_refused_before_it_is_parsed(content, code):
    with pytest.raises(UnreadableError) as refused:
        read(content)
    assert refused.value.code == code


def test_a_gigantic_base64_is_read_whole():
    message = a_message()
    message.add_attachment(b"\x00" * 8_000_000, maintype="application", subtype="x-dump", filename="core")
    (one,) = read(message).attachments
    assert (one.name, len(one.content)) == ("core", 8_000_000)


def test_files_beyond_fifty_are_left_out_and_it_says_so():
    message = a_message()
    for number in range(bounds.MOST_FILES + 2):
        message.add_attachment(b"\x00", maintype="application", subtype="x-a", filename=f"{number}")
    letter = read(message)
    assert (len(letter.attachments), letter.cut) == (bounds.MOST_FILES, True)


def test_a_long_text_is_cut_and_it_says_so():
    letter = read(a_message("word " * 60_000))
    assert (len(letter.text) <= bounds.LONGEST_TEXT, letter.cut) == (True, True)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\r\n", b"\x00" * 1000, b"no header at all", b"From:\r\n\r\n", b"From: <<<>>>@@\r\nTo: (((((((\r\n\r\n",
        b"From: a@b.example\r\nTo: " + b"(" * 15_000 + b"\r\n\r\n", b"Content-Type: multipart/mixed\r\n\r\nx",
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b--", b'Content-Type: text/plain; charset="\r\n\r\nx',
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!", b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\nzzz",
        b"Subject: =?utf-8?Q?" + b"=" * 5000 + b"?=\r\n\r\n", b"From: " + b"a@b.example, " * 1000 + b"\r\n\r\n",
        b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nC: d",
    ],
)  # fmt: skip
def test_nonsense_is_read_as_well_as_it_can_be(content):
    assert isinstance(read(content), Letter)


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n", b'Content-Type: multipart/alternative; boundary="c"\r\n', b"\r\n", b"--b\r\n",
        b"--b--\r\n", b"--c\r\n", b"Content-Type: text/html; charset=utf-16\r\n", b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n", b"Content-Disposition: attachment; filename*0*=''%\r\n", b"=\r\n", b"\x00", b"\xff",
        b"Content-Type: message/rfc822\r\n", b"From: a <b@c.example>\r\n", b'From: "\r\n', b"Subject: =?x?B?y?=\r\n", b"<p>", b"> a\r\n",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=60))
@example(
    [
        b'Content-Type: multipart/alternative; boundary="c"\r\n',
        b"\r\n",
        b"--c\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"\r\n",
    ]
)
def test_whatever_comes_is_a_letter_or_a_refusal(pieces):
    try:
        letter = read(b"".join(pieces))
    except UnreadableError:
        return
    assert "\x00" not in letter.text + letter.subject + letter.sender.name
    for one in letter.attachments:
        assert one.name
        assert not set(one.name) & set("/\\\x00\n\r")
        assert not one.name.startswith(".")


@given(st.text(max_size=300), st.integers(1, 99))
def test_any_name_becomes_a_name(name, number):
    safe = safe_name(name, number, "text/plain")
    assert 0 < len(safe) <= 120
    assert safe not in (".", "..")


@pytest.mark.parametrize(
    ("content", "declared", "kind"),
    [
        (b"%PDF-1.4", "text/html", "application/pdf"),
        (b"<html><script>", "text/html", "text/plain"),
        (b"{}", "application/json", "application/json"),
        (b"\x00\x01\x02", "image/svg+xml", "application/octet-stream"),
        (b"\x00\x01\x02", "audio/x-wav", "audio/x-wav"),
        (b"\x00\x01\x02", "a b/c\r\nX: y", "application/octet-stream"),
        (b"PK\x03\x04....word/document.xml", "x", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)  # fmt: skip
def test_a_file_is_what_it_looks_like(content, declared, kind):
    assert media_type(content, declared) == kind


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Yes.\n\nOn Mon, 23 Nov 2026, Ann <a@b.example> wrote:\n> Is it?\n> Ann", "Yes."),
        ("Ja.\n\nAm 23.11.2026 um 10:00 schrieb Ann:\n> Ist es so?", "Ja."),
        ("S\u00ec.\n\nIl giorno lun 23 nov 2026 Ann ha scritto:\n\n> \u00c8 cos\u00ec?", "S\u00ec."),
        ("Ja.\n\n-----Original Message-----\nFrom: x\nwhatever", "Ja."),
        ("Ja.\n\n________________________________\nFra: Support <s@x.example>\nSendt: 23. november 2026\nTil: Ann\n\nHej", "Ja."),
        ("Yes.\n> quoted", "Yes."),
        ("> a question\nan answer\n> another\nand its answer", "> a question\nan answer\n> another\nand its answer"),
        ("From: is not a header here.\nIt is a sentence.", "From: is not a header here.\nIt is a sentence."),
        ("> only quoted", "> only quoted"),
        ("He wrote:\nnothing", "He wrote:\nnothing"),
        ("", ""),
    ],
    ids=["English", "German", "Italian", "Outlook", "Danish Outlook", "bare", "between the lines", "a sentence", "all quoted", "no quote", "empty"],
)  # fmt: skip
def test_what_is_new_in_a_reply_stands_apart_from_the_trail(text, new):
    assert split_reply(text)[0] == new


@given(st.text(st.sampled_from("> ab:\nwrote On"), max_size=200))
def test_no_line_of_a_reply_is_lost(text):
    new, quoted = split_reply(text)
    kept = f"{new}\n{quoted}".split()
    assert kept == text.split()


def test_a_reply_address_is_read_as_it_was_written():
    key = "0123456789abcdef01234567"
    address = reply_address("Support+x@Tocsin.example", "R-00012", key)
    assert address == f"Support+R-00012.{key}@Tocsin.example"
    assert read_reply_address(address) == ReplyAddress(
        base="Support@Tocsin.example", reference="R-00012", key=key
    )
    assert read_reply_address(address.upper()).key == key
    assert base_of(address) == "support@tocsin.example"
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example",
        "a+b@c.example",
        "a+R-00012@b.example",
        "a+R-00012.x@b.example",
        "",
        "@",
        "a+R-1.abcdefgh@b",
    ],
)
def test_other_addresses_are_no_reply_addresses(address):
    assert read_reply_address(address) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Re: [R-00012] Gate", ("R-00012",)),
        ("r-00012 and R-00013, R-00012", ("R-00012", "R-00013")),
        ("PR-00012, R-00012-3, R-12, xR-00012", ()),
    ],
)
def test_numbers_of_requests_are_found(text, found):
    assert references_in(text) == found


def test_a_page_beside_the_text_is_put_aside():
    both = a_message("hunter2 it is")
    both.add_alternative("<p>password: <b>hunter2</b></p>", subtype="html")
    letter = read(both)
    assert (letter.text, letter.aside) == ("hunter2 it is", "password: hunter2")
