"""What the evidence of many settles: one carrier's call drops, while the same cloud's other systems are well."""

from datetime import timedelta

import pytest

from monitor.domain.correlation import Limits
from monitor.domain.findings import Symptom
from monitor.domain.inventory import System
from monitor.domain.policy import Evident
from monitor.domain.settling import Witness
from tests.factories import MONDAY_AT_TEN, a_finding

RULE = Evident(
    name="one-carriers-call-drops",
    clause="2.1",
    shared="carrier",
    beside="cloud",
    symptoms=frozenset({Symptom.CALL_DROPS}),
    facts={"operator_caused": True},
)
CARRIERS = ("rara", "alfa", "beta", "gamma", "delta")


def at(seconds):
    return MONDAY_AT_TEN + timedelta(seconds=seconds)


def a_fleet(*, on_premises=False):
    """Two clouds of 50, five carriers of ten systems in each; and ten systems of one carrier in a cloud alone."""
    fleet = [
        System(
            serial=f"{cloud}{n}", partner="p", carrier=CARRIERS[n % 5], cloud=None if on_premises else cloud
        )
        for cloud in "ab"
        for n in range(50)
    ]
    return [
        *fleet,
        *(System(serial=f"solo{n}", partner="p", carrier="rara", cloud="solo") for n in range(10)),
    ]


def a_witness(**fleet):
    witness = Witness(Limits())
    witness.watch(a_fleet(**fleet), [RULE])
    return witness


def drops(witness, *serials, seconds=0, symptom=Symptom.CALL_DROPS):
    for serial in serials:
        witness.believe(serial, symptom, at(seconds))


def rara(cloud="a", count=10):
    return [f"{cloud}{5 * n}" for n in range(count)]


def settled(witness, serial="a0", seconds=0, **facts):
    finding = a_finding(system=serial, symptom=Symptom.CALL_DROPS, facts=facts, at=at(seconds))
    return witness.settles(finding, [RULE])


CASES = {
    "all of one carrier in a cloud": (rara(), True),
    "five of its ten, the others of the cloud are well": (rara(count=5), True),
    "three of its ten": (rara(count=3), False),
    "two are too few": (rara(count=2), False),
    "in two clouds": ([*rara(count=4), *rara("b", 4)], True),
    "every carrier of the cloud": ([f"a{n}" for n in range(50)], False),
    "half of the others, too": ([*rara(), *(f"a{n}" for n in range(50) if n % 5 and n % 2)], False),
    "one other of the cloud": ([*rara(), "a1"], True),
    "nobody": ([], False),
}


@pytest.mark.parametrize(("failing", "expected"), CASES.values(), ids=CASES)
def test_w4_it_is_the_carriers_only_if_the_rest_of_the_cloud_is_well(failing, expected):
    witness = a_witness()
    drops(witness, *failing)
    assert (settled(witness) is not None) == expected


def test_w4_a_carrier_that_is_alone_in_its_cloud_is_not_blamed():
    witness = a_witness()
    drops(witness, *(f"solo{n}" for n in range(10)))
    assert settled(witness, "solo1") is None, "it may as well be the cloud: nobody is beside them"


def test_systems_on_premises_are_compared_with_each_other():
    witness = a_witness(on_premises=True)
    drops(witness, *rara())
    assert settled(witness).facts == {"operator_caused": True}


@pytest.mark.parametrize("said", [True, False])
def test_w4_what_somebody_said_is_not_for_the_evidence_to_settle(said):
    witness = a_witness()
    drops(witness, *rara())
    assert settled(witness, operator_caused=said) is None
    assert settled(witness, operator_caused=None, impact="severe") is not None


def test_another_symptom_is_none_of_its_business():
    witness = a_witness()
    drops(witness, *rara(), symptom=Symptom.UNREACHABLE)
    assert settled(witness) is None


def test_others_that_cannot_be_reached_speak_for_the_cloud():
    witness = a_witness()
    drops(witness, *rara())
    for n in range(50):
        if n % 5:
            witness.fails(f"a{n}", at(3))
    assert settled(witness) is None


def test_what_is_settled_holds_for_the_one_that_fails_an_hour_later():
    witness = a_witness()
    drops(witness, *rara(count=6))
    assert settled(witness)
    drops(witness, "a45", seconds=3_600)
    assert settled(witness, "a45")


def test_what_failed_an_hour_before_has_a_cause_of_its_own():
    witness = a_witness()
    drops(witness, "a45")
    drops(witness, *rara(count=8), seconds=3_600)
    early = a_finding(system="a45", symptom=Symptom.CALL_DROPS, facts={}, at=at(0))
    with_it = a_finding(system="a0", symptom=Symptom.CALL_DROPS, facts={}, at=at(3_600))
    assert witness.settles(early, [RULE]) is None
    assert witness.settles(with_it, [RULE])


def test_it_is_refuted_when_the_others_fail_as_well():
    witness = a_witness()
    drops(witness, *rara(count=6))
    finding = a_finding(system="a0", symptom=Symptom.CALL_DROPS, facts={})
    assert settled(witness)
    assert not witness.refutes(finding, [RULE])
    drops(witness, *(f"a{n}" for n in range(50) if n % 5), seconds=90)
    assert witness.refutes(finding, [RULE])
    assert settled(witness) is None


def test_recovery_does_not_refute_it_but_who_goes_on_for_ten_minutes_after_the_others_is_judged_for_itself():
    witness = a_witness()
    drops(witness, *rara())
    assert settled(witness)
    for serial in rara()[1:]:
        witness.over(serial)
        witness.well(serial)
    finding = a_finding(system="a0", symptom=Symptom.CALL_DROPS, facts={})
    assert witness.settled(finding, [RULE])
    assert not witness.refutes(finding, [RULE], at(1_000))
    assert not witness.refutes(finding, [RULE], at(1_599))
    assert witness.refutes(finding, [RULE], at(1_600))
    assert settled(witness) is None


RECOVERING = {
    "nobody yet": 0,
    "half of the others": 20,
    "all others but one": 39,
    "all others": 40,
}


@pytest.mark.parametrize("well", RECOVERING.values(), ids=RECOVERING)
@pytest.mark.parametrize("seconds", [30, 3_000], ids=["soon", "nearly an hour later"])
def test_w4_of_a_cloud_that_drops_calls_who_is_last_to_recover_is_not_the_carriers(well, seconds):
    witness = a_witness()
    others = [f"a{n}" for n in range(50) if n % 5]
    drops(witness, *others)
    drops(witness, *rara(), seconds=20)
    for serial in others[:well]:
        witness.over(serial)
        witness.well(serial)
    assert settled(witness) is None
    if well == 40:  # what they drop after the cloud is well is another matter
        for serial in rara():
            witness.over(serial)
            witness.well(serial)
        drops(witness, *rara(), seconds=20 + seconds)
        assert (settled(witness, seconds=20 + seconds) is not None) == (seconds > 60)


def test_w4_others_that_fail_again_count_once():
    witness = a_witness()
    others = [f"a{n}" for n in range(1, 25) if n % 5]
    for _ in range(3):
        drops(witness, *others)
        for serial in others:
            witness.over(serial)
            witness.well(serial)
    drops(witness, *rara(), seconds=5)
    assert settled(witness) is None, "half of the others failed within the minute"
    drops(witness, *rara("b"), seconds=5_000)
    assert settled(witness, "b0", seconds=5_000).table[0]["failing_outside"] == 0


def test_w4_who_has_recovered_is_still_known_when_the_inventory_is_read_again():
    witness = a_witness()
    drops(witness, *(f"a{n}" for n in range(50)))
    for n in range(50):
        if n % 5:
            witness.over(f"a{n}")
            witness.well(f"a{n}")
    witness.watch(a_fleet(), [RULE])
    drops(witness, *rara())
    assert settled(witness) is None


def test_w4_who_drops_calls_when_the_carriers_others_are_well_again_is_judged_for_itself():
    witness = a_witness()
    drops(witness, *rara(count=8))
    assert settled(witness)
    for serial in rara(count=8)[1:]:
        witness.over(serial)
        witness.well(serial)
    drops(witness, "a45", seconds=700)
    late = a_finding(system="a45", symptom=Symptom.CALL_DROPS, facts={}, at=at(700))
    assert witness.settles(late, [RULE]) is None


def test_w4_what_spreads_slowly_over_a_carrier_is_the_carriers_from_its_beginning():
    witness = a_witness()
    for n, serial in enumerate(rara(count=10)):
        drops(witness, serial, seconds=150 * n)
    first = a_finding(system="a0", symptom=Symptom.CALL_DROPS, facts={}, at=at(0))
    assert witness.settles(first, [RULE])


def test_what_was_settled_is_taken_up_from_where_it_is_kept():
    before, after = a_witness(), a_witness()
    drops(before, *rara(count=8))
    kept = settled(before).as_json()
    few = rara(count=3)
    for witness in (after,):
        for n, serial in enumerate(few):  # what the record has: the others are well, and they began far apart
            drops(witness, serial, seconds=4_000 * n)
    finding = a_finding(system=few[0], symptom=Symptom.CALL_DROPS, facts={})
    assert after.settled(finding, [RULE]) is None
    after.take_up(finding, [RULE], kept)
    assert after.settled(finding, [RULE]).as_json() == kept


def test_when_all_are_well_it_begins_anew():
    witness = a_witness()
    drops(witness, *rara())
    assert settled(witness)
    for serial in rara():
        witness.over(serial)
        witness.well(serial)
    drops(witness, "a0", seconds=7_200)
    assert settled(witness) is None


def test_the_evidence_says_who_and_beside_whom():
    witness = a_witness()
    drops(witness, *rara(count=8))
    found = settled(witness)
    assert found.reasons[0] == (
        "operator_caused is true by evidence one-carriers-call-drops (section 2.1): 8 of 10 systems of carrier rara "
        "fail (call_drops), 0 of the 40 others of cloud a"
    )
    first, *others = found.table
    assert (first["group"], first["failing"], first["members"], first["named"]) == (
        "carrier rara",
        8,
        10,
        True,
    )
    assert {row["group"] for row in others} == {f"carrier {name}" for name in CARRIERS[1:]}
    assert {row["failing"] for row in others} == {0}


def test_a_system_nobody_knows_settles_nothing():
    witness = a_witness()
    drops(witness, "x1", "x2", "x3", "x4")
    assert settled(witness, "x1") is None
