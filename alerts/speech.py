"""Text to speech by a program of the operator's: espeak-ng, or any other that makes WAV from text.

    text, language -> voice -> program (argv, no shell; text by stdin; bounded in time and size) -> WAV at a call's rate

What was spoken once is kept in a folder under the hash of all that went into it. A voice that is missing is
replaced by another with a line in the log: the wrong accent at night is better than no call.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from alerts import wav
from alerts.languages import short
from monitor.errors import DeliveryError

RATE = 8_000
"""What a telephone carries (G.711)."""

LONGEST_RENDERING = 20.0
MOST_BYTES = 32 * 1024 * 1024
KEPT = 400
AT_ONCE = 2
_SAID_OF_A_FAILURE = 300
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH")
"""What of our environment the program gets: credentials may be in the rest."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renderer:
    """The program: ``command`` may name {voice}, {speed} and {file}; without {file} it writes to stdout."""

    command: tuple[str, ...]
    voices: Mapping[str, str] = field(default_factory=dict[str, str])
    fallback: str = "en"
    speed: int = 140

    def missing(self) -> str | None:
        """Say what is wrong if the program is not there."""
        if shutil.which(self.command[0]):
            return None
        return f"the program {self.command[0]!r} that speaks is not installed, or not in PATH"

    def candidates(self, language: str) -> tuple[str, ...]:
        """Return the voices to try for a language, the best first."""
        own = short(language)
        wanted = [self.voices.get(language), self.voices.get(own), own]
        wanted += [self.voices.get(self.fallback), self.fallback]
        return tuple(dict.fromkeys(voice for voice in wanted if voice))

    def argv(self, voice: str, file: str) -> list[str]:
        """Return the command line."""
        facts = {"{voice}": voice, "{speed}": str(self.speed), "{file}": file}
        return [_filled(argument, facts) for argument in self.command]

    @property
    def writes_a_file(self) -> bool:
        """Whether the sound comes in a file and not on stdout."""
        return any("{file}" in argument for argument in self.command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A WAV at a call's rate, and how long it lasts."""

    file: Path
    seconds: float


class Speech:
    """Speaks texts into files."""

    def __init__(self, renderer: Renderer, folder: Path) -> None:
        """Keep what was spoken in ``folder``, which is made when it is needed."""
        self._renderer = renderer
        self._folder = folder
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._warned: set[tuple[str, str]] = set()

    async def speak(self, text: str, language: str) -> Spoken:
        """Return the text as sound; DeliveryError when no voice can say it."""
        reasons: list[str] = []
        for voice in self._renderer.candidates(language):
            path = self._folder / f"{self._key(text, voice)}.wav"
            if spoken := await asyncio.to_thread(_kept, path):
                return spoken
            try:
                async with self._turns:
                    spoken = await self._render(text, voice, path)
            except (OSError, TimeoutError, wav.WavError, _RenderingError) as error:
                reasons.append(f"{voice}: {str(error) or 'it took too long'}")
                self._warn(language, voice, reasons[-1])
            else:
                return spoken
        raise DeliveryError(f"no voice can say it ({'; '.join(reasons)})")

    def _key(self, text: str, voice: str) -> str:
        facts = [self._renderer.command, self._renderer.speed, voice, RATE, text]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _warn(self, language: str, voice: str, why: str) -> None:
        if (language, voice) not in self._warned:
            self._warned.add((language, voice))
            log.warning("speech.voice_failed", language=language, voice=voice, why=why)

    async def _render(self, text: str, voice: str, path: Path) -> Spoken:
        await asyncio.to_thread(self._folder.mkdir, 0o700, True, True)
        with _scratch(self._folder) as file:
            async with asyncio.timeout(LONGEST_RENDERING):
                said = await _run(self._renderer.argv(voice, str(file)), text)
            if self._renderer.writes_a_file:
                said = await asyncio.to_thread(_read, file)
            return await asyncio.to_thread(_keep, said, path)


class _RenderingError(Exception):
    """The program failed; its own words."""


async def _run(argv: list[str], text: str) -> bytes:
    """Run the program, and end it whatever happens to us."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    assert process.stdin, "it is a pipe"
    assert process.stdout, "it is a pipe"
    assert process.stderr, "it is a pipe"
    try:
        _, said, complaint = await asyncio.gather(
            _feed(process.stdin, text),
            _bounded(process.stdout, process.pid),
            _bounded(process.stderr, process.pid),
        )
        status = await process.wait()
    finally:
        if process.returncode is None:
            _kill(process.pid)
            await process.wait()
    if status != 0:
        words = complaint.decode("utf-8", "replace").strip()[-_SAID_OF_A_FAILURE:]
        raise _RenderingError(f"it ended with {status}{': ' + words if words else ''}")
    return said


async def _feed(stdin: asyncio.StreamWriter, text: str) -> None:
    with contextlib.suppress(ConnectionError):  # one that does not read its text says why by its status
        stdin.write(text.encode() + b"\n")
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # process.kill() would reap it away from who waits for it


async def _bounded(stream: asyncio.StreamReader, pid: int) -> bytes:
    """Read what the program says; one that says too much is ended, and its pipe read to the end: it is waited for."""
    parts: list[bytes] = []
    size = 0
    while part := await stream.read(65_536):
        size += len(part)
        if size > MOST_BYTES:
            _kill(pid)
            while await stream.read(65_536):
                pass
            raise _RenderingError(f"it made more than {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _filled(argument: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        argument = argument.replace(name, value)
    return argument


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a name for the program's own file, and remove it afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".speaking-") as inside:
        yield Path(inside) / "said.wav"


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES)


def _kept(path: Path) -> Spoken | None:
    """Return what was spoken before, marked as used just now."""
    try:
        sound = wav.decode(path.read_bytes())
        path.touch()
    except (OSError, wav.WavError):
        return None
    return Spoken(file=path, seconds=sound.seconds)


def _keep(said: bytes, path: Path) -> Spoken:
    """Bring what the program said to a call's rate and keep it; the oldest goes when there is too much."""
    sound = wav.at_rate(wav.decode(said), RATE)
    if not sound.samples:
        raise wav.WavError("there is no sound in it")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".keeping-", delete=False) as file:
        file.write(wav.encode(sound))
    Path(file.name).replace(path)
    _make_room(path.parent)
    return Spoken(file=path, seconds=sound.seconds)


def _make_room(folder: Path) -> None:
    files = sorted(folder.glob("*.wav"), key=_age)
    for old in files[: max(len(files) - KEPT, 0)]:
        old.unlink(missing_ok=True)


def _age(file: Path) -> float:
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0
