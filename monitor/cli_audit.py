"""The commands of the audit log: whether it is whole, and all of it as a file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli_options import DATA, AsJson, ConfigPath, DataDir, say

app = typer.Typer(help="The audit log: is it whole, and all of it as a file.", no_args_is_help=True)


@app.command()
def verify(
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor",
            help="A head from the log, an export or paper: it must still be in the chain. May be repeated.",
        ),
    ] = None,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
    as_json: AsJson = False,
) -> int:
    """Follow the chain of the audit and name the first row that does not fit; exit 1 if there is one.

    With a configuration that has secrets.key the seals are checked, too: without them a chain that somebody made
    anew would pass.
    """
    from monitor import audit_commands  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    walk, keyed = audit_commands.verify(config, data_dir, anchor or ())
    if as_json:
        say(
            {
                "whole": walk.whole,
                "rows": walk.rows,
                "head": walk.hash,
                "broken": walk.broken,
                "fault": walk.fault,
                "sealed": walk.sealed,
                "seals_checked": keyed,
            }
        )
    else:
        print(audit_commands.told(walk, keyed=keyed))
    return 0 if walk.whole else 1


@app.command()
def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="A file that must not exist; else standard output.")
    ] = None,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Write every row of the audit as a line of JSON with its hash; the head goes to standard error."""
    from monitor import audit_commands  # noqa: PLC0415

    if to is None:
        head = audit_commands.export(config, data_dir, print)
    else:
        try:
            with to.open("x", encoding="ascii") as file:
                head = audit_commands.export(config, data_dir, lambda line: file.write(line + "\n"))
        except FileExistsError:
            raise typer.BadParameter(f"{to} exists; a log is not overwritten", param_hint="--to") from None
    print(f"{head.rows:,} rows, head {head.hash}", file=sys.stderr)
