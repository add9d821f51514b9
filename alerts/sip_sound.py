"""Sound from a file into a call, a little ahead of what is heard. Part of the SIP process (``alerts/sip_agent.py``)."""

import asyncio
import contextlib
import wave

from baresip import AudioNotActive, AudioRestarted, Call

TICK = 0.05
AHEAD = 1.0
"""Seconds of sound given to the stack in advance: what is still unsaid when a key is pressed is thrown away."""


async def poured(call: Call, file: str) -> None:
    """Play a WAV to its end; ValueError if it is not at the call's rate."""
    with wave.open(file, "rb") as opened:
        rate, sound = opened.getframerate(), memoryview(opened.readframes(opened.getnframes()))
    position, buffered = 0, 0
    while position < len(sound) or buffered:
        # A call that the far end holds or moves has no sound for a while: it comes back.
        with contextlib.suppress(AudioRestarted, AudioNotActive):
            taken, buffered = _pour(call, sound[position:], rate)
            position += taken
        await asyncio.sleep(TICK)


def _pour(call: Call, sound: memoryview, rate: int) -> tuple[int, int]:
    """Give the stack what it is short of; return how much that was and how much it now has, in bytes."""
    info = call.audio.info()
    if info.tx_sample_rate not in (0, rate):
        raise ValueError(f"the call carries {info.tx_sample_rate} Hz, the speech has {rate}")
    short = round(AHEAD * rate) * 2 - info.tx_buffered
    taken = call.audio.write(sound[:short]) if info.tx_ready and short > 0 and sound else 0
    return taken, info.tx_buffered + taken
