"""One whole story against every ticket system that has a stand-in: from the configuration to the ticket and back."""

import json
from types import SimpleNamespace

import pytest

from alerts.marks import without_mark
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world
from tests.alerts.tickets.all_ends import an_end
from tests.far_ends import jira, servicenow, zammad, zendesk

SECTIONS = {
    "jira": {"user": jira.USER, "token": jira.TOKEN, "project": "SUP", "projects": {"aurora": "AUR"}},
    "servicenow": {"user": servicenow.USER, "password": servicenow.PASSWORD, "groups": {"aurora": "Aurora"}},
    "zammad": {"token": zammad.TOKEN, "group": "Support", "groups": {"aurora": "Aurora"}},
    "zendesk": {"user": zendesk.USER, "token": zendesk.TOKEN, "groups": {"aurora": "Aurora"}},
    "webhook": {"secret": "whsec_c2VjcmV0LW9mLXRoZS1zdWl0ZQ==", "queues": {"aurora": "aurora"}},
}


@pytest.mark.parametrize("name", SECTIONS)
async def test_an_outage_is_one_ticket_that_is_answered_and_closed(
    name: str, request: pytest.FixtureRequest, tmp_path, database_url: str
) -> None:
    section = json.dumps({"driver": name, name: {"url": "URL", **SECTIONS[name]}})
    async with an_end(name, request) as end:
        tickets = f"tickets: {section.replace('URL', end.url)}"
        clock = MovableClock()
        if name == "webhook":
            end.far.names["time"] = SimpleNamespace(time=lambda: clock().timestamp())
        configuration = CONFIGURATION.replace("tickets: {driver: builtin}", tickets) + CHECKS
        async with a_world(tmp_path, database_url, clock=clock, configuration=configuration) as world:
            await world.fails("pbx-3-sip")
            await world.deliver()
            assert await end.count() == 1
            (kept,) = await world.rows("tickets")
            assert (kept["driver"], kept["status"]) == (name, "open")
            there = await end.seen(kept["reference"])
            assert there.queue.lower() in ("aur", "aurora")
            assert "PBX-3" in there.subject + there.body
            await end.reply(kept["reference"], "Which carrier is it?")
            await world.service.ticket_sync.received([kept["reference"]])
            await world.service.ticket_sync.once()
            (note,) = await world.rows("ticket_notes")
            assert (note["kind"], note["text"].strip()) == ("public", "Which carrier is it?")
            await world.passes("pbx-3-sip")
            await world.deliver()
            there = await end.seen(kept["reference"])
            assert there.closed
            assert len([said for said in there.notes if without_mark(said) != said]) == 1
            await world.deliver()
            assert await end.count() == 1
            (kept,) = await world.rows("tickets")
            assert kept["status"] != "open"
