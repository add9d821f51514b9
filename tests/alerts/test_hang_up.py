"""Calls that are ended because nobody is needed any more: while they ring, when somebody listens, when they are over."""

import asyncio
from pathlib import Path

import pytest

from alerts.base import CallState
from alerts.sandbox import Behaviour, SandboxExchange
from monitor.errors import DeliveryError
from tests.alerts.lines import Book, a_call, a_line
from tests.alerts.sip_phones import Log, a_sip_call, a_sip_phone, now
from tests.far_ends.sipp import busy, is_silent, phones, rings_on
from tests.far_ends.twilio import Device

PARTNER = "+390612345678"
NOT_NEEDED = "hung up: nobody is needed any more"


async def test_sip_cancels_what_rings(tmp_path: Path) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: rings_on()}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip,
    ):
        id_ = await sip.place(a_sip_call())
        await log.until(CallState.RINGING)
        await sip.hang_up(a_sip_call(), provider_id=id_)
        await far_end.until("CANCEL sip:")
        assert (await log.until(CallState.COMPLETED)).detail == NOT_NEEDED


async def test_sip_tells_whoever_listens_that_it_is_settled_and_hangs_up(tmp_path: Path) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: is_silent()}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip,
    ):
        id_ = await sip.place(a_sip_call(text="A long story. " * 20))
        await log.until(CallState.ANSWERED)
        await asyncio.sleep(1)
        asked = now()
        await sip.hang_up(a_sip_call(), provider_id=id_)
        assert (await log.until(CallState.COMPLETED)).detail == NOT_NEEDED
        await far_end.until("BYE sip:")
        assert (now() - asked).total_seconds() < 20, "the story is not told to its end"


async def test_sip_hangs_up_nothing_that_is_over_or_was_never_placed(tmp_path: Path) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: busy()}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip,
    ):
        await sip.hang_up(a_sip_call("att_unknown"), provider_id=None)
        id_ = await sip.place(a_sip_call())
        await sip.settled()
        await sip.hang_up(a_sip_call(), provider_id=id_)
        assert log.states()[-1] is CallState.BUSY


@pytest.mark.parametrize(
    ("holds", "result"),
    [
        pytest.param("ringing", CallState.FAILED, id="while it rings"),
        pytest.param("in-progress", CallState.COMPLETED, id="while somebody listens"),
    ],
)
async def test_twilio_ends_a_call_and_tells_of_its_end_as_ever(holds: str, result: CallState) -> None:
    async with a_line() as line:
        line.provider.device(PARTNER, Device(holds=holds))
        sid = await line.place(a_call())
        await asyncio.wait_for(line.provider.held.wait(), 10)
        await line.driver.hang_up(a_call(), provider_id=sid)
        await line.provider.settled()
        assert line.book.states()[-1] is result
        await line.driver.hang_up(a_call(), provider_id=sid)  # it is over: no error


async def test_twilio_ends_nothing_by_a_guess_and_says_when_it_is_refused() -> None:
    async with a_line() as line:
        line.provider.device(PARTNER, Device(holds="ringing"))
        sid = await line.place(a_call())
        await line.driver.hang_up(a_call(), provider_id=None)
        assert line.provider.calls[0].status in {"queued", "ringing"}
        await line.driver.hang_up(a_call(), provider_id="CA" + "f" * 32)  # not theirs any more
        with pytest.raises(DeliveryError, match="no call's id"):
            await line.driver.hang_up(a_call(), provider_id="../Recordings")
        line.provider.token = "another"
        with pytest.raises(DeliveryError, match="401"):
            await line.driver.hang_up(a_call(), provider_id=sid)
        line.provider.token = "token-of-today"
        await line.driver.hang_up(a_call(), provider_id=sid)
        await line.provider.settled()


async def test_the_sandbox_cuts_a_call_and_tells_of_it_once() -> None:
    book = Book({"attempt-1": a_call()})
    rings = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        rings.set()
        await asyncio.Event().wait()

    async with SandboxExchange(book.on_event, clock=now, sleep=sleep, default=Behaviour()) as exchange:
        id_ = await exchange.place(a_call())
        await rings.wait()
        await exchange.hang_up(a_call(), provider_id="SB999999")
        assert book.states() == [CallState.QUEUED, CallState.RINGING]
        for _ in range(2):
            await exchange.hang_up(a_call(), provider_id=id_)
        assert book.states() == [CallState.QUEUED, CallState.RINGING, CallState.COMPLETED]
        found = await exchange.lookup(a_call(), since=now(), provider_id=id_)
        assert found is not None
        assert found.state is CallState.COMPLETED
