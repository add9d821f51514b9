"""The telephone exchange in the process: it behaves as a network does, at once, under a clock of ours."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.base import CallEvent, CallState
from alerts.sandbox import Behaviour, Order, Pickup, Response, SandboxExchange
from alerts.script import keys_text
from monitor.errors import DeliveryError
from tests.alerts.lines import a_call

PARTNER = "+390612345678"
BEGAN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Exchange:
    """An exchange whose one device behaves as told, with what came of a call."""

    def __init__(self, behaviour: Behaviour | None = None, **settings) -> None:
        self.clock, self.events = Clock(), list[CallEvent]()
        self.exchange = SandboxExchange(self.on_event, clock=self.clock, sleep=self.clock.sleep, **settings)
        if behaviour:
            self.exchange.device(PARTNER, behaviour)

    async def on_event(self, event: CallEvent) -> None:
        self.events.append(event)

    async def call(self, **changes) -> CallState:
        async with self.exchange:
            await self.exchange.place(a_call(**changes))
            await self.exchange.settled()
        return max(self.events, key=lambda event: event.sequence).state


async def test_by_default_a_phone_is_answered_after_2_seconds_and_1_is_pressed_after_3_more() -> None:
    line = Exchange()
    assert await line.call() is CallState.ACKNOWLEDGED
    assert line.clock.now - BEGAN == timedelta(seconds=5)
    assert [event.state for event in line.events] == [
        CallState.QUEUED,
        CallState.RINGING,
        CallState.ANSWERED,
        CallState.ACKNOWLEDGED,
        CallState.COMPLETED,
    ]
    (call,) = line.exchange.calls
    assert call.heard.startswith(f"Calls are dropping at P B X 1 0 0 1. {keys_text('en', '129')}")
    assert (call.number, call.result) == (PARTNER, CallState.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (Behaviour(pickup=Pickup.BUSY), CallState.BUSY),
        (Behaviour(pickup=Pickup.REFUSE), CallState.REFUSED),
        (Behaviour(pickup=Pickup.NO_ANSWER), CallState.NO_ANSWER),
        (Behaviour(pickup=Pickup.UNREACHABLE), CallState.FAILED),
        (Behaviour(pickup=Pickup.VOICEMAIL), CallState.COMPLETED),
        (Behaviour(pickup=Pickup.HANG_UP), CallState.COMPLETED),
        (Behaviour(rings=60.0), CallState.NO_ANSWER),
        (Behaviour(presses=""), CallState.COMPLETED),
        (Behaviour(presses="2"), CallState.ESCALATED),
        (Behaviour(presses="991"), CallState.ACKNOWLEDGED),
        (Behaviour(presses="7"), CallState.COMPLETED),
    ],
)
async def test_a_phone_does_what_phones_do(behaviour: Behaviour, result: CallState) -> None:
    line = Exchange(behaviour)
    assert await line.call() is result
    assert line.exchange.calls[0].result is result


async def test_nobody_answers_until_the_ringing_ends() -> None:
    line = Exchange(Behaviour(pickup=Pickup.NO_ANSWER))
    await line.call(ring_seconds=45)
    assert line.clock.now - BEGAN == timedelta(seconds=45)


async def test_who_hangs_up_has_heard_half_of_it_and_a_voicemail_all_of_it() -> None:
    cut, all_of_it = Exchange(Behaviour(pickup=Pickup.HANG_UP)), Exchange(Behaviour(pickup=Pickup.VOICEMAIL))
    await cut.call()
    await all_of_it.call()
    assert 0 < len(cut.exchange.calls[0].heard) < len("Calls are dropping at P B X 1 0 0 1.")
    assert "P B X 1 0 0 1." in all_of_it.exchange.calls[0].heard


async def test_a_key_that_is_not_offered_is_not_taken() -> None:
    assert await Exchange(Behaviour(presses="2")).call(keys="1") is CallState.COMPLETED


@pytest.mark.parametrize("order", list(Order))
async def test_doubled_and_reversed_events_come_to_the_same_result(order: Order) -> None:
    line = Exchange(Behaviour(order=order, events_late=9.0))
    assert await line.call() is CallState.ACKNOWLEDGED
    assert len(line.events) == (10 if order is Order.DOUBLED else 5)
    if order is Order.REVERSED:
        assert line.events[0].state is CallState.COMPLETED


async def test_a_lost_response_is_ambiguous_while_the_phone_rings() -> None:
    line = Exchange(Behaviour(response=Response.LOST))
    async with line.exchange as exchange:
        with pytest.raises(DeliveryError) as lost:
            await exchange.place(a_call())
        assert lost.value.ambiguous
        await exchange.settled()
        found = await exchange.lookup(a_call(), since=BEGAN, provider_id=None)
    assert found is not None
    assert (found.state, found.provider_id) == (CallState.ACKNOWLEDGED, exchange.calls[0].id)
    exchange.assert_no_other_calls([PARTNER])


async def test_an_error_before_the_effect_is_ambiguous_and_rings_nobody() -> None:
    line = Exchange(Behaviour(response=Response.ERROR))
    async with line.exchange as exchange:
        with pytest.raises(DeliveryError) as lost:
            await exchange.place(a_call())
        assert lost.value.ambiguous
        assert await exchange.lookup(a_call(), since=BEGAN, provider_id=None) is None
    exchange.assert_no_other_calls([])


async def test_a_refusal_is_permanent_and_a_lookup_may_fail() -> None:
    line = Exchange(Behaviour(response=Response.REFUSED, lookup_works=False))
    async with line.exchange as exchange:
        with pytest.raises(DeliveryError) as refused:
            await exchange.place(a_call())
        assert refused.value.permanent
        with pytest.raises(DeliveryError):
            await exchange.lookup(a_call(), since=BEGAN, provider_id=None)


async def test_who_answers_when_all_is_over_hears_that() -> None:
    async def over(attempt: str) -> None:
        return None

    line = Exchange(say=over)
    assert await line.call(language="fr") is CallState.COMPLETED
    assert "réglé" in line.exchange.calls[0].heard


async def test_a_call_too_many_or_too_few_is_noticed() -> None:
    line = Exchange()
    await line.call()
    with pytest.raises(AssertionError, match="nobody expected"):
        line.exchange.assert_no_other_calls([])
    with pytest.raises(AssertionError, match="never placed"):
        line.exchange.assert_no_other_calls([PARTNER, PARTNER])


async def test_what_we_make_of_an_event_does_not_stop_the_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = Exchange()

    async def broken(event: CallEvent) -> None:
        raise RuntimeError("the record is gone")

    line.exchange._on_event = broken
    async with line.exchange as exchange:
        await exchange.place(a_call())
        await exchange.settled()
        exchange.device(PARTNER, replace(Behaviour(), pickup=Pickup.BUSY))
        await exchange.place(a_call())
        await exchange.settled()
    assert len(exchange.calls) == 2


async def test_closing_the_exchange_cuts_what_still_rings() -> None:
    exchange = SandboxExchange(Exchange().on_event, clock=Clock(), default=Behaviour(rings=1000))
    async with exchange:
        await exchange.place(a_call(ring_seconds=600))
    assert not exchange._running
