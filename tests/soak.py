"""The long runs: ``python -m tests.soak [VERB…] [--seed N] [--jobs N] [--database postgresql] …``; without a verb all of them.

    kills     2,000 kills: any failpoint, far ends that fail in any way (``--cycles N``, ``--cycle "…"`` for one)
    mutants   every known bug is put in and must be caught
    together  two engines on one PostgreSQL, one stopped in the middle of a send for longer than its lease
    power     the power is cut under SQLite, 400 times (``--cuts N``); two bugs that lose what was acknowledged must be caught
    storms    10,000 systems of 300 partners in one cloud fail within a minute, by day and by night
    simulator outages whose cause is known: what is named, how soon, carriers' classes, silence in a year of noise
    load      kill -9 under 10,000 reports from 64 connections (``--reports N``)
    blind     100 cuts of our own network: no customer is contacted (``--network-cuts N``)
    dumps     8,000 poisoned dumps and cores of real crashes, each read as the service reads them (``--dumps N``)
    hostile   300 hostile bodies and 20,000 generated ones at every address for crashes and alerts (``--bodies N``)
    flapping  1,000 flapping weeks: each partner is contacted once at most (``--flapping-weeks N``)
    ledger    10,000 random operations of several processes, killed and told twice, on both databases (``--operations N``)

What fails is printed with what makes it happen again; the exit status is 1 if anything was wrong.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.blind import cuts as network_cuts
from tests.crash import together
from tests.crash.fire import books
from tests.crash.harness import ROOT, lives, read_cycle, run
from tests.crash.kills import Kills, again
from tests.crash.load import PLACES, kill_under_load
from tests.crash.mutants import KILLED_BY, LEDGER, LOSERS, mutant
from tests.databases import a_postgres
from tests.dumps.poisoned import poisoned
from tests.flapping import AT_ONCE
from tests.flapping import Outcome as Flapped
from tests.flapping import weeks as flapping_weeks
from tests.hostile.run import attack
from tests.power.cuts import cut
from tests.power.recording import record
from tests.simulator.judged import simulator
from tests.storm import storms

VERBS = (
    "mutants",
    "power",
    "together",
    "load",
    "kills",
    "storms",
    "simulator",
    "blind",
    "flapping",
    "dumps",
    "hostile",
    "ledger",
)


async def kills(folder: Path, arguments: argparse.Namespace) -> int:
    """Kill, on one database; return how many cycles were bad."""
    if arguments.database == "sqlite":
        return await _kills(folder, arguments, None)
    with a_postgres() as server:
        return await _kills(folder, arguments, server)


async def _kills(folder: Path, arguments: argparse.Namespace, server: str | None) -> int:
    if arguments.cycle:
        return await again(read_cycle(arguments.cycle), folder, server=server)
    long = Kills(folder, cycles=arguments.cycles, seed=arguments.seed, server=server)
    return await long.run(arguments.jobs)


async def side_by_side() -> int:
    """Stop one engine of two at every point of a send; return at how many points something was wrong."""
    wrong = 0
    with a_postgres() as server:
        async with lives(server=server) as first, lives(server=server, beside=first) as second:
            for point in together.POINTS:
                problems = await together.together(point, first, second)
                print(f"together, stopped at {point}: {problems or 'every effect once'}", flush=True)
                wrong += bool(problems)
    return wrong


async def power(folder: Path, *, cuts: int, seed: int) -> int:
    """Cut the power under what a real process wrote; return how much was wrong."""
    wrong = 0
    for name in ("", *LOSERS):
        place = folder / (name or "sources")
        place.mkdir()
        tree = mutant(name, place) if name else ROOT
        outcome = cut(await record(place, reports=60, tree=tree), place, cuts=cuts, seed=seed)
        print(f"power, {f'mutant {name}' if name else 'our sources'}: {outcome}", flush=True)
        for problem in outcome.problems[:3]:
            print(f"    {problem}", flush=True)
        wrong += bool(outcome.problems) != bool(name)
    return wrong


async def mutants(folder: Path) -> int:
    """Run every mutant's cycle; return how many were not caught."""
    missed = 0
    for name, cycle in KILLED_BY.items():
        async with lives(mutant(name, folder), warm=False) as server:
            problems, _ = await run(cycle, server, folder / f"{name}-cycle")
        print(f"mutant {name}: {'caught: ' + problems[0] if problems else 'NOT CAUGHT'}", flush=True)
        missed += not problems
    return missed + await _mutants_of_the_ledger(folder)


async def _mutants_of_the_ledger(folder: Path) -> int:
    missed = 0
    with a_postgres() as server:
        for name, database in LEDGER.items():
            url = server if database == "postgresql" else f"sqlite:///{folder / f'{name}.db'}"
            found = await books(url, operations=1_500, seed=1, workers=4, tree=mutant(name, folder))
            caught = found["problems"]
            print(f"mutant {name}: {f'caught: {caught[0]}' if caught else 'NOT CAUGHT'}", flush=True)
            missed += not caught
    return missed


async def load(folder: Path, *, reports: int) -> int:
    """Kill the service under load; return 1 if a promise was broken."""
    outcome = await kill_under_load(folder, reports)
    print(outcome, flush=True)
    good = not outcome.lost and not outcome.wrong_ids and outcome.listed == reports and not outcome.doubled
    return int(not good or outcome.tickets != PLACES)


async def blind(folder: Path, *, cuts: int, seed: int) -> int:
    """Cut our own network; return how much was wrong."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):  # every cut logs what it does
        outcome = await network_cuts(folder, f"sqlite:///{folder / 'blind.db'}", count=cuts, seed=seed)
    print(outcome, flush=True)
    for problem in outcome.wrong[:20]:
        print(f"BAD {problem}", flush=True)
    return len(outcome.wrong)


async def flapping(folder: Path, *, weeks: int, seed: int) -> int:
    """Let systems come and go; return in how many weeks a partner was contacted more than once."""
    whole, begin = Flapped(), time.process_time()
    for number, first in enumerate(range(0, weeks, AT_ONCE)):
        place = folder / str(number)
        place.mkdir()
        count = min(AT_ONCE, weeks - first)
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            url = f"sqlite:///{place / 'weeks.db'}"
            outcome = await flapping_weeks(place, url, count=count, seed=seed + number)
        whole.add(outcome)
        shutil.rmtree(place)
    print(f"{whole}; {time.process_time() - begin:.0f} CPU-s", flush=True)
    return whole.wrong


async def ledger(folder: Path, *, operations: int, seed: int, jobs: int) -> int:
    """Let several processes keep the books and kill them; return how much is wrong afterwards."""
    wrong = await _books(f"sqlite:///{folder / 'books.db'}", operations=operations, seed=seed, jobs=jobs)
    with a_postgres() as url:
        wrong += await _books(url, operations=operations, seed=seed, jobs=2 * jobs)
    return wrong


async def _books(url: str, *, operations: int, seed: int, jobs: int) -> int:
    found = await books(url, operations=operations, seed=seed, workers=jobs)
    problems = found.pop("problems")
    told = ", ".join(f"{name} {value}" for name, value in found.items() if name != "balances")
    print(f"ledger on {url.partition(':')[0]}: {told}, problems {len(problems)}", flush=True)
    print(f"balances, as the naive book has them: {found['balances']}", flush=True)
    for problem in problems[:20]:
        print(f"BAD {problem}", flush=True)
    return len(problems)


async def main(arguments: argparse.Namespace) -> int:
    """Run what was asked for; return how much was wrong."""
    wrong = 0
    folder = Path(tempfile.mkdtemp(prefix="tocsin-soak-"))  # bad cycles are kept in it
    for part in arguments.parts or VERBS:
        place = folder / part
        place.mkdir()
        if part == "mutants":
            wrong += await mutants(place)
        elif part == "together":
            wrong += await side_by_side()
        elif part == "power":
            wrong += await power(place, cuts=arguments.cuts, seed=arguments.seed)
        elif part == "load":
            wrong += await load(place, reports=arguments.reports)
        elif part == "storms":
            wrong += await storms(place)
        elif part == "simulator":
            wrong += await asyncio.to_thread(simulator, arguments.seed)
        elif part == "blind":
            wrong += await blind(place, cuts=arguments.network_cuts, seed=arguments.seed)
        elif part == "dumps":
            wrong += await poisoned(place, count=arguments.dumps, seed=arguments.seed, jobs=arguments.jobs)
        elif part == "hostile":
            wrong += await attack(place, count=arguments.bodies, seed=arguments.seed)
        elif part == "flapping":
            wrong += await flapping(place, weeks=arguments.flapping_weeks, seed=arguments.seed)
        elif part == "ledger":
            wrong += await ledger(
                place, operations=arguments.operations, seed=arguments.seed, jobs=arguments.jobs
            )
        else:
            wrong += await kills(place, arguments)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*VERBS, []])
    parser.add_argument("--cycles", type=int, default=2_000)
    parser.add_argument("--cuts", type=int, default=400)
    parser.add_argument("--network-cuts", type=int, default=100)
    parser.add_argument("--flapping-weeks", type=int, default=1_000)
    parser.add_argument("--reports", type=int, default=10_000)
    parser.add_argument("--dumps", type=int, default=8_000)
    parser.add_argument("--bodies", type=int, default=20_000)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20_261_123)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--cycle", help="one cycle, as a bad one was printed")
    parser.add_argument("--jobs", type=int, default=2)
    sys.exit(1 if asyncio.run(main(parser.parse_args())) else 0)
