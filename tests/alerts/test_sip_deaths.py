"""What becomes of calls when something dies: the process that speaks SIP, the service, the disk."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import sip_journal
from alerts.base import CallEvent, CallScript, CallState
from alerts.speech import Speech, Spoken
from monitor.errors import DeliveryError
from tests.alerts.sip_phones import Log, a_line, a_sip_call, a_sip_phone, now, speaking
from tests.far_ends.sipp import FarEnd, answers, is_silent, phones, rings_on

PARTNER = "+390612345678"
OTHER = "+390612345679"


async def dead(pid: int) -> None:
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("phone", "when"),
    [
        pytest.param(rings_on(), CallState.RINGING, id="while it rings"),
        pytest.param(is_silent(), CallState.ANSWERED, id="in the middle of a sentence"),
    ],
)
async def test_a_call_whose_process_dies_is_in_doubt_at_once_and_never_placed_again(
    tmp_path: Path, phone, when: CallState
) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: phone, OTHER: answers("1")}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event, on_doubt=log.on_doubt) as sip,
    ):
        call = a_sip_call()
        id_ = await sip.place(call)
        await log.until(when)
        os.kill(sip.child.pid, signal.SIGKILL)
        attempt, why = await log.until_doubt()
        assert (attempt, "SIP process stopped" in why) == (call.attempt, True)
        for provider_id in (id_, None):
            with pytest.raises(DeliveryError, match="its end is not on record") as unknown:
                await sip.lookup(call, since=now() - timedelta(minutes=1), provider_id=provider_id)
            assert unknown.value.permanent, "asking again is of no use"
        # The next call finds a new process.
        await sip.place(a_sip_call("att_2", OTHER))
        assert (await log.until(CallState.ACKNOWLEDGED)).attempt == "att_2"
        assert far_end.invited() == [PARTNER, OTHER]


async def test_a_key_that_was_pressed_counts_even_if_the_process_dies_before_it_is_recorded(
    tmp_path: Path,
) -> None:
    log = Log()
    pressed = asyncio.Event()

    async def record_is_away(event: CallEvent) -> None:
        if event.state is CallState.ACKNOWLEDGED and not pressed.is_set():
            pressed.set()
            raise ConnectionError("the record is away")
        await log.on_event(event)

    async with (
        phones(tmp_path / "phones", {PARTNER: answers("1")}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=record_is_away, on_doubt=log.on_doubt) as sip,
    ):
        await sip.place(a_sip_call())
        await asyncio.wait_for(pressed.wait(), 40)
        os.kill(sip.child.pid, signal.SIGKILL)
        proof = await log.until(CallState.ACKNOWLEDGED)
        assert (proof.digit, proof.sequence) == ("1", 1000)
        assert not log.doubts


async def test_a_call_that_is_ordered_while_there_is_no_process_was_not_placed(tmp_path: Path) -> None:
    with sip_journal_of_somebody_else(tmp_path / "journal"):
        async with a_sip_phone(tmp_path, "127.0.0.1:9", on_event=Log().on_event, ready=False) as sip:
            with pytest.raises(DeliveryError, match="SIP process") as away:
                await sip.place(a_sip_call())
            assert (away.value.permanent, away.value.ambiguous, away.value.away) == (False, False, True)


def sip_journal_of_somebody_else(folder: Path):
    folder.mkdir(parents=True)
    return sip_journal.locked(folder)


async def test_nothing_is_dialled_when_the_journal_cannot_be_written(tmp_path: Path) -> None:
    log = Log()
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / sip_journal.NAME).symlink_to("/dev/full")
    async with (
        phones(tmp_path / "phones", {PARTNER: answers("1")}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip,
    ):
        with pytest.raises(DeliveryError, match="No space left") as away:
            await sip.place(a_sip_call())
        assert (away.value.away, away.value.ambiguous) == (True, False)
        assert far_end.invited() == []


async def test_a_process_that_hangs_is_killed_and_its_call_is_in_doubt(tmp_path: Path, monkeypatch) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: rings_on()}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event, on_doubt=log.on_doubt) as sip,
    ):
        await sip.place(a_sip_call(ring_seconds=1))
        await log.until(CallState.RINGING)
        hung = sip.child.pid
        os.kill(hung, signal.SIGSTOP)
        await log.until_doubt()
        await dead(hung)


async def test_a_service_that_is_killed_leaves_no_call_in_the_air_and_none_is_placed_twice(
    tmp_path: Path,
) -> None:
    phone = {"ringing": rings_on(), "talking": is_silent()}
    async with (
        phones(tmp_path / "ringing", {PARTNER: phone["ringing"]}) as ringing,
        phones(tmp_path / "talking", {PARTNER: phone["talking"]}) as talking,
    ):
        await asyncio.gather(
            killed_when(CallState.RINGING, tmp_path / "ringing", ringing),
            killed_when(CallState.ANSWERED, tmp_path / "talking", talking),
        )
        await ringing.until("CANCEL sip:")
        await talking.until("BYE sip:")
        since = now() - timedelta(minutes=1)
        async with a_sip_phone(tmp_path / "ringing", ringing.address, on_event=Log().on_event) as sip:
            found = await sip.lookup(a_sip_call(), since=since, provider_id=None)
            assert found is not None, "certain: nobody had picked up"
            assert (found.state, found.detail) == (
                CallState.NO_ANSWER,
                "we stopped while it rang, by the journal",
            )
        async with a_sip_phone(tmp_path / "talking", talking.address, on_event=Log().on_event) as sip:
            with pytest.raises(DeliveryError, match="somebody had picked up"):
                await sip.lookup(a_sip_call(), since=since, provider_id=None)
        assert ringing.invited() == talking.invited() == [PARTNER]


async def killed_when(state: CallState, folder: Path, far_end: FarEnd) -> None:
    """Run a service of its own that places a call, and kill it without a warning at a moment of the call."""
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.alerts.sip_victim", str(folder), far_end.address, PARTNER),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert victim.stdout
    try:
        agent = None
        async with asyncio.timeout(30):
            while line := (await victim.stdout.readline()).decode().strip():
                agent = int(line) if line.isdigit() else agent
                if line == state.value:
                    break
            else:
                pytest.fail("the service ended by itself")
        assert agent is not None
    finally:
        with suppress(ProcessLookupError):
            victim.kill()
        await victim.communicate()
    await dead(agent)


async def test_a_signal_to_the_whole_service_is_not_the_end_of_its_calls(tmp_path: Path) -> None:
    """An init system tells every process of a service to stop; it is the service that ends calls, in order."""
    async with phones(tmp_path / "phones", {PARTNER: answers("1", thinks=1)}) as far_end:
        log = Log()
        async with a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip:
            await sip.place(a_sip_call())
            await log.until(CallState.ANSWERED)
            for number in (signal.SIGTERM, signal.SIGINT):
                os.kill(sip.child.pid, number)
            await log.until(CallState.ACKNOWLEDGED)


async def test_when_nothing_can_be_said_any_more_nobody_is_left_in_a_silent_call(tmp_path: Path) -> None:
    log = Log()

    async def say(attempt: str) -> CallScript:
        return a_sip_call(attempt, text="Words that were never spoken before", language="xx")

    async with (
        phones(tmp_path / "phones", {PARTNER: is_silent()}) as far_end,
        a_sip_phone(tmp_path, far_end.address, on_event=log.on_event, say=say, speech=Mute()) as sip,
    ):
        await sip.place(a_sip_call())
        end = await log.until(CallState.COMPLETED)
        assert end.detail == "the voice has gone"
        await far_end.until("BYE sip:")


class Mute(Speech):
    """A voice that speaks what is prepared, and then no more."""

    def __init__(self) -> None:
        self._ours = speaking()

    async def speak(self, text: str, language: str) -> Spoken:
        if "never spoken" in text:
            raise DeliveryError("the voice has gone")
        return await self._ours.speak(text, language)


async def test_a_service_that_stops_ends_its_calls_and_says_so(tmp_path: Path) -> None:
    async with phones(tmp_path / "phones", {PARTNER: rings_on()}) as far_end:
        log = Log()
        async with a_sip_phone(tmp_path, far_end.address, on_event=log.on_event) as sip:
            await sip.place(a_sip_call())
            await log.until(CallState.RINGING)
            agent = sip.child.pid
        assert not Path(f"/proc/{agent}").exists()
        await far_end.until("CANCEL sip:")
        known = sip_journal.find(tmp_path / "journal", "att_1")
        assert known is not None
        assert known.end is not None
        assert (known.end.orphaned, known.end.answered) == (True, False)


@pytest.mark.parametrize(
    ("changes", "provider_id", "words"),
    [
        pytest.param(
            {"alone": False}, None, "another process may have placed it", id="others place calls, too"
        ),
        pytest.param({}, "some-call-id", "the journal of calls knows nothing of it", id="it was placed"),
    ],
)
async def test_no_record_means_never_placed_only_where_the_journal_must_have_it(
    tmp_path: Path, changes: dict, provider_id: str | None, words: str
) -> None:
    line = a_line("127.0.0.1:9")
    async with a_sip_phone(tmp_path, lines=(line,), on_event=Log().on_event, **changes) as sip:
        with pytest.raises(DeliveryError, match=words):
            await sip.lookup(a_sip_call(), since=now(), provider_id=provider_id)
        with pytest.raises(DeliveryError, match=r"another process|does not reach back so far"):
            await sip.lookup(a_sip_call(), since=now() - timedelta(days=1), provider_id=None)
