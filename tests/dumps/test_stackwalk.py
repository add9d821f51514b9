"""What is configured for reading dumps and is not there is said when the service starts."""

import pytest
from structlog.testing import capture_logs

from monitor.settings.sections import Crash
from monitor.stackwalk import stackwalk_of, symbols_of


@pytest.mark.parametrize("there", ["nothing", "a folder", "no program"])
def test_a_stackwalk_that_is_not_there_is_said_and_not_used(tmp_path, there):
    place = tmp_path / "minidump_stackwalk"
    if there == "a folder":
        place.mkdir()
    elif there == "no program":
        place.write_text("#!/bin/sh\n")
    with capture_logs() as said:
        assert stackwalk_of(Crash(stackwalk=str(place))) == ""
        assert symbols_of(Crash(symbols=str(tmp_path / "symbols"))) == ""
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("dumps.no_stackwalk", "error"),
        ("dumps.no_symbols", "error"),
    ]


def test_what_is_there_is_used_and_nothing_is_said(tmp_path, monkeypatch):
    program = tmp_path / "minidump_stackwalk"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with capture_logs() as said:
        assert stackwalk_of(Crash(stackwalk=str(program))) == str(program)
        assert symbols_of(Crash(symbols=str(tmp_path))) == str(tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert stackwalk_of(Crash()) == str(program)
        monkeypatch.setenv("PATH", "/nowhere")
        assert (stackwalk_of(Crash()), symbols_of(Crash())) == ("", "")
    assert said == []
