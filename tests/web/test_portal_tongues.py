"""The portal's languages: every sentence of its pages is in every catalogue, and whoever looks reads their own."""

import ast
import re
from importlib.resources import files

import pytest

from monitor.storage.people import Role
from monitor.tongues import LOCALES, Tongue
from monitor.web import portal_ledger, portal_public, portal_view, portal_words
from monitor.web.portal_tongue import chosen, tongue
from tests.web.seeds import a_clock, an_incident

OTHERS = [code for code in LOCALES if code != "en"]
PAGES = files("monitor.web").joinpath("templates", "portal")
CALL = re.compile(r'_\(("(?:[^"\\]|\\.)*")')


def sentences():
    """Return what the portal's templates say through the catalogue, and the words that its code gives them."""
    found = {
        ast.literal_eval(text)
        for page in PAGES.iterdir()
        if page.name.endswith(".html")
        for text in CALL.findall(page.read_text(encoding="utf-8"))
    }
    standings = [*portal_view.WAS.values(), *portal_words.RESULTS.values()]
    found |= {text for each in standings for text in (each.word, each.said) if text}
    for words in (portal_words.SYMPTOMS, portal_words.HOW, portal_public.MEANS, portal_ledger.SAID):
        found |= set(words.values())
    return found


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_in_every_language_with_its_values(code):
    known = tongue(code)._said
    assert sorted(sentences() - set(known)) == []
    values = re.compile(r"%\(\w+\)s")
    for sentence, said in known.items():
        assert sorted(values.findall(sentence)) == sorted(values.findall(said)), sentence


@pytest.mark.parametrize(
    ("cookie", "accepted", "known", "code"),
    [
        ("de", "it", "fr", "de"),
        ("xx", "it-IT,en;q=0.5", "fr", "it"),
        ("", "da,sv;q=0.8", "fr-CH", "fr"),
        ("", "da", "da", "en"),
        ("", "", "it", "en"),
    ],
    ids=["what was chosen", "the browser's", "what is on record", "none of ours", "a program's"],
)
def test_whoever_looks_reads_what_they_chose_what_their_browser_asks_or_what_is_on_record(
    cookie, accepted, known, code
):
    assert chosen(cookie, accepted, known).code == code


def test_what_is_put_in_is_text_and_nothing_else():
    bad = "<script>alert(1)</script> %(time)s %s"
    said = Tongue("it", {"since %(time)s": "da %(time)s"}).html("since %(time)s", time=bad)
    assert str(said) == "da &lt;script&gt;alert(1)&lt;/script&gt; %(time)s %s"
    assert str(Tongue("it").html(bad)) == "&lt;script&gt;alert(1)&lt;/script&gt; %(time)s %s"


async def test_a_page_is_in_the_browsers_language_or_the_one_that_was_chosen(world):
    await world.seed(an_incident)
    await world.seed(a_clock, "inc-1")
    await world.log_in("anna", Role.PARTNER_ADMIN)
    italian = {"Accept-Language": "it-IT,it;q=0.9"}
    for path, words in (
        ("/portal/", "Che cosa abbiamo rilevato sui suoi sistemi"),
        ("/portal/cases/inc-1", "Rispondiamo entro"),
        ("/portal/systems", "I suoi sistemi"),
        ("/portal/requests", "Non ha ancora inviato richieste."),
        ("/portal/requests/new", "Nuova richiesta"),
    ):
        text = await (await world.client.get(path, headers=italian)).text()
        assert '<html lang="it">' in text, path
        assert words in text, path
    answer = await world.client.get("/portal/language/de?next=/portal/cases", headers=italian)
    assert answer.url.path == "/portal/cases"
    assert "Was wir auf Ihren Systemen fanden" in await answer.text()
    assert (await world.client.get("/portal/language/xx")).status == 404
    away = await world.client.get("/portal/language/de?next=//evil.example/", allow_redirects=False)
    assert away.headers["Location"] == "/portal/"
