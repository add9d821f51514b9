"""What the support lead's commands do, behind :mod:`monitor.cli_lead`."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from monitor import asked_differences
from monitor.asked import QuestionError, instant, meant
from monitor.asked_differences import told as told_diff
from monitor.backtest import Backtest, Totals
from monitor.backtest_told import Write, csv_writer, json_writer, text_writer
from monitor.clock import system_clock
from monitor.commands import configuration, configuration_here
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.registered import overlaid
from monitor.errors import TocsinError
from monitor.operating import database
from monitor.settings import shipped
from monitor.settings.policies import load_policies
from monitor.sla_report import Report, as_csv, as_json, as_text, sla_report
from monitor.storage import attainment, registry, replay
from monitor.storage.attainment import Wanted
from monitor.storage.reading import open_to_read
from monitor.storage.replay import Span
from monitor.web.reports import document

__all__ = ["told_diff"]

TITLE = "Promises kept"


def policies(path: Path | None) -> Mapping[str, Policy]:
    """Return the policies a configuration has in force; without one the shipped."""
    return configuration(path).in_force.policies if path else load_policies([shipped("policies")])


def policy_diff(old: str, new: str, path: Path | None) -> dict[str, Any]:
    """Return what differs between two editions of a policy."""
    known = policies(path)
    return asked_differences.diff(
        asked_differences.chosen(old, known), asked_differences.chosen(new, known), system_clock()
    )


def interval(since: str | None, until: str | None) -> tuple[datetime | None, datetime]:
    """Read an interval; without an end it ends now, and an end that lies ahead is refused."""
    now = system_clock().replace(microsecond=0)
    begin = _moment("--since", since, now) if since else None
    end = _moment("--until", until, now) if until else now
    if end > now:
        raise QuestionError("--until: it lies ahead: what is promised until then is not settled")
    if begin and begin >= end:
        raise QuestionError(f"--since: {since} is not before the end, {end:%Y-%m-%dT%H:%M:%SZ}")
    return begin, end


def _moment(option: str, text: str, now: datetime) -> datetime:
    try:
        return instant(text, None, now)
    except QuestionError as error:
        raise QuestionError(f"{option}: {str(error).removeprefix('at: ')}") from error


def report_sla(
    wanted: Wanted, form: str, output: Path | None, path: Path | None, data_dir: Path
) -> str | None:
    """Return the attainment report in a form; None where it was written to a file."""
    report = asyncio.run(_report(database(path, data_dir), wanted))
    text = _rendered(report, form, path)
    if output is None:
        return text
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise TocsinError(f"{output}: {error.strerror}") from error
    return None


async def _report(url: str, wanted: Wanted) -> Report:
    async with open_to_read(url) as store:
        for option, name, known in (
            ("--partner", wanted.partner, attainment.partners),
            ("--class", wanted.cls, attainment.classes),
            ("--clock", wanted.clock, attainment.names),
        ):
            names = await store.read(known) if name is not None else []
            if name is not None and name not in names:
                there = f"there are {', '.join(names)}" if names else "there are none"
                raise QuestionError(
                    f"{option}: nothing on record is of {name!r}; {there}{meant(name, names)}"
                )
        return await sla_report(store, wanted)


def _rendered(report: Report, form: str, path: Path | None) -> str:
    match form:
        case "csv":
            return as_csv(report)
        case "json":
            return json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n"
        case "html":
            inventory = configuration(path).settings.inventory if path else Inventory()
            return document(report, inventory, TITLE)
        case _:
            return as_text(report)


def policy_backtest(
    new: str,
    interval: tuple[datetime | None, datetime],
    path: Path | None,
    data_dir: Path,
    *,
    listed: Path | None = None,
    as_json: bool = False,
) -> None:
    """Decide what is on record again under another policy, and print every difference as it is found."""
    where = configuration_here(path)
    given = configuration(where).in_force
    tried, _ = asked_differences.chosen(new, given.policies)
    test = Backtest(tried=tried, in_force=given.policies.get(tried.name), inventory=given.inventory)
    span = Span(policy=tried.name, since=interval[0], until=interval[1])
    with ExitStack() as stack:
        if listed is not None:
            begin = partial(csv_writer, listed, stack)
        else:
            begin = partial(json_writer if as_json else text_writer, test, span)
        asyncio.run(_backtest(database(where, data_dir), test, span, begin))


async def _backtest(url: str, test: Backtest, span: Span, begin: Callable[[], Write]) -> None:
    totals = Totals()
    async with open_to_read(url) as store:
        names = await store.read(replay.policies)
        if span.policy not in names:
            known = f"there are {', '.join(names)}" if names else "it is empty"
            raise QuestionError(
                f"policy: nothing on record was decided under a policy named {span.policy!r}; {known}"
                f"{meant(span.policy, names)}"
            )
        registered = await store.read(registry.registered)
        test = replace(test, inventory=overlaid(test.inventory, registered))
        write = begin()
        async for outcome in test.outcomes(store, span):
            totals.add(outcome)
            if outcome.changes or outcome.unknowable:
                write(outcome)
        write(totals)
