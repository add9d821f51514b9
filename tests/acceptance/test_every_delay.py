"""Every cause for which a contact waits: in the API with its sentence and its time, and on the board of the people who ask."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.base import CallScript
from alerts.sandbox import Pickup, Response
from monitor.domain.explaining import OPEN_ENDED
from monitor.domain.waiting import Waits
from monitor.errors import DeliveryError
from monitor.storage import owing
from tests.acceptance.console import a_console
from tests.acceptance.storming import Fleet, fall
from tests.acceptance.test_announcements import planned
from tests.acceptance.test_deliveries import AwayExchange, a_mail, a_token, listed
from tests.acceptance.test_dependencies import LINE
from tests.acceptance.test_escalations import NIGHT
from tests.acceptance.test_flapping import comes_and_goes
from tests.acceptance.test_storms import NoPages
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MARCO, NADIA
from tests.factories import MONDAY_AT_TEN, SATURDAY_NIGHT, a_global_problem, a_look

HERE = CONFIGURATION + CHECKS
FLEET = Fleet()
ROTA = "  rotation: {anchor: 2026-01-05T09:00, order: [nadia]}\n  escalation: night\n  fallback: nadia"
BY_STEPS = HERE.replace("  fallback: nadia", ROTA) + NIGHT
Story = Callable[[Any], Awaitable[None]]


class NoLines:
    """An exchange whose lines are all taken, which says so before a call is placed."""

    def __init__(self, exchange: Any) -> None:
        self.exchange, self.name = exchange, exchange.name

    async def place(self, call: CallScript) -> str:
        raise DeliveryError(f"no line is free for {call.attempt}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)


async def outage(world: Any) -> None:
    await world.fails("pbx-1-sip")
    await world.deliver()


async def two_outages(world: Any) -> None:
    await world.fails("pbx-1-sip")
    await world.fails("pbx-4-sip")
    await world.deliver()


async def tried_again(world: Any) -> None:
    world.service.calling.phone = NoLines(world.exchange)
    await outage(world)


async def called_often(world: Any) -> None:
    for number in (GIULIA, MARCO):
        world.answers(number, Pickup.NO_ANSWER)
    await outage(world)
    await world.passes_time(minutes=3)


async def used_up(world: Any) -> None:
    world.answers(GIULIA, Pickup.ANSWER, presses="1")
    await outage(world)
    await world.fails("pbx-3-sip")
    await world.passes_time(minutes=2)


async def away(world: Any) -> None:
    world.service.calling.phone = AwayExchange(world.exchange, world.clock)
    await two_outages(world)
    await world.passes_time(minutes=2)


async def asked_first(world: Any) -> None:
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")
    await world.deliver()


async def planned_work(world: Any) -> None:
    await planned(world, systems=("PBX-1",))
    await outage(world)


async def a_problem(world: Any) -> None:
    await world.service.pipeline.declare_global(a_global_problem(components=("cloud-eu",)), actor="nadia")
    await outage(world)


async def next_step(world: Any) -> None:
    await asked_first(world)


async def a_storm_forms(world: Any) -> None:
    await fall(world, FLEET.checks(), looks=2)
    await world.service.pipeline.observed(a_look(FLEET.checks()[0], at=world.clock()))
    await world.deliver()


class Reached(Exception):
    """The story is where it was to go."""


async def page_first(world: Any) -> None:
    world.service.publisher.pages = NoPages()

    async def second() -> None:
        await world.deliver()
        if await world.rows("outbox", waits=Waits.STATUS_PAGE):
            raise Reached

    with pytest.raises(Reached):
        await fall(world, FLEET.checks(), second=second)


async def for_later(world: Any) -> None:
    later = replace(a_mail("later"), not_before=world.clock() + timedelta(hours=1))
    await world.service.store.write(owing.owe, [later], world.clock())


async def behind_others(world: Any) -> None:
    await world.fails("pbx-1-sip")


async def lost_answer(world: Any) -> None:
    world.answers(GIULIA, Pickup.ANSWER, response=Response.ERROR, lookup_works=False)
    await world.fails("pbx-1-sip")
    await world.service.delivery.drain()


async def flaps(world: Any) -> None:
    world.service.pipeline.depending.look_now = lambda _check: None
    await comes_and_goes(world)


async def depends(world: Any) -> None:
    world.service.pipeline.depending.look_now = lambda _check: None
    await world.fails("line")
    await world.fails("behind")
    await world.deliver()


STORIES: dict[Waits, tuple[str, Story, str]] = {
    Waits.RETRY: (HERE, tried_again, "no line is free"),
    Waits.CONTACT_CAP: (
        HERE + "contact: {caps: {phone: [{calls: 1, per: 15m}], page: [{calls: 1, per: 30s}]}}\n",
        called_often,
        "was called once within 15 min",
    ),
    Waits.COUNTRY_CAP: (
        HERE + "contact: {calls_per_country: 1}\n",
        used_up,
        "today's calls to IT are used up (1 a day)",
    ),
    Waits.BUDGET: (HERE + "contact: {calls_per_day: 1}\n", used_up, "today's calls are used up (1 a day)"),
    Waits.RATE: (
        HERE + "contact: {rates: {phone: {per_second: 0.01}}}\n",
        two_outages,
        "telephone",
    ),
    Waits.PROVIDER_DOWN: (HERE, away, "the telephone is away since 09:0"),
    Waits.TRIAGE: (HERE, asked_first, "on-call engineer"),
    Waits.MAINTENANCE: (HERE, planned_work, "planned maintenance 'New firmware'"),
    Waits.GLOBAL_PROBLEM: (HERE, a_problem, "global problem"),
    Waits.ESCALATION_STEP: (
        BY_STEPS,
        next_step,
        "step",
    ),
    Waits.BUNDLE: (FLEET.configuration(), a_storm_forms, "many systems of cloud eu-1 fail at once"),
    Waits.STATUS_PAGE: (FLEET.configuration(), page_first, "page"),
    Waits.SCHEDULED: (HERE, for_later, ""),
    Waits.QUEUE: (HERE, behind_others, ""),
    Waits.DOUBT: (HERE, lost_answer, "in doubt"),
    Waits.FLAPPING: (HERE, flaps, "held: flapping since 09:0"),
    Waits.DEPENDENCY: (HERE + LINE, depends, "held: depends on line, which is down"),
}


OPEN = (Waits.DOUBT, Waits.QUEUE, *OPEN_ENDED)
"""Whose end nobody knows: what ends them is said instead."""


def test_no_cause_is_left_out():
    assert set(STORIES) == set(Waits)


@pytest.mark.parametrize("cause", Waits)
async def test_a_delay_explains_itself_in_the_api_and_to_whoever_has_the_console_open(
    cause, tmp_path, sqlite_url
):
    configuration, story, said = STORIES[cause]
    at = SATURDAY_NIGHT if cause is Waits.STATUS_PAGE else MONDAY_AT_TEN
    async with a_console(tmp_path, sqlite_url, configuration=configuration, at=at) as world:
        nora, headers = await world.at_the_console("nora"), await a_token(world)
        await story(world)
        items = await listed(nora, headers, f"waits={cause}")
        assert items, [(row["kind"], row["waits"], row["reason"]) for row in await world.rows("outbox")]
        print(cause, items[0]["until"], items[0]["why"])
        for item in items:
            assert said in item["why"]
            assert item["why"].strip(" .")
            assert item["until"] or cause in OPEN
        page = (await nora.get(f"/noc/deliveries?waits={cause}")).text
        assert items[0]["why"] in page
        if items[0]["incident"]:
            assert items[0]["why"] in (await nora.get(f"/noc/incidents/{items[0]['incident']}")).text
