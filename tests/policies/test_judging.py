"""What holds of judging whatever is asked: it never raises, and more said is never worse."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.findings import Symptom
from monitor.domain.request_matter import is_empty
from monitor.domain.request_rules import CHANNELS, FIELDS
from monitor.domain.requests import Request, judge
from tests.policies.asking import INVENTORY, PARTNERS, POLICIES, SYSTEMS

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
moments = st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))
ids = st.none() | st.sampled_from([p.id for p in PARTNERS]) | st.text(max_size=5)
words = (
    st.none() | st.text(max_size=8) | st.sampled_from(["critical", "Urgent", "ticket", "question", "high"])
)


@st.composite
def requests(draw):
    return Request(
        channel=draw(st.sampled_from(CHANNELS)),
        partner=draw(ids),
        contact=draw(ids),
        system=draw(st.none() | st.sampled_from([s.serial for s in SYSTEMS]) | st.text(max_size=9)),
        priority=draw(words),
        existing_ticket=draw(st.none() | st.text(max_size=4)),
        ticket_state=draw(st.sampled_from([None, "open", "closed"])),
        fields=draw(st.dictionaries(st.sampled_from(FIELDS), values, max_size=12)),
        symptom=draw(st.none() | st.sampled_from(Symptom)),
        facts=draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "impact": st.sampled_from([None, "none", "limited", "restricted", "severe"]),
                    "workaround": st.sampled_from([None, True, False]),
                    "planned": st.sampled_from([None, True, False]),
                    "operator_caused": st.sampled_from([None, True, False]),
                },
            )
        ),
        language=draw(st.sampled_from([None, "en", "ko"])),
        planned_start=draw(st.none() | moments),
        takes=draw(st.none() | st.floats(min_value=0, max_value=1e8)),
        standing=draw(
            st.dictionaries(st.sampled_from(["subscription", "nda"]), st.sampled_from([None, True, False]))
        ),
    )


policies = st.sampled_from(sorted(POLICIES))


@settings(max_examples=300, deadline=None)
@given(policies, requests(), moments)
def test_judging_never_raises_and_agrees_with_itself(policy, request_, now):
    judgement = judge(POLICIES[policy], request_, INVENTORY, now)
    assert judgement == judge(POLICIES[policy], request_, INVENTORY, now)
    assert judgement.clause
    assert judgement.reasons
    assert judgement.cls is None or judgement.cls in POLICIES[policy].classes
    assert len(set(judgement.missing)) == len(judgement.missing)
    assert not judgement.accepted or (judgement.channel_allowed and not judgement.missing)
    assert judgement.accepted or judgement.charge.incidents == 0
    assert judgement.charge.incidents >= 0
    assert all(request_.given(name) is None for name in judgement.missing)


@settings(max_examples=300, deadline=None)
@given(policies, requests(), moments)
def test_giving_a_missing_field_never_makes_it_worse(policy, request_, now):
    before = judge(POLICIES[policy], request_, INVENTORY, now)
    for name in before.missing:
        more = Request(
            **{slot: getattr(request_, slot) for slot in Request.__dataclass_fields__ if slot != "fields"},
            fields={**request_.fields, name: "something"},
        )
        after = judge(POLICIES[policy], more, INVENTORY, now)
        assert set(after.missing) == set(before.missing) - {name}
        assert after.accepted >= before.accepted
        assert after.channel_allowed == before.channel_allowed
        assert after.cls == before.cls
        request_, before = more, after


@settings(max_examples=200, deadline=None)
@given(policies, requests(), moments)
def test_whoever_gives_all_that_is_missing_lacks_nothing(policy, request_, now):
    missing = judge(POLICIES[policy], request_, INVENTORY, now).missing
    whole = Request(
        **{slot: getattr(request_, slot) for slot in Request.__dataclass_fields__ if slot != "fields"},
        fields={**request_.fields, **dict.fromkeys(missing, "something")},
    )
    assert judge(POLICIES[policy], whole, INVENTORY, now).missing == ()


@settings(max_examples=200, deadline=None)
@given(policies, requests(), moments)
def test_no_secret_is_repeated_in_the_reasons(policy, request_, now):
    secret = "Xk39-never-shown-77"
    leaky = Request(
        **{slot: getattr(request_, slot) for slot in Request.__dataclass_fields__ if slot != "fields"},
        fields={**request_.fields, "message": f"the password is {secret}", "traces": [f"pw: {secret}"]},
    )
    judgement = judge(POLICIES[policy], leaky, INVENTORY, now)
    assert not any(secret in reason for reason in judgement.reasons)
    assert any("was found in field message" in reason for reason in judgement.reasons)


@pytest.mark.parametrize(
    ("value", "empty"),
    [
        (None, True), ("", True), (" \t\n", True), ([], True), (["", " "], True), ({}, True), ({"a": ""}, True),
        ("x", False), (False, False), (0, False), (["", "x"], False), ({"a": 0}, False),
    ],
)  # fmt: skip
def test_what_is_empty_is_missing_and_no_is_an_answer(value, empty):
    assert is_empty(value) is empty
