"""The power is cut: what was acknowledged is there when it is back. The whole is ``python -m tests.soak power``."""

import random

import pytest

from tests.crash.mutants import mutant
from tests.power.cuts import Disk, cut
from tests.power.recording import Step, record
from tests.requirements import require


@pytest.mark.slow
async def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(tmp_path):
    require("strace", "the writes of the real process are recorded")
    steps = await record(tmp_path, reports=12)
    outcome = cut(steps, tmp_path, cuts=50, seed=4)
    assert outcome.problems == []
    assert outcome.acknowledged > 150


@pytest.mark.slow
async def test_a_record_that_does_not_wait_for_the_disk_is_caught(tmp_path):
    require("strace", "the writes of the real process are recorded")
    steps = await record(tmp_path, reports=10, tree=mutant("sqlite_synchronous_normal", tmp_path))
    assert cut(steps, tmp_path, cuts=20, seed=4).lost


def test_what_was_not_synced_is_not_there_for_certain():
    disk = Disk()
    for step in (
        Step(kind="write", file="a", at=0, content=b"old"),
        Step(kind="sync", file="a"),
        Step(kind="write", file="a", at=1, content=b"EW!"),
    ):
        disk.take(step)

    assert disk.left("nothing", random.Random(1)) == {"a": b"old"}
    assert disk.left("all", random.Random(1)) == {"a": b"oEW!"}
