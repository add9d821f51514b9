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


def quiet(weeks: int, *, size: int, alone: float = 30 * DAY, seed: int = 0) -> Result:
    """Let nothing happen but noise."""
    chance = random.Random(f"quiet {seed}")
    fleet = a_fleet(seed + 4_000, size)
    replay = Replay(fleet, seed)
    replay.play(noise(fleet, weeks * WEEK, alone, chance))
    return judge(replay, [])


def simulator() -> int:
    """Play all of it and print it; return how much was wrong."""
    wrong = 0
    one = global_outages()
    print(_line("100 global outages", one), f"median {one.median:.0f} s, longest {max(one.seconds, default=0):.0f} s after the second failing look", flush=True)  # fmt: skip
    wrong += _wrong(one.missed + one.wrong) + (one.median > 60)
    one = carriers()
    print(_line("200 carriers' outages", one), f"median {one.median:.0f} s; all Standard in {one.standard} ({one.standard / one.of_carriers:.0%}); true Criticals lost: {len(one.lost)} of {one.criticals}", flush=True)  # fmt: skip
    wrong += _wrong(one.lost + one.partly + one.missed + one.wrong, counted=len(one.lost) + (one.standard < 0.95 * one.of_carriers))  # fmt: skip
    one = clouds_calls()
    print(_line("50 clouds' call drops", one), f"true Criticals lost: {len(one.lost)} of {one.criticals}, Standard for a while: {one.for_a_while}", flush=True)  # fmt: skip
    wrong += _wrong(one.lost + one.wrong, counted=len(one.lost))
    one = cuts()
    print(f"100 cuts of our own network, without anchors: blamed somebody in {len(one.wrong)}", flush=True)
    wrong += _wrong(one.wrong)
    for weeks, size, days in ((52, 3_000, 30), (4, 100_000, 30), (12, 3_000, 7)):
        one = quiet(weeks, size=size, alone=days * DAY)
        print(f"{weeks} weeks of {size:,} systems that fail by themselves every {days} days: {len(one.wrong)} false names; Criticals lost: {len(one.lost)} of {one.criticals}", flush=True)  # fmt: skip
        wrong += _wrong(one.wrong + one.lost)
    return wrong


def _line(what: str, one: Result) -> str:
    return f"{what}: precision {one.precision:.3f}, recall {one.recall:.3f};"


def _wrong(said: Sequence[str], counted: int | None = None) -> int:
    for each in said[:12]:
        print(f"  not as it should be: {each}", flush=True)
    return len(said) if counted is None else counted
