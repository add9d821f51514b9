"""What an engineer is told about a request, in every language they may speak, from any customer's words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import pages, script, texts
from alerts.pages import Asked

LANGUAGES = tuple(sorted(texts.shipped()))


def asked(**changes) -> Asked:
    values = {
        "reference": "R-00012",
        "received_at": datetime(2026, 11, 28, 22, 0, tzinfo=UTC),
        "zone": "Europe/Rome",
        "cls": "critical",
        "partner": "Aurora Telecom",
        "serial": "PBX-1001",
        "system": "Milano HQ",
        "subject": "No audio since noon",
    }
    return Asked(**{**values, **changes})


BARE = {"cls": None, "partner": "", "serial": None, "system": "", "subject": ""}


def test_a_call_says_what_came_in_from_whom_and_about_what() -> None:
    assert pages.call_text(asked(), "en") == (
        "Hello. This is Tocsin. A request came in outside support hours, from Aurora Telecom. "
        "Its number is R 0 0 0 1 2. The class of service is critical. System P B X 1 0 0 1, Milano HQ. "
        "Subject: No audio since noon."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The class of service is critical."),
        ({"needs_triage": True}, "The class of service is critical, still to be confirmed."),
        ({"cls": None}, "Its class is not known yet."),
        ({"cls": None, "needs_triage": True}, "Its class is not known yet."),
    ],
)
def test_a_call_says_how_sure_the_class_is(changes: dict, said: str) -> None:
    assert said in pages.call_text(asked(**changes), "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("changes", [{}, BARE, {"subject": "x" * 500, "partner": "y " * 300}])
def test_a_call_fits_beside_the_keys_with_much_known_and_little(language: str, changes: dict) -> None:
    call = pages.call_text(asked(**changes), language)
    assert "R 0 0 0 1 2" in call
    assert "None" not in call
    keys = script.keys_text(language, "129")
    assert script.spoken_seconds(f"{call} {keys}") <= script.LONGEST_CALL


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_carries_what_is_known_and_says_what_is_not(language: str) -> None:
    mail = pages.mail_text(asked(), language)
    assert mail.subject.startswith("[R-00012] ")
    for fact in (
        "R-00012",
        "2026-11-28 23:00 CET",
        "No audio since noon",
        "Aurora Telecom",
        "PBX-1001",
        "Milano HQ",
    ):
        assert fact in mail.body, fact
    bare = pages.mail_text(asked(**BARE), language)
    assert texts.shipped()[language].word("words", "unknown") in bare.body
    assert "None" not in bare.body


@given(words=st.text(max_size=300), language=st.sampled_from(LANGUAGES))
def test_whatever_customers_write_is_said_as_text_and_in_time(words: str, language: str) -> None:
    told = asked(
        subject=f"{words}\r\n{{{{ 7*7 }}}}\u202e", partner=words, system=words, serial=words, cls=words
    )
    call = pages.call_text(told, language)
    assert script.spoken_seconds(call) <= script.LONGEST_TEXT
    mail = pages.mail_text(told, language)
    assert "\n" not in call + mail.subject
    assert "\u202e" not in call + mail.subject + mail.body
