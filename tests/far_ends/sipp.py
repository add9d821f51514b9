"""Phones that nobody here wrote: SIPp, with a scenario made from how each number behaves.

    async with phones({"+390461234567": busy(), "+390461234568": answers("1")}) as far_end:
        ... far_end.address is where they are; far_end.invited() is whom it heard called

One process serves all numbers, told apart in its scenario. Keys are RFC 4733 events, replayed from SIPp's own
recordings by raw socket, which needs root.
"""

import asyncio
import os
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.requirements import require

PCAP = "/usr/share/sip-tester/dtmf_2833_{}.pcap"
RECORDING = "/usr/share/sip-tester/g711a.pcap"
TAG = "tag=[pid]sipp[call_number]"
FIRST_PORT, LAST_PORT = 11_000, 32_000
"""Between the default ports for sound and those that connections are made from."""
SDP = """v=0
o=phone 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15"""


@dataclass(frozen=True)
class Phone:
    """How a phone behaves after it was called: the rest of its scenario."""

    steps: str


def _reply(status: str, *, sdp: bool = False, tagged: bool = True, retrans: bool = False) -> str:
    """Answer the message that came last."""
    head = [f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]"]
    head += [f"[last_To:];{TAG}" if tagged else "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    return _message(head, sdp=sdp, retrans=retrans)


def _message(head: list[str], *, sdp: bool = False, retrans: bool = False) -> str:
    if sdp:
        head += ["Content-Type: application/sdp", "Content-Length: [len]", "", SDP]
    else:
        head += ["Content-Length: 0"]
    body = "\n".join(head)
    again = ' retrans="500"' if retrans else ""
    return f"<send{again}><![CDATA[\n{body}\n\n]]></send>"


def _pause(seconds: float) -> str:
    return f'<pause milliseconds="{round(seconds * 1000)}"/>'


def _key(digit: str) -> str:
    name = {"*": "star", "#": "pound"}.get(digit, digit)
    return f'<nop><action><exec play_pcap_audio="{PCAP.format(name)}"/></action></nop>'


CONTACT = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>"
RINGING = _reply("180 Ringing")
BYE_COMES = f'<recv request="BYE" timeout="90000"/>{_reply("200 OK", tagged=False)}'


def _picked_up(after: float) -> str:
    ok = [
        "SIP/2.0 200 OK",
        "[last_Via:]",
        "[last_From:]",
        f"[last_To:];{TAG}",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "[last_Record-Route:]",
    ]
    answer = _message([*ok, CONTACT], sdp=True, retrans=True)
    acked = '<recv request="ACK"><action><ereg regexp=".*" search_in="hdr" header="To:" assign_to="4"/></action></recv>'
    return RINGING + _pause(after) + answer + acked


def answers(*keys: str, after: float = 0.2, thinks: float = 0.6) -> Phone:
    """Pick up and press keys one after the other; wait for us to hang up."""
    pressed = "".join(_pause(thinks) + _key(key) for key in keys)
    return Phone(_picked_up(after) + pressed + BYE_COMES)


def presses_by_info(key: str, *, thinks: float = 0.6) -> Phone:
    """Pick up and send the key as SIP INFO, as some gateways do."""
    body = f"Signal={key}\nDuration=160"
    head = [*_request("INFO", 7), "Content-Type: application/dtmf-relay", "Content-Length: [len]", "", body]
    info = "<send><![CDATA[\n" + "\n".join(head) + "\n\n]]></send>"
    return Phone(_picked_up(0.2) + _pause(thinks) + info + '<recv response="200"/>' + BYE_COMES)


def is_silent() -> Phone:
    """Pick up and listen to the end, as a voicemail does."""
    return answers()


def plays(*, early: float = 0.0, after: float = 0.2) -> Phone:
    """Pick up and play a recording, as an announcement does; with ``early`` before it picks up, too."""
    sound = f'<nop><action><exec play_pcap_audio="{RECORDING}"/></action></nop>'
    before = _message(_status("183 Session Progress"), sdp=True) + sound + _pause(early) if early else ""
    return Phone(before + _picked_up(after) + ("" if early else sound) + BYE_COMES)


def rings_reliably(*, slow: bool = False) -> Phone:
    """Say where the sound is wanted before picking up, in a 183 that must be acknowledged (RFC 3262), and never again.

    ``slow``: the acknowledgement is answered late, so that it has to be repeated.
    """
    progress = [*_status("183 Session Progress"), "Require: 100rel", "RSeq: 7"]
    took = '<recv request="PRACK"/>' + (_pause(0.8) if slow else "") + _reply("200 OK", tagged=False)
    ok = ["SIP/2.0 200 OK", "Via:[$5]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "CSeq:[$2]", CONTACT]
    return Phone(
        _message(progress, sdp=True, retrans=True)
        + took
        + _pause(0.3)
        + _message(ok, retrans=True)
        + '<recv request="ACK"/>'
        + BYE_COMES
    )


def holds(*, seconds: float = 0.4) -> Phone:
    """Pick up, put the caller on hold, and come back."""
    steps = _picked_up(0.2) + _pause(0.4)
    for number, direction in ((20, "sendonly"), (21, "sendrecv")):
        head = [*_request("INVITE", number), "Content-Type: application/sdp", "Content-Length: [len]"]
        body = "\n".join([*head, "", SDP, f"a={direction}"])
        steps += f'<send retrans="500"><![CDATA[\n{body}\n\n]]></send><recv response="200"/>'
        steps += _message(_request("ACK", number)) + _pause(seconds)
    return Phone(steps + BYE_COMES)


def _status(status: str) -> list[str]:
    head = [f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", f"[last_To:];{TAG}"]
    return [*head, "[last_Call-ID:]", "[last_CSeq:]", "[last_Record-Route:]", CONTACT]


def hangs_up(after: float = 1.0) -> Phone:
    """Pick up and hang up in the middle of a sentence."""
    bye = _message(_request("BYE", 8), retrans=True)
    return Phone(_picked_up(0.2) + _pause(after) + bye + '<recv response="200"/>')


def _request(method: str, sequence: int) -> list[str]:
    """Return the head of a request by the one who was called: To and From change places."""
    return [
        f"{method} [next_url] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "From:[$4]",
        "To:[$3]",
        "Call-ID: [call_id]",
        f"CSeq: {sequence} {method}",
        "Max-Forwards: 70",
        CONTACT,
    ]


def refuses(status: str, *, rings: float | None = 0.1) -> Phone:
    """Answer with a final status: ``refuses("486 Busy Here")``; ``rings=None``: without ringing first."""
    ringing = "" if rings is None else RINGING + _pause(rings)
    return Phone(ringing + _reply(status, retrans=True) + '<recv request="ACK"/>')


def sent_elsewhere(where: str) -> Phone:
    """Send the caller to another address, as a forwarded number does."""
    head = ["SIP/2.0 302 Moved Temporarily", "[last_Via:]", "[last_From:]", f"[last_To:];{TAG}"]
    head += ["[last_Call-ID:]", "[last_CSeq:]", f"Contact: <sip:{where}@[local_ip]:[local_port]>"]
    return Phone(_message(head, retrans=True) + '<recv request="ACK"/>')


def busy() -> Phone:
    """Be busy."""
    return refuses("486 Busy Here")


def rings_on() -> Phone:
    """Ring until the caller gives up."""
    ended = [
        "SIP/2.0 487 Request Terminated",
        "[last_Via:]",
        "[last_From:]",
        f"[last_To:];{TAG}",
        "[last_Call-ID:]",
        "CSeq:[$2]",
    ]
    given_up = '<recv request="CANCEL" timeout="90000"/>' + _reply("200 OK", tagged=False)
    return Phone(RINGING + given_up + _message(ended, retrans=True) + '<recv request="ACK"/>')


def says_nothing_after_trying() -> Phone:
    """Take the call, and then say nothing more."""
    return Phone(_reply("100 Trying", tagged=False) + rings_on().steps.removeprefix(RINGING))


def ignores() -> Phone:
    """Not answer at all."""
    return Phone(_pause(60))


def scenario(phones: Mapping[str, Phone]) -> str:
    """Return the scenario in which each number behaves as is said."""
    numbers = list(phones)
    saved = (
        '<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="2"/>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="3"/>'
        '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="5"/>'
    )
    asked, branches = [], []
    for place, number in enumerate(numbers, 10):
        asked.append(f'<ereg regexp="sip:{re.escape(number)}@" search_in="msg" assign_to="{place}"/>')
        branches.append(f'<nop next="{place}" test="{place}"/>')
    rest = "".join(
        f'<label id="{place}"/>{phones[number].steps}<nop next="end"/>'
        for place, number in enumerate(numbers, 10)
    )
    assigned = [
        number
        for number in range(2, 10 + len(numbers))
        if f'assign_to="{number}"' in rest + saved + "".join(asked)
    ]
    used = ",".join(map(str, assigned))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><scenario name="phones">'
        f'<recv request="INVITE" rrs="true"><action>{saved}{"".join(asked)}</action></recv>'
        f'{"".join(branches)}{_reply("404 Not Found", retrans=True)}<recv request="ACK"/><nop next="end"/>'
        f'{rest}<label id="end"/><nop/><Reference variables="{used}"/></scenario>'
    )


@dataclass
class FarEnd:
    """A SIPp that runs."""

    port: int
    folder: Path
    process: asyncio.subprocess.Process

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def messages(self) -> str:
        """Return everything that was sent and received so far."""
        with suppress(FileNotFoundError):
            return (self.folder / "messages").read_text(errors="replace")
        return ""

    def calls(self) -> dict[str, str]:
        """Return the number of every call by its Call-ID, in the order they came."""
        seen: dict[str, str] = {}
        for message in re.split(r"\n-{40,}.*\n", self.messages()):
            if said := re.search(r"message received \[\d+\] bytes *:\s+INVITE sip:([^@]+)@", message):
                call = re.search(r"^Call-ID: *(\S+)", message, re.MULTILINE)
                seen.setdefault(call[1] if call else "", said[1])
        return seen

    def invited(self) -> list[str]:
        """Return the numbers that were called, in order, each call once."""
        return list(self.calls().values())

    def heard(self, seconds: float = 1.0) -> list[str]:
        """Return the same when the other process has had a moment to write down what it heard."""
        limit = time.monotonic() + seconds
        while not (numbers := self.invited()) and time.monotonic() < limit:
            time.sleep(0.02)
        return numbers

    async def until(self, wanted: str, seconds: float = 30) -> None:
        """Wait until a message with these words was seen."""
        async with asyncio.timeout(seconds):
            while wanted not in self.messages():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def phones(
    folder: Path, behave: Mapping[str, Phone], *, transport: str = "udp", echo: bool = False
) -> AsyncIterator[FarEnd]:
    """Run SIPp on free ports of the loopback; stopped by its process. ``echo``: the first call hears itself."""
    require("sipp", "real calls to phones nobody here wrote", how="apt-get install sip-tester")
    require("root", "SIPp presses keys by raw socket", how="run the suite as root", found=os.geteuid() == 0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.xml").write_text(scenario(behave))
    port, media = free_port(), free_port(pairs=20)
    with (folder / "stderr").open("wb") as complaints:
        process = await _started(port, media, transport, folder, complaints, *(["-rtp_echo"] if echo else []))

    try:
        await _listening(process, port, transport, folder)
        yield FarEnd(port=port, folder=folder, process=process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _started(
    port: int, media: int, transport: str, folder: Path, complaints: IO[bytes], *more: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *("sipp", "-sf", "scenario.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port)),
        *("-mp", str(media), "-t", "u1" if transport == "udp" else "t1", "-nostdin", "-nd"),
        *("-trace_msg", "-message_file", "messages", "-trace_err", "-error_file", "errors"),
        *more,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=complaints,
    )


async def _listening(process: asyncio.subprocess.Process, port: int, transport: str, folder: Path) -> None:
    async with asyncio.timeout(30):
        while f":{port:04X} " not in Path(f"/proc/net/{transport}").read_text():
            assert process.returncode is None, (folder / "stderr").read_text()
            await asyncio.sleep(0.02)


def free_port(pairs: int = 0, *, tls: bool = False) -> int:
    """Return a port that is free for UDP and TCP; ``tls``: so is the next one; ``pairs``: so is a run of them, from an even one.

    No connection is made from it: where a busy suite connected from rests for a minute, and nobody can listen there.
    """
    while True:
        port = 2 * (FIRST_PORT // 2 + secrets.randbelow((LAST_PORT - FIRST_PORT) // 2 - pairs))
        if all(_is_free(each) for each in range(port, port + (2 * pairs or 1 + tls))):
            return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
