"""What every benchmark hands back: one table, the goals it can judge, and remarks."""

import argparse
import importlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

Cell = str | float | int | None
_BAR = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that was promised; ``least`` says that more is better."""

    text: str
    figure: float
    limit: float
    unit: str = ""
    least: bool = False

    @property
    def met(self) -> bool:
        return self.figure >= self.limit if self.least else self.figure <= self.limit

    @property
    def line(self) -> str:
        """Say it in a line: ``met    0.07 of 0.20 CPU-s per 1,000 checks   (0.35 of the limit)``."""
        share = self.figure / self.limit if self.limit else 0.0
        sign = ">=" if self.least else "<="
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{'met ' if self.met else 'MISS'}  {self.text}: {spell(self.figure)}{unit}, "
            f"goal {sign} {spell(self.limit)}{unit} ({share:.2f} of it)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one benchmark."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()
    load: tuple[float, float, float] = field(default_factory=os.getloadavg)

    def text(self) -> str:
        """Return the table as it is read in a terminal."""
        cells = [tuple(self.columns), *(tuple(spell(cell) for cell in row) for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        lines = ["  " + _line(row, widths) for row in cells]
        lines.insert(1, "  " + "  ".join(_BAR * width for width in widths))
        notes = [f"  {note}" for note in self.notes]
        goals = [f"  {goal.line}" for goal in self.goals]
        return "\n".join((f"{self.name}: {self.title}", *lines, *notes, *goals))

    def document(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        return {**asdict(self), "goals": goals}


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = row
    return "  ".join(
        (first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True)))
    )


def spell(cell: Cell) -> str:
    """Write a figure with as many digits as it deserves."""
    if cell is None:
        return _BAR
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    if abs(cell) >= 100:
        return f"{cell:.0f}"
    return f"{cell:.2f}" if abs(cell) >= 1 or cell == 0 else f"{cell:.4f}".rstrip("0").ljust(4, "0")


def measured(name: str, quick: bool) -> Report:
    """Run one benchmark; here, for a process of its own must find it under its module's name."""
    report: Report = importlib.import_module(f"tests.benchmarks.{name}").run(quick=quick)
    return report


def summary(reports: Sequence[Report], failed: Sequence[str]) -> str:
    """Return which goals were met, the missed ones first."""
    goals = [(report.name, goal) for report in reports for goal in report.goals]
    goals.sort(key=lambda entry: entry[1].met)
    met = sum(goal.met for _, goal in goals)
    lines = [f"goals: {met} of {len(goals)} met"]
    lines += [f"  {goal.line}   [{name}]" for name, goal in goals]
    lines += [f"  NOT RUN  {each}" for each in failed]
    return "\n".join(lines)


def as_json(reports: Sequence[Report], failed: Sequence[str]) -> str:
    """Return one JSON document."""
    return json.dumps({"benchmarks": [report.document() for report in reports], "failed": list(failed)})


def by_itself(run: Callable[..., Report], about: str | None) -> None:
    """Measure and print, as ``python -m tests.benchmarks.NAME [--quick] [--json]`` does."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())
