"""``tocsin tickets test``: the ticket system is asked, and nothing is created there."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.cli import main
from tests.far_ends.jira import TOKEN, USER, FakeJira


@contextmanager
def a_jira() -> Iterator[FakeJira]:
    """Run a Jira in a thread: the command has a loop of its own."""
    far, ready, over = FakeJira(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with far.open():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="jira")
    thread.start()
    try:
        assert ready.wait(10)
        yield far
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def a_configuration(folder: Path, far: FakeJira, **changes: str) -> str:
    keys = {"url": far.url, "user": USER, "token": TOKEN, "project": "SUP", **changes}
    file = folder / "tocsin.yaml"
    file.write_text(f"tickets: {json.dumps({'driver': 'jira', 'jira': keys})}")
    return str(file)


def test_a_system_that_would_take_our_tickets_says_so_and_gets_none(tmp_path, capsys) -> None:
    with a_jira() as far:
        assert main(["tickets", "test", "-c", a_configuration(tmp_path, far)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "jira: the token is Tocsin's",
        "jira: project SUP is there, and we may open and close issues in it",
    ]
    assert far.issues == {}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"token": "expired-token"}, "Jira does not accept our token", id="a wrong token"),
        pytest.param({"project": "NOWHERE"}, "Jira has no project 'NOWHERE'", id="an unknown project"),
        pytest.param(
            {"issue_type": "Epos"}, "no issue type 'Epos' among Task, Incident", id="an unknown type"
        ),
    ],
)
def test_what_is_wrong_is_a_sentence_and_no_secret(tmp_path, capsys, changes: dict, sentence: str) -> None:
    with a_jira() as far:
        assert main(["tickets", "test", "-c", a_configuration(tmp_path, far, **changes)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence in told.err
    assert "expired-token" not in told.err


def test_a_system_that_is_not_there_is_a_sentence_in_json_too(tmp_path, capsys) -> None:
    nowhere = FakeJira(url="http://127.0.0.1:1")
    assert main(["tickets", "test", "--json", "-c", a_configuration(tmp_path, nowhere)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["driver"], told["ok"], told["told"]) == ("jira", False, [])
    assert "127.0.0.1" in told["problem"]


def test_tickets_that_are_kept_here_need_nobody(tmp_path, capsys) -> None:
    (tmp_path / "tocsin.yaml").write_text("service: {name: Acme}")
    assert main(["tickets", "test", "-c", str(tmp_path / "tocsin.yaml")]) == 0
    assert "kept here" in capsys.readouterr().out
