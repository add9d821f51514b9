"""Memory dumps on their way to the record: hashed and compressed in a thread, copied once."""

import asyncio
import zlib
from dataclasses import replace
from hashlib import sha256

from monitor.domain.crashes import CrashReport
from monitor.domain.dumps import Dump
from monitor.intake.body import Body

MAGICS = (b"MDMP", b"PMDM", b"\x7fELF")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")


async def packed(body: Body, start: int, end: int, name: str, most: int) -> Dump:
    """Return a dump as it is kept; without content when it is too large for that."""
    return await asyncio.to_thread(_packed, body, start, end, name, most)


def _packed(body: Body, start: int, end: int, name: str, most: int) -> Dump:
    with memoryview(body) as whole, whole[start:end] as view:
        as_sent = bytes(view[:6]).startswith(_COMPRESSED)
        content = b""
        if len(view) <= most:
            content = bytes(view) if as_sent else zlib.compress(view, 1)
        return Dump(
            name=name,
            digest=sha256(view).hexdigest(),
            size=len(view),
            coding="as_sent" if as_sent else "zlib",
            content=content,
        )


def with_dump(report: CrashReport, dump: Dump) -> tuple[CrashReport, Dump | None]:
    """Return the report and the dump to be kept with it; of one that is too large only the report, which says so."""
    if dump.content:
        return report, dump
    trouble = f"it has {dump.size} bytes, more than are kept"
    return replace(report, extra={**report.extra, "dump": {"trouble": trouble}}), None
