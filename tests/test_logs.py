"""The log: one JSON object a line, whoever writes it, and no value of any variable."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from monitor import logs

SECRET = "very-secret"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def fail(token: str) -> None:
    """Fail with a secret in the frame."""
    raise ValueError("no good " + str(len(token)))


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("library", [True, False])
def test_a_traceback_shows_no_values_of_variables(
    capsys: pytest.CaptureFixture[str], *, as_json: bool, library: bool
) -> None:
    logs.set_up(as_json=as_json)
    log = logging.getLogger("a.library") if library else structlog.get_logger()
    try:
        fail(SECRET)
    except ValueError:
        log.exception("it.failed")
    written = capsys.readouterr().err
    assert "no good" in written
    assert SECRET not in written


def test_what_a_library_logs_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    logging.getLogger("a.library").warning("something %s", "odd")
    try:
        fail("x")
    except ValueError:
        logging.getLogger("a.library").exception("it failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["event"] == "something odd"
    assert first["logger"] == "a.library"
    assert second["exception"][0]["exc_type"] == "ValueError"


def test_who_does_not_speak_http_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    logging.getLogger("aiohttp.server").error("Error", exc_info=BadHttpMessage("Content-Length: -1"))
    assert capsys.readouterr().err == ""
