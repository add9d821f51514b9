"""What is said on a SIP call arrives: heard by another user agent, compared with what was spoken."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from alerts import wav
from alerts.base import CallScript, CallState
from alerts.script import LONGEST_CALL, keys_text, phrase
from tests.alerts.sip_phones import Log, a_sip_call, a_sip_phone, speaking
from tests.far_ends.sipp import free_port

ROOT = Path(__file__).parents[2]
WINDOW = 160  # 20 ms: what one packet carries


@asynccontextmanager
async def a_listener(file: Path, *key: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port, media = free_port(tls=True), free_port(pairs=12)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.alerts.sip_listener", str(port), str(media), str(file), *key),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(15):
            assert await process.stdout.readline() == b"ready\n"
        yield f"127.0.0.1:{port}", process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def heard(folder: Path, call: CallScript, *key: str, say=None) -> tuple[wav.Sound, Log]:
    """Place a call to a phone that listens; return what it heard."""
    folder.mkdir()
    log, file = Log(), folder / "heard.wav"
    async with (
        a_listener(file, *key) as (address, process),
        a_sip_phone(folder, address, on_event=log.on_event, say=say, key=0.3) as sip,
    ):
        await sip.place(call)
        async with asyncio.timeout(60):
            await process.wait()
            await sip.settled()
    return wav.decode(file.read_bytes()), log


def share_heard(sound: wav.Sound, wanted: list[float]) -> float:
    """Return how much of what was wanted was heard, by half seconds: on a busy machine sound has gaps."""
    parts = [wanted[at : at + 25] for at in range(0, len(wanted) - 25, 25)]
    return sum(best_match(levels(sound.samples), part) > 0.8 for part in parts) / len(parts)


async def spoken(*parts: str) -> list[float]:
    """Return how loud what we say is, window by window."""
    sounds = [wav.decode((await speaking().speak(part, "en")).file.read_bytes()) for part in parts]
    return [level for sound in sounds for level in levels(sound.samples)]


def levels(samples: Sequence[int]) -> list[float]:
    return [
        math.sqrt(sum(value * value for value in samples[at : at + WINDOW]) / WINDOW)
        for at in range(0, len(samples) - WINDOW, WINDOW)
    ]


def best_match(heard_levels: list[float], wanted: list[float]) -> float:
    """Return the best correlation of what was wanted with any stretch of what was heard."""

    def correlation(one: Sequence[float], other: Sequence[float]) -> float:
        first, second = sum(one) / len(one), sum(other) / len(other)
        top = sum((a - first) * (b - second) for a, b in zip(one, other, strict=True))
        bottom = math.sqrt(sum((a - first) ** 2 for a in one) * sum((b - second) ** 2 for b in other))
        return top / bottom if bottom else 0.0

    return max(
        correlation(heard_levels[at : at + len(wanted)], wanted)
        for at in range(len(heard_levels) - len(wanted) + 1)
    )


TEXT = "Calls are dropping at P B X 1 0 0 1, since 14:05."
NEWS = "The ticket is number 4 7 1 1 now, and not before."


async def news(attempt: str) -> CallScript:
    return a_sip_call(attempt, text=NEWS, keys="1")


async def nothing_more(_attempt: str) -> None:
    return None


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[wav.Sound, Log]]:
    """Place three calls at the same time, each to a phone that listens."""

    async def at_once() -> dict[str, tuple[wav.Sound, Log]]:
        folder = tmp_path_factory.mktemp("heard")
        heard_ = await asyncio.gather(
            heard(folder / "told", a_sip_call(text=TEXT, keys="1"), "1", "4.5"),
            heard(folder / "asked", a_sip_call(text="A ticket follows."), "1", "4.5", say=news),
            heard(folder / "settled", a_sip_call(), say=nothing_more),
        )
        return dict(zip(("told", "asked", "settled"), heard_, strict=True))

    return asyncio.run(at_once())


async def test_the_text_and_the_keys_are_heard_and_the_thanks_after_the_key(calls: dict) -> None:
    sound, log = calls["told"]
    acknowledged = next(event for event in log.events if event.state is CallState.ACKNOWLEDGED)
    assert acknowledged.digit == "1"
    assert share_heard(sound, await spoken(TEXT)) > 0.5
    assert share_heard(sound, await spoken(phrase("en", "confirmed"))) > 0.5


async def test_what_is_said_is_asked_at_the_moment_of_the_answer(calls: dict) -> None:
    sound, _ = calls["asked"]
    assert share_heard(sound, await spoken(NEWS)) > 0.5
    assert best_match(levels(sound.samples), await spoken("A ticket follows.")) < 0.8


async def test_who_answers_when_it_is_settled_hears_that_and_is_left_alone(calls: dict) -> None:
    sound, log = calls["settled"]
    assert share_heard(sound, await spoken(phrase("en", "settled"))) > 0.5
    assert log.states()[1:] == [CallState.RINGING, CallState.ANSWERED, CallState.COMPLETED]
    assert sound.seconds < 15


async def test_a_reading_is_never_longer_than_it_may_be_by_the_voices_own_pace(tmp_path: Path) -> None:
    call = a_sip_call(text="It is down. " * 25, keys="1")
    slow = speaking(speed=80)
    async with a_sip_phone(tmp_path, "127.0.0.1:9", on_event=Log().on_event, speech=slow, ready=False) as sip:
        files = await sip.voice.reading(call)
    length = sum(wav.decode(Path(file).read_bytes()).seconds for file in files)
    assert 30 < length <= LONGEST_CALL


@pytest.mark.parametrize("language", ["en", "it", "de", "fr", "es"])
async def test_every_language_we_have_words_for_has_a_voice(tmp_path: Path, language: str) -> None:
    said = await speaking().speak(keys_text(language, "1"), language)
    assert max(levels(wav.decode(said.file.read_bytes()).samples)) > 1000, "it is no silence"
