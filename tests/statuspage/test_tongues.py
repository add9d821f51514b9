"""The page in five languages: nothing is left untranslated, and a visitor gets the one they read."""

import re
from datetime import date
from importlib.resources import files

import pytest

from monitor import handling
from monitor.domain.announcements import MaintenanceStatus
from monitor.storage import announcements
from statuspage.bars import happened
from statuspage.repeating import EACH, repeats
from statuspage.rollup import WORDS
from statuspage.saying import OURS
from statuspage.states import IMPACTS, STATES
from statuspage.tongues import LANGUAGES, preferred, tongue
from statuspage.uptime import percent
from statuspage.when import lasting, long_day
from tests.statuspage import seeds
from tests.statuspage.test_pages import Anatomy

FOREIGN = [code for code in LANGUAGES if code != "en"]
HOLES = re.compile(r"%\(\w+\)s")


def sentences():
    """All that the templates and the code say, found in their text; plurals by their first form."""
    sources = files("statuspage")
    found = set(WORDS.values()) | set(IMPACTS.values()) | {one for pair in STATES.values() for one in pair}
    for template in sources.joinpath("templates").iterdir():
        text = template.read_text()
        found |= set(re.findall(r'\b_\("([^"]+)"', text))
        found |= {one for one, _ in re.findall(r'\bn_\("([^"]+)", "([^"]+)"', text)}
    for module in sources.iterdir():
        if module.name.endswith(".py"):
            text = module.read_text()
            found |= set(re.findall(r'\.say\(\s*"([^"]+)"', text))
            found |= set(re.findall(r'\.many\(\s*"([^"]+)"', text))
            found |= set(re.findall(r'Rollup\(\s*"[a-z]+", "([^"]+)"', text))
    return found | {one for one, _ in EACH.values()} | set(OURS)


def test_the_search_finds_what_is_said():
    found = sentences()
    assert {"All Systems Operational", "Next update", "every week", "%(n)s day", "under a minute"} <= found
    assert len(found) > 130


@pytest.mark.parametrize("code", FOREIGN)
def test_every_sentence_is_in_every_language_with_its_holes(code):
    spoken = tongue(code)
    missing = {one for one in sentences() if one not in spoken._said and one not in spoken._many}
    assert missing == set()
    for ours, theirs in spoken._said.items():
        assert sorted(HOLES.findall(ours)) == sorted(HOLES.findall(theirs)), theirs
    for forms in spoken._many.values():
        assert "%(n)s" in forms[-1]


@pytest.mark.parametrize("code", FOREIGN)
def test_a_catalogue_says_nothing_that_nobody_says(code):
    spoken = tongue(code)
    assert (set(spoken._said) | set(spoken._many)) - sentences() == set()


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,en;q=0.9", "en"),
        ("pt-PT,es;q=0.5,fr;q=0.7", "fr"),
        ("ja,zh", None),
        ("it;q=0, en;q=0.1", "en"),
        ("fr;q=high", None),
        ("", None),
        ("*", None),
        (",;,;q=1,;;q", None),
        ("x" * 5000 + ",de", None),
    ],
    ids=["a country's", "english", "the better of two", "none of ours", "refused", "no number", "nothing", "anything", "rubbish", "too long"],
)  # fmt: skip
def test_a_visitor_gets_the_language_they_read_best(accepted, chosen):
    assert preferred(accepted, LANGUAGES) == chosen


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", ["1 day 2 h", "99.950 %", "Sunday 22 November 2026", "12 min major outage"]),
        ("it", ["1 giorno 2 h", "99,950 %", "domenica 22 novembre 2026", "12 min interruzione grave"]),
        ("de", ["1 Tag 2 Std.", "99,950 %", "Sonntag, 22. November 2026", "12 Min. Ausfall"]),
        ("fr", ["1 jour 2 h", "99,950 %", "dimanche 22 novembre 2026", "12 min panne majeure"]),
        ("es", ["1 día 2 h", "99,950 %", "domingo, 22 de noviembre de 2026", "12 min interrupción grave"]),
    ],
)
def test_days_figures_and_lengths_follow_the_language(code, said):
    spoken = tongue(code)
    day = long_day(date(2026, 11, 22), spoken).replace("Sunday,", "Sunday")  # CLDR changed its mind
    seen = [
        lasting(26 * 3600, spoken),
        percent(99.95, spoken),
        day,
        happened([("major_outage", 720)], spoken),
    ]
    assert seen == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=WEEKLY;BYDAY=SU", "jede Woche, Sonntag"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=6", "alle 2 Wochen, Montag und Donnerstag, 6-mal"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "jeden Monat, letzter Freitag"),
        ("FREQ=MONTHLY;BYDAY=2TU;UNTIL=20270301T000000", "jeden Monat, 2. Dienstag, bis 1. März 2027"),
        ("FREQ=YEARLY;BYMONTH=3;BYSETPOS=1", "by the rule FREQ=YEARLY;BYMONTH=3;BYSETPOS=1"),
    ],
)
def test_what_comes_again_is_said_in_german(rule, said):
    assert repeats(rule, tongue("de")) == said


async def test_every_page_is_there_in_every_language_and_stays_in_it(see):
    sight = await see(seeds.trouble(), seeds.SPOKEN)
    for code in LANGUAGES:
        assert f'<html lang="{code}">' in sight.text(f"/{code}/")
        assert tongue(code).say("Next update") in sight.text(f"/{code}/incidents/inc-2026-4711")
    german = Anatomy(sight.text("/de/"))
    inside = [
        link for link in german.links if re.match(r"/(incidents|history|maintenance/[^.]+$|uptime)", link)
    ]
    assert inside == []
    for link in german.links:
        bare = link.partition("#")[0]
        assert not bare or sight.pages.get(bare), link


async def test_programs_are_told_the_same_in_whatever_language_people_read(see):
    plain, spoken = await see(seeds.trouble()), await see(seeds.trouble(), seeds.SPOKEN)
    for path in ("/api/v2/summary.json", "/feed.atom", "/badge.svg", "/maintenance.ics"):
        assert plain.pages.get(path).body == spoken.pages.get(path).body


async def test_the_first_language_is_for_who_reads_none(see, aiohttp_client):
    from aiohttp import web

    from statuspage.routes import routes

    app = web.Application()
    app.add_routes(routes((await see(seeds.trouble(), seeds.SPOKEN)).pages))
    client = await aiohttp_client(app)
    for accepted, language in (("de", "de"), ("ja", "en"), ("", "en")):
        got = await client.get("/", headers={"Accept-Language": accepted})
        assert f'<html lang="{language}">' in await got.text()
        assert got.headers["Vary"] == "Accept-Encoding, Accept-Language"
    got = await client.get("/fr/", headers={"Accept-Language": "de"})
    assert '<html lang="fr">' in await got.text()
    assert "Accept-Language" not in got.headers.get("Vary", "")
    again = await client.get("/", headers={"Accept-Language": "fr", "If-None-Match": got.headers["ETag"]})
    assert again.status == 304
    assert (await client.get("/pt/")).status == 404


def test_what_is_on_record_where_nobody_said_a_word_is_the_pages_own():
    moved = {announcements._said(status) for status in MaintenanceStatus} - {"The work is planned."}
    assert {*moved, handling.OVER} == set(OURS)
