"""The support lead's commands: what a changed policy would mean, and how the promises were kept.

Exit codes as everywhere, but for ``policy diff``: 0 no difference, 1 a difference, 2 it could not be compared.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from monitor.cli_options import DATA, AsJson, ConfigPath, DataDir, say
from monitor.errors import TocsinError

report_app = typer.Typer(help="Reports from the record.", no_args_is_help=True)

Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="From this moment or day on, ISO 8601, UTC; all if left out.", show_default=False
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", help="Up to this moment or day (not included); now if left out.", show_default=False
    ),
]


def add_to(app: typer.Typer, policy_app: typer.Typer) -> None:
    """Add these commands to those that are there."""
    policy_app.command("diff")(policy_diff)
    policy_app.command("backtest")(policy_backtest)
    app.add_typer(report_app, name="report")


def policy_diff(
    old: Annotated[str, typer.Argument(help="A policy file, or the name of a policy.")],
    new: Annotated[str, typer.Argument(help="The other one.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> int:
    """Say what differs between two editions, and what would be decided otherwise.

    Exit 0 if nothing differs, 1 if something does, 2 if they cannot be compared. Without -c, names are those of the
    shipped policies.
    """
    from monitor import lead  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    try:
        answer = lead.policy_diff(old, new, config)
    except TocsinError as error:
        print(error, file=sys.stderr)
        return 2
    if as_json:
        say(answer)
    else:
        print(lead.told_diff(answer))
    return 0 if answer["same"] else 1


def policy_backtest(
    new: Annotated[str, typer.Argument(help="The policy that is tried: a file, or a name.")],
    *,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    listed: Annotated[
        Path | None,
        typer.Option("--csv", help="List the differences in this file instead.", show_default=False),
    ] = None,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Decide what is on record again under another policy, and list every decision that would differ.

    What was decided under a policy of the same name, each as of its own moment, with the inventory now in force.
    The record is read only; the service may run.
    """
    from monitor import lead  # noqa: PLC0415

    if as_json and listed:
        raise typer.BadParameter("give either --json or --csv", param_hint="--json")
    span = lead.interval(since, until)
    lead.policy_backtest(new, span, config, data_dir, listed=listed, as_json=as_json)


@report_app.command("sla")
def report_sla(
    *,
    since: Since = None,
    until: Until = None,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.", show_default=False)] = None,
    cls: Annotated[str | None, typer.Option("--class", help="Only this class.", show_default=False)] = None,
    clock: Annotated[
        str | None, typer.Option(help="Only this clock, such as response.", show_default=False)
    ] = None,
    form: Annotated[
        Literal["text", "csv", "html", "json"], typer.Option("--format", help="How it is written.")
    ] = "text",
    as_json: AsJson = False,
    clocks: Annotated[
        bool, typer.Option("--clocks", help="Also list every clock that the figures are made of.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to this file.", show_default=False)
    ] = None,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Say how the promises were kept, by partner, class and clock, from the record.

    The same record and interval give the same bytes. The record is read only; the service may run.
    """
    from monitor import lead  # noqa: PLC0415
    from monitor.storage.attainment import Wanted  # noqa: PLC0415

    begin, end = lead.interval(since, until)
    wanted = Wanted(since=begin, until=end, partner=partner, cls=cls, clock=clock, keep=clocks)
    text = lead.report_sla(wanted, "json" if as_json else form, output, config, data_dir)
    if text is not None:
        sys.stdout.write(text)
