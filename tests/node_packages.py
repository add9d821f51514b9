"""Unmodified programs of the npm registry that the tests run: the pinned ones of ``tests/node/package.json``."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from tests.requirements import require

ROOT = Path(__file__).parent.parent
PACKAGE = Path(__file__).parent / "node" / "package.json"
CACHE = ROOT / ".tools" / "node"


def node_package(name: str, why: str) -> Path:
    """Return the folder of a package, installed into the cache once, by whichever test comes first."""
    npm = require("npm", why)
    wanted = json.loads(PACKAGE.read_text())["dependencies"][name]
    folder = CACHE / "node_modules" / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _has(folder, wanted):
            shutil.copy(PACKAGE, CACHE)
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=CACHE, capture_output=True, timeout=100, check=False)
    require(name, why, how="a network with an npm registry", found=_has(folder, wanted))
    return folder


def _has(folder: Path, version: str) -> bool:
    package = folder / "package.json"
    return package.exists() and json.loads(package.read_text())["version"] == version
