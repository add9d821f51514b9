"""The power is cut: files as a disk may hold them, and what must be in them.

    steps up to the cut -> what was synced is there for certain -> of the rest nothing, or any part in any order
        -> SQLite opens what is left -> it is sound, and everything that was acknowledged is in it

A write is kept by sectors: of one that was not synced any may be missing. What SQLite shares in memory (``-shm``) is gone.
"""

import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.power.recording import Step

SECTOR = 512
WAYS = ("nothing", "half", "sectors", "all")
"""How much of what was not synced a disk kept."""


@dataclass
class Disk:
    """The files as they are for certain, and what was written since without a sync."""

    files: dict[str, bytearray] = field(default_factory=dict)
    unsynced: dict[str, list[Step]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        if step.kind == "sync":
            for write in self.unsynced.pop(step.file, []):
                put(self.files, write)
        elif step.kind in ("write", "truncate", "unlink"):
            self.unsynced.setdefault(step.file, []).append(step)

    def left(self, way: str, dice: random.Random) -> dict[str, bytes]:
        """Return the files as they are found when the power is back."""
        files = {name: bytearray(content) for name, content in self.files.items()}
        for waiting in self.unsynced.values():
            for step in waiting:
                for part in _kept(step, way, dice):
                    put(files, part)
        return {name: bytes(content) for name, content in files.items()}


def put(files: dict[str, bytearray], step: Step) -> None:
    """Do a step to files."""
    if step.kind == "unlink":
        files.pop(step.file, None)
        return
    content = files.setdefault(step.file, bytearray())
    if step.kind == "truncate":
        del content[step.at :]
        content.extend(bytes(step.at - len(content)))
        return
    end = step.at + len(step.content)
    content.extend(bytes(max(0, end - len(content))))
    content[step.at : end] = step.content


def _kept(step: Step, way: str, dice: random.Random) -> Sequence[Step]:
    if way == "nothing" or (way == "half" and dice.random() < 0.5):
        return ()
    if way != "sectors" or step.kind != "write":
        return (step,)
    return [
        Step(kind="write", file=step.file, at=step.at + begin, content=step.content[begin : begin + SECTOR])
        for begin in range(0, len(step.content), SECTOR)
        if dice.random() < 0.7
    ]


@dataclass
class Outcome:
    """What came of so many cuts."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    damaged: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"cuts {self.cuts}, acknowledged before them {self.acknowledged}, lost {self.lost}, "
            f"records damaged {self.damaged}"
        )


def cut(steps: Sequence[Step], folder: Path, *, cuts: int, seed: int) -> Outcome:
    """Cut the power so many times, half of them right after something was acknowledged; judge what is left."""
    dice, outcome = random.Random(seed), Outcome()
    said = [place for place, step in enumerate(steps) if step.kind == "said"]
    assert said, "nothing was acknowledged: there is nothing to lose"
    moments = sorted(
        dice.choice(said) + 1 if number % 2 else dice.randrange(said[0], len(steps) + 1)
        for number in range(cuts)
    )
    disk, place, promised = Disk(), 0, list[str]()
    for number, moment in enumerate(moments):
        for step in steps[place:moment]:
            disk.take(step)
            if step.kind == "said":
                promised.append(step.content.decode())
        place = moment
        way = WAYS[number % len(WAYS)]
        outcome.cuts += 1
        outcome.acknowledged += len(promised)
        _judge(
            disk.left(way, dice), promised, folder / "cut", outcome, f"cut {number} at {moment}, {way} kept"
        )
    return outcome


def _judge(files: dict[str, bytes], promised: list[str], folder: Path, outcome: Outcome, what: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        with closing(sqlite3.connect(folder / "tocsin.db")) as record:
            (sound,) = record.execute("PRAGMA integrity_check").fetchone()
            kept = {id_ for (id_,) in record.execute("SELECT id FROM crashes")}
            taken = "SELECT incident FROM events WHERE kind LIKE '%.acknowledged'"
            kept |= {id_ for (id_,) in record.execute(taken)}
    except sqlite3.DatabaseError as error:
        sound, kept = str(error), set()
    if sound != "ok":
        outcome.damaged += 1
        outcome.problems.append(f"{what}: the record is damaged: {sound}")
    lost = [id_ for id_ in promised if id_ not in kept]
    outcome.lost += len(lost)
    if lost:
        outcome.problems.append(f"{what}: {len(lost)} of {len(promised)} are lost, {lost[0]} for one")
