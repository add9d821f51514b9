"""The support lead's commands: what a changed policy would mean, and how the promises were kept.

Exit codes as everywhere, but for ``policy diff``: 0 no difference, 1 a difference, 2 it could not be compared.
"""

import sys
from typing import Annotated

import typer

from monitor.cli_options import AsJson, ConfigPath, say
from monitor.errors import TocsinError


def add_to(policy_app: typer.Typer) -> None:
    """Add the commands about policies to those that are there."""
    policy_app.command("diff")(policy_diff)


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
