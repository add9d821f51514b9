"""The command line. Exit codes: 0 fine, 1 the answer is no, 2 wrong usage.

``--json`` prints one JSON document on stdout and nothing else there; logs go to stderr. Heavy parts are
imported by the commands that need them, so that ``--help`` and ``due`` answer at once.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from monitor import (
    cli_audit,
    cli_call,
    cli_lead,
    cli_ledger,
    cli_licence,
    cli_oncall,
    cli_tickets,
    cli_tokens,
    garbage,
    logs,
)
from monitor.cli_options import DATA, AsJson, At, ConfigPath, DataDir, say
from monitor.errors import TocsinError

app = typer.Typer(
    name="tocsin",
    help="A monitoring-driven proactive incident service: it rings before the customer does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="Check a configuration, or print its schema.", no_args_is_help=True)
db_app = typer.Typer(help="Look after the record: migrations, backups, integrity.", no_args_is_help=True)
user_app = typer.Typer(help="Console users.", no_args_is_help=True)
check_app = typer.Typer(help="Run checks by hand.", no_args_is_help=True)
secrets_app = typer.Typer(
    help="Keys: of credentials that come with requests, of links in mails.", no_args_is_help=True
)
status_app = typer.Typer(help="The public status page.", no_args_is_help=True)
request_app = typer.Typer(help="Incoming requests.", no_args_is_help=True)
policy_app = typer.Typer(help="Policies: the documents as data.", no_args_is_help=True)
for name, sub in (
    ("config", config_app),
    ("check", check_app),
    ("db", db_app),
    ("user", user_app),
    ("token", cli_tokens.app),
    ("secrets", secrets_app),
    ("status", status_app),
    ("request", request_app),
    ("policy", policy_app),
    ("ledger", cli_ledger.app),
    ("call", cli_call.app),
    ("tickets", cli_tickets.app),
    ("audit", cli_audit.app),
):
    app.add_typer(sub, name=name)
cli_lead.add_to(app, policy_app)
cli_licence.add_to(app)
cli_oncall.add_to(app)

DEMO_DATA = Path("tocsin-data/demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Read the arguments, do what they say, return the exit status."""
    if list(sys.argv[1:] if argv is None else argv) == ["--version"]:
        argv = ["version"]
    try:
        outcome = app(args=argv, prog_name="tocsin", standalone_mode=False)
    except TocsinError as error:
        print(error, file=sys.stderr)
        return 1
    except typer.Exit as leaving:
        return leaving.exit_code
    except Exception as error:  # noqa: BLE001 - sorted by _usage, raised again if it is a bug
        return _usage(error)
    return outcome if isinstance(outcome, int) else 0


def _usage(error: Exception) -> int:
    """Show what was wrong with the command's usage; anything else is a bug and shown as one."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
        return int(getattr(error, "exit_code", 2))
    if type(error).__name__ == "Abort":
        return 130
    raise error


@app.command()
def serve(
    config: ConfigPath = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.", show_default=False)
    ] = None,
    data_dir: DataDir = DATA,
    roles: Annotated[str, typer.Option(help="Roles this process runs; only `all` so far.")] = "all",
) -> None:
    """Run the service."""
    garbage.put_off()  # a fifth of the imports' time
    from monitor import operating  # noqa: PLC0415 - see the module's docstring

    logs.set_up()
    if roles != "all":
        raise typer.BadParameter(
            "splitting roles is not built yet: run `all` (the default)", param_hint="--roles"
        )
    operating.serve(config, host=host, port=port, data_dir=data_dir)


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data_dir: DataDir = DEMO_DATA,
    as_json: AsJson = False,
) -> None:
    """Run the service with a small fleet that breaks, and a telephone exchange of its own."""
    from monitor import demo as demonstration  # noqa: PLC0415
    from monitor import wiring  # noqa: PLC0415

    logs.set_up()
    wiring.run(lambda: demonstration.run(data_dir, host=host, port=port, as_json=as_json))


@app.command()
def explain(
    finding: Annotated[str, typer.Argument(help="FINDING.json, or - for stdin.")],
    config: ConfigPath = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Print the decision for a finding, without acting on it."""
    from monitor import commands  # noqa: PLC0415

    text = sys.stdin.read() if finding == "-" else _text(Path(finding))
    decision = commands.explain(text, config, at)
    if as_json:
        say(decision)
    else:
        print(commands.told(decision))


@app.command()
def due(
    policy: Annotated[str, typer.Option(help="Policy name.")],
    class_: Annotated[str, typer.Option("--class", help="Class of service.")],
    plan: Annotated[str | None, typer.Option(help="Plan, where the policy has them.")] = None,
    calendar: Annotated[str | None, typer.Option(help="Calendar, where the policy has several.")] = None,
    clock: Annotated[
        str, typer.Option(help="Which clock: response, or another the policy has.")
    ] = "response",
    at: At = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Print when a promise made at a moment falls due, and what was counted."""
    from monitor import commands  # noqa: PLC0415

    answer = commands.due(policy, class_, plan, calendar, at, config, clock)
    if as_json:
        say(answer)
    else:
        print(commands.told_due(answer))


@request_app.command("check")
def request_check(
    request: Annotated[str, typer.Argument(help="REQUEST.json, or - for stdin.")],
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> int:
    """Judge an incoming request without filing it; exit 1 if it would not be accepted."""
    from monitor import commands  # noqa: PLC0415

    text = sys.stdin.read() if request == "-" else _text(Path(request))
    judgement = commands.request_check(text, config)
    if as_json:
        say(judgement)
    else:
        print(commands.told_request(judgement))
    return 0 if judgement["accepted"] else 1


@policy_app.command("coverage")
def policy_coverage(
    name: Annotated[str | None, typer.Argument(help="Policy name; all if left out.")] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """List every clause that a policy cites, what cites it, and the tests that prove it."""
    from monitor import commands  # noqa: PLC0415

    answer = commands.policy_coverage(name, config)
    if as_json:
        say(answer)
    else:
        print(commands.told_coverage(answer))


@config_app.command("check")
def config_check(path: Annotated[Path, typer.Argument(help="File or folder.")]) -> None:
    """Say everything that is wrong with a configuration, as file:line:column: message."""
    from monitor import commands  # noqa: PLC0415

    print(commands.config_check(path))


@config_app.command("schema")
def config_schema(
    policy: Annotated[bool, typer.Option("--policy", help="The schema of policy files instead.")] = False,
) -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from monitor import commands  # noqa: PLC0415

    print(json.dumps(commands.policy_schema() if policy else commands.config_schema(), indent=2))


@check_app.command("run")
def check_run(
    names: Annotated[list[str] | None, typer.Argument(help="Check names; all if left out.")] = None,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> int:
    """Run checks once; exit 1 if any failed."""
    from monitor import operating  # noqa: PLC0415

    looks = operating.check_run(tuple(names or ()), config)
    if as_json:
        say(looks)
    else:
        print(operating.told_looks(looks))
    return 1 if any(look["verdict"] != "up" for look in looks) else 0


@db_app.command("upgrade")
def db_upgrade(config: ConfigPath = None, data_dir: DataDir = DATA) -> None:
    """Bring the record up to date."""
    from monitor import operating  # noqa: PLC0415

    print(operating.db_upgrade(config, data_dir))


@db_app.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Write a backup while the service runs; refuses to overwrite."""
    from monitor import operating  # noqa: PLC0415

    print(operating.db_backup(file, config, data_dir))


@db_app.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Restore a backup into an empty place; refuses to overwrite."""
    from monitor import operating  # noqa: PLC0415

    print(operating.db_restore(file, config, data_dir))


@db_app.command("check")
def db_check(config: ConfigPath = None, data_dir: DataDir = DATA) -> int:
    """Check the record's integrity; exit 1 if something is wrong."""
    from monitor import operating  # noqa: PLC0415

    sound, text = operating.db_check(config, data_dir)
    print(text)
    return 0 if sound else 1


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Login name.")],
    role: Annotated[
        Literal["viewer", "noc", "lead", "admin", "partner-contact", "partner-admin"],
        typer.Option(
            help="What the user may do; with --contact partner-contact or partner-admin (the default there)."
        ),
    ] = "noc",
    password: Annotated[
        str | None,
        typer.Option(
            envvar="TOCSIN_PASSWORD", help="Password; asked for (or made, without a terminal) if left out."
        ),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(help="Make it a portal user: the id of the customer's contact.", show_default=False),
    ] = None,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Add a console user, or with --contact a customer's for the portal."""
    from monitor import operating  # noqa: PLC0415

    if password is None and sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    print(operating.user_add(name, role, password, config, data_dir, contact=contact))


@user_app.command("reset")
def user_reset(
    name: Annotated[str, typer.Argument(help="Login name.")],
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Ask a user for the password only, who has lost telephone and recovery codes; their sessions end."""
    from monitor import operating  # noqa: PLC0415

    print(operating.user_reset(name, config, data_dir))


@secrets_app.command("key")
def secrets_key() -> None:
    """Print a new key for the credentials that come with requests (secrets.key)."""
    from monitor import sealing  # noqa: PLC0415

    print(sealing.new_key())


@secrets_app.command("links")
def secrets_links(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Links and reply addresses that are out count no more.")
    ] = False,
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Sign links in mails and tickets with a new key from now on."""
    from monitor import operating  # noqa: PLC0415

    print(operating.rotate_links(config, data_dir, revoke=revoke))


@status_app.command("export")
def status_export(
    folder: Annotated[Path, typer.Argument(help="Folder to write into.")],
    config: ConfigPath = None,
    data_dir: DataDir = DATA,
) -> None:
    """Write the public page, history, feeds and v2 JSON as static files."""
    from monitor import operating  # noqa: PLC0415

    print(operating.status_export(folder, config, data_dir))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed  # noqa: PLC0415

    print(installed("tocsin"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}") from error
