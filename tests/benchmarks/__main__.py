"""Run the benchmarks, print a table each, and say which goals were met.

    python -m tests.benchmarks [name ...] [--quick] [--json]      (make bench)

Each runs in a process of its own, one after the other, pinned: what is measured on one core, targets and load on the
other. One that cannot run here (a peer is not installed) is named and the rest go on. The exit status is 1 only
if a benchmark broke: on a busy machine a missed goal is news, not an error.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.benchmarks.peers import MissingError
from tests.benchmarks.report import Report, as_json, measured, summary

NAMES = (
    "http_checks",
    "https_checks",
    "sip_checks",
    "scheduler",
    "rates",
    "fleet",
    "page",
    "page_flaps",
    "page_paint",
    "console",
    "store_writes",
    "history",
    "deadlines",
    "first_attempt",
    "correlation",
    "crash_intake",
    "alert_intake",
)


def alone(name: str, *, quick: bool) -> Report:
    """Run one benchmark where nothing of an earlier one is left."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, name, quick).result()


def main() -> int:
    """Run those that were named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="shorter, at the same rates")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    reports: list[Report] = []
    not_run: list[str] = []
    broken = False
    for name in given.names or NAMES:
        try:
            reports.append(alone(name, quick=given.quick))
        except MissingError as error:
            not_run.append(f"{name}: {error}")
        except Exception as error:
            broken = True
            not_run.append(f"{name}: {type(error).__name__}: {error}")
        else:
            if not given.json:
                print(reports[-1].text(), end="\n\n", flush=True)
    print(as_json(reports, not_run) if given.json else summary(reports, not_run))
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
