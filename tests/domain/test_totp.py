"""Codes of an authenticator: RFC 6238's and RFC 4226's own vectors, drift, and no code twice."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.domain.totp import address_of, as_text, code_of, step_at, step_of

SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 24, 9, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
    ids=str,
)
def test_the_vectors_of_rfc_6238(seconds, code):
    assert code_of(SECRET, step_at(datetime.fromtimestamp(seconds, UTC)), digits=8) == code


@pytest.mark.parametrize(
    ("count", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])),
)  # fmt: skip
def test_the_vectors_of_rfc_4226(count, code):
    assert code_of(SECRET, count) == code


@pytest.mark.parametrize(
    ("away", "good"),
    [(-2, False), (-1, True), (0, True), (1, True), (2, False)],
    ids=str,
)
def test_one_step_of_drift_either_way_and_no_more(away, good):
    step = step_at(NOW) + away
    assert step_of(SECRET, code_of(SECRET, step), NOW) == (step if good else None)


def test_a_code_is_good_once_and_an_older_one_not_after_it():
    this = step_at(NOW)
    assert step_of(SECRET, code_of(SECRET, this), NOW, after=this - 1) == this
    assert step_of(SECRET, code_of(SECRET, this), NOW, after=this) is None
    assert step_of(SECRET, code_of(SECRET, this - 1), NOW, after=this) is None
    assert step_of(SECRET, code_of(SECRET, this + 1), NOW + timedelta(seconds=30), after=this) == this + 1


@pytest.mark.parametrize("typed", ["", "00000", "abcdef", "٠١٢٣٤٥", "\x00", "9" * 64, "\ud800"], ids=repr)
def test_what_is_no_code_is_none(typed):
    assert step_of(SECRET, typed, NOW) is None


def test_a_code_may_be_typed_in_two_halves():
    code = code_of(SECRET, step_at(NOW))
    assert step_of(SECRET, f" {code[:3]} {code[3:]} ", NOW) == step_at(NOW)


def test_a_telephone_is_told_who_we_are_whatever_the_name_has_in_it():
    said = urlsplit(address_of(SECRET, issuer="Tocsin & Co", name="nora:/?#x"))
    assert (said.scheme, said.netloc, said.path) == (
        "otpauth",
        "totp",
        "/Tocsin%20%26%20Co:nora%3A%2F%3F%23x",
    )
    assert parse_qs(said.query)["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
    assert as_text(SECRET).replace(" ", "") == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
