"""``tocsin call``: try out the phone."""

from typing import Annotated

import typer

from monitor import logs
from monitor.cli_options import AsJson, ConfigPath, say

app = typer.Typer(help="Try out the phone.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``test`` a command of a group, though it is the only one."""


@app.command("test")
def call_test(
    number: Annotated[str, typer.Argument(help="Whom to call, +39…")],
    text: Annotated[
        str | None, typer.Option(help="What to say; by default that it is a test.", show_default=False)
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="The language to say it in; by default the service's.", show_default=False),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Call it though it is nobody's number in the configuration.")
    ] = False,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> int:
    """Place one real call and print what happens; exit 1 unless 1 was pressed."""
    from monitor import trial  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    logs.set_up(level="WARNING")
    tried = trial.call(
        number,
        config,
        text=text,
        language=language,
        anyway=anyway,
        tell=(lambda _line: None) if as_json else print_line,
    )
    if as_json:
        say(trial.document(tried))
    return 0 if tried.acknowledged else 1


def print_line(line: str) -> None:
    """Print a line as it happens, also into a pipe."""
    print(line, flush=True)
