"""What is missing is skipped with its reason and listed, or fails where everything is required."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements import require

A_TEST = """
from tests.requirements import require

def test_one(): require("no-such-program", "calls are placed for real", how="apt-get install it")
def test_two(): require("no-such-program", "calls are placed for real", how="apt-get install it")
"""


def test_what_is_there_is_returned() -> None:
    assert require("python:sqlite3", "the record") == "sqlite3"
    assert Path(require("sh", "everything")).exists()


def test_what_is_missing_is_skipped_with_what_why_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such — it is needed — apt-get install no-such"):
        require("no-such", "it is needed")
    with pytest.raises(pytest.skip.Exception, match="python:no_such — it is needed — pip install no-such"):
        require("python:no_such", "it is needed")


def test_what_is_missing_fails_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="missing: no-such"):
        require("no-such", "it is needed")


def test_the_run_ends_with_a_list_of_what_was_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    root = Path(__file__).parents[1]
    (tmp_path / "test_skipped.py").write_text(A_TEST)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    line = "skipped: no-such-program — calls are placed for real — apt-get install it (2 tests)"
    assert done.stdout.count(line) == 1, done.stdout
