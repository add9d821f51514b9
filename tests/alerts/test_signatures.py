"""Signatures of webhooks: known vectors, and what nobody may slip past them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import signatures

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SENT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'


def test_the_published_example_of_standard_webhooks_is_made_and_taken() -> None:
    headers = signatures.signed(SECRET, id_="msg_p5jXN8AQM9LWM0D4loKWxJek", at=SENT, body=BODY)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    signatures.verify_standard(SECRET, headers, BODY, now=SENT)


def test_one_right_signature_among_several_is_enough() -> None:
    headers = signatures.signed(SECRET, id_="msg_1", at=SENT, body=BODY)
    old = signatures.signed("another", id_="msg_1", at=SENT, body=BODY)["webhook-signature"]
    both = {**headers, "webhook-signature": f"{old} {headers['webhook-signature']}"}
    signatures.verify_standard(SECRET, both, BODY, now=SENT)


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [pytest.param(-301, False), pytest.param(-300, True), pytest.param(300, True), pytest.param(301, False)],
)
def test_five_minutes_are_taken_and_a_second_more_is_not(seconds: int, taken: bool) -> None:
    headers = signatures.signed(SECRET, id_="msg_1", at=SENT, body=BODY)
    later = SENT + timedelta(seconds=seconds)
    if taken:
        signatures.verify_standard(SECRET, headers, BODY, now=later)
    else:
        with pytest.raises(PermissionError, match="five minutes"):
            signatures.verify_standard(SECRET, headers, BODY, now=later)


@given(
    st.binary(max_size=200),
    st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    st.text(),
)
def test_nothing_that_was_changed_is_taken(body: bytes, name: str, text: str) -> None:
    headers = signatures.signed(SECRET, id_="msg_1", at=SENT, body=body)
    changed = {**headers, name: text}
    # More signatures beside the right one, and blanks around it, are no change.
    if headers["webhook-signature"] in changed["webhook-signature"].split() and changed == {
        **changed,
        **headers,
    }:
        return
    with pytest.raises(PermissionError):
        signatures.verify_standard(SECRET, changed, body, now=SENT)
    with pytest.raises(PermissionError):
        signatures.verify_standard(SECRET, headers, body + b" ", now=SENT)


def test_the_published_example_of_github_style_signatures_is_taken() -> None:
    proof = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret = "It's a Secret to Everybody"
    signatures.verify_hex(secret, proof, b"Hello, World!", algorithm="sha256")
    for wrong in (proof.replace("sha256", "sha1"), proof[:-1], "", "sha256=", proof + "0"):
        with pytest.raises(PermissionError):
            signatures.verify_hex(secret, wrong, b"Hello, World!", algorithm="sha256")


def test_a_moment_that_is_none_is_no_moment() -> None:
    for nothing in ("", "soon", "1e9", None, "9" * 30, -(10**18)):
        with pytest.raises(PermissionError, match="when it was sent"):
            signatures.verify_age(signatures.epoch(nothing), now=SENT)


def test_a_secret_that_is_no_base64_behind_its_prefix_is_taken_as_it_is() -> None:
    assert signatures.key_of("whsec_%%%") == b"whsec_%%%"
    assert signatures.key_of("whsec_" + base64.b64encode(b"abc").decode()) == b"abc"


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b'"x"', b"[" * 100_000])
def test_a_signed_message_that_is_no_object_says_nothing(body: bytes) -> None:
    assert signatures.message(body) == {}
