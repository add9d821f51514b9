"""``tocsin licence``: contracts, their seats and people, and what they stand for."""

from typing import Annotated

import typer

from monitor.cli_options import DATA, AsJson, ConfigPath, DataDir, say

licence_app = typer.Typer(help="Licences: seats, contacts, standing.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the others."""
    app.add_typer(licence_app, name="licence")


@licence_app.command("list")
def licence_list(config: ConfigPath = None, data_dir: DataDir = DATA, as_json: AsJson = False) -> int:
    """List licences with their seats, who is in charge, and what they stand for today."""
    from monitor import licensing  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    found = licensing.licence_list(config, data_dir)
    if as_json:
        say(found)
    else:
        print(licensing.told_list(found))
    return 0


@licence_app.command("show")
def licence_show(
    id: Annotated[str, typer.Argument(help="The licence's id.")],  # noqa: A002 - what it is called
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
    as_json: AsJson = False,
) -> int:
    """Show one licence: its people, its systems, its standing with dates, and how changes are taken.

    Exit 1 if something on it does not fit its policy, such as more contacts than seats.
    """
    from monitor import licensing  # noqa: PLC0415

    found = licensing.licence_show(id, config, data_dir)
    if as_json:
        say(found)
    else:
        print(licensing.told_licence(found))
    return 1 if found["problems"] else 0
