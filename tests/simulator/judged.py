"""What the simulator finds: precision and recall of names, time to name, classes of carriers' outages, silence in noise."""

import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.domain.evidence import EVERYBODY
from monitor.domain.findings import Symptom
from tests.simulator.fleets import SHAPES, a_fleet
from tests.simulator.outages import DAY, GLOBAL, WEEK, Cause, Manner, Outage, an_outage, noise, possible
from tests.simulator.replay import Name, Replay

APART = 7_200.0  # one outage after the other
ALIKE = 0.8  # shared members of what was named and what failed
SIZES = (300, 1_000, 3_000)
STANDARD = "standard"


@dataclass
class Result:
    """Counts over every outage that was played; ``seconds`` is from the second failing look to the name."""

    outages: int = 0
    named: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    standard: int = 0
    of_carriers: int = 0
    partly: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    for_a_while: int = 0
    criticals: int = 0
    system_days: float = 0.0

    @property
    def precision(self) -> float:
        return self.named / max(1, self.named + len(self.wrong))

    @property
    def recall(self) -> float:
        return self.named / max(1, self.named + len(self.missed))

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else float("nan")

    def add(self, other: "Result") -> None:
        """Take another's counts."""
        for name in (
            "outages",
            "named",
            "standard",
            "of_carriers",
            "for_a_while",
            "criticals",
            "system_days",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("wrong", "missed", "seconds", "partly", "lost"):
            getattr(self, name).extend(getattr(other, name))


def played(
    causes: Sequence[Cause],
    *,
    seed: int,
    size: int,
    alone: float = 30 * DAY,
    beside: bool = False,
    shape: str = "usual",
    manner: Manner = Manner.SUDDEN,
) -> Result:
    """Play outages of these causes one after the other on one fleet with its noise; ``beside``: two at a time."""
    chance = random.Random(f"outages {seed}")
    fleet = a_fleet(seed, size, SHAPES[shape])
    outages: list[Outage] = []
    for place, cause in enumerate(one for one in causes if possible(one, fleet, manner)):
        start = 3_600 + (place // 2 if beside else place) * APART + chance.uniform(0, 30 if beside else 600)
        outages.append(an_outage(cause, fleet, start, chance, manner))
        if beside and place % 2 and _overlap(*outages[-2:]):
            outages.pop()
    background = noise(fleet, 3_600 + (len(causes) + 1) * APART, alone, chance)
    replay = Replay(fleet, seed)
    replay.play([*background, *(each for outage in outages for each in outage.fails)])
    return judge(replay, outages)


def _overlap(one: Outage, other: Outage) -> bool:
    """Whether two outages are of the same systems by a fifth: then they are no two."""
    assert one.who is not None
    assert other.who is not None
    return len(one.who & other.who) > 0.2 * min(len(one.who), len(other.who))


def judge(replay: Replay, outages: Sequence[Outage]) -> Result:
    """Hold what came of it against what really happened."""
    result = Result(outages=len(outages))
    left = list(replay.names)
    for outage in outages:
        if outage.who is None:
            continue
        mine = [name for name in left if _during(name, outage) and _alike(name, outage)]
        if mine:
            result.named += 1
            result.seconds.append(mine[0].at - _second_look(replay, outage))
            left = [name for name in left if name not in mine]
        else:
            result.missed.append(
                f"{outage.cause}: {outage.label}, {len(outage.fails)} of {len(outage.who)} failed"
            )
    result.wrong = [_said(name, outages) for name in left if not _harmless(name, outages)]
    _classes(replay, outages, result)
    return result


def _during(name: Name, outage: Outage) -> bool:
    return outage.start <= name.at <= outage.end + 120


def _alike(name: Name, outage: Outage) -> bool:
    assert outage.who is not None
    return len(name.members & outage.who) >= ALIKE * len(name.members | outage.who)


def _harmless(name: Name, outages: Sequence[Outage]) -> bool:
    """Whether it says that everything watched fails while our own network is away: a draft, which blames nobody."""
    away = [each for each in outages if each.cause is Cause.OUR_NETWORK]
    return name.group == EVERYBODY and any(_during(name, each) for each in away)


def _said(name: Name, outages: Sequence[Outage]) -> str:
    at = next(
        (f"in {each.cause} of {each.label}" for each in outages if _during(name, each)), "out of nothing"
    )
    one = name.evidence
    return f"{name.group} ({one.failing} of {one.members}, outside {one.failing_outside}) {at}"


def _second_look(replay: Replay, outage: Outage) -> float:
    theirs = {each.serial for each in outage.fails}
    looks = [
        at
        for at, serial in replay.failing_looks
        if serial in theirs and outage.start <= at <= outage.end + 120
    ]
    return sorted(looks)[1] if len(looks) > 1 else outage.start


def _classes(replay: Replay, outages: Sequence[Outage], result: Result) -> None:
    """Count carriers' outages of which all is Standard, and call drops that are not a carrier's and were made Standard."""
    carriers = [each for each in outages if each.cause is Cause.CARRIER]
    ours: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for one in replay.judged:
        if one.finding.symptom is not Symptom.CALL_DROPS:
            continue
        mine = [n for n, each in enumerate(carriers) if _is_of(one.finding.system, one.at, each)]
        for n in mine:
            ours[n] += 1
            bad[n] += one.was[-1] != STANDARD
        if not mine:
            result.criticals += 1
            result.for_a_while += STANDARD in one.was
            if one.was[-1] == STANDARD:
                result.lost.append(
                    f"{one.finding.system} on {replay.systems[str(one.finding.system)].carrier}"
                )
    result.of_carriers += len(carriers)
    for n, each in enumerate(carriers):
        if ours[n] and not bad[n]:
            result.standard += 1
        else:
            result.partly.append(
                f"{each.label}: {bad[n]} of {ours[n]} not Standard, {len(each.fails)} failed"
            )


def _is_of(serial: str | None, at: float, outage: Outage) -> bool:
    return any(each.serial == serial and each.start <= at <= each.end + 120 for each in outage.fails)


# the long run ------------------------------------------------------------------------------------------------------


def global_outages(count: int = 100, *, seed: int = 0) -> Result:
    """Play outages that concern many, of every kind, on fleets of three sizes."""
    total = Result()
    kinds = [GLOBAL[n % len(GLOBAL)] for n in range(count)]
    for place in range(0, count, 10):
        total.add(
            played(kinds[place : place + 10], seed=seed + place, size=SIZES[(place // 10) % len(SIZES)])
        )
    return total


def carriers(count: int = 200, *, seed: int = 0) -> Result:
    """Play carriers' outages, and as many call drops of whole clouds at the same time, elsewhere or there."""
    total = Result()
    for place in range(0, count, 10):
        kinds = [Cause.CARRIER] * 10
        size = SIZES[(place // 10) % len(SIZES)]
        total.add(played(kinds, seed=seed + 1_000 + place, size=size))
    return total


def clouds_calls(count: int = 50, *, seed: int = 0) -> Result:
    """Play call drops of whole clouds: all of them stay Critical."""
    total = Result()
    for place in range(0, count, 10):
        kinds = [Cause.CALLS_OF_A_CLOUD] * 10
        total.add(played(kinds, seed=seed + 2_000 + place, size=SIZES[(place // 10) % len(SIZES)]))
    return total


def cuts(count: int = 100, *, seed: int = 0) -> Result:
    """Cut our own network, as if there were no anchors to see it by: nobody is to be blamed."""
    total = Result()
    for place in range(0, count, 10):
        kinds = [Cause.OUR_NETWORK] * 10
        total.add(played(kinds, seed=seed + 3_000 + place, size=SIZES[(place // 10) % len(SIZES)]))
    return total


def quiet(weeks: float, *, size: int, alone: float = 30 * DAY, seed: int = 0, shape: str = "usual") -> Result:
    """Let nothing happen but noise."""
    chance = random.Random(f"quiet {seed}")
    fleet = a_fleet(seed + 4_000, size, SHAPES[shape])
    replay = Replay(fleet, seed)
    replay.play(noise(fleet, weeks * WEEK, alone, chance))
    result = judge(replay, [])
    result.system_days = weeks * 7 * size
    return result


def varied(seed: int, manner: Manner, *, beside: bool = False, alone: float = 30 * DAY) -> Result:
    """Play every kind of outage on fleets of every shape; two at a time if it is asked for."""
    total = Result()
    for place, shape in enumerate(SHAPES):
        for size in (200, 2_000):
            kinds = [*GLOBAL, Cause.CARRIER]
            total.add(
                played(
                    kinds,
                    seed=seed + place,
                    size=size,
                    shape=shape,
                    manner=manner,
                    beside=beside,
                    alone=alone,
                )
            )
    return total


def simulator(seed: int = 0) -> int:
    """Play all of it and print it; return how much was wrong."""
    return _as_judged(seed) + _on_other_fleets(seed) + _in_noise(seed)


def _as_judged(seed: int) -> int:
    one = global_outages(seed=seed)
    wrong = _said_of(
        f"100 global outages: {one.named} named, median {one.median:.0f} s after the second failing look, longest {max(one.seconds, default=0):.0f} s; {len(one.wrong)} wrong names",
        one.missed + one.wrong,
        bad=one.median > 60,
    )
    one = carriers(seed=seed)
    wrong += _said_of(
        f"200 carriers' outages: all Standard in {one.standard} ({one.standard / max(1, one.of_carriers):.1%}), {one.named} named; true Criticals lost: {len(one.lost)} of {one.criticals}",
        one.lost,
        bad=one.standard < 0.95 * one.of_carriers,
        also=one.partly + one.missed + one.wrong,
    )
    one = clouds_calls(seed=seed)
    wrong += _said_of(
        f"50 clouds' call drops: true Criticals lost: {len(one.lost)} of {one.criticals}, Standard for a while: {one.for_a_while}",
        one.lost + one.wrong,
    )
    one = cuts(seed=seed)
    return wrong + _said_of(f"100 cuts of our own network, without anchors: somebody blamed in {len(one.wrong)}", one.wrong)  # fmt: skip


def _on_other_fleets(seed: int) -> int:
    wrong = 0
    manners = [(str(one), varied(seed, one)) for one in Manner]
    manners.append(("two at once", varied(seed, Manner.SUDDEN, beside=True)))
    manners.append(
        ("sudden, 1 % fail by themselves each hour", varied(seed, Manner.SUDDEN, alone=DAY * 100 / 24))
    )
    for name, one in manners:
        wrong += _said_of(
            f"fleets of {len(SHAPES)} shapes, {name}: {one.outages} outages, precision {one.precision:.3f}, recall {one.recall:.3f}, "
            f"median {one.median:.0f} s; carriers' all Standard in {one.standard} of {one.of_carriers}; true Criticals lost: {len(one.lost)} of {one.criticals}",
            one.lost,
            bad=min(one.precision, one.recall) < 0.9,
            also=one.missed + one.wrong + one.partly,
        )
    return wrong


def _in_noise(seed: int) -> int:
    wrong = 0
    for weeks, size, percent in ((12, 3_000, 0.1), (4, 3_000, 1.0), (0.3, 20_000, 1.0), (1, 100_000, 0.1)):
        one = quiet(weeks, size=size, alone=100 / percent * 3_600, seed=seed)
        rate = 1_000 * len(one.wrong) / one.system_days
        wrong += _said_of(
            f"{size:,} systems that fail by themselves ({percent} % an hour), {one.system_days:,.0f} system-days: {len(one.wrong)} false names, "
            f"{rate:.5f} in 1,000 system-days; Criticals lost: {len(one.lost)} of {one.criticals}",
            one.lost,
            bad=rate > 0.01,
            also=one.wrong,
        )
    return wrong


def _said_of(what: str, wrong: Sequence[str], *, bad: bool = False, also: Sequence[str] = ()) -> int:
    """Print one line, and what is not as it should be; return how much is wrong (``also`` is shown, not counted)."""
    print(f"{'BAD' if bad or wrong else 'GOOD'}: {what}", flush=True)
    for each in [*wrong, *also][:12]:
        print(f"  not as it should be: {each}", flush=True)
    return len(wrong) + bad
