"""What waits says why, what cannot be is replaced and told, what breaks is set aside; over the whole service."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import structlog

from alerts.base import CallScript
from alerts.sandbox import Pickup, Response, SandboxExchange
from monitor.domain.contacts import Obligation
from monitor.errors import DeliveryError
from monitor.storage import deliveries, owing, people
from monitor.storage.lists import Wanted
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, NADIA, World, a_world
from tests.factories import MONDAY_AT_TEN, an_id


class AwayExchange:
    """A telephone exchange that cannot be reached until it is said to be back."""

    def __init__(self, exchange: SandboxExchange, clock: Callable[[], datetime]) -> None:
        self.exchange, self.clock = exchange, clock
        self.name = exchange.name
        self.away = True
        self.tried: list[datetime] = []

    async def place(self, call: CallScript) -> str:
        if self.away:
            self.tried.append(self.clock())
            raise DeliveryError("POST https://exchange: no connection", away=True)
        return await self.exchange.place(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)


def waiting_of(world: World, **wanted: Any):
    return world.service.store.read(
        deliveries.list_deliveries,
        Wanted(equal=wanted, requests=True),
        world.clock(),
        world.service.delivery.gate.rules,
        None,
    )


async def test_when_the_days_calls_are_used_up_a_ticket_stands_in_and_the_engineer_is_told(
    tmp_path, sqlite_url
):
    limited = CONFIGURATION + "contact: {calls_per_day: 1}\n" + CHECKS
    async with a_world(tmp_path, sqlite_url, configuration=limited) as world:
        world.answers(GIULIA, Pickup.ANSWER, presses="1")
        world.answers(NADIA, Pickup.ANSWER, presses="1")
        await world.fails("pbx-1-sip")
        await world.deliver()
        await world.fails("pbx-4-sip")
        await world.passes_time(minutes=5)
        second = await world.incident(system="PBX-4")
        (call,) = await world.rows("outbox", kind="call", incident=second["id"])
        assert (call["state"], call["waits"]) == ("waiting", "budget")
        assert call["not_before"].hour in (22, 23), "midnight in Rome"
        (ticket,) = await world.rows("outbox", kind="ticket.open", incident=second["id"])
        assert ticket["state"] == "done"
        (alarm,) = await world.rows("outbox", kind="page", incident=None)
        assert alarm["state"] == "done", "whoever is on call heard it and pressed 1"
        assert alarm["recipient"] == NADIA
        assert "contact.capped" in await world.events(second["id"])
        (line,) = (await waiting_of(world, id=call["id"])).items
        assert (line.waits, line.until) == ("budget", call["not_before"])
        assert world.metric("tocsin_contact_caps_hit_total", cap="budget") >= 1
        (tmp_path / "tocsin.yaml").write_text(limited.replace("calls_per_day: 1", "calls_per_day: 2"))
        assert await world.service.reload() == ()
        await world.deliver()
        assert (await world.rows("outbox", kind="call", incident=second["id"]))[0]["state"] == "done"


async def test_an_exchange_away_for_an_hour_costs_no_attempts_and_is_not_hammered(tmp_path, sqlite_url):
    by_mail = CONFIGURATION.replace(
        'phone: "+498998765432", language: en}',
        'phone: "+498998765432", email: nadia@example.org, language: en}',
    )
    async with a_world(tmp_path, sqlite_url, configuration=by_mail + CHECKS) as world:
        phone = AwayExchange(world.exchange, world.clock)
        world.service.calling.phone = phone  # type: ignore[assignment] # an exchange like any other
        world.answers(GIULIA, Pickup.ANSWER, presses="1")
        world.answers("+16142345678", Pickup.ANSWER, presses="1")
        await world.fails("pbx-1-sip")
        await world.fails("pbx-4-sip")
        for _ in range(60):
            await world.passes_time(minutes=1)
            await world.service.delivery.gate.raise_alarms()
        tried = len(phone.tried)
        assert tried < 90, "one row at a time, once a minute at last"
        calls = await world.rows("outbox", kind="call")
        assert {row["state"] for row in calls} == {"waiting"}
        assert max(row["attempts"] for row in calls) <= 3, "those that found out, and no more"
        lines = (await waiting_of(world, kind="call")).items
        assert {line.waits for line in lines} == {"provider_down"}
        assert all("no connection" in line.why + line.reason for line in lines)
        alarms = [row for row in await world.rows("outbox", kind="page") if row["incident"] is None]
        assert [row["recipient"] for row in alarms] == ["nadia@example.org"], "told once, by the other way"
        assert world.exchange.calls == []
        phone.away = False
        await world.service.pipeline.acknowledge((await world.incident(system="PBX-4"))["id"], actor="nadia")
        await world.passes_time(minutes=2)
        assert [call.script.to for call in world.exchange.calls] == [GIULIA], (
            "what nobody needs any more is not called"
        )


class AwayForOne(AwayExchange):
    """An exchange that cannot be reached whenever one number is called, as where a trunk's far side hangs."""

    async def place(self, call: CallScript) -> str:
        self.away = call.to == GIULIA
        return await super().place(call)


async def test_a_contact_for_whom_alone_the_exchange_is_away_is_given_up_and_our_own_people_are_told(
    tmp_path, sqlite_url
):
    """It would be tried without an end else, since whoever else is called shows that the exchange is there."""
    async with a_world(tmp_path, sqlite_url, configuration=CONFIGURATION + CHECKS) as world:
        phone = AwayForOne(world.exchange, world.clock)
        world.service.calling.phone = phone  # type: ignore[assignment] # an exchange like any other
        world.answers("+16142345678", Pickup.NO_ANSWER)
        await world.fails("pbx-1-sip")
        await world.fails("pbx-4-sip")
        policy = world.service.delivery.gate.rules.retries_of("phone")
        await world.passes_time(minutes=60)
        assert 1 < len(phone.tried) <= policy.attempts
        incident = await world.incident(system="PBX-1")
        assert incident["status"] == "acknowledged"
        (call,) = await world.rows("outbox", kind="call", incident=incident["id"])
        assert (call["state"], call["attempts"]) == ("failed", policy.attempts)
        assert "no connection" in call["reason"]
        assert incident["acknowledged_by"] == "nadia by phone"


async def test_a_row_that_breaks_its_handler_each_time_is_set_aside_and_can_be_sent_again(
    tmp_path, sqlite_url
):
    async with a_world(tmp_path, sqlite_url) as world:
        await world.service.store.write(owing.owe, [a_mail("poison"), a_mail("fine")], world.clock())
        mail = Mailbox()
        world.service.delivery.mail = mail
        with structlog.testing.capture_logs() as logged:
            await world.passes_time(minutes=10)
        assert [each["event"] for each in logged].count("contact.broke") == 3
        (poison,) = await world.rows("outbox", dedup="poison")
        assert (poison["state"], poison["attempts"]) == ("set_aside", 3)
        assert "ValueError: this one again" in poison["reason"]
        (fine,) = await world.rows("outbox", dedup="fine")
        assert fine["state"] == "done"
        mail.broken = False
        await world.service.pipeline.retry(poison["id"], actor="nadia")
        await world.deliver()
        assert (await world.rows("outbox", dedup="poison"))[0]["state"] == "done"


class Mailbox:
    """A mail server's driver that breaks on one subject."""

    name = "smtp"
    broken = True

    async def send(self, mail: Any) -> str:
        if self.broken and mail.subject == "poison":
            raise ValueError("this one again")
        return "250 taken"


def a_mail(subject: str) -> Obligation:
    return Obligation(
        id=f"out_{an_id()}",
        incident=None,
        kind="announce",
        channel="mail",
        dedup=subject,
        partner=None,
        contact=None,
        recipient="forum@example.org",
        language="en",
        priority=100,
        not_before=datetime.fromisoformat("2026-01-01T00:00+00:00"),
        payload={"subject": subject, "body": "words"},
    )


async def test_a_lost_answer_is_on_the_board_at_once_and_in_the_log_until_it_is_settled(tmp_path, sqlite_url):
    configured = {"configuration": CONFIGURATION + CHECKS, "at": MONDAY_AT_TEN}
    async with a_console(tmp_path, sqlite_url, **configured) as world:
        nora = await world.at_the_console("nora")
        headers = await a_token(world)
        world.answers(NADIA, Pickup.NO_ANSWER)
        world.answers(GIULIA, Pickup.ANSWER, response=Response.ERROR, lookup_works=False)
        await world.fails("pbx-1-sip")
        await world.service.delivery.drain()
        assert "Contacts that need you 1 in doubt" in (await nora.get("/noc/")).text
        (item,) = await listed(nora, headers, "waits=doubt")
        assert item["why"].startswith("in doubt")
        await world.passes_time(minutes=1)
        (row,) = await world.rows("outbox", id=item["id"])
        assert row["state"] == "set_aside"
        board = (await nora.get("/noc/board")).text
        assert "1 set aside" in board
        assert "not redialled" in board
        answer = await nora.client.get(f"/api/v1/deliveries/{row['id']}", headers=headers)
        file = await answer.json()
        assert [tried["result"] for tried in file["tried"]] == ["ambiguous"]
        assert "Try again" in (await nora.get(f"/noc/deliveries/{row['id']}")).text
        assert (await nora.get("/noc/deliveries/out_none")).status == 404
        world.answers(GIULIA, Pickup.ANSWER, presses="1")
        again = await nora.client.post(f"/api/v1/deliveries/{row['id']}/retry", headers=headers)
        assert (await again.json())["state"] == "waiting"
        await world.deliver()
        assert (await world.incident())["status"] == "acknowledged"
        assert "Contacts that need you" not in (await nora.get("/noc/")).text
        refused = await nora.client.post(f"/api/v1/deliveries/{row['id']}/retry", headers=headers)
        assert refused.status == 409


async def test_the_board_and_the_outbox_say_the_same_of_a_wait_as_the_log(tmp_path, sqlite_url):
    configured = {"configuration": CONFIGURATION + CHECKS, "at": MONDAY_AT_TEN}
    async with a_console(tmp_path, sqlite_url, **configured) as world:
        nora, headers = await world.at_the_console("nora"), await a_token(world)
        world.service.calling.phone = AwayExchange(world.exchange, world.clock)
        await world.fails("pbx-1-sip")
        await world.fails("pbx-4-sip")
        await world.passes_time(minutes=3)
        items = await listed(nora, headers, "state=waiting&channel=phone")
        assert len(items) == 2
        assert all(item["why"].startswith("the telephone is away since 09:0") for item in items)
        board = (await nora.get("/noc/")).text
        assert "2 wait phone provider down the telephone is away since" in board, "what is alike, in one line"
        assert board.count(": the telephone is away since 09:0") == 2, "each of them in its incident's row"
        answer = await nora.client.get("/api/v1/outbox?state=waiting&channel=phone", headers=headers)
        for owed in (await answer.json())["items"]:
            assert owed["waits_because"].startswith("the telephone is away since 09:0")
        about = f"/noc/incidents/{items[0]['incident']}"
        assert "the telephone is away since 09:0" in (await nora.get(about)).text


async def a_token(world) -> dict[str, str]:
    secret = "tcs_read-and-operate-0123456789"
    made = {"id": an_id(), "name": "a program", "secret": secret, "scopes": ("read", "operate")}
    await world.service.store.write(people.create_token, now=world.clock(), **made)
    return {"Authorization": f"Bearer {secret}"}


async def listed(engineer, headers, query) -> list[dict[str, Any]]:
    answer = await engineer.client.get(f"/api/v1/deliveries?{query}", headers=headers)
    assert answer.status == 200, await answer.text()
    return (await answer.json())["items"]


async def test_a_process_that_stood_still_sends_nothing_when_it_wakes(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url) as world:
        world.answers(GIULIA, Pickup.ANSWER, presses="1")
        await world.fails("pbx-1-sip")
        stopped = await world.service.delivery.claim()
        assert stopped
        world.clock.forward(60)  # SIGSTOP ... SIGCONT
        for due in stopped:
            await world.service.delivery.send_safely(due)
        assert world.exchange.calls == []
        assert await world.rows("tickets") == []
        await world.passes_time(minutes=5)
        world.only_called(GIULIA)
        assert len(await world.rows("tickets")) == 1


@pytest.mark.parametrize("sends", [60])
async def test_two_engines_on_one_postgresql_send_every_row_once(tmp_path, postgresql_url, sends):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        a_world(tmp_path / "a", postgresql_url) as one,
        a_world(tmp_path / "b", postgresql_url) as two,
    ):
        two.clock.now = one.clock.now
        boxes = [Counting(), Counting()]
        one.service.delivery.mail, two.service.delivery.mail = boxes
        rows = [a_mail(f"mail {number}") for number in range(sends)]
        await one.service.store.write(owing.owe, rows, one.clock())
        tasks = [asyncio.create_task(each.service.delivery.run()) for each in (one, two)]
        try:
            async with asyncio.timeout(60):
                while len(boxes[0].sent) + len(boxes[1].sent) < sends:
                    await asyncio.sleep(0.05)
                while {row["state"] for row in await one.rows("outbox")} != {"done"}:
                    await asyncio.sleep(0.05)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted([*boxes[0].sent, *boxes[1].sent]) == sorted(row.dedup for row in rows)
        assert boxes[0].sent
        assert boxes[1].sent


class Counting:
    """A mail server's driver that takes its time and remembers what it took."""

    name = "smtp"

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, mail: Any) -> str:
        await asyncio.sleep(0.02)
        self.sent.append(mail.subject)
        return "250 taken"
