"""Known bugs, kept as patches, that the harness must catch: who tests the tests?

``with mutant(name, folder) as tree`` gives a copy of the sources with that bug in it.
"""

import shutil
import subprocess
from pathlib import Path

from tests.crash.far_ends import Mode
from tests.crash.harness import ROOT, Cycle
from tests.requirements import require

PATCHES = Path(__file__).parent / "mutants"
SOURCES = ("monitor", "checks", "alerts", "statuspage", "config", "tests")

KILLED_BY = {
    "no_search_before_create": Cycle(point="ticket.after_open"),
    "mark_before_send": Cycle(point="ticket.before_open"),
    "blind_redial": Cycle(point="call.after_place"),
    "digest_before_judging": Cycle(point="finding.before_record", nth=2),
    "a_lost_answer_is_a_failure": Cycle(point=None, phone=Mode.DROPPED_AFTER),
    "answer_before_commit": Cycle(point="crash.before_record", nth=2),
}
"""The mutant and a cycle that catches it."""

LEDGER = {
    "ledger_charged_again": "sqlite",
    "ledger_closed_by_todays_balance": "sqlite",
    "ledger_late_into_a_closed_year": "sqlite",
    "ledger_out_of_turn": "postgresql",
}
"""The mutants of the ledger, and the database on which random operations catch them."""


def mutant(name: str, folder: Path) -> Path:
    """Copy the sources and put the bug in; a patch that no longer fits must be made anew."""
    require("git", "mutants are applied with git apply")
    tree = folder / name
    for source in SOURCES:
        shutil.copytree(
            ROOT / source, tree / source, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    done = subprocess.run(
        ["git", "apply", "--unidiff-zero", str(PATCHES / f"{name}.patch")],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, f"{name}.patch does not fit the sources any more: {done.stderr}"
    return tree
