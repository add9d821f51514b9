"""What many failing systems have in common: the incremental ledger, held against counting everything afresh."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import combinations
from math import comb, exp, factorial, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.correlation import Ledger, Limits
from monitor.domain.evidence import DIMENSIONS, EVERYBODY, Group, as_rows, both, dimension
from monitor.domain.inventory import System
from tests.factories import MONDAY_AT_TEN

LIMITS = Limits(systems=3, many=3, share=0.25, window=timedelta(seconds=60), contrast=3.0, everything=0.5, longer=())  # fmt: skip
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


def test_a_storm_that_could_not_be_put_on_record_is_named_again_at_once():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", "a1", "a2", "a3")
    assert named(ledger) == CLOUD_A
    ledger.set_aside(CLOUD_A)
    ledger.take_back(CLOUD_A, told=False)
    assert named(ledger) == CLOUD_A


def test_the_evidence_reads_as_a_sentence():
    ledger = a_ledger(a_fleet())
    believed(ledger, "a0", "a1", seconds=0)
    believed(ledger, "a2", seconds=12)
    ledger.fails("b0", at(3))
    assert ledger.explanation().reasons == (
        "3 of 10 systems of cloud a fail, begun within 12 s",
        "outside of it 1 of 10 fail",
        "that belonging to it does not matter: it may as well be chance (exact test, 4 groups looked at)",
        "that so many begin at once each by itself: once in 76,654 years",
        "it explains best: 75% of the failures, 30% of its members",
    )


def test_a_system_that_is_not_watched_is_nobodys():
    ledger = a_ledger(a_fleet())
    believed(ledger, "x1", "x2", "x3", "x4")
    ledger.well("x1")
    assert named(ledger) is None


# small groups, and what two attributes only together explain -------------------------------------------------


def a_mixed_fleet(count=100, carrier=3):
    """Two clouds, ten partners, three versions; ``carrier`` systems of cloud a are on carrier rara."""
    return [
        System(
            serial=f"s{n}", partner=f"p{n % 10}", cloud="ab"[n % 2], version=f"5.{n % 3}",
            carrier="rara" if n % 2 == 0 and n < 2 * carrier else f"c{n % 4}", tags={"rack": f"r{n % 7}"},
        )
        for n in range(count)
    ]  # fmt: skip


def test_three_of_three_on_one_carrier_are_named_while_their_cloud_is_well():
    ledger = a_ledger(a_mixed_fleet(), Limits())
    believed(ledger, "s0", "s2")
    assert named(ledger) is None, "two are a coincidence"
    believed(ledger, "s4", seconds=9)
    evidence = ledger.explanation()
    assert (str(evidence.group), evidence.failing, evidence.members) == ("carrier rara", 3, 3)
    assert evidence.chance < 0.001


def test_three_of_three_in_a_fleet_of_twelve_may_be_chance():
    ledger = a_ledger(a_mixed_fleet(12), Limits())
    believed(ledger, "s0", "s2", "s4")
    assert named(ledger) is None


def test_three_here_and_there_are_nobodys():
    ledger = a_ledger(a_mixed_fleet(), Limits())
    believed(ledger, "s1", "s2", "s15")
    assert named(ledger) is None


def test_three_of_a_partners_three_hundred_fail_somewhere_every_few_months_by_themselves():
    fleet = [System(serial=f"s{n}", partner=f"p{n // 300}") for n in range(60_000)]
    ledger = a_ledger(fleet, Limits(share=0.01))
    believed(ledger, "s300", "s301", "s302")
    assert named(ledger) is None
    careless = a_ledger(fleet, Limits(share=0.01, years=0))
    believed(careless, "s300", "s301", "s302")
    assert named(careless) == Group("partner", "p1"), "if only belonging to it were asked for"
    believed(ledger, "s303", "s304", "s305", "s306")
    assert named(ledger) == Group("partner", "p1")


def test_a_version_in_one_cloud_is_both_where_either_alone_is_well():
    ledger = a_ledger(a_mixed_fleet(300), Limits())
    broken = [f"s{n}" for n in range(300) if n % 2 and n % 3 == 0]
    believed(ledger, *broken)
    group = named(ledger)
    assert str(group) == "cloud b and version 5.0"
    assert sorted(ledger.members(group)) == sorted(broken)
    ledger.set_aside(group)
    assert all(ledger.groups_of(serial)[0] == group for serial in broken)
    assert named(ledger) is None
    ledger.watch(a_mixed_fleet(300))
    assert named(ledger) is None, "it is still set aside"
    ledger.take_back(group)
    ledger.well(broken[0])
    believed(ledger, broken[0], seconds=5)
    assert named(ledger) is None


def test_a_whole_cloud_is_one_attribute_whatever_versions_are_in_it():
    ledger = a_ledger(a_mixed_fleet(300), Limits())
    for n in range(0, 300, 2):
        believed(ledger, f"s{n}")
    assert str(named(ledger)) == "cloud a"


def test_a_partner_who_is_all_in_the_cloud_that_fails_is_not_named_for_it():
    fleet = [System(serial=f"s{n}", partner=f"p{n % 40}", cloud=f"c{n % 10}") for n in range(4_000)]
    ledger = a_ledger(fleet, Limits())
    for one in (one for one in fleet if one.cloud == "c3"):
        believed(ledger, one.serial)
        if (group := named(ledger)) is not None:
            break
    assert group == Group("cloud", "c3")


def test_a_tag_is_looked_at_if_it_is_asked_for():
    ledger = Ledger(Limits())
    ledger.watch(a_mixed_fleet(), [dimension("cloud"), dimension("rack")])
    believed(ledger, *(f"s{n}" for n in range(3, 100, 7)))
    assert str(named(ledger)) == "rack r3"


def test_the_table_shows_what_else_was_looked_at():
    ledger = a_ledger(a_mixed_fleet(), Limits())
    believed(ledger, "s0", "s2", "s4")
    evidence = ledger.explanation()
    rows = as_rows(ledger.table(evidence), evidence.group, evidence.looked_at)
    assert [row["group"] for row in rows if row["named"]] == ["carrier rara"]
    assert {row["group"].split()[0] for row in rows} == {"carrier", "cloud", "partner", "version"}
    cloud = next(row for row in rows if row["group"] == "cloud a")
    assert (cloud["failing"], cloud["members"], cloud["failing_outside"], cloud["members_outside"]) == (3, 50, 0, 50)  # fmt: skip
    assert cloud["chance"] == 1.0


# slowly, at once, and by themselves ----------------------------------------------------------------------


def three_clouds(count=40, clouds="abc"):
    return [
        System(serial=f"{c}{n}", partner=f"p{n % 7}", cloud=c, version=f"5.{n % 3}")
        for c in clouds
        for n in range(count)
    ]


def test_what_spreads_slowly_through_a_group_is_named_within_ten_minutes():
    ledger = a_ledger(three_clouds(clouds="abcdef"), Limits())
    for n in range(12):
        believed(ledger, f"a{n}", seconds=90 * n)
        if named(ledger):
            break
    assert named(ledger) == CLOUD_A
    assert n < 7
    assert "begun within" in ledger.explanation().reasons[0]
    hasty = a_ledger(three_clouds(clouds="abcdef"), Limits(longer=()))
    for n in range(12):
        believed(hasty, f"a{n}", seconds=90 * n)
    assert named(hasty) is None, "if only what begins within a minute were looked at"


def test_of_two_clouds_that_fail_at_once_each_is_named():
    ledger = a_ledger(three_clouds(), Limits())
    believed(ledger, *(f"a{n}" for n in range(36)), *(f"b{n}" for n in range(32)))
    first = ledger.explanation()
    assert first.group == CLOUD_A
    assert "of those 32 are of cloud b, which fails as well (40 systems): two causes at once" in first.reasons
    ledger.set_aside(first.group)
    assert named(ledger) == CLOUD_B
    ledger.set_aside(CLOUD_B)
    assert named(ledger) is None


def test_what_fails_alike_in_all_three_is_none_of_theirs():
    ledger = a_ledger(three_clouds(), Limits())
    believed(ledger, *(f"{c}{n}" for c in "abc" for n in range(16)))
    assert named(ledger) is None


def test_how_often_they_fail_by_themselves_is_learned():
    fleet = [System(serial=f"s{n}", partner=f"p{n // 30}", cloud="ab"[n % 2]) for n in range(3_000)]
    ledger, careless = a_ledger(fleet, Limits()), a_ledger(fleet, Limits())
    for n in range(2_000):  # a day in which one begins to fail every 43 seconds, here and there
        ledger.fails(f"s{n * 1_009 % 3_000}", at(43 * n))
        ledger.well(f"s{n * 1_009 % 3_000}")
    for one in (ledger, careless):
        believed(one, "s0", "s1", "s2", seconds=86_400)
    assert (named(careless), named(ledger)) == (Group("partner", "p0"), None), (
        "three here and there are to be expected"
    )
    believed(ledger, *(f"s{n}" for n in range(3, 10)), seconds=86_400)
    assert named(ledger) == Group("partner", "p0")


def test_a_storm_is_no_noise():
    fleet = three_clouds(400)
    ledger = a_ledger(fleet, Limits())
    for hour in range(8):
        for one in fleet if hour == 4 else fleet[hour::400]:
            ledger.fails(one.serial, at(3_600 * hour))
            ledger.well(one.serial)
    believed(ledger, "a0", "a7", "a14", seconds=30_000)
    assert named(ledger) is None
    believed(ledger, *(f"a{n}" for n in range(0, 70, 7)), seconds=30_000)
    assert str(named(ledger)) == "cloud a and partner p0"


# against counting everything afresh -----------------------------------------------------------------------

FLEET = [
    System(
        serial=f"s{n}", partner="pq"[n > 8], cloud="ab"[n % 2], region=("eu", None)[n % 3 == 0],
        version=f"5.{n % 4}", carrier=("alfa", "beta")[n > 3],
    )
    for n in range(12)
]  # fmt: skip
STRICT = Limits(systems=3, many=20, share=0.25, chance=0.3, everything=0.5, longer=())
BETA_IN_A = both(CLOUD_A, Group("carrier", "beta"))
SERIALS = [one.serial for one in FLEET] + ["stranger"]
STEP = st.one_of(
    st.tuples(st.just("fails"), st.sampled_from(SERIALS), st.integers(0, 150)),
    st.tuples(st.just("believe"), st.sampled_from(SERIALS), st.integers(0, 150)),
    st.tuples(st.sampled_from(["well", "doubted_no_more"]), st.sampled_from(SERIALS), st.just(0)),
    st.tuples(st.sampled_from(["set_aside", "take_back", "not_told"]), st.sampled_from([CLOUD_A, Group("version", "5.1"), BETA_IN_A, EVERYBODY]), st.just(0)),
    st.tuples(st.just("watch"), st.just(""), st.just(0)),
)  # fmt: skip


class Oracle:
    """The same by remembering plain facts and counting all of them at every question."""

    def __init__(self, limits):
        self.limits = limits
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
        elif what == "not_told":
            self.aside.discard(whom)
        elif what == "take_back" and whom in self.aside:
            freed = [one for one in FLEET if {*whom.parts} <= {*self.groups(one)}]
            self.aside.discard(whom)
            self.spent |= {
                one.serial for one in freed if one.serial in self.failing and not self.is_aside(one)
            }

    def is_aside(self, system):
        return any({*group.parts} <= {*self.groups(system)} for group in self.aside)

    def counted(self):
        return [one for one in FLEET if not self.is_aside(one)]

    def explanation(self):
        best, coming = self.best(self.believed), self.best(self.failing, share=0)
        if best and coming and coming[1] == best[1]:
            found = self.both(best) or (None if self.suspected(best) else best[1:])
            return (self.beside() or found) if not found or found[0] == EVERYBODY else found
        wide = self.best(self.believed, share=0)
        found = wide and self.both(wide)
        if found:
            size = sum({*found[0].parts} <= {*self.groups(one)} for one in self.counted())
            found = found if found[1] >= self.limits.share * size else None
        return found or self.beside()

    def beside(self):
        """Two groups at once: the failures outside of one are the other's, and beside the two all is well."""
        limits, everybody = self.limits, self.counted()
        live = [one for one in everybody if one.serial in self.failing and one.serial not in self.spent]
        groups = {group for one in FLEET for group in self.groups(one)} - self.aside - {EVERYBODY}
        tested = []
        for group in groups:
            begins = [self.failing[o.serial] for o in live if group in self.groups(o)]
            begin = max(begins, default=at(0)) - limits.window
            failing = {o.serial for o in live if self.failing[o.serial] >= begin}
            ours = {o.serial for o in everybody if group in self.groups(o)}
            if len(failing & ours) >= limits.systems:
                log_p = log_by_hand(len(failing & ours), len(ours), len(failing), len(everybody))
                explains = 2 * len(failing & ours) / (len(ours) + len(failing))
                tested.append((log_p, -explains, group, failing, ours))
        if not tested:
            return None
        log_p, _, group, failing, ours = min(tested, key=lambda one: one[:3])
        rest = {one.serial for one in everybody} - ours
        if exp(log_p) * self.looked_at > limits.chance or self.often(failing, ours, rest):
            return None
        findings = [self.believed[one] for one in ours if one in self.believed and one not in self.spent]
        fresh = [m for m in findings if m >= max(findings) - limits.window]
        if len(fresh) < max(limits.systems, limits.share * len(ours)):
            return None
        second = max(
            (one for g in groups | self.aside if (one := self.second(g, failing, ours, rest))), default=None
        )
        return (
            (group, len(failing & ours), len(failing & rest))
            if second and self.rare(fresh, ours, second)
            else None
        )

    def second(self, group, failing, ours, rest):
        """The other group, if it fails much more often than what is left, and so does the first."""
        theirs = {o.serial for o in FLEET if group in self.groups(o)} & rest
        left = rest - theirs
        if (
            group == EVERYBODY
            or len(failing & theirs) < self.limits.systems
            or len(left) < max(3, self.limits.share * len(ours | rest))
        ):
            return None
        if not self.often(failing, ours, left) or not self.often(failing, theirs, left):
            return None
        log_p = log_by_hand(len(failing & theirs), len(theirs), len(failing & rest), len(rest))
        if exp(log_p) * self.looked_at > self.limits.chance:
            return None
        return 2 * len(failing & theirs) / (len(theirs) + len(failing & rest)), group, failing & left, left

    def often(self, failing, these, others):
        return len(failing & these) * len(others) >= self.limits.contrast * len(failing & others) * len(
            these
        ) * (1 - 1e-12)

    def rare(self, fresh, ours, second):
        alone = self.limits.window / self.limits.alone
        alone = max(alone, min(0.01, (len(second[2]) - self.limits.systems) / len(second[3])))
        return self.years(alone * len(ours), len(fresh)) >= self.limits.years

    def years(self, expected, count):
        tail = 1 - sum(exp(-expected) * expected**i / factorial(i) for i in range(count - 1))
        return 1 / (expected * 525_960 * tail * self.looked_at)

    def best(self, book, share=None):
        everybody = self.counted()
        live = [one for one in everybody if one.serial not in self.spent]
        groups = {group for one in FLEET for group in self.groups(one)}
        sizes = Counter(group for one in FLEET for group in self.groups(one))
        self.looked_at = sum(size >= self.limits.systems for size in sizes.values())
        least = self.limits.share if share is None else share
        rows = (
            self.row(group, everybody, live, self.looked_at, book, least) for group in groups - self.aside
        )
        return max((row for row in rows if row), default=None)

    def seconds(self, best, chance):
        """The other attributes that nearly all failing of a group have, and the healthy in it seldom."""
        group = best[1]
        everybody = self.counted()
        inside = [o for o in everybody if o.serial not in self.spent and group in self.groups(o)]
        begin = max(self.failing[o.serial] for o in inside if o.serial in self.failing) - self.limits.window
        failing = [o for o in inside if self.failing.get(o.serial, begin - self.limits.window) >= begin]
        members = [one for one in everybody if group in self.groups(one)]
        found = []
        for other in (
            {g for one in FLEET for g in self.groups(one)} - {group, EVERYBODY} if group != EVERYBODY else ()
        ):
            both_fail = [one for one in failing if other in self.groups(one)]
            both_are = [one for one in members if other in self.groups(one)]
            nearly = min(0.9 * len(failing), len(failing) - 1)
            if len(both_fail) < max(self.limits.systems, nearly) or len(both_are) == len(members):
                continue
            log_p = log_by_hand(len(both_fail), len(both_are), len(failing), len(members))
            if exp(log_p) <= chance * (1 + 1e-9):
                found.append((log_p, other, both_fail))
        return found, failing

    def both(self, best):
        pairs, _ = self.seconds(best, 0.01 / len(DIMENSIONS))
        if not pairs:
            return None
        _, other, fail = min(pairs, key=lambda pair: (pair[0], pair[1]))
        name = both(best[1], other)
        if name in self.aside or sum(one.serial in self.believed for one in fail) < self.limits.systems:
            return None
        return name, len(fail), best[2] + best[3] - len(fail)

    def suspected(self, best):
        pairs, failing = self.seconds(best, 0.1)
        return bool(pairs) and any(one.serial not in self.believed for one in failing)

    def row(self, group, everybody, live, looked_at, book, share):
        limits = self.limits
        members = [one for one in everybody if group in self.groups(one)]
        inside = [one for one in live if group in self.groups(one)]
        findings = sorted(book[o.serial] for o in inside if o.serial in book)
        fresh = [m for m in findings if m >= findings[-1] - limits.window]
        if len(fresh) < limits.systems or len(fresh) < share * len(members):
            return None
        begin = max(self.failing[o.serial] for o in inside if o.serial in self.failing) - limits.window
        failing = [o for o in live if self.failing.get(o.serial, begin - limits.window) >= begin]
        ours = sum(group in self.groups(o) for o in failing)
        others, outside = len(everybody) - len(members), len(failing) - ours
        if group == EVERYBODY and ours < limits.everything * len(members):
            return None
        if group.dimension == "partner" and not others:
            return None
        if others and outside and ours / len(members) < limits.contrast * outside / others * (1 - 1e-12):
            return None
        log_p = log_by_hand(ours, len(members), len(failing), len(everybody))
        if len(fresh) < limits.many and exp(log_p) * looked_at > limits.chance:
            return None
        alone = limits.window / limits.alone
        if others:
            alone = max(alone, min(0.01, (outside - limits.systems) / others))
        if self.years(alone * len(members), len(fresh)) < limits.years:
            return None
        order = [one.name for one in DIMENSIONS]
        place = order.index(group.dimension) if group != EVERYBODY else len(order)
        score = 2 * ours / (len(members) + len(failing))
        return (-log_p, score, -len(members), -place, group.value), group, ours, outside


def log_by_hand(inside, members, failing, everybody):
    """Fisher's test, counted out."""
    if inside * everybody <= members * failing:
        return 0.0
    ways = sum(
        comb(members, one) * comb(everybody - members, failing - one)
        for one in range(inside, min(members, failing) + 1)
    )
    return min(0.0, round(log(Fraction(ways, comb(everybody, failing))), 9))


@settings(deadline=None)
@pytest.mark.parametrize("limits", [LIMITS, STRICT], ids=["many are enough", "the test decides"])
@given(st.lists(STEP, max_size=40))
def test_the_ledger_says_what_counting_everything_says(limits, steps):
    ledger, oracle = a_ledger(FLEET, limits), Oracle(limits)
    for what, whom, seconds in steps:
        if what == "watch":
            ledger.watch(FLEET)
        elif what in ("fails", "believe"):
            getattr(ledger, what)(whom, at(seconds))
        elif what == "not_told":
            ledger.take_back(whom, told=False)
        else:
            getattr(ledger, what)(whom)
        oracle.step(what, whom, seconds)
    found = ledger.explanation()
    assert (found and (found.group, found.failing, found.failing_outside)) == oracle.explanation()


# two attributes where neither alone has enough ---------------------------------------------------------------

SIXTY = [
    System(serial=f"s{n}", partner=f"p{n % 7}", cloud=f"c{n % 4}", version=f"5.{n // 4 % 5}", carrier="rs"[n % 9 > 5])
    for n in range(120)
]  # fmt: skip
IN_C1 = [one.serial for one in SIXTY if (one.cloud, one.version) == ("c1", "5.2")]  # six
ELSEWHERE = ["s0", "s7", "s30", "s52"]
TINY = {
    "all six": ((IN_C1, ()), "cloud c1 and version 5.2"),
    "three of the six": ((IN_C1[:3], ()), "cloud c1 and version 5.2"),
    "two are too few": ((IN_C1[:2], ()), None),
    "one of three is not believed yet": ((IN_C1[:2], IN_C1[2:3]), None),
    "one more of the six is not believed yet": ((IN_C1[:3], IN_C1[3:4]), None),
    "one more elsewhere is not believed yet": ((IN_C1[:4], ELSEWHERE[:1]), "cloud c1 and version 5.2"),
    "three of them, and as many elsewhere": ((IN_C1[:3] + ELSEWHERE[:3], ()), None),
    "six of them, and four elsewhere, one of that version": (
        (IN_C1 + ELSEWHERE, ()),
        "cloud c1 and version 5.2",
    ),
    "four who have nothing much in common": ((ELSEWHERE, ()), None),
}


@pytest.mark.parametrize(("failing", "group"), TINY.values(), ids=TINY)
def test_a_tiny_release_in_one_cloud_is_named_where_neither_alone_has_enough(failing, group):
    seen, coming = failing
    ledger = a_ledger(SIXTY, Limits())
    believed(ledger, *seen)
    for serial in coming:
        ledger.fails(serial, at(10))
    evidence = ledger.explanation()
    assert (str(evidence.group) if evidence else None) == group


def a_new_version(*, in_c1, elsewhere):
    """Three hundred in six clouds, of which so many in c1, and elsewhere, have version 6.00."""
    new = {f"s{1 + 6 * n}" for n in range(in_c1)} | {f"s{2 + 6 * n}" for n in range(elsewhere)}
    return [
        System(serial=f"s{n}", partner=f"p{n % 7}", cloud=f"c{n % 6}", version="6.00" if f"s{n}" in new else f"5.{n % 3}")
        for n in range(300)
    ]  # fmt: skip


FEW_OF_A_VERSION = {
    "four of six in one cloud, eight elsewhere are well": (6, 8, 4, "cloud c1 and version 6.00"),
    "four of twelve in one cloud, two elsewhere are well": (12, 2, 4, "version 6.00"),
    "all in that cloud": (6, 0, 6, "version 6.00"),
}


@pytest.mark.parametrize(
    ("in_c1", "elsewhere", "fail", "group"), FEW_OF_A_VERSION.values(), ids=FEW_OF_A_VERSION
)
def test_a_version_that_is_mostly_well_is_not_named_for_those_of_it_in_one_cloud(
    in_c1, elsewhere, fail, group
):
    ledger = a_ledger(a_new_version(in_c1=in_c1, elsewhere=elsewhere), Limits())
    believed(ledger, *(f"s{1 + 6 * n}" for n in range(fail)))
    assert str(named(ledger)) == group


def test_a_pair_that_is_over_is_no_group_of_its_own_any_more():
    ledger = a_ledger(SIXTY, Limits())
    believed(ledger, *IN_C1)
    pair = named(ledger)
    ledger.set_aside(pair)
    assert pair in ledger.groups
    ledger.take_back(pair)
    assert pair not in ledger.groups
    assert not any(pair in ledger.groups_of(serial) for serial in IN_C1)
    assert sorted(ledger.members(pair)) == sorted(IN_C1)
    for serial in IN_C1:
        ledger.well(serial)
    believed(ledger, *IN_C1, seconds=600)
    assert named(ledger) == pair


def pairs_by_hand(failing):
    """Return every pair that explains so many who fail at once, by counting all pairs out; and the best single group's chance."""
    groups = {one.serial: {Group(d.name, d.of(one)) for d in DIMENSIONS if d.of(one)} for one in SIXTY}
    sizes = Counter(group for theirs in groups.values() for group in theirs)
    values = Counter(group.dimension for group, size in sizes.items() if size >= 3)
    most = sum(min(values[a] * values[b], len(SIXTY) // 3) for a, b in combinations(values, 2))
    looked_at = 1 + sum(size >= 3 for size in sizes.values())

    def log_p(these):
        return log_by_hand(len(failing & these), len(these), len(failing), len(SIXTY))

    members = {group: {s for s in groups if group in groups[s]} for group in sizes}
    single = min(log_p(members[g]) for g in sizes if len(members[g] & failing) >= 3) + log(looked_at)
    found = {}
    for one, other in combinations(sizes, 2):
        these = members[one] & members[other]
        inside, outside = len(failing & these), len(failing - these)
        if inside < max(3, 0.1 * len(these)) or these in (members[one], members[other]):
            continue
        contrast = inside * (len(SIXTY) - len(these)) >= 3 * outside * len(these)
        likely = log_p(these) + log(most)
        if contrast and likely <= log(0.01) and likely < single:
            found[both(one, other)] = likely
    return found, most


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 3), st.data())
def test_the_pair_that_is_named_is_the_best_of_all_counted_out(version, cloud, data):
    ours = [one.serial for one in SIXTY if (one.cloud, one.version) == (f"c{cloud}", f"5.{version}")]
    failing = data.draw(st.sets(st.sampled_from(ours), min_size=3))
    failing |= data.draw(st.sets(st.sampled_from([one.serial for one in SIXTY]), max_size=2))
    ledger = a_ledger(SIXTY, Limits(years=0))
    believed(ledger, *sorted(failing))
    evidence = ledger.explanation()
    found, most = pairs_by_hand(failing)
    if evidence is None:
        assert found == {}
    elif evidence.looked_at == most:
        assert found[evidence.group] <= min(found.values()) + 1e-6
