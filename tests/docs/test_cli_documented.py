"""Every command of ``tocsin`` and every option of it is told in the operator's manual."""

import re
from pathlib import Path

import pytest
import typer.main

from monitor.cli import app

MANUAL = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")


def commands(group, above=""):
    """Yield every command with its full name; a group is not one itself."""
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        if hasattr(command, "commands"):
            yield from commands(command, path)
        else:
            yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def rows():
    return dict(re.findall(r"(?m)^\| `tocsin ([a-z]+(?: [a-z]+)?)([^|]*?)\|", MANUAL))


def test_the_walk_finds_the_commands():
    assert {"serve", "config check", "db restore", "status export"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_row_with_its_options(name):
    row = rows().get(name)
    assert row is not None, f"no row for `tocsin {name}` in docs/operator.md"
    options = [
        option
        for parameter in COMMANDS[name].params
        for option in parameter.opts
        if option.startswith("--") and option not in ("--help", "--config")
    ]
    assert [option for option in options if option not in row] == []


def test_no_row_names_a_command_that_is_not_there():
    assert set(rows()) - set(COMMANDS) == set()
