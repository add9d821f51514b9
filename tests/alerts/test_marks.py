"""Our marks in what we write into tickets: known again, and not taken from those who quote us."""

import pytest

from alerts.base import TicketNote
from alerts.marks import mark_in, marked, recognised, without_mark

MARK = "out_01kb3m6t5v9c4q8z7y2x1w0r"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(marked("The line is up again.", MARK), MARK, id="as we write it"),
        pytest.param(marked("", MARK), MARK, id="a text of nothing else"),
        pytest.param(marked("Up.", MARK) + "\r\n \n", MARK, id="with lines the far end put behind it"),
        pytest.param(f"> Up.\n>\n> (ref {MARK})", None, id="quoted in a reply"),
        pytest.param(marked("Up.", MARK) + "\nThanks!", None, id="with an answer below it"),
        pytest.param(f"see (ref {MARK})", None, id="in the middle of a line"),
        pytest.param("(ref inc_01kb3m6t5v)", None, id="of something that is no outbox row"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_mark_is_the_whole_last_line(text: str, found: str | None) -> None:
    assert mark_in(text) == found


def test_what_we_said_is_shown_without_its_mark() -> None:
    assert without_mark(marked("The line\n\nis up.", MARK)) == "The line\n\nis up."
    assert without_mark("No mark here.\nNone") == "No mark here.\nNone"


def test_a_reply_that_ends_with_our_words_is_no_echo_of_ours() -> None:
    ours = TicketNote(id="1", author="tocsin", text=marked("Is it better now?", MARK))
    reply = TicketNote(id="2", author="Giulia", text="No!\n\n" + marked("Is it better now?", MARK))
    assert [note.ours for note in recognised([ours, reply])] == [True, False]
