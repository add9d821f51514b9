"""The commands of tokens: made, listed, and ended."""

from typing import Annotated

import typer

from monitor.cli_options import DATA, AsJson, ConfigPath, DataDir, say

app = typer.Typer(help="Scoped tokens for programs.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="ingest, read, operate or admin; repeatable, `ingest` if left out."),
    ] = None,
    system: Annotated[str | None, typer.Option(help="Bind it to one system's serial.")] = None,
    contact: Annotated[
        str | None,
        typer.Option(help="Let it speak for a customer's contact (id), without scopes.", show_default=False),
    ] = None,
    dsn: Annotated[bool, typer.Option("--dsn", help="Make a DSN key for Sentry SDKs instead.")] = False,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it once."""
    from monitor import operating  # noqa: PLC0415

    unknown = sorted(set(scope or ()) - {"ingest", "read", "operate", "admin"})
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)} is none of ingest, read, operate, admin", param_hint="--scope"
        )
    if contact and (scope or system or dsn):
        raise typer.BadParameter(
            "a customer's token has no scopes and no system, and is no DSN", param_hint="--contact"
        )
    made = operating.token_create(
        name, tuple(scope or ("ingest",)), system, config, data_dir, dsn=dsn, contact=contact
    )
    if as_json:
        say(made)
    else:
        print(made.get("dsn") or made["token"])


@app.command("list")
def list_(config: ConfigPath = None, data_dir: DataDir = DATA, as_json: AsJson = False) -> None:
    """Show every token, the newest first: what it is for and may, never its secret."""
    from monitor import operating  # noqa: PLC0415

    found = operating.token_list(config, data_dir)
    if as_json:
        say(found)
        return
    for each in found:
        may = f"for {each['contact']}" if each["contact"] else " ".join(each["scopes"])
        ended = f", revoked {each['revoked_at']}" if each["revoked_at"] else ""
        print(f"{each['id']}  {each['name']}  {each['kind']}: {may}{ended}")


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `tocsin token list` shows it.")],
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """End a token or DSN key at once; a running service takes it no more."""
    from monitor import operating  # noqa: PLC0415

    operating.token_revoke(token, config, data_dir)
    print(f"{token} is revoked")
