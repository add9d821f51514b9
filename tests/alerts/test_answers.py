"""What customers are answered, in every language, whatever they and the policies write."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts import answer_texts, answers
from alerts.answers import Answer, AnswerMatter, Appointment, Move, answer_text, field_label
from alerts.base import MailText
from alerts.smtp import compose
from monitor.domain.request_rules import FIELDS
from monitor.errors import ConfigError
from tests.factories import MONDAY_AT_TEN

LANGUAGES = ("da", "de", "en", "es", "et", "fi", "fr", "is", "it", "lv", "nb", "sv")
SHIPPED = Path(answers.__file__).parent / "templates" / "answers"
AT = "2026-11-23 10:30 CET (UTC+01:00)"


def a_matter(**changes) -> AnswerMatter:
    values = {
        "reference": "R-00012",
        "zone": "Europe/Rome",
        "service": "Support",
        "subject": "No audio since noon",
        "name": "Anna Bianchi",
        "class_name": "critical",
        "respond_by": AT,
        "clause": "3.1",
        "missing": ("serial number", "description"),
        "refusals": ("open a ticket in the portal (section 3)",),
        "asks": ("can it be reproduced with another carrier?",),
        "duties": (("confirm the request by phone", AT), ("verify the fix", None)),
        "charge": "2 incidents: an appointment",
        "link": "https://support.example/portal/requests/R-00012",
        "way_in": "https://support.example/portal/requests/new",
        "text": "We see it too.\n\nPlease restart the gateway.",
        "appointment": Appointment(starts=AT, ends="2026-11-23 11:30 CET (UTC+01:00)", technician="Bob"),
    }
    return AnswerMatter(**{**values, **changes})


NOTHING = AnswerMatter(reference="R-00012")


def test_every_language_of_the_partners_countries_is_there() -> None:
    assert tuple(sorted(answer_texts.shipped())) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_and_field_in_its_own_words(language: str) -> None:
    ours = yaml.safe_load((SHIPPED / f"{language}.yaml").read_text("utf-8"))
    english = yaml.safe_load((SHIPPED / "en.yaml").read_text("utf-8"))
    assert set(ours) == set(english) == {*answer_texts.SENTENCES, "classes", "fields"}
    assert set(ours["fields"]) == set(FIELDS)
    if language != "en":
        alike = {"titled", *(key for key in answer_texts.SENTENCES if not _words(english[key]))}
        assert not [key for key in answer_texts.SENTENCES if key not in alike and ours[key] == english[key]]


def _words(template: str) -> str:
    return "".join(part.split("}}")[-1] for part in template.split("{{")).strip(" :\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", Answer)
@pytest.mark.parametrize("matter", [a_matter(), NOTHING], ids=["everything", "nothing"])
def test_every_answer_can_be_written_with_everything_known_and_with_nothing(
    language: str, kind: Answer, matter: AnswerMatter
) -> None:
    written = answer_text(kind, matter, language)
    assert written.subject.startswith("[R-00012] ")
    assert "None" not in written.subject + written.body
    assert "\n\n\n" not in written.body
    assert ": \n" not in written.body + "\n"
    if matter is not NOTHING:
        assert written.subject.endswith("No audio since noon")
        assert "Anna Bianchi" in written.body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("taken", ("R-00012", AT, "confirm the request by phone", "verify the fix", "another carrier", "2 incidents", "https:")),
        ("incomplete", ("R-00012", "- serial number:\n- description:", "https:")),
        ("refused", ("- open a ticket in the portal (section 3)", "3.1", "https://support.example/portal/requests/new")),
        ("replied", ("We see it too.\n\nPlease restart the gateway.", "R-00012")),
        ("closed", ("R-00012", "We see it too.", "2 incidents")),
        ("appointment", ("R-00012", AT, "2026-11-23 11:30 CET", "Bob")),
        ("reminder", ("R-00012", "confirm the request by phone", AT, "verify the fix")),
        ("passed_on", ("R-00012", "We see it too.")),
    ],
)  # fmt: skip
def test_an_answer_says_what_its_reader_needs(language: str, kind: str, facts: tuple[str, ...]) -> None:
    body = answer_text(kind, a_matter(), language).body
    for fact in facts:
        assert fact in body, fact


@pytest.mark.parametrize("language", LANGUAGES)
def test_booked_moved_cancelled_reminded_and_missed_are_said_differently(language: str) -> None:
    def moved(move: Move) -> AnswerMatter:
        return a_matter(appointment=Appointment(move=move, starts=AT, ends=AT))

    said = [answer_text("appointment", moved(move), language) for move in Move]
    said += [answer_text("reminder", a_matter(missed=missed), language) for missed in (False, True)]
    assert len({each.subject for each in said}) == len({each.body for each in said}) == len(said)


def test_an_english_answer_reads_like_this() -> None:
    matter = a_matter(asks=(), charge="", link=None, text="", class_name="standard")
    assert answer_text("taken", matter, "en-GB").body == (
        "Hello Anna Bianchi,\n\n"
        "Thank you for your request. We are taking care of it under the number R-00012.\n\n"
        "Class of service: standard\n"
        f"We will respond by: {AT}\n\n"
        "What we ask of you:\n"
        f"- confirm the request by phone: by {AT}\n"
        "- verify the fix\n\n"
        "You can simply reply to this mail. Please leave the number R-00012 in its subject.\n\n"
        "Please do not send any passwords.\n\n"
        "Kind regards\nSupport"
    )


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("de-AT", "de"), ("no", "nb"), ("nn-NO", "nb"), ("pt", "en"), ("", "en"), ("IS", "is")],
)
def test_who_speaks_none_of_our_languages_is_answered_in_english(asked: str, spoken: str) -> None:
    assert answer_text("closed", NOTHING, asked) == answer_text("closed", NOTHING, spoken)


def test_a_class_is_called_as_in_the_language_and_a_policys_own_keeps_its_name() -> None:
    assert "Serviceklasse: kritisch" in answer_text("taken", a_matter(), "de").body
    assert "Serviceklasse: outage" in answer_text("taken", a_matter(class_name="outage"), "de").body


def test_a_clause_that_every_reason_cites_is_not_said_again() -> None:
    def body(*refusals: str) -> str:
        return answer_text("refused", a_matter(refusals=refusals), "en").body

    assert "agreement: 3.1" not in body("no (section 3.1)")
    assert "agreement: 3.1" in body("no (section 3.1)", "never")
    assert "agreement: 3.1" in body()


def test_a_found_password_is_told_of_and_not_shown() -> None:
    body = answer_text("taken", a_matter(secret_found=True), "en").body
    assert "looks like a password" in body


def test_a_field_is_called_by_the_policys_own_label_else_ours_else_its_name() -> None:
    assert field_label("system", "it") == "numero di serie del sistema"
    assert field_label("system", "it", labels={"system": "matricola"}) == "matricola"
    assert field_label("contract_number", "it") == "contract number"
    assert field_label("system", "pt") == "serial number of the system"


def test_every_label_of_every_language_means_one_field() -> None:
    known = answers.known_labels()
    for language, sentences in answer_texts.shipped().items():
        for name, label in sentences.fields.items():
            if name not in ("subject", "message"):
                assert known[label.casefold()] == name, (language, label)
    assert known["numero di serie del sistema"] == "system"
    assert "oggetto" not in known  # a mail has a subject of its own, and quoted headers name it, too


def test_an_unknown_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="shouted"):
        answer_text("shouted", NOTHING, "en")


# what others write ----------------------------------------------------------------------------------------

HOSTILE = "a\r\nBcc: all@x\x00\x1b[31m \u202eevil\u2066 {{ 7*7 }} {% for x in y %} ${x} <script>"


@pytest.mark.parametrize("kind", Answer)
def test_whatever_is_written_to_us_comes_out_as_text(kind: Answer) -> None:
    matter = AnswerMatter(
        reference="R-00012",
        service=HOSTILE,
        subject=HOSTILE,
        name=HOSTILE,
        class_name=HOSTILE,
        respond_by=HOSTILE,
        clause=HOSTILE,
        missing=(HOSTILE,),
        refusals=(HOSTILE,),
        asks=(HOSTILE,),
        duties=((HOSTILE, HOSTILE), (HOSTILE, None)),
        charge=HOSTILE,
        link=HOSTILE,
        way_in=HOSTILE,
        text=HOSTILE,
        appointment=Appointment(starts=HOSTILE, ends=HOSTILE, technician=HOSTILE),
    )
    written = answer_text(kind, matter, "en")
    for sign in "\r\x00\x1b\u202e\u2066":
        assert sign not in written.subject + written.body
    assert "\n" not in written.subject
    assert "{{ 7*7 }}" in written.subject
    assert "49" not in written.body
    mail = message_from_bytes(_wire(written), policy=policy.SMTP)
    assert "Bcc" not in mail


@given(text=st.text(max_size=400), subject=st.text(max_size=400), language=st.sampled_from(LANGUAGES))
def test_no_line_on_the_wire_is_longer_than_mail_allows(text: str, subject: str, language: str) -> None:
    matter = AnswerMatter(
        reference="R-00012", subject=subject * 5, text=text * 40, refusals=(text * 3,) * 70, charge=text * 5
    )
    for kind in ("taken", "refused", "replied"):
        written = answer_text(kind, matter, language)
        assert len(written.subject) <= 150
        assert written.subject.startswith("[R-00012] ")
        assert len(written.body) <= answers.LONGEST_BODY
        assert all(len(line) <= 998 for line in _wire(written).split(b"\r\n"))


def _wire(written: answers.Written) -> bytes:
    mail = MailText(
        message_id="<out_1@tocsin.invalid>",
        to="anna@aurora.example",
        subject=written.subject,
        body=written.body,
        language="en",
    )
    return compose(mail, sender="noc@tocsin.example", now=MONDAY_AT_TEN)


# an operator's own words ------------------------------------------------------------------------------------


def test_an_operators_words_replace_ours_sentence_by_sentence(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text("closed: Done, {{ requester }}.\nfields: {apps: apps you use}\n")
    library = answer_texts.load_answers(tmp_path)
    body = answer_text("closed", a_matter(), "en", library=library).body
    assert "Done, Anna Bianchi." in body
    assert "Kind regards" in body
    assert field_label("apps", "en", library=library) == "apps you use"
    assert field_label("system", "en", library=library) == "serial number of the system"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("closed: '{{ nobody }}'", "en.yaml:1:9: 'closed' cannot be filled in: 'nobody' is undefined"),
        ("closed: '{{ title }}'", "'title' is undefined"),
        ("closed: '{% if %}'", "'closed' is not a template"),
        ("closed: ''", "'closed' must be text"),
        ("closed: '{{ service.__class__.__mro__ }}'", "cannot be filled in"),
        ("cloused: x", "unknown key 'cloused'"),
        ("fields: [a]", "'fields' must map names to texts"),
        ("fields: {system: ''}", "'fields.system' is missing"),
        ("fields: {system: 'serial: number'}", "'fields.system' must be one line"),
        ("fields: {system: '" + "x" * 61 + "'}", "at most 60 characters"),
        ("[1]", "must be a mapping of names to texts"),
    ],
)
def test_a_mistake_in_an_operators_words_is_found_when_they_are_read(
    tmp_path: Path, wrong: str, said: str
) -> None:
    (tmp_path / "en.yaml").write_text(wrong)
    with pytest.raises(ConfigError) as refused:
        answer_texts.load_answers(tmp_path)
    assert said in str(refused.value)


def test_a_new_language_must_be_whole(tmp_path: Path) -> None:
    (tmp_path / "pt.yaml").write_text("hello_all: Olá\nclasses: {}\nfields: {}\n")
    with pytest.raises(ConfigError) as refused:
        answer_texts.load_answers(tmp_path)
    assert len(refused.value.problems) == len(answer_texts.SENTENCES) - 1 + len(FIELDS)
