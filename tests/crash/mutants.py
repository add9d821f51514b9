"""Known bugs, kept as patches, that the harness must catch: who tests the tests?

``mutant(name, folder)`` gives a copy of the sources with that bug in it. When the sources move so far that a patch does
not fit any more, put the bug in by hand and keep it again:

    python -m tests.crash.mutants check            which patches do not fit
    (edit the sources)
    python -m tests.crash.mutants keep NAME        writes NAME.patch from what differs, and takes it out again
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crash.far_ends import Callbacks, Lookups, Mode
from tests.crash.harness import ROOT, Cycle
from tests.requirements import require

PATCHES = Path(__file__).parent / "mutants"
PACKAGES = ("monitor", "checks", "alerts", "statuspage")
SOURCES = (*PACKAGES, "config", "tests")

KILLED_BY = {
    "no_search_before_create": Cycle(point="ticket.after_open"),
    "search_only_at_first": Cycle(point=None, tickets=Mode.DROPPED_AFTER),
    "mark_before_send": Cycle(point="ticket.before_open"),
    "blind_redial": Cycle(point="call.after_place"),
    "never_placed_is_done": Cycle(point="call.before_place"),
    "intent_after_placing": Cycle(point="call.after_place"),
    "answered_before_recorded": Cycle(point="call.before_event", nth=4),
    "a_mail_is_another_every_time": Cycle(point=None, story="people", mail=Mode.DROPPED_AFTER),
    "a_silent_mail_server_took_it": Cycle(point=None, story="people", mail=Mode.SILENT_BEFORE),
    "nobody_is_told": Cycle(
        point=None, phone=Mode.DROPPED_AFTER, callbacks=Callbacks.NEVER, lookups=Lookups.DOWN
    ),
    "the_board_hides_what_was_given_up": Cycle(point=None, tickets=Mode.REFUSED),
    "announced_in_a_second_transaction": Cycle(point="declare.after_record"),
    "a_request_is_filed_again": Cycle(point="request.after_record"),
    "a_note_is_written_again": Cycle(point="ticket.after_comment"),
    "a_finding_is_believed_before_it_is_on_record": Cycle(point="finding.before_record"),
    "digest_before_judging": Cycle(point="finding.before_record", nth=2),
    "an_alert_is_marked_before_it_is_judged": Cycle(point="finding.before_record", nth=3),
    "answer_before_commit": Cycle(point="crash.before_record", nth=2),
}
"""The mutant and a cycle that catches it."""

SAMPLE = ("intent_after_placing", "the_board_hides_what_was_given_up")
"""Those that the suite puts in; all of them are the long run's."""

LOSERS = ("sqlite_synchronous_normal", "answer_before_commit")
"""Bugs that lose what was acknowledged when the power is cut; ``tests.power`` must catch them."""

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
        shutil.copytree(ROOT / source, tree / source, ignore=shutil.ignore_patterns("node_modules"))
    done = _git("apply", str(PATCHES / f"{name}.patch"), tree=tree)
    assert not done.returncode, f"{name}.patch does not fit the sources any more: {done.stderr}"
    return tree


def misfits() -> dict[str, str]:
    """Return the patches that do not fit the sources any more, each with what git says."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for package in PACKAGES:
            shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
        for patch in sorted(PATCHES.glob("*.patch")):
            done = _git("apply", "--check", str(patch), tree=tree)
            if done.returncode:
                found[patch.stem] = done.stderr.strip()
    return found


def _git(*words: str, tree: Path) -> subprocess.CompletedProcess[str]:
    # one line around a change is enough to find it again, wherever it has moved to
    environment = {"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(
        ["git", *words], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


def keep(name: str) -> None:
    """Write a patch from what differs in the sources, and take it out of them again."""
    done = _git("diff", "-U1", "--", *PACKAGES, tree=ROOT)
    assert done.stdout, f"nothing differs in {', '.join(PACKAGES)}: put the bug in first"
    (PATCHES / f"{name}.patch").write_text(done.stdout)
    _git("checkout", "--", *PACKAGES, tree=ROOT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["check", "keep"])
    parser.add_argument("name", nargs="?")
    given = parser.parse_args()
    if given.verb == "keep":
        keep(given.name or parser.error("name the patch"))
    for name, why in misfits().items():
        print(f"{name}: {why}")
    sys.exit(1 if misfits() else 0)
