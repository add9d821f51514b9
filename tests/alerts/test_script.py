"""What is said and written, in every language, from any customer's words."""

import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts import script, texts
from alerts.cleaning import clean, clean_lines
from alerts.script import Matter
from monitor.domain.findings import Symptom
from monitor.errors import ConfigError

LANGUAGES = ("de", "en", "es", "fr", "it")
SHIPPED = Path(texts.__file__).parent / "templates"


def a_matter(**changes) -> Matter:
    values = {
        "incident": "01J9Z3KQ",
        "reference": "INC-42",
        "partner": "Aurora Telecom",
        "symptom": "call_drops",
        "summary": "7 of 9 calls dropped",
        "since": datetime(2026, 11, 22, 22, 30, tzinfo=UTC),
        "cls": "critical",
        "zone": "Europe/Rome",
        "serial": "PBX-1001",
        "system": "Milano HQ",
        "country": "IT",
        "version": "5.02",
        "clause": "2.1",
        "respond_by": datetime(2026, 11, 23, 8, 30, tzinfo=UTC),
        "ticket": "4711",
    }
    return Matter(**{**values, **changes})


def test_a_call_says_who_what_where_since_when_and_under_which_ticket() -> None:
    assert script.call_text(a_matter(), "en") == (
        "Hello. This is Tocsin for Aurora Telecom. We are calling about your system P B X 1 0 0 1, Milano HQ: "
        "calls are dropping, since 23:30 on 22 November, your local time. The class of service is critical. "
        "The ticket number is 4 7 1 1."
    )


def test_a_call_before_there_is_a_ticket_promises_one() -> None:
    assert script.call_text(a_matter(ticket=None), "it").endswith("Seguirà un ticket.")


def test_the_time_is_the_readers_across_midnight_and_summer_time() -> None:
    summer = datetime(2026, 6, 30, 23, 15, tzinfo=UTC)
    assert "01:15 Uhr am 1. Juli" in script.call_text(a_matter(since=summer, zone="Europe/Vienna"), "de")
    assert "19:15 on 30 June" in script.call_text(a_matter(since=summer, zone="America/New_York"), "en")


def test_a_written_time_names_its_zone_and_offset() -> None:
    instant = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert script.written_time(instant, "Europe/Rome") == "2026-10-25 02:30 CEST (UTC+02:00)"
    assert script.written_time(instant.replace(hour=1), "Europe/Rome") == "2026-10-25 02:30 CET (UTC+01:00)"
    assert script.written_time(instant, "Nowhere/Atlantis") == "2026-10-25 00:30 UTC (UTC+00:00)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_ticket_carries_the_whole_dossier(language: str) -> None:
    ticket = script.ticket_text(a_matter(), language)
    assert "PBX-1001" in ticket.subject
    for fact in (
        "PBX-1001",
        "IT",
        "Aurora Telecom",
        "5.02",
        "2.1",
        "2026-11-23 09:30 CET",
        "INC-42",
        "01J9Z3KQ",
    ):
        assert fact in ticket.body, fact


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_names_the_ticket_and_the_promise(language: str) -> None:
    mail = script.mail_text(a_matter(), language)
    assert "4711" in mail.body
    assert "2026-11-23 09:30 CET" in mail.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_last_note_says_from_when_until_when(language: str) -> None:
    note = script.resolve_text(a_matter(), language, until=datetime(2026, 11, 22, 23, 5, tzinfo=UTC))
    assert "2026-11-22 23:30 CET" in note
    assert "2026-11-23 00:05 CET" in note


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("symptom", [*Symptom, "a_symptom_of_tomorrow"])
def test_every_symptom_can_be_told_in_every_language_with_much_known_and_little(
    language: str, symptom: str
) -> None:
    bare = {
        "serial": None,
        "system": "",
        "country": None,
        "version": None,
        "clause": None,
        "respond_by": None,
    }
    for matter in (a_matter(symptom=symptom), a_matter(symptom=symptom, ticket=None, summary="", **bare)):
        call = script.call_text(matter, language)
        assert (
            "None"
            not in call + script.ticket_text(matter, language).body + script.mail_text(matter, language).body
        )
        assert script.spoken_seconds(call) <= script.LONGEST_TEXT


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_symptom_of_ours_has_its_words(language: str) -> None:
    assert set(texts.shipped()[language].tables["symptoms"]) == set(Symptom)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_names_still_leave_room_for_the_ticket_and_the_keys(language: str) -> None:
    long = a_matter(
        partner="Partner " * 50, system="System " * 50, serial="S" * 30, ticket="1" * 12, service="Alarm " * 9
    )
    call = script.call_text(long, language)
    keys = script.keys_text(language, "129")
    assert script.spoken_seconds(call) + script.spoken_seconds(keys) <= script.LONGEST_CALL
    assert "1 1 1 1" in call


@pytest.mark.parametrize(
    ("language", "same_as"), [("nl", "en"), ("", "en"), ("de-AT", "de"), ("FR", "fr"), ("pt_BR", "en")]
)
def test_who_speaks_none_of_our_languages_is_spoken_to_in_english(language: str, same_as: str) -> None:
    assert script.call_text(a_matter(), language) == script.call_text(a_matter(), same_as)


def test_serials_and_numbers_are_spelled() -> None:
    assert script.spelled("PBX-1001/b") == "P B X 1 0 0 1 B"


@pytest.mark.parametrize(
    "nasty", ["{{ 7*7 }}", "{% for x in range(9) %}", "{{ ''.__class__ }}", "{# #}", "{time}"]
)
def test_a_customers_words_are_never_a_template(nasty: str) -> None:
    matter = a_matter(symptom="other", summary=nasty, partner=nasty, system=nasty)
    assert nasty in script.ticket_text(matter, "en").body
    assert nasty in script.call_text(matter, "en")


@given(words=st.text(max_size=300))
def test_control_and_direction_characters_reach_nobody(words: str) -> None:
    matter = a_matter(
        symptom="other", summary=words, partner=words, system=words, serial=words, ticket=words, version=words
    )
    ticket = script.ticket_text(matter, "en")
    said = script.call_text(matter, "en")
    for text in (said, ticket.subject, ticket.body.replace("\n", "")):
        assert all(
            character.isprintable() or character == "\u3000" or character.isspace() for character in text
        )
        assert not set(text) & set("\r\n\x00\x1b\u202e\u2066\u2028\u2029\x85")
    assert len(ticket.subject) <= script.LONGEST_SUBJECT
    assert script.spoken_seconds(said) <= script.LONGEST_TEXT


def test_what_passes_for_printable_is_nothing_that_cleaning_takes_away() -> None:
    printable = "".join(map(chr, range(sys.maxunicode + 1)))
    printable = "".join(sign for sign in printable if sign.isprintable())
    gone = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert [sign for sign in printable if unicodedata.category(sign) in gone] == []
    assert clean("a\u202eb\tc\u00a0d\x00", 40) == "ab c d"


@given(text=st.text(max_size=200), limit=st.integers(1, 80))
def test_cleaning_keeps_to_its_limit_and_cleans_once_and_for_all(text: str, limit: int) -> None:
    once = clean(text, limit)
    assert len(once) <= limit
    assert clean(once, limit) == once
    assert len(clean_lines(text, limit)) <= limit


@given(text=st.text(max_size=400), seconds=st.floats(1, 60))
def test_a_text_is_cut_to_what_can_be_said_in_time(text: str, seconds: float) -> None:
    assert script.spoken_seconds(script.within(text, seconds)) <= seconds


def test_an_operators_own_words_replace_ours_one_by_one(tmp_path: Path) -> None:
    theirs = {"phrases": {"confirmed": "Ta."}, "call": "Oi, {{ partner }}!"}
    (tmp_path / "en.yaml").write_text(yaml.safe_dump(theirs))
    library = texts.load_texts(tmp_path)
    assert script.call_text(a_matter(), "en", library=library) == "Oi, Aurora Telecom!"
    assert script.phrase("en", "confirmed", library=library) == "Ta."
    assert script.phrase("en", "settled", library=library) == script.phrase("en", "settled")
    assert script.call_text(a_matter(), "en") != "Oi, Aurora Telecom!"


def test_an_operator_may_add_a_language(tmp_path: Path) -> None:
    data = yaml.safe_load((SHIPPED / "en.yaml").read_text()) | {"tag": "nl-NL", "call": "Hallo {{ partner }}"}
    (tmp_path / "nl.yaml").write_text(yaml.safe_dump(data))
    assert script.call_text(a_matter(), "nl", library=texts.load_texts(tmp_path)) == "Hallo Aurora Telecom"


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        ("caal: hello", "unknown key 'caal'"),
        ("call: '{{ partner'", "'call' is not a template"),
        ("call: '{{ partnr }}'", "'partnr' is undefined"),
        ("call: 7", "'call' must be text"),
        ("months: [a, b]", "twelve names"),
        ("keys: {1: 1}", "'keys' must map names to texts"),
        ("- a list", "must be a mapping"),
        ("a: [", "en.yaml"),
        ("call: a\ncall: b", "call"),
        ("tag: en-GB\nmonths: [a]", "en.yaml:2:"),
        ("words: {on_date: '{hour} o clock'}", "'words.on_date'"),
    ],
)
def test_every_mistake_in_an_operators_words_is_found_when_they_are_read(
    tmp_path: Path, theirs: str, problem: str
) -> None:
    (tmp_path / "en.yaml").write_text(theirs)
    with pytest.raises(ConfigError) as wrong:
        texts.load_texts(tmp_path)
    assert problem in str(wrong.value)
    assert "en.yaml" in str(wrong.value)


def test_a_language_that_lacks_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nl.yaml").write_text("tag: nl-NL")
    with pytest.raises(ConfigError) as wrong:
        texts.load_texts(tmp_path)
    assert any("'call' is missing" in line for line in wrong.value.problems)


def test_a_template_cannot_reach_into_python(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text('call: "{{ partner.__class__.__mro__ }}"')
    with pytest.raises(ConfigError, match="unsafe"):
        texts.load_texts(tmp_path)


def test_what_a_template_may_name_is_what_it_is_given() -> None:
    given_names = set(script._facts(a_matter(), texts.shipped()["en"], 60)) | {"until"}
    assert given_names == set(texts.FACTS.split())
