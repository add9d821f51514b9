import gzip
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import brotli
import pytest

from monitor.domain.inventory import Component
from tests.statuspage import seeds
from tests.statuspage.seeds import CANARIES, NOW, SITE, ago

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "javascript:alert(1)",
    '<a href="javascript:alert(1)">x</a>',
    "</title><script>alert(1)</script>",
    "</textarea></style></svg><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--<img src=--><img src=x onerror=alert(1)>",
    '<math><mi//xlink:href="data:x,<script>alert(1)</script>">',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\x00\x1b[31m\u202egnp.exe\ud800",
    "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "END:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:forged",
)  # fmt: skip
VOID = {"meta", "link", "img", "br", "rect", "use", "path"}
TAGS = VOID | {
    "html", "head", "title", "body", "a", "header", "nav", "main", "section", "article", "footer", "p", "span", "h1",
    "h2", "h3", "h4", "ol", "ul", "li", "dl", "dt", "dd", "div", "details", "summary", "strong", "time", "svg", "defs",
    "pattern", "g", "code", "table", "thead", "tbody", "tr", "th", "td", "button", "script", "pre",
}  # fmt: skip


class Anatomy(HTMLParser):
    """What a page is made of, and whether its tags pair up."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.links, self.ids, self.open, self.words = set(), set(), [], [], [], ""
        self.scripts = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.scripts += [attrs] if tag == "script" else []
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID or (tag == "rect" and f"<{tag}" not in self.get_starttag_text()):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data + " "


def nasty_site():
    parts = tuple(
        Component(id=f"c{n}", name=text, group=text, description=text) for n, text in enumerate(NASTY)
    )
    return replace(SITE, components=parts, title=NASTY[0], description=NASTY[1], contact=NASTY[4])


def nasty_record():
    engine = seeds.database()
    with engine.begin() as c:
        seeds.looked(c, NOW)
        for n, text in enumerate(NASTY):
            safe = text.encode("utf-8", "replace").decode()  # the database refuses lone surrogates
            seeds.problem(
                c, f"i{n}", safe, [("identified", safe, ago(minutes=5), None), ("identified", safe, ago(minutes=3), None)],
                opened=ago(minutes=9), components=(f"c{n}",),
            )  # fmt: skip
            seeds.maintenance(
                c,
                f"m{n}",
                safe,
                safe,
                starts=ago(hours=-n),
                ends=ago(hours=-n - 1),
                zone=safe,
                components=(f"c{n}",),
            )
    return engine


async def test_no_text_becomes_markup_on_any_page(see):
    sight = await see(nasty_record(), nasty_site())
    for path in sight.pages.paths():
        page = sight.pages.get(path)
        if page.type.startswith("text/html"):
            seen = Anatomy(page.body.decode())
            assert seen.tags <= TAGS, path
            assert seen.scripts == [[("defer", None), ("src", "/static/page.js")]], path
            assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}, path
            assert all(re.match(r"(/|#)", link) for link in seen.links), path
            assert not re.search("[\x00-\x08\u202e\ud800]", page.body.decode()), path
    assert "{{ 7 * 7 }}" in Anatomy(sight.text("/incidents/i7")).words


@pytest.mark.parametrize("state", sorted(seeds.STATES))
async def test_every_page_is_well_formed_and_can_be_heard(see, state):
    sight = await see(seeds.STATES[state]())
    for path in sight.pages.paths():
        if not sight.pages.get(path).type.startswith("text/html"):
            continue
        text = sight.text(path)
        seen = Anatomy(text)
        assert seen.open == [], path
        assert len(seen.ids) == len(set(seen.ids)), path
        assert '<html lang="en">' in text
        assert text.count("<h1") == 1, path
        assert {"header", "nav", "main", "footer"} <= seen.tags
        for link in seen.links:
            bare, _, place = link.partition("#")
            assert not bare or sight.pages.get(bare), f"{path} points to {link}"
            target = sight.text(bare) if bare else text
            assert not place or re.search(rf'id="?{place}\b', target), f"{path} points to {link}"


async def test_no_customer_s_name_is_in_anything_public(see):
    sight = await see(seeds.trouble())
    with sight.engine.begin() as c:
        hidden = {"opened": ago(minutes=9), "components": ("portal",)}
        seeds.problem(
            c, "own", CANARIES[1], [("identified", CANARIES[3], NOW, None)], is_global=False, **hidden
        )
        seeds.problem(
            c, "draft", CANARIES[1], [("identified", CANARIES[3], NOW, None)], public=False, **hidden
        )
        seeds.maintenance(c, "private", CANARIES[1], CANARIES[0], starts=ago(hours=1), ends=NOW, public=False)
    await sight.pages.refresh()
    everything = b"".join(sight.pages.get(path).body for path in sight.pages.paths())
    assert not [name for name in (*CANARIES, "CANARY", "canary") if name.encode() in everything]


async def test_the_banner_tells_what_is_broken_since_when_what_is_done_and_when_next_word_comes(see):
    words = re.sub(r"\s+", " ", Anatomy((await see(seeds.trouble())).text("/")).words)
    banner = words[words.index("Critical impact") : words.index("Earlier updates")]
    for said in ("Calls through the European cloud fail", "Since 13:18 CET", "47 min so far", "Cause found, fix under way",
                 "Next update by 14:23 CET", "in 18 min", "Cloud PBX, Europe; SIP trunks, Europe"):  # fmt: skip
        assert said in banner, banner


async def test_the_banner_names_the_other_problems_and_owns_up_to_what_nobody_has_looked_at(see):
    front = (await see(seeds.full())).text("/")
    banner = front[front.index('class="banner') : front.index("</section>")]
    assert "4 more open problems:" in banner
    assert [f'href="#p{n}"' in banner and f'id="p{n}"' in front for n in (1, 2, 3)] == [True] * 3
    assert "and 1 more, below" in banner
    engine = seeds.well()
    with engine.begin() as c:
        seeds.state(c, "api", "major_outage", ago(minutes=1))
    unsaid = (await see(engine)).text("/")
    assert "Our checks see this." in unsaid
    assert "Our checks see this." not in (await see(seeds.stale())).text("/")


async def test_a_late_update_is_owned_up_to(see):
    sight = await see(seeds.trouble())
    sight.now += timedelta(minutes=20)
    await sight.pages.refresh()
    assert "overdue" in sight.text("/")
    assert "overdue" in sight.text("/incidents/inc-2026-4711")


async def test_stale_data_is_never_green_anywhere(see):
    sight = await see(seeds.stale())
    for path in sight.pages.paths():
        assert "All Systems Operational" not in sight.text(path), path
    assert "Status unknown: our own data is 12 minutes old" in sight.text("/")
    assert "Status unknown" in sight.text("/badge.svg")


async def test_data_ages_by_itself_when_only_the_clock_moves(see):
    sight = await see(seeds.well())
    assert "All Systems Operational" in sight.text("/")
    sight.now += timedelta(minutes=6)
    await sight.pages.refresh()
    assert "All Systems Operational" not in sight.text("/")


async def test_pages_tell_their_age_while_the_record_cannot_be_read(see):
    sight = await see(seeds.well())

    async def broken():
        raise OSError("the database is away")

    sight.pages._load = broken
    sight.now += timedelta(minutes=6)
    with pytest.raises(OSError, match="away"):
        await sight.pages.refresh()
    assert "our own data is 6 minutes old" in sight.text("/")


async def test_the_engine_s_own_freshness_counts_where_there_are_no_checks(see):
    engine = seeds.database()
    with engine.begin() as c:
        seeds.past(c, faults=0)
    assert "All Systems Operational" in (await see(engine, freshness=lambda: ago(seconds=3))).text("/")
    assert "nothing has been looked at yet" in (await see(engine)).text("/")


async def test_only_what_changed_gets_a_new_page(see):
    sight = await see(seeds.trouble())
    before = {path: sight.pages.get(path) for path in sight.pages.paths()}
    sight.now += timedelta(seconds=20)
    await sight.pages.refresh()
    same = {path for path in before if sight.pages.get(path) is before[path]}
    assert {
        "/history",
        "/incidents/inc-past-1",
        "/feed.atom",
        "/api/v2/incidents.json",
        "/maintenance.ics",
    } <= same


@pytest.mark.parametrize(
    ("parts", "faults", "unwell", "linked", "drawn"),
    [(10, 12, 0, 12, 12), (40, 2, 1, 46, 46), (40, 12, 0, 0, 47), (100, 3, 0, 0, 17), (100, 12, 100, 0, 0)],
    ids=[
        "ten",
        "forty, two faults each",
        "forty, twelve each",
        "a hundred",
        "a hundred and all of them unwell",
    ],
)
async def test_every_page_is_under_sixty_kilobytes_whatever_happened(
    see, parts, faults, unwell, linked, drawn
):
    services = tuple(
        Component(id=f"c{n}", name=f"Service number {n}", group=f"Group {n // 6}") for n in range(parts)
    )
    engine = seeds.database()
    with engine.begin() as c:
        seeds.looked(c, NOW)
        seeds.faulty(c, services, faults)
        seeds.history(c)
        for service in services[:unwell]:
            seeds.state(c, service.id, "partial_outage", ago(minutes=5))
    sight = await see(engine, replace(SITE, components=services))
    await sight.pages.refresh()
    for path in sight.pages.paths():
        page = sight.pages.get(path)
        if page.type.startswith("text/html"):
            assert len(page.body) < 60_000, path
            assert Anatomy(page.body.decode()).open == [], path
            assert gzip.decompress(page.packed["gzip"]) == brotli.decompress(page.packed["br"]) == page.body
    front = sight.text("/")
    assert front.count("Service number") >= parts, "every service is named"
    assert front.count('<div class="chart">') == drawn
    assert front.count("<use href=#b") == linked


async def test_a_new_installation_says_so(see):
    sight = await see(seeds.database(), replace(SITE, components=()))
    assert "Nothing is watched yet" in sight.text("/")
    assert "No components are configured yet" in sight.text("/")
