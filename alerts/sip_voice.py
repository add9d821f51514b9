"""What is said on a call by SIP, as files: spoken before it is dialled, and the fixed phrases while it rings."""

import asyncio
import contextlib
from collections.abc import Sequence

from alerts.base import CallScript
from alerts.cleaning import clean
from alerts.script import LONGEST_BODY, LONGEST_CALL, keys_text, phrase, spoken_seconds, within
from alerts.speech import Speech, Spoken
from monitor.errors import DeliveryError

PHRASES = ("settled", "confirmed", "handed_on", "not_understood", "one_moment", "goodbye", "not_recorded")


class SpokenAhead:
    """A ``Voice`` whose words are there when they are needed."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._later: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Leave off speaking ahead."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    async def prepare(self, call: CallScript) -> None:
        """Speak everything the call may need, so that the words are there when it is answered."""
        await self.reading(call)
        await self.phrase(call.language, PHRASES[0])
        later = asyncio.create_task(self._phrases(call.language), name="sip phrases")
        self._later.add(later)  # while it rings
        later.add_done_callback(self._later.discard)

    async def _phrases(self, language: str) -> None:
        with contextlib.suppress(DeliveryError):  # tried again when the phrase is to be said
            for name in PHRASES[1:]:
                await self.phrase(language, name)

    async def reading(self, call: CallScript) -> Sequence[str]:
        """Return text and keys as files; together never longer than one reading may be."""
        keys = keys_text(call.language, call.keys)
        spoken_keys = await self._speech.speak(keys, call.language) if keys else None
        room = LONGEST_CALL - (spoken_keys.seconds if spoken_keys else 0.0)
        text = await self._within(clean(call.text, LONGEST_BODY), call.language, room)
        return [str(part.file) for part in (text, spoken_keys) if part]

    async def phrase(self, language: str, name: str) -> str:
        """Return a fixed phrase as a file."""
        return str((await self._speech.speak(phrase(language, name), language)).file)

    async def _within(self, text: str, language: str, room: float) -> Spoken:
        """Speak a text in the time there is: by what the voice really takes, not by an estimate."""
        text = within(text, room)
        spoken = await self._speech.speak(text, language)
        for _ in range(4):
            if spoken.seconds <= room:
                break
            text = within(text, spoken_seconds(text) * room / spoken.seconds * 0.97)
            spoken = await self._speech.speak(text, language)
        return spoken
