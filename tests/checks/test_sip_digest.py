"""Digest answers are those of the RFCs' own examples, and no challenge, however broken, does harm."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from checks.sip_digest import Asked, Challenge, Login, Session, challenges, credentials
from checks.sip_message import Response
from monitor.domain.findings import Verdict
from tests.checks import sip_server
from tests.checks.sip_server import a_check, header, reply
from tests.checks.test_sip import NOW

RFC_7616 = Challenge(
    header="Authorization",
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    algorithm="MD5",
    qop="auth",
    stale=False,
)
RFC_2617 = dataclasses.replace(
    RFC_7616,
    realm="testrealm@host.com",
    nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    opaque="5ccc069c403ebaf9f0171e9517f40e41",
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
PAGE = Asked(method="GET", uri="/dir/index.html")


def mufasa(password: str = "Circle of Life") -> Login:
    return Login(username="Mufasa", password=SecretStr(password))


@pytest.mark.parametrize(
    ("challenge", "password", "cnonce", "response"),
    [
        pytest.param(
            RFC_7616, "Circle of Life", CNONCE, "8ca523f5e9506fed4657c9700eebdbec", id="RFC 7616 MD5"
        ),
        pytest.param(
            dataclasses.replace(RFC_7616, algorithm="SHA-256"),
            "Circle of Life",
            CNONCE,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            id="RFC 7616 SHA-256",
        ),
        pytest.param(
            RFC_2617, "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1", id="RFC 2617"
        ),
        pytest.param(
            dataclasses.replace(RFC_2617, qop=""),
            "CircleOfLife",
            "",
            "1949323746fe6a43ef61f9606e7febea",
            id="RFC 2069, without qop",
        ),
    ],
)
def test_the_answer_is_that_of_the_standard(challenge, password, cnonce, response):
    said = credentials(challenge, mufasa(password), PAGE, cnonce)
    assert re.findall(r' response="([0-9a-f]+)"', said) == [response]
    assert f'opaque="{challenge.opaque}"' in said
    assert password not in said


def asks(*values: str, status: int = 401) -> Response:
    name = "www-authenticate" if status == 401 else "proxy-authenticate"
    return Response(status=status, reason="", headers=tuple((name, value) for value in values))


def test_the_topmost_challenge_that_is_known_is_answered():
    best = asks(
        'Basic realm="x"',
        'Digest realm="r", nonce="n1", algorithm=SHA-1024, qop="auth"',
        'Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth-int,auth"',
        'Digest realm="r", nonce="n3", algorithm=MD5, qop="auth"',
    )
    assert [(c.algorithm, c.nonce, c.qop) for c in challenges(best)] == [
        ("SHA-256", "n2", "auth"),
        ("MD5", "n3", "auth"),
    ]
    session = Session(mufasa())
    assert session.accept(best)
    assert session.algorithms == "SHA-256"
    assert len(session.headers(PAGE)) == 1


def test_what_a_far_end_puts_into_a_challenge_cannot_leave_its_quotes():
    (challenge,) = challenges(asks('Digest realm="a\\"b\\\\c", nonce="n\\"o"'))
    assert challenge.realm == 'a"b\\c'
    said = credentials(challenge, mufasa(), PAGE, "c")
    assert 'realm="a\\"b\\\\c"' in said
    assert "\r" not in said


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('Digest realm="r"', id="no nonce"),
        pytest.param('Digest nonce="n"', id="no realm"),
        pytest.param('Digest realm="r", nonce="n", qop="token"', id="no qop that we know"),
        pytest.param('Bearer realm="r", nonce="n"', id="another scheme"),
        pytest.param('Digest realm="r", nonce="' + "n" * 2000 + '"', id="a nonce without end"),
        pytest.param('Digest realm="r\x00", nonce="n"', id="a control character"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_cannot_be_answered_is_not(value):
    assert list(challenges(asks(value))) == []
    assert not Session(mufasa()).accept(asks(value))


@given(st.lists(st.text(max_size=200), max_size=4), st.sampled_from([401, 407, 200]))
def test_no_challenge_does_harm(values, status):
    session = Session(mufasa())
    session.accept(asks(*values, *(f"Digest {value}" for value in values), status=status))
    assert all(said.isprintable() for _, said in session.headers(PAGE))


def test_a_password_is_given_once_to_each_realm_and_once_more_if_only_the_nonce_was_old():
    fresh, stale = 'Digest realm="r", nonce="{}"', 'Digest realm="r", nonce="{}", stale=true'
    session = Session(mufasa())
    assert session.accept(asks(fresh.format(1)))
    assert not session.accept(asks(fresh.format(2))), "the password was refused"
    session = Session(mufasa())
    assert session.accept(asks(fresh.format(1)))
    assert session.accept(asks(stale.format(2)))
    assert not session.accept(asks(stale.format(3))), "a nonce that is always old would go on for ever"
    assert session.accept(asks(fresh.format(4), status=407)), "a proxy on the way asks for itself"
    assert [name for name, _ in session.headers(PAGE)] == ["Authorization", "Proxy-Authorization"]


async def test_an_old_nonce_costs_one_more_request_with_the_next_number():
    def script(request, number):
        if number == 3:
            return [reply(request)]
        stale = ", stale=TRUE" if number == 2 else ""
        challenge = f'Digest realm="r", nonce="n{number}", algorithm=SHA-256, qop="auth"{stale}'
        return [reply(request, "401 Unauthorized", WWW_Authenticate=challenge)]

    async with sip_server.udp(script) as far:
        target = f"sip:desk@127.0.0.1:{far.port}"
        seen = await a_check(target, method="REGISTER", username="desk", password="p").observe(NOW)
    assert (seen.verdict, seen.values["sent"]) == (Verdict.UP, 3)
    assert [header(request, "CSeq") for request in far.requests] == [f"{n} REGISTER" for n in (1, 2, 3)]
    assert len({header(request, "Call-ID") for request in far.requests}) == 1
    assert len({header(request, "Via") for request in far.requests}) == 3
    assert 'nonce="n2"' in header(far.requests[2], "Authorization")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "REGISTER"}, "REGISTER needs a user"),
        ({"username": "desk"}, "one without the other"),
        ({"password": "p"}, "one without the other"),
        ({"bind": True}, "REGISTER only"),
        ({"bindings": 1}, "REGISTER only"),
        ({"domain": "pbx.example"}, "REGISTER only"),
        ({"username": "desk", "password": "${NOBODY_SET_THIS}"}, "is not set"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        a_check("sip:127.0.0.1", **options)


def test_a_missing_file_of_authorities_is_said_at_start(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for name, said in (("none.pem", "not a file"), ("empty.pem", "no certificate")):
        with pytest.raises(ValueError, match=said):
            a_check("sips:127.0.0.1", ca_file=str(tmp_path / name))


@pytest.mark.parametrize(
    ("contacts", "count"),
    [
        ((), 0),
        (("<sip:a@10.0.0.1>;expires=60",), 1),
        (('"Desk, left" <sip:a@10.0.0.1;x="1,2">, sip:b@10.0.0.2', "<sip:c@10.0.0.3>"), 3),
        (("", " , "), 0),
        (('"never ended, <sip:a@b>',), 0),
    ],
)
async def test_the_phones_of_a_user_are_counted_however_they_are_listed(contacts, count):
    listed = "\r\n".join(f"Contact: {contact}" for contact in contacts)

    def script(request, _):
        extra = reply(request)
        return [extra.replace(b"Server:", listed.encode() + b"\r\nServer:") if contacts else extra]

    async with sip_server.udp(script) as far:
        check = a_check(f"sip:desk@127.0.0.1:{far.port}", method="REGISTER", bindings=2)
        seen = await check.observe(NOW)
    assert seen.values["bindings"] == count
    assert seen.verdict is (Verdict.UP if count >= 2 else Verdict.DOWN)
