"""P2: a long queue, and who agreed to be served in English meanwhile."""

import pytest

from monitor.domain.overflow import route
from monitor.settings import shipped
from monitor.settings.policies import load_policies

POLICIES = load_policies([shipped("policies")])
OVERFLOW = POLICIES["plm"].overflow
HERE = "support@plmgroup.dk"

ROUTES = [
    ("a short queue is nobody's matter", 10, "yes", None, HERE),
    ("eleven are a backlog", 11, "yes", None, "global"),
    ("true is an answer", 11, True, None, "global"),
    ("so is false", 11, False, True, HERE),
    ("in a language of the countries", 99, " Kyllä ", None, "global"),
    ("no is no, whatever was agreed before", 99, "no", True, HERE),
    ("agreed once and for all", 99, None, True, "global"),
    ("said nothing this time", 99, " ", True, "global"),
    ("never said", 99, None, None, HERE),
    ("refused once and for all", 99, None, False, HERE),
    ("something else is no consent", 99, "yes, but only by phone", None, HERE),
]


@pytest.mark.parametrize(
    ("backlog", "said", "always", "queue"), [r[1:] for r in ROUTES], ids=[r[0] for r in ROUTES]
)
def test_p2_where_a_request_goes(backlog, said, always, queue):
    found = route(OVERFLOW, HERE, backlog=backlog, said=said, always=always)
    assert found.queue == queue
    assert bool(found.reason) is (backlog > 10)
    assert "(section 2)" in found.reason or backlog <= 10


def test_p2_the_reason_says_so():
    moved = route(OVERFLOW, HERE, backlog=12, said="ja", always=None)
    assert moved.reason == (
        "12 requests are open in support@plmgroup.dk, more than 10; sent to global, as the requester agreed (section 2)"
    )
    stays = route(OVERFLOW, HERE, backlog=12, said=None, always=None)
    assert stays.reason.endswith("it stays there: english_ok: nobody has said (section 2)")


@pytest.mark.parametrize(
    ("policy", "queue"),
    [("wildix", HERE), ("plm", None), ("plm", "global")],
    ids=["no rule", "no queue", "there already"],
)
def test_p2_where_there_is_nothing_to_decide_it_stays(policy, queue):
    found = route(POLICIES[policy].overflow, queue, backlog=99, said="yes", always=None)
    assert (found.queue, found.reason) == (queue, "")
