"""Read one memory dump in a process of its own, which may die of it: bytes on stdin, facts as JSON on stdout.

    python -m monitor.read_dump CODING MOST [STACKWALK [SYMBOLS]]

The process takes away from itself what a poisoned dump could use: memory, processor time, core files, large files. It is
started, watched and if need be killed by :mod:`monitor.dumps`; nothing else imports it.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from monitor.domain.cores import MAGIC as CORE
from monitor.domain.cores import Bytes, read_core
from monitor.domain.dumps import DumpError, DumpFacts
from monitor.domain.minidumps import MAGICS, read_minidump
from monitor.domain.stackwalks import with_stackwalk
from monitor.dump_bytes import Unpacking

MEMORY = 512 * 1024 * 1024
SECONDS = 8  # of processor time
_FILE = 64 * 1024 * 1024
_PATIENCE = 8.0  # for the stackwalk
_OUTPUT = 1024 * 1024


def limit_myself() -> None:
    """Give up what reading a dump does not need; an older, lower limit stays."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(what)
        ours = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (ours, ours))
    with suppress(OSError):
        os.nice(10)


def read(data: Bytes, stackwalk: str, symbols: str) -> DumpFacts:
    """Return what a dump of any kind says."""
    if isinstance(data, bytes) and data[:4] in MAGICS:
        facts = read_minidump(data if data[:4] == MAGICS[0] else MAGICS[0] + data[4:])
        return with_stackwalk(facts, walked(data, stackwalk, symbols)) if stackwalk else facts
    if data[:4] == CORE:
        return read_core(data)
    raise DumpError("it is neither a minidump nor a core" if len(data) else "it is empty")


def walked(data: bytes, stackwalk: str, symbols: str) -> str:
    """Return what ``minidump_stackwalk`` prints of a dump, under our limits; "" when it fails."""
    with tempfile.TemporaryFile() as dump, tempfile.TemporaryFile() as output:
        dump.write(data)
        dump.flush()
        command = [stackwalk, f"/dev/fd/{dump.fileno()}", *([symbols] if symbols else [])]
        try:
            subprocess.run(  # noqa: S603 - the operator's program, a number, the operator's folder
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL,
                pass_fds=(dump.fileno(),), timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
        output.seek(0)
        return output.read(_OUTPUT).decode("utf-8", "replace")


def main(arguments: list[str]) -> int:
    """Read stdin, print the facts; what cannot be read is said as a trouble."""
    limit_myself()
    coding, most, stackwalk, symbols = (*arguments, "", "")[:4]
    packed: Unpacking | None = None
    try:
        packed = Unpacking(sys.stdin.buffer.read(), coding, int(most))
        facts = read(packed.read(), stackwalk, symbols)
        if packed.trouble:
            facts = dataclasses.replace(
                facts, trouble="; ".join(filter(None, (packed.trouble, facts.trouble)))
            )
    except DumpError as error:
        facts = DumpFacts(trouble="; ".join(filter(None, (packed.trouble if packed else "", str(error)))))
    except (MemoryError, RecursionError):
        facts = DumpFacts(trouble="it needs more memory than a reader may have")
    said: Mapping[str, object] = dataclasses.asdict(facts)
    sys.stdout.write(json.dumps(said, ensure_ascii=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
