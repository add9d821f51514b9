"""A partner's systems and cases in the portal: what was found on theirs, their word on it, and nothing of anybody else's."""

import re
from datetime import timedelta

import pytest

from monitor.storage import cases
from monitor.storage.cases import Whose
from tests.acceptance.desks import DESK
from tests.acceptance.test_portal import BRONZE, OURS, a_portal

CHAIN = DESK.replace("\nsystems:\n", BRONZE, 1).replace(
    "country: DE, language: de, assigned_to: aurora}",
    "country: DE, language: de, assigned_to: aurora, contacts: [{id: dieter, name: Dieter Braun, email: dieter@dune.example, languages: [de, en]}]}",
    1,
).replace(
    "\nchecks:\n",
    '\nchecks:\n  - {name: pbx-9-sip, type: tcp, system: PBX-9, target: "127.0.0.1:9", symptom: unreachable, facts: {impact: severe, workaround: false}}\n',
    1,
)  # fmt: skip


@pytest.fixture
async def world(tmp_path):
    async with a_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db", configuration=CHAIN) as made:
        yield made


def plain(visitor):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", visitor.text))


async def test_w12_a_partner_sees_what_was_found_whom_we_called_with_proof_and_by_when_we_answer(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    incident = await world.incident(system="PBX-1")
    giulia = await (await world.visitor("giulia")).get("/portal/cases")
    assert f"/portal/cases/{incident['id']}" in giulia.text
    seen = plain(await giulia.get(f"/portal/cases/{incident['id']}"))
    assert "It cannot be reached: Aurora headquarters" in seen
    assert "Critical section" in seen
    assert "Confirmed Call: Giulia Ferrari" in seen
    assert "1 was pressed" in seen
    assert "Kept Response by Tue 24 Nov 2026, 10:33" in seen
    assert "Taken by Giulia Ferrari" in seen


async def test_w12_a_partners_word_in_the_portal_calls_off_the_calls_and_is_on_the_timeline(world):
    await world.fails("pbx-1-sip")
    incident = (await world.incident(system="PBX-1"))["id"]
    giulia = await (await world.visitor("giulia")).get(f"/portal/cases/{incident}")
    await giulia.post(f"/portal/cases/{incident}/acknowledge")
    assert "Nobody else is called for it." in giulia.text
    row = await world.incident(system="PBX-1")
    assert (row["status"], row["owner"], row["owner_party"]) == ("acknowledged", "giulia", "partner")
    assert ("call", "cancelled") in await world.owed(incident=incident)
    await world.deliver()
    world.only_called()
    again = await giulia.post(f"/portal/cases/{incident}/acknowledge")
    assert again.status == 200
    assert (await world.events(incident)).count("incident.acknowledged") == 1


async def test_a_reply_reaches_the_ticket_and_the_timeline_once_without_its_password(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    incident = (await world.incident(system="PBX-1"))["id"]
    giulia = await (await world.visitor("giulia")).get(f"/portal/cases/{incident}")
    hidden = giulia.hidden()
    for _ in range(2):
        await giulia.post(
            f"/portal/cases/{incident}/reply",
            {"text": "We have cut the power.\nThe password is Tr0ub4dor&3x"},
            **hidden,
        )
    (event,) = await world.rows("events", incident=incident, kind="mail.received")
    assert "We have cut the power." in event["text"]
    assert event["actor"] == "Giulia Ferrari (Aurora Telecom, portal)"
    (note,) = [row for row in await world.rows("ticket_notes") if "cut the power" in row["text"]]
    assert "We have cut the power." in giulia.text
    assert not [each for each in (event, note, giulia.text) if "Tr0ub4dor" in repr(each)]
    await giulia.post(f"/portal/cases/{incident}/reply", {"text": " "})
    assert (giulia.status, giulia.fault("text")) == (422, "There is nothing in the message.")


async def test_a_loop_of_replies_is_ended_and_said_so_once(world):
    await world.fails("pbx-1-sip")
    incident = (await world.incident(system="PBX-1"))["id"]
    giulia = await (await world.visitor("giulia")).get(f"/portal/cases/{incident}")
    for number in range(22):
        await giulia.post(f"/portal/cases/{incident}/reply", {"text": f"{number}", "key": f"k{number}"})
    assert giulia.status == 429
    assert giulia.fault("text") == "That is too many messages within an hour. Please call us."
    events = await world.events(incident)
    assert (events.count("mail.received"), events.count("mail.too_many")) == (20, 1)


async def test_what_our_own_people_note_and_whom_we_page_is_on_no_page_of_the_portal(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    incident = (await world.incident(system="PBX-1"))["id"]
    await world.service.pipeline.note(incident, actor="nadia", text="They pay late, be careful.")
    giulia = await world.visitor("giulia")
    for path in (f"/portal/cases/{incident}", "/portal/cases", "/portal/", "/portal/systems/PBX-1"):
        await giulia.get(path)
        assert giulia.status == 200
        assert "be careful" not in giulia.text
        assert "+498998765432" not in giulia.text, path


async def test_w1_whoever_is_served_through_another_sees_their_case_and_not_whom_we_called_there(world):
    await world.fails("pbx-9-sip")
    await world.deliver()
    incident = (await world.incident(system="PBX-9"))["id"]
    giulia = await (await world.visitor("giulia")).get(f"/portal/cases/{incident}")
    assert "Call: Giulia Ferrari" in plain(giulia)
    dieter = await (await world.visitor("dieter")).get(f"/portal/cases/{incident}")
    assert dieter.status == 200
    assert "Whoever serves you is told about it." in dieter.text
    assert "Giulia" not in dieter.text
    assert "+39046" not in dieter.text
    assert "/acknowledge" not in dieter.text
    answer = await dieter.client.post(
        f"/portal/cases/{incident}/acknowledge", data=dieter.hidden(), headers=OURS, allow_redirects=False
    )
    assert answer.status == 303
    assert (await world.incident(system="PBX-9"))["owner"] != "dieter"
    assert (await dieter.get("/portal/systems/PBX-1")).status == 404


async def test_what_is_anothers_is_answered_like_what_is_not_there(world):
    await world.fails("pbx-1-sip")
    incident = (await world.incident(system="PBX-1"))["id"]
    dana = await (await world.visitor("dana")).get("/portal/")
    hidden = dana.hidden()
    for there, nowhere in (
        (f"/portal/cases/{incident}", "/portal/cases/inc_nothing"),
        ("/portal/systems/PBX-1", "/portal/systems/PBX-77"),
    ):
        seen = []
        for path in (there, nowhere):
            answer = await dana.client.get(path)
            seen.append((answer.status, (await answer.text()).replace(path, "")))
        assert seen[0] == seen[1]
        assert seen[0][0] == 404
    for what in ("acknowledge", "reply"):
        await dana.post(f"/portal/cases/{incident}/{what}", {"text": "mine?"}, **hidden)
        assert dana.status == 404
    assert (await world.incident(system="PBX-1"))["status"] == "open"
    assert "PBX-1<" not in (await dana.get("/portal/systems")).text
    assert "It cannot be reached" not in (await dana.get("/portal/cases")).text


async def test_systems_are_searched_the_worst_first_and_a_day_shows_its_minutes(world):
    await world.fails("pbx-3-dead")
    giulia = await (await world.visitor("giulia")).get("/portal/systems")
    order = re.findall(r'href="/portal/systems/(PBX-\d)"', giulia.text)
    assert order[0] == "PBX-3"
    assert set(order) == {"PBX-1", "PBX-2", "PBX-3", "PBX-9"}
    await giulia.get("/portal/systems?q=warehouse")
    assert re.findall(r'href="/portal/systems/(PBX-\d)"', giulia.text) == ["PBX-3"]
    await giulia.get("/portal/systems?state=unwell")
    assert re.findall(r'href="/portal/systems/(PBX-\d)"', giulia.text) == ["PBX-3"]
    assert (await giulia.get("/portal/systems?page=9")).status == 200
    assert (await giulia.get("/portal/systems?sort=up")).status == 422
    assert (await giulia.get("/portal/systems/PBX-3?day=2026-11-23")).status == 200
    assert "Nothing is known of this day." in plain(giulia) or "Not known" in plain(giulia)


async def test_a_public_problem_that_touches_you_stands_first_with_the_next_word(world):
    from monitor.domain.announcements import GlobalProblem, Impact

    problem = GlobalProblem(
        title="Calls through Europe fail",
        body="We are looking into it.",
        impact=Impact.MAJOR,
        components=("cloud-eu",),
        next_update_at=world.clock() + timedelta(minutes=30),
    )
    await world.service.pipeline.declare_global(problem, actor="nadia")
    giulia = plain(await (await world.visitor("giulia")).get("/portal/"))
    assert giulia.index("Calls through Europe fail") < giulia.index("Open cases")
    assert "Next update by Tue 24 Nov 2026, 10:30" in giulia
    assert "2 touched" in giulia
    dana = plain(await (await world.visitor("dana")).get("/portal/"))
    assert dana.index("Calls through Europe fail") > dana.index("The services, as everybody sees them")


async def test_a_case_is_a_partners_by_who_is_contacted_or_by_the_system_they_own(tmp_path, database_url):
    async with a_portal(tmp_path, database_url, configuration=CHAIN) as world:
        for check in ("pbx-1-sip", "pbx-4-sip", "pbx-9-sip"):
            await world.fails(check)
        read = world.service.store.read

        async def of(partner, *serials):
            found = await read(cases.standing, Whose(partner=partner, serials=frozenset(serials)))
            return [incident.system for incident in found]

        assert await of("aurora") == ["PBX-1", "PBX-9"]
        assert await of("dune") == []
        assert await of("dune", "PBX-9") == ["PBX-9"]
        assert await of("birch") == ["PBX-4"]
