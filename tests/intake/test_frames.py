"""Frames of Sentry's events: those that come again are known by heart, and that is never to be seen."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.crashes import Frame
from monitor.intake.events import _made_frame, crash_of

WORDS = st.sampled_from(["f", "1", "", " a ", "x" * 200, "y" * 201, "0x1f", "-", "\0"])
SAID = st.one_of(
    st.none(), WORDS, st.booleans(), st.sampled_from([0, 1, 2**64, -1, 0.0, 1.0, 1.5]), st.just([]), st.just({"a": 1})
)  # fmt: skip
NAMES = (
    *("function", "package", "module", "filename", "abs_path", "lineno", "in_app", "instruction_addr"),
    *("image_addr", "vars"),
)


def frames_of(raw: list[object]) -> tuple[Frame, ...]:
    event = {"stacktrace": {"frames": raw}}
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return crash_of(event, id="a", header_id="b" * 32, now=now, token_system=None, attachments=()).frames


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), SAID), min_size=1, max_size=6))
def test_a_frame_is_what_it_says_whatever_came_before(raw):
    assert frames_of(raw) == tuple(_made_frame(each, ()) for each in reversed(raw))


def test_one_is_no_yes_and_of_many_frames_the_innermost_stay():
    (yes,), (one,) = (
        frames_of([{"function": "f", "in_app": True}]),
        frames_of([{"function": "f", "in_app": 1}]),
    )
    assert (yes.in_app, one.in_app) == (True, None)
    many = frames_of([{"function": f"f{n}"} for n in range(100)])
    assert [frame.function for frame in many] == [f"f{n}" for n in range(99, 35, -1)]
