"""Another phone that nobody here wrote: baresip, which picks up by itself and plays a recording.

async with a_baresip(folder) as phone:
    ... sip:desk@{phone.address}
"""

import array
import asyncio
import math
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

CONFIGURATION = """poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
call_max_calls 4
audio_source aufile,{folder}/sound.wav
audio_player aubridge,nil
audio_alert aubridge,nil
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_timeout 20
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
ringback_disabled yes
menu_bell no
"""
ACCOUNT = "<sip:desk@127.0.0.1:{port}>;regint=0;audio_codecs={codecs};answermode=auto{more}\n"


@dataclass
class Baresip:
    """A baresip that runs."""

    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def _record(path: Path) -> None:
    """Write ten seconds of a tone that is not ours."""
    sound = array.array("h", (int(6000 * math.sin(2 * math.pi * 440 * at / 8000)) for at in range(80_000)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound.tobytes())


@asynccontextmanager
async def a_baresip(folder: Path, *, codecs: str = "pcma", encryption: str = "") -> AsyncIterator[Baresip]:
    """Run a phone on a free port of the loopback; ``encryption`` is one of baresip's (srtp, srtp-mand)."""
    require("baresip", "a second phone that nobody here wrote", how="apt-get install baresip-core")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    _record(folder / "sound.wav")
    (folder / "config").write_text(CONFIGURATION.format(port=port, folder=folder))
    (folder / "accounts").write_text(
        ACCOUNT.format(port=port, codecs=codecs, more=f";mediaenc={encryption}" if encryption else "")
    )
    (folder / "contacts").write_text("")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("baresip", "-f", str(folder), "-4"), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(20):
            while f":{port:04X} " not in Path("/proc/net/udp").read_text():
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.02)
        yield Baresip(port)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
