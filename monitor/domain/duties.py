"""The customer's own duties as clocks: a call within a quarter of an hour, work announced three days ahead.

A duty that runs from the request (``elapsed``) waits for a person to record that it was done. A notice is
given by the request itself: it is done as it comes, in time or late. What has no due is only told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.policy import Policy
from monitor.domain.request_reasons import Duty
from monitor.domain.timed import Timed, duty

FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedByCustomer:
    """A duty being timed; ``done``: by the request itself."""

    clock: Timed
    done: bool


def owed_by_customer(
    policy: Policy, duties: Sequence[Duty], cls: str | None, at: datetime
) -> tuple[OwedByCustomer, ...]:
    """Return the clocks of what a request, received at a moment, makes its customer do."""
    notices = {rule.duty for rule in policy.requests.duties if rule.notice is not None}
    return tuple(
        OwedByCustomer(
            clock=duty(
                one.duty,
                cls or "",
                at,
                one.due,
                clause=one.clause,
                says=one.says,
                flags=one.when_missed == FLAG,
            ),
            done=one.duty in notices,
        )
        for one in duties
        if one.due is not None and not one.earliest
    )
