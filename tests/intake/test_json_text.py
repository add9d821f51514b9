"""JSON of outsiders, read in steps: what is repaired, what does not count, and how much work a step is."""

import json
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import RefusedError
from monitor.intake.body import MIB
from monitor.intake.json_text import NESTED, VALUES, parse_json, reading_json

TEXTS = st.lists(
    st.sampled_from(
        ["\\\\", "\\ud800", "\\udc00", "\\uD83D", "\\uDE00", "\\u0041", "\\n", '\\"', "ud800", "é"]
    )
).map("".join)


@given(TEXTS)
def test_a_surrogate_that_stands_alone_becomes_the_replacement_character_and_all_else_stays(text):
    said = json.loads(f'"{text}"')
    assert parse_json(f'"{text}"'.encode()) == re.sub(r"[\ud800-\udfff]", "\ufffd", said)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_utf_8_are_replaced_as_python_does(raw):
    text = raw.replace(b'"', b"'").replace(b"\\", b"/")
    text = bytes(byte for byte in text if byte >= 32)
    assert parse_json(b'["%b"]' % text) == [text.decode("utf-8", "replace")]


@pytest.mark.parametrize(
    "data, taken",
    [
        pytest.param(b"[" + b"[]," * (NESTED - 2) + b"[]]", True, id="as many lists as may be"),
        pytest.param(b"[" + b"[]," * (NESTED - 1) + b"[]]", False, id="one list more"),
        pytest.param(b"[" + b"1," * (VALUES - 2) + b"1]", True, id="as many numbers as may be"),
        pytest.param(b"[" + b"1," * VALUES + b"1]", False, id="more numbers"),
        pytest.param(b'["' + b"[{,:" * 200_000 + b'"]', True, id="brackets in a text"),
        pytest.param(b'["\\"' + b"[{,:" * 200_000 + b'\\\\"]', True, id="brackets between escapes"),
        pytest.param(b'["\\\\",' + b"{}," * NESTED + b"1]", False, id="objects after an escape"),
        pytest.param(b'"' + b"\\n" * 1_000_001 + b'"', False, id="a million escapes"),
    ],
)
def test_what_is_too_much_is_refused_and_what_stands_in_texts_does_not_count(data, taken):
    if taken:
        assert parse_json(data) == orjson.loads(data)
        return
    with pytest.raises(RefusedError) as refused:
        parse_json(data)
    assert (refused.value.status, refused.value.code) == (413, "json_too_much")


@pytest.mark.parametrize(
    "data, steps",
    [
        pytest.param(b'"' + b"\xff" * MIB + b'"', 4, id="no UTF-8"),
        pytest.param(b'"' + b"\\ud800" * 50_000 + b'"', 10, id="surrogates"),
        pytest.param(b'"' * MIB + b"[" * (NESTED + 1), 4, id="quotes"),
        pytest.param(b"[" * 101 + b'"' + b"a" * MIB + b'"' + b"]" * 101, 4, id="a long text within"),
    ],
)
def test_what_takes_long_is_done_in_steps(data, steps):
    count = 0
    try:
        for _ in reading_json(data):
            count += 1
    except RefusedError:
        pass
    assert count >= steps


def test_a_number_of_hundreds_of_digits_is_cut():
    assert parse_json(b'{"a":' + b"9" * 2_000 + b',"b":2}') == {"a": float("9" * 300), "b": 2}
