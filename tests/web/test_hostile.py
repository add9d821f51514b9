"""Text from outside is text, on every page; and the headers that stand behind that, on every answer."""

import html
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from monitor.storage import schema as t
from monitor.storage.people import Role
from monitor.web.render import safe_url
from tests.web.seeds import (
    NOW,
    a_check_state,
    a_clock,
    a_crash,
    a_finding,
    a_maintenance,
    a_policy,
    a_request,
    a_ticket,
    an_attempt,
    an_incident,
    an_outbox_row,
)

CORPUS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "' onmouseover='alert(1)", "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>", "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "{{ 7*7 }}{% raw %}", "${7*7}", "<!--", "]]>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<form action=//evil.example><button>", "&lt;script&gt;", "<style>*{display:none}</style>", "\u202e<b>", "<plaintext>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>", "<xmp><p title='</xmp><img src onerror=alert(1)>'>", "<link rel=stylesheet href=//evil.example>", "<object data=//evil.example>", '"autofocus onfocus=alert(1) x="',
]  # fmt: skip
OURS = {"a", "optgroup", "article", "aside", "blockquote", "body", "br", "button", "code", "datalist", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "head", "header", "html", "iframe", "img", "input", "kbd", "label", "legend", "li", "line", "link", "main", "meta", "nav", "noscript", "ol", "option", "p", "rect", "script", "section", "select", "small", "span", "strong", "summary", "svg", "table", "tbody", "td", "textarea", "th", "thead", "time", "title", "tr", "ul", "caption"}  # fmt: skip


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.scripts = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def poisoned(connection, bad):
    word = json.dumps({"word": bad, bad: [bad, {"x": bad}]})
    decision = {"policy": bad, "policy_version": bad, "class": bad, "clause": bad, "rule": bad, "reasons": [bad], "excluded_by": bad, "clock": [{"from": bad, "to": bad}], "contact": [{"channel": bad, "partner": bad, "to": bad, "language": bad, "reason": bad}], "referral": [bad]}  # fmt: skip
    an_incident(connection, title=bad, summary=bad, partner=bad, held_by=bad, acknowledged_by=bad, acknowledged_at=NOW, decision=json.dumps(decision), dossier=word, facts=word)  # fmt: skip
    an_incident(connection, "glo-1", title=bad, summary=bad, is_global=True, public_state="identified", components=json.dumps([bad]), impact=bad, component=bad, system=None)  # fmt: skip
    connection.execute(
        t.updates.insert().values(id="u", incident="glo-1", status=bad, body=bad, actor=bad, at=NOW)
    )
    connection.execute(
        t.events.insert().values(incident="inc-1", at=NOW, kind=bad, actor=bad, text=bad, data=word)
    )
    a_finding(connection, "inc-1", summary=bad, origin=bad)
    a_clock(connection, "inc-1", name=bad)
    an_outbox_row(
        connection, "inc-1", state="failed", reason=bad, recipient=bad, partner=bad, contact=bad, kind=bad
    )
    an_attempt(connection, "inc-1", "out-1", detail=bad, recipient=bad, contact=bad, provider_id=bad, history=json.dumps([bad, {bad: bad}]), driver=bad)  # fmt: skip
    a_ticket(connection, "inc-1", subject=bad, body=bad, url=bad, reference=bad, driver=bad, language=bad)
    connection.execute(t.ticket_notes.insert().values(ticket="tic-1", at=NOW, author=bad, text=bad))
    a_crash(connection, message=bad, signature=bad, process=bad, version=bad, outcome=bad)
    a_maintenance(connection, title=bad, body=bad, systems=json.dumps([bad]))
    a_check_state(connection, detail=bad)


def a_poisoned_request(connection, bad):
    """Put a request on record with hostile text in every column that takes text."""
    word = {"symptom": None, "fields": {"subject": bad, "message": bad, bad: bad}, "facts": {bad: bad}, "class": bad, "channel": "portal", "planned_start": None}  # fmt: skip
    judged = {"missing": ["subject", bad], "duties": [{"duty": bad, "due": None}], "reasons": [bad], "class": bad, "clause": bad, "calendar": bad, "referral": [bad], "charge": {"incidents": 1, "because": bad}, "in_support_hours": None}  # fmt: skip
    of = {"channel": bad, "partner": bad, "contact": bad, "email": bad, "system": bad, "class": bad, "clause": bad, "outcome": bad, "flagged": bad, "subject": bad, "queue": bad, "assignee": bad, "entered_by": bad, "related_to": bad, "policy": "wildix", "policy_version": bad, "policy_digest": a_policy().digest, "language": bad, "charge": 2}  # fmt: skip
    a_request(connection, request=json.dumps(word), judgement=json.dumps(judged), status="incomplete", **of)
    other = {"policy_digest": a_policy().digest, "subject": bad, "related": "req-1", "status": "waiting"}
    a_request(connection, "req-2", request=json.dumps(word), judgement=json.dumps(judged), **other)
    tables = t.metadata.tables

    def put(table, **values):
        connection.execute(tables[table].insert().values(request="req-1", **values))

    put("request_people", role=bad, contact=bad, email=bad)
    put("request_messages", id="msg-1", at=NOW, author=bad, side=bad, channel=bad, text=bad, internal=True)
    for number, message in enumerate(("msg-1", None)):
        put("attachments", id=f"att-{number}", message=message, name=bad, media_type=bad, size=1, digest="", note=bad, at=NOW)  # fmt: skip
    put("secrets", id="sec-1", kind=bad, found_in=bad, sealed=b"x", created_at=NOW)
    put("events", at=NOW, kind=bad, actor=bad, text=bad, data="{}")
    put("clocks", name=bad, party="customer", started_at=NOW, due=NOW, **{"class": bad})
    owed = {"kind": bad, "channel": bad, "partner": bad, "contact": bad, "recipient": bad, "language": bad, "reason": bad}  # fmt: skip
    put("outbox", id="out-9", dedup="d", state="failed", created_at=NOW, not_before=NOW, **owed)
    put("attempts", id="att-9", outbox="out-9", channel=bad, driver=bad, started_at=NOW, status="ended", result=bad, detail=bad, history="[]")  # fmt: skip
    put("appointments", id="apt-9", status="booked", technician=bad, starts_at=NOW, ends_at=NOW, created_at=NOW, updated_at=NOW)  # fmt: skip


ASKED = ["/noc/requests", "/noc/requests?status=any", "/noc/requests/req-1", "/noc/requests/req-2", "/noc/"]


@pytest.mark.parametrize("bad", [" ".join(CORPUS[first::5]) for first in range(5)])
async def test_hostile_text_in_a_request_makes_no_element_attribute_or_link(world, bad):
    await world.seed(a_poisoned_request, bad)
    csrf = await world.log_in(role=Role.LEAD)
    asked = [await world.client.get(path) for path in ASKED]
    assert [answer.status for answer in asked] == [200] * len(ASKED)
    pages = [await answer.text() for answer in asked]
    for name in ("q", "partner", "queue", "assignee"):
        pages.append(await (await world.client.get("/noc/requests", params={name: bad})).text())
    pages.append(await (await world.client.get("/noc/requests/new", params={"q": bad})).text())
    for path, fields in (
        ("/noc/requests/req-1/reply", {"text": bad, "kind": bad}),
        ("/noc/requests/req-1/class", {"cls": bad, "why": bad}),
        ("/noc/requests/req-1/triage", {"outcome": bad, "cls": bad, "text": bad}),
        ("/noc/requests/req-1/complete", {bad: bad}),
        ("/noc/requests/req-1/appointments", {"starts_at": bad, "technician": bad}),
        ("/noc/requests/req-1/pass-on", {"name": bad}),
        (
            "/noc/requests",
            {"partner": "aurora", "system": bad, "notes": bad, "field-subject": bad, "key": bad},
        ),
    ):
        answer = await world.client.post(path, data={"csrf": csrf, **fields})
        assert answer.status in (404, 409, 422), (path, answer.status)
        pages.append(await answer.text())
    assert bad in html.unescape(pages[2])
    for text in pages:
        is_only_text(text)


PAGES = ["/noc/", "/noc/board", "/noc/wall", "/noc/wall/board", "/noc/incidents", "/noc/incidents/inc-1", "/noc/incidents/glo-1", "/noc/problems", "/noc/problems/glo-1", "/noc/problems/glo-1?of=alike", "/noc/incidents/inc-1/call", "/noc/incidents/inc-1/escalate", "/noc/incidents/inc-1/ticket", "/noc/incidents/inc-1/resolve", "/noc/systems/PBX-1001", "/noc/checks", "/noc/crashes", "/noc/outbox", "/noc/deliveries", "/noc/deliveries/out-1", "/noc/tickets", "/noc/tickets/tic-1", "/noc/maintenance", "/noc/maintenance?view=week&by=partner&on=2026-11-26", "/noc/maintenance/mnt-1", "/noc/maintenance/mnt-1/cancel", "/noc/global/new", "/noc/partners", "/noc/partners/aurora", "/noc/policies/wildix", "/noc/audit"]  # fmt: skip


@pytest.mark.parametrize("bad", [" ".join(CORPUS[first::5]) for first in range(5)])
async def test_hostile_text_makes_no_element_attribute_or_link_on_any_page(world, bad):
    await world.seed(poisoned, bad)
    csrf = await world.log_in(role=Role.ADMIN)
    await world.client.post("/noc/login", data={"user": bad, "password": bad})
    asked = [await world.client.get(path) for path in PAGES]
    assert [answer.status for answer in asked] == [200] * len(PAGES)
    pages = [await answer.text() for answer in asked]
    echoed = await world.client.post("/noc/global", data={"csrf": csrf, "title": bad, "body": bad, "impact": bad, "state": bad, "components": bad, "attach": bad, "next_update_at": bad})  # fmt: skip
    planned = await world.client.post("/noc/maintenance", data={"csrf": csrf, "title": bad, "zone": bad, "systems": bad, "starts_at": bad})  # fmt: skip
    live = await world.client.post("/noc/maintenance/preview", data={"csrf": csrf, "title": bad, "body": bad, "zone": "UTC", "systems": "PBX-1001", "starts_at": "2026-11-26T09:30", "ends_at": "2026-11-26T10:00"})  # fmt: skip
    assert "1 system" in await live.text()
    search = await world.client.get("/noc/systems", params={"q": bad})
    pages += [await each.text() for each in (echoed, planned, search, live)]
    assert bad in html.unescape(pages[PAGES.index("/noc/incidents/inc-1")])
    for text in pages:
        is_only_text(text)


def is_only_text(page):
    """Nothing of a page is an element, attribute, script or link that is not ours."""
    seen = Elements()
    seen.feed(page)
    assert seen.tags <= OURS
    assert all((src or "").startswith("/noc/static/") for src in seen.scripts)
    for tag, name, value in seen.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style"
        if name == "srcdoc":  # a page of ours within a page, which runs nothing at all
            assert (tag, "<script" in value) == ("iframe", False)
            is_only_text(value)
        if name in ("href", "src", "action", "formaction"):
            assert value.startswith(("/", "#", "?")), (tag, name, value)


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://tickets.example/1", True),
        ("http://tickets.example/1", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("https:evil", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_an_address_from_outside_becomes_a_link_only_if_it_is_one(url, linked):
    assert (safe_url(url) is not None) is linked


def test_no_template_marks_text_as_safe_or_leaves_an_attribute_unquoted():
    templates = files("monitor.web").joinpath("templates")
    for template in (*templates.glob("*.html"), *templates.glob("*/*.html")):
        source = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", source), template.name
        assert not re.search(r"\s[a-z-]+=\{\{", source), template.name
        assert not re.search(r"\son\w+=|style=|<style|<script(?! src=)", source), template.name


EVERYWHERE = ["/livez", "/readyz", "/metrics", "/api/openapi.json", "/api/docs", "/api/v1/incidents", "/api/v1/nothing", "/noc/login", "/noc/", "/noc/nothing", "/noc/incidents/nope", "/nothing", "/noc/static/console.js", "/noc/static/..%2fsetup.py"]  # fmt: skip


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("logged_in", [True, False])
async def test_every_answer_carries_the_protecting_headers(world, path, logged_in):
    if logged_in:
        await world.log_in()
    answer = await world.client.get(path, allow_redirects=False)
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    csp = headers["Content-Security-Policy"]
    assert "default-src 'none'" in csp
    assert "script-src 'self';" in csp
    assert "unsafe" not in csp
    assert "frame-ancestors 'none'" in csp
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers
    if path.startswith(("/noc/", "/api/v1")) and "static/console" not in path:
        assert headers["Cache-Control"] == "no-store"


async def test_the_error_nobody_foresaw_shows_a_reference_and_nothing_else(world):
    from monitor.web.problems import problems

    async def broken(request):
        raise RuntimeError("secret-in-the-message")

    from aiohttp.test_utils import make_mocked_request

    answer = await problems(make_mocked_request("GET", "/api/v1/x"), broken)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"The log knows it as" in answer.body


async def test_a_name_that_no_database_can_be_asked_for_is_nobodys(world):
    await world.log_in()
    for path in ("/noc/deliveries/%00", "/noc/announcements/a%00", "/noc/incidents/%00", "/noc/tickets/%00"):
        assert (await world.client.get(path)).status == 404, path
    assert (await world.client.get("/noc/oncall/hand-over?of=%00")).status == 200


async def test_a_crash_in_the_pipeline_is_a_500_page_without_a_trace(world):
    async def broken(*args, **kw):
        raise RuntimeError("secret-in-the-message")

    await world.seed(an_incident)
    csrf = await world.log_in()
    world.pipeline.acknowledge = broken
    answer = await world.client.post("/noc/incidents/inc-1/acknowledge", data={"csrf": csrf})
    text = await answer.text()
    assert (answer.status, answer.content_type) == (500, "text/html")
    assert "The log knows it as" in text
    assert "Back to the board" in text
    assert "secret" not in text
    assert "Traceback" not in text
