"""Credentials kept apart: sealed for one request, under a key that can be changed."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sealing import KEY_BYTES, Sealer, UnsealError, new_key, sealer
from monitor.settings.intake_sections import Secrets
from monitor.settings.secret import Secret

ONE, TWO = b"1" * KEY_BYTES, b"2" * KEY_BYTES


@given(st.text(st.characters(codec=None, exclude_categories=[]), max_size=300))
def test_w9_what_is_sealed_opens_as_it_was(value):
    box = Sealer([ONE])
    assert box.open(box.seal(value, request="req_1", kind="a PIN"), request="req_1", kind="a PIN") == value


def test_w9_the_secret_is_in_no_sealed_bytes_and_two_of_the_same_differ():
    box = Sealer([ONE])
    first, second = (box.seal("hunter2", request="req_1", kind="a password") for _ in range(2))
    assert b"hunter2" not in first
    assert first != second


@pytest.mark.parametrize(
    ("request_id", "kind"), [("req_2", "a password"), ("req_1", "a PIN")], ids=["request", "kind"]
)
def test_w9_what_is_sealed_for_one_request_opens_as_nothing_else(request_id, kind):
    box = Sealer([ONE])
    sealed = box.seal("hunter2", request="req_1", kind="a password")
    with pytest.raises(UnsealError, match="not sealed for this request"):
        box.open(sealed, request=request_id, kind=kind)


@given(st.integers(0, 60), st.integers(1, 255))
def test_w9_a_single_changed_byte_is_noticed(at, change):
    box = Sealer([ONE])
    sealed = bytearray(box.seal("hunter2", request="req_1", kind="a password"))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(UnsealError):
        box.open(bytes(sealed), request="req_1", kind="a password")


def test_w9_after_a_rotation_the_old_ones_open_and_new_ones_take_the_new_key():
    old = Sealer([ONE])
    before = old.seal("hunter2", request="req_1", kind="a password")
    both = Sealer([TWO, ONE])
    after = both.seal("hunter3", request="req_1", kind="a password")
    assert both.open(before, request="req_1", kind="a password") == "hunter2"
    assert (both.is_newest(before), both.is_newest(after)) == (False, True)
    with pytest.raises(UnsealError, match=r"secrets\.previous"):
        old.open(after, request="req_1", kind="a password")


def test_w9_without_a_key_nothing_seals():
    assert sealer(Secrets()) is None


def test_w9_a_new_key_is_one_that_the_settings_take():
    key = new_key()
    assert len(base64.b64decode(key)) == KEY_BYTES
    box = sealer(replace(Secrets(), key=Secret(key), previous=(Secret(new_key()),)))
    sealed = box.seal("x", request="r", kind="k")
    assert box.open(sealed, request="r", kind="k") == "x"
    assert key not in repr(box)
