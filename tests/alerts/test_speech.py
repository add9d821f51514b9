"""Text to speech by a program of the operator's: kept, bounded, with another voice where one is missing."""

import sys
import wave
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerts import speech, wav
from alerts.speech import RATE, Renderer, Speech
from monitor.errors import DeliveryError
from tests.alerts.sip_phones import speaking

SAYS = """
import os, struct, sys, wave
voice, speed, file = sys.argv[1:4]
text = sys.stdin.read()
open(os.path.join(os.path.dirname(sys.argv[0]), "runs"), "a").write(voice + "\\n")
if voice not in ("it", "en"):
    sys.exit("no voice " + voice)
if "for ever" in text:
    import time; time.sleep(60)
if "environment" in text:
    assert "SECRET" not in os.environ
with wave.open(sys.stdout.buffer if file == "-" else file, "wb") as out:
    out.setparams((1, 2, 22050, 0, "NONE", ""))
    out.writeframes(struct.pack("<h", 5000) * (22050 * len(text.split()) // 10))
if "much" in text:
    while True: sys.stdout.buffer.write(bytes(1 << 20))
"""


def a_program(folder: Path, *, file: str = "-", **changes) -> Speech:
    (folder / "says.py").write_text(SAYS)
    command = (sys.executable, str(folder / "says.py"), "{voice}", "{speed}", file)
    return Speech(Renderer(command=command, **changes), folder / "spoken")


def runs(folder: Path) -> list[str]:
    return (folder / "runs").read_text().split()


@pytest.mark.parametrize("file", ["-", "{file}"], ids=["from stdout", "from its file"])
async def test_a_text_becomes_sound_at_a_call_s_rate_once(tmp_path: Path, file: str) -> None:
    says = a_program(tmp_path, file=file)
    spoken = await says.speak("one two three four five", "it")
    assert (await says.speak("one two three four five", "it")) == spoken
    assert runs(tmp_path) == ["it"]
    with wave.open(str(spoken.file)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (RATE, 1, 2)
    assert spoken.seconds == pytest.approx(0.5, abs=0.01)
    await says.speak("another text", "it")
    assert len(runs(tmp_path)) == 2


async def test_a_missing_voice_is_replaced_and_the_log_says_so_once(tmp_path: Path) -> None:
    says = a_program(tmp_path, voices={"de": "stimme"}, fallback="en")
    with capture_logs() as logs:
        await says.speak("eins zwei", "de")
        await says.speak("drei vier", "de-AT")
    assert runs(tmp_path)[-1] == "en"
    assert {entry["voice"] for entry in logs} >= {"stimme", "de"}
    assert len([entry for entry in logs if (entry["language"], entry["voice"]) == ("de", "stimme")]) == 1


@pytest.mark.parametrize(
    ("text", "words", "seconds"),
    [
        pytest.param("for ever", "took too long", 1.0, id="one that hangs"),
        pytest.param("much too much", "more than", 30.0, id="one that does not stop"),
    ],
)
async def test_a_program_is_bounded_in_time_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str, seconds: float
) -> None:
    monkeypatch.setattr(speech, "LONGEST_RENDERING", seconds)
    monkeypatch.setattr(speech, "MOST_BYTES", 200_000)
    with pytest.raises(DeliveryError, match=words):
        await a_program(tmp_path).speak(text, "it")


async def test_no_voice_at_all_is_said_with_every_reason(tmp_path: Path) -> None:
    with pytest.raises(
        DeliveryError, match=r"no voice can say it .*es: it ended with 1: no voice es"
    ) as lost:
        await a_program(tmp_path, fallback="xx").speak("hola", "es")
    assert not lost.value.permanent


async def test_the_program_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    await a_program(tmp_path).speak("the environment", "it")


async def test_what_is_kept_is_bounded_and_the_least_used_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "KEPT", 2)
    says = a_program(tmp_path)
    for text in ("first", "second", "third"):
        await says.speak(text, "it")
    assert len(list((tmp_path / "spoken").glob("*.wav"))) == 2
    assert list((tmp_path / "spoken").glob(".*")) == []


async def test_a_damaged_file_is_spoken_again(tmp_path: Path) -> None:
    says = a_program(tmp_path)
    spoken = await says.speak("a text", "it")
    spoken.file.write_bytes(b"RIFF")
    assert await says.speak("a text", "it") == spoken


def test_a_program_that_is_not_there_is_told() -> None:
    assert Renderer(command=("no-such-program", "{voice}")).missing() == (
        "the program 'no-such-program' that speaks is not installed, or not in PATH"
    )
    assert Renderer(command=(sys.executable, "{voice}")).missing() is None


async def test_a_text_cannot_become_an_option_or_a_command(tmp_path: Path) -> None:
    spoken = await speaking().speak("--version; $(touch /tmp/owned) | `id`", "en")
    assert wav.decode(spoken.file.read_bytes()).seconds > 0.5, "it is read aloud, and no more"
