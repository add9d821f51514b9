"""The collector of cycles is out of the looks' way, and still there."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from monitor import garbage


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.enable()
    gc.unfreeze()


def test_what_is_there_after_the_start_is_not_walked_again() -> None:
    garbage.put_off()
    assert not gc.isenabled()
    fleet = [[n] for n in range(1000)]

    garbage.settle()

    assert gc.isenabled()
    assert not {id(each) for each in fleet} & {id(each) for each in gc.get_objects()}


def test_a_cycle_that_dies_young_is_let_go_without_a_collection_of_everything() -> None:
    garbage.settle()
    old = gc.get_stats()[2]["collections"]
    gone = weakref.ref(Knot())

    kept = [[n] for n in range(2 * gc.get_threshold()[0])]

    assert gone() is None, f"{len(kept)} objects later"
    assert gc.get_stats()[2]["collections"] == old
