"""Placing calls and asking what became of them, over a provider that behaves and misbehaves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.base import CallState
from alerts.outcomes import Patience
from alerts.twilio import Account, TwilioPhone, call_state
from monitor.errors import DeliveryError
from tests.alerts.lines import Line, a_call, a_line, an_account
from tests.far_ends.twilio import Device, FakeTwilio, Fault

PARTNER = "+390612345678"


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_partner_hears_the_text_presses_1_and_it_is_recorded_before_anybody_is_told(
    line: Line,
) -> None:
    sid = await line.place(a_call())
    await line.provider.settled()
    (call,) = line.provider.calls
    assert sid == call.sid
    assert call.heard[0] == "Calls are dropping at P B X 1 0 0 1."
    assert "recorded" in call.heard[-1]
    assert line.book.states() == [
        CallState.QUEUED,
        CallState.RINGING,
        CallState.ANSWERED,
        CallState.ACKNOWLEDGED,
        CallState.COMPLETED,
    ]
    assert line.book.result() is CallState.ACKNOWLEDGED
    assert {event.provider_id for event in line.book.events} == {sid}
    line.provider.assert_no_other_calls(PARTNER)


async def test_the_call_says_where_to_ask_and_how_long_to_ring(line: Line) -> None:
    await line.place(a_call("a-7", language="it", ring_seconds=45))
    (call,) = line.provider.calls
    assert call.get("To") == PARTNER
    assert call.get("From") == line.provider.number
    assert call.get("Url") == f"{line.url}/calls/twilio/a-7/say?language=it"
    assert call.get("StatusCallback") == f"{line.url}/calls/twilio/a-7/status"
    assert [value for name, value in call.form if name == "StatusCallbackEvent"] == [
        "initiated",
        "ringing",
        "answered",
        "completed",
    ]
    assert call.get("Timeout") == "45"


async def test_without_a_public_address_the_text_goes_along_and_nobody_can_acknowledge() -> None:
    async with a_line(callbacks=False) as line:
        sid = await line.place(a_call())
        await line.provider.settled()
        (call,) = line.provider.calls
        assert call.heard == ["Calls are dropping at P B X 1 0 0 1."] * 2
        assert (call.get("Url"), call.get("StatusCallback")) == ("", "")
        seen = await line.driver.lookup(a_call(), since=now(), provider_id=sid)
    assert seen is not None
    assert seen.state is CallState.COMPLETED
    assert line.book.events == []


@pytest.mark.parametrize(
    ("ends", "sip_code", "state"),
    [
        ("busy", "486", CallState.BUSY),
        ("busy", "603", CallState.REFUSED),
        ("no-answer", None, CallState.NO_ANSWER),
        ("failed", None, CallState.FAILED),
        ("failed", "480", CallState.NO_ANSWER),
        ("failed", "404", CallState.FAILED),
        ("canceled", None, CallState.FAILED),
    ],
)
async def test_what_ends_without_a_word_is_told_as_it_was(
    line: Line, ends: str, sip_code: str | None, state: CallState
) -> None:
    line.provider.device(PARTNER, Device(ends=ends, sip_code=sip_code))
    await line.place(a_call())
    await line.provider.settled()
    assert line.book.result() is state


async def test_a_voicemail_that_listens_to_everything_is_no_contact(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="", answered_by="machine_start"))
    await line.place(a_call())
    await line.provider.settled()
    assert line.book.result() is CallState.COMPLETED
    assert "machine_start" in line.book.events[-1].detail
    assert "No key was pressed" in line.provider.calls[0].heard[-1]


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER, Fault.ERROR_AFTER, Fault.UNREADABLE, Fault.SILENT])
async def test_a_lost_answer_is_ambiguous_and_the_call_is_found_by_asking(line: Line, fault: Fault) -> None:
    line.provider.fault = fault
    begun = now()
    with pytest.raises(DeliveryError) as lost:
        await line.place(a_call())
    assert (lost.value.ambiguous, lost.value.permanent) == (True, False)
    await line.provider.settled()
    found = await line.driver.lookup(a_call(), since=begun, provider_id=None)
    assert found is not None
    assert found.provider_id == line.provider.calls[0].sid
    assert found.state is CallState.COMPLETED
    assert line.book.result() is CallState.ACKNOWLEDGED
    line.provider.assert_no_other_calls(PARTNER)


async def test_an_error_before_anything_happened_looks_the_same_until_one_asks(line: Line) -> None:
    line.provider.fault = Fault.ERROR_BEFORE
    with pytest.raises(DeliveryError) as lost:
        await line.place(a_call())
    assert lost.value.ambiguous
    assert await line.driver.lookup(a_call(), since=now(), provider_id=None) is None
    line.provider.assert_no_other_calls()


async def test_too_many_calls_at_once_is_for_later(line: Line) -> None:
    line.provider.fault = Fault.BUSY
    with pytest.raises(DeliveryError) as refused:
        await line.place(a_call())
    error = refused.value
    assert (error.permanent, error.ambiguous, error.retry_after) == (False, False, 7.0)


@pytest.mark.parametrize("to", ["", "0612345678"])
async def test_a_number_the_provider_does_not_take_is_permanent(line: Line, to: str) -> None:
    with pytest.raises(DeliveryError, match="21211") as refused:
        await line.place(a_call(to=to))
    assert (refused.value.permanent, refused.value.ambiguous) == (True, False)


async def test_a_country_that_is_not_permitted_is_permanent_and_says_so(line: Line) -> None:
    line.provider.fault = Fault.GEO
    with pytest.raises(DeliveryError, match="21215 Geo Permission") as refused:
        await line.place(a_call())
    assert refused.value.permanent


async def test_a_wrong_token_is_permanent_and_never_shown() -> None:
    async with a_line(auth_token="not-the-token") as line:
        with pytest.raises(DeliveryError, match="20003") as refused:
            await line.place(a_call())
    assert refused.value.permanent
    assert "not-the-token" not in str(refused.value)


async def test_a_provider_that_is_not_there_was_never_asked() -> None:
    async with FakeTwilio() as provider:
        account = an_account(provider)
    phone = TwilioPhone(account, callback_base="https://example.org", patience=Patience(connect=1, total=1))
    with pytest.raises(DeliveryError) as lost:
        await phone.place(a_call())
    assert (lost.value.ambiguous, lost.value.permanent) == (False, False)


async def test_a_call_that_waits_in_the_providers_queue_is_found(line: Line) -> None:
    waiting = line.provider.remember(to=PARTNER, status="queued")
    found = await line.driver.lookup(a_call(), since=now(), provider_id=None)
    assert found is not None
    assert (found.provider_id, found.state) == (waiting.sid, CallState.QUEUED)


async def test_calls_of_another_time_or_to_another_number_are_not_ours(line: Line) -> None:
    line.provider.remember(to=PARTNER, age=timedelta(minutes=10))
    line.provider.remember(to="+390612345679")
    assert await line.driver.lookup(a_call(), since=now(), provider_id=None) is None


async def test_two_calls_that_could_be_ours_are_for_a_person_to_tell_apart(line: Line) -> None:
    for _ in range(2):
        line.provider.remember(to=PARTNER)
    with pytest.raises(DeliveryError, match="2 calls to") as unclear:
        await line.driver.lookup(a_call(), since=now(), provider_id=None)
    assert unclear.value.ambiguous


async def test_with_its_id_a_call_is_found_among_many(line: Line) -> None:
    ours, _ = line.provider.remember(to=PARTNER, status="no-answer"), line.provider.remember(to=PARTNER)
    found = await line.driver.lookup(a_call(), since=now(), provider_id=ours.sid)
    assert found is not None
    assert found.state is CallState.NO_ANSWER
    assert await line.driver.lookup(a_call(), since=now(), provider_id="CA0") is None


async def test_a_call_that_is_known_to_be_another_attempts_is_not_found_for_this_one(line: Line) -> None:
    theirs = line.provider.remember(to=a_call().to)
    assert await line.driver.lookup(a_call(), since=now(), provider_id=None) is not None
    asked = replace(a_call(), others=frozenset({theirs.sid}))
    assert await line.driver.lookup(asked, since=now(), provider_id=None) is None


async def test_an_id_that_is_none_never_becomes_an_address(line: Line) -> None:
    with pytest.raises(DeliveryError) as refused:
        await line.driver.lookup(a_call(), since=now(), provider_id="../Messages")
    assert refused.value.permanent


async def test_callbacks_twice_and_backwards_come_to_the_same_result(line: Line) -> None:
    line.provider.doubled = True
    await line.place(a_call("twice"))
    await line.provider.settled()
    assert line.book.result() is CallState.ACKNOWLEDGED
    line.provider.doubled, line.provider.reversed = False, True
    line.book.events.clear()
    await line.place(a_call("backwards"))
    await line.provider.settled()
    assert [event.sequence for event in line.book.events] == [1000, 3, 2, 1, 0]
    assert line.book.result() is CallState.ACKNOWLEDGED


def test_a_status_nobody_told_us_of_means_nothing() -> None:
    assert call_state("transcending") is None


def test_secrets_do_not_show_themselves() -> None:
    provider = FakeTwilio()
    account = {
        "base_url": "https://x",
        "account_sid": "AC1",
        "auth_token": "geheim",
        "number": provider.number,
    }
    assert "geheim" not in repr(Account(**account, previous_token="geheim2"))
