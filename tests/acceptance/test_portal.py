"""The portal over HTTP: what each person of a customer's sees, files, mends and reads, and what nobody else does."""

import html
import io
import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import aiohttp
import argon2
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor.casework import Reply
from monitor.domain.appointments import Appointment
from monitor.domain.request_life import Outcome
from monitor.storage import appointments, people, schema
from monitor.storage.people import Role
from monitor.web import actions
from monitor.web.accounts import Passwords
from tests.acceptance.desks import DESK, PLM_FIELDS, TUESDAY_AT_TEN, a_file, a_filing
from tests.acceptance.test_people import CONFIGURATION as ACME
from tests.acceptance.world import MovableClock, a_world
from tests.factories import an_id

PASSWORD = "correct horse battery"
QUICK_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICK = QUICK_HASHER.hash(PASSWORD)
COMPLETE = {"subject": "No audio", "message": "Callers hear nothing.", "system": "PBX-1"}
OURS = {"Sec-Fetch-Site": "same-origin"}


class Visitor:
    """A browser without JavaScript: it keeps cookies and fills in the forms it is shown."""

    def __init__(self, client):
        self.client, self.text, self.status = client, "", 0

    async def get(self, path):
        return await self._took(await self.client.get(path))

    async def post(self, path, fields=None, files=(), **hidden):
        """Send the form shown last: its hidden fields as they are, unless said otherwise."""
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in {**self.hidden(), **(fields or {}), **hidden}.items():
            form.add_field(name, value)
        for name, content in files:
            form.add_field("attachments", io.BytesIO(content), filename=name, content_type="text/plain")
        return await self._took(await self.client.post(path, data=form, headers=OURS))

    async def _took(self, answer):
        self.status, self.path = answer.status, answer.url.path
        self.text = (
            html.unescape(await answer.text()) if "html" in answer.content_type else await answer.text()
        )
        return self

    def hidden(self):
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.text))

    def fault(self, name):
        found = re.search(rf'id="fault-{name}">([^<]*)<', self.text)
        return found and found.group(1)

    def typed(self, name):
        found = re.search(rf'id="{name}"[^>]*?value="([^"]*)"', self.text)
        return found and found.group(1)

    def asked(self):
        return re.findall(r'<label for="(\w+)"', self.text)


@asynccontextmanager
async def a_portal(folder, database, *, at=TUESDAY_AT_TEN, configuration=DESK):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            a_world(folder, database, clock=MovableClock(at), configuration=configuration)
        )
        stack.callback(world.service.web[actions.PASSWORDS].close)
        world.service.web[actions.PASSWORDS] = Passwords(
            QUICK_HASHER
        )  # else each log-in hashes for a third of a second
        server = TestServer(world.service.web)
        await server.start_server()
        stack.push_async_callback(server.close)

        async def visitor(name=None, *, role=Role.PARTNER_ADMIN, face="portal"):
            client = await stack.enter_async_context(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
            made = Visitor(client)
            if name:
                await world.service.store.write(
                    people.create_user,
                    id=an_id(),
                    name=name,
                    password_hash=QUICK,
                    role=role,
                    now=world.clock(),
                    contact=name if role in people.PARTNERS else None,
                )
                form = {"user": name, "password": PASSWORD}
                await made._took(await client.post(f"/{face}/login", data=form, headers=OURS))
            return made

        world.visitor = visitor
        yield world


@pytest.fixture
async def world(tmp_path):
    async with a_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as made:
        yield made


@pytest.fixture
async def either(tmp_path, database_url):
    """Give a story that touches storage's own questions each of the databases."""
    async with a_portal(tmp_path, database_url) as made:
        yield made


async def the_request(world):
    (one,) = await world.rows("requests")
    return one


# log in -----------------------------------------------------------------------------------------------------


async def test_each_lands_where_they_belong_whichever_log_in_they_use(world):
    giulia = await world.visitor("giulia", face="noc")
    assert (giulia.status, giulia.path) == (200, "/portal/")
    nora = await world.visitor("nora", role=Role.NOC)
    assert (nora.status, nora.path) == (200, "/portal/login")
    assert "one of our own people" in nora.text
    assert (await nora.get("/noc/")).status == 200
    assert (await nora.get("/portal/")).status == 403
    assert "for our customers' people" in nora.text


async def test_a_log_in_leads_back_to_the_page_that_was_wanted_and_nowhere_else(world):
    marco = await world.visitor("marco")
    await marco.get("/portal/login?next=//evil.example/portal/")
    assert marco.path == "/portal/"
    await marco.get("/portal/login?next=/portal/requests?status=open")
    assert (marco.status, marco.path) == (200, "/portal/requests")


async def test_a_log_out_ends_the_session(world):
    giulia = await world.visitor("giulia")
    await giulia.post("/portal/logout")
    assert (giulia.status, giulia.path) == (200, "/portal/login")
    assert (await giulia.get("/portal/")).path == "/portal/login"


# file -------------------------------------------------------------------------------------------------------


async def test_e3_the_form_asks_the_policys_fields_first_in_its_order_and_in_the_persons_language(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    assert giulia.asked()[:4] == ["subject", "message", "system", "product"]
    assert '<span lang="it">Oggetto</span>' in giulia.text
    astrid = await (await world.visitor("astrid")).get("/portal/requests/new")
    assert astrid.asked()[:7] == list(PLM_FIELDS)
    assert '<span lang="da">' in astrid.text
    assert (astrid.typed("contact_name"), astrid.typed("contact_email")) == (
        "Astrid Holm",
        "astrid@fjord.example",
    )


async def test_w9_what_is_missing_is_shown_at_its_field_with_everything_typed_kept_and_mended(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post(
        "/portal/requests", {"subject": "No audio", "message": "Nothing is heard.", "copied": "x@y.example"}
    )
    assert giulia.status == 422
    assert giulia.fault("system") == "This is missing."
    assert (giulia.typed("subject"), giulia.typed("copied")) == ("No audio", "x@y.example")
    assert ">\nNothing is heard.</textarea>" in giulia.text
    assert await world.rows("requests") == []
    await giulia.post("/portal/requests", COMPLETE | {"symptom": "question"}, [("trace.txt", b"INVITE")])
    assert (giulia.status, giulia.path) == (200, "/portal/requests/R-00001")
    assert "Your request is filed." in giulia.text
    assert "We answer by" in giulia.text
    assert "Tue 24 Nov 2026, 18:00" in giulia.text
    assert "trace.txt" in giulia.text
    row = await the_request(world)
    assert (row["channel"], row["contact"], row["class"], row["status"]) == (
        "portal",
        "giulia",
        "standard",
        "open",
    )


async def test_a_form_sent_twice_is_one_request(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    hidden = giulia.hidden()
    for _ in range(2):
        await giulia.post("/portal/requests", COMPLETE, **hidden)
        assert giulia.path == "/portal/requests/R-00001"
    assert "filed already" in giulia.text
    assert len(await world.rows("requests")) == 1


async def test_e3_a_channel_that_the_policy_does_not_list_is_answered_with_the_way_in(world):
    lee = await (await world.visitor("lee")).get("/portal/requests/new")
    assert "by email to the listed address" in lee.text
    assert "section Issue Request Procedures" in lee.text
    assert "Send the request" not in lee.text
    hidden = (await lee.get("/portal/")).hidden()
    await lee.post("/portal/requests", {"description": "It stops."}, **hidden)
    assert lee.status == 422
    assert await world.rows("requests") == []


async def test_p3_what_is_no_support_is_answered_with_its_clause_and_kept_in_the_form(world):
    astrid = await (await world.visitor("astrid")).get("/portal/requests/new")
    fields = {**PLM_FIELDS, "english_ok": "yes", "inquiry_type": "installation", "product_version": "2026"}
    await astrid.post("/portal/requests", fields)
    assert astrid.status == 422
    assert "paid consultancy" in astrid.text
    assert "(section 3)" in astrid.text
    assert astrid.typed("inquiry_type") == "installation"
    assert await world.rows("requests") == []


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("system", "PBX-4", "You have no system of this name."),
        ("system", "nothing", "You have no system of this name."),
        ("copied", "not an address", "not is no mail address."),
        ("copied", ",".join(f"a{n}@b.example" for n in range(21)), "At most 20 addresses."),
        ("symptom", "whatever", "Choose one of the list."),
    ],
    ids=["somebody else's system", "no system", "no address", "too many addresses", "no symptom"],
)
async def test_what_cannot_be_read_is_told_at_its_field_and_files_nothing(world, name, value, fault):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post("/portal/requests", COMPLETE | {name: value})
    assert giulia.status == 422
    assert giulia.fault(name) == fault
    assert "PBX-4" not in re.sub(r"<option selected>[^<]*</option>", "", giulia.text)
    assert await world.rows("requests") == []


async def test_a_file_that_is_too_large_is_told_at_its_field(world, monkeypatch):
    from monitor.web import portal_input

    monkeypatch.setattr(portal_input, "LARGEST_FILE", 2**20)
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post("/portal/requests", COMPLETE, [("big.bin", b"x" * (2**20 + 1))])
    assert giulia.status == 422
    assert giulia.fault("attachments") == "big.bin is larger than 1 MiB."
    assert giulia.typed("subject") == "No audio"


async def test_a_form_that_is_far_too_large_is_refused_before_it_is_looked_into(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post("/portal/requests", {f"message{n}": "x" * 90_000 for n in range(6)})
    assert giulia.status == 413
    await giulia.get("/portal/requests/new")
    await giulia.post("/portal/requests", COMPLETE | {"message": "x" * 100_001})
    assert (giulia.status, giulia.fault("message")) == (422, "This is too long: at most 100000 characters.")
    assert await world.rows("requests") == []


async def test_a_form_of_another_session_or_site_files_nothing(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post("/portal/requests", COMPLETE, csrf="made up")
    assert giulia.status == 403
    answer = await giulia.client.post(
        "/portal/requests", data={**COMPLETE, **giulia.hidden()}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status == 403
    assert await world.rows("requests") == []


async def test_w9_a_password_is_in_no_page_and_no_row(world, tmp_path):
    secret = "Tr0ub4dor&3xyz"
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    message = f"Callers hear nothing.\nThe password is {secret}"
    await giulia.post("/portal/requests", {"subject": "No audio", "message": message})
    assert giulia.status == 422
    assert secret not in giulia.text
    assert "looks like a password was left out" in giulia.text
    await giulia.post("/portal/requests", COMPLETE | {"message": message})
    assert giulia.path == "/portal/requests/R-00001"
    assert secret not in giulia.text
    assert "taken out of the request" in giulia.text
    await giulia.post("/portal/requests/R-00001/messages", {"text": f"Again, the password is {secret}"})
    assert secret not in giulia.text
    for table in schema.metadata.tables:
        assert secret not in repr(await world.rows(table)), table


# read and write ---------------------------------------------------------------------------------------------


async def test_a_request_is_followed_to_its_end_and_goes_on_as_a_new_one(world):
    giulia = await (await world.visitor("giulia")).get("/portal/requests/new")
    await giulia.post("/portal/requests", COMPLETE | {"symptom": "question"})
    id_ = (await the_request(world))["id"]
    desk, work = world.service.desk, world.service.casework
    await work.reply(
        id_,
        Reply(text="They pay late, be careful.", internal=True, attachments=(a_file("note.txt"),)),
        actor="nadia",
    )
    await work.reply(id_, Reply(text="Which phone is it?", wait=True), actor="nadia")
    await giulia.get(f"/portal/requests/{id_}")
    assert "Which phone is it?" in giulia.text
    assert "be careful" not in giulia.text
    assert "note.txt" not in giulia.text
    assert "Waiting for you" in giulia.text
    assert "Answer our question" in (await giulia.get("/portal/")).text
    await giulia.get(f"/portal/requests/{id_}")
    await giulia.post(
        f"/portal/requests/{id_}/messages", {"text": "The one in the hall."}, [("hall.txt", b"100")]
    )
    assert "The one in the hall." in giulia.text
    assert "In progress" in giulia.text
    await work.close(id_, actor="nadia", text="It was unplugged.")
    await giulia.get(f"/portal/requests/{id_}")
    assert "It was unplugged." in giulia.text
    assert 'name="text"' not in giulia.text
    assert "/portal/requests/new?related=R-00001&system=PBX-1" in giulia.text
    await giulia.get("/portal/requests/new?related=R-00001&system=PBX-1")
    assert giulia.typed("related_case") == "R-00001"
    assert "It goes on from" in giulia.text
    await giulia.post("/portal/requests", COMPLETE | {"related_case": "R-00001"})
    rows = await world.rows("requests")
    assert [(row["status"], row["related"]) for row in rows] == [("closed", None), ("open", id_)]
    assert desk is not None


async def test_w10_a_reply_typed_while_the_request_was_closed_is_not_taken_and_not_an_error(world):
    filed = await world.service.desk.file(a_filing())
    giulia = await (await world.visitor("giulia")).get(f"/portal/requests/{filed.id}")
    hidden = giulia.hidden()
    await world.service.casework.close(filed.id, actor="nadia", text="Done.")
    await giulia.post(f"/portal/requests/{filed.id}/messages", {"text": "One more."}, **hidden)
    assert giulia.status == 200
    assert "takes no reply" in giulia.text
    assert [row["text"] for row in await world.rows("request_messages")] == ["Done."]


async def test_p7_what_was_missing_of_a_call_is_completed_on_its_page(world):
    short = {"contact_name": "Astrid Holm", "description": "It does not start."}
    filed = await world.service.desk.file(
        a_filing(channel="phone", contact="astrid", fields=short, entered_by="nadia")
    )
    astrid = await (await world.visitor("astrid")).get(f"/portal/requests/{filed.id}")
    assert "Incomplete" in astrid.text
    wanted = [name for name in PLM_FIELDS if name not in short]
    assert [name for name in astrid.asked() if name in PLM_FIELDS] == wanted
    some = {name: "yes" if name == "english_ok" else str(PLM_FIELDS[name]) for name in wanted}
    await astrid.post(f"/portal/requests/{filed.id}/messages", {**some, "service_pack": " "})
    assert astrid.status == 422
    assert astrid.fault("service_pack") == "This is missing."
    assert astrid.typed("product_version") == "2026"
    await astrid.post(f"/portal/requests/{filed.id}/messages", some)
    assert "nothing is missing any more" in astrid.text
    assert (await the_request(world))["status"] == "open"


async def test_h2_an_appointment_is_shown_on_their_own_clock_and_goes_into_their_calendar(world):
    filed = await world.service.desk.file(a_filing(contact="mia", fields={"description": "A new server."}))
    starts = TUESDAY_AT_TEN + timedelta(hours=6)
    await world.service.store.write(
        appointments.book,
        Appointment(
            id="apt-1", request=filed.id, technician="nadia", starts_at=starts, ends_at=starts + timedelta(hours=1),
            created_at=world.clock(), updated_at=world.clock(),
        ),
    )  # fmt: skip
    mia = await (await world.visitor("mia")).get(f"/portal/requests/{filed.id}")
    assert "Tue 24 Nov 2026, 10:00" in mia.text
    answer = await mia.client.get("/portal/requests/R-00001/appointments/apt-1.ics")
    assert answer.content_type == "text/calendar"
    assert b"DTSTART;TZID=America/New_York:20261124T100000" in await answer.read()
    assert (await mia.get("/portal/requests/R-00001/appointments/apt-2.ics")).status == 404


async def test_the_overview_says_how_the_systems_are_and_what_is_open(world):
    await world.fails("pbx-1-sip")
    await world.service.desk.file(a_filing(symptom="question"))
    giulia = await (await world.visitor("giulia")).get("/portal/")
    seen = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", giulia.text))
    assert re.search(r"Aurora headquarters PBX-1 .{,90}Fault since Tue 24 Nov 2026, 10:01", seen)
    assert "It cannot be reached Found PBX-1 Critical since Tue 24 Nov 2026, 10:01" in seen
    assert "Birch main" not in seen
    assert "No audio Received R-00001 Standard" in seen
    assert "We answer by Tue 24 Nov 2026, 18:00" in seen


BRONZE = """
  - {id: dune, name: Dune Kommunikation, policy: wildix, tier: bronze, country: DE, language: de, assigned_to: aurora}
systems:
  - {serial: PBX-9, name: Hotel zum Löwen, partner: dune, country: DE}
"""


async def test_w1_a_partner_looks_after_the_systems_of_those_served_through_it(tmp_path):
    configuration = DESK.replace("\nsystems:\n", BRONZE, 1)
    async with a_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db", configuration=configuration) as world:
        giulia = await (await world.visitor("giulia")).get("/portal/")
        assert "Hotel zum Löwen" in giulia.text
        await giulia.get("/portal/requests/new")
        await giulia.post("/portal/requests", COMPLETE | {"system": "PBX-9"})
        assert (await the_request(world))["system"] == "PBX-9"
        dana = await (await world.visitor("dana")).get("/portal/")
        assert "Hotel zum Löwen" not in dana.text
        await dana.get("/portal/requests/new")
        await dana.post("/portal/requests", COMPLETE | {"system": "PBX-9"})
        assert dana.fault("system") == "You have no system of this name."


async def test_the_list_is_searched_and_filtered_and_shows_only_what_is_theirs(either):
    await either.service.desk.file(a_filing(system="PBX-1"))
    await either.service.desk.file(
        a_filing(contact="marco", fields=COMPLETE | {"subject": "Echo in the hall"})
    )
    await either.service.desk.file(
        a_filing(contact="dana", fields=COMPLETE | {"subject": "Birch only", "system": "PBX-4"})
    )
    giulia = await (await either.visitor("giulia")).get("/portal/requests")
    assert [each in giulia.text for each in ("No audio", "Echo in the hall", "Birch only")] == [
        True,
        True,
        False,
    ]
    await giulia.get("/portal/requests?q=echo")
    assert [each in giulia.text for each in ("No audio", "Echo in the hall")] == [False, True]
    assert (await giulia.get("/portal/requests?status=open&system=PBX-1")).text.count("No audio") == 1
    await giulia.get("/portal/requests?status=closed")
    assert "None of your requests fits" in giulia.text
    await giulia.get("/portal/requests?q=birch")
    assert "None of your requests fits" in giulia.text
    assert (await giulia.get("/portal/requests?colour=red")).status == 422


# what is not yours --------------------------------------------------------------------------------------------


async def every_way(visitor, id_, attachment):
    """Ask for a request by every route of the portal; returns (status, page without its own address)."""
    hidden = visitor.hidden()
    seen = []
    for path in (
        f"/portal/requests/{id_}",
        f"/portal/requests/{id_}/attachments/{attachment}",
        f"/portal/requests/{id_}/appointments/apt-1.ics",
    ):
        await visitor.get(path)
        seen.append((visitor.status, visitor.text.replace(html.escape(path), "").replace(path, "")))
    await visitor.post(f"/portal/requests/{id_}/messages", {"text": "Hello"}, **hidden)
    seen.append((visitor.status, re.sub(r"next=[^\"]*", "", visitor.text)))
    return [(status, re.sub(r"next=[^\"]*", "", text)) for status, text in seen]


async def test_p5_a_case_is_404_for_a_colleague_a_stranger_our_own_people_and_nobody_by_every_route(either):
    filed = await either.service.desk.file(
        a_filing(contact="astrid", fields=PLM_FIELDS, text="See it.", attachments=(a_file(),))
    )
    (file,) = await either.rows("attachments")
    astrid = await either.visitor("astrid")
    assert (
        await astrid.get(f"/portal/requests/{filed.id}/attachments/{file['id']}")
    ).text == "INVITE sip:100@pbx"
    bo, giulia, nora, nobody = [
        await either.visitor("bo"),
        await either.visitor("giulia"),
        await either.visitor("nora", role=Role.ADMIN),
        await either.visitor(),
    ]
    for visitor in (bo, giulia, nora, nobody):
        await visitor.get("/portal/login" if visitor in (nora, nobody) else "/portal/")
        for id_ in (filed.id, filed.reference):
            theirs = await every_way(visitor, id_, file["id"])
            none = await every_way(visitor, "R-99999", "att_none")
            to_the_log_in = 200 if visitor is nobody else 404  # whatever is asked for
            assert [status for status, _ in theirs] == [to_the_log_in] * 3 + [404]
            assert theirs == none
    await bo.get("/portal/requests?q=sketch")
    assert "None of your requests fits" in bo.text
    assert filed.reference not in (await bo.get("/portal/")).text
    assert "Log in" in nobody.text
    assert len(await either.rows("request_messages", request=filed.id)) == 1


async def test_p5_whom_the_requester_copies_sees_it_and_may_write(world):
    filed = await world.service.desk.file(
        a_filing(contact="astrid", fields=PLM_FIELDS, copied=("bo@fjord.example",))
    )
    bo = await (await world.visitor("bo")).get(f"/portal/requests/{filed.reference}")
    assert bo.status == 200
    assert "Astrid Holm" in bo.text
    await bo.post(f"/portal/requests/{filed.reference}/messages", {"text": "Me too."})
    assert "Me too." in bo.text


async def test_a_file_of_an_internal_note_is_fetched_by_no_customer(either):
    filed = await either.service.desk.file(a_filing())
    note = Reply(text="Look.", internal=True, attachments=(a_file("note.txt"),))
    await either.service.casework.reply(filed.id, note, actor="nadia")
    (file,) = await either.rows("attachments")
    giulia = await either.visitor("giulia")
    assert (await giulia.get(f"/portal/requests/{filed.id}/attachments/{file['id']}")).status == 404


async def test_an_anonymous_visitor_is_sent_to_the_log_in_and_back(world):
    nobody = await (await world.visitor()).get("/portal/requests?status=open")
    assert nobody.path == "/portal/login"
    assert 'action="/portal/login?next=/portal/requests%3Fstatus%3Dopen"' in nobody.text


# people, licences, work, incidents ---------------------------------------------------------------------------


@pytest.fixture
async def acme(tmp_path):
    async with a_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db", configuration=ACME) as made:
        yield made


ANA = {"name": "Ana Aspen", "email": "ana@acme.example", "phone": "+13125550111", "languages": "en"}


async def test_e1_who_is_in_charge_registers_changes_removes_and_hands_over_within_the_seats(acme):
    ann = await (await acme.visitor("ann")).get("/portal/contacts")
    assert "1 of 3 seats left" in ann.text
    await ann.get("/portal/contacts/new?licence=L-1")
    await ann.post("/portal/contacts", ANA | {"name": ""})
    assert (ann.status, ann.typed("email")) == (422, "ana@acme.example")
    await ann.post("/portal/contacts", ANA)
    assert "The person is registered." in ann.text
    assert "No seat left" in ann.text
    assert "Register somebody" not in ann.text
    hidden = ann.hidden()
    await ann.post(
        "/portal/contacts",
        ANA | {"name": "One Toomany", "email": "toomany@acme.example", "licence": "L-1"},
        **hidden,
    )
    assert ann.status == 422
    assert "L-1 has 3 seats" in ann.text
    await ann.get("/portal/contacts/bob")
    assert ann.typed("name") == "Bob Birch"
    await ann.post(
        "/portal/contacts/bob", {"name": "Bob Beech", "email": "bob@acme.example", "languages": "en"}
    )
    assert "Bob Beech" in ann.text
    await ann.post("/portal/contacts/ann/remove")
    assert ann.status == 409
    assert "hand over first" in ann.text
    await ann.get("/portal/contacts")
    await ann.post("/portal/contacts/bob/in-charge")
    assert "Another person is in charge" in ann.text
    await ann.post("/portal/contacts/bob/remove")
    assert ann.status == 403


async def test_e1_a_regular_contact_changes_only_themselves_and_is_told_the_clause(acme):
    bob = await (await acme.visitor("bob")).get("/portal/contacts/ann")
    assert "You cannot change this." in bob.text
    assert "(section Contact Procedures)" in bob.text
    hidden = (await bob.get("/portal/contacts")).hidden()
    await bob.post("/portal/contacts/ann", ANA, **hidden)
    assert (await bob.get("/portal/contacts")).text.count("Ann Ash") == 1
    await bob.get("/portal/contacts/bob")
    await bob.post("/portal/contacts/bob", ANA | {"name": "Bob Beech"})
    assert "The change is in force." in bob.text
    for path in ("eve", "nobody"):
        assert (await bob.get(f"/portal/contacts/{path}")).status == 404
    assert (await bob.get("/portal/contacts/new?licence=L-9")).status == 404
    await bob.get("/portal/licences")
    assert ("L-1" in bob.text, "L-9" in bob.text) == (True, False)


async def test_e6_own_work_is_announced_and_a_late_notice_is_taken_and_said_to_be_late(acme):
    ann = await (await acme.visitor("ann")).get("/portal/maintenance")
    assert "at least 72 hours ahead" in re.sub(r"<[^>]+>", "", ann.text)
    times = {"starts_at": "2026-11-30T20:00", "ends_at": "2026-11-30T22:00"}
    await ann.post("/portal/maintenance", {"title": "New disks", **times})
    assert ann.status == 422
    assert (ann.typed("title"), ann.fault("systems")) == ("New disks", "Choose at least one system.")
    await announces(ann, {"title": "New disks", "systems": "S-9", **times})
    assert ann.fault("systems") == "There is nothing of this name"
    await announces(ann, {"title": "New disks", "systems": "S-1", **times})
    assert "The work is announced. Findings" in ann.text
    assert "announced late" not in ann.text
    soon = {"starts_at": "2026-11-25T20:00", "ends_at": "2026-11-25T22:00"}
    await announces(ann, {"title": "Soon", "systems": "S-1", **soon})
    assert "later than the agreement asks for" in ann.text
    assert "announced late" in ann.text
    rows = {row["title"]: row for row in await acme.rows("maintenances")}
    assert [(rows[t]["late"], rows[t]["public"], rows[t]["partner"]) for t in ("New disks", "Soon")] == [
        (False, False, "acme"),
        (True, False, "acme"),
    ]
    eve = await (await acme.visitor("eve")).get("/portal/maintenance")
    assert "New disks" not in eve.text
    path = f"/portal/maintenance/{rows['Soon']['id']}/cancel"
    await eve.post(path)
    assert eve.status == 404
    await ann.post(path)
    assert "The work is called off." in ann.text


async def announces(visitor, fields):
    """Send the form of announced work, as browsers do: it has no files."""
    form = {**visitor.hidden(), **fields}
    await visitor._took(await visitor.client.post("/portal/maintenance", data=form, headers=OURS))


async def test_h5_the_statement_names_only_requests_that_are_theirs_to_see(world):
    filed = await world.service.desk.file(a_filing(contact="mia", fields={"description": "A printer."}))
    await world.service.casework.triage(filed.id, Outcome.TICKET, actor="nadia")
    mia = await (await world.visitor("mia")).get("/portal/ledger")
    assert "A ticket turned over to the support team" in mia.text
    assert f"/portal/requests/{filed.reference}" in mia.text
    assert "-1" in mia.text
    giulia = await (await world.visitor("giulia")).get("/portal/ledger")
    assert giulia.status == 404
