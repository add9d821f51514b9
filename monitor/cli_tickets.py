"""``tocsin tickets``: try out the ticket system."""

import sys

import typer

from monitor import logs
from monitor.cli_options import AsJson, ConfigPath, say

app = typer.Typer(help="Try out the ticket system.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``test`` a command of a group, though it is the only one."""


@app.command("test")
def tickets_test(config: ConfigPath = None, as_json: AsJson = False) -> int:
    """Ask the ticket system whether it would take our tickets, creating none; exit 1 if it would not."""
    from monitor import ticket_trial  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    logs.set_up(level="WARNING")
    found = ticket_trial.check(config)
    if as_json:
        say(
            {
                "driver": found.driver,
                "ok": not found.problem,
                "told": found.told,
                "problem": found.problem or None,
            }
        )
    else:
        for line in found.told:
            print(f"{found.driver}: {line}")
        if found.problem:
            print(f"{found.driver}: {found.problem}", file=sys.stderr)
    return 1 if found.problem else 0
