"""Pre-approved texts: what may stand in one, how it is filled in, and that the record gives back what was said."""

from datetime import UTC, datetime

import pytest

from alerts import public_texts
from monitor.domain.wording import (
    CLASSES,
    LANGUAGES,
    PLACEHOLDERS,
    About,
    Kind,
    Wording,
    faults,
    filled,
    read,
    said,
)

ABOUT = About(what={"en": "cloud eu-1", "de": "Cloud eu-1"}, name="eu-1", count=24, since=datetime(2026, 11, 22, 10, 42, tzinfo=UTC))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param("Since {since}: {what} ({name}, {count})", [], id="every placeholder"),
        pytest.param("no braces", [], id="none"),
        pytest.param("{{as they are}}", [], id="braces as such"),
        pytest.param("{when}", ["has no placeholder {when}; there are {what}, {name}, {count}, {since}"], id="unknown"),
        pytest.param("{what.secret}", ["has no placeholder {what.secret}; there are {what}, {name}, {count}, {since}"], id="an attribute"),
        pytest.param("{0}", ["has no placeholder {0}; there are {what}, {name}, {count}, {since}"], id="a number"),
        pytest.param("{}", ["has no placeholder {}; there are {what}, {name}, {count}, {since}"], id="no name"),
        pytest.param("{count:>99999999}", ["{count} stands without anything behind its name"], id="a width"),
        pytest.param("{what!r}", ["{what} stands without anything behind its name"], id="a conversion"),
        pytest.param("open {", ["has a brace without its other half: write {{ and }} for braces that stand as they are"], id="half a brace"),
    ],
)  # fmt: skip
def test_a_text_is_checked_for_its_placeholders(text, wrong):
    assert list(faults(text)) == wrong


def test_what_is_put_in_is_not_read_as_a_text_again():
    about = About(what={"en": "{count} {name.x}"}, name="n", count=1, since=ABOUT.since)
    assert filled("{what}", about.values("en")) == "{count} {name.x}"


def test_a_title_begins_with_a_capital_and_a_language_without_a_name_has_the_english_one():
    assert filled("{what}: calls drop", ABOUT.values("en"), title=True) == "Cloud eu-1: calls drop"
    assert filled("{what} {since} {count}", ABOUT.values("fr")) == "cloud eu-1 10:42 UTC 24"


def test_the_record_gives_back_what_was_said():
    wording = Wording(cls="call_drops", kind=Kind.AGAIN, about=ABOUT, said={"en": "a\nb", "de": "ä"})
    assert read(wording.as_text()) == wording
    assert (said(wording.as_text()), said(None), read("")) == (wording.said, {}, None)


FOREIGN = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", FOREIGN)
def test_every_text_that_comes_with_us_is_in_every_language_with_its_placeholders_and_no_other(language):
    spoken = public_texts.catalogue(language)
    assert set(spoken) == public_texts.sentences()
    for ours, theirs in spoken.items():
        holes = [hole for hole in (*PLACEHOLDERS, "one", "other") if f"{{{hole}}}" in ours]
        assert [hole for hole in (*PLACEHOLDERS, "one", "other") if f"{{{hole}}}" in theirs] == holes, theirs
        assert theirs.count("{") == ours.count("{"), theirs


def test_every_class_has_a_text_of_every_kind_in_every_language_that_is_right():
    for cls in CLASSES:
        for kind in Kind:
            for language in LANGUAGES:
                text = public_texts.approved(cls, kind, language)
                assert text
                assert not list(faults(text)), text
    assert set(public_texts.OF) <= set(CLASSES)
