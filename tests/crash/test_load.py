"""kill -9 under load, on a real process. A sample; ten thousand reports are ``python -m tests.soak load``."""

import pytest

from tests.crash.load import PLACES, kill_under_load


@pytest.mark.slow
async def test_killed_under_load_no_answered_report_is_lost_and_no_ticket_is_doubled(tmp_path):
    outcome = await kill_under_load(tmp_path, 250)
    print(outcome)
    assert 0 < outcome.answered_before < 250
    assert outcome.lost == set()
    assert outcome.wrong_ids == set()
    assert (outcome.listed, outcome.doubled) == (250, 0)
    assert outcome.tickets == PLACES
