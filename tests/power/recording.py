"""What a real process writes and syncs, as the kernel sees it: `tocsin serve` under strace.

    serve under strace -> reports are posted, incidents acknowledged -> stopped -> the log of its system calls, read

The record's files are followed by name: what is written to them (bytes and place), what is synced, and what is sent to
anybody (an answer that says "accepted", a call that is placed). Nothing is built into the service for it.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.crash.harness import ROOT
from tests.crash.victim import free_port

CALLS = "write,writev,pwrite64,pwritev,fsync,fdatasync,ftruncate,unlink,sendto,sendmsg"
CONFIGURATION = """
service: {name: Tocsin, zone: Europe/Rome}
partners:
  - {id: aurora, policy: wildix, tier: gold, country: IT, language: it,
     contacts: [{id: giulia, name: Giulia Ferrari, phone: "+390461234567", email: giulia@aurora.example, languages: [it]}]}
systems:
  - {serial: PBX-1, name: Headquarters, partner: aurora, country: IT}
  - {serial: PBX-2, name: Call centre, partner: aurora, country: IT}
on_call: {engineers: [{id: nadia, name: Nadia Brandt, phone: "+498998765432", language: en}], fallback: nadia}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One system call that matters. ``kind``: write, truncate, unlink, sync, said.

    A write or truncation counts from when it began; a sync only when it has returned; what is said from when it began.
    """

    kind: str
    file: str = ""
    at: int = 0
    content: bytes = b""


async def record(folder: Path, *, reports: int, tree: Path = ROOT) -> list[Step]:
    """Run the service of ``tree`` under strace, send it reports, stop it; return what it did, in order."""
    (folder / "tocsin.yaml").write_text(CONFIGURATION)
    port, log = free_port(), folder / "strace"
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-c", str(folder / "tocsin.yaml"), "--data-dir", str(folder / "data")]
    token = await _token(folder, tree, environment)
    before = list(_there_already(folder / "data"))
    process = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-qq", "--seccomp-bpf", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}"),
        *("-o", str(log), sys.executable, "-m", "monitor", "serve", "--port", str(port), *options),
        cwd=tree,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _post(f"http://127.0.0.1:{port}", token, reports)
    finally:
        if process.returncode is None:
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)  # strace itself heeds no signal while it has a child
        async with asyncio.timeout(60):
            await process.wait()
    return [*before, *steps(log, folder / "data")]


def _there_already(data: Path) -> Iterator[Step]:
    """Yield what is on the disk for certain before we begin."""
    for path in sorted(data.glob("tocsin.db*")):
        if not path.name.endswith(("-shm", ".lock")):
            yield Step(kind="write", file=path.name, content=path.read_bytes())
            yield Step(kind="sync", file=path.name)


async def _token(folder: Path, tree: Path, environment: dict[str, str]) -> str:
    maker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "token", "create", "power", "--data-dir", str(folder / "data")),
        *("--scope", "ingest", "--scope", "read", "--scope", "operate", "--json"),
        cwd=tree,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await maker.communicate()
    return str(json.loads(said)["token"])


async def _post(base: str, token: str, reports: int) -> None:
    """Wait until it is there, then send reports, some at once, and acknowledge what comes of them."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as http, asyncio.timeout(100):
        await _there(http, base)

        async def one(number: int) -> None:
            report = {
                "system": f"PBX-{number % 2 + 1}", "process": "pbx-core", "version": "5.02", "signal": "SIGSEGV",
                "message": "fault", "stack": [{"function": f"f{number % 5}", "module": "libpbx.so"}],
            }  # fmt: skip
            answer = await http.post(
                f"{base}/api/v1/crashes", json=report, headers={"Idempotency-Key": f"report-{number}"}
            )
            assert answer.status == 202, await answer.text()

        for begin in range(0, reports, 5):  # five at once are committed together, as they come
            await asyncio.gather(*(one(number) for number in range(begin, min(begin + 5, reports))))
            await asyncio.sleep(0.02)
        listed = await (await http.get(f"{base}/api/v1/incidents")).json()
        for incident in listed["items"]:
            await http.post(f"{base}/api/v1/incidents/{incident['id']}/acknowledge")


async def _there(http: aiohttp.ClientSession, base: str) -> None:
    while True:
        try:
            if (await http.get(f"{base}/livez")).status == 200:
                return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)


# the log ---------------------------------------------------------------------------------------------------

_LINE = re.compile(rb"^(\d+) +(.*)$")
_RESUMED = re.compile(rb"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(rb"^(\w+)\((.*)$", re.DOTALL)
_FILE = re.compile(rb"^\d+<([^>]*)>")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_ACCEPTED = re.compile(rb'^\{"id": ?"([0-9a-z]{26})"\}', re.MULTILINE)
_TAKEN = re.compile(rb'^\{"id": ?"(inc_[0-9a-z]+)", ?"status": ?"acknowledged"', re.MULTILINE)
"""A body that says: a report is accepted, an incident is taken."""


def steps(log: Path, data: Path) -> Iterator[Step]:
    """Read the log of strace: every call when it began, a sync when it was over."""
    begun: dict[bytes, bytes] = {}
    for line in log.read_bytes().splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        thread, text = found.groups()
        resumed = _RESUMED.match(text)
        if resumed:
            whole = begun.pop(thread, b"") + resumed[1]
            yield from _over(whole, data)
            continue
        if text.endswith(b"<unfinished ...>"):
            begun[thread] = text.removesuffix(b"<unfinished ...>").rstrip()
            yield from _began(begun[thread], data)
            continue
        yield from _began(text, data)
        yield from _over(text, data)


def _began(text: bytes, data: Path) -> Iterator[Step]:
    call = _CALL.match(text)
    if not call:
        return
    name, rest = call[1].decode(), call[2]
    if name in ("write", "writev", "sendto", "sendmsg"):
        said = b"".join(_bytes(part) for part in _TEXT.findall(rest))
        file = _ours(rest, data)
        if file:
            raise AssertionError(f"{name} on {file}: its place is not known")
        for pattern in (_ACCEPTED, _TAKEN):
            for id_ in pattern.findall(said):
                yield Step(kind="said", content=id_)
    elif name == "pwrite64" and (file := _ours(rest, data)):
        (content,) = _TEXT.findall(rest)
        numbers = re.findall(rb", (\d+), (\d+)", rest[rest.rindex(b'"') :])
        yield Step(kind="write", file=file, at=int(numbers[0][1]), content=_bytes(content))
    elif name == "ftruncate" and (file := _ours(rest, data)):
        size = re.search(rb">, (\d+)", rest)
        assert size, rest
        yield Step(kind="truncate", file=file, at=int(size[1]))
    elif name == "unlink":
        path = _bytes(_TEXT.findall(rest)[0]).decode()
        if Path(path).parent == data:
            yield Step(kind="unlink", file=Path(path).name)


def _over(text: bytes, data: Path) -> Iterator[Step]:
    call = _CALL.match(text)
    if call and call[1] in (b"fsync", b"fdatasync") and text.rstrip().endswith(b"= 0"):
        file = _ours(call[2], data)
        if file:
            yield Step(kind="sync", file=file)


def _ours(rest: bytes, data: Path) -> str:
    """Return which file of the record a call is about; its shared memory is no file that anybody relies on."""
    found = _FILE.match(rest)
    if not found:
        return ""
    path = Path(_bytes(found[1]).decode() if b"\\x" in found[1] else found[1].decode(errors="replace"))
    named = path.name.startswith("tocsin.db") and not path.name.endswith(("-shm", ".lock"))
    return path.name if path.parent == data and named else ""


def _bytes(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode())
