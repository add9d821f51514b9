"""A sample of the storm harness; the whole of it, 10,000 systems, is ``make soak``."""

import pytest

from tests.storm import storm


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("night", "systems"), [(False, 500), (True, 300)], ids=["tickets by day", "calls by night"]
)
async def test_a_storm_is_one_problem_and_one_contact_for_each_partner_after_the_page_within_five_minutes(
    tmp_path, night, systems
):
    told = await storm(tmp_path, systems=systems, partners=30, night=night)
    assert told.wrong() == []
    assert told.first >= told.shown >= told.named
    assert set(told.contacts.values()) == {1}
