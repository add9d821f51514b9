"""Real SIP calls over the loopback, to phones that nobody here wrote (SIPp): all at once, by one driver."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.base import CallEvent, CallState
from tests.alerts.sip_phones import Log, a_line, a_sip_call, a_sip_phone
from tests.far_ends.sipp import (
    Phone,
    answers,
    busy,
    hangs_up,
    is_silent,
    phones,
    presses_by_info,
    refuses,
    rings_on,
    sent_elsewhere,
)

PARTNER = "+390612345678"
FINAL = (CallState.COMPLETED, CallState.NO_ANSWER, CallState.BUSY, CallState.REFUSED, CallState.FAILED)

KEYS: Mapping[str, tuple[Phone, CallState, str]] = {
    "1: they take it on": (answers("1"), CallState.ACKNOWLEDGED, "1"),
    "2: they hand it on": (answers("2"), CallState.ESCALATED, "2"),
    "9: they hear it again, then 1": (answers("9", "1"), CallState.ACKNOWLEDGED, "1"),
    "a wrong key, then 1": (answers("5", "1", thinks=1), CallState.ACKNOWLEDGED, "1"),
    "1 as SIP INFO": (presses_by_info("1"), CallState.ACKNOWLEDGED, "1"),
}
ENDS: Mapping[str, tuple[Phone, CallState, str]] = {
    "busy": (busy(), CallState.BUSY, "busy (486 Busy Here)"),
    "busy everywhere": (refuses("600 Busy Everywhere"), CallState.BUSY, "busy (600 Busy Everywhere)"),
    "declined": (refuses("603 Decline"), CallState.REFUSED, "declined (603 Decline)"),
    "declined as unwanted": (refuses("607 Unwanted"), CallState.REFUSED, "declined as unwanted"),
    "unavailable": (refuses("480 Temporarily Unavailable"), CallState.NO_ANSWER, "temporarily unavailable"),
    "the PBX's own time limit": (
        refuses("408 Request Timeout"),
        CallState.NO_ANSWER,
        "did not answer in time",
    ),
    "no such number": (refuses("404 Not Found", rings=None), CallState.FAILED, "there is no such number"),
    "incomplete": (refuses("484 Address Incomplete"), CallState.FAILED, "the number is incomplete"),
    "forbidden": (refuses("403 Forbidden", rings=None), CallState.FAILED, "does not let this line place"),
    "overloaded": (refuses("503 Service Unavailable"), CallState.FAILED, "cannot place the call just now"),
    "no common codec": (refuses("488 Not Acceptable Here"), CallState.FAILED, "neither PCMU nor PCMA"),
    "sent elsewhere": (sent_elsewhere("+882990000"), CallState.FAILED, "refused (302 Moved Temporarily)"),
    "a status nobody knows": (refuses("499 Whatever"), CallState.FAILED, "refused (499 Whatever)"),
    "hung up in mid-sentence": (hangs_up(0.5), CallState.COMPLETED, "without pressing a key"),
    "a voicemail listens": (is_silent(), CallState.COMPLETED, "nobody pressed a key"),
    "it rings and rings": (rings_on(), CallState.NO_ANSWER, "rang for 2 s"),
}


def keys_of(name: str) -> str:
    """Return the keys there are; few where they are read to their end, twice."""
    return "1" if name == "a voicemail listens" else "129"


@dataclass
class Told:
    """What the driver told of one call, what was placed, and what went over the wire."""

    events: list[CallEvent]
    provider_id: str
    wire: str


def everything(folder: Path, phones_: Mapping[str, Phone]) -> dict[str, Told]:
    """Call all phones at once by one driver and listen to the end."""

    async def calls() -> dict[str, Told]:
        numbers = {name: f"{PARTNER}{place}" for place, name in enumerate(phones_, 10)}
        log = Log()
        behave = {numbers[name]: phone for name, phone in phones_.items()}
        async with phones(folder / "phones", behave) as far_end:
            line = a_line(far_end.address, channels=len(phones_))
            async with a_sip_phone(folder, lines=(line,), on_event=log.on_event) as sip:
                scripts = [
                    a_sip_call(name, number, text="Calls drop.", ring_seconds=2, keys=keys_of(name))
                    for name, number in numbers.items()
                ]
                ids = await asyncio.gather(*(sip.place(script) for script in scripts))
                async with asyncio.timeout(60):
                    await sip.settled()
            assert sorted(far_end.invited()) == sorted(numbers.values()), "each phone rang once"
            wire = far_end.messages()
        return {
            script.attempt: Told([one for one in log.events if one.attempt == script.attempt], id_, wire)
            for script, id_ in zip(scripts, ids, strict=True)
        }

    return asyncio.run(calls())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    cases = {name: phone for name, (phone, _, _) in {**KEYS, **ENDS}.items()}
    return everything(tmp_path_factory.mktemp("calls"), cases)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_told_while_the_call_goes_on_and_is_its_proof(told: dict[str, Told], name: str) -> None:
    _, state, digit = KEYS[name]
    events = told[name].events
    assert [event.state for event in events] == [
        CallState.QUEUED,
        CallState.RINGING,
        CallState.ANSWERED,
        state,
    ]
    assert events[-1].digit == digit
    assert [event.sequence for event in events] == [0, 1, 2, 1000], "nothing that is late covers the key"


@pytest.mark.parametrize("name", ENDS)
def test_every_other_end_is_an_outcome_with_its_reason(told: dict[str, Told], name: str) -> None:
    _, state, words = ENDS[name]
    end = told[name].events[-1]
    assert (end.state, end.sequence) == (state, 3)
    assert words in end.detail
    assert [event.state for event in told[name].events].count(state) == 1


def test_the_provider_s_id_is_the_one_in_the_pbx_s_logs(told: dict[str, Told]) -> None:
    for one in told.values():
        assert f"Call-ID: {one.provider_id}" in one.wire
        assert {event.provider_id for event in one.events} == {one.provider_id}
