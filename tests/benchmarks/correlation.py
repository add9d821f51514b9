"""Ten thousand findings at once in a fleet of a hundred thousand: what correlation costs, beside counting afresh at each.

    python -m tests.benchmarks.correlation [--quick]

A cloud with a tenth of the fleet fails within a minute. Ours is the ledger as the service calls it: each failing look, each
finding with the question whether that makes a storm, the name, and what comes after it. The naive recount answers the
same question by going through the fleet at each finding (it is measured on a few and told per finding); both must give
the same name. Seconds are those of the processor: others use the machine, too.
"""

import time
from collections import Counter
from datetime import timedelta

from monitor.domain.correlation import Ledger, Limits
from monitor.domain.evidence import DIMENSIONS, EVERYBODY, Group
from monitor.domain.inventory import System
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report, by_itself
from tests.factories import MONDAY_AT_TEN

SECONDS = 5.0


def a_fleet(systems: int) -> list[System]:
    return [
        System(
            serial=f"S{n}", partner=f"p{n % 400}", cloud=f"c{n % 10}", region=f"r{n % 3}", carrier=f"k{n % 170}",
            version=f"5.{n % 7}", component=f"m{n % 10}", tags={"hardware": f"h{n % 11}", "network": f"n{n % 230}"},
        )
        for n in range(systems)
    ]  # fmt: skip


def ours(fleet: list[System], failing: list[System]) -> tuple[float, float, float, Group | None]:
    """Return the seconds to know the fleet, for all failing, the longest single step, and what was named."""
    began = time.process_time()
    ledger = Ledger()
    ledger.watch(fleet)
    known = time.process_time() - began
    longest, named = 0.0, None
    began = time.process_time()
    for number, one in enumerate(failing):
        at = MONDAY_AT_TEN + timedelta(seconds=60 * number / len(failing))
        before = time.process_time()
        ledger.fails(one.serial, at)
        ledger.believe(one.serial, at)
        evidence = None if named else ledger.stormy(one.serial)
        if evidence is not None:
            ledger.table(evidence)
            ledger.set_aside(evidence.group)
            named = evidence.group
        longest = max(longest, time.process_time() - before)
    return known, time.process_time() - began, longest, named


def recount(fleet: list[System], failing: list[System]) -> Group | None:
    """Name the group with enough failing members that explains best, by counting everybody."""
    limits, bad = Limits(), {one.serial for one in failing}
    members: Counter[Group] = Counter()
    fails: Counter[Group] = Counter()
    for one in fleet:
        groups = [Group(each.name, value) for each in DIMENSIONS if (value := each.of(one))]
        members.update([*groups, EVERYBODY])
        if one.serial in bad:
            fails.update([*groups, EVERYBODY])
    enough = [one for one in fails if fails[one] >= max(limits.systems, limits.share * members[one])]
    return max(enough, key=lambda one: 2 * fails[one] / (members[one] + len(bad)), default=None)


def measure(systems: int, recounts: int) -> Report:
    """Measure both on the same fleet."""
    fleet = a_fleet(systems)
    failing = [one for one in fleet if one.cloud == "c3"]
    known, seconds, longest, named = ours(fleet, failing)
    began = time.process_time()
    again = {recount(fleet, failing) for _ in range(recounts)}
    each = (time.process_time() - began) / recounts
    assert named is not None
    assert again == {named}, f"{named} and {again}"
    count = len(failing)
    return Report(
        name="correlation",
        title=f"{count:,} findings at once in a fleet of {systems:,} systems with eight attributes",
        columns=("", "all findings, s", "each, µs", "longest step, ms"),
        rows=(
            ("ours", seconds, 1e6 * seconds / count, 1e3 * longest),
            ("a naive recount at each", each * count, 1e6 * each, 1e3 * each),
        ),
        goals=(Goal(text=f"correlation of {count:,} findings", figure=seconds, limit=SECONDS, unit="s"),),
        notes=(f"both name {named}; the fleet is known after {known:.2f} s; {each * count / seconds:,.0f} times a recount's speed",),
    )  # fmt: skip


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    with peers.on(peers.MEASURED):
        return measure(10_000, 2) if quick else measure(100_000, 3)


if __name__ == "__main__":
    by_itself(run, __doc__)
