"""A phone that answers and listens: a second user agent in a process of its own, which writes what it hears as WAV.

python -m tests.alerts.sip_listener PORT RTP_FIRST WAV [KEY AFTER]
"""

import asyncio
import contextlib
import sys
import wave

from baresip import Account, AudioNotActive, AudioRestarted, Call, CallState, Config, Runtime, UserAgent

RATE = 8_000


async def main(port: str, first: str, file: str, *key: str) -> None:
    runtime, calls = Runtime(), asyncio.Queue[Call]()
    ports = f"sip_listen 127.0.0.1:{port}\nrtp_ports {first}-{int(first) + 20}\n"
    await runtime.start(Config(net_interface="127.0.0.1", extra_config_text=ports))
    agent = await UserAgent.create(
        runtime, Account(user="+390612345678", domain="127.0.0.1", password="", reg_interval=0)
    )
    agent.on_incoming(calls.put_nowait)
    print("ready", flush=True)
    call = await calls.get()
    await call.answer()
    await call.wait_established(5)
    if key:
        asyncio.get_running_loop().call_later(
            float(key[1]), lambda: pressing.append(asyncio.ensure_future(call.send_dtmf(key[0])))
        )
    heard = bytearray()
    while call.state is not CallState.CLOSED:
        with contextlib.suppress(AudioNotActive, AudioRestarted):
            heard += call.audio.read(RATE)
        await asyncio.sleep(0.02)
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(bytes(heard))
    await runtime.close()


pressing: list[asyncio.Future[None]] = []

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
