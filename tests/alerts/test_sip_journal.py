"""The journal of calls: on disk before anything is dialled, read after any death, bounded, written by one process."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import sip_journal
from alerts.sip_journal import End, Journal, Known, Scribe, find, locked, open_at, reaches_back_to

BEGAN = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_at(tmp_path / "journal", BEGAN)
    return tmp_path / "journal"


def test_what_was_written_of_an_attempt_is_known_after_a_restart(folder: Path) -> None:
    end = End(status=486, reason="Busy Here", rang=True, progress=True, seconds=3.5)
    journal = Journal(folder)
    journal.write("begun", attempt="a", line="pbx", at="…")
    journal.write("begun", attempt="b", line="pbx", at="…")
    journal.write("ended", attempt="a", sip="call-1", **asdict(end))
    journal.write("answered", attempt="b", sip="call-2")
    journal.write("key", attempt="b", sip="call-2", digit="5")
    journal.write("key", attempt="b", sip="call-2", digit="1")
    journal.close()
    assert find(folder, "a") == Known(sip="call-1", end=end)
    assert find(folder, "b") == Known(sip="call-2", answered=True, keys="51")
    assert find(folder, "c") is None
    assert reaches_back_to(folder) == BEGAN


def test_another_line_of_the_same_attempt_begins_anew(folder: Path) -> None:
    journal = Journal(folder)
    journal.write("begun", attempt="a", line="one", at="…")
    journal.write("ended", attempt="a", sip="call-1", **asdict(End(status=503)))
    journal.write("begun", attempt="a", line="two", at="…")
    assert find(folder, "a") == Known(), "it was begun, and nobody knows its end"
    journal.close()


def test_a_line_that_a_power_cut_left_half_written_harms_no_other(folder: Path) -> None:
    journal = Journal(folder)
    journal.write("begun", attempt="a", line="one", at="…")
    journal.close()
    with (folder / sip_journal.NAME).open("ab") as file:
        file.write(b'{"what": "ended", "attem')
    journal = Journal(folder)
    journal.write("begun", attempt="b", line="one", at="…")
    journal.close()
    assert find(folder, "a") == Known()
    assert find(folder, "b") == Known()


@settings(deadline=None, max_examples=50)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_journal_cut_anywhere_is_read_and_never_knows_more_than_was_written(
    cut: int, tmp_path_factory
) -> None:
    folder = tmp_path_factory.mktemp("cut") / "journal"
    open_at(folder, BEGAN)
    journal = Journal(folder)
    journal.write("begun", attempt="a", line="one", at="…")
    journal.write("answered", attempt="a", sip="call-1")
    journal.write("key", attempt="a", sip="call-1", digit="1")
    journal.close()
    path = folder / sip_journal.NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    known = find(folder, "a")
    lines = whole[:cut].count(b"\n") + (cut in {len(part) for part in _ends(whole)})
    assert (
        known
        == (
            None,
            None,
            Known(),
            Known(sip="call-1", answered=True),
            Known(sip="call-1", answered=True, keys="1"),
        )[lines]
    )


def _ends(whole: bytes) -> list[bytes]:
    """Return the beginnings that end with a whole line, but for its line break."""
    return [whole[:at] for at, byte in enumerate(whole) if byte == ord("\n")]


def test_it_stays_small_and_what_was_begun_before_the_new_file_is_still_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sip_journal, "LARGEST", 2_000)
    journal = Journal(folder)
    for number in range(100):
        journal.make_room(f"2026-11-26T03:{number % 60:02}:00+00:00")
        journal.write("begun", attempt=f"a{number}", line="one", at="…")
    journal.close()
    size = sum(file.stat().st_size for file in folder.glob("*.jsonl"))
    assert size < 2 * 2_000 + 500
    assert find(folder, "a99") == find(folder, "a90") == Known()
    assert find(folder, "a0") is None
    reach = reaches_back_to(folder)
    assert reach is not None
    assert reach > BEGAN, "it says that it does not reach back any more"


def test_only_one_process_writes_it(folder: Path) -> None:
    with locked(folder) as first, locked(folder) as second:
        assert (first, second) == (True, False)
    with locked(folder) as again:
        assert again


async def test_a_scribe_writes_in_the_order_it_was_asked_without_holding_up_the_loop(folder: Path) -> None:
    scribe = Scribe(Journal(folder))
    begun = scribe.begin("…", attempt="a", line="one")
    notes = [scribe.write("key", attempt="a", digit=digit) for digit in "1592"]
    await scribe.written()
    await asyncio.gather(begun, *notes)
    assert find(folder, "a") == Known(keys="1592")


def test_an_empty_or_foreign_file_tells_nothing(tmp_path: Path) -> None:
    tmp_path.joinpath(sip_journal.NAME).write_text('[1]\nnull\n{"attempt": "a"}\n')
    assert find(tmp_path, "a") is None
    assert reaches_back_to(tmp_path) is None
