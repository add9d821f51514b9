"""What a test needs beyond the wheel: skip with a reason when it is missing, or fail under REQUIRE_ALL=1.

    strace = require("strace", "the order of fsync and answer is read off the system calls")

``what`` is a program on the PATH, or ``python:module``. What was skipped is listed at the end of the run.
"""

import importlib.util
import os
import shutil

import pytest

MARK = "missing: "


def require(what: str, why: str, *, how: str | None = None, found: bool | None = None) -> str:
    """Return the program's path (or the module's name); skip, or fail when everything is required.

    ``how`` says how to get it; ``found`` overrides the search, for what is neither program nor module.
    """
    place = _place(what) if found is None else (what if found else None)
    if place is not None:
        return place
    line = f"{MARK}{what} — {why} — {how or _how(what)}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{line} (REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(line)


def _place(what: str) -> str | None:
    if not what.startswith("python:"):
        return shutil.which(what)
    module = what.removeprefix("python:")
    return module if importlib.util.find_spec(module.split(".")[0]) else None


def _how(what: str) -> str:
    if what.startswith("python:"):
        return f"pip install {what.removeprefix('python:').replace('_', '-')}"
    return f"apt-get install {what}"
