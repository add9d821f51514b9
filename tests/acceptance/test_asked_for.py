"""What an engineer asks for by a key goes out: a call though somebody has it, the next of ours, a ticket; and only until it is over."""

from alerts.sandbox import Pickup
from monitor.storage.people import Role
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MARCO, NADIA, TOMAS
from tests.factories import MONDAY_AT_TEN

CONFIG = {"configuration": CONFIGURATION + CHECKS, "at": MONDAY_AT_TEN}


async def test_a_call_that_is_asked_for_goes_to_whom_was_chosen_though_one_of_ours_has_it(
    tmp_path, sqlite_url
):
    async with a_console(tmp_path, sqlite_url, **CONFIG) as world:
        nora = await world.at_the_console("nora")
        await world.fails("pbx-1-sip")
        incident = (await world.incident())["id"]
        page = f"/noc/incidents/{incident}"
        await nora.get("/noc/")
        await nora.post(f"{page}/acknowledge", back="/noc/")
        await world.deliver()
        assert world.exchange.calls == [], "whoever has it decides"
        asked = await nora.get(f"{page}/call?back=/noc/")
        for said in (
            "Call the partner?",
            "Giulia Ferrari",
            GIULIA,
            "may be called now",
            "speaks it",
            "Marco Rossi",
        ):
            assert said in asked.text, said
        world.answers(MARCO, Pickup.NO_ANSWER)
        await nora.post(f"{page}/call", contact="marco", note="she is on leave", back="/noc/")
        assert "The call goes out now" in nora.text
        await world.deliver()
        await world.passes_time(minutes=5)
        world.only_called(MARCO, GIULIA)  # he does not answer: it goes on as calls to this partner do
        assert (await world.attempts(channel="phone"))[0][:2] == ("phone", MARCO)
        assert (await world.attempts(channel="phone"))[-1] == ("phone", GIULIA, "acknowledged")
        assert "contact.asked" in await world.events(incident)
        assert (await world.incident())["owner"] == "nora"


async def test_who_is_not_at_work_or_was_called_often_enough_is_said_to_be_so(tmp_path, sqlite_url):
    hours = CONFIGURATION.replace("role: administrative}", "role: administrative, hours: emea}", 1)
    async with a_console(tmp_path, sqlite_url, configuration=hours + CHECKS, at=MONDAY_AT_TEN.replace(hour=22)) as world:  # fmt: skip
        nora = await world.at_the_console("nora")
        await world.fails("pbx-1-sip")
        incident = (await world.incident())["id"]
        asked = await nora.get(f"/noc/incidents/{incident}/call")
        assert "not at work before Tue 09:00" in asked.text
        world.answers(MARCO, Pickup.NO_ANSWER)
        await world.deliver()
        assert "called often enough: not before" in (await nora.get(f"/noc/incidents/{incident}/call")).text


async def test_escalating_pages_who_was_chosen_and_resolving_calls_it_off(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, **CONFIG) as world:
        nora = await world.at_the_console("nora", Role.LEAD)
        await world.fails("pbx-1-sip")
        incident = (await world.incident())["id"]
        page = f"/noc/incidents/{incident}"
        await nora.get(f"{page}/escalate")
        assert "Nadia Brandt" in nora.text
        assert "on call now" in nora.text
        await nora.post(f"{page}/acknowledge")
        await nora.post(f"{page}/escalate", engineer="tomas")
        await world.deliver()
        world.only_called(TOMAS)
        assert (await world.attempts(channel="page"))[-1][1:] == (TOMAS, "acknowledged")
        await nora.post(f"{page}/escalate", engineer="nadia")
        await nora.post(f"{page}/resolve", note="a cable")
        await world.deliver()
        world.only_called(TOMAS)
        await nora.post(f"{page}/call", contact="giulia")
        assert nora.status == 409
        assert "is resolved" in nora.text
        assert NADIA not in [call.script.to for call in world.exchange.calls]


async def test_a_ticket_that_is_asked_for_is_the_one_that_would_have_been_and_never_a_second(
    tmp_path, sqlite_url
):
    async with a_console(tmp_path, sqlite_url, **CONFIG) as world:
        nora = await world.at_the_console("nora")
        await world.fails("portal-web")
        await world.fails("pbx-1-slow")
        incident = (await world.incident(system="PBX-1"))["id"]
        page = f"/noc/incidents/{incident}"
        await nora.get(f"{page}/ticket")
        await nora.post(f"{page}/ticket")
        assert nora.status == 200, nora.text
        await world.deliver()
        assert len(await world.rows("tickets", incident=incident)) == 1
        await nora.post(f"{page}/ticket")
        assert nora.status == 409
        assert "write in it" in nora.text
        ours = (await world.incident(component="portal"))["id"]
        await nora.post(f"/noc/incidents/{ours}/ticket")
        assert "It has no partner" in nora.text
