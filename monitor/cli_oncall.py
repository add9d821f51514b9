"""``tocsin oncall``: who is on call when, with gaps and hand-overs."""

from typing import Annotated

import typer

from monitor.cli_options import DATA, AsJson, At, ConfigPath, DataDir, say


def add_to(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command("oncall")(oncall)


def oncall(
    at: At = None,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="For how many days.")] = 14,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
    as_json: AsJson = False,
) -> int:
    """Print who is on call when, rotation by rotation, with gaps and hand-overs.

    Overrides on record count, too. Exit 1 if there is a gap in these days.
    """
    from monitor import oncalling  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    found = oncalling.oncall(at, days, config, data_dir)
    if as_json:
        say(found.document)
    else:
        print(found.told)
    return 1 if found.gaps else 0
