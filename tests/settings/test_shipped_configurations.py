"""The configurations we ship stand alone: nothing need be running or set to check them."""

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.settings import shipped


@pytest.mark.parametrize("name", ["demo", "tocsin.yaml"])
def test_a_shipped_configuration_is_found_fine(name: str) -> None:
    result = CliRunner().invoke(app, ["config", "check", str(shipped(name))])
    assert (result.exit_code, result.stderr) == (0, ""), result.output
