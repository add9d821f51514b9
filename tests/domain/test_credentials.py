"""W9: secrets in what people write are found, and innocent words are left alone, over a labelled corpus."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.credentials import find_credentials, without_credentials

CORPORA = Path(__file__).with_name("corpora")
PLANTED = (CORPORA / "credentials_planted.txt").read_text(encoding="utf-8").splitlines()
INNOCENT = (CORPORA / "credentials_innocent.txt").read_text(encoding="utf-8").splitlines()
MARK = re.compile(r"\{\{(.*?)\}\}")
GOOD_ENOUGH = 0.97


def unmarked(line):
    """Return a line without its marks, and the places of the secrets in it."""
    places, text, at = [], "", 0
    for mark in MARK.finditer(line):
        text += line[at : mark.start()]
        places.append((len(text), len(text) + len(mark[1])))
        text += mark[1]
        at = mark.end()
    return text + line[at:], places


def found_whole(text, start, end):
    return any(span.start <= start and span.end >= end for span in find_credentials(text))


def test_w9_most_planted_secrets_are_found_and_hardly_anything_else():
    secrets = [(text, *place) for line in PLANTED for text, places in [unmarked(line)] for place in places]
    found = [found_whole(*secret) for secret in secrets]
    false = [line for line in INNOCENT if find_credentials(line)]
    recall = sum(found) / len(secrets)
    precision = sum(found) / (sum(found) + len(false))
    print(f"\n{len(secrets)} secrets: recall {recall:.3f}; {len(INNOCENT)} innocent lines: {precision=:.3f}")
    print(
        "missed:", [text for (text, *_), hit in zip(secrets, found, strict=True) if not hit], "false:", false
    )
    assert len(secrets) >= 120
    assert len(INNOCENT) >= 120
    assert recall >= GOOD_ENOUGH
    assert precision >= GOOD_ENOUGH


def test_w9_no_planted_secret_is_left_in_the_text_that_is_kept():
    left = 0
    for line in PLANTED:
        text, places = unmarked(line)
        kept = without_credentials(text, "[kept apart]")
        left += sum(text[start:end] in kept for start, end in places)
    assert left <= len(PLANTED) * (1 - GOOD_ENOUGH)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("the password is hunter2.", "the password is [kept apart]."),
        ("user admin, password Welcome1, extension 201", "user admin, password [kept apart], extension 201"),
        ("https://admin:s3cr3t@pbx.example/x", "https://admin:[kept apart]@pbx.example/x"),
        ("PIN: 4711 and PIN: 4712", "PIN: [kept apart] and PIN: [kept apart]"),
        ("nothing here", "nothing here"),
        ("", ""),
    ],
    ids=["in a sentence", "between commas", "in an address", "twice", "none", "no text"],
)
def test_only_the_secret_is_taken_out(text, kept):
    assert without_credentials(text) == kept


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("password: hunter2", "a password"),
        ("voicemail PIN is 4711", "a PIN"),
        ("api key: 4b8c1a0f9e7d", "a secret"),
        ("AKIAIOSFODNN7EXAMPLE", "an access key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_secret_says_its_kind_and_never_itself(text, kind):
    (span,) = find_credentials(text)
    assert span.kind == kind


@given(st.text(max_size=300))
def test_spans_are_in_order_apart_and_within_the_text(text):
    spans = find_credentials(text)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


@pytest.mark.parametrize(
    "piece",
    ["a", " ", "password ", "password for a a ", "user a ", "login: a / ", "://a:", "eyJ", "a_", "mysql ", 'password "',
     "-----BEGIN PRIVATE KEY-----", "log in as a with ", "admin / ", "passwords: a, ", "a:bbbb@c.", "ssh a@b with ", "anydesk ", "password is ",
     "password for a b ", "пароль ", "a_b_c_password"],
)  # fmt: skip
def test_hostile_text_is_read_in_time(piece):
    text = piece * (50_000 // len(piece))
    begun = time.monotonic()
    find_credentials(text)
    assert time.monotonic() - begun < 5
