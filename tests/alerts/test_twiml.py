"""The XML a voice reads from, and the signature on what comes back."""

from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import twiml
from alerts.base import CallScript
from alerts.script import LONGEST_CALL, spoken_seconds

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PARAMS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
GOOD = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def a_call(text: str = "Hello.", language: str = "en", keys: str = "129") -> CallScript:
    return CallScript(attempt="a1", to="+390612345678", text=text, language=language, keys=keys)


def spoken(document: str) -> str:
    return " ".join(said.text or "" for said in ET.fromstring(document).iter("Say"))


def test_the_text_and_the_keys_are_read_inside_one_question() -> None:
    response = ET.fromstring(twiml.announce(a_call(), action="key?reading=1&language=en"))
    (gather,) = response
    assert gather.attrib == {
        "action": "key?reading=1&language=en",
        "method": "POST",
        "input": "dtmf",
        "numDigits": "1",
        "timeout": "10",
        "finishOnKey": "",
        "actionOnEmptyResult": "true",
    }
    assert gather[0].text == "Hello."
    assert "Press 1 to confirm" in (gather[1].text or "")


def test_only_the_keys_of_the_call_are_offered() -> None:
    assert "Press 2" not in spoken(twiml.announce(a_call(keys="1"), action="key"))


@pytest.mark.parametrize(("language", "tag"), [("it", "it-IT"), ("de-AT", "de-DE"), ("xx", "en-GB")])
def test_a_voice_is_told_its_language(language: str, tag: str) -> None:
    response = ET.fromstring(
        twiml.announce(a_call(language=language), action="key", voices={"it": "Polly.Bianca"})
    )
    said = response.find("Gather/Say")
    assert said is not None
    assert said.get("language") == tag
    assert said.get("voice") == ("Polly.Bianca" if language == "it" else None)


def test_without_questions_the_text_is_read_twice_and_no_key_is_offered() -> None:
    response = ET.fromstring(twiml.recite(a_call("Ciao.", "it")))
    assert [verb.tag for verb in response] == ["Say", "Pause", "Say", "Hangup"]
    assert spoken(twiml.recite(a_call("Ciao.", "it"))) == "Ciao. Ciao."


NASTY = [
    "</Say><Dial>+19005551234</Dial><Say>",
    "<Redirect>https://evil.example/</Redirect>",
    "]]><Hangup/>",
    "&lt;&#60;Dial&#62; &amp; &unknown;",
    '"><Play>x</Play>',
    "\x00\x07\x1b[31m\ufffe\ud800",
    "\u202eevitcele\u2066 \u200b",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_customers_text_cannot_become_a_verb(text: str) -> None:
    for document in (twiml.announce(a_call(text), action="key"), twiml.recite(a_call(text))):
        verbs = {element.tag for element in ET.fromstring(document).iter()}
        assert verbs <= {"Response", "Gather", "Say", "Pause", "Hangup"}
        assert not set("\x00\x07\x1b\u202e\u2066\u200b") & set(spoken(document))


@given(text=st.text(max_size=500))
def test_any_text_makes_a_document_that_can_be_read(text: str) -> None:
    ET.fromstring(twiml.announce(a_call(text), action="key"))
    ET.fromstring(twiml.wait("en", f"key?{quote(text)}"))


@pytest.mark.parametrize("language", ["en", "it", "de", "fr", "es"])
@pytest.mark.parametrize("text", ["word " * 5000, "x" * 20_000, "1 " * 5000])
def test_one_reading_is_never_longer_than_people_listen(language: str, text: str) -> None:
    call = a_call(text, language)
    assert spoken_seconds(spoken(twiml.announce(call, action="key"))) <= LONGEST_CALL
    document = twiml.recite(call)
    assert spoken_seconds(spoken(document)) <= LONGEST_CALL
    assert len(document) < 4000


def test_a_known_request_is_believed() -> None:
    assert twiml.signature("12345", URL, PARAMS) == GOOD
    assert verified()


def test_another_known_request_is_believed() -> None:
    params = [(name, value.replace("+14158675309", "+12349013030")) for name, value in PARAMS]
    assert twiml.signature("12345", URL, params) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_the_newer_signature_is_the_one_that_twilios_own_library_makes() -> None:
    expected = "KsDM1TaUaD3zgC1znRg16Ev1YKZza+BBNZfOn7e5P/E="  # twilio 9.13.0, RequestValidator("shared")
    assert twiml.signature("shared", URL, PARAMS, algorithm="HMAC_SHA256") == expected


def verified(
    *,
    url: str = URL,
    params: list[tuple[str, str]] | None = None,
    given: str = GOOD,
    settings: str | None = None,
    secrets: twiml.Secrets | None = None,
) -> bool:
    headers = {twiml.SIGNATURE: given, **({twiml.SETTINGS: settings} if settings else {})}
    return twiml.verify(
        url, PARAMS if params is None else params, headers, secrets or twiml.Secrets(tokens=("12345",))
    )


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"given": ""}, id="no signature"),
        pytest.param({"given": "AAAA"}, id="a wrong one"),
        pytest.param({"given": GOOD + "\u00e9"}, id="one that is not ASCII"),
        pytest.param({"url": URL.replace("https", "http")}, id="another scheme"),
        pytest.param({"url": URL.replace("mycompany", "yourcompany")}, id="another host"),
        pytest.param({"url": URL.replace("foo=1", "foo=2")}, id="another query"),
        pytest.param({"params": [*PARAMS, ("CallStatus", "completed")]}, id="one field more"),
        pytest.param({"params": PARAMS[1:]}, id="one field less"),
        pytest.param(
            {"params": [(name, value.replace("1234", "1")) for name, value in PARAMS]}, id="another key"
        ),
        pytest.param({"secrets": twiml.Secrets(tokens=("54321",))}, id="another token"),
        pytest.param({"secrets": twiml.Secrets(tokens=("",))}, id="an empty token"),
        pytest.param({"settings": "algorithm=HMAC_MD5"}, id="an algorithm nobody uses"),
        pytest.param({"settings": "key=k1,algorithm=HMAC_SHA1"}, id="a key we do not have"),
    ],
)
def test_a_forged_request_is_not_believed(forged: dict) -> None:
    assert not verified(**forged)


def test_an_empty_secret_signs_nothing() -> None:
    assert not verified(given=twiml.signature("", URL, PARAMS), secrets=twiml.Secrets(tokens=("",)))


def test_while_a_token_is_replaced_both_are_believed() -> None:
    assert verified(secrets=twiml.Secrets(tokens=("new", "12345")))


@pytest.mark.parametrize("signed", ["https://mycompany.com:443/myapp.php?foo=1&bar=2", URL])
@pytest.mark.parametrize("configured", ["https://mycompany.com:443/myapp.php?foo=1&bar=2", URL])
def test_the_standard_port_may_be_signed_or_not(signed: str, configured: str) -> None:
    assert verified(url=configured, given=twiml.signature("12345", signed, PARAMS))


def test_the_order_of_fields_does_not_matter_and_repeated_ones_count_once() -> None:
    assert verified(params=[*reversed(PARAMS), PARAMS[0]])


def test_a_shared_key_signs_with_sha256() -> None:
    secrets = twiml.Secrets(tokens=("12345",), shared_keys={"k1": "shared"})
    given = twiml.signature("shared", URL, PARAMS, algorithm="HMAC_SHA256")
    settings = "key=k1,algorithm=HMAC_SHA256"
    assert verified(given=given, settings=settings, secrets=secrets)
    assert not verified(given=given, settings="key=k2,algorithm=HMAC_SHA256", secrets=secrets)
    assert not verified(given=given, settings=None, secrets=secrets)
    by_token = twiml.signature("12345", URL, PARAMS, algorithm="HMAC_SHA256")
    assert not verified(given=by_token, settings=settings, secrets=secrets)


def test_secrets_do_not_show_themselves() -> None:
    assert "12345" not in repr(twiml.Secrets(tokens=("12345",), shared_keys={"k": "hidden"}))
