"""The webhook driver where the suite over all ticket systems does not look: receivers that are never asked."""

from datetime import UTC, datetime

import pytest

from alerts.marks import marked
from alerts.outcomes import Patience
from alerts.webhook import Webhook
from monitor.errors import DeliveryError
from tests.alerts.tickets.ends import SECRET, a_ticket
from tests.far_ends.faults import Fault, a_wire
from tests.far_ends.webhook import a_receiver


def now() -> datetime:
    return datetime.now(UTC)


def a_driver(url: str, **changes) -> Webhook:
    settings = {"secret": SECRET, "queue": "support", "clock": now, "reads": False}
    return Webhook(url, **{**settings, **changes})


async def test_a_receiver_that_only_takes_messages_is_never_asked_and_opens_nothing_twice() -> None:
    async with a_receiver(SECRET) as receiver, a_wire(receiver.url) as wire:
        driver = a_driver(wire.url, patience=Patience(connect=1, total=1))
        assert await driver.find("inc_1") is None
        wire.fails(Fault.LOST)
        with pytest.raises(DeliveryError) as lost:
            await driver.open(a_ticket("inc_1"))
        assert lost.value.ambiguous
        assert await driver.find("inc_1") is None
        opened = await driver.open(a_ticket("inc_1", subject="worded anew"))
        note = marked("We are on it.", "out_1")
        await driver.comment(opened.reference, note)
        await driver.comment(opened.reference, note)
        await driver.resolve(opened.reference, marked("It is up.", "out_2"))
        assert {method for method, _ in wire.seen} == {"POST"}
        (ticket,) = receiver.names["TICKETS"].values()
    assert [one["text"] for one in ticket["notes"]] == [note, marked("It is up.", "out_2")]
    assert (ticket["subject"], ticket["closed"]) == ("PBX-1001: no answer", True)


async def test_a_closed_ticket_refuses_what_comes_to_it_unasked() -> None:
    async with a_receiver(SECRET) as receiver:
        driver = a_driver(receiver.url)
        opened = await driver.open(a_ticket("inc_1"))
        await driver.resolve(opened.reference, "")
        with pytest.raises(DeliveryError, match="a closed ticket stays closed") as refused:
            await driver.comment(opened.reference, "too late")
    assert (refused.value.permanent, refused.value.ambiguous) == (True, False)


async def test_a_check_says_that_nothing_was_asked() -> None:
    (told,) = await a_driver("http://127.0.0.1:1").check()
    assert "reads: false" in told


async def test_every_message_is_signed_over_its_very_bytes_and_is_refused_when_old() -> None:
    async with a_receiver(SECRET) as receiver:
        driver = a_driver(receiver.url, clock=lambda: datetime(2020, 1, 1, tzinfo=UTC))
        with pytest.raises(DeliveryError, match="does not accept our signature") as refused:
            await driver.open(a_ticket("inc_1"))
        assert receiver.names["TICKETS"] == {}
    assert refused.value.refused


async def test_a_receiver_that_answers_with_somebody_elses_ticket_is_not_believed() -> None:
    async with a_receiver(SECRET) as receiver:
        driver = a_driver(receiver.url, reads=True)
        opened = await driver.open(a_ticket("inc_1"))
        receiver.names["ask"] = lambda _query: (
            200,
            {"tickets": [{"mark": "inc_1", "reference": opened.reference}]},
        )
        assert await driver.find("inc_2") is None
        assert await driver.find("inc_1") is not None
