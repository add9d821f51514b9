"""The portal's pages with hostile text in everything that is stored, and in a real browser."""

import html
import json

import pytest
import pytest_asyncio

from monitor.casework import Reply
from monitor.storage import schema as s
from monitor.storage import schema_requests as t
from monitor.storage.people import Role
from monitor.web.parts import PARTS
from tests.browser import a_page
from tests.web.conftest import PASSWORD, a_world
from tests.web.seeds import NOW, a_clock, a_maintenance, a_ticket, an_attempt, an_incident, an_outbox_row
from tests.web.test_browser import WIDTH
from tests.web.test_hostile import CORPUS, OURS, Elements

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
SAME = {"Sec-Fetch-Site": "same-origin"}
PAGES = ["/portal/", "/portal/systems", "/portal/systems/PBX-1001", "/portal/cases", "/portal/cases/inc-9", "/portal/requests", "/portal/requests/R-00001", "/portal/requests/R-00002", "/portal/requests/new?related=R-00002", "/portal/maintenance", "/portal/contacts", "/portal/contacts/aurora-1", "/portal/licences", "/portal/users", "/portal/account", "/portal/news", "/portal/systems/new", "/portal/systems/PBX-1001/edit"]  # fmt: skip
TAGS = OURS | {"textarea", "fieldset", "ol", "h2", "svg", "defs", "pattern", "g", "use", "rect", "path"}


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made


def poisoned(connection, bad):
    """Put hostile text into everything that the portal shows of requests and of announced work."""
    reasons = [bad, f"missing: {bad}"]
    judgement = {"reasons": reasons, "duties": [{"duty": bad, "due": None}], "charge": {"incidents": 1, "because": bad}}  # fmt: skip
    request = {
        "channel": "portal",
        "fields": {bad: bad, "subject": bad, "message": bad},
        "contact": "aurora-1",
    }
    for number, status in enumerate(("open", "closed"), 1):
        id_ = f"req-{number}"
        row = {
            "id": id_, "policy": "wildix", "policy_version": bad, "policy_digest": "", "channel": bad, "partner": "aurora", "contact": "aurora-1",
            "system": bad, "class": bad, "clause": bad, "status": status, "subject": bad, "reply_key": "k", "request": json.dumps(request),
            "judgement": json.dumps(judgement), "charge": 1, "received_at": NOW, "responded_at": NOW, "email": bad, "related": "req-1" if number == 2 else None,
        }  # fmt: skip
        connection.execute(t.requests.insert().values(row))
        connection.execute(t.request_people.insert(), [{"request": id_, "role": "requester", "contact": "aurora-1", "email": None}, {"request": id_, "role": "copied", "contact": None, "email": bad}])  # fmt: skip
        connection.execute(t.request_messages.insert(), [{"id": f"m-{number}-{side}", "request": id_, "at": NOW, "author": bad, "side": side, "internal": False, "text": bad} for side in ("customer", "support")])  # fmt: skip
        connection.execute(t.attachments.insert().values(id=f"a-{number}", request=id_, message=f"m-{number}-customer", name=bad, media_type="text/html", size=3, digest="", content=b"<b>", note=bad, at=NOW))  # fmt: skip
        connection.execute(t.appointments.insert().values(id=f"p-{number}", request=id_, status="booked", technician=bad, starts_at=NOW, ends_at=NOW, created_at=NOW, updated_at=NOW))  # fmt: skip
        for party in ("us", "customer"):
            connection.execute(s.clocks.insert().values({"request": id_, "name": f"{bad}{party}", "class": bad, "party": party, "started_at": NOW, "due": NOW}))  # fmt: skip
    an_incident(
        connection,
        "inc-9",
        title=bad,
        summary=bad,
        symptom=bad,
        policy_version=bad,
        owner=bad,
        owner_party="partner",
        acknowledged_by=bad,
        **{"class": bad},
    )
    an_outbox_row(connection, "inc-9", "out-9")
    an_attempt(
        connection,
        "inc-9",
        "out-9",
        channel=bad,
        contact=bad,
        recipient=bad,
        detail=bad,
        result="acknowledged",
    )
    a_ticket(connection, "inc-9", reference=bad, url="javascript:alert(1)", subject=bad, body=bad)
    a_clock(connection, "inc-9", name=bad, **{"class": bad})
    connection.execute(
        s.schema_announced.incident_mails.insert().values(
            incident="inc-9", partner="aurora", contact=bad, sender=bad, dedup="d", body=bad, at=NOW
        )
    )
    a_maintenance(connection, title=bad, body=bad, systems=json.dumps([bad]), partner="aurora", public=False, late=True)  # fmt: skip


@pytest.mark.parametrize("bad", ["".join(CORPUS[n::5]) for n in range(5)], ids=range(5))
async def test_hostile_text_makes_no_element_attribute_or_link_on_any_page_of_the_portal(world, bad):
    await world.seed(poisoned, bad)
    csrf = await world.log_in("anna", Role.PARTNER_ADMIN)
    pages = []
    for path in PAGES:
        answer = await world.client.get(path)
        assert answer.status == 200, path
        pages.append(await answer.text())
    typed = dict.fromkeys(("subject", "message", "copied", "symptom", "priority", "related_case", "key", "planned_start"), bad)  # fmt: skip
    for path, form in (
        ("/portal/requests", typed),
        ("/portal/requests/R-00001/messages", {"key": bad}),
        ("/portal/cases/inc-9/reply", {"key": bad, "text": ""}),
        ("/portal/maintenance", {"title": bad, "body": bad, "systems": bad, "starts_at": bad}),
        ("/portal/contacts/aurora-1", {"name": "", "phone": bad, "email": bad, "languages": bad}),
    ):
        answer = await world.client.post(path, data={"csrf": csrf, **form}, headers=SAME)
        assert answer.status == 422, path
        pages.append(await answer.text())
    pages += [await (await world.client.get("/portal/requests", params={"q": bad})).text()]
    pages += [await (await world.client.get("/portal/requests/new", params={"system": bad, "related": bad})).text()]  # fmt: skip
    assert bad in html.unescape(pages[PAGES.index("/portal/requests/R-00001")])
    for text in pages:
        seen = Elements()
        seen.feed(text)
        assert seen.tags <= TAGS, seen.tags - TAGS
        assert all(src and src.startswith("/noc/static/") for src in seen.scripts), seen.scripts
        for tag, name, value in seen.attributes:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("style", "srcdoc")
            if name in ("href", "src", "action", "formaction"):
                assert value.startswith(("/", "#", "?")), (tag, name, value)


async def test_a_file_is_only_ever_saved(world):
    await world.seed(poisoned, "<script>alert(1)</script>")
    await world.log_in("anna", Role.PARTNER_ADMIN)
    answer = await world.client.get("/portal/requests/R-00001/attachments/a-1")
    assert (answer.status, answer.content_type) == (200, "application/octet-stream")
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page(world, chromium):
    await world.user("anna", Role.PARTNER_ADMIN)
    async with a_page(chromium) as page:
        page.at = lambda path: str(world.client.make_url(path))
        await page.goto(page.at("/portal/requests"))
        await page.fill("#user", "anna")
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/portal/requests")
        yield page


async def test_a_partner_files_a_request_mends_it_replies_and_sees_the_answer(world, browser_page, tmp_path):
    page, (trace, trouble) = browser_page, (tmp_path / "trace.txt", browser_page.trouble)
    trace.write_text("INVITE sip:100@pbx")
    await page.goto(page.at("/portal/requests/new"))
    await page.fill("#subject", "No audio")
    await page.fill("#message", "Callers hear nothing.")
    await page.fill("#copied", "nobody in particular")
    await page.click("text=Send the request")
    assert await page.locator("#fault-copied").inner_text() == "nobody is no mail address."
    assert await page.input_value("#message") == "Callers hear nothing."
    trouble.remove(next(said for said in trouble if "422" in said))  # the browser's own note of the status
    await page.fill("#copied", "carlo@aurora.example")
    await page.set_input_files("#attachments", trace)
    await page.click("text=Send the request")
    await page.wait_for_url("**/portal/requests/R-00001")
    async with page.expect_download() as saved:
        await page.click("text=trace.txt")
    assert (await (await saved.value).path()).read_text() == "INVITE sip:100@pbx"
    await page.fill("#text", "It began at nine.")
    await page.click("text=Send")
    await page.wait_for_selector("text=It began at nine.")
    work = world.app[PARTS].casework
    (case,) = await world.store.read(lambda c: [row.id for row in c.execute(t.requests.select())])
    await work.reply(case, Reply(text="A cable was loose."), actor="nadia")
    await page.reload()
    assert await page.locator("text=A cable was loose.").is_visible()
    assert await page.locator("text=In progress").is_visible()
    assert trouble == []


async def test_hostile_text_runs_nothing_in_the_portal(world, browser_page):
    await world.seed(poisoned, " ".join(CORPUS))
    for path in PAGES:
        await browser_page.goto(browser_page.at(path))
    assert browser_page.trouble == []


async def test_no_page_of_the_portal_is_wider_than_the_screen(world, browser_page):
    await world.seed(poisoned, "Donaudampfschifffahrtsgesellschaftskapitän" * 5)
    for path in PAGES:
        await browser_page.goto(browser_page.at(path))
        for width in (360, 1440):
            await browser_page.set_viewport_size({"width": width, "height": 900})
            assert await browser_page.evaluate(WIDTH) <= width, (path, width)
