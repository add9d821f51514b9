from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import icalendar
from aiohttp import web

from statuspage.routes import routes
from tests.statuspage import seeds
from tests.statuspage.seeds import NOW, ago
from tests.statuspage.test_pages import nasty_record, nasty_site

ATOM = "{http://www.w3.org/2005/Atom}"


async def test_the_atom_feed_has_stable_tag_ids_and_the_newest_word_first(see):
    sight = await see(seeds.trouble())
    feed = ET.fromstring(sight.pages.get("/feed.atom").body)
    entries = feed.findall(f"{ATOM}entry")
    assert entries[0].findtext(f"{ATOM}id") == "tag:status.example.com,2026-11-22:incident/inc-2026-4711"
    assert entries[0].find(f"{ATOM}link").get("href") == "https://status.example.com/incidents/inc-2026-4711"
    updated = [entry.findtext(f"{ATOM}updated") for entry in entries]
    assert updated == sorted(updated, reverse=True)
    assert updated[0] == "2026-11-22T12:54:09Z"
    assert feed.findtext(f"{ATOM}updated") >= updated[0]


async def test_the_rss_feed_holds_the_same_entries(see):
    sight = await see(seeds.trouble())
    items = ET.fromstring(sight.pages.get("/feed.rss").body).findall("channel/item")
    atom = ET.fromstring(sight.pages.get("/feed.atom").body).findall(f"{ATOM}entry")
    assert [item.findtext("guid") for item in items] == [entry.findtext(f"{ATOM}id") for entry in atom]
    assert parsedate_to_datetime(items[0].findtext("pubDate")) == ago(minutes=11).replace(microsecond=0)


async def test_feeds_and_calendar_speak_each_language_at_an_address_of_their_own(see, aiohttp_client):
    sight = await see(seeds.trouble(), seeds.SPOKEN)
    feed = ET.fromstring(sight.pages.get("/it/feed.atom").body)
    first = feed.find(f"{ATOM}entry")
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
    assert first.findtext(f"{ATOM}title") == "Calls through the European cloud fail (individuato)"
    assert "Interessa: Cloud PBX, Europe" in first.findtext(f"{ATOM}content")
    assert first.find(f"{ATOM}link").get("href") == "https://status.example.com/it/incidents/inc-2026-4711"
    ours = ET.fromstring(sight.pages.get("/feed.atom").body)
    assert feed.findtext(f"{ATOM}id") != ours.findtext(f"{ATOM}id")
    assert first.findtext(f"{ATOM}id") == ours.find(f"{ATOM}entry").findtext(f"{ATOM}id")
    channel = ET.fromstring(sight.pages.get("/de/feed.rss").body).find("channel")
    assert channel.findtext("language") == "de"
    assert any(item.findtext("title").startswith("Wartung: ") for item in channel.findall("item"))
    calendar = icalendar.Calendar.from_ical(sight.pages.get("/fr/maintenance.ics").body)
    assert str(calendar["x-wr-calname"]) == "Northwind Voice status: maintenance prévue"
    assert 'href="/it/feed.atom"' in sight.text("/it/")
    assert 'href="/feed.atom"' in sight.text("/")
    app = web.Application()
    app.add_routes(routes(sight.pages))
    got = await (await aiohttp_client(app)).get("/es/feed.rss")
    assert (got.status, got.content_type) == (200, "application/rss+xml")
    assert got.headers["Access-Control-Allow-Origin"] == "*"


async def test_feeds_stay_well_formed_and_inert_whatever_people_write(see):
    sight = await see(nasty_record(), nasty_site())
    for path, item, text in (
        ("/feed.atom", f"{ATOM}entry", f"{ATOM}content"),
        ("/feed.rss", "channel/item", "description"),
    ):
        for entry in ET.fromstring(sight.pages.get(path).body).findall(item):
            assert not any(bad in entry.findtext(text) for bad in ("<script", "<img", "<svg", "<a", "<math"))
    assert ET.fromstring(sight.pages.get("/badge.svg").body).tag.endswith("svg")


async def test_the_calendar_is_in_utc_and_keeps_a_cancelled_work_as_cancelled(see):
    engine = seeds.well()
    with engine.begin() as c:
        seeds.maintenance(
            c,
            "gone",
            "T",
            "",
            starts=ago(hours=-5),
            ends=ago(hours=-6),
            status="cancelled",
            components=("api",),
        )
    sight = await see(engine)
    events = icalendar.Calendar.from_ical(sight.pages.get("/maintenance.ics").body).walk("VEVENT")
    assert {str(event["UID"]): str(event["STATUS"]) for event in events} == {
        "mnt-1@status.example.com": "CONFIRMED",
        "mnt-done@status.example.com": "CONFIRMED",
        "gone@status.example.com": "CANCELLED",
    }
    assert all(not event.start.utcoffset() and event.start < event.end for event in events)
    one = icalendar.Calendar.from_ical(sight.pages.get("/maintenance/mnt-1.ics").body).walk("VEVENT")
    assert [event.start for event in one] == [NOW.replace(hour=22, minute=0, second=0, day=24)]


async def test_a_calendar_entry_cannot_forge_another(see):
    sight = await see(nasty_record(), nasty_site())
    events = icalendar.Calendar.from_ical(sight.pages.get("/maintenance.ics").body).walk("VEVENT")
    assert len(events) == 14
    assert "forged" not in {str(event["SUMMARY"]) for event in events}
