"""The commands of the ledger of prepaid incidents."""

from typing import Annotated

import typer

from monitor.cli_options import DATA, AsJson, ConfigPath, DataDir, say

app = typer.Typer(help="Prepaid incidents: purchases, refunds, statements.", no_args_is_help=True)

Partner = Annotated[str, typer.Argument(help="A customer's id.")]
Reference = Annotated[
    str, typer.Option("--reference", help="What makes it one event: the invoice's number, for instance.")
]
Because = Annotated[str, typer.Option("--because", help="The reason, for the statement.")]


@app.command()
def statement(
    partner: Partner, config: ConfigPath = None, data_dir: DataDir = DATA, as_json: AsJson = False
) -> None:
    """Print a customer's statements, one for each contract year."""
    from monitor import bookkeeping  # noqa: PLC0415 - heavy parts are imported by the commands that need them

    made = bookkeeping.statement(partner, config, data_dir)
    if as_json:
        say(made)
    else:
        print(bookkeeping.told(made))


@app.command()
def purchase(
    partner: Partner,
    incidents: Annotated[int, typer.Argument(min=1, max=1_000_000, help="How many were bought.")],
    reference: Reference,
    because: Because = "",
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Enter incidents that a customer bought, once per reference."""
    from monitor import bookkeeping  # noqa: PLC0415

    print(bookkeeping.purchase(partner, incidents, reference, because, config, data_dir))


@app.command()
def refund(
    partner: Partner,
    charge: Annotated[str, typer.Argument(help="The charge's id, as the statement has it.")],
    reference: Reference,
    incidents: Annotated[
        int | None, typer.Option("--incidents", min=1, help="How many of it; all that is left if left out.")
    ] = None,
    because: Because = "",
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Give back a charge or a part of it, once per reference; never more than was charged."""
    from monitor import bookkeeping  # noqa: PLC0415

    print(bookkeeping.refund(partner, charge, incidents, reference, because, config, data_dir))


@app.command()
def correct(
    partner: Partner,
    incidents: Annotated[int, typer.Argument(help="How many more, or (negative, after --) fewer.")],
    reference: Reference,
    because: Because,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Put right what was entered wrongly, with a reason, once per reference."""
    from monitor import bookkeeping  # noqa: PLC0415

    print(bookkeeping.correct(partner, incidents, reference, because, config, data_dir))
