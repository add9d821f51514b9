"""Who had failed and is well again, held against remembering plain facts."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.evidence import Group
from monitor.domain.recovered import Recovered
from tests.factories import MONDAY_AT_TEN

GROUPS = {
    f"s{n}": (Group("cloud", "ab"[n % 2]), *((Group("carrier", "rara"),) if n % 3 else ())) for n in range(6)
}
EVERY = sorted({group for groups in GROUPS.values() for group in groups})
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["note", "forget", "forget_before", "file_again"]),
        st.sampled_from([*GROUPS, "stranger"]),
        st.integers(0, 20),
    ),
    max_size=30,
)


def at(seconds):
    return MONDAY_AT_TEN + timedelta(seconds=seconds)


@given(STEPS, st.integers(0, 20))
def test_each_system_counts_once_in_each_of_its_groups_with_its_latest_beginning(steps, since):
    recovered, facts = Recovered(lambda serial: GROUPS.get(serial, ())), {}
    for what, serial, seconds in steps:
        if what == "note":
            recovered.note(serial, at(seconds))
            facts[serial] = seconds
        elif what == "forget":
            recovered.forget(serial)
            facts.pop(serial, None)
        elif what == "forget_before":
            recovered.forget_before(at(seconds))
            facts = {one: begun for one, begun in facts.items() if begun >= seconds}
        else:
            recovered.file_again()
    assert len(recovered) == len(facts)
    for group in EVERY:
        expected = sum(group in GROUPS.get(one, ()) and begun >= since for one, begun in facts.items())
        assert recovered.begun(group, at(since)) == expected


def test_no_more_is_kept_than_is_asked_for():
    recovered = Recovered(lambda _serial: EVERY)
    for n in range(5_000):
        recovered.note(f"s{n}", at(n))
        if recovered.is_full:
            recovered.forget_before(at(n - 100))
    assert len(recovered) < 1_500
