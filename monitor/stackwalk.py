"""Which ``minidump_stackwalk`` and symbols dumps are read with; what is configured and not there is said at the start."""

import os
import shutil
from pathlib import Path

import structlog

from monitor.settings.sections import Crash

PROGRAM = "minidump_stackwalk"

log = structlog.stdlib.get_logger()


def stackwalk_of(crash: Crash) -> str:
    """Return the program, "" for none: then our own reader reads alone."""
    if crash.stackwalk is None:
        return shutil.which(PROGRAM) or ""
    if Path(crash.stackwalk).is_file() and os.access(crash.stackwalk, os.X_OK):
        return crash.stackwalk
    log.error("dumps.no_stackwalk", program=crash.stackwalk, hint="crash.stackwalk names no program")
    return ""


def symbols_of(crash: Crash) -> str:
    """Return the folder of symbols, "" for none."""
    if crash.symbols is None or Path(crash.symbols).is_dir():
        return crash.symbols or ""
    log.error("dumps.no_symbols", folder=crash.symbols, hint="crash.symbols names no folder")
    return ""
