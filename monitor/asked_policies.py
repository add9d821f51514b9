"""What is asked about policies themselves: ``tocsin policy coverage``, as functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.asked import QuestionError
from monitor.settings.coverage import Covered, coverage, read_proofs

PROOFS = "clauses.csv"
"""The table beside the policies that names the tests of each clause."""


def covered(paths: Sequence[Path], name: str | None) -> dict[str, Any]:
    """Return every clause that the policies (or the one named) cite."""
    proofs: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        proofs |= read_proofs((path if path.is_dir() else path.parent) / PROOFS)
    found = coverage(paths, proofs)
    names = sorted({one.policy for one in found})
    if name is not None and name not in names:
        raise QuestionError(f"policy: unknown {name!r}; known are {', '.join(names)}")
    return {"clauses": [_as_json(one) for one in found if name in (None, one.policy)]}


def _as_json(one: Covered) -> dict[str, Any]:
    return {
        "policy": one.policy,
        "clause": one.clause,
        "cited_by": [{"part": c.part, "name": c.name, "place": c.place} for c in one.citations],
        "tests": list(one.tests),
    }


def told(answer: Mapping[str, Any]) -> str:
    """Say the coverage for a person: a clause, below it what cites it and what proves it."""
    lines: list[str] = []
    policy = ""
    for one in answer["clauses"]:
        if one["policy"] != policy:
            policy = one["policy"]
            lines += ["", policy] if lines else [policy]
        lines.append(f"  section {one['clause']}")
        lines += [f"    {c['part']}: {c['name']}   {Path(c['place']).name}" for c in one["cited_by"]]
        lines += [f"    proven by {test}" for test in one["tests"]] or ["    no test is named"]
    return "\n".join(lines)
