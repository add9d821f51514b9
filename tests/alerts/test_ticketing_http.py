"""What the drivers of ticket systems share: marks in subjects, texts that fit, names of files."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.base import Attachment
from alerts.marks import mark_in, marked
from alerts.ticketing_http import file_name, fit, fitted, is_tagged, media_type, moment, multipart, tagged

MARKS = st.from_regex(r"inc_[0-9a-z]{10,30}", fullmatch=True)


@given(st.text(max_size=400), MARKS, st.integers(60, 300))
def test_a_subject_ends_with_our_mark_and_fits(subject: str, mark: str, longest: int) -> None:
    made = tagged(subject, mark, longest)
    assert is_tagged(made, mark)
    assert len(made) <= longest
    assert made.isprintable()


@given(MARKS, MARKS, st.text(max_size=50))
def test_another_mark_inside_a_subject_is_not_its_own(mark: str, other: str, text: str) -> None:
    made = tagged(f"{text} [#{other}]", mark, 300)
    assert is_tagged(made, other) == (mark == other)


@given(st.text(max_size=3_000), st.integers(100, 2_000))
def test_a_text_is_cut_and_its_mark_is_not(text: str, longest: int) -> None:
    made = fit(marked(text, "out_0123456789abcdef"), longest)
    assert mark_in(made) == "out_0123456789abcdef"
    assert len(made) <= longest
    assert len(fit(text, longest)) <= longest


@given(st.text(min_size=1, max_size=400), st.integers(72, 255))
def test_two_marks_are_told_apart_wherever_they_are_kept(mark: str, longest: int) -> None:
    kept = fitted(mark, longest)
    assert len(kept) <= longest
    assert not set(kept) & set(" \t\r\n,^|\"'%\\")
    assert fitted(mark + "x", longest) != kept


@given(st.text(max_size=300))
def test_a_files_name_is_one_name(name: str) -> None:
    made = file_name(Attachment(name=name, media_type="text/plain", content=b""))
    assert made
    assert len(made) <= 100
    assert not set("/\\?%*:|\"'<>\r\n\x00") & set(made)
    assert made not in {".", ".."}


@pytest.mark.parametrize(
    "given", ["", "text", "text/plain\r\nX: y", "a/b;c=d", "ü/ü", "a/b/c", "x" * 99 + "/y"]
)
def test_a_type_that_is_none_is_bytes(given: str) -> None:
    assert media_type(Attachment(name="a", media_type=given, content=b"")) == "application/octet-stream"


def test_a_form_has_one_file_whose_boundary_stands_nowhere_in_it() -> None:
    file = Attachment(name='a"b.txt', media_type="text/plain", content=b"--tocsin-\r\n")
    kind, whole = multipart(file)
    boundary = kind.partition("boundary=")[2]
    assert len(boundary) <= 70
    assert whole.count(boundary.encode()) == 2
    assert b'filename="a_b.txt"' in whole


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("2026-11-26T06:39:14.000+0000", True),
        ("2026-11-26T06:39:14Z", True),
        ("2026-11-26T06:39:14", False),
        ("yesterday", False),
        (None, False),
    ],
)
def test_a_moment_has_a_zone_or_is_none(said: object, read: bool) -> None:
    found = moment(said)
    assert (found is not None) == read
    assert found is None or isinstance(found, datetime)
