"""What many failing systems have in common: the incremental ledger, held against counting everything afresh."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.correlation import DIMENSIONS, EVERYBODY, Group, Ledger, Limits
from monitor.domain.inventory import System
from tests.factories import MONDAY_AT_TEN

LIMITS = Limits(systems=3, share=0.25, window=timedelta(seconds=60), contrast=3.0, everything=0.5)
CLOUD_A, CLOUD_B = Group("cloud", "a"), Group("cloud", "b")


def at(seconds):
    return MONDAY_AT_TEN + timedelta(seconds=seconds)


def a_fleet(*, a=10, b=10, **shared):
    return [
        System(serial=f"{cloud}{number}", partner="p", cloud=cloud, **shared)
        for cloud, count in (("a", a), ("b", b))
        for number in range(count)
    ]


def a_ledger(systems, limits=LIMITS):
    ledger = Ledger(limits)
    ledger.watch(systems)
    return ledger


def named(ledger):
    evidence = ledger.explanation()
    return evidence.group if evidence else None


def believed(ledger, *serials, seconds=0):
    for serial in serials:
        ledger.believe(serial, at(seconds))


CASES = {
    "three of ten in one cloud": (["a0", "a1", "a2"], CLOUD_A),
    "two are too few": (["a0", "a1"], None),
    "one in each of two clouds is no cloud's": (["a0", "b0"], None),
    "as many in the other cloud": (["a0", "a1", "a2", "b0", "b1", "b2"], None),
    "nearly all of both clouds is everything": ([f"{c}{n}" for c in "ab" for n in range(9)], EVERYBODY),
    "a third as many outside": ([f"a{n}" for n in range(9)] + ["b0", "b1", "b2"], CLOUD_A),
    "nobody": ([], None),
}


@pytest.mark.parametrize(("failing", "group"), CASES.values(), ids=CASES)
def test_the_group_that_explains_it(failing, group):
    ledger = a_ledger(a_fleet())
    believed(ledger, *failing)
    assert named(ledger) == group


def test_a_share_too_small_is_no_storm():
    ledger = a_ledger(a_fleet(a=100))
    believed(ledger, *(f"a{n}" for n in range(24)))
    assert named(ledger) is None
    believed(ledger, "a24")
    assert named(ledger) == CLOUD_A


def test_the_smallest_group_that_covers_it_is_named():
    ledger = a_ledger(a_fleet(region="eu", version="5.02"))
    believed(ledger, *(f"a{n}" for n in range(10)))
    assert named(ledger) == CLOUD_A


def test_of_groups_that_are_the_same_the_cloud_is_named_first():
    ledger = a_ledger(a_fleet(b=0, region="eu", version="5.02", carrier="alfa", component="cloud-eu"))
    believed(ledger, *(f"a{n}" for n in range(5)))
    assert named(ledger) == CLOUD_A


def test_failures_far_apart_are_no_storm():
    ledger = a_ledger(a_fleet())
    for number in range(6):
        believed(ledger, f"a{number}", seconds=40 * number)
    assert named(ledger) is None


def test_what_began_exactly_a_window_ago_still_counts():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", seconds=0)
    believed(ledger, "a1", "a2", seconds=60)
    assert named(ledger) == CLOUD_A


def test_failing_looks_outside_speak_against_a_cloud_before_they_are_believed():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", "a1", "a2")
    for number in range(3):
        ledger.fails(f"b{number}", at(1))
    assert named(ledger) is None


def test_a_storm_is_forming_before_anything_is_believed():
    ledger = a_ledger(a_fleet())
    for number in range(3):
        ledger.fails(f"a{number}", at(number))
    assert ledger.forming("a0").group == CLOUD_A
    assert ledger.forming("a7").group == CLOUD_A, "its group is what counts, not whether it fails itself"
    assert ledger.forming("b0") is None
    assert named(ledger) is None
    ledger.well("a2")
    assert ledger.forming("a0") is None


def test_members_of_a_named_group_count_for_no_other():
    ledger = a_ledger(a_fleet(region="eu"))
    believed(ledger, *(f"a{n}" for n in range(8)))
    ledger.set_aside(CLOUD_A)
    assert named(ledger) is None
    believed(ledger, "b0", "b1", "b2")
    evidence = ledger.explanation()
    assert (evidence.group, evidence.members, evidence.members_outside) == (CLOUD_B, 10, 0)


def test_who_still_fails_when_a_problem_is_over_makes_no_new_one_until_well_in_between():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", "a1", "a2")
    ledger.set_aside(CLOUD_A)
    ledger.take_back(CLOUD_A)
    believed(ledger, "a3", "a4", seconds=5)
    assert named(ledger) is None
    ledger.well("a0")
    believed(ledger, "a0", seconds=9)
    assert named(ledger) == CLOUD_A


def test_the_evidence_reads_as_a_sentence():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", "a1", seconds=0)
    believed(ledger, "a2", seconds=12)
    ledger.fails("b0", at(3))
    assert ledger.explanation().reasons == (
        "3 of 10 systems of cloud a fail, begun within 12 s",
        "outside of it 1 of 10 fail",
        "it explains best: 75% of the failures, 30% of its members",
    )


def test_a_system_that_is_not_watched_is_nobodys():
    ledger = a_ledger(a_fleet())
    believed(ledger, "x1", "x2", "x3", "x4")
    ledger.well("x1")
    assert named(ledger) is None


# against counting everything afresh -----------------------------------------------------------------------

FLEET = [
    System(serial=f"s{n}", partner="p", cloud="ab"[n % 2], region=("eu", None)[n % 3 == 0], version=f"5.{n % 4}")
    for n in range(12)
]  # fmt: skip
SERIALS = [one.serial for one in FLEET] + ["stranger"]
STEP = st.one_of(
    st.tuples(st.just("fails"), st.sampled_from(SERIALS), st.integers(0, 150)),
    st.tuples(st.just("believe"), st.sampled_from(SERIALS), st.integers(0, 150)),
    st.tuples(st.sampled_from(["well", "doubted_no_more"]), st.sampled_from(SERIALS), st.just(0)),
    st.tuples(st.sampled_from(["set_aside", "take_back"]), st.sampled_from([CLOUD_A, Group("version", "5.1"), EVERYBODY]), st.just(0)),
    st.tuples(st.just("watch"), st.just(""), st.just(0)),
)  # fmt: skip


class Oracle:
    """The same by remembering plain facts and counting all of them at every question."""

    def __init__(self):
        self.failing, self.believed = {}, {}
        self.aside, self.spent = set(), set()

    def groups(self, system):
        return [Group(one.name, one.of(system)) for one in DIMENSIONS if one.of(system)] + [EVERYBODY]

    def step(self, what, whom, seconds):
        known = {one.serial for one in FLEET}
        if what in ("fails", "believe") and whom in known:
            moment = at(seconds)
            for book in (self.failing,) if what == "fails" else (self.failing, self.believed):
                book[whom] = min(book.get(whom, moment), moment)
        elif what in ("well", "doubted_no_more"):
            self.believed.pop(whom, None)
            if what == "well":
                self.failing.pop(whom, None)
                self.spent.discard(whom)
        elif what == "set_aside":
            self.aside.add(whom)
        elif what == "take_back" and whom in self.aside:
            freed = [one for one in FLEET if whom in self.groups(one)]
            self.aside.discard(whom)
            self.spent |= {
                one.serial
                for one in freed
                if one.serial in self.failing and not self.aside & set(self.groups(one))
            }

    def counted(self):
        return [one for one in FLEET if not self.aside & set(self.groups(one))]

    def explanation(self):
        everybody = self.counted()
        live = [one for one in everybody if one.serial not in self.spent]
        best = []
        for group in {group for one in FLEET for group in self.groups(one)} - self.aside:
            members = [one for one in everybody if group in self.groups(one)]
            inside = [one for one in live if group in self.groups(one)]
            findings = sorted(self.believed[o.serial] for o in inside if o.serial in self.believed)
            fresh = [m for m in findings if m >= findings[-1] - LIMITS.window]
            if len(fresh) < LIMITS.systems or len(fresh) < LIMITS.share * len(members):
                continue
            begin = max(self.failing[o.serial] for o in inside if o.serial in self.failing) - LIMITS.window
            failing = [o for o in live if self.failing.get(o.serial, begin - LIMITS.window) >= begin]
            ours = sum(group in self.groups(o) for o in failing)
            others, outside = len(everybody) - len(members), len(failing) - ours
            if group == EVERYBODY and ours < LIMITS.everything * len(members):
                continue
            if others and outside and ours / len(members) < LIMITS.contrast * outside / others * (1 - 1e-12):
                continue
            order = [one.name for one in DIMENSIONS]
            place = order.index(group.dimension) if group != EVERYBODY else len(order)
            score = 2 * ours / (len(members) + len(failing))
            best.append(((score, -len(members), -place, group.value), group, ours, outside))
        return max(best)[1:] if best else None


@given(st.lists(STEP, max_size=40))
def test_the_ledger_says_what_counting_everything_says(steps):
    ledger, oracle = a_ledger(FLEET), Oracle()
    for what, whom, seconds in steps:
        if what == "watch":
            ledger.watch(FLEET)
        elif what in ("fails", "believe"):
            getattr(ledger, what)(whom, at(seconds))
        else:
            getattr(ledger, what)(whom)
        oracle.step(what, whom, seconds)
    found = ledger.explanation()
    assert (found and (found.group, found.failing, found.failing_outside)) == oracle.explanation()
