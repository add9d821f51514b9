"""Where tests write: in memory, if there is room.

A disk's syncs cost a suite minutes and prove nothing here: a kill loses no page of the kernel's, and a power cut is the
matter of ``tests/power``, which does not cut the real one.
"""

import os
import shutil
from pathlib import Path

FOLDER = Path("/dev/shm")
ENOUGH = 4 << 30


def folder() -> str | None:
    """Return a folder that is kept in memory; None if there is none, or little room in it."""
    there = os.access(FOLDER, os.W_OK) and shutil.disk_usage(FOLDER).free > ENOUGH
    return str(FOLDER) if there else None
