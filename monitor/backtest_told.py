"""A backtest's outcomes as text, JSON and CSV, each written as it is found: nothing is gathered."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from monitor.backtest import Backtest, Outcome, Totals
from monitor.domain.decisions import rfc3339
from monitor.errors import TocsinError
from monitor.storage.replay import Span

Write = Callable[[Outcome | Totals], None]
"""Takes each outcome as it comes, and the totals at the end."""


def heading(backtest: Backtest, span: Span) -> dict[str, Any]:
    """Return what is tried over what."""
    in_force = backtest.in_force
    return {
        "policy": backtest.tried.name,
        "version": backtest.tried.version,
        "in_force": in_force.version if in_force else None,
        "since": rfc3339(span.since),
        "until": rfc3339(span.until),
        "inventory": "as it is now in force",
    }


def outcome_as_json(of: Outcome) -> dict[str, Any]:
    """Return one difference, or why it is not known."""
    return {
        "kind": of.kind,
        "id": of.id,
        "of": of.of,
        "at": rfc3339(of.at),
        "changes": [{"what": c.what, "was": c.was, "would_be": c.would_be} for c in of.changes],
        "already": of.already,
        "unknowable": of.unknowable,
    }


def totals_as_json(of: Totals) -> dict[str, Any]:
    """Return the totals, by kind of row."""
    kinds = sorted(of.tried)
    return {
        **{
            kind: {
                "tried": of.tried[kind],
                "differ": of.differ[kind],
                "cited_otherwise": of.cited_otherwise[kind],
                "already": of.already[kind],
                "unknowable": of.unknowable[kind],
            }
            for kind in kinds
        },
        "by_what": {what: of.by_what[what] for what in sorted(of.by_what)},
    }


CSV_COLUMNS = ("kind", "id", "of", "at", "what", "was", "would_be", "already", "unknowable")


def csv_rows(of: Outcome) -> Iterator[tuple[str, ...]]:
    """Yield a row for each thing that differs, or one that says why nothing is known."""
    head = (of.kind, of.id, of.of or "", rfc3339(of.at) or "")
    if of.unknowable:
        yield (*head, "", "", "", "", of.unknowable)
    for change in of.changes:
        yield (*head, change.what, _flat(change.was), _flat(change.would_be), _yes(of.already), "")


def _flat(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(str(each) for each in value)
    if isinstance(value, bool):
        return _yes(value)
    return "" if value is None else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def told(of: Outcome) -> list[str]:
    """Say one outcome for a person."""
    about = f" of {of.of}" if of.of else ""
    head = f"{of.kind} {of.id}{about}, {rfc3339(of.at)}"
    if of.unknowable:
        return [f"{head}: not known: {of.unknowable}"]
    already = "   (the policy in force differs from the record in this, too)" if of.already else ""
    return [
        head + already,
        *(f"  {c.what:<15} {_flat(c.was) or '-'}  ->  {_flat(c.would_be) or '-'}" for c in of.changes),
    ]


def told_totals(of: Totals) -> list[str]:
    """Say the totals for a person."""
    lines = []
    for kind in sorted(of.tried):
        lines.append(
            f"{of.tried[kind]:,} {kind}s tried: {of.differ[kind]:,} would be decided otherwise, "
            f"{of.cited_otherwise[kind]:,} the same by another rule or section, {of.unknowable[kind]:,} not known"
        )
        if of.already[kind]:
            lines.append(
                f"  of these, {of.already[kind]:,} differ under the policy in force, too: "
                "the inventory or the policy has changed since"
            )
    if of.by_what:
        said = (f"{what} {of.by_what[what]:,}" for what in sorted(of.by_what))
        lines.append(f"in what: {', '.join(said)}")
    return lines or ["nothing on record was decided under a policy of this name in this interval"]


def text_writer(test: Backtest, span: Span) -> Write:
    """Print differences for a person, one below the other."""
    about = heading(test, span)
    print(f"policy {about['policy']} {about['version']} tried over what was decided under {about['policy']}")
    print(f"{about['since'] or 'from the beginning'} to {about['until']}, with the inventory now in force")

    def write(of: Outcome | Totals) -> None:
        print("\n".join(["", *(told_totals(of) if isinstance(of, Totals) else told(of))]))

    return write


def json_writer(test: Backtest, span: Span) -> Write:
    """Print one document, a piece at a time."""
    print(json.dumps(heading(test, span))[:-1] + ', "differences": [', end="")
    before = ""

    def write(of: Outcome | Totals) -> None:
        nonlocal before
        if isinstance(of, Totals):
            print(f'], "totals": {json.dumps(totals_as_json(of))}}}')
            return
        print(before + json.dumps(outcome_as_json(of), ensure_ascii=False), end="")
        before = ", "

    return write


def csv_writer(listed: Path, stack: ExitStack) -> Write:
    """Write the differences into a file, and print the totals."""
    try:
        file = stack.enter_context(listed.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise TocsinError(f"{listed}: {error.strerror}") from error
    rows = csv.writer(file)
    rows.writerow(CSV_COLUMNS)

    def write(of: Outcome | Totals) -> None:
        if isinstance(of, Totals):
            print("\n".join(told_totals(of)))
        else:
            rows.writerows(csv_rows(of))

    return write
