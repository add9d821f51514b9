"""Customers' requests at the console: the queue, one request with its forms, a phone call entered by an engineer."""

import pytest

from monitor.storage.people import Role
from tests.acceptance.console import a_console
from tests.acceptance.desks import CRITICAL_MAIL, PLM_FIELDS, a_file, a_filing


@pytest.fixture
async def world(tmp_path):
    async with a_console(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as made:
        yield made


@pytest.fixture
async def either(tmp_path, database_url):
    async with a_console(tmp_path, database_url) as made:
        yield made


async def the_request(world):
    (one,) = await world.rows("requests")
    return one


async def test_an_empty_queue_says_so_and_leads_to_what_was(world):
    nora = await world.at_the_console("nora")
    await nora.get("/noc/requests")
    assert (nora.status, "Nothing waits for us" in nora.text) == (200, True)


async def test_the_queue_shows_first_what_is_flagged_then_what_is_due_first(either):
    desk = either.service.desk
    later = await desk.file(a_filing(channel="portal"))
    sooner = await desk.file(a_filing(channel="portal", priority="critical"))
    nothing_due = await desk.file(a_filing(channel="portal", contact="mia", fields={"subject": "A question"}))
    flagged = await desk.file(a_filing(channel="portal", contact="dana", flag="a stranger wrote"))
    nora = await either.at_the_console("nora")
    await nora.get("/noc/requests")
    expected = [each.reference for each in (flagged, sooner, later, nothing_due)]
    assert nora.listed() == expected
    assert "respond by 09:30 UTC" in nora.text
    assert "a stranger wrote" in nora.text


async def test_the_queue_is_read_page_by_page_and_nothing_twice(either):
    desk = either.service.desk
    for number in range(55):
        await desk.file(
            a_filing(
                channel="portal",
                priority="critical" if number % 3 else None,
                flag="x" if number % 5 == 0 else "",
            )
        )
    nora = await either.at_the_console("nora")
    await nora.get("/noc/requests")
    seen = nora.listed()
    assert len(seen) == 50
    (more,) = [line for line in nora.source.splitlines() if 'aria-label="More"' in line]
    await nora.get(more.split('href="')[1].split('"')[0].replace("&amp;", "&"))
    seen += nora.listed()
    assert sorted(seen) == [f"R-{number:05d}" for number in range(1, 56)]


async def test_a_filter_that_is_none_is_refused(world):
    nora = await world.at_the_console("nora")
    for bad in ("after=nonsense", "status=odd", f"after=1-{10**20}-1", "after=9-1-1", "colour=red"):
        await nora.get(f"/noc/requests?{bad}")
        assert nora.status == 422, bad


FILTERS = [
    ("class=critical", ["R-00001"]),
    ("partner=fjord", ["R-00002"]),
    ("policy=plm", ["R-00002"]),
    ("channel=phone", []),
    ("q=sketch", ["R-00002"]),
    ("q=R-00001", ["R-00001"]),
    ("untaken=yes", ["R-00002"]),
    ("assignee=nora", ["R-00001"]),
    ("flagged=yes", []),
    ("status=any", ["R-00002", "R-00001"]),
    ("status=closed", []),
]


async def test_the_queue_is_filtered(world):
    critical = await world.service.desk.file(a_filing(priority="critical"))
    await world.service.desk.file(
        a_filing(channel="portal", contact="astrid", fields=PLM_FIELDS, text="the sketch")
    )
    nora = await world.at_the_console("nora")
    await nora.get("/noc/requests")
    await nora.post(f"/noc/requests/{critical.reference}/take")
    for query, found in FILTERS:
        await nora.get(f"/noc/requests?{query}")
        assert nora.listed() == found, query


async def test_an_engineer_takes_answers_waits_goes_on_and_closes(either):
    filed = await either.service.desk.file(a_filing(priority="critical", attachments=(a_file(),)))
    page = f"/noc/requests/{filed.reference}"
    nora = await either.at_the_console("nora")
    await nora.get(page)
    assert "Analyse it now, at any hour (section 2.1)" in nora.text
    assert "Respond by 09:30 UTC" in nora.text
    for said in (
        "No audio",
        "Callers hear nothing.",
        "Giulia Ferrari",
        "Aurora headquarters",
        "trace.txt",
        "2.1",
    ):
        assert said in nora.text, said
    assert (await nora.post(f"{page}/take")).path == page
    assert "It is yours" in nora.text
    await nora.post(f"{page}/reply", text="Looking at the carrier's side now.", kind="note")
    assert "internal note" in nora.text
    assert (await the_request(either))["responded_at"] is None
    await nora.post(
        f"{page}/reply", text="Does it ring on your side?", kind="ask", attachments=a_file("how.txt")
    )
    assert "how.txt" in nora.text
    row = await the_request(either)
    assert (row["status"], row["assignee"]) == ("waiting", "nora")
    assert "waiting for the customer" in nora.text
    await nora.post(f"{page}/resume")
    assert (await the_request(either))["status"] == "open"
    await nora.post(f"{page}/close", text="It was the carrier.")
    assert "closed for good" in nora.text
    done = {row["action"] for row in await either.rows("audit")}
    assert {"request.take", "request.write", "request.resume", "request.close"} <= done


OVER = [
    ("reply", {"text": "hello"}),
    ("take", {}),
    ("resume", {}),
    ("close", {}),
    ("class", {"cls": "critical", "why": "x"}),
    ("triage", {"outcome": "ticket", "cls": "standard"}),
]


async def test_what_is_closed_says_so_in_a_sentence_on_its_page_and_keeps_what_was_typed(world):
    filed = await world.service.desk.file(a_filing())
    page = f"/noc/requests/{filed.reference}"
    nora = await world.at_the_console("nora")
    await nora.get(page)
    await world.service.casework.close(filed.id, actor="lena")
    for form, fields in OVER:
        await nora.post(f"{page}/{form}", **fields)
        assert nora.status == 409, form
        assert "closed" in nora.alert(), form
        assert "No audio" in nora.text


NOT_COMPLETE = [
    ("reply", {"text": ""}, "The text is missing."),
    ("reply", {"text": "x", "kind": "shout"}, "kind cannot be read."),
    ("class", {"cls": "critical"}, "The reason is missing."),
    ("class", {"cls": "purple", "why": "x"}, "has no class 'purple'"),
    ("triage", {}, "What triage made of it is missing."),
    ("flag", {}, "The reason is missing."),
    ("pass-on", {"name": "nobody"}, "passes on"),
    ("duties/dance/done", {}, "The request has no duty"),
    ("complete", {}, "Nothing was filled in."),
    ("appointments", {"starts_at": "tomorrow"}, "When it begins cannot be read."),
    ("appointments", {"starts_at": "2026-11-25T10:00"}, "serves nothing by appointment"),
]


async def test_a_form_that_is_not_complete_says_what_is_missing(world):
    filed = await world.service.desk.file(a_filing())
    nora = await world.at_the_console("nora")
    await nora.get(f"/noc/requests/{filed.reference}")
    for form, fields, said in NOT_COMPLETE:
        await nora.post(f"/noc/requests/{filed.reference}/{form}", **fields)
        assert nora.status in (404, 409, 422), form
        assert said in nora.alert(), form


async def test_what_was_typed_is_still_there_but_no_credential(world):
    filed = await world.service.desk.file(a_filing())
    nora = await world.at_the_console("nora")
    await nora.get(f"/noc/requests/{filed.reference}")
    await nora.post(
        f"/noc/requests/{filed.reference}/reply",
        text="A long answer. The password is hunter2-swordfish",
        kind="shout",
    )
    assert "A long answer." in nora.source
    assert "hunter2-swordfish" not in nora.source


async def test_a_class_is_given_with_a_reason_and_counted_from_receipt(world):
    filed = await world.service.desk.file(a_filing())
    nora = await world.at_the_console("nora")
    await nora.get(f"/noc/requests/{filed.reference}")
    await nora.post(f"/noc/requests/{filed.reference}/class", cls="critical", why="nobody can phone")
    assert "Respond by 09:30 UTC" in nora.text
    assert "standard -> critical: nobody can phone" in nora.text


async def test_h1_triage_turns_a_request_into_a_ticket_and_charges_it(either):
    filed = await either.service.desk.file(a_filing(contact="mia", fields={"subject": "The server is slow"}))
    nora = await either.at_the_console("nora")
    await nora.get(f"/noc/requests/{filed.reference}")
    assert "needs triage" in nora.text
    await nora.post(f"/noc/requests/{filed.reference}/triage", outcome="ticket")
    row = await the_request(either)
    assert (row["outcome"], row["class"], row["charge"]) == ("ticket", "ticket", 1)
    assert "-1 incident" in nora.text


async def test_h2_an_appointment_is_booked_moved_held_and_charged(either):
    filed = await either.service.desk.file(a_filing(contact="mia", fields={"subject": "Install a printer"}))
    page = f"/noc/requests/{filed.reference}"
    nora = await either.at_the_console("nora")
    await nora.get(page)
    await nora.post(f"{page}/triage", outcome="appointment")
    assert "Free within what is promised" in nora.text
    slot = nora.source.split('name="starts_at"><option value="')[1].split('"')[0]
    await nora.post(f"{page}/appointments", starts_at=slot, technician="ted")
    (one,) = await either.rows("appointments")
    assert (one["status"], one["technician"]) == ("booked", "ted")
    assert nora.status == 200
    either.clock.forward(24 * 3600)
    nora = await either.at_the_console("lena")
    await nora.get(page)
    await nora.post(
        f"{page}/appointments/{one['id']}/held", held_from="2026-11-24T14:00", held_to="2026-11-24T15:30"
    )
    assert "held" in nora.text
    assert "charge -3" in nora.text
    await nora.post(f"{page}/appointments/{one['id']}/cancel")
    assert nora.status == 409


async def test_e5_the_duty_of_a_critical_mail_is_shown_and_done_with_a_button(either):
    filed = await either.service.desk.file(
        a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, email="lee@lab.example")
    )
    nora = await either.at_the_console("nora")
    await nora.get("/noc/requests")
    assert "theirs: " in nora.text
    assert "14 min" in nora.text or "15 min" in nora.text
    await nora.get(f"/noc/requests/{filed.reference}")
    await nora.post(f"/noc/requests/{filed.reference}/duties/call_within_15_minutes/done")
    assert (nora.status, "It is on record that the customer did it." in nora.text) == (200, True)
    clocks = {row["name"]: row for row in await either.rows("clocks")}
    assert clocks["call_within_15_minutes"]["met_at"] is not None


async def test_e5_a_missed_call_is_flagged_and_an_engineer_settles_it(either):
    filed = await either.service.desk.file(
        a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, email="lee@lab.example")
    )
    await either.passes_time(minutes=16)
    nora = await either.at_the_console("nora")
    await nora.get("/noc/")
    assert "1 flagged" in nora.text
    await nora.get(f"/noc/requests/{filed.reference}")
    assert "Flagged: decide." in nora.text
    await nora.post(f"/noc/requests/{filed.reference}/flag", reason="Called them myself: it stays Critical.")
    assert (await the_request(either))["flagged"] is None
    assert "it stays Critical" in nora.text


async def test_p9_what_a_contract_forbids_to_pass_on_has_no_button(world):
    allowed = await world.service.desk.file(
        a_filing(contact="astrid", fields={**PLM_FIELDS, "inquiry_type": "bug"})
    )
    under_nda = await world.service.desk.file(
        a_filing(
            contact="karin",
            fields={**PLM_FIELDS, "contact_name": "Karin Berg", "contact_email": "karin@hush.example"},
        )
    )
    nora = await world.at_the_console("nora")
    await nora.get(f"/noc/requests/{under_nda.reference}")
    assert "nothing leaves: NDA" in nora.text
    assert "Pass it on" not in nora.text
    await nora.post(f"/noc/requests/{under_nda.reference}/pass-on", name="case_material")
    assert nora.status in (404, 409)
    await nora.get(f"/noc/requests/{allowed.reference}")
    assert "Pass it on" in nora.text


# a phone call -------------------------------------------------------------------------------------------------


CALLERS = [
    ("astrid", "contact=astrid"),
    ("Fjord", "partner=fjord"),
    ("32 12 34 56", "contact=astrid"),
    ("+45 32123456", "contact=astrid"),
    ("bo@fjord.example", "contact=bo"),
    ("PBX-4", "contact=dana"),
    ("nobody at all", None),
]


async def test_who_calls_is_found_by_what_they_say(world):
    nora = await world.at_the_console("nora")
    for typed, found in CALLERS:
        await nora.get(f"/noc/requests/new?q={typed.replace('+', '%2B')}")
        shown = f'"/noc/requests/new?{found}"' if found else "Nobody is like that."
        assert shown in nora.source, typed


async def test_p7_a_call_becomes_a_case_and_what_is_missing_is_asked_while_they_are_on_the_line(either):
    nora = await either.at_the_console("nora")
    await nora.get("/noc/requests/new?contact=astrid")
    asked = nora.asked()
    assert asked[:3] == ["contact_name", "contact_phone", "contact_email"] or "contact_name" in asked
    assert 'value="Astrid Holm"' in nora.source
    key = nora.source.split('name="key" value="')[1].split('"')[0]
    given = {
        f"field-{name}": value
        for name, value in PLM_FIELDS.items()
        if name not in ("service_pack", "english_ok", "description")
    }
    call = {"contact": "astrid", "key": key, **given}
    await nora.post("/noc/requests", **call)
    assert nora.path == "/noc/requests/R-00001"
    row = await the_request(either)
    assert (row["status"], row["channel"], row["entered_by"], row["contact"]) == (
        "incomplete",
        "phone",
        "nora",
        "astrid",
    )
    assert "ask while they are on the line" in nora.text
    missing = nora.asked()
    await nora.post("/noc/requests", **call)  # the button was pressed twice
    assert len(await either.rows("requests")) == 1
    await nora.post("/noc/requests/R-00001/complete", **{f"field-{missing[0]}": "SP1.0"})
    assert (await the_request(either))["status"] == "incomplete"
    assert nora.asked() == missing[1:]
    await nora.post(
        "/noc/requests/R-00001/complete",
        **{f"field-{name}": PLM_FIELDS.get(name, "said") for name in missing[1:]},
    )
    row = await the_request(either)
    assert (row["status"], row["subject"]) == ("open", PLM_FIELDS["description"])
    assert "Nothing is missing any more" in nora.text


async def test_w8_a_call_at_night_that_is_not_critical_is_kept_and_says_why_it_was_not_taken(world):
    world.clock.forward(13 * 3600)
    nora = await world.at_the_console("nora")
    await nora.get("/noc/requests/new?contact=giulia")
    assert "outside support hours" in nora.text
    await nora.post(
        "/noc/requests",
        contact="giulia",
        **{"field-subject": "Slow", "field-message": "m", "system": "PBX-1"},
    )
    assert (await the_request(world))["status"] == "refused"
    assert "It was not taken." in nora.text


NOT_READ = [
    ({"contact": "nobody"}, "Nobody is chosen."),
    ({"contact": "giulia", "system": "PBX-99"}, "There is no system PBX-99."),
    ({"contact": "giulia", "symptom": "plague"}, "The kind of problem is none of the list."),
    ({"contact": "lee", "planned_start": "soon"}, "When the work begins cannot be read"),
]


async def test_a_call_that_cannot_be_read_says_why_and_loses_nothing(world):
    nora = await world.at_the_console("nora")
    await nora.get("/noc/requests/new?contact=giulia")
    for call, said in NOT_READ:
        await nora.post("/noc/requests", **call, notes="a long story")
        assert nora.status == 422, said
        assert said in nora.text
        assert call["contact"] == "nobody" or "a long story" in nora.source
    assert await world.rows("requests") == []


# who may --------------------------------------------------------------------------------------------------------


async def test_a_viewer_sees_counts_on_the_board_and_nothing_else(world):
    filed = await world.service.desk.file(
        a_filing(fields={"subject": "A secret matter", "message": "m", "system": "PBX-1"})
    )
    vera = await world.at_the_console("vera", Role.VIEWER)
    await vera.get("/noc/")
    assert "1 request" in vera.text
    assert "A secret matter" not in vera.text
    assert "/noc/requests" not in vera.source
    assert (await vera.get("/noc/requests")).status == 403
    assert (await vera.get(f"/noc/requests/{filed.reference}")).status == 404
    assert (await vera.get("/noc/requests/new")).status == 403
    assert (await vera.post(f"/noc/requests/{filed.reference}/take")).status == 404
    assert (await the_request(world))["assignee"] is None


async def test_nobody_and_a_customer_get_the_same_answer_for_what_is_there_and_what_is_not(world):
    await world.service.desk.file(a_filing(contact="astrid", fields=PLM_FIELDS))
    for visitor in (await world.at_the_console(), await world.at_the_console("bo", Role.PARTNER_ADMIN)):
        answers = [
            await (await visitor.client.get(f"/noc/requests/{ref}")).text() for ref in ("R-00001", "R-00009")
        ]
        assert answers[0].replace("R-00001", "") == answers[1].replace("R-00009", "")


async def test_an_unknown_request_is_a_page_that_says_so(world):
    nora = await world.at_the_console("nora")
    assert (await nora.get("/noc/requests/R-00001")).status == 404
    assert (await nora.get("/noc/requests/..%2f..")).status == 404


async def test_a_form_without_the_sessions_token_changes_nothing(world):
    filed = await world.service.desk.file(a_filing())
    nora = await world.at_the_console("nora")
    nora.token = "forged"
    await nora.post(f"/noc/requests/{filed.reference}/take")
    assert nora.status == 403
    assert (await the_request(world))["assignee"] is None


async def test_an_attachment_is_saved_and_never_shown(world):
    filed = await world.service.desk.file(
        a_filing(attachments=(a_file("x.html", b"<script>alert(1)</script>", "text/html"),))
    )
    nora = await world.at_the_console("nora")
    await nora.get(f"/noc/requests/{filed.reference}")
    path = next(part for part in nora.source.split('"') if "/attachments/" in part)
    answer = await nora.client.get(path)
    assert await answer.read() == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.content_type == "application/octet-stream"


async def test_w9_a_credential_is_shown_to_a_lead_who_says_why_and_never_to_an_engineer(tmp_path):
    import base64

    from tests.acceptance.desks import DESK

    key = base64.b64encode(b"k" * 32).decode()
    sealed = DESK + f'\nsecrets: {{key: "{key}"}}\n'
    async with a_console(tmp_path, f"sqlite:///{tmp_path}/tocsin.db", configuration=sealed) as world:
        filed = await world.service.desk.file(a_filing(text="The password is hunter2-swordfish"))
        page = f"/noc/requests/{filed.reference}"
        nora = await world.at_the_console("nora")
        await nora.get(page)
        assert "hunter2" not in nora.source
        assert "A lead can read it" in nora.text
        secret = (await world.rows("secrets"))[0]["id"]
        assert (await nora.post(f"{page}/credentials/{secret}/read", reason="x")).status == 404
        lena = await world.at_the_console("lena", Role.LEAD)
        await lena.get(page)
        assert (await lena.post(f"{page}/credentials/{secret}/read", reason="")).status == 422
        await lena.post(f"{page}/credentials/{secret}/read", reason="to log on to PBX-1")
        assert "hunter2-swordfish" in lena.text
        assert "to log on to PBX-1" in (await nora.get(page)).text
        assert "hunter2" not in nora.source
